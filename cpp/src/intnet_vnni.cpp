// AVX-512 VNNI kernels: 64 multiply-accumulates per instruction.
#include "intnet_kernels.hpp"

#if defined(__x86_64__)

#include "intnet_avx512.hpp"

namespace pauca::intnet {

namespace {

using namespace avx512;

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
