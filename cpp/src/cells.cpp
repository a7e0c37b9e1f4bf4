#include "pauca/cells.hpp"

#include <algorithm>
#include <cstring>

#include "clones.hpp"

namespace pauca::cells {

namespace {

std::size_t clamped(std::ptrdiff_t at, std::size_t n) {
    return static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(at, 0, static_cast<std::ptrdiff_t>(n) - 1));
}

// One row of every window of a row of cells: `side` samples from `fold * cell - reach` on.
void row_of_windows(const std::uint8_t* row, std::size_t width, std::size_t cells, std::size_t fold, std::size_t reach,
                    std::size_t pixel, std::uint8_t* out) {
    const std::size_t side = fold + 2 * reach;
    for (std::size_t c = 0; c < cells; ++c, out += pixel) {
        const std::size_t first = fold * c;
        if (first >= reach && first + fold + reach <= width) {
            std::memcpy(out, row + first - reach, side);
            continue;
        }
        for (std::size_t j = 0; j < side; ++j)
            out[j] = row[clamped(static_cast<std::ptrdiff_t>(first + j) - static_cast<std::ptrdiff_t>(reach), width)];
    }
}

template <int kUnit, typename T>
inline void mend_cells(const T* __restrict x, std::size_t width, std::size_t fold, const std::int16_t* __restrict residual,
                       std::size_t channels, std::uint8_t* __restrict out) {
    for (std::size_t i = 0; i < width; ++i) {
        const int r = residual[(i / fold) * channels + i % fold];
        out[i] = static_cast<std::uint8_t>(std::clamp((kUnit * x[i] + r + 32) >> 6, 0, 255));
    }
}

PAUCA_CLONES void mend_samples(const std::uint8_t* x, std::size_t width, std::size_t fold, const std::int16_t* residual,
                               std::size_t channels, std::uint8_t* out) {
    mend_cells<64>(x, width, fold, residual, channels, out);
}

PAUCA_CLONES void mend_sixteenths(const std::int16_t* x, std::size_t width, std::size_t fold,
                                  const std::int16_t* residual, std::size_t channels, std::uint8_t* out) {
    mend_cells<4>(x, width, fold, residual, channels, out);
}

// Where the residuals of a row of samples begin.
const std::int16_t* row_of_residuals(const std::int16_t* residual, std::size_t y, std::size_t width, std::size_t fold,
                                     std::size_t channels, std::size_t offset) {
    const std::size_t cells = (width + fold - 1) / fold;
    return residual + (y / fold) * cells * channels + offset + (y % fold) * fold;
}

}  // namespace

void windows(const Plane (&planes)[3], std::size_t margin, const std::uint8_t* side, std::size_t side_size,
             std::uint8_t* out) {
    const std::size_t rows = planes[1].height, cells = planes[1].width;
    const std::size_t pixel = window_size(margin, side_size);
    for (std::size_t cy = 0; cy < rows; ++cy) {
        std::uint8_t* line = out + cy * cells * pixel;
        std::size_t offset = 0;
        for (std::size_t p = 0; p < 3; ++p) {
            const std::size_t fold = p == 0 ? 2 : 1, reach = p == 0 ? margin : margin / 2;
            for (std::size_t i = 0; i < fold + 2 * reach; ++i, offset += fold + 2 * reach) {
                const auto y = static_cast<std::ptrdiff_t>(fold * cy + i) - static_cast<std::ptrdiff_t>(reach);
                const std::uint8_t* row = planes[p].data + clamped(y, planes[p].height) * planes[p].stride;
                row_of_windows(row, planes[p].width, cells, fold, reach, pixel, line + offset);
            }
        }
        for (std::size_t c = 0; c < cells; ++c) std::copy_n(side, side_size, line + c * pixel + offset);
    }
}

void mend(const Plane& plane, std::size_t fold, const std::int16_t* residual, std::size_t channels, std::size_t offset,
          std::uint8_t* out) {
    for (std::size_t y = 0; y < plane.height; ++y)
        mend_samples(plane.data + y * plane.stride, plane.width, fold,
                     row_of_residuals(residual, y, plane.width, fold, channels, offset), channels, out + y * plane.width);
}

void mend(const std::int16_t* base, std::size_t height, std::size_t width, std::size_t fold,
          const std::int16_t* residual, std::size_t channels, std::size_t offset, std::uint8_t* out) {
    for (std::size_t y = 0; y < height; ++y)
        mend_sixteenths(base + y * width, width, fold, row_of_residuals(residual, y, width, fold, channels, offset),
                        channels, out + y * width);
}

}  // namespace pauca::cells
