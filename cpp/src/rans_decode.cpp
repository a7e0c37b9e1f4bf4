#include "rans_step.hpp"

namespace pauca::rans {

Status open(Decoder& decoder, std::span<const std::uint8_t> data) {
    decoder.in = ByteReader(data.data(), data.size());
    const std::uint32_t first = decoder.in.u32();
    const std::uint32_t log_lanes = first >> kStateBits;
    if (decoder.in.truncated()) return Status::truncated;
    if (1u << log_lanes > kMaxLanes) return Status::corrupt;
    decoder.lanes = 1u << log_lanes;
    decoder.states[0] = first & ((1u << kStateBits) - 1);
    for (std::uint32_t lane = 1; lane < decoder.lanes; ++lane) decoder.states[lane] = decoder.in.u32();
    if (decoder.in.truncated()) return Status::truncated;
    for (std::uint32_t lane = 0; lane < decoder.lanes; ++lane) {
        const std::uint32_t x = decoder.states[lane];
        if (x < kLow || x >> kStateBits != 0) return Status::corrupt;
    }
    return Status::ok;
}

Status decode_checked(Decoder& decoder, const Tables& tables, const std::uint8_t* indexes,
                      std::int16_t* symbols, std::uint32_t first, std::size_t count) {
    for (std::size_t i = first; i < first + count; ++i) {
        std::uint32_t& x = decoder.states[i & (decoder.lanes - 1)];
        const Found found = pop(x, tables, indexes[i]);
        symbols[i] = found.symbol;
        refill(x, decoder.in);
        if (found.escaped()) [[unlikely]] {
            if (!pull_escape(x, tables.info[indexes[i]], decoder.in, symbols[i])) return Status::corrupt;
        }
        if (decoder.in.truncated()) [[unlikely]] return Status::truncated;
    }
    return Status::ok;
}

namespace {

// The bytes that bring x back, without a branch. REQUIRES: two readable bytes at `at`.
inline const std::uint8_t* refill_unchecked(std::uint32_t& x, const std::uint8_t* at) {
    const std::uint32_t n = missing_bytes(x);
    const std::uint32_t two = at[0] | std::uint32_t{at[1]} << 8;
    x = x << (8 * n) | (two & ((1u << (8 * n)) - 1));
    return at + n;
}

template <std::uint32_t Lanes>
Progress decode_scalar(Decoder& decoder, const Tables& tables, const std::uint8_t* indexes,
                       std::int16_t* symbols, std::size_t n) {
    std::array<std::uint32_t, kMaxLanes> states = decoder.states;
    const std::uint8_t* at = decoder.in.position();
    const std::uint8_t* const end = at + decoder.in.left();
    std::size_t i = 0;
    while (n - i >= Lanes && static_cast<std::size_t>(end - at) >= 2 * Lanes) {
        std::uint32_t lane = 0;
        for (; lane < Lanes; ++lane) {
            std::uint32_t x = states[lane];
            const Found found = pop(x, tables, indexes[i + lane]);
            if (found.escaped()) [[unlikely]] break;
            symbols[i + lane] = found.symbol;
            at = refill_unchecked(x, at);
            states[lane] = x;
        }
        if (lane < Lanes) [[unlikely]] {  // an escape takes more than two bytes: check each
            decoder.states = states;
            decoder.in.move_to(at);
            const Status status = decode_checked(decoder, tables, indexes + i, symbols + i, lane, Lanes - lane);
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

Progress decode_bulk(Decoder& decoder, const Tables& tables, const std::uint8_t* indexes,
                     std::int16_t* symbols, std::size_t n, Path path) {
    // A lone vector waits for itself longer than scalar lanes do: two are needed.
    if (path == Path::avx512 && decoder.lanes == 32) return decode_avx512(decoder, tables, indexes, symbols, n);
    if (path != Path::scalar && decoder.lanes >= 16) return decode_avx2(decoder, tables, indexes, symbols, n);
    switch (decoder.lanes) {
        case 1: return decode_scalar<1>(decoder, tables, indexes, symbols, n);
        case 2: return decode_scalar<2>(decoder, tables, indexes, symbols, n);
        case 4: return decode_scalar<4>(decoder, tables, indexes, symbols, n);
        case 8: return decode_scalar<8>(decoder, tables, indexes, symbols, n);
        case 16: return decode_scalar<16>(decoder, tables, indexes, symbols, n);
        default: return decode_scalar<32>(decoder, tables, indexes, symbols, n);
    }
}

}  // namespace

Status decode(Decoder& decoder, const Tables& tables, std::span<const std::uint8_t> indexes,
              std::span<std::int16_t> symbols, Path path) {
    const Progress bulk = decode_bulk(decoder, tables, indexes.data(), symbols.data(), symbols.size(), path);
    if (bulk.status != Status::ok) return bulk.status;
    // bulk.done is a multiple of the lanes, so the lane of the next symbol is 0 again.
    return decode_checked(decoder, tables, indexes.data() + bulk.done, symbols.data() + bulk.done, 0,
                          symbols.size() - bulk.done);
}

Status finish(const Decoder& decoder) {
    for (std::uint32_t lane = 0; lane < decoder.lanes; ++lane) {
        if (decoder.states[lane] != kLow) return Status::bad_final;
    }
    return decoder.in.left() == 0 ? Status::ok : Status::leftover;
}

}  // namespace pauca::rans
