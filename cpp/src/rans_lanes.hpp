// Streams of interleaved lanes over any model. A model knows the distribution of symbol i of a segment:
//
//     Reach reach(i)            its regular symbols
//     Coded coded(i, symbol)    start(), freq(), quotient(x) = x / freq, and whether it escaped
//     Found pop(x, i)           takes the symbol off the state, no refill (decoders)
#pragma once

#include <bit>
#include <cmath>

#include "rans_step.hpp"

namespace pauca::rans {

// The lanes' states of an encoder and what it has written.
struct Encoder {
    BackWriter out;
    std::array<std::uint32_t, kMaxLanes> states;

    // The decoder reads these bits first to last; here they go in last to first.
    void escape(std::uint32_t& x, const Outside& outside) {
        const std::uint32_t value = outside.excess + 1;
        const auto extra = static_cast<std::uint32_t>(std::bit_width(value)) - 1;
        if (extra > 0) push_bits(x, value - (1u << extra), extra);
        push_bits(x, 1, 1);
        for (std::uint32_t k = 0; k < extra; ++k) push_bits(x, 0, 1);
        push_bits(x, outside.below, 1);
    }

    void push_bits(std::uint32_t& x, std::uint32_t bits, std::uint32_t n) {
        emit(x, 1u << (kStateBits - n));
        x = x << n | bits;
    }

    // Zero, one or two bytes leave, as chance has it: no branch could be predicted.
    void emit(std::uint32_t& x, std::uint32_t limit) {
        const std::uint32_t n = (x >= limit) + (x >> 8 >= limit);
        out.low_bytes(x, n);
        x >>= 8 * n;
    }

    template <typename Model>
    void symbol(std::uint32_t& x, const Model& model, std::size_t i, std::int16_t symbol) {
        const auto coded = model.coded(i, symbol);
        if (coded.escaped) [[unlikely]] escape(x, outside(model.reach(i), symbol));
        emit(x, coded.freq() << (kStateBits - kPrecision));
        x += coded.quotient(x) * (kTotal - coded.freq()) + coded.start();
    }
};

// Writes the stream at the end of `out`; 0 if it is too small. The model counts from the first segment.
template <typename Model>
std::size_t encode_lanes(const Model& model, std::span<const std::int16_t> symbols,
                         std::span<const std::uint64_t> segments, std::uint32_t lanes, std::span<std::uint8_t> out) {
    if (out.size() < encode_bound(symbols.size(), lanes)) return 0;
    Encoder encoder{BackWriter(out.data(), out.size()), {}};
    encoder.states.fill(kLow);
    std::size_t end = symbols.size();
    for (std::size_t s = segments.size(); s-- > 0;) {
        const std::size_t start = end - segments[s];
        for (std::size_t i = end; i-- > start;) {
            encoder.symbol(encoder.states[(i - start) & (lanes - 1)], model, i, symbols[i]);
        }
        end = start;
    }
    for (std::uint32_t lane = lanes; lane-- > 1;) encoder.out.u32(encoder.states[lane]);
    const auto log_lanes = static_cast<std::uint32_t>(std::countr_zero(lanes));
    encoder.out.u32(encoder.states[0] | log_lanes << kStateBits);
    return encoder.out.size();
}

// Ideal length in bits of every `stride`-th symbol, escapes included.
template <typename Model>
double sampled_length(const Model& model, std::span<const std::int16_t> symbols, std::size_t stride) {
    double bits = 0.0;
    for (std::size_t i = 0; i < symbols.size(); i += stride) {
        const auto coded = model.coded(i, symbols[i]);
        bits += kPrecision - std::log2(static_cast<double>(coded.freq()));
        if (!coded.escaped) continue;
        bits += 2.0 * std::bit_width(outside(model.reach(i), symbols[i]).excess + 1);  // sign + 2 n - 1
    }
    return bits;
}

template <typename Model>
double estimated_bytes(const Model& model, std::span<const std::int16_t> symbols) {
    // A prime stride meets every channel and column of any tensor layout.
    const std::size_t stride = symbols.size() <= 4096 ? 1 : 61;
    return sampled_length(model, symbols, stride) * static_cast<double>(stride) / 8.0;
}

// Symbols first ... first + count - 1 of a segment, every read checked.
template <typename Model>
Status decode_checked(Decoder& decoder, const Model& model, std::int16_t* symbols, std::size_t first,
                      std::size_t count) {
    for (std::size_t i = first; i < first + count; ++i) {
        std::uint32_t& x = decoder.states[i & (decoder.lanes - 1)];
        const Found found = model.pop(x, i);
        symbols[i] = found.symbol;
        refill(x, decoder.in);
        if (found.escaped) [[unlikely]] {
            if (!pull_escape(x, model.reach(i), decoder.in, symbols[i])) return Status::corrupt;
        }
        if (decoder.in.truncated()) [[unlikely]] return Status::truncated;
    }
    return Status::ok;
}

// The bytes that bring x back, without a branch. REQUIRES: two readable bytes at `at`.
inline const std::uint8_t* refill_unchecked(std::uint32_t& x, const std::uint8_t* at) {
    const std::uint32_t n = missing_bytes(x);
    const std::uint32_t two = at[0] | std::uint32_t{at[1]} << 8;
    x = x << (8 * n) | (two & ((1u << (8 * n)) - 1));
    return at + n;
}

template <std::uint32_t Lanes, typename Model>
Progress decode_groups(Decoder& decoder, const Model& model, std::int16_t* symbols, std::size_t n) {
    std::array<std::uint32_t, kMaxLanes> states = decoder.states;
    const std::uint8_t* at = decoder.in.position();
    const std::uint8_t* const end = at + decoder.in.left();
    std::size_t i = 0;
    while (n - i >= Lanes && static_cast<std::size_t>(end - at) >= 2 * Lanes) {
        std::uint32_t lane = 0;
        for (; lane < Lanes; ++lane) {
            std::uint32_t x = states[lane];
            const Found found = model.pop(x, i + lane);
            if (found.escaped) [[unlikely]] break;
            symbols[i + lane] = found.symbol;
            at = refill_unchecked(x, at);
            states[lane] = x;
        }
        if (lane < Lanes) [[unlikely]] {  // an escape takes more than two bytes: check each
            decoder.states = states;
            decoder.in.move_to(at);
            const Status status = decode_checked(decoder, model, symbols, i + lane, Lanes - lane);
            if (status != Status::ok) return {i, status};
            states = decoder.states;
            at = decoder.in.position();
        }
        i += Lanes;
    }
    decoder.states = states;
    decoder.in.move_to(at);
    return {i, Status::ok};
}

template <typename Model>
Progress decode_scalar(Decoder& decoder, const Model& model, std::int16_t* symbols, std::size_t n) {
    switch (decoder.lanes) {
        case 1: return decode_groups<1>(decoder, model, symbols, n);
        case 2: return decode_groups<2>(decoder, model, symbols, n);
        case 4: return decode_groups<4>(decoder, model, symbols, n);
        case 8: return decode_groups<8>(decoder, model, symbols, n);
        case 16: return decode_groups<16>(decoder, model, symbols, n);
        default: return decode_groups<32>(decoder, model, symbols, n);
    }
}

// What is left of a segment after `bulk`, a multiple of the lanes, so that the next lane is 0 again.
template <typename Model>
Status decode_rest(Decoder& decoder, const Model& model, std::span<std::int16_t> symbols, const Progress& bulk) {
    if (bulk.status != Status::ok) return bulk.status;
    return decode_checked(decoder, model, symbols.data(), bulk.done, symbols.size() - bulk.done);
}

}  // namespace pauca::rans
