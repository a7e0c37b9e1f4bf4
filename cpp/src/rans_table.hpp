// The model of spec/rans.md: a static table per symbol.
#pragma once

#include "rans_lanes.hpp"

namespace pauca::rans {

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
    return {static_cast<std::int16_t>(symbol), (*entry & 0xffff) + (*entry >> 16) == kTotal};
}

struct TableCoded {
    const EncoderEntry* entry;
    bool escaped;
    [[nodiscard]] std::uint32_t start() const { return entry->start; }
    [[nodiscard]] std::uint32_t freq() const { return entry->freq; }
    // Exact: x < 2^28 and the reciprocal's error is below freq, so x * error stays below
    // 2^(28 + bit_width(freq)) (Granlund and Montgomery, PLDI 1994, theorem 4.2).
    [[nodiscard]] std::uint32_t quotient(std::uint32_t x) const {
        const auto shift = kStateBits + static_cast<std::uint32_t>(std::bit_width(std::uint32_t{entry->freq}));
        return static_cast<std::uint32_t>(std::uint64_t{x} * entry->reciprocal >> shift);
    }
};

struct TableModel {
    Tables tables;  // views
    const std::uint8_t* indexes;

    [[nodiscard]] Reach reach(std::size_t i) const {
        const TableInfo& info = tables.info[indexes[i]];
        return {info.offset, info.size};
    }
    [[nodiscard]] TableCoded coded(std::size_t i, std::int16_t symbol) const {
        const TableInfo& info = tables.info[indexes[i]];
        const auto k = static_cast<std::uint32_t>(symbol - info.offset);
        if (k < info.size) [[likely]] return {tables.encoder + info.base + k, false};
        return {tables.encoder + info.base + info.size, true};
    }
    Found pop(std::uint32_t& x, std::size_t i) const { return rans::pop(x, tables, indexes[i]); }
};

Progress decode_avx2(Decoder&, const TableModel&, std::int16_t* symbols, std::size_t n);
Progress decode_avx512(Decoder&, const TableModel&, std::int16_t* symbols, std::size_t n);

}  // namespace pauca::rans
