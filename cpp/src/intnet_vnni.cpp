// AVX-512 VNNI kernels: 64 multiply-accumulates per instruction.
#include "intnet_kernels.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>

#define PAUCA_VNNI __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define PAUCA_VNNI_INLINE __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni"), always_inline)) inline

namespace pauca::intnet {

namespace {

constexpr std::uint32_t kLanes = 16;
constexpr std::uint32_t kVectors = 4;

// Double words of an NV-register tile: the packs leave them at 4 * lane + register.
template <int NV>
struct Order {
    alignas(64) std::int32_t packed[16] = {};    // output double word -> place after the packs
    alignas(64) std::int32_t unpacked[16] = {};  // and back
    constexpr Order() {
        for (int q = 0; q < 4 * NV; ++q) {
            packed[q] = 4 * (q / NV) + q % NV;
            unpacked[4 * (q / NV) + q % NV] = q;
        }
    }
};
template <int NV>
constexpr Order<NV> kOrder{};

PAUCA_VNNI_INLINE __m512i load(const void* p) { return _mm512_loadu_si512(p); }

PAUCA_VNNI_INLINE __m512i broadcast4(const std::uint8_t* p) {
    std::int32_t four;
    std::memcpy(&four, p, 4);
    return _mm512_set1_epi32(four);
}

// One pixel of a tile: where its bytes go and which of the 64 exist.
struct Place {
    const PackedLayer& layer;
    const Tile& tile;
    const Output& out;
    __mmask64 mask;
};

// REQUIRES: the sums packed in natural order.
template <int NV>
PAUCA_VNNI_INLINE void finish_wide(const Place& at, const __m512i* sum, std::size_t pixel) {
    auto* row = reinterpret_cast<std::int16_t*>(static_cast<std::uint8_t*>(at.out.data) + pixel * at.out.stride);
    for (int v = 0; v < NV; ++v) {
        const std::size_t base = at.tile.base + 16 * static_cast<std::size_t>(v);
        const __m256i* low = reinterpret_cast<const __m256i*>(at.layer.low.data() + base);
        const __m256i* high = reinterpret_cast<const __m256i*>(at.layer.high.data() + base);
        __m512i x = _mm512_srav_epi32(sum[v], load(at.layer.shift.data() + base));
        x = _mm512_max_epi32(x, _mm512_cvtepi16_epi32(_mm256_loadu_si256(low)));
        x = _mm512_min_epi32(x, _mm512_cvtepi16_epi32(_mm256_loadu_si256(high)));
        _mm256_mask_storeu_epi16(row + at.tile.first + 16 * v, static_cast<__mmask16>(at.mask >> (16 * v)),
                                 _mm512_cvtepi32_epi16(x));
    }
}

template <int NV>
PAUCA_VNNI_INLINE void finish(const Place& at, const __m512i* sum, std::size_t pixel) {
    const std::int32_t* shift = at.layer.shift.data() + at.tile.base;
    __m512i x[4];
    for (int v = 0; v < NV; ++v) x[v] = _mm512_srav_epi32(sum[v], load(shift + 16 * v));
    // Saturation to 16 bits keeps every value on its side of the clamps, which are 16-bit themselves.
    __m512i lo = _mm512_packs_epi32(x[0], NV > 1 ? x[1] : x[0]);
    __m512i hi = NV > 2 ? _mm512_packs_epi32(x[2], NV > 3 ? x[3] : x[2]) : lo;
    const std::size_t column = at.tile.first;
    if (at.out.residual != nullptr) {
        __m512i r = _mm512_maskz_loadu_epi8(at.mask, at.out.residual + pixel * at.out.residual_stride + column);
        __m512i zero = _mm512_maskz_loadu_epi8(at.mask, at.out.residual_zero + column);
        if constexpr (NV < 4) {
            r = _mm512_permutexvar_epi32(load(kOrder<NV>.unpacked), r);
            zero = _mm512_permutexvar_epi32(load(kOrder<NV>.unpacked), zero);
        }
        const __m512i none = _mm512_setzero_si512();
        const __m512i r_lo = _mm512_sub_epi16(_mm512_unpacklo_epi8(r, none), _mm512_unpacklo_epi8(zero, none));
        const __m512i r_hi = _mm512_sub_epi16(_mm512_unpackhi_epi8(r, none), _mm512_unpackhi_epi8(zero, none));
        lo = _mm512_adds_epi16(lo, r_lo);
        hi = _mm512_adds_epi16(hi, r_hi);
    } else if (at.layer.clamp) {
        const std::int16_t* low = at.layer.low.data() + at.tile.base;
        const std::int16_t* high = at.layer.high.data() + at.tile.base;
        lo = _mm512_min_epi16(_mm512_max_epi16(lo, load(low)), load(high));
        if constexpr (NV > 2) hi = _mm512_min_epi16(_mm512_max_epi16(hi, load(low + 32)), load(high + 32));
    }
    __m512i bytes = at.out.store == Store::u8 ? _mm512_packus_epi16(lo, hi) : _mm512_packs_epi16(lo, hi);
    if (at.out.store == Store::biased) bytes = _mm512_xor_si512(bytes, _mm512_set1_epi8(-128));
    if constexpr (NV < 4) bytes = _mm512_permutexvar_epi32(load(kOrder<NV>.packed), bytes);
    std::uint8_t* row = static_cast<std::uint8_t*>(at.out.data) + pixel * at.out.stride + column;
    if (NV == 4 && at.mask == ~__mmask64{0})
        _mm512_storeu_si512(row, bytes);
    else
        _mm512_mask_storeu_epi8(row, at.mask, bytes);
}

// NV registers of outputs of P pixels stay in registers over all inputs.
template <int NV, int P>
PAUCA_VNNI void pointwise_tile(const Place& at, const std::uint8_t* x, std::size_t stride, std::size_t pixel) {
    __m512i sum[P][NV];
    const std::int32_t* bias = at.layer.bias.data() + at.tile.base;
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p)
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) sum[p][v] = load(bias + 16 * v);
    const std::uint8_t* w = at.layer.weights.data() + at.tile.weights;
    const std::uint8_t* in = x + pixel * stride;
    for (std::uint32_t k = 0; k < at.layer.steps; ++k, w += 64 * NV, in += 4) {
        __m512i weight[NV];
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) weight[v] = load(w + 64 * v);
#pragma GCC unroll 16
        for (int p = 0; p < P; ++p) {
            const __m512i a = broadcast4(in + static_cast<std::size_t>(p) * stride);
#pragma GCC unroll 4
            for (int v = 0; v < NV; ++v) sum[p][v] = _mm512_dpbusd_epi32(sum[p][v], a, weight[v]);
        }
    }
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
        if (at.out.store == Store::s16)
            finish_wide<NV>(at, sum[p], pixel + static_cast<std::size_t>(p));
        else
            finish<NV>(at, sum[p], pixel + static_cast<std::size_t>(p));
    }
}

