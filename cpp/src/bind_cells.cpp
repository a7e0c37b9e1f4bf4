// Kernels around filters of decoded video for Python: checks, allocates, releases the GIL.
#include "bind_nets.hpp"
#include "pauca/cells.hpp"

namespace pauca::bind {

using namespace nb::literals;

namespace {

using Samples = nb::ndarray<const std::uint8_t, nb::ndim<2>, nb::device::cpu>;  // rows may lie apart

constexpr std::size_t kMarginMax = 8, kSideMax = 64, kRowMax = std::size_t{1} << 24;

cells::Plane view(const Samples& plane) {
    const std::size_t h = plane.shape(0), w = plane.shape(1);
    require(h >= 1 && w >= 1 && h <= kRowMax && w <= kRowMax, "a plane is empty or too large");
    require((plane.stride(1) == 1 || w == 1) && (h == 1 || plane.stride(0) >= static_cast<std::int64_t>(w)),
            "the samples of a row must follow each other");
    return {plane.data(), h, w, static_cast<std::size_t>(plane.stride(0))};
}

Out<std::uint8_t, 3> windows(const Samples& y, const Samples& u, const Samples& v, std::size_t margin,
                             const In<std::uint8_t, 1>& side) {
    const cells::Plane planes[3] = {view(y), view(u), view(v)};
    const std::size_t h = (planes[0].height + 1) / 2, w = (planes[0].width + 1) / 2;
    for (std::size_t p = 1; p < 3; ++p)
        require(planes[p].height == h && planes[p].width == w, "chroma must have half the sides of luma, rounded up");
    require(margin <= kMarginMax && margin % 2 == 0, "the margin must be 0, 2, .. 8");
    require(side.shape(0) <= kSideMax, "too many side channels");
    auto out = make<std::uint8_t, 3>({h, w, cells::window_size(margin, side.shape(0))});
    nb::gil_scoped_release release;
    cells::windows(planes, margin, side.data(), side.shape(0), out.data());
    return out;
}

void check_residual(const In<std::int16_t, 3>& residual, std::size_t height, std::size_t width, std::size_t fold,
                    std::size_t offset) {
    require(fold == 1 || fold == 2 || fold == 4, "the fold must be 1, 2 or 4");
    require(residual.shape(0) == (height + fold - 1) / fold && residual.shape(1) == (width + fold - 1) / fold,
            "the residual does not fit the plane");
    require(offset <= residual.shape(2) && residual.shape(2) - offset >= fold * fold, "the residual has too few channels");
}

Out<std::uint8_t, 2> mend(const Samples& plane, std::size_t fold, const In<std::int16_t, 3>& residual,
                          std::size_t offset) {
    const cells::Plane seen = view(plane);
    check_residual(residual, seen.height, seen.width, fold, offset);
    auto out = make<std::uint8_t, 2>({seen.height, seen.width});
    nb::gil_scoped_release release;
    cells::mend(seen, fold, residual.data(), residual.shape(2), offset, out.data());
    return out;
}

Out<std::uint8_t, 2> mend_large(const In<std::int16_t, 2>& base, std::size_t fold, const In<std::int16_t, 3>& residual,
                                std::size_t offset) {
    const std::size_t h = base.shape(0), w = base.shape(1);
    require(h >= 1 && w >= 1 && h <= kRowMax && w <= kRowMax, "a plane is empty or too large");
    check_residual(residual, h, w, fold, offset);
    auto out = make<std::uint8_t, 2>({h, w});
    nb::gil_scoped_release release;
    cells::mend(base.data(), h, w, fold, residual.data(), residual.shape(2), offset, out.data());
    return out;
}

}  // namespace

void bind_cells(nb::module_& m) {
    m.def("cells_windows", &windows, "y"_a.noconvert(), "u"_a.noconvert(), "v"_a.noconvert(), "margin"_a,
          "side"_a.noconvert());
    m.def("cells_mend", &mend, "plane"_a.noconvert(), "fold"_a, "residual"_a.noconvert(), "offset"_a);
    m.def("cells_mend_large", &mend_large, "base"_a.noconvert(), "fold"_a, "residual"_a.noconvert(), "offset"_a);
}

}  // namespace pauca::bind
