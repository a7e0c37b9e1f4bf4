// Wavelet and level kernels for Python: checks, allocates, releases the GIL.
#include <algorithm>
#include <vector>

#include "bind_nets.hpp"
#include "pauca/level.hpp"
#include "pauca/lifting.hpp"

namespace pauca::bind {

using namespace nb::literals;

namespace {

using Table = In<std::int8_t, 1>;
// A part of the channels of an array (h, w, c).
using Channels = nb::ndarray<const std::int16_t, nb::ndim<3>, nb::device::cpu>;

void check_table(const Table& table) {
    require(table.size() == level::kTableSize, "the companding table has a wrong size");
    require(std::all_of(table.data(), table.data() + table.size(), [](std::int8_t v) { return v >= 0; }),
            "the companding table has negative entries");
}

nb::tuple analysis_level(const In<float, 3>& planes) {
    const std::size_t colours = planes.shape(0), h = planes.shape(1) / 2, w = planes.shape(2) / 2;
    require(h >= 1 && w >= 1 && planes.shape(1) % 2 == 0 && planes.shape(2) % 2 == 0, "planes must have even sides");
    auto low = make<float, 3>({colours, h, w});
    auto details = make<float, 4>({colours, 3, h, w});
    std::vector<float> work(lifting::work_size(w));
    {
        nb::gil_scoped_release release;
        lifting::analysis_level(planes.data(), colours, h, w, low.data(), details.data(), work.data());
    }
    return nb::make_tuple(low, details);
}

Out<std::int32_t, 3> synthesis_level(const In<std::int32_t, 3>& low, const In<std::int32_t, 4>& details) {
    const std::size_t colours = low.shape(0), h = low.shape(1), w = low.shape(2);
    require(h >= 1 && w >= 1, "bands are empty");
    require(details.shape(0) == colours && details.shape(1) == 3 && details.shape(2) == h && details.shape(3) == w,
            "details and low band differ in shape");
    auto planes = make<std::int32_t, 3>({colours, 2 * h, 2 * w});
    std::vector<std::int32_t> work(lifting::work_size(w));
    nb::gil_scoped_release release;
    lifting::synthesis_level(low.data(), details.data(), colours, h, w, planes.data(), work.data());
    return planes;
}

Out<std::int8_t, 3> differences(const In<std::int32_t, 3>& low, std::int32_t reciprocal, const Table& table) {
    const std::size_t h = low.shape(1) / 2, w = low.shape(2) / 2;
    require(low.shape(0) == 3 && h >= 1 && w >= 1 && low.shape(1) % 2 == 0 && low.shape(2) % 2 == 0,
            "the low band must have 3 colours and even sides");
    require(reciprocal >= 0 && reciprocal < level::kReciprocalMax, "the reciprocal is out of range");
    check_table(table);
    auto out = make<std::int8_t, 3>({h, w, 36});
    std::vector<std::int32_t> work(2 * w);
    nb::gil_scoped_release release;
    level::differences(low.data(), h, w, reciprocal, table.data(), out.data(), work.data());
    return out;
}

Out<std::int32_t, 3> merge_values(const In<std::int16_t, 1>& symbols, const Channels& means) {
    const std::size_t h = means.shape(0), w = means.shape(1), k = means.shape(2);
    require(symbols.size() == h * w * k, "symbols and means differ in number");
    const auto stride = means.stride(1);
    const bool rows = h < 2 || means.stride(0) == stride * static_cast<std::int64_t>(w);
    require(symbols.size() == 0 || ((k < 2 || means.stride(2) == 1) && (w < 2 || stride > 0) && rows),
            "means must be channels of a contiguous array");
    auto y16 = make<std::int32_t, 3>({h, w, k});
    nb::gil_scoped_release release;
    const auto step = static_cast<std::size_t>(w < 2 ? means.stride(0) : stride);
    level::merge_values(symbols.data(), means.data(), step, h * w, k, y16.data());
    return y16;
}

Out<std::int8_t, 3> compand(const In<std::int32_t, 3>& y16, const Table& table) {
    check_table(table);
    auto out = make<std::int8_t, 3>({y16.shape(0), y16.shape(1), y16.shape(2)});
    nb::gil_scoped_release release;
    level::compand(y16.data(), y16.size(), table.data(), out.data());
    return out;
}

Out<std::int32_t, 4> dequantize(const In<std::int32_t, 3>& luma, const In<std::int32_t, 3>& chroma,
                                const In<std::int32_t, 2>& steps) {
    const std::size_t h = luma.shape(0), w = luma.shape(1);
    const auto fits = [&](const In<std::int32_t, 3>& y, std::size_t k) {
        return y.shape(0) == h && y.shape(1) == w && y.shape(2) == k;
    };
    require(fits(luma, 12) && fits(chroma, 24), "the passes differ in shape");
    require(steps.shape(0) == 3 && steps.shape(1) == 3, "steps must be (3, 3)");
    auto details = make<std::int32_t, 4>({3, 3, 2 * h, 2 * w});
    nb::gil_scoped_release release;
    level::dequantize(luma.data(), chroma.data(), steps.data(), h, w, details.data());
    return details;
}

}  // namespace

void bind_wavelet(nb::module_& m) {
    // noconvert: an array of another type is refused, not copied.
    m.def("wavelet_analysis_level", &analysis_level, "planes"_a.noconvert());
    m.def("wavelet_synthesis_level", &synthesis_level, "low"_a.noconvert(), "details"_a.noconvert());
    m.def("level_differences", &differences, "low"_a.noconvert(), "reciprocal"_a, "table"_a.noconvert());
    m.def("level_merge_values", &merge_values, "symbols"_a.noconvert(), "means"_a.noconvert());
    m.def("level_compand", &compand, "y16"_a.noconvert(), "table"_a.noconvert());
    m.def("level_dequantize", &dequantize, "luma"_a.noconvert(), "chroma"_a.noconvert(), "steps"_a.noconvert());
}

}  // namespace pauca::bind
