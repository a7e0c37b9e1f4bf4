// Columns of b lie in the lanes and words of a are broadcast, so that no sum runs across lanes.
#include "xnor_kernels.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>

#define PAUCA_512 __attribute__((target("avx512f,avx512vl,avx512vpopcntdq")))
#define PAUCA_AVX2 __attribute__((target("avx2")))
#define PAUCA_AVX2_INLINE __attribute__((target("avx2"), always_inline)) inline

namespace pauca::xnor {

namespace {

// R rows by V vectors of 8 columns. REQUIRES: 8 (V - 1) < columns <= 8 V.
template <int R, int V>
PAUCA_512 void tile_512(const Product& p, std::size_t row, std::size_t column, std::size_t columns) {
    __mmask8 mask[V];
    for (std::size_t v = 0; v < V; ++v)
        mask[v] = static_cast<__mmask8>((1U << std::min<std::size_t>(8, columns - 8 * v)) - 1);
    __m512i sum[R][V];
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r)
        for (int v = 0; v < V; ++v) sum[r][v] = _mm512_setzero_si512();
    const std::uint64_t* a = p.a + row * p.k;
    const std::uint64_t* b = p.b + column;
    for (std::size_t k = 0; k < p.k; ++k, b += p.b_stride) {
        __m512i lanes[V];
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) lanes[v] = _mm512_maskz_loadu_epi64(mask[v], b + 8 * v);
#pragma GCC unroll 12
        for (int r = 0; r < R; ++r) {
            const __m512i word = _mm512_set1_epi64(static_cast<long long>(a[static_cast<std::size_t>(r) * p.k + k]));
#pragma GCC unroll 2
            for (int v = 0; v < V; ++v)
                sum[r][v] = _mm512_add_epi64(sum[r][v], _mm512_popcnt_epi64(_mm512_xor_si512(word, lanes[v])));
        }
    }
    const __m256i bits = _mm256_set1_epi32(p.bits);
    for (std::size_t r = 0; r < R; ++r)
        for (std::size_t v = 0; v < V; ++v) {
            const __m256i ones = _mm512_cvtepi64_epi32(sum[r][v]);
            const __m256i value = _mm256_sub_epi32(bits, _mm256_add_epi32(ones, ones));
            _mm256_mask_storeu_epi32(p.out + (row + r) * p.out_stride + column + 8 * v, mask[v], value);
        }
}

template <int V>
PAUCA_512 void columns_512(const Product& p, std::size_t column, std::size_t columns) {
    std::size_t row = 0;
    for (; row + 12 <= p.m; row += 12) tile_512<12, V>(p, row, column, columns);
    for (; row + 4 <= p.m; row += 4) tile_512<4, V>(p, row, column, columns);
    for (; row < p.m; ++row) tile_512<1, V>(p, row, column, columns);
}

// Counts of bits per byte by halves of bytes (Mula, Kurz, Lemire, arXiv:1611.07612).
PAUCA_AVX2_INLINE __m256i ones_of_bytes(__m256i x) {
    const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                           0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i low = _mm256_set1_epi8(15);
    const __m256i high = _mm256_and_si256(_mm256_srli_epi16(x, 4), low);
    return _mm256_add_epi8(_mm256_shuffle_epi8(table, _mm256_and_si256(x, low)), _mm256_shuffle_epi8(table, high));
}

constexpr std::size_t kBytes = 31;  // words whose counts, at most 8 each, fit a byte

// R rows by up to 4 columns.
template <int R>
PAUCA_AVX2 void tile_avx2(const Product& p, std::size_t row, std::size_t column, std::size_t columns) {
    alignas(32) std::int64_t lanes[4];
    for (std::size_t i = 0; i < 4; ++i) lanes[i] = i < columns ? -1 : 0;
    const __m256i mask = _mm256_load_si256(reinterpret_cast<const __m256i*>(lanes));
    __m256i sum[R];
    for (int r = 0; r < R; ++r) sum[r] = _mm256_setzero_si256();
    const std::uint64_t* a = p.a + row * p.k;
    const std::uint64_t* b = p.b + column;
    for (std::size_t start = 0; start < p.k; start += kBytes) {
        const std::size_t end = std::min(p.k, start + kBytes);
        __m256i bytes[R];
        for (int r = 0; r < R; ++r) bytes[r] = _mm256_setzero_si256();
        for (std::size_t k = start; k < end; ++k, b += p.b_stride) {
            const __m256i x = _mm256_maskload_epi64(reinterpret_cast<const long long*>(b), mask);
#pragma GCC unroll 4
            for (int r = 0; r < R; ++r) {
                const auto word = static_cast<long long>(a[static_cast<std::size_t>(r) * p.k + k]);
                bytes[r] = _mm256_add_epi8(bytes[r], ones_of_bytes(_mm256_xor_si256(x, _mm256_set1_epi64x(word))));
            }
        }
        for (int r = 0; r < R; ++r)
            sum[r] = _mm256_add_epi64(sum[r], _mm256_sad_epu8(bytes[r], _mm256_setzero_si256()));
    }
    for (std::size_t r = 0; r < R; ++r) {
        _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), sum[r]);
        std::int32_t* out = p.out + (row + r) * p.out_stride + column;
        for (std::size_t i = 0; i < columns; ++i) out[i] = p.bits - 2 * static_cast<std::int32_t>(lanes[i]);
    }
}

}  // namespace

void gemm_avx512(const Product& p) {
    for (std::size_t column = 0; column < p.n; column += 16) {
        const std::size_t columns = std::min<std::size_t>(16, p.n - column);
        if (columns > 8)
            columns_512<2>(p, column, columns);
        else
            columns_512<1>(p, column, columns);
    }
}

void gemm_avx2(const Product& p) {
    for (std::size_t column = 0; column < p.n; column += 4) {
        const std::size_t columns = std::min<std::size_t>(4, p.n - column);
        std::size_t row = 0;
        for (; row + 4 <= p.m; row += 4) tile_avx2<4>(p, row, column, columns);
        for (; row < p.m; ++row) tile_avx2<1>(p, row, column, columns);
    }
}

}  // namespace pauca::xnor

#else

namespace pauca::xnor {
void gemm_avx2(const Product&) {}  // never called: `kernel_available` says no
void gemm_avx512(const Product&) {}
}  // namespace pauca::xnor

#endif
