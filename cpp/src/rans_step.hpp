// One symbol at a time: the parts that the scalar coder and the SIMD fallbacks share.
#pragma once

#include <cstring>

#include "pauca/rans.hpp"

namespace pauca::rans {

// The regular symbols of one symbol's distribution: first ... first + size - 1.
struct Reach {
    std::int32_t first;
    std::uint32_t size;
};

// Where a symbol that is not regular lies.
struct Outside {
    bool below;            // under the first symbol
    std::uint32_t excess;  // distance beyond the end, 0 ... 65535
};

inline Outside outside(const Reach& reach, std::int32_t symbol) {
    const std::int32_t k = symbol - reach.first;
    if (k < 0) return {true, static_cast<std::uint32_t>(-k - 1)};
    return {false, static_cast<std::uint32_t>(k) - reach.size};
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

// Exp-Golomb distance beyond the end. False if no int16 symbol is meant.
inline bool pull_escape(std::uint32_t& x, const Reach& reach, ByteReader& in, std::int16_t& symbol) {
    const bool below = pull_bits(x, 1, in) != 0;
    std::uint32_t extra = 0;
    while (pull_bits(x, 1, in) == 0) {
        if (++extra > 16) return false;
    }
    std::uint32_t value = 1u << extra;
    if (extra > 0) value += pull_bits(x, extra, in);
    const auto excess = static_cast<std::int32_t>(value - 1);
    const std::int32_t wide = below ? reach.first - 1 - excess
                                    : reach.first + static_cast<std::int32_t>(reach.size) + excess;
    symbol = static_cast<std::int16_t>(wide);
    return wide == symbol;
}

struct Found {
    std::int16_t symbol;
    bool escaped;
};

// Decodes whole groups of `lanes` symbols as long as bytes are plentiful; returns symbols done.
// The rest, and the groups it cannot do, are left to the caller.
struct Progress {
    std::size_t done;
    Status status;
};

}  // namespace pauca::rans
