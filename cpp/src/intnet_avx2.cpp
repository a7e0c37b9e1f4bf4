// AVX2 kernels: pairs of 16-bit products (vpmaddwd). Exact, unlike vpmaddubsw, whose sums saturate.
#include "intnet_kernels.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <cstring>

#define PAUCA_AVX2 __attribute__((target("avx2")))
#define PAUCA_AVX2_INLINE __attribute__((target("avx2"), always_inline)) inline

namespace pauca::intnet {

namespace {

constexpr int kVectors = 2;  // 16 outputs per tile
constexpr int kPixels = 6;   // 12 sums, 2 weights, 1 input, 1 product: the 16 registers

PAUCA_AVX2_INLINE __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

PAUCA_AVX2_INLINE __m256i multiply_add(__m256i sum, __m256i a, __m256i b) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}

struct Place {
    const PackedLayer& layer;
    const Tile& tile;
    const Output& out;
};

void copy_columns(void* to, const void* from, std::size_t bytes, std::size_t full) {
    if (bytes == full)
        std::memcpy(to, from, full);
    else
        std::memcpy(to, from, bytes);
}

// Up to 16 bytes as 16-bit words, never reading beyond the last.
PAUCA_AVX2_INLINE __m256i load_columns(const std::uint8_t* from, std::size_t columns) {
    alignas(16) std::uint8_t piece[16] = {};
    copy_columns(piece, from, columns, 16);
    return _mm256_cvtepu8_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(piece)));
}

PAUCA_AVX2_INLINE void finish(const Place& at, const __m256i* sum, std::size_t pixel) {
    const std::int32_t* shift = at.layer.shift.data() + at.tile.base;
    __m256i x = _mm256_packs_epi32(_mm256_srav_epi32(sum[0], load(shift)), _mm256_srav_epi32(sum[1], load(shift + 8)));
    const std::size_t columns = at.tile.columns;
    const Output& out = at.out;
    if (out.residual != nullptr) {
        const __m256i r = load_columns(out.residual + pixel * out.residual_stride + at.tile.first, columns);
        x = _mm256_adds_epi16(x, _mm256_sub_epi16(r, load_columns(out.residual_zero + at.tile.first, columns)));
    } else if (at.layer.clamp) {
        x = _mm256_max_epi16(x, load(at.layer.low.data() + at.tile.base));
        x = _mm256_min_epi16(x, load(at.layer.high.data() + at.tile.base));
    }
    std::uint8_t* row = static_cast<std::uint8_t*>(out.data) + pixel * out.stride;
    if (out.store == Store::s16) {
        alignas(32) std::int16_t words[16];
        _mm256_store_si256(reinterpret_cast<__m256i*>(words), x);
        copy_columns(row + 2 * at.tile.first, words, 2 * columns, 32);
        return;
    }
    const __m128i a = _mm256_castsi256_si128(x), b = _mm256_extracti128_si256(x, 1);
    __m128i bytes = out.store == Store::u8 ? _mm_packus_epi16(a, b) : _mm_packs_epi16(a, b);
    if (out.store == Store::biased) bytes = _mm_xor_si128(bytes, _mm_set1_epi8(-128));
    alignas(16) std::uint8_t piece[16];
    _mm_store_si128(reinterpret_cast<__m128i*>(piece), bytes);
    copy_columns(row + at.tile.first, piece, columns, 16);
}

// x: P rows of 16-bit inputs, kMaxChannels apart.
template <int P>
PAUCA_AVX2 void pointwise_tile(const Place& at, const std::int16_t* x, std::size_t pixel) {
    const std::int32_t* bias = at.layer.bias.data() + at.tile.base;
    __m256i sum[P][2];
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) sum[p][0] = load(bias), sum[p][1] = load(bias + 8);
    const std::uint8_t* w = at.layer.weights.data() + at.tile.weights;
    for (std::uint32_t k = 0; k < at.layer.steps; ++k, w += 64) {
        const __m256i w0 = load(w), w1 = load(w + 32);
#pragma GCC unroll 8
        for (int p = 0; p < P; ++p) {
            std::int32_t pair;
            std::memcpy(&pair, x + static_cast<std::size_t>(p) * kMaxChannels + 2 * std::size_t{k}, 4);
            const __m256i a = _mm256_set1_epi32(pair);
            sum[p][0] = multiply_add(sum[p][0], a, w0);
            sum[p][1] = multiply_add(sum[p][1], a, w1);
        }
    }
    for (int p = 0; p < P; ++p) finish(at, sum[p], pixel + static_cast<std::size_t>(p));
}

