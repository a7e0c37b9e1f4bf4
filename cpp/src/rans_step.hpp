// One symbol at a time: the parts that the scalar coder and the SIMD fallbacks share.
#pragma once

#include <cstring>

#include "pauca/rans.hpp"

namespace pauca::rans {

// Where a symbol falls in its table.
struct Coded {
    std::uint32_t interval;
    bool escaped;
    bool below;            // escaped under the first symbol
    std::uint32_t excess;  // distance beyond the table's end, 0 ... 65535
};

inline Coded classify(const Tables& tables, std::int16_t symbol, std::uint8_t index) {
    const TableInfo& info = tables.info[index];
    const std::int32_t k = symbol - info.offset;
    if (static_cast<std::uint32_t>(k) < info.size) [[likely]] {
        return {info.base + static_cast<std::uint32_t>(k), false, false, 0};
    }
    const bool below = k < 0;
    const std::uint32_t excess = below ? static_cast<std::uint32_t>(-k - 1) : static_cast<std::uint32_t>(k) - info.size;
    return {info.base + info.size, true, below, excess};
}

// Bytes a state takes to come back to 2^20: 0, 1 or 2, never more since every update leaves x >= 2^4.
inline std::uint32_t missing_bytes(std::uint32_t x) { return (x < kLow) + (x < kLow >> 8); }

inline void refill(std::uint32_t& x, ByteReader& in) {
    const std::uint32_t n = missing_bytes(x);
    if (n == 1) x = x << 8 | in.u8();
    if (n == 2) x = x << 16 | in.u16();
}

inline std::uint32_t pull_bits(std::uint32_t& x, std::uint32_t n, ByteReader& in) {
    const std::uint32_t bits = x & ((1u << n) - 1);
    x >>= n;
    refill(x, in);
    return bits;
}

// Exp-Golomb distance beyond the table's end. False if no int16 symbol is meant.
inline bool pull_escape(std::uint32_t& x, const TableInfo& info, ByteReader& in, std::int16_t& symbol) {
    const bool below = pull_bits(x, 1, in) != 0;
    std::uint32_t extra = 0;
    while (pull_bits(x, 1, in) == 0) {
        if (++extra > 16) return false;
    }
    std::uint32_t value = 1u << extra;
    if (extra > 0) value += pull_bits(x, extra, in);
    const auto excess = static_cast<std::int32_t>(value - 1);
    const std::int32_t wide = below ? info.offset - 1 - excess
                                    : info.offset + static_cast<std::int32_t>(info.size) + excess;
    symbol = static_cast<std::int16_t>(wide);
    return wide == symbol;
}

struct Found {
    std::uint32_t start_freq;
    std::int16_t symbol;
    [[nodiscard]] bool escaped() const { return (start_freq & 0xffff) + (start_freq >> 16) == kTotal; }
};

// Finds the interval of the state's low 16 bits and takes the symbol off the state (no refill).
// The walk ends: the last interval of a table ends at 65536, beyond every slot.
inline Found pop(std::uint32_t& x, const Tables& tables, std::uint8_t index) {
    const std::uint32_t slot = x & (kTotal - 1);
    const std::uint32_t bucket =
        tables.buckets[std::uint32_t{index} << kBucketBits | slot >> (kPrecision - kBucketBits)];
    const std::uint32_t* entry = tables.decoder + (bucket & 0xffff);
    std::uint32_t symbol = bucket >> 16;
    std::uint32_t within = slot - (*entry & 0xffff);
    while (within >= *entry >> 16) {
        within -= *entry >> 16;
        ++entry;
        ++symbol;
    }
    x = (*entry >> 16) * (x >> kPrecision) + within;
    return {*entry, static_cast<std::int16_t>(symbol)};
}

// Symbols first ... first + count - 1 of a segment or group, every read checked.
Status decode_checked(Decoder& decoder, const Tables& tables, const std::uint8_t* indexes,
                      std::int16_t* symbols, std::uint32_t first, std::size_t count);

// Decodes whole groups of `lanes` symbols as long as bytes are plentiful; returns symbols done.
// The rest, and the groups it cannot do, are left to the caller.
struct Progress {
    std::size_t done;
    Status status;
};
Progress decode_avx2(Decoder&, const Tables&, const std::uint8_t* indexes, std::int16_t* symbols, std::size_t n);
Progress decode_avx512(Decoder&, const Tables&, const std::uint8_t* indexes, std::int16_t* symbols, std::size_t n);

}  // namespace pauca::rans
