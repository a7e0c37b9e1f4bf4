// The 2/6 wavelet needs no state: low rows are means of pairs, and what they say of a difference is next door.
#include "clones.hpp"
#include "pairs.hpp"
#include "pauca/lifting.hpp"

namespace pauca::lifting {

namespace {

// Means and differences of pairs.
PAUCA_CLONES void split_means(const float* even, const float* odd, float* __restrict s, float* __restrict h, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
        h[i] = odd[i] - even[i];
        s[i] = even[i] + 0.5f * h[i];
    }
}

PAUCA_CLONES void split_row(const float* row, float* __restrict s, float* __restrict h, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
        h[i] = row[2 * i + 1] - row[2 * i];
        s[i] = row[2 * i] + 0.5f * h[i];
    }
}

// Without what the means before and after say.
PAUCA_CLONES void subtract_slope(float* __restrict h, const float* before, const float* after, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) h[i] -= 0.25f * (after[i] - before[i]);
}

// Means, differences, means before and after to pairs; unsigned because wrap-around is part of the definition.
PAUCA_CLONES void join_means(const std::int32_t* s, const std::int32_t* h, const std::int32_t* before, const std::int32_t* after,
                             std::int32_t* __restrict even, std::int32_t* __restrict odd, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint32_t rise = static_cast<std::uint32_t>(after[i]) - static_cast<std::uint32_t>(before[i]) + 2u;
        const std::uint32_t slope = static_cast<std::uint32_t>(static_cast<std::int32_t>(rise) >> 2);
        const std::uint32_t difference = static_cast<std::uint32_t>(h[i]) + slope;
        const std::uint32_t up = static_cast<std::uint32_t>(s[i]) & 1u;
        const std::uint32_t half = static_cast<std::uint32_t>(static_cast<std::int32_t>(difference + up) >> 1);
        const std::uint32_t first = static_cast<std::uint32_t>(s[i]) - half;
        even[i] = static_cast<std::int32_t>(first);
        odd[i] = static_cast<std::int32_t>(first + difference);
    }
}

// Along a row of n; the neighbour beyond the border is the border itself.
template <typename Apply>
void along(std::size_t n, Apply apply) {
    apply(0, 0, n > 1 ? 1 : 0, 1);
    if (n > 2) apply(1, 0, 2, n - 2);
    if (n > 1) apply(n - 1, n - 2, n - 1, 1);
}

void analyse_row(const float* row, float* s, float* h, std::size_t n) {
    split_row(row, s, h, n);
    along(n, [&](std::size_t at, std::size_t before, std::size_t after, std::size_t count) {
        subtract_slope(h + at, s + before, s + after, count);
    });
}

void synthesise_row(const std::int32_t* s, const std::int32_t* h, std::int32_t* row, std::int32_t* work, std::size_t n) {
    along(n, [&](std::size_t at, std::size_t before, std::size_t after, std::size_t count) {
        join_means(s + at, h + at, s + before, s + after, work + at, work + n + at, count);
    });
    join_pairs(work, work + n, row, n);
}

}  // namespace

void analysis_level_box(const float* planes, std::size_t colours, std::size_t h, std::size_t w, float* low, float* details,
                        float* work) {
    const std::size_t band = h * w;
    for (std::size_t c = 0; c < colours; ++c, planes += 4 * band, low += band, details += 3 * band) {
        float* bands[2][2] = {{low, details + band}, {details, details + 2 * band}};  // by high along width, height
        for (std::size_t i = 0; i < h; ++i) {
            analyse_row(planes + 4 * i * w, work, work + w, w);
            analyse_row(planes + (4 * i + 2) * w, work + 2 * w, work + 3 * w, w);
            for (std::size_t high = 0; high < 2; ++high)
                split_means(work + high * w, work + (2 + high) * w, bands[high][0] + i * w, bands[high][1] + i * w, w);
        }
        for (auto& [s, d] : bands) {
            along(h, [&, s, d](std::size_t at, std::size_t before, std::size_t after, std::size_t count) {
                subtract_slope(d + at * w, s + before * w, s + after * w, count * w);
            });
        }
    }
}

void synthesis_level_box(const std::int32_t* low, const std::int32_t* details, std::size_t colours, std::size_t h,
                         std::size_t w, std::int32_t* planes, std::int32_t* work) {
    const std::size_t band = h * w;
    for (std::size_t c = 0; c < colours; ++c, planes += 4 * band, low += band, details += 3 * band) {
        const std::int32_t* bands[2][2] = {{low, details + band}, {details, details + 2 * band}};
        for (std::size_t i = 0; i < h; ++i) {
            for (std::size_t high = 0; high < 2; ++high) {
                const auto [s, d] = bands[high];
                const std::int32_t* before = s + (i > 0 ? i - 1 : 0) * w;
                const std::int32_t* after = s + (i + 1 < h ? i + 1 : i) * w;
                join_means(s + i * w, d + i * w, before, after, work + high * w, work + (2 + high) * w, w);
            }
            synthesise_row(work, work + w, planes + 4 * i * w, work + 4 * w, w);
            synthesise_row(work + 2 * w, work + 3 * w, planes + (4 * i + 2) * w, work + 4 * w, w);
        }
    }
}

}  // namespace pauca::lifting
