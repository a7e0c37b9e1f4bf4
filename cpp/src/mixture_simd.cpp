// Vector twin of MixtureModel::pop: the same integers, 16 lanes at a time.
#include "mixture_model.hpp"
#include "rans_vector.hpp"

namespace pauca::mixture {

#ifdef PAUCA_X86

namespace {

struct Part16 {
    __m512i centre;
    __m512i reach;
    __m512i shift;
    __m512i begin;
    __m512i share;
};

struct Mix16 {
    __m512i first;
    __m512i size;
    Part16 parts[kParts];
};

// Words j, j + 3, j + 6, ... of 48 words, each in the low half of a lane, with some other word above.
PAUCA_AVX512 inline __m512i every_third(__m512i low, __m256i high, int j) {
    const __m512i lane = _mm512_setr_epi32(0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36, 39, 42, 45);
    const __m512i places = _mm512_add_epi32(lane, _mm512_set1_epi32(j));
    return _mm512_permutex2var_epi16(low, places, _mm512_castsi256_si512(high));
}

PAUCA_AVX512 inline __m512i low_word(__m512i x) { return _mm512_and_si512(x, _mm512_set1_epi32(0xffff)); }

struct Bytes48 {
    __m512i low;
    __m256i high;
};

PAUCA_AVX512 inline Bytes48 widened(const std::uint8_t* at) {
    return {_mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at))),
            _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 32)))};
}

// a / b, both below 2^31: a quotient that is not whole stays 2^-31 away from the next integer, far
// more than doubles err by.
PAUCA_AVX512 inline __m512i quotient(__m512i a, __m512i b) {
    const __m512d low = _mm512_div_pd(_mm512_cvtepi32_pd(_mm512_castsi512_si256(a)),
                                      _mm512_cvtepi32_pd(_mm512_castsi512_si256(b)));
    const __m512d high = _mm512_div_pd(_mm512_cvtepi32_pd(_mm512_extracti64x4_epi64(a, 1)),
                                       _mm512_cvtepi32_pd(_mm512_extracti64x4_epi64(b, 1)));
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvttpd_epi32(low)), _mm512_cvttpd_epi32(high), 1);
}

PAUCA_AVX512 inline void divide(Mix16& mix) {
    const __m512i whole = _mm512_sub_epi32(_mm512_set1_epi32(rans::kTotal), mix.size);
    const __m512i sum = _mm512_add_epi32(_mm512_add_epi32(mix.parts[0].share, mix.parts[1].share), mix.parts[2].share);
    const __m512i unit = quotient(_mm512_slli_epi32(whole, kShareBits), sum);
    mix.parts[0].share = whole;
    for (std::size_t j = 1; j < kParts; ++j) {
        mix.parts[j].share = _mm512_srli_epi32(_mm512_mullo_epi32(mix.parts[j].share, unit), kShareBits);
        mix.parts[0].share = _mm512_sub_epi32(mix.parts[0].share, mix.parts[j].share);
    }
}

PAUCA_AVX512 inline Mix16 mix16(const MixtureModel& model, std::size_t i) {
    const Bytes48 weights = widened(model.parameters.weights + kParts * i);
    const Bytes48 scales = widened(model.parameters.scales + kParts * i);
    const std::int16_t* at = model.parameters.means + kParts * i;
    const __m512i means = _mm512_loadu_si512(at);
    const __m256i more = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 32));
    Mix16 mix;
    __m512i low = _mm512_set1_epi32(INT32_MAX);
    __m512i high = _mm512_set1_epi32(INT32_MIN);
    for (int j = 0; j < static_cast<int>(kParts); ++j) {
        Part16& part = mix.parts[j];
        const __m512i scale = low_word(every_third(scales.low, scales.high, j));
        part.centre = _mm512_i32gather_epi32(scale, &model.curves.curve->centre, sizeof(Curve));
        const __m512i shape = _mm512_i32gather_epi32(scale, &model.curves.curve->reach, sizeof(Curve));
        part.reach = low_word(shape);
        part.shift = _mm512_srli_epi32(shape, 16);
        const __m512i weight = low_word(every_third(weights.low, weights.high, j));
        part.share = low_word(_mm512_i32gather_epi32(weight, model.curves.shares, 2));
        const __m512i mean = _mm512_srai_epi32(_mm512_slli_epi32(every_third(means, more, j), 16), 16);
        const __m512i wide = _mm512_sllv_epi32(part.reach, part.shift);
        low = _mm512_min_epi32(low, _mm512_sub_epi32(mean, wide));
        high = _mm512_max_epi32(high, _mm512_add_epi32(mean, wide));
        part.begin = _mm512_sub_epi32(_mm512_set1_epi32(-8), mean);
    }
    const __m512i eight = _mm512_set1_epi32(8);
    mix.first = _mm512_srai_epi32(_mm512_add_epi32(low, eight), 4);
    const __m512i last = _mm512_srai_epi32(_mm512_add_epi32(high, eight), 4);
    mix.size = _mm512_add_epi32(_mm512_sub_epi32(last, mix.first), _mm512_set1_epi32(1));
    for (Part16& part : mix.parts) part.begin = _mm512_add_epi32(part.begin, _mm512_slli_epi32(mix.first, 4));
    divide(mix);
    return mix;
}

