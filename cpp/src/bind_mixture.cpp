// Mixtures for Python: checks, allocates, releases the GIL.
#include <algorithm>

#include "bind_nets.hpp"
#include "bind_rans.hpp"
#include "pauca/mixture.hpp"

namespace pauca::bind {

using namespace nb::literals;

namespace {

using Bytes3 = In<std::uint8_t, 2>;
using Words3 = In<std::int16_t, 2>;

class NativeCurves {
public:
    NativeCurves(const Array<std::uint16_t>& values, const Array<std::int32_t>& reach, const Array<std::uint8_t>& shift,
                 const Array<std::uint16_t>& shares) {
        if (reach.size() > mixture::kMaxCurves || values.size() > mixture::kMaxValues) {
            raise("PackError", "too many curves, or curves too long");
        }
        curves_.resize(reach.size());
        const Status status = mixture::build_curves(view(values), view(reach), view(shift), view(shares), curves_);
        if (status != Status::ok) raise("PackError", message(status));
        values_.assign(values.data(), values.data() + values.size());
        values_.push_back(0);
        shares_.assign(shares.data(), shares.data() + shares.size());
        shares_.push_back(0);
    }

    [[nodiscard]] mixture::Curves curves() const {
        return {static_cast<std::uint32_t>(curves_.size()), curves_.data(), values_.data(),
                static_cast<std::uint32_t>(shares_.size() - 1), shares_.data()};
    }

    // The parameters of n symbols, if they are that and within the set.
    [[nodiscard]] mixture::Parameters checked(std::size_t n, const Bytes3& weights, const Words3& means,
                                              const Bytes3& scales) const {
        const auto fits = [n](const auto& array) { return array.shape(0) == n && array.shape(1) == mixture::kParts; };
        if (!fits(weights) || !fits(means) || !fits(scales)) raise("InputError", "parameters must be (symbols, 3)");
        if (beyond(weights, shares_.size() - 1)) raise("InputError", "weight code out of range");
        if (beyond(scales, curves_.size())) raise("InputError", "scale index out of range");
        return {weights.data(), means.data(), scales.data()};
    }

private:
    static bool beyond(const Bytes3& codes, std::size_t limit) {
        std::uint8_t largest = 0;
        for (std::size_t i = 0; i < codes.size(); ++i) largest = std::max(largest, codes.data()[i]);
        return codes.size() > 0 && largest >= limit;
    }

    std::vector<mixture::Curve> curves_;
    std::vector<std::uint16_t> values_;
    std::vector<std::uint16_t> shares_;
};

double bits(const NativeCurves& set, const Array<std::int16_t>& symbols, const Bytes3& weights, const Words3& means,
            const Bytes3& scales) {
    const mixture::Parameters parameters = set.checked(symbols.size(), weights, means, scales);
    nb::gil_scoped_release release;
    return mixture::code_length(set.curves(), view(symbols), parameters);
}

nb::bytes encode(const NativeCurves& set, const Array<std::int16_t>& symbols, const Bytes3& weights,
                 const Words3& means, const Bytes3& scales, const std::vector<std::uint64_t>& segments,
                 std::uint32_t lanes) {
    const mixture::Parameters parameters = set.checked(symbols.size(), weights, means, scales);
    const mixture::Curves curves = set.curves();
    return encode_stream(
        symbols.size(), segments, lanes,
        [&] { return mixture::estimate_bytes(curves, view(symbols), parameters); },
        [&](std::uint32_t chosen, std::span<std::uint8_t> out) {
            return mixture::encode(curves, view(symbols), parameters, segments, chosen, out);
        });
}

class MixtureDecoder {
public:
    MixtureDecoder(nb::bytes data, const NativeCurves& set, const std::string& path)
        : stream_(std::move(data), path), set_(set) {}

    OutArray<std::int16_t> decode(const Bytes3& weights, const Words3& means, const Bytes3& scales) {
        stream_.check_ready();
        const std::size_t n = weights.shape(0);
        const mixture::Parameters parameters = set_.checked(n, weights, means, scales);
        return stream_.segment(n, [&](rans::Decoder& decoder, Symbols symbols, rans::Path path) {
            return mixture::decode(decoder, set_.curves(), parameters, symbols, path);
        });
    }

    void finish() const { stream_.finish(); }

private:
    StreamDecoder stream_;
    const NativeCurves& set_;
};

}  // namespace

void bind_mixture(nb::module_& m) {
    nb::class_<NativeCurves>(m, "NativeCurves")
        .def(nb::init<const Array<std::uint16_t>&, const Array<std::int32_t>&, const Array<std::uint8_t>&,
                      const Array<std::uint16_t>&>(),
             "values"_a, "reach"_a, "shift"_a, "shares"_a);
    nb::class_<MixtureDecoder>(m, "NativeMixtureDecoder")
        .def(nb::init<nb::bytes, const NativeCurves&, const std::string&>(), "data"_a, "curves"_a, "path"_a = "auto",
             nb::keep_alive<1, 3>())
        .def("decode", &MixtureDecoder::decode, "weights"_a, "means"_a, "scales"_a)
        .def("finish", &MixtureDecoder::finish);
    m.def("mixture_encode", &encode, "curves"_a, "symbols"_a, "weights"_a, "means"_a, "scales"_a, "segments"_a,
          "lanes"_a = 0);
    m.def("mixture_bits", &bits, "curves"_a, "symbols"_a, "weights"_a, "means"_a, "scales"_a);
}

}  // namespace pauca::bind
