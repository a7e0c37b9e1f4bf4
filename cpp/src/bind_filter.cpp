// What surrounds the filters on cells, for Python: checks, allocates, releases the GIL.
#include <algorithm>
#include <vector>

#include "bind_nets.hpp"
#include "pauca/filter.hpp"

namespace pauca::bind {

using namespace nb::literals;

namespace {

// Parts of larger arrays.
using PlanesIn = nb::ndarray<const std::int32_t, nb::ndim<3>, nb::device::cpu>;
using PlanesOut = nb::ndarray<std::int32_t, nb::ndim<3>, nb::device::cpu>;
using HeadIn = nb::ndarray<const std::int16_t, nb::ndim<3>, nb::device::cpu>;
using RgbOut = nb::ndarray<std::uint8_t, nb::ndim<3>, nb::device::cpu>;

struct Cells {
    std::size_t h, w;
};

template <typename T>
Cells cells_of(const T& planes) {
    const std::size_t h = planes.shape(1) / filter::kCell, w = planes.shape(2) / filter::kCell;
    require(planes.shape(0) == 3 && h >= 1 && w >= 1 && planes.shape(1) == filter::kCell * h &&
                planes.shape(2) == filter::kCell * w,
            "planes must have 3 colours and sides of whole cells");
    require(planes.stride(2) == 1, "rows of planes must be contiguous");
    return {h, w};
}

filter::Planes<const std::int32_t> view(const PlanesIn& planes) { return {planes.data(), planes.stride(0), planes.stride(1)}; }

filter::Head head_of(const HeadIn& head, const Cells& cells) {
    require(head.shape(0) == cells.h && head.shape(1) == cells.w && head.shape(2) == filter::kChannels,
            "planes and head differ in shape");
    require(head.stride(2) == 1, "channels of the head must be contiguous");
    return {head.data(), head.stride(0), head.stride(1)};
}

Out<std::int8_t, 3> inputs(const PlanesIn& planes, std::int32_t reciprocal, const In<std::int8_t, 1>& table) {
    const auto [h, w] = cells_of(planes);
    require(reciprocal >= 0 && reciprocal < level::kReciprocalMax, "the reciprocal is out of range");
    require(table.size() == level::kTableSize, "the companding table has a wrong size");
    require(std::all_of(table.data(), table.data() + table.size(), [](std::int8_t v) { return v >= 0; }),
            "the companding table has negative entries");
    auto out = make<std::int8_t, 3>({h, w, 2 * filter::kChannels});
    std::vector<std::int32_t> work(12 * w);
    nb::gil_scoped_release release;
    filter::inputs(view(planes), h, w, reciprocal, table.data(), out.data(), work.data());
    return out;
}

void mend(const PlanesIn& planes, const HeadIn& head, std::int32_t step, const PlanesOut& out) {
    const Cells cells = cells_of(planes), same = cells_of(out);
    require(cells.h == same.h && cells.w == same.w, "planes differ in shape");
    const filter::Head values = head_of(head, cells);
    const filter::Planes<std::int32_t> to{out.data(), out.stride(0), out.stride(1)};
    nb::gil_scoped_release release;
    filter::mend(view(planes), values, cells.h, cells.w, step, to);
}

void mend_to_rgb(const PlanesIn& planes, const HeadIn& head, std::int32_t step, const RgbOut& out) {
    const Cells cells = cells_of(planes);
    const filter::Head values = head_of(head, cells);
    require(out.shape(0) == planes.shape(1) && out.shape(1) == planes.shape(2) && out.shape(2) == 3,
            "planes and pixels differ in shape");
    require(out.stride(2) == 1 && out.stride(1) == 3, "rows of pixels must be contiguous");
    std::vector<std::int32_t> work(12 * cells.w);
    nb::gil_scoped_release release;
    filter::mend_to_rgb(view(planes), values, cells.h, cells.w, step, out.data(), out.stride(0), work.data());
}

}  // namespace

void bind_filter(nb::module_& m) {
    m.def("filter_inputs", &inputs, "planes"_a.noconvert(), "reciprocal"_a, "table"_a.noconvert());
    m.def("filter_mend", &mend, "planes"_a.noconvert(), "head"_a.noconvert(), "step"_a, "out"_a.noconvert());
    m.def("filter_mend_to_rgb", &mend_to_rgb, "planes"_a.noconvert(), "head"_a.noconvert(), "step"_a, "out"_a.noconvert());
}

}  // namespace pauca::bind