PAUCA_AVX512 inline __m512i cumulative16(const Mix16& mix, const std::uint16_t* values, __m512i k) {
    __m512i sum = _mm512_setzero_si512();
    for (const Part16& part : mix.parts) {
        const __m512i at = _mm512_srav_epi32(_mm512_add_epi32(part.begin, _mm512_slli_epi32(k, 4)), part.shift);
        const __m512i inside = _mm512_max_epi32(_mm512_min_epi32(at, part.reach),
                                                _mm512_sub_epi32(_mm512_setzero_si512(), part.reach));
        const __m512i value = low_word(_mm512_i32gather_epi32(_mm512_add_epi32(part.centre, inside), values, 2));
        sum = _mm512_add_epi32(sum, _mm512_mullo_epi32(part.share, value));
    }
    return _mm512_add_epi32(k, _mm512_srli_epi32(sum, rans::kPrecision));
}

struct Pop16 {
    const MixtureModel& model;

    PAUCA_AVX512 rans::Vector16 operator()(__m512i x, std::size_t i) const {
        const Mix16 mix = mix16(model, i);
        const __m512i one = _mm512_set1_epi32(1);
        const __m512i slot = low_word(x);
        __m512i k = _mm512_setzero_si512();
        __m512i start = _mm512_setzero_si512();
        __m512i end = _mm512_set1_epi32(kTop);
        // Lanes that are done stay as they are: half a length of 1 is 0.
        for (__m512i length = mix.size; _mm512_cmpgt_epi32_mask(length, one) != 0;) {
            const __m512i half = _mm512_srli_epi32(length, 1);
            const __m512i place = _mm512_add_epi32(k, half);
            const __m512i middle = cumulative16(mix, model.curves.values, place);
            const __mmask16 above = _mm512_cmple_epi32_mask(middle, slot);
            k = _mm512_mask_mov_epi32(k, above, place);
            start = _mm512_mask_mov_epi32(start, above, middle);
            end = _mm512_mask_mov_epi32(middle, above, end);
            length = _mm512_sub_epi32(length, half);
        }
        const __mmask16 escape = _mm512_cmpeq_epi32_mask(slot, _mm512_set1_epi32(kTop));
        const __m512i freq = _mm512_sub_epi32(end, start);
        const __m512i next = _mm512_add_epi32(_mm512_mullo_epi32(freq, _mm512_srli_epi32(x, rans::kPrecision)),
                                              _mm512_sub_epi32(slot, start));
        return {next, _mm512_add_epi32(mix.first, k), escape != 0};
    }
};

}  // namespace

rans::Progress decode_avx512(rans::Decoder& decoder, const MixtureModel& model, std::int16_t* symbols, std::size_t n) {
    const Pop16 pop{model};
    return decoder.lanes == 16 ? rans::run_avx512<16>(decoder, model, pop, symbols, n)
                               : rans::run_avx512<32>(decoder, model, pop, symbols, n);
}

#else

rans::Progress decode_avx512(rans::Decoder&, const MixtureModel&, std::int16_t*, std::size_t) {
    return {0, Status::ok};
}

#endif

}  // namespace pauca::mixture
