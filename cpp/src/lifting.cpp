// Rows stream through the vertical lifting with a delay of two pairs, so that a level is read and written once.
#include "pauca/lifting.hpp"

#include "clones.hpp"
#include "pairs.hpp"

namespace pauca::lifting {

PAUCA_CLONES void join_pairs(const std::int32_t* __restrict even, const std::int32_t* __restrict odd,
                             std::int32_t* __restrict row, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) row[2 * i] = even[i], row[2 * i + 1] = odd[i];
}

namespace {

constexpr float weight(std::size_t i) { return static_cast<float>(kLift[i]) / (1 << kBits); }

// out = base + k (a + b). Compiled without contraction: every machine rounds alike.
PAUCA_CLONES void add_lift(float* __restrict out, const float* base, const float* a, const float* b, std::size_t n, float k) {
    for (std::size_t i = 0; i < n; ++i) out[i] = base[i] + k * (a[i] + b[i]);
}

// out = base - k (a + b), rounded; unsigned because wrap-around is part of the definition.
PAUCA_CLONES void subtract_lift(std::int32_t* __restrict out, const std::int32_t* base, const std::int32_t* a,
                                const std::int32_t* b, std::size_t n, std::int32_t k) {
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint32_t sum = static_cast<std::uint32_t>(a[i]) + static_cast<std::uint32_t>(b[i]);
        const std::uint32_t product = static_cast<std::uint32_t>(k) * sum + (1u << (kBits - 1));
        const std::int32_t change = static_cast<std::int32_t>(product) >> kBits;
        out[i] = static_cast<std::int32_t>(static_cast<std::uint32_t>(base[i]) - static_cast<std::uint32_t>(change));
    }
}

PAUCA_CLONES void split_pairs(const float* __restrict row, float* __restrict s, float* __restrict h, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) s[i] = row[2 * i], h[i] = row[2 * i + 1];
}

void lift(float* out, const float* base, const float* a, const float* b, std::size_t n, std::size_t which) {
    add_lift(out, base, a, b, n, weight(which));
}

void lift(std::int32_t* out, const std::int32_t* base, const std::int32_t* a, const std::int32_t* b, std::size_t n,
          std::size_t which) {
    subtract_lift(out, base, a, b, n, kLift[which]);
}

// Along a row; the neighbour beyond the border is the border itself.
template <typename T>
void lift_after(T* out, const T* base, const T* x, std::size_t n, std::size_t which) {
    lift(out, base, x, x + 1, n - 1, which);
    lift(out + n - 1, base + n - 1, x + n - 1, x + n - 1, 1, which);
}

template <typename T>
void lift_before(T* out, const T* base, const T* x, std::size_t n, std::size_t which) {
    lift(out, base, x, x, 1, which);
    lift(out + 1, base + 1, x + 1, x, n - 1, which);
}

// Rows of one vertical transform that are still needed, the last ones by parity of their number.
template <typename T>
struct Rows {
    T* memory;
    std::size_t width;

    [[nodiscard]] T* row(std::size_t kind, std::size_t i) const { return memory + (2 * kind + i % 2) * width; }
};

void split_row(const float* row, std::size_t w, float* s, float* h, float* temporary) {
    float* s0 = temporary;
    float* h0 = temporary + w;
    split_pairs(row, s0, h0, w);
    lift_after(h, h0, s0, w, 0);
    lift_before(s, s0, h, w, 1);
    lift_after(h0, h, s, w, 2);
    lift_before(s0, s, h0, w, 3);
    for (std::size_t i = 0; i < w; ++i) s[i] = s0[i], h[i] = h0[i];
}

// Pair i of rows (kinds 0 even, 1 odd) is in; pair i - 2 comes out. Kinds 2 and 3: odd after alpha, even after beta.
void split_column(const Rows<float>& rows, std::size_t i, std::size_t n, float* low, float* high) {
    const std::size_t w = rows.width;
    if (i >= 1 && i <= n) {
        const float* next = i < n ? rows.row(0, i) : rows.row(0, i - 1);
        lift(rows.row(2, i - 1), rows.row(1, i - 1), rows.row(0, i - 1), next, w, 0);
        const float* last = i >= 2 ? rows.row(2, i - 2) : rows.row(2, i - 1);
        lift(rows.row(3, i - 1), rows.row(0, i - 1), rows.row(2, i - 1), last, w, 1);
    }
    if (i >= 2) {
        const float* next = i <= n ? rows.row(3, i - 1) : rows.row(3, i - 2);
        float* here = high + (i - 2) * w;
        lift(here, rows.row(2, i - 2), rows.row(3, i - 2), next, w, 2);
        lift(low + (i - 2) * w, rows.row(3, i - 2), here, i >= 3 ? here - w : here, w, 3);
    }
}

