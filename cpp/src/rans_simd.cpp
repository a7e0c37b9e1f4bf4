// Vector twins of decode_scalar: the same stream, the same symbols, 8 or 16 lanes at a time.
#include "rans_table.hpp"
#include "rans_vector.hpp"

namespace pauca::rans {

#ifdef PAUCA_X86

namespace {

// Row m1 | m2 << 4: where each of four lanes finds its bytes, given the lanes that miss at least
// one (m1) and two (m2) bytes.
struct Shuffles {
    alignas(16) std::uint8_t row[256][16];
};

constexpr Shuffles make_shuffles() {
    Shuffles shuffles{};
    for (unsigned m = 0; m < 256; ++m) {
        std::uint8_t next = 0;
        for (unsigned lane = 0; lane < 4; ++lane) {
            for (unsigned byte = 0; byte < 4; ++byte) {
                const bool takes = byte < 2 && (m >> (lane + 4 * byte) & 1) != 0;
                shuffles.row[m][4 * lane + byte] = takes ? next++ : 0x80;
            }
        }
    }
    return shuffles;
}

constexpr Shuffles kShuffles = make_shuffles();

struct Vector8 {
    __m256i x;
    __m256i symbols;  // low 16 bits of each lane
    bool escaped;
};

PAUCA_AVX2 inline Vector8 pop8(__m256i x, const Tables& tables, const std::uint8_t* indexes) {
    const __m256i low16 = _mm256_set1_epi32(0xffff);
    const __m256i index = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(indexes)));
    const __m256i slot = _mm256_and_si256(x, low16);
    const __m256i at = _mm256_or_si256(_mm256_slli_epi32(index, kBucketBits),
                                       _mm256_srli_epi32(slot, kPrecision - kBucketBits));
    const __m256i bucket = _mm256_i32gather_epi32(reinterpret_cast<const int*>(tables.buckets), at, 4);
    __m256i interval = _mm256_and_si256(bucket, low16);
    __m256i symbol = _mm256_srli_epi32(bucket, 16);
    const int* decoder = reinterpret_cast<const int*>(tables.decoder);
    __m256i entry = _mm256_i32gather_epi32(decoder, interval, 4);
    __m256i freq;
    __m256i within;
    for (;;) {
        freq = _mm256_srli_epi32(entry, 16);
        within = _mm256_sub_epi32(slot, _mm256_and_si256(entry, low16));
        const __m256i inside = _mm256_cmpgt_epi32(freq, within);
        if (_mm256_movemask_epi8(inside) == -1) break;
        const __m256i beyond = _mm256_xor_si256(inside, _mm256_set1_epi32(-1));
        interval = _mm256_sub_epi32(interval, beyond);
        symbol = _mm256_sub_epi32(symbol, beyond);
        entry = _mm256_mask_i32gather_epi32(entry, decoder, interval, beyond, 4);
    }
    const __m256i end = _mm256_add_epi32(freq, _mm256_and_si256(entry, low16));
    const __m256i escape = _mm256_cmpeq_epi32(end, _mm256_set1_epi32(kTotal));
    const __m256i next = _mm256_add_epi32(_mm256_mullo_epi32(freq, _mm256_srli_epi32(x, kPrecision)), within);
    return {next, symbol, _mm256_testz_si256(escape, escape) == 0};
}

// REQUIRES: 24 readable bytes at `at`: two halves take 8 each at most and load 16.
PAUCA_AVX2 inline __m256i refill8(__m256i x, const std::uint8_t*& at) {
    const __m256i one = _mm256_cmpgt_epi32(_mm256_set1_epi32(kLow), x);
    const __m256i two = _mm256_cmpgt_epi32(_mm256_set1_epi32(kLow >> 8), x);
    const auto m1 = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(one)));
    const auto m2 = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(two)));
    const unsigned low = (m1 & 15) | (m2 & 15) << 4;
    const unsigned high = m1 >> 4 | (m2 & 0xf0);
    const std::uint8_t* middle = at + _mm_popcnt_u32(low);
    const __m128i a = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)),
                                       _mm_load_si128(reinterpret_cast<const __m128i*>(kShuffles.row[low])));
    const __m128i b = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(middle)),
                                       _mm_load_si128(reinterpret_cast<const __m128i*>(kShuffles.row[high])));
    at = middle + _mm_popcnt_u32(high);
    const __m256i missing = _mm256_sub_epi32(_mm256_setzero_si256(), _mm256_add_epi32(one, two));
    const __m256i bits = _mm256_slli_epi32(missing, 3);
    return _mm256_or_si256(_mm256_sllv_epi32(x, bits), _mm256_set_m128i(b, a));
}

