#include "rans_table.hpp"

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

Status decode(Decoder& decoder, const Tables& tables, std::span<const std::uint8_t> indexes,
              std::span<std::int16_t> symbols, Path path) {
    const TableModel model{tables, indexes.data()};
    // A lone vector waits for itself longer than scalar lanes do: two are needed.
    const auto bulk = path == Path::avx512 && decoder.lanes == 32      ? decode_avx512
                      : path != Path::scalar && decoder.lanes >= 16    ? decode_avx2
                                                                       : decode_scalar<TableModel>;
    return decode_rest(decoder, model, symbols, bulk(decoder, model, symbols.data(), symbols.size()));
}

Status finish(const Decoder& decoder) {
    for (std::uint32_t lane = 0; lane < decoder.lanes; ++lane) {
        if (decoder.states[lane] != kLow) return Status::bad_final;
    }
    return decoder.in.left() == 0 ? Status::ok : Status::leftover;
}

}  // namespace pauca::rans
