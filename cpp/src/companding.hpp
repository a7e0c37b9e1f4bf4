// The companding table for both signs, and the reciprocal that leads into it. Private to the level kernels.
#pragma once

#include <algorithm>
#include <cstdint>

#include "pauca/level.hpp"

namespace pauca::level {

// Sums of samples wrap: a damaged stream must not be undefined behaviour.
inline std::int32_t wrap_add(std::int32_t a, std::int32_t b) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
}

inline std::int32_t wrap_subtract(std::int32_t a, std::int32_t b) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) - static_cast<std::uint32_t>(b));
}

inline std::int32_t wrap_multiply(std::int32_t a, std::int32_t b) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) * static_cast<std::uint32_t>(b));
}

inline std::int32_t to_index(std::int32_t d, std::int32_t reciprocal) {
    d = std::clamp(d, -kDifferenceMax, kDifferenceMax);
    return std::clamp((d * reciprocal + (1 << 14)) >> 15, 1 - kTableSize, kTableSize - 1);
}

// The table for indexes -2047..2047: one look-up instead of one and two choices.
struct SignedTable {
    std::int8_t entries[2 * kTableSize];

    explicit SignedTable(Table table) {
        for (std::int32_t i = 0; i < kTableSize; ++i) {
            entries[kTableSize + i] = table[i];
            entries[kTableSize - i] = static_cast<std::int8_t>(-table[i]);
        }
        entries[0] = entries[1];
    }
    std::int8_t operator[](std::int32_t index) const { return entries[kTableSize + index]; }
};

}  // namespace pauca::level
