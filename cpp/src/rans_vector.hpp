// What vector decoders share: eight or sixteen lanes at a time, refilled together.
// Compiled for their instruction sets by function attributes and chosen at run time, so one
// binary runs on every x86-64; elsewhere only the scalar path exists.
#pragma once

#include "rans_lanes.hpp"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define PAUCA_X86 1
#include <immintrin.h>
#define PAUCA_AVX2 __attribute__((target("avx2,popcnt")))
#define PAUCA_AVX512 __attribute__((target("avx2,popcnt,bmi2,avx512f,avx512bw,avx512vl,avx512vbmi2")))

namespace pauca::rans {

// The group holds an escape: its remaining lanes go one by one, in the stream's order.
template <std::uint32_t Lanes, typename Model>
bool finish_group(Decoder& decoder, const Model& model, std::int16_t* symbols, std::size_t first,
                  const std::uint8_t*& at, Status& status) {
    decoder.in.move_to(at);
    status = decode_checked(decoder, model, symbols, first, Lanes - first % Lanes);
    at = decoder.in.position();
    return status == Status::ok;
}

struct Vector16 {
    __m512i x;
    __m512i symbols;
    bool escaped;
};

// REQUIRES: 64 readable bytes at `at`.
PAUCA_AVX512 inline __m512i refill16(__m512i x, const std::uint8_t*& at) {
    const __mmask16 one = _mm512_cmplt_epi32_mask(x, _mm512_set1_epi32(kLow));
    const __mmask16 two = _mm512_cmplt_epi32_mask(x, _mm512_set1_epi32(kLow >> 8));
    const std::uint64_t places = _pdep_u64(one, 0x1111111111111111u) | _pdep_u64(two, 0x2222222222222222u);
    __m512i bytes = _mm512_loadu_si512(at);
    asm("" : "+v"(bytes));  // keep the load apart: expanding straight from memory is microcoded on Zen 4
    bytes = _mm512_maskz_expand_epi8(places, bytes);
    at += _mm_popcnt_u64(places);
    x = _mm512_mask_slli_epi32(x, one, x, 8);
    x = _mm512_mask_slli_epi32(x, two, x, 8);
    return _mm512_or_si512(x, bytes);
}

// Pop(x, i): sixteen symbols from i on.
template <std::uint32_t Lanes, typename Model, typename Pop>
PAUCA_AVX512 Progress run_avx512(Decoder& decoder, const Model& model, const Pop& pop, std::int16_t* symbols,
                                 std::size_t n) {
    const std::uint8_t* at = decoder.in.position();
    const std::uint8_t* const end = at + decoder.in.left();
    Status status = Status::ok;
    std::size_t i = 0;
    for (; n - i >= Lanes && static_cast<std::size_t>(end - at) >= 2 * Lanes + 64; i += Lanes) {
        for (std::uint32_t lane = 0; lane < Lanes; lane += 16) {
            std::uint32_t* state = decoder.states.data() + lane;
            const Vector16 popped = pop(_mm512_loadu_si512(state), i + lane);
            if (popped.escaped) [[unlikely]] {
                if (!finish_group<Lanes>(decoder, model, symbols, i + lane, at, status)) return {i, status};
                break;
            }
            _mm512_storeu_si512(state, refill16(popped.x, at));
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(symbols + i + lane), _mm512_cvtepi32_epi16(popped.symbols));
        }
    }
    decoder.in.move_to(at);
    return {i, status};
}

}  // namespace pauca::rans

#endif
