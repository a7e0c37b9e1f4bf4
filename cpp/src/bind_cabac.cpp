#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "bind.hpp"
#include "pauca/bins.hpp"

namespace pauca::bind {

using namespace nb::literals;
using namespace cabac;

namespace {

enum class Engine : std::uint8_t { range, h264 };

std::span<const std::uint8_t> view(const nb::bytes& data) {
    return {static_cast<const std::uint8_t*>(data.data()), data.size()};
}

void check_ids(const Array<std::uint16_t>& ids, std::uint32_t count) {
    if (count > kBypass) raise("InputError", "at most 65535 contexts");
    for (const std::uint16_t id : bind::view(ids)) {
        if (id >= count && id != kBypass) raise("InputError", message(Status::bad_index));
    }
}

void check_scheme(const Scheme& scheme, std::uint32_t contexts) {
    if (!scheme.valid()) raise("InputError", "binarization parameters out of range");
    if (contexts < 1 || contexts > kBypass) raise("InputError", "1 to 65535 contexts");
}

// Runs an encoding kernel on a buffer of its bound, without the GIL.
template <class Kernel>
nb::bytes collect(std::size_t capacity, Kernel kernel) {
    std::unique_ptr<std::uint8_t[]> buffer;
    std::size_t size = 0;
    {
        nb::gil_scoped_release release;
        buffer = std::make_unique_for_overwrite<std::uint8_t[]>(capacity);
        size = kernel(std::span<std::uint8_t>(buffer.get(), capacity));
    }
    if (size == 0) raise("InputError", message(Status::no_space));
    return nb::bytes(buffer.get(), size);
}

template <class Encoder>
nb::bytes encode_bins_with(const Array<std::uint8_t>& bins, const Array<std::uint16_t>& ids, std::uint32_t count) {
    return collect(bins_bound(bins.size()), [&](std::span<std::uint8_t> out) {
        std::vector<typename Encoder::Context> contexts(count);
        return encode_bins<Encoder>(bind::view(bins), bind::view(ids), contexts, out);
    });
}

nb::bytes cabac_encode_bins(const Array<std::uint8_t>& bins, const Array<std::uint16_t>& ids, std::uint32_t contexts,
                            Engine engine) {
    if (bins.size() != ids.size()) raise("InputError", "bins and contexts differ in length");
    check_ids(ids, contexts);
    return engine == Engine::range ? encode_bins_with<RangeEncoder>(bins, ids, contexts)
                                   : encode_bins_with<StateEncoder>(bins, ids, contexts);
}

template <class Decoder>
Status decode_bins_with(std::span<const std::uint8_t> data, std::span<const std::uint16_t> ids, std::uint32_t count,
                        std::span<std::uint8_t> bins) {
    nb::gil_scoped_release release;
    std::vector<typename Decoder::Context> contexts(count);
    return decode_bins<Decoder>(data, ids, contexts, bins);
}

OutArray<std::uint8_t> cabac_decode_bins(const nb::bytes& data, const Array<std::uint16_t>& ids,
                                         std::uint32_t contexts, Engine engine) {
    check_ids(ids, contexts);
    auto bins = make_array<std::uint8_t>(ids.size());
    const auto run = engine == Engine::range ? decode_bins_with<RangeDecoder> : decode_bins_with<StateDecoder>;
    check(run(view(data), bind::view(ids), contexts, {bins.data(), bins.size()}));
    return bins;
}

// A scheme with the storage its table needs.
struct OwnedScheme {
    Scheme scheme;
    std::vector<Code> codes;

