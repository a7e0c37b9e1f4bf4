#include "mixture_model.hpp"

namespace pauca::mixture {

namespace {

bool well_formed(std::span<const std::uint16_t> row) {
    return row.front() == 0 && row.back() == kTop && std::is_sorted(row.begin(), row.end());
}

}  // namespace

Status build_curves(std::span<const std::uint16_t> values, std::span<const std::int32_t> reaches,
                    std::span<const std::uint8_t> shifts, std::span<const std::uint16_t> shares,
                    std::span<Curve> curves) {
    if (reaches.empty() || reaches.size() > kMaxCurves || shifts.size() != reaches.size()) return Status::bad_tables;
    if (shares.empty() || shares.size() > kMaxCodes || values.size() > kMaxValues) return Status::bad_tables;
    for (const std::uint16_t share : shares) {
        if (share < 1 || share > 1 << kShareBits) return Status::bad_tables;
    }
    std::size_t base = 0;
    for (std::size_t i = 0; i < reaches.size(); ++i) {
        if (shifts[i] > kMaxShift || reaches[i] < 1 || reaches[i] > static_cast<std::int32_t>(kMaxReach >> shifts[i])) {
            return Status::bad_tables;
        }
        const std::size_t reach = static_cast<std::size_t>(reaches[i]);
        const std::size_t length = 2 * reach + 1;
        if (values.size() - base < length || !well_formed(values.subspan(base, length))) return Status::bad_tables;
        curves[i] = {static_cast<std::uint32_t>(base + reach), static_cast<std::uint16_t>(reach), shifts[i]};
        base += length;
    }
    return base == values.size() ? Status::ok : Status::bad_tables;
}

double code_length(const Curves& curves, std::span<const std::int16_t> symbols, const Parameters& parameters) {
    return rans::sampled_length(MixtureModel{curves, parameters}, symbols, 1);
}

double estimate_bytes(const Curves& curves, std::span<const std::int16_t> symbols, const Parameters& parameters) {
    return rans::estimated_bytes(MixtureModel{curves, parameters}, symbols);
}

std::size_t encode(const Curves& curves, std::span<const std::int16_t> symbols, const Parameters& parameters,
                   std::span<const std::uint64_t> segments, std::uint32_t lanes, std::span<std::uint8_t> out) {
    return rans::encode_lanes(MixtureModel{curves, parameters}, symbols, segments, lanes, out);
}

Status decode(rans::Decoder& decoder, const Curves& curves, const Parameters& parameters,
              std::span<std::int16_t> symbols, rans::Path path) {
    const MixtureModel model{curves, parameters};
    const bool wide = path == rans::Path::avx512 && decoder.lanes >= 16;
    const auto bulk = wide ? decode_avx512 : rans::decode_scalar<MixtureModel>;
    return rans::decode_rest(decoder, model, symbols, bulk(decoder, model, symbols.data(), symbols.size()));
}

}  // namespace pauca::mixture
