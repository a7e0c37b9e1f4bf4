#include "pauca/upscale.hpp"

#include <algorithm>
#include <array>

#include "clones.hpp"

namespace pauca::upscale {

namespace {

using Taps = std::array<std::int32_t, 4>;

// Keys, "Cubic convolution interpolation" (1981), a = -1/2, in 1/1024: exact at these positions.
constexpr std::array<Taps, 2> kTwo{{{-24, 232, 888, -72}, {-72, 888, 232, -24}}};
constexpr std::array<Taps, 4> kFour{
    {{-45, 399, 745, -75}, {-7, 93, 987, -49}, {-49, 987, 93, -7}, {-75, 745, 399, -45}}};

constexpr int kFirst = 7;    // bits dropped between the two directions,
constexpr int kSecond = 13;  // and the rest of 2 * 10 bits

const Taps& taps_of(std::size_t scale, std::size_t phase) { return scale == 2 ? kTwo[phase] : kFour[phase]; }

// The four rows or columns around output phase p start two before the pixel for the first half of the phases.
std::ptrdiff_t first_tap(std::size_t scale, std::size_t phase) { return 2 * phase < scale ? -2 : -1; }

PAUCA_CLONES void down(const std::array<const std::int16_t*, 4>& rows, const Taps& taps, std::size_t n,
                       std::int32_t* __restrict out) {
    const std::int16_t *a = rows[0], *b = rows[1], *c = rows[2], *d = rows[3];
    for (std::size_t i = 0; i < n; ++i) {
        const std::int32_t sum = taps[0] * a[i] + taps[1] * b[i] + taps[2] * c[i] + taps[3] * d[i];
        out[i] = (sum + (1 << (kFirst - 1))) >> kFirst;
    }
}

PAUCA_CLONES void across(const std::int32_t* __restrict x, const Taps& taps, std::size_t n,
                         std::int32_t* __restrict out) {
    for (std::size_t i = 0; i < n; ++i) {
        const std::int32_t sum = taps[0] * x[i] + taps[1] * x[i + 1] + taps[2] * x[i + 2] + taps[3] * x[i + 3];
        out[i] = (sum + (1 << (kSecond - 1))) >> kSecond;
    }
}

std::int16_t clamped(std::int32_t v) { return static_cast<std::int16_t>(std::clamp(v, 0, 4095)); }

// Phases lie one after another in `phases` [scale][w]; `residual` points at the row of the first cell.
PAUCA_CLONES void join(const std::int32_t* __restrict phases, std::size_t w, std::size_t scale,
                       std::int16_t* __restrict out) {
    for (std::size_t p = 0; p < scale; ++p)
        for (std::size_t x = 0; x < w; ++x) out[x * scale + p] = clamped(phases[p * w + x]);
}

PAUCA_CLONES void join_with(const std::int32_t* __restrict phases, std::size_t w, std::size_t scale, std::size_t side,
                            const std::int16_t* __restrict residual, std::int16_t* __restrict out) {
    const std::size_t fold = side / scale;
    for (std::size_t cell = 0; cell < w / fold; ++cell) {
        const std::int16_t* r = residual + cell * side * side;
        for (std::size_t i = 0; i < side; ++i)
            out[cell * side + i] = clamped(phases[(i % scale) * w + cell * fold + i / scale] + r[i]);
    }
}

}  // namespace

void windows(const std::int16_t* plane, std::size_t h, std::size_t w, std::size_t fold, std::size_t margin,
             std::int8_t* out) {
    const std::size_t side = fold + 2 * margin;
    const auto last = [](std::size_t n) { return static_cast<std::ptrdiff_t>(n) - 1; };
    for (std::size_t cy = 0; cy < h / fold; ++cy) {
        for (std::size_t i = 0; i < side; ++i) {
            const auto y = static_cast<std::ptrdiff_t>(cy * fold + i) - static_cast<std::ptrdiff_t>(margin);
            const std::int16_t* row = plane + static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(y, 0, last(h))) * w;
            std::int8_t* line = out + cy * (w / fold) * side * side + i * side;
            for (std::size_t cx = 0; cx < w / fold; ++cx) {
                for (std::size_t j = 0; j < side; ++j) {
                    const auto x = static_cast<std::ptrdiff_t>(cx * fold + j) - static_cast<std::ptrdiff_t>(margin);
                    const std::int32_t v = row[std::clamp<std::ptrdiff_t>(x, 0, last(w))];
                    line[cx * side * side + j] = static_cast<std::int8_t>(std::clamp(((v + 8) >> 4) - 128, -128, 127));
                }
            }
        }
    }
}

void interpolate(const std::int16_t* plane, std::size_t h, std::size_t w, std::size_t scale, std::size_t fold,
                 const std::int16_t* residual, std::int16_t* out, std::int32_t* work) {
    std::int32_t* padded = work;  // two values more on each side
    std::int32_t* phases = work + w + 4;
    const std::size_t side = fold * scale;
    const auto last = static_cast<std::ptrdiff_t>(h) - 1;
    for (std::size_t y = 0; y < h * scale; ++y) {
        std::array<const std::int16_t*, 4> rows{};
        const auto top = static_cast<std::ptrdiff_t>(y / scale) + first_tap(scale, y % scale);
        for (std::size_t k = 0; k < 4; ++k)
            rows[k] = plane + static_cast<std::size_t>(std::clamp(top + static_cast<std::ptrdiff_t>(k), std::ptrdiff_t{0}, last)) * w;
        down(rows, taps_of(scale, y % scale), w, padded + 2);
        padded[0] = padded[1] = padded[2];
        padded[w + 2] = padded[w + 3] = padded[w + 1];
        for (std::size_t p = 0; p < scale; ++p)
            across(padded + 2 + first_tap(scale, p), taps_of(scale, p), w, phases + p * w);
        std::int16_t* line = out + y * w * scale;
        if (residual == nullptr) {
            join(phases, w, scale, line);
        } else {
            const std::size_t cells = w / fold;
            join_with(phases, w, scale, side, residual + (y / side) * cells * side * side + (y % side) * side, line);
        }
    }
}

}  // namespace pauca::upscale
