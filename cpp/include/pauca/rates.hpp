// What a binary decision costs, in 1/32768 bit, for quantizers that weigh rate against distortion.
// Integer tables made at compile time: the same cost on every machine.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace pauca {

inline constexpr std::uint32_t kRateBits = 15;
inline constexpr std::uint32_t kOneBit = 1u << kRateBits;  // the cost of a bypass bin

// log2(x) for 1 <= x <= 2 by repeated squaring, exact to 2^-24.
constexpr double log2_unit(double x) {
    double result = 0.0;
    double weight = 1.0;
    if (x >= 2.0) return 1.0;
    for (int bit = 0; bit < 24; ++bit) {
        x *= x;
        weight /= 2.0;
        if (x >= 2.0) {
            x /= 2.0;
            result += weight;
        }
    }
    return result;
}

inline constexpr std::array<std::uint32_t, 257> kLog2 = [] {
    std::array<std::uint32_t, 257> table{};
    for (std::uint32_t i = 0; i <= 256; ++i) {
        table[i] = static_cast<std::uint32_t>(log2_unit(1.0 + i / 256.0) * kOneBit + 0.5);
    }
    return table;
}();

// Cost of an event of probability p / 65536. REQUIRES: 1 <= p <= 65536.
constexpr std::uint32_t rate_of(std::uint32_t p) {
    const auto exponent = static_cast<std::uint32_t>(std::bit_width(p)) - 1;
    const std::uint32_t mantissa = p << (16 - exponent) & 0xffff;
    const std::uint32_t i = mantissa >> 8;
    const std::uint32_t log = kLog2[i] + ((kLog2[i + 1] - kLog2[i]) * (mantissa & 255) >> 8);
    return (16 - exponent) * kOneBit - log;
}

}  // namespace pauca
