// Interleaved range ANS with static tables chosen per symbol. Format: spec/rans.md.
//
// J. Duda, "Asymmetric numeral systems" (arXiv:1311.2540); interleaving: F. Giesen,
// "Interleaved entropy coders" (arXiv:1402.3392).
//
// Nothing in this header allocates. The caller owns every array; `Tables` is a view.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "pauca/bytes.hpp"
#include "pauca/status.hpp"

namespace pauca::rans {

inline constexpr std::uint32_t kPrecision = 16;  // probabilities are multiples of 2^-16
inline constexpr std::uint32_t kTotal = 1u << kPrecision;
// A state lives in [2^20, 2^28) and is refilled by bytes. With 16-bit words and states in
// [2^16, 2^32) the quotient x / f can be 1, and flooring it costs 0.1-0.2 % of the size (measured
// on Gaussians); here the quotient is at least 16 and the loss is below 0.002 %.
inline constexpr std::uint32_t kLowBits = 20;
inline constexpr std::uint32_t kStateBits = kLowBits + 8;
inline constexpr std::uint32_t kLow = 1u << kLowBits;
inline constexpr std::uint32_t kMaxLanes = 32;
inline constexpr std::uint32_t kMaxTables = 256;
inline constexpr std::uint32_t kMaxIntervals = 65536;  // over all tables, escapes included
inline constexpr std::uint32_t kBucketBits = 10;        // buckets of the decoder's first guess

struct TableInfo {
    std::uint32_t base;   // first interval of this table
    std::int32_t offset;  // symbol of the first interval
    std::uint32_t size;   // regular symbols; interval `size` is the escape
};

struct EncoderEntry {
    std::uint32_t reciprocal;  // ceil(2^(28 + bit_width(freq)) / freq)
    std::uint16_t start;
    std::uint16_t freq;
};

// Views into storage made by the caller and filled by build_tables.
struct Tables {
    std::uint32_t count = 0;
    const TableInfo* info = nullptr;         // [count]
    const EncoderEntry* encoder = nullptr;   // [intervals]
    const std::uint32_t* decoder = nullptr;  // [intervals] start | freq << 16
    const std::uint32_t* buckets = nullptr;  // [count << kBucketBits] interval | (symbol & 0xffff) << 16
};

struct TableStorage {
    std::span<TableInfo> info;
    std::span<EncoderEntry> encoder;
    std::span<std::uint32_t> decoder;
    std::span<std::uint32_t> buckets;
};

// Number of intervals of well-formed sizes, or 0 if the sizes break a limit.
std::uint32_t count_intervals(std::span<const std::int32_t> sizes);

// cdf: count rows of `stride` values. Row i is 0 = c[0] < c[1] < ... < c[size+1] = 65536, and the
// rest of the row repeats 65536. Symbols offset ... offset + size - 1 fit int16.
// REQUIRES: storage sized by count_intervals(sizes) != 0, info and offsets as long as sizes.
Status build_tables(std::span<const std::uint32_t> cdf, std::size_t stride,
                    std::span<const std::int32_t> sizes, std::span<const std::int32_t> offsets,
                    const TableStorage& storage);

// Ideal code length in bits, escapes included. REQUIRES: equal lengths, every index < tables.count.
double code_length(const Tables& tables, std::span<const std::int16_t> symbols,
                   std::span<const std::uint8_t> indexes);

// Size estimate from a regular sample of the symbols. REQUIRES: as code_length.
double estimate_bytes(const Tables& tables, std::span<const std::int16_t> symbols,
                      std::span<const std::uint8_t> indexes);

// Lanes for a stream of about this many bytes: a lane costs 3 bytes, lanes together stay near 0.1 %.
std::uint32_t choose_lanes(double bytes);

// Bytes that encode() can need at most: a symbol moves 2, its escape 1 + 16 + 16 bits more.
constexpr std::size_t encode_bound(std::size_t symbols, std::uint32_t lanes) {
    return 8 * symbols + 4 * std::size_t{lanes} + 8;
}

// Writes the stream at the END of `out` and returns its size; 0 if `out` is too small.
// REQUIRES: lanes a power of two <= kMaxLanes; segments sum to symbols.size(); indexes < count.
std::size_t encode(const Tables& tables, std::span<const std::int16_t> symbols,
                   std::span<const std::uint8_t> indexes, std::span<const std::uint64_t> segments,
                   std::uint32_t lanes, std::span<std::uint8_t> out);

enum class Path : std::uint8_t { scalar, avx2, avx512 };

bool path_available(Path path);
Path best_path();

struct Decoder {
    ByteReader in;
    std::uint32_t lanes = 0;
    std::array<std::uint32_t, kMaxLanes> states{};
};

// Reads the header. The bytes must outlive the decoder.
Status open(Decoder& decoder, std::span<const std::uint8_t> data);

// Decodes one segment. REQUIRES: equal lengths, every index < tables.count, the path available.
// After a status other than ok the decoder must not be used again; symbols are undefined.
Status decode(Decoder& decoder, const Tables& tables, std::span<const std::uint8_t> indexes,
              std::span<std::int16_t> symbols, Path path);

// All lanes are back at 2^20 and all bytes consumed.
Status finish(const Decoder& decoder);

}  // namespace pauca::rans