template <int NV, int P>
PAUCA_VNNI void pointwise_pixels(const Place& at, const std::uint8_t* x, std::size_t stride, std::size_t pixels) {
    std::size_t pixel = 0;
    for (; pixel + P <= pixels; pixel += P) pointwise_tile<NV, P>(at, x, stride, pixel);
    for (; pixel < pixels; ++pixel) pointwise_tile<NV, 1>(at, x, stride, pixel);
}

PAUCA_VNNI void pointwise(const PackedLayer& layer, const std::uint8_t* x, std::size_t stride, std::size_t pixels,
                          const Output& out) {
    for (const Tile& tile : layer.tiles) {
        const Place at{layer, tile, out, ~__mmask64{0} >> (64 - tile.columns)};
        switch (tile.vectors) {  // sums, weights and one input fill the 32 registers
            case 1: pointwise_pixels<1, 12>(at, x, stride, pixels); break;
            case 2: pointwise_pixels<2, 12>(at, x, stride, pixels); break;
            case 3: pointwise_pixels<3, 8>(at, x, stride, pixels); break;
            default: pointwise_pixels<4, 6>(at, x, stride, pixels); break;
        }
    }
}

// Three rows of 64 channels to 4 registers of 16 channels x (row 0, row 1, row 2, nothing).
PAUCA_VNNI_INLINE void column(const Window& window, std::ptrdiff_t x, std::ptrdiff_t pixels, const Place& at, __m512i* d) {
    const std::size_t first = at.tile.first;
    const __m512i r0 = _mm512_maskz_loadu_epi8(at.mask, window.at(0, x, pixels) + first);
    const __m512i r1 = _mm512_maskz_loadu_epi8(at.mask, window.at(1, x, pixels) + first);
    const __m512i r2 = _mm512_maskz_loadu_epi8(at.mask, window.at(2, x, pixels) + first);
    const __m512i none = _mm512_setzero_si512();
    const __m512i lo = _mm512_unpacklo_epi8(r0, r1), lo2 = _mm512_unpacklo_epi8(r2, none);
    const __m512i hi = _mm512_unpackhi_epi8(r0, r1), hi2 = _mm512_unpackhi_epi8(r2, none);
    d[0] = _mm512_unpacklo_epi16(lo, lo2);
    d[1] = _mm512_unpackhi_epi16(lo, lo2);
    d[2] = _mm512_unpacklo_epi16(hi, hi2);
    d[3] = _mm512_unpackhi_epi16(hi, hi2);
}

