// The seven binarizations of ITU-T H.264, 9.3.2, as pairs of mirrored functions.
//
// A sink takes the bins of one value: `bin(i, b)` is bin i, coded in a context chosen by i, and
// `raw(bits, n)` are n <= 16 equiprobable bins, the most significant first. A source gives them
// back, and `good()` turns false when the stream below it has failed.
// put_* REQUIRES a value in range; get_* returns false if no value in range is meant. Every loop
// is bounded by the range, whatever the source says.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>

namespace pauca::cabac {

inline constexpr std::uint32_t kMaxUnary = 1u << 16;     // largest value in plain unary
inline constexpr std::uint32_t kMaxValue = (1u << 31) - 1;
inline constexpr std::uint32_t kMaxOrder = 16;           // of Exp-Golomb codes

template <class Sink>
void put_raw(Sink& sink, std::uint32_t bits, std::uint32_t n) {
    if (n > 16) {
        sink.raw(bits >> 16, n - 16);
        bits &= 0xffff;
        n = 16;
    }
    sink.raw(bits, n);
}

template <class Source>
std::uint32_t get_raw(Source& source, std::uint32_t n) {
    if (n <= 16) return source.raw(n);
    const std::uint32_t high = source.raw(n - 16);
    return high << 16 | source.raw(16);
}

// 1. Unary: `value` ones and a zero. value <= kMaxUnary.
template <class Sink>
void put_unary(Sink& sink, std::uint32_t value) {
    for (std::uint32_t i = 0; i < value; ++i) sink.bin(i, true);
    sink.bin(value, false);
}
template <class Source>
bool get_unary(Source& source, std::uint32_t& value) {
    for (value = 0; source.bin(value); ++value) {
        if (value == kMaxUnary || !source.good()) return false;
    }
    return true;
}

// 2. Truncated unary: as unary, but the largest value c_max ends without its zero.
template <class Sink>
void put_truncated_unary(Sink& sink, std::uint32_t value, std::uint32_t c_max, std::uint32_t first = 0) {
    for (std::uint32_t i = 0; i < value; ++i) sink.bin(first + i, true);
    if (value < c_max) sink.bin(first + value, false);
}
template <class Source>
bool get_truncated_unary(Source& source, std::uint32_t c_max, std::uint32_t& value, std::uint32_t first = 0) {
    for (value = 0; value < c_max && source.bin(first + value); ++value) {
        if (!source.good()) return false;
    }
    return true;
}

// 3. Exp-Golomb of order k: ones while the value exceeds the growing bucket, a zero, and the
// place in the bucket as raw bins. All bins may be raw (a suffix) or the prefix in contexts.
template <class Sink>
void put_exp_golomb(Sink& sink, std::uint32_t value, std::uint32_t k, std::uint32_t first = 0) {
    std::uint32_t i = first;
    for (; value >> k != 0; ++i) {
        sink.bin(i, true);
        value -= 1u << k;
        ++k;
    }
    sink.bin(i, false);
    put_raw(sink, value, k);
}
template <class Source>
bool get_exp_golomb(Source& source, std::uint32_t k, std::uint32_t& value, std::uint32_t first = 0) {
    std::uint64_t base = 0;
    for (std::uint32_t i = first; source.bin(i); ++i) {
        base += std::uint64_t{1} << k;
        if (base > kMaxValue || !source.good()) return false;
        ++k;
    }
    base += get_raw(source, k);
    value = static_cast<std::uint32_t>(base);
    return base <= kMaxValue;
}

// 4. Fixed length: `bits` bins, the least significant first as in the standard. bits <= 31.
template <class Sink>
void put_fixed(Sink& sink, std::uint32_t value, std::uint32_t bits) {
    for (std::uint32_t i = 0; i < bits; ++i) sink.bin(i, (value >> i & 1) != 0);
}
template <class Source>
bool get_fixed(Source& source, std::uint32_t bits, std::uint32_t& value) {
    value = 0;
    for (std::uint32_t i = 0; i < bits; ++i) value |= static_cast<std::uint32_t>(source.bin(i)) << i;
    return true;
}

// 5. Table: each value has a bin string of its own. No string may begin another.
struct Code {
    std::uint32_t bits;    // the first bin is the most significant of `length`
    std::uint32_t length;  // 1 ... 31
};

inline bool prefix_free(std::span<const Code> codes) {
    for (std::size_t a = 0; a < codes.size(); ++a) {
        if (codes[a].length < 1 || codes[a].length > 31 || codes[a].bits >> codes[a].length != 0) return false;
        for (std::size_t b = 0; b < a; ++b) {
            const std::uint32_t shorter = std::min(codes[a].length, codes[b].length);
            const std::uint32_t x = codes[a].bits >> (codes[a].length - shorter);
            if (x == codes[b].bits >> (codes[b].length - shorter)) return false;
        }
    }
    return !codes.empty();
}

template <class Sink>
void put_mapped(Sink& sink, std::uint32_t value, std::span<const Code> codes) {
    const Code code = codes[value];
    for (std::uint32_t i = 0; i < code.length; ++i) sink.bin(i, (code.bits >> (code.length - 1 - i) & 1) != 0);
}
template <class Source>
bool get_mapped(Source& source, std::span<const Code> codes, std::uint32_t& value) {
    std::uint32_t bits = 0;
    for (std::uint32_t length = 1; length <= 31; ++length) {
        bits = bits << 1 | static_cast<std::uint32_t>(source.bin(length - 1));
        for (value = 0; value < codes.size(); ++value) {
            if (codes[value].length == length && codes[value].bits == bits) return true;
        }
    }
    return false;  // an incomplete code has strings that mean nothing
}

// 6. Fixed length and truncated unary, one after the other, as coded_block_pattern: the low
// `bits` of the value, then the rest, at most c_max.
template <class Sink>
void put_fixed_unary(Sink& sink, std::uint32_t value, std::uint32_t bits, std::uint32_t c_max) {
    put_fixed(sink, value & ((1u << bits) - 1), bits);
    put_truncated_unary(sink, value >> bits, c_max, bits);
}
template <class Source>
bool get_fixed_unary(Source& source, std::uint32_t bits, std::uint32_t c_max, std::uint32_t& value) {
    std::uint32_t rest = 0;
    if (!get_fixed(source, bits, value) || !get_truncated_unary(source, c_max, rest, bits)) return false;
    value |= rest << bits;
    return true;
}

// 7. UEGk: truncated unary up to c_max in contexts, the excess as raw Exp-Golomb of order k, and
// for signed values a raw sign unless the value is 0.
template <class Sink>
struct RawSink {
    Sink& sink;
    void bin(std::uint32_t, bool b) { sink.raw(b, 1); }
    void raw(std::uint32_t bits, std::uint32_t n) { sink.raw(bits, n); }
};
template <class Source>
struct RawSource {
    Source& source;
    bool bin(std::uint32_t) { return source.raw(1) != 0; }
    std::uint32_t raw(std::uint32_t n) { return source.raw(n); }
    [[nodiscard]] bool good() const { return source.good(); }
};

template <class Sink>
void put_uegk(Sink& sink, std::int32_t value, std::uint32_t k, std::uint32_t c_max) {
    const std::uint32_t size = value < 0 ? 0u - static_cast<std::uint32_t>(value) : static_cast<std::uint32_t>(value);
    put_truncated_unary(sink, std::min(size, c_max), c_max);
    RawSink<Sink> raw{sink};
    if (size >= c_max) put_exp_golomb(raw, size - c_max, k);
}
template <class Source>
bool get_uegk(Source& source, std::uint32_t k, std::uint32_t c_max, std::uint32_t& size) {
    if (!get_truncated_unary(source, c_max, size)) return false;
    if (size < c_max) return true;
    std::uint32_t excess = 0;
    RawSource<Source> raw{source};
    if (!get_exp_golomb(raw, k, excess) || excess > kMaxValue - c_max) return false;
    size += excess;
    return true;
}

template <class Sink>
void put_signed_uegk(Sink& sink, std::int32_t value, std::uint32_t k, std::uint32_t c_max) {
    put_uegk(sink, value, k, c_max);
    if (value != 0) sink.raw(value < 0, 1);
}
template <class Source>
bool get_signed_uegk(Source& source, std::uint32_t k, std::uint32_t c_max, std::int32_t& value) {
    std::uint32_t size = 0;
    if (!get_uegk(source, k, c_max, size)) return false;
    const bool negative = size != 0 && source.raw(1) != 0;
    value = negative ? -static_cast<std::int32_t>(size) : static_cast<std::int32_t>(size);
    return true;
}

}  // namespace pauca::cabac
