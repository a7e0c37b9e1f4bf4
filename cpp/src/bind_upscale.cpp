// Super-resolution kernels for Python: checks, allocates, releases the GIL.
#include <nanobind/stl/optional.h>

#include <optional>
#include <vector>

#include "bind_nets.hpp"
#include "pauca/upscale.hpp"

namespace pauca::bind {

using namespace nb::literals;

namespace {

constexpr std::size_t kFoldMax = 8, kMarginMax = 8;
constexpr std::size_t kSideMax = std::size_t{1} << 24;

void check_plane(const In<std::int16_t, 2>& plane, std::size_t fold) {
    const std::size_t h = plane.shape(0), w = plane.shape(1);
    require(fold >= 1 && fold <= kFoldMax, "the fold must be 1..8");
    require(h >= 1 && w >= 1 && h <= kSideMax && w <= kSideMax, "the plane is empty or too large");
    require(h % fold == 0 && w % fold == 0, "the sides of the plane must be multiples of the fold");
}

Out<std::int8_t, 3> windows(const In<std::int16_t, 2>& plane, std::size_t fold, std::size_t margin) {
    check_plane(plane, fold);
    require(margin <= kMarginMax, "the margin must be 0..8");
    const std::size_t h = plane.shape(0), w = plane.shape(1), side = fold + 2 * margin;
    auto out = make<std::int8_t, 3>({h / fold, w / fold, side * side});
    nb::gil_scoped_release release;
    upscale::windows(plane.data(), h, w, fold, margin, out.data());
    return out;
}

Out<std::int16_t, 2> interpolate(const In<std::int16_t, 2>& plane, std::size_t scale, std::size_t fold,
                                 const std::optional<In<std::int16_t, 3>>& residual) {
    check_plane(plane, fold);
    require(scale == 2 || scale == 4, "the scale must be 2 or 4");
    const std::size_t h = plane.shape(0), w = plane.shape(1), side = fold * scale;
    if (residual)
        require(residual->shape(0) == h / fold && residual->shape(1) == w / fold && residual->shape(2) == side * side,
                "the residual does not fit the plane");
    auto out = make<std::int16_t, 2>({h * scale, w * scale});
    std::vector<std::int32_t> work(upscale::work_size(w, scale));
    const std::int16_t* added = residual ? residual->data() : nullptr;
    nb::gil_scoped_release release;
    upscale::interpolate(plane.data(), h, w, scale, fold, added, out.data(), work.data());
    return out;
}

}  // namespace

void bind_upscale(nb::module_& m) {
    m.def("upscale_windows", &windows, "plane"_a.noconvert(), "fold"_a, "margin"_a);
    m.def("upscale_interpolate", &interpolate, "plane"_a.noconvert(), "scale"_a, "fold"_a, "residual"_a.none() = nb::none());
}

}  // namespace pauca::bind