// 16-bit results of a depthwise layer, whose sums come in the order of the unpacks: no network of ours has them.
PAUCA_VNNI void finish_plain(const Place& at, const __m512i* sum, std::size_t pixel) {
    alignas(64) std::int32_t values[64];
    for (int v = 0; v < 4; ++v) {
        const __m512i shift = load(at.layer.shift.data() + at.tile.base + 16 * static_cast<std::size_t>(v));
        _mm512_store_si512(values + 16 * v, _mm512_srav_epi32(sum[v], shift));
    }
    for (std::uint32_t c = 0; c < at.tile.columns; ++c) {
        const std::uint32_t vector = c / 4 % 4, lane = c / 16 * 4 + c % 4;
        const std::size_t word = at.tile.base + vector / 2 * 32 + lane / 4 * 8 + vector % 2 * 4 + lane % 4;
        store_value(at.out, pixel, at.tile.first + c, values[16 * vector + lane], at.layer.low[word], at.layer.high[word]);
    }
}

// Every column of the picture serves three outputs; their sums move along in registers.
PAUCA_VNNI void depthwise_tile(const Place& at, const Window& window, std::size_t pixels) {
    const auto count = static_cast<std::ptrdiff_t>(pixels);
    const std::uint8_t* w = at.layer.weights.data() + at.tile.weights;
    const std::int32_t* bias = at.layer.bias.data() + at.tile.base;
    __m512i before[4], here[4], after[4], d[4];
    for (int v = 0; v < 4; ++v) before[v] = here[v] = load(bias + 16 * v);
    for (std::ptrdiff_t x = -1; x <= count; ++x) {
        column(window, x, count, at, d);
#pragma GCC unroll 4
        for (int v = 0; v < 4; ++v) {
            after[v] = _mm512_dpbusd_epi32(load(bias + 16 * v), d[v], load(w + 64 * v));
            here[v] = _mm512_dpbusd_epi32(here[v], d[v], load(w + 256 + 64 * v));
            before[v] = _mm512_dpbusd_epi32(before[v], d[v], load(w + 512 + 64 * v));
        }
        if (x > 0 && at.out.store == Store::s16) finish_plain(at, before, static_cast<std::size_t>(x - 1));
        if (x > 0 && at.out.store != Store::s16) finish<4>(at, before, static_cast<std::size_t>(x - 1));
        for (int v = 0; v < 4; ++v) before[v] = here[v], here[v] = after[v];
    }
}

PAUCA_VNNI void depthwise(const PackedLayer& layer, const Window& window, std::size_t pixels, const Output& out) {
    for (const Tile& tile : layer.tiles) {
        const Place at{layer, tile, out, ~__mmask64{0} >> (64 - tile.columns)};
        depthwise_tile(at, window, pixels);
    }
}

}  // namespace

const KernelSet& vnni_kernels() {
    static constexpr KernelSet set{
        {kLanes, kVectors, 4, 1, false}, {kLanes, kVectors, 4, 1, true}, true, false, pointwise, depthwise};
    return set;
}

}  // namespace pauca::intnet

#else

namespace pauca::intnet {
const KernelSet& vnni_kernels() { return scalar_kernels(); }
}  // namespace pauca::intnet

#endif