PAUCA_AVX2 void pointwise(const PackedLayer& layer, const std::uint8_t* x, std::size_t stride, std::size_t pixels,
                          const Output& out) {
    alignas(32) std::int16_t wide[kPixels][kMaxChannels];
    for (std::size_t pixel = 0; pixel < pixels; pixel += kPixels) {
        const std::size_t n = std::min<std::size_t>(kPixels, pixels - pixel);
        for (std::size_t p = 0; p < n; ++p) {
            const std::uint8_t* from = x + (pixel + p) * stride;
            for (std::uint32_t k = 0; k < 2 * layer.steps; ++k) wide[p][k] = from[k];
        }
        for (const Tile& tile : layer.tiles) {
            const Place at{layer, tile, out};
            if (n == kPixels) {
                pointwise_tile<kPixels>(at, wide[0], pixel);
            } else {
                for (std::size_t p = 0; p < n; ++p) pointwise_tile<1>(at, wide[p], pixel + p);
            }
        }
    }
}

// Three rows of 16 channels to pairs (row 0, row 1) and (row 2, nothing), low and high halves of each lane.
PAUCA_AVX2_INLINE void column(const Window& window, std::ptrdiff_t x, std::ptrdiff_t pixels, const Place& at, __m256i* d) {
    __m256i r[3];
    for (int i = 0; i < 3; ++i) r[i] = load_columns(window.at(i, x, pixels) + at.tile.first, at.tile.columns);
    const __m256i none = _mm256_setzero_si256();
    d[0] = _mm256_unpacklo_epi16(r[0], r[1]);
    d[1] = _mm256_unpackhi_epi16(r[0], r[1]);
    d[2] = _mm256_unpacklo_epi16(r[2], none);
    d[3] = _mm256_unpackhi_epi16(r[2], none);
}

PAUCA_AVX2_INLINE void add_column(__m256i* sum, const __m256i* d, const std::uint8_t* w) {
    for (int v = 0; v < 2; ++v) {
        sum[v] = multiply_add(sum[v], d[v], load(w + 32 * v));
        sum[v] = multiply_add(sum[v], d[2 + v], load(w + 64 + 32 * v));
    }
}

PAUCA_AVX2 void depthwise(const PackedLayer& layer, const Window& window, std::size_t pixels, const Output& out) {
    const auto count = static_cast<std::ptrdiff_t>(pixels);
    for (const Tile& tile : layer.tiles) {
        const Place at{layer, tile, out};
        const std::uint8_t* w = layer.weights.data() + tile.weights;
        const std::int32_t* bias = layer.bias.data() + tile.base;
        const __m256i start[2] = {load(bias), load(bias + 8)};
        __m256i before[2] = {start[0], start[1]}, here[2] = {start[0], start[1]}, d[4];
        for (std::ptrdiff_t x = -1; x <= count; ++x) {
            __m256i after[2] = {start[0], start[1]};
            column(window, x, count, at, d);
            add_column(after, d, w);
            add_column(here, d, w + 128);
            add_column(before, d, w + 256);
            if (x > 0) finish(at, before, static_cast<std::size_t>(x - 1));
            for (int v = 0; v < 2; ++v) before[v] = here[v], here[v] = after[v];
        }
    }
}

}  // namespace

const KernelSet& avx2_kernels() {
    static constexpr KernelSet set{{8, kVectors, 2, 2, true}, {8, kVectors, 2, 2, true}, true, true, pointwise, depthwise};
    return set;
}

}  // namespace pauca::intnet

#else

namespace pauca::intnet {
const KernelSet& avx2_kernels() { return scalar_kernels(); }
}  // namespace pauca::intnet

#endif
