// Shared by the bind*.cpp files, the only ones that know Python.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <span>

#include "pauca/status.hpp"

namespace pauca::bind {

namespace nb = nanobind;

template <typename T>
using Array = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <typename T>
using OutArray = nb::ndarray<nb::numpy, T, nb::ndim<1>, nb::c_contig>;

template <typename T>
std::span<const T> view(const Array<T>& array) {
    return {array.data(), array.size()};
}

// An exception of pauca.errors by name.
[[noreturn]] inline void raise(const char* name, const char* text) {
    nb::object type = nb::module_::import_("pauca.errors").attr(name);
    PyErr_SetString(type.ptr(), text);
    throw nb::python_error();
}

// For decoders: everything a stream can do wrong.
inline void check(Status status) {
    if (status == Status::ok) return;
    raise(status == Status::truncated ? "TruncatedError" : "EntropyError", message(status));
}

template <typename T>
OutArray<T> make_array(std::size_t n) {
    auto* data = new T[n]();
    nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<T*>(p); });
    return OutArray<T>(data, {n}, owner);
}

void bind_mixture(nb::module_& m);
void bind_cabac(nb::module_& m);
void bind_nets(nb::module_& m);
void bind_levels(nb::module_& m);

}  // namespace pauca::bind
