// What the AVX-512 kernels share: how 16 sums a register become 8- or 16-bit results. x86 alone.
#pragma once

#include <immintrin.h>

#include <cstring>

#include "intnet_kernels.hpp"

#define PAUCA_VNNI __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define PAUCA_VNNI_INLINE __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni"), always_inline)) inline

namespace pauca::intnet::avx512 {

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

}  // namespace pauca::intnet::avx512
