// Levels of network weights for Python, band by band: checks, allocates, releases the GIL.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/tuple.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <tuple>
#include <vector>

#include "bind.hpp"
#include "levels_cabac.hpp"
#include "levels_mix.hpp"
#include "pauca/levels.hpp"
#include "pauca/rdoq.hpp"

namespace pauca::bind {

using namespace nb::literals;
using namespace levels;

namespace {

enum class Coder : std::uint8_t { cabac, mix, rans };

using ShapeTuple = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>;
using Target = nb::ndarray<std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

Shape shape_of(const ShapeTuple& t) {
    const Shape shape{std::get<0>(t), std::get<1>(t), std::get<2>(t), std::get<3>(t), std::get<4>(t)};
    if (!shape.valid()) raise("InputError", "parameters of the level coder out of range");
    return shape;
}
ShapeTuple tuple_of(const Shape& s) { return {s.greater, s.order, s.prior, s.scale, s.pace}; }

// A band and its workspace.
struct OwnedBand {
    std::vector<Column> columns;
    Band band;

    OwnedBand(std::size_t count, std::size_t width, const Shape& shape)
        : columns(width), band{count / width, width, columns, shape} {}
};

void check_width(std::size_t count, std::size_t width) {
    if (width < 1 || count % width != 0) raise("InputError", "levels do not fill whole rows");
}

void check_levels(std::span<const std::int32_t> levels, Coder coder) {
    const std::int64_t limit = coder == Coder::rans ? 1 << 15 : std::int64_t{1} << 31;
    for (const std::int32_t level : levels) {
        if (level <= -limit || level >= limit) raise("InputError", "a level is out of the coder's range");
    }
}

std::size_t encode_band(std::span<const std::int32_t> levels, const Band& band, Coder coder, std::span<std::uint8_t> out) {
    if (coder == Coder::rans) {
        StaticWorkspace work(band, true);
        return encode_static(levels, band, work, out);
    }
    if (coder == Coder::mix) {
        const auto model = std::make_unique_for_overwrite<MixModel>();
        return encode_mix(levels, band, *model, out);
    }
    const auto model = std::make_unique_for_overwrite<CabacModel>();
    return encode_cabac(levels, band, *model, out);
}

nb::bytes levels_encode(const Array<std::int32_t>& levels, std::size_t width, Coder coder, const ShapeTuple& shape) {
    check_width(levels.size(), width);
    check_levels(view(levels), coder);
    const Shape checked = shape_of(shape);
    std::unique_ptr<std::uint8_t[]> buffer;
    std::size_t size = 0;
    {
        nb::gil_scoped_release release;
        const OwnedBand owned(levels.size(), width, checked);
        // Almost every band fits what it took in memory; the bound is for those that do not.
        const std::size_t usual = 5 * levels.size() + 4096, bound = encode_bound(levels.size());
        const bool is_static = coder == Coder::rans;
        for (const std::size_t capacity : {is_static ? encode_static_bound(owned.band) : usual, bound}) {
            buffer = std::make_unique_for_overwrite<std::uint8_t[]>(capacity);
            size = encode_band(view(levels), owned.band, coder, {buffer.get(), capacity});
            if (size != 0 || is_static) break;
        }
    }
    if (size == 0) raise("InputError", message(Status::no_space));
    return nb::bytes(buffer.get(), size);
}

Status decode_band(std::span<const std::uint8_t> data, const Band& band, Coder coder, std::span<std::int32_t> levels) {
    if (coder == Coder::rans) {
        StaticWorkspace work(band, false);
        return decode_static(data, band, work, levels);
    }
    if (coder == Coder::mix) {
        const auto model = std::make_unique_for_overwrite<MixModel>();
        return decode_mix(data, band, *model, levels);
    }
    const auto model = std::make_unique_for_overwrite<CabacModel>();
    return decode_cabac(data, band, *model, levels);
}

void levels_decode(const nb::bytes& data, const Target& out, std::size_t width, Coder coder, const ShapeTuple& shape) {
    check_width(out.size(), width);
    const Shape checked = shape_of(shape);
    const std::span<const std::uint8_t> bytes(static_cast<const std::uint8_t*>(data.data()), data.size());
    Status status = Status::ok;
    {
        nb::gil_scoped_release release;
        const OwnedBand owned(out.size(), width, checked);
        status = decode_band(bytes, owned.band, coder, {out.data(), out.size()});
    }
    check(status);
}

ShapeTuple levels_shape(const Array<std::int32_t>& levels) {
    nb::gil_scoped_release release;
    std::vector<std::uint64_t> counts(4096);
    double sum = 0.0;
    for (const std::int32_t level : view(levels)) {
        const std::uint32_t size = size_of(level);
        ++counts[std::min(size, 4095u)];
        sum += size;
    }
    return tuple_of(choose_shape(counts, sum));
}

ShapeTuple levels_defaults(std::uint32_t scale) {
    if (scale >= kScales) raise("InputError", "parameters of the level coder out of range");
    return tuple_of(default_shape(scale));
}

double levels_bits(const Array<std::int32_t>& levels, std::size_t width, const ShapeTuple& shape) {
    check_width(levels.size(), width);
    check_levels(view(levels), Coder::cabac);
    const Shape checked = shape_of(shape);
    nb::gil_scoped_release release;
    const OwnedBand owned(levels.size(), width, checked);
    const auto model = std::make_unique_for_overwrite<CabacModel>();
    return cabac_bits(view(levels), owned.band, *model);
}

void check_weights(std::span<const float> weights, float step) {
    constexpr float kMaxLevel = 2147483000.0f;  // a float below 2^31 - 1
    for (const float w : weights) {
        if (!(std::abs(w / step) < kMaxLevel)) raise("InputError", "a weight is not finite, or too large for the step");
    }
}

OutArray<std::int32_t> levels_rdoq(const Array<float>& weights, std::size_t width,
                                   const std::optional<Array<float>>& importance, float step, float lambda,
                                   const ShapeTuple& shape) {
    check_width(weights.size(), width);
    const Shape checked = shape_of(shape);
    if (!(step > 0.0f) || !std::isfinite(step)) raise("InputError", "the step must be positive");
    if (!(lambda >= 0.0f) || !std::isfinite(lambda)) raise("InputError", "lambda must not be negative");
    check_weights(view(weights), step);
    std::span<const float> factors;
    if (importance) {
        factors = view(*importance);
        if (factors.size() != weights.size()) raise("InputError", "weights and importance differ in size");
        for (const float f : factors) {
            if (!(f >= 0.0f) || !std::isfinite(f)) raise("InputError", "importance must be finite and not negative");
        }
    }
    auto levels = make_array<std::int32_t>(weights.size());
    nb::gil_scoped_release release;
    const OwnedBand owned(weights.size(), width, checked);
    const auto model = std::make_unique_for_overwrite<CabacModel>();
    rdoq::quantize(view(weights), factors, {step, lambda}, owned.band, *model, {levels.data(), levels.size()});
    return levels;
}

}  // namespace

void bind_levels(nb::module_& m) {
    nb::enum_<Coder>(m, "LevelCoder").value("CABAC", Coder::cabac).value("MIX", Coder::mix).value("RANS", Coder::rans);
    m.def("levels_encode", &levels_encode, "levels"_a, "width"_a, "coder"_a, "shape"_a);
    m.def("levels_decode", &levels_decode, "data"_a, "out"_a, "width"_a, "coder"_a, "shape"_a);
    m.def("levels_shape", &levels_shape, "levels"_a);
    m.def("levels_defaults", &levels_defaults, "scale"_a);
    m.def("levels_bits", &levels_bits, "levels"_a, "width"_a, "shape"_a);
    m.def("levels_rdoq", &levels_rdoq, "weights"_a, "width"_a, "importance"_a.none(), "step"_a, "lmbda"_a, "shape"_a);
}

}  // namespace pauca::bind