void join_row(const std::int32_t* s, const std::int32_t* h, std::size_t w, std::int32_t* row, std::int32_t* temporary) {
    std::int32_t* s0 = temporary;
    std::int32_t* h0 = temporary + w;
    std::int32_t* s1 = temporary + 2 * w;
    std::int32_t* h1 = temporary + 3 * w;
    lift_before(s0, s, h, w, 3);
    lift_after(h0, h, s0, w, 2);
    lift_before(s1, s0, h0, w, 1);
    lift_after(h1, h0, s1, w, 0);
    join_pairs(s1, h1, row, w);
}

// Pair i of the bands goes in; the even row i - 1 and the odd row i - 2 are then in kinds 2 and 3.
// Kinds 0 and 1: even after delta, odd after gamma.
void join_column(const Rows<std::int32_t>& rows, std::size_t i, std::size_t n, const std::int32_t* s, const std::int32_t* h) {
    const std::size_t w = rows.width;
    if (i < n) lift(rows.row(0, i), s + i * w, h + i * w, h + (i > 0 ? i - 1 : 0) * w, w, 3);
    if (i >= 1 && i <= n) {
        const std::int32_t* next = i < n ? rows.row(0, i) : rows.row(0, i - 1);
        lift(rows.row(1, i - 1), h + (i - 1) * w, rows.row(0, i - 1), next, w, 2);
        const std::int32_t* last = i >= 2 ? rows.row(1, i - 2) : rows.row(1, i - 1);
        lift(rows.row(2, i - 1), rows.row(0, i - 1), rows.row(1, i - 1), last, w, 1);
    }
    if (i >= 2) {
        const std::int32_t* next = i <= n ? rows.row(2, i - 1) : rows.row(2, i - 2);
        lift(rows.row(3, i - 2), rows.row(1, i - 2), rows.row(2, i - 2), next, w, 0);
    }
}

}  // namespace

void analysis_level(const float* planes, std::size_t colours, std::size_t h, std::size_t w, float* low, float* details,
                    float* work) {
    const Rows<float> low_w{work, w};
    const Rows<float> high_w{work + 8 * w, w};
    float* temporary = work + 16 * w;
    const std::size_t band = h * w;
    for (std::size_t c = 0; c < colours; ++c, planes += 4 * band, low += band, details += 3 * band) {
        for (std::size_t i = 0; i < h + 2; ++i) {
            for (std::size_t odd = 0; i < h && odd < 2; ++odd)
                split_row(planes + (2 * i + odd) * 2 * w, w, low_w.row(odd, i), high_w.row(odd, i), temporary);
            split_column(low_w, i, h, low, details + band);
            split_column(high_w, i, h, details, details + 2 * band);
        }
    }
}

void synthesis_level(const std::int32_t* low, const std::int32_t* details, std::size_t colours, std::size_t h,
                     std::size_t w, std::int32_t* planes, std::int32_t* work) {
    const Rows<std::int32_t> low_w{work, w};
    const Rows<std::int32_t> high_w{work + 8 * w, w};
    std::int32_t* temporary = work + 16 * w;
    const std::size_t band = h * w;
    for (std::size_t c = 0; c < colours; ++c, planes += 4 * band, low += band, details += 3 * band) {
        for (std::size_t i = 0; i < h + 2; ++i) {
            join_column(low_w, i, h, low, details + band);
            join_column(high_w, i, h, details, details + 2 * band);
            if (i >= 1 && i <= h)
                join_row(low_w.row(2, i - 1), high_w.row(2, i - 1), w, planes + (2 * i - 2) * 2 * w, temporary);
            if (i >= 2)
                join_row(low_w.row(3, i - 2), high_w.row(3, i - 2), w, planes + (2 * i - 3) * 2 * w, temporary);
        }
    }
}

}  // namespace pauca::lifting
