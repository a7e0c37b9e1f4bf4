// Shared by bind_nets.cpp and its kin (wavelet, upscale, cells, xnor, ngram): arrays of several dimensions.
#pragma once

#include <array>
#include <memory>

#include "bind.hpp"

namespace pauca::bind {

template <typename T, std::size_t N>
using In = nb::ndarray<const T, nb::ndim<N>, nb::c_contig, nb::device::cpu>;
template <typename T, std::size_t N>
using Out = nb::ndarray<nb::numpy, T, nb::ndim<N>, nb::c_contig>;

inline void require(bool condition, const char* text) {
    if (!condition) throw nb::value_error(text);
}

// An array that is not cleared: the kernels write every element.
template <typename T, std::size_t N>
Out<T, N> make(const std::array<std::size_t, N>& shape) {
    std::size_t size = 1;
    for (const std::size_t n : shape) size *= n;
    auto data = std::make_unique_for_overwrite<T[]>(size);
    nb::capsule owner(data.get(), [](void* p) noexcept { delete[] static_cast<T*>(p); });
    return Out<T, N>(data.release(), N, shape.data(), owner);
}

void bind_wavelet(nb::module_& m);  // called by bind_nets
void bind_upscale(nb::module_& m);
void bind_cells(nb::module_& m);
void bind_xnor(nb::module_& m);
void bind_ngram(nb::module_& m);
void bind_filter(nb::module_& m);

}  // namespace pauca::bind
