// Whole arrays through either arithmetic coder: bins with context numbers, or values of one
// binarization. Header-only templates over the engine; the caller owns every array.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "pauca/binarize.hpp"
#include "pauca/cabac.hpp"
#include "pauca/cabac_h264.hpp"
#include "pauca/status.hpp"

namespace pauca::cabac {

inline constexpr std::uint16_t kBypass = 0xffff;  // context number of an equiprobable bin

// Bytes that n bins can need: a bin of probability 2^-16 takes two.
constexpr std::size_t bins_bound(std::size_t n) { return 2 * n + 16; }

// REQUIRES: equal lengths; every id < contexts.size() or kBypass.
template <class Encoder>
std::size_t encode_bins(std::span<const std::uint8_t> bins, std::span<const std::uint16_t> ids,
                        std::span<typename Encoder::Context> contexts, std::span<std::uint8_t> out) {
    Encoder encoder(out);
    for (std::size_t i = 0; i < bins.size(); ++i) {
        if (ids[i] == kBypass) {
            encoder.bypass(bins[i] != 0, 1);
        } else {
            encoder.encode(contexts[ids[i]], bins[i] != 0);
        }
    }
    return encoder.finish();
}

template <class Decoder>
Status decode_bins(std::span<const std::uint8_t> data, std::span<const std::uint16_t> ids,
                   std::span<typename Decoder::Context> contexts, std::span<std::uint8_t> bins) {
    Decoder decoder(data);
    for (std::size_t i = 0; i < bins.size() && decoder.good(); ++i) {
        bins[i] = ids[i] == kBypass ? static_cast<std::uint8_t>(decoder.bypass(1))
                                    : static_cast<std::uint8_t>(decoder.decode(contexts[ids[i]]));
    }
    return decoder.finish();
}

enum class Kind : std::uint8_t { unary, truncated_unary, exp_golomb, fixed, mapped, fixed_unary, uegk, signed_uegk };

struct Scheme {
    Kind kind = Kind::unary;
    std::uint32_t bits = 0;   // fixed, fixed_unary: 0 ... 31, with c_max << bits below 2^31
    std::uint32_t c_max = 0;  // truncated_unary, fixed_unary, uegk: 0 ... kMaxUnary
    std::uint32_t order = 0;  // exp_golomb, uegk: 0 ... kMaxOrder
    std::span<const Code> codes{};

    [[nodiscard]] bool valid() const {
        if (c_max > kMaxUnary || order > kMaxOrder || bits > 31) return false;
        if (kind == Kind::mapped) return prefix_free(codes);
        return kind != Kind::fixed_unary || (std::uint64_t{c_max} + 1) << bits <= std::uint64_t{kMaxValue} + 1;
    }

    // Is the value one that the scheme can write?
    [[nodiscard]] bool holds(std::int32_t value) const {
        if (kind == Kind::signed_uegk) return value > INT32_MIN;
        if (value < 0) return false;
        const auto v = static_cast<std::uint32_t>(value);
        switch (kind) {
            case Kind::unary: return v <= kMaxUnary;
            case Kind::truncated_unary: return v <= c_max;
            case Kind::fixed: return v >> bits == 0;
            case Kind::mapped: return v < codes.size();
            case Kind::fixed_unary: return v >> bits <= c_max;
            default: return true;
        }
    }
};

// REQUIRES: scheme.valid() and scheme.holds(value).
template <class Sink>
void put_value(Sink& sink, std::int32_t value, const Scheme& scheme) {
    const auto v = static_cast<std::uint32_t>(value);
    switch (scheme.kind) {
        case Kind::unary: return put_unary(sink, v);
        case Kind::truncated_unary: return put_truncated_unary(sink, v, scheme.c_max);
        case Kind::exp_golomb: return put_exp_golomb(sink, v, scheme.order);
        case Kind::fixed: return put_fixed(sink, v, scheme.bits);
        case Kind::mapped: return put_mapped(sink, v, scheme.codes);
        case Kind::fixed_unary: return put_fixed_unary(sink, v, scheme.bits, scheme.c_max);
        case Kind::uegk: return put_uegk(sink, value, scheme.order, scheme.c_max);
        case Kind::signed_uegk: return put_signed_uegk(sink, value, scheme.order, scheme.c_max);
    }
}

template <class Source>
bool get_value(Source& source, std::int32_t& value, const Scheme& scheme) {
    std::uint32_t v = 0;
    bool known = false;
    switch (scheme.kind) {
        case Kind::unary: known = get_unary(source, v); break;
        case Kind::truncated_unary: known = get_truncated_unary(source, scheme.c_max, v); break;
        case Kind::exp_golomb: known = get_exp_golomb(source, scheme.order, v); break;
        case Kind::fixed: known = get_fixed(source, scheme.bits, v); break;
        case Kind::mapped: known = get_mapped(source, scheme.codes, v); break;
        case Kind::fixed_unary: known = get_fixed_unary(source, scheme.bits, scheme.c_max, v); break;
        case Kind::uegk: known = get_uegk(source, scheme.order, scheme.c_max, v); break;
        case Kind::signed_uegk: return get_signed_uegk(source, scheme.order, scheme.c_max, value);
    }
    value = static_cast<std::int32_t>(v);
    return known;
}

// Bin i of a value in context min(i, last). REQUIRES of both: a non-empty context array.
template <class Encoder>
struct ContextSink {
    Encoder& encoder;
    std::span<typename Encoder::Context> contexts;
    void bin(std::size_t i, bool b) { encoder.encode(contexts[std::min(i, contexts.size() - 1)], b); }
    void raw(std::uint32_t bits, std::uint32_t n) { encoder.bypass(bits, n); }
};
template <class Decoder>
struct ContextSource {
    Decoder& decoder;
    std::span<typename Decoder::Context> contexts;
    bool bin(std::size_t i) { return decoder.decode(contexts[std::min(i, contexts.size() - 1)]); }
    std::uint32_t raw(std::uint32_t n) { return decoder.bypass(n); }
    [[nodiscard]] bool good() const { return decoder.good(); }
};

// Counts the bins of a value, and keeps the first of them.
struct BinCounter {
    std::span<std::uint8_t> kept{};
    std::uint64_t count = 0;
    void bin(std::size_t, bool b) {
        if (count < kept.size()) kept[count] = b;
        ++count;
    }
    void raw(std::uint32_t bits, std::uint32_t n) {
        while (n-- > 0) bin(0, (bits >> n & 1) != 0);
    }
};

// REQUIRES: as put_value for every value.
template <class Encoder>
std::size_t encode_values(std::span<const std::int32_t> values, const Scheme& scheme,
                          std::span<typename Encoder::Context> contexts, std::span<std::uint8_t> out) {
    Encoder encoder(out);
    ContextSink<Encoder> sink{encoder, contexts};
    for (const std::int32_t value : values) put_value(sink, value, scheme);
    return encoder.finish();
}

template <class Decoder>
Status decode_values(std::span<const std::uint8_t> data, const Scheme& scheme,
                     std::span<typename Decoder::Context> contexts, std::span<std::int32_t> values) {
    Decoder decoder(data);
    ContextSource<Decoder> source{decoder, contexts};
    for (std::int32_t& value : values) {
        const bool known = get_value(source, value, scheme);
        if (!decoder.good()) break;
        if (!known) return Status::corrupt;
    }
    return decoder.finish();
}

}  // namespace pauca::cabac
