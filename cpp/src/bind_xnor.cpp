// Products of signs for Python: checks, allocates, releases the GIL.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <string>
#include <vector>

#include "bind_nets.hpp"
#include "pauca/xnor.hpp"

namespace pauca::bind {

using namespace nb::literals;

namespace {

constexpr std::size_t kSideMax = std::size_t{1} << 20;

xnor::Kernel kernel_of(const std::string& name) {
    if (name == "auto") return xnor::best_kernel();
    const auto kernel = name == "scalar"   ? xnor::Kernel::scalar
                        : name == "avx2"   ? xnor::Kernel::avx2
                        : name == "avx512" ? xnor::Kernel::avx512
                                           : throw nb::value_error("kernel: auto, scalar, avx2 or avx512");
    require(xnor::kernel_available(kernel), "this processor lacks the kernel");
    return kernel;
}

std::vector<std::string> kernels() {
    std::vector<std::string> names{"scalar"};
    if (xnor::kernel_available(xnor::Kernel::avx2)) names.emplace_back("avx2");
    if (xnor::kernel_available(xnor::Kernel::avx512)) names.emplace_back("avx512");
    return names;
}

using Optional = std::optional<In<float, 1>>;

const float* pointer(const Optional& array) { return array ? array->data() : nullptr; }

Out<std::uint64_t, 2> pack(const In<float, 2>& x, const Optional& threshold) {
    const std::size_t channels = x.shape(0), pixels = x.shape(1);
    require(!threshold || threshold->shape(0) == channels, "one threshold a channel");
    const float* bars = pointer(threshold);
    auto out = make<std::uint64_t, 2>({xnor::words_of(channels), pixels});
    nb::gil_scoped_release release;
    xnor::pack(x.data(), bars, channels, pixels, pixels, out.data(), pixels);
    return out;
}

Out<std::int32_t, 2> gemm(const In<std::uint64_t, 2>& a, const In<std::uint64_t, 2>& b, std::size_t bits,
                          const std::string& kernel) {
    const std::size_t m = a.shape(0), k = a.shape(1), n = b.shape(1);
    require(b.shape(0) == k, "the matrices do not fit");
    require(k <= kSideMax, "the matrices are too deep");
    require(bits <= 64 * k, "there are more bits than the words hold");
    const xnor::Kernel chosen = kernel_of(kernel);
    auto out = make<std::int32_t, 2>({m, n});
    nb::gil_scoped_release release;
    xnor::gemm(a.data(), b.data(), n, m, k, n, static_cast<std::int32_t>(bits), out.data(), n, chosen);
    return out;
}

void check_conv(const xnor::Conv& c) {
    require(c.channels >= 1 && c.rows >= 1 && c.height >= 1 && c.width >= 1, "the convolution is empty");
    require(c.height <= kSideMax && c.width <= kSideMax && c.padding <= 1024, "the picture is too large");
    require(c.stride >= 1 && c.stride <= kSideMax, "the stride must be 1 or more");
    require(c.kernel_height >= 1 && c.kernel_width >= 1, "the kernel is empty");
    require(c.kernel_height <= c.padded_height() && c.kernel_width <= c.padded_width(),
            "the kernel is larger than the padded picture");
    require(64 * c.depth() < (std::size_t{1} << 24), "the convolution sums too many products");
}

Out<float, 4> conv(const In<float, 4>& x, const In<std::uint64_t, 4>& weights, const In<float, 1>& scale,
                   const Optional& bias, const Optional& threshold, std::size_t stride, std::size_t padding,
                   const std::string& kernel) {
    const xnor::Conv shape{x.shape(1),       x.shape(2),       x.shape(3), weights.shape(0),
                           weights.shape(1), weights.shape(2), stride,     padding};
    check_conv(shape);
    require(weights.shape(3) == shape.words(), "the weights do not fit the channels");
    require(scale.shape(0) == shape.rows && (!bias || bias->shape(0) == shape.rows), "one scale and bias a row");
    require(!threshold || threshold->shape(0) == shape.channels, "one threshold a channel");
    const xnor::Kernel chosen = kernel_of(kernel);
    auto out = make<float, 4>({x.shape(0), shape.rows, shape.out_height(), shape.out_width()});
    std::vector<std::uint64_t> words(xnor::conv_words(shape));
    std::vector<std::int32_t> sums(xnor::conv_sums(shape));
    const std::size_t in_size = shape.channels * shape.height * shape.width;
    const std::size_t out_size = shape.rows * shape.out_height() * shape.out_width();
    const float *added = pointer(bias), *bars = pointer(threshold);
    nb::gil_scoped_release release;
    for (std::size_t i = 0; i < x.shape(0); ++i)
        xnor::conv(x.data() + i * in_size, bars, weights.data(), scale.data(), added, shape, out.data() + i * out_size,
                   chosen, words.data(), sums.data());
    return out;
}

}  // namespace

void bind_xnor(nb::module_& m) {
    m.def("xnor_kernels", &kernels);
    m.def("xnor_pack", &pack, "x"_a.noconvert(), "threshold"_a.noconvert().none() = nb::none());
    m.def("xnor_gemm", &gemm, "a"_a.noconvert(), "b"_a.noconvert(), "bits"_a, "kernel"_a = "auto");
    m.def("xnor_conv", &conv, "x"_a.noconvert(), "weights"_a.noconvert(), "scale"_a.noconvert(),
          "bias"_a.noconvert().none() = nb::none(), "threshold"_a.noconvert().none() = nb::none(), "stride"_a = 1, "padding"_a = 0, "kernel"_a = "auto");
}

}  // namespace pauca::bind
