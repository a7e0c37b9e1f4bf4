#include "pauca/filter.hpp"

#include <cstring>

#include "clones.hpp"
#include "companding.hpp"

namespace pauca::filter {

namespace {

using level::wrap_add;
using level::wrap_multiply;
using level::wrap_subtract;

PAUCA_CLONES void add_rows(const std::int32_t* const* rows, std::size_t n, std::int32_t* __restrict out) {
    for (std::size_t i = 0; i < n; ++i)
        out[i] = wrap_add(wrap_add(rows[0][i], rows[1][i]), wrap_add(rows[2][i], rows[3][i]));
}

// Sums of columns to the mean of the cell, at each of its columns.
PAUCA_CLONES void spread_means(std::int32_t* sums, std::size_t cells) {
    for (std::size_t i = 0; i < cells; ++i, sums += kCell) {
        const std::int32_t sum = wrap_add(wrap_add(sums[0], sums[1]), wrap_add(sums[2], sums[3]));
        const std::int32_t mean = wrap_add(sum, 8) >> 4;
        for (std::size_t j = 0; j < kCell; ++j) sums[j] = mean;
    }
}

PAUCA_CLONES void grey_and_index(const std::int32_t* row, const std::int32_t* mean, std::size_t n, std::int32_t reciprocal,
                                 std::int32_t* __restrict grey, std::int32_t* __restrict index) {
    for (std::size_t i = 0; i < n; ++i) {
        grey[i] = std::clamp(wrap_add(row[i], 8) >> 4, -128, 127);
        index[i] = level::to_index(wrap_subtract(row[i], mean[i]), reciprocal);
    }
}

// out = row + residual of a row of samples; `head` is at the row's first channel of the first cell.
PAUCA_CLONES void add_residual(const std::int32_t* row, const std::int16_t* head, std::ptrdiff_t cell, std::size_t cells,
                               std::int32_t step, std::int32_t limit, std::int32_t* __restrict out) {
    for (std::size_t i = 0; i < cells; ++i, head += cell, row += kCell, out += kCell) {
        for (std::size_t j = 0; j < kCell; ++j) {
            const std::int32_t residual = wrap_add(wrap_multiply(head[j], step), 1 << 11) >> 12;
            out[j] = std::clamp(wrap_add(row[j], residual), -limit, limit);
        }
    }
}

// BT.601 in units of 2^-14; samples count 1/16 grey levels, so 18 bits in all, and the offset of Y is 128.
PAUCA_CLONES void to_rgb(const std::int32_t* luma, const std::int32_t* blue, const std::int32_t* red, std::size_t n,
                         std::uint8_t* __restrict rgb) {
    for (std::size_t i = 0; i < n; ++i) {
        const std::int32_t y = luma[i] * (1 << 14) + ((128 << 18) + (1 << 17));
        rgb[3 * i] = static_cast<std::uint8_t>(std::clamp((y + 22970 * red[i]) >> 18, 0, 255));
        rgb[3 * i + 1] = static_cast<std::uint8_t>(std::clamp((y - 5638 * blue[i] - 11698 * red[i]) >> 18, 0, 255));
        rgb[3 * i + 2] = static_cast<std::uint8_t>(std::clamp((y + 29032 * blue[i]) >> 18, 0, 255));
    }
}

std::ptrdiff_t index_of(std::size_t i) { return static_cast<std::ptrdiff_t>(i); }

}  // namespace

void inputs(const Planes<const std::int32_t>& planes, std::size_t h, std::size_t w, std::int32_t reciprocal,
            level::Table table, std::int8_t* out, std::int32_t* work) {
    const level::SignedTable companded(table);
    const std::size_t n = kCell * w;
    std::int32_t* mean = work;
    std::int32_t* grey = work + n;
    std::int32_t* index = work + 2 * n;
    for (std::size_t y = 0; y < h; ++y, out += 2 * kChannels * w) {
        for (std::size_t c = 0; c < 3; ++c) {
            const std::int32_t* rows[kCell];
            for (std::size_t r = 0; r < kCell; ++r)
                rows[r] = planes.data + index_of(c) * planes.colour + index_of(kCell * y + r) * planes.row;
            add_rows(rows, n, mean);
            spread_means(mean, w);
            for (std::size_t r = 0; r < kCell; ++r) {
                grey_and_index(rows[r], mean, n, reciprocal, grey, index);
                std::int8_t* cell = out + 16 * c + kCell * r;
                for (std::size_t x = 0; x < n; x += kCell, cell += 2 * kChannels) {
                    for (std::size_t j = 0; j < kCell; ++j) {
                        cell[j] = static_cast<std::int8_t>(grey[x + j]);
                        cell[kChannels + j] = companded[index[x + j]];
                    }
                }
            }
        }
    }
}

void mend(const Planes<const std::int32_t>& planes, const Head& head, std::size_t h, std::size_t w, std::int32_t step,
          const Planes<std::int32_t>& out) {
    for (std::size_t c = 0; c < 3; ++c) {
        for (std::size_t y = 0; y < kCell * h; ++y) {
            const std::int16_t* values = head.data + index_of(y / kCell) * head.row + index_of(16 * c + kCell * (y % kCell));
            add_residual(planes.data + index_of(c) * planes.colour + index_of(y) * planes.row, values, head.cell, w, step,
                         level::kDetailMax, out.data + index_of(c) * out.colour + index_of(y) * out.row);
        }
    }
}

void mend_to_rgb(const Planes<const std::int32_t>& planes, const Head& head, std::size_t h, std::size_t w,
                 std::int32_t step, std::uint8_t* rgb, std::ptrdiff_t stride, std::int32_t* work) {
    const std::size_t n = kCell * w;
    for (std::size_t y = 0; y < kCell * h; ++y, rgb += stride) {
        for (std::size_t c = 0; c < 3; ++c) {
            const std::int16_t* values = head.data + index_of(y / kCell) * head.row + index_of(16 * c + kCell * (y % kCell));
            add_residual(planes.data + index_of(c) * planes.colour + index_of(y) * planes.row, values, head.cell, w, step,
                         kPlaneMax, work + c * n);
        }
        to_rgb(work, work + n, work + 2 * n, n, rgb);
    }
}

}  // namespace pauca::filter
