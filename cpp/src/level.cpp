#include "pauca/level.hpp"

#include <cstring>

#include "clones.hpp"
#include "companding.hpp"

namespace pauca::level {

namespace {

// A row of samples and its neighbours.
struct Neighbours {
    const std::int32_t *above, *here, *below;
    std::size_t width;
};

PAUCA_CLONES void horizontal(const Neighbours& rows, std::int32_t reciprocal, std::int32_t* __restrict out) {
    const std::int32_t* x = rows.here;
    const std::size_t last = rows.width - 1;
    out[0] = to_index(wrap_subtract(x[1], x[0]), reciprocal);
    for (std::size_t i = 1; i < last; ++i) out[i] = to_index(wrap_subtract(x[i + 1], x[i - 1]), reciprocal);
    out[last] = to_index(wrap_subtract(x[last], x[last - 1]), reciprocal);
}

PAUCA_CLONES void vertical(const Neighbours& rows, std::int32_t reciprocal, std::int32_t* __restrict out) {
    for (std::size_t i = 0; i < rows.width; ++i) out[i] = to_index(wrap_subtract(rows.below[i], rows.above[i]), reciprocal);
}

PAUCA_CLONES void cross(const Neighbours& rows, std::int32_t reciprocal, std::int32_t* __restrict out) {
    const std::int32_t* x = rows.here;
    const std::size_t last = rows.width - 1;
    const auto at = [&](std::size_t i, std::int32_t left, std::int32_t right) {
        const std::int32_t centre = wrap_add(wrap_add(x[i], x[i]), wrap_add(x[i], x[i]));
        const std::int32_t around = wrap_add(wrap_add(left, right), wrap_add(rows.above[i], rows.below[i]));
        return to_index(wrap_subtract(centre, around), reciprocal);
    };
    out[0] = at(0, x[0], x[1]);
    for (std::size_t i = 1; i < last; ++i) out[i] = at(i, x[i - 1], x[i + 1]);
    out[last] = at(last, x[last - 1], x[last]);
}

PAUCA_CLONES void dequantize_row(const std::int32_t* even, const std::int32_t* odd, std::size_t stride, std::int64_t step,
                                 std::size_t w, std::int32_t* __restrict out) {
    const auto value = [step](std::int32_t y) {
        const std::int64_t wide = (y * step + 128) >> 8;
        return static_cast<std::int32_t>(std::clamp<std::int64_t>(wide, -kDetailMax, kDetailMax));
    };
    for (std::size_t x = 0; x < w; ++x) {
        out[2 * x] = value(even[x * stride]);
        out[2 * x + 1] = value(odd[x * stride]);
    }
}

}  // namespace

void differences(const std::int32_t* low, std::size_t h, std::size_t w, std::int32_t reciprocal, Table table,
                 std::int8_t* out, std::int32_t* work) {
    constexpr std::size_t kChannels = 36;
    const SignedTable companded(table);
    for (std::size_t y = 0; y < 2 * h; ++y) {
        for (std::size_t colour = 0; colour < 3; ++colour) {
            const std::int32_t* plane = low + colour * 4 * h * w;
            const std::size_t above = y == 0 ? 0 : y - 1, below = y + 1 == 2 * h ? y : y + 1;
            const Neighbours rows{plane + above * 2 * w, plane + y * 2 * w, plane + below * 2 * w, 2 * w};
            for (std::size_t difference = 0; difference < 3; ++difference) {
                switch (difference) {
                    case 0: horizontal(rows, reciprocal, work); break;
                    case 1: vertical(rows, reciprocal, work); break;
                    default: cross(rows, reciprocal, work); break;
                }
                std::int8_t* cell = out + y / 2 * w * kChannels + 4 * (3 * difference + colour) + 2 * (y % 2);
                for (std::size_t x = 0; x < w; ++x, cell += kChannels) {
                    cell[0] = companded[work[2 * x]];
                    cell[1] = companded[work[2 * x + 1]];
                }
            }
        }
    }
}

PAUCA_CLONES void merge_values(const std::int16_t* symbols, const std::int16_t* means, std::size_t stride, std::size_t n,
                               std::size_t k, std::int32_t* y16) {
    for (std::size_t i = 0; i < n; ++i, symbols += k, means += stride, y16 += k)
        for (std::size_t j = 0; j < k; ++j) y16[j] = 16 * symbols[j] + means[j];
}

void extend(const std::int16_t* symbols, const std::int16_t* means, std::size_t stride, std::size_t n, std::size_t k,
            Table table, const std::int8_t* known, std::size_t channels, std::int32_t* y16, std::int8_t* out) {
    const SignedTable companded(table);
    for (std::size_t i = 0; i < n; ++i, symbols += k, means += stride, y16 += k) {
        if (channels > 0) std::memcpy(out, known, channels);
        known += channels;
        out += channels;
        for (std::size_t j = 0; j < k; ++j) {
            y16[j] = 16 * symbols[j] + means[j];
            *out++ = companded[std::clamp(y16[j], 1 - kTableSize, kTableSize - 1)];
        }
    }
}

void compand(const std::int32_t* y16, std::size_t n, Table table, std::int8_t* out) {
    const SignedTable companded(table);
    for (std::size_t i = 0; i < n; ++i) out[i] = companded[std::clamp(y16[i], 1 - kTableSize, kTableSize - 1)];
}

void dequantize(const std::int32_t* const* luma, const std::int32_t* chroma, const std::int32_t* steps, std::size_t h,
                std::size_t w, std::int32_t* details) {
    for (std::size_t colour = 0; colour < 3; ++colour) {
        for (std::size_t band = 0; band < 3; ++band) {
            std::int32_t* plane = details + (3 * colour + band) * 4 * h * w;
            const std::int64_t step = steps[3 * colour + band];
            for (std::size_t y = 0; y < h; ++y, plane += 4 * w) {
                if (colour == 0) {
                    const std::size_t* pass = kLumaPass[band];
                    const auto row = [&](std::size_t phase) { return luma[pass[phase]] + y * w * 3 + band; };
                    dequantize_row(row(0), row(1), 3, step, w, plane);
                    dequantize_row(row(2), row(3), 3, step, w, plane + 2 * w);
                } else {
                    const std::int32_t* c = chroma + y * w * 24 + 12 * (colour - 1) + 4 * band;
                    dequantize_row(c, c + 1, 24, step, w, plane);
                    dequantize_row(c + 2, c + 3, 24, step, w, plane + 2 * w);
                }
            }
        }
    }
}

}  // namespace pauca::level