PAUCA_AVX2 inline void store8(std::int16_t* out, __m256i symbols) {
    // Sign-extend first: the pack saturates.
    const __m256i wide = _mm256_srai_epi32(_mm256_slli_epi32(symbols, 16), 16);
    const __m128i packed = _mm_packs_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), packed);
}

template <std::uint32_t Lanes>
PAUCA_AVX2 Progress run_avx2(Decoder& decoder, const TableModel& model, std::int16_t* symbols, std::size_t n) {
    const std::uint8_t* at = decoder.in.position();
    const std::uint8_t* const end = at + decoder.in.left();
    Status status = Status::ok;
    std::size_t i = 0;
    for (; n - i >= Lanes && static_cast<std::size_t>(end - at) >= 2 * Lanes + 16; i += Lanes) {
        for (std::uint32_t lane = 0; lane < Lanes; lane += 8) {
            auto* state = reinterpret_cast<__m256i*>(decoder.states.data() + lane);
            const Vector8 popped = pop8(_mm256_loadu_si256(state), model.tables, model.indexes + i + lane);
            if (popped.escaped) [[unlikely]] {
                if (!finish_group<Lanes>(decoder, model, symbols, i + lane, at, status)) return {i, status};
                break;
            }
            _mm256_storeu_si256(state, refill8(popped.x, at));
            store8(symbols + i + lane, popped.symbols);
        }
    }
    decoder.in.move_to(at);
    return {i, status};
}

PAUCA_AVX512 inline Vector16 pop16(__m512i x, const Tables& tables, const std::uint8_t* indexes) {
    const __m512i low16 = _mm512_set1_epi32(0xffff);
    const __m512i index = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(indexes)));
    const __m512i slot = _mm512_and_si512(x, low16);
    const __m512i at = _mm512_or_si512(_mm512_slli_epi32(index, kBucketBits),
                                       _mm512_srli_epi32(slot, kPrecision - kBucketBits));
    const __m512i bucket = _mm512_i32gather_epi32(at, tables.buckets, 4);
    __m512i interval = _mm512_and_si512(bucket, low16);
    __m512i symbol = _mm512_srli_epi32(bucket, 16);
    __m512i entry = _mm512_i32gather_epi32(interval, tables.decoder, 4);
    __m512i freq;
    __m512i within;
    for (;;) {
        freq = _mm512_srli_epi32(entry, 16);
        within = _mm512_sub_epi32(slot, _mm512_and_si512(entry, low16));
        const __mmask16 beyond = _mm512_cmpge_epi32_mask(within, freq);
        if (beyond == 0) break;
        interval = _mm512_mask_add_epi32(interval, beyond, interval, _mm512_set1_epi32(1));
        symbol = _mm512_mask_add_epi32(symbol, beyond, symbol, _mm512_set1_epi32(1));
        entry = _mm512_mask_i32gather_epi32(entry, beyond, interval, tables.decoder, 4);
    }
    const __m512i end = _mm512_add_epi32(freq, _mm512_and_si512(entry, low16));
    const __mmask16 escape = _mm512_cmpeq_epi32_mask(end, _mm512_set1_epi32(kTotal));
    const __m512i next = _mm512_add_epi32(_mm512_mullo_epi32(freq, _mm512_srli_epi32(x, kPrecision)), within);
    return {next, symbol, escape != 0};
}

struct TablePop16 {
    const TableModel& model;
    PAUCA_AVX512 Vector16 operator()(__m512i x, std::size_t i) const {
        return pop16(x, model.tables, model.indexes + i);
    }
};

}  // namespace

Progress decode_avx2(Decoder& decoder, const TableModel& model, std::int16_t* symbols, std::size_t n) {
    return decoder.lanes == 16 ? run_avx2<16>(decoder, model, symbols, n) : run_avx2<32>(decoder, model, symbols, n);
}

Progress decode_avx512(Decoder& decoder, const TableModel& model, std::int16_t* symbols, std::size_t n) {
    return run_avx512<32>(decoder, model, TablePop16{model}, symbols, n);
}

bool path_available(Path path) {
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");
    switch (path) {
        case Path::scalar: return true;
        case Path::avx2: return avx2;
        case Path::avx512:
            return avx2 && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("avx512f") &&
                   __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                   __builtin_cpu_supports("avx512vbmi2");
    }
    return false;
}

#else

Progress decode_avx2(Decoder&, const TableModel&, std::int16_t*, std::size_t) { return {0, Status::ok}; }
Progress decode_avx512(Decoder&, const TableModel&, std::int16_t*, std::size_t) { return {0, Status::ok}; }
bool path_available(Path path) { return path == Path::scalar; }

#endif

Path best_path() {
    if (path_available(Path::avx512)) return Path::avx512;
    return path_available(Path::avx2) ? Path::avx2 : Path::scalar;
}

}  // namespace pauca::rans