    OwnedScheme(Kind kind, std::uint32_t bits, std::uint32_t c_max, std::uint32_t order,
                const std::vector<std::pair<std::uint32_t, std::uint32_t>>& table) {
        if (table.size() > 1024) raise("InputError", "a binarization table has at most 1024 values");
        for (const auto& [code, length] : table) codes.push_back({code, length});
        scheme = {kind, bits, c_max, order, codes};
    }
    OwnedScheme(const OwnedScheme&) = delete;
    OwnedScheme& operator=(const OwnedScheme&) = delete;
};

template <class Encoder>
nb::bytes encode_values_with(std::span<const std::int32_t> values, const Scheme& scheme, std::uint32_t count) {
    BinCounter counter;
    for (const std::int32_t value : values) {
        if (!scheme.holds(value)) raise("InputError", "a value does not fit the binarization");
        put_value(counter, value, scheme);
    }
    return collect(bins_bound(counter.count), [&](std::span<std::uint8_t> out) {
        std::vector<typename Encoder::Context> contexts(count);
        return encode_values<Encoder>(values, scheme, contexts, out);
    });
}

nb::bytes cabac_encode_values(const Array<std::int32_t>& values, const OwnedScheme& owned, std::uint32_t contexts,
                              Engine engine) {
    check_scheme(owned.scheme, contexts);
    return engine == Engine::range ? encode_values_with<RangeEncoder>(bind::view(values), owned.scheme, contexts)
                                   : encode_values_with<StateEncoder>(bind::view(values), owned.scheme, contexts);
}

template <class Decoder>
Status decode_values_with(std::span<const std::uint8_t> data, const Scheme& scheme, std::uint32_t count,
                          std::span<std::int32_t> values) {
    nb::gil_scoped_release release;
    std::vector<typename Decoder::Context> contexts(count);
    return decode_values<Decoder>(data, scheme, contexts, values);
}

OutArray<std::int32_t> cabac_decode_values(const nb::bytes& data, std::size_t n, const OwnedScheme& owned,
                                           std::uint32_t contexts, Engine engine) {
    check_scheme(owned.scheme, contexts);
    auto values = make_array<std::int32_t>(n);
    const auto run = engine == Engine::range ? decode_values_with<RangeDecoder> : decode_values_with<StateDecoder>;
    check(run(view(data), owned.scheme, contexts, {values.data(), values.size()}));
    return values;
}

OutArray<std::uint8_t> cabac_bins_of(std::int32_t value, const OwnedScheme& owned) {
    check_scheme(owned.scheme, 1);
    if (!owned.scheme.holds(value)) raise("InputError", "the value does not fit the binarization");
    BinCounter counter;
    put_value(counter, value, owned.scheme);
    auto bins = make_array<std::uint8_t>(counter.count);
    BinCounter keeper{{bins.data(), bins.size()}};
    put_value(keeper, value, owned.scheme);
    return bins;
}

std::uint32_t range_rate(std::uint32_t one, bool bin) {
    if (one < 1 || one > 65535) raise("InputError", "a probability is 1 to 65535, of 65536");
    return rate_of(bin ? one : 65536 - one);
}

std::uint32_t h264_rate(std::uint32_t state, bool less_probable) {
    if (state > kLastState) raise("InputError", "a state is 0 to 62");
    return kStateRates[state][less_probable ? 0 : 1];
}

}  // namespace

void bind_cabac(nb::module_& m) {
    nb::enum_<Engine>(m, "Engine").value("RANGE", Engine::range).value("H264", Engine::h264);
    nb::enum_<Kind>(m, "Kind")
        .value("UNARY", Kind::unary)
        .value("TRUNCATED_UNARY", Kind::truncated_unary)
        .value("EXP_GOLOMB", Kind::exp_golomb)
        .value("FIXED", Kind::fixed)
        .value("MAPPED", Kind::mapped)
        .value("FIXED_UNARY", Kind::fixed_unary)
        .value("UEGK", Kind::uegk)
        .value("SIGNED_UEGK", Kind::signed_uegk);
    nb::class_<OwnedScheme>(m, "NativeScheme")
        .def(nb::init<Kind, std::uint32_t, std::uint32_t, std::uint32_t,
                      const std::vector<std::pair<std::uint32_t, std::uint32_t>>&>(),
             "kind"_a, "bits"_a, "c_max"_a, "order"_a, "table"_a);
    m.def("cabac_encode_bins", &cabac_encode_bins, "bins"_a, "ids"_a, "contexts"_a, "engine"_a);
    m.def("cabac_decode_bins", &cabac_decode_bins, "data"_a, "ids"_a, "contexts"_a, "engine"_a);
    m.def("cabac_encode_values", &cabac_encode_values, "values"_a, "scheme"_a, "contexts"_a, "engine"_a);
    m.def("cabac_decode_values", &cabac_decode_values, "data"_a, "n"_a, "scheme"_a, "contexts"_a, "engine"_a);
    m.def("cabac_bins_of", &cabac_bins_of, "value"_a, "scheme"_a);
    m.def("range_rate", &range_rate, "one"_a, "bin"_a);
    m.def("h264_rate", &h264_rate, "state"_a, "less_probable"_a);
}

}  // namespace pauca::bind
