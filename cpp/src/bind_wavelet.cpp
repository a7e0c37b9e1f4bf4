// Wavelet and level kernels for Python: checks, allocates, releases the GIL.
#include <nanobind/stl/vector.h>

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

nb::tuple analysis_level(const In<float, 3>& planes, bool box) {
    const std::size_t colours = planes.shape(0), h = planes.shape(1) / 2, w = planes.shape(2) / 2;
    require(h >= 1 && w >= 1 && planes.shape(1) % 2 == 0 && planes.shape(2) % 2 == 0, "planes must have even sides");
    auto low = make<float, 3>({colours, h, w});
    auto details = make<float, 4>({colours, 3, h, w});
    std::vector<float> work(lifting::work_size(w));
    {
        nb::gil_scoped_release release;
        const auto split = box ? lifting::analysis_level_box : lifting::analysis_level;
        split(planes.data(), colours, h, w, low.data(), details.data(), work.data());
    }
    return nb::make_tuple(low, details);
}

Out<std::int32_t, 3> synthesis_level(const In<std::int32_t, 3>& low, const In<std::int32_t, 4>& details, bool box) {
    const std::size_t colours = low.shape(0), h = low.shape(1), w = low.shape(2);
    require(h >= 1 && w >= 1, "bands are empty");
    require(details.shape(0) == colours && details.shape(1) == 3 && details.shape(2) == h && details.shape(3) == w,
            "details and low band differ in shape");
    auto planes = make<std::int32_t, 3>({colours, 2 * h, 2 * w});
    std::vector<std::int32_t> work(lifting::work_size(w));
    nb::gil_scoped_release release;
    const auto join = box ? lifting::synthesis_level_box : lifting::synthesis_level;
    join(low.data(), details.data(), colours, h, w, planes.data(), work.data());
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

void check_means(const In<std::int16_t, 1>& symbols, const Channels& means) {
    const std::size_t h = means.shape(0), w = means.shape(1), k = means.shape(2);
    require(symbols.size() == h * w * k, "symbols and means differ in number");
    const auto stride = means.stride(1);
    const bool rows = h < 2 || means.stride(0) == stride * static_cast<std::int64_t>(w);
    require(symbols.size() == 0 || ((k < 2 || means.stride(2) == 1) && (w < 2 || stride > 0) && rows),
            "means must be channels of a contiguous array");
}

std::size_t step_of(const Channels& means) {
    return static_cast<std::size_t>(means.shape(1) < 2 ? means.stride(0) : means.stride(1));
}

Out<std::int32_t, 3> merge_values(const In<std::int16_t, 1>& symbols, const Channels& means) {
    const std::size_t h = means.shape(0), w = means.shape(1), k = means.shape(2);
    check_means(symbols, means);
    auto y16 = make<std::int32_t, 3>({h, w, k});
    nb::gil_scoped_release release;
    level::merge_values(symbols.data(), means.data(), step_of(means), h * w, k, y16.data());
    return y16;
}

Out<std::int8_t, 3> compand(const In<std::int32_t, 3>& y16, const Table& table) {
    check_table(table);
    auto out = make<std::int8_t, 3>({y16.shape(0), y16.shape(1), y16.shape(2)});
    nb::gil_scoped_release release;
    level::compand(y16.data(), y16.size(), table.data(), out.data());
    return out;
}

nb::tuple extend(const In<std::int16_t, 1>& symbols, const Channels& means, const In<std::int8_t, 3>& known,
                 const Table& table) {
    const std::size_t h = means.shape(0), w = means.shape(1), k = means.shape(2), channels = known.shape(2);
    check_means(symbols, means);
    check_table(table);
    require(known.shape(0) == h && known.shape(1) == w, "means and known values differ in shape");
    auto y16 = make<std::int32_t, 3>({h, w, k});
    auto out = make<std::int8_t, 3>({h, w, channels + k});
    {
        nb::gil_scoped_release release;
        level::extend(symbols.data(), means.data(), step_of(means), h * w, k, table.data(), known.data(), channels,
                      y16.data(), out.data());
    }
    return nb::make_tuple(y16, out);
}

Out<std::int32_t, 4> dequantize(const std::vector<In<std::int32_t, 3>>& luma, const In<std::int32_t, 3>& chroma,
                                const In<std::int32_t, 2>& steps) {
    require(luma.size() == 4, "luma has four passes");
    const std::size_t h = chroma.shape(0), w = chroma.shape(1);
    const auto fits = [&](const In<std::int32_t, 3>& y, std::size_t k) {
        return y.shape(0) == h && y.shape(1) == w && y.shape(2) == k;
    };
    const bool alike = std::all_of(luma.begin(), luma.end(), [&](const auto& pass) { return fits(pass, 3); });
    require(alike && fits(chroma, 24), "the passes differ in shape");
    require(steps.shape(0) == 3 && steps.shape(1) == 3, "steps must be (3, 3)");
    auto details = make<std::int32_t, 4>({3, 3, 2 * h, 2 * w});
    nb::gil_scoped_release release;
    const std::int32_t* passes[4] = {luma[0].data(), luma[1].data(), luma[2].data(), luma[3].data()};
    level::dequantize(passes, chroma.data(), steps.data(), h, w, details.data());
    return details;
}

}  // namespace

void bind_wavelet(nb::module_& m) {
    // noconvert: an array of another type is refused, not copied.
    m.def("wavelet_analysis_level", &analysis_level, "planes"_a.noconvert(), "box"_a);
    m.def("wavelet_synthesis_level", &synthesis_level, "low"_a.noconvert(), "details"_a.noconvert(), "box"_a);
    m.def("level_differences", &differences, "low"_a.noconvert(), "reciprocal"_a, "table"_a.noconvert());
    m.def("level_merge_values", &merge_values, "symbols"_a.noconvert(), "means"_a.noconvert());
    m.def("level_extend", &extend, "symbols"_a.noconvert(), "means"_a.noconvert(), "known"_a.noconvert(),
          "table"_a.noconvert());
    m.def("level_compand", &compand, "y16"_a.noconvert(), "table"_a.noconvert());
    m.def("level_dequantize", &dequantize, "luma"_a.noconvert(), "chroma"_a.noconvert(), "steps"_a.noconvert());
}

}  // namespace pauca::bind
