// The binarization of DeepCABAC (arXiv:1907.11900, section III): significance, magnitude above
// 1 ... n, an Exp-Golomb remainder whose prefix and first two suffix bins have contexts, sign.
//
// A sink takes `bin(id, b)`, `sign(b, size)` and `raw(bits, n)`; a source gives them back.
#pragma once

#include <array>
#include <cstdint>

#include "levels_field.hpp"
#include "levels_prior.hpp"
#include "pauca/binarize.hpp"
#include "pauca/levels.hpp"

namespace pauca::levels {

inline constexpr std::uint32_t kPrefix = 1 + kMaxGreater;     // first prefix bin
inline constexpr std::uint32_t kPrefixBins = 20;
inline constexpr std::uint32_t kSuffix = kPrefix + kPrefixBins;  // three bins per prefix length
inline constexpr std::uint32_t kSuffixes = 8;
inline constexpr std::uint32_t kBins = 64;
static_assert(kSuffix + 3 * kSuffixes <= kBins);

constexpr std::uint32_t prefix_bin(std::uint32_t j) { return kPrefix + std::min(j, kPrefixBins - 1); }
constexpr std::uint32_t suffix_bin(std::uint32_t j, std::uint32_t node) {
    return kSuffix + 3 * std::min(j, kSuffixes - 1) + node;
}

template <class Sink>
[[gnu::always_inline]] inline void put_suffix(Sink& sink, std::uint32_t rest, std::uint32_t j, std::uint32_t bits) {
    if (bits == 0) return;
    const bool high = (rest >> (bits - 1) & 1) != 0;
    sink.bin(suffix_bin(j, 0), high);
    if (bits == 1) return;
    sink.bin(suffix_bin(j, high ? 2 : 1), (rest >> (bits - 2) & 1) != 0);
    if (bits > 2) cabac::put_raw(sink, rest & ((1u << (bits - 2)) - 1), bits - 2);
}
template <class Source>
[[gnu::always_inline]] inline std::uint32_t get_suffix(Source& source, std::uint32_t j, std::uint32_t bits) {
    if (bits == 0) return 0;
    std::uint32_t rest = source.bin(suffix_bin(j, 0)) ? 1 : 0;
    if (bits == 1) return rest;
    rest = rest << 1 | (source.bin(suffix_bin(j, rest != 0 ? 2 : 1)) ? 1 : 0);
    if (bits == 2) return rest;
    return rest << (bits - 2) | cabac::get_raw(source, bits - 2);
}

// REQUIRES: level > INT32_MIN.
template <class Sink>
[[gnu::always_inline]] inline void put_level(Sink& sink, std::int32_t level, const Shape& shape) {
    const std::uint32_t size = size_of(level);
    sink.bin(0, size != 0);
    if (size == 0) return;
    std::uint32_t i = 1;
    for (; i <= shape.greater; ++i) {
        sink.bin(i, size > i);
        if (size == i) break;
    }
    if (i > shape.greater) {
        std::uint32_t rest = size - 1 - shape.greater;
        std::uint32_t bits = shape.order;
        std::uint32_t j = 0;
        for (; rest >> bits != 0; ++j, ++bits) {
            sink.bin(prefix_bin(j), true);
            rest -= 1u << bits;
        }
        sink.bin(prefix_bin(j), false);
        put_suffix(sink, rest, j, bits);
    }
    sink.sign(level < 0, size);
}

// False if no level is meant.
template <class Source>
[[gnu::always_inline]] inline bool get_level(Source& source, std::int32_t& level, const Shape& shape) {
    level = 0;
    if (!source.bin(0)) return true;
    std::uint32_t size = 1;
    while (size <= shape.greater && source.bin(size)) ++size;
    if (size > shape.greater) {
        std::uint64_t base = size;
        std::uint32_t bits = shape.order;
        std::uint32_t j = 0;
        for (; source.bin(prefix_bin(j)); ++j, ++bits) {
            base += std::uint64_t{1} << bits;
            if (base > cabac::kMaxValue) return false;
        }
        base += get_suffix(source, j, bits);
        if (base > cabac::kMaxValue) return false;
        size = static_cast<std::uint32_t>(base);
    }
    const bool negative = source.sign(size);
    level = negative ? -static_cast<std::int32_t>(size) : static_cast<std::int32_t>(size);
    return true;
}

using BinPriors = std::array<std::uint16_t, kBins>;

// P(bin = 1) of 65536 for levels of a mean magnitude in 1/65536.
inline BinPriors priors_of(const Shape& shape, std::uint32_t mean) {
    BinPriors priors;
    priors.fill(1u << 15);
    const std::uint32_t x = continuous_mean(shape.prior, std::max(mean, 1024u));
    const auto p = [&](std::uint64_t a, std::uint64_t b) {
        return static_cast<std::uint16_t>(continues(shape.prior, x, a, b));
    };
    priors[0] = p(0, 1);
    for (std::uint64_t i = 1; i <= shape.greater; ++i) priors[i] = p(2 * i - 1, 2 * i + 1);
    std::uint64_t low = 2 * shape.greater + 1;
    for (std::uint32_t j = 0; j < kPrefixBins; ++j) {
        const std::uint64_t width = std::uint64_t{2} << std::min(shape.order + j, 30u);
        priors[prefix_bin(j)] = p(low, low + width);
        if (j < kSuffixes) {
            // P(upper half | bucket) from the tails at both ends and in the middle.
            const auto upper = [&](std::uint64_t from, std::uint64_t size) {
                const std::uint64_t half = p(from, from + size / 2), all = p(from, from + size);
                const std::uint64_t one = half > all ? half - all : 1;
                return static_cast<std::uint16_t>(std::clamp<std::uint64_t>(one * 65536 / (65536 - all), 4096, 40000));
            };
            priors[suffix_bin(j, 0)] = upper(low, width);
            priors[suffix_bin(j, 1)] = upper(low, width / 2);
            priors[suffix_bin(j, 2)] = upper(low + width / 2, width / 2);
        }
        low += width;
    }
    return priors;
}

}  // namespace pauca::levels
