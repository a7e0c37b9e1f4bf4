// Integer networks for Python: checks, allocates, releases the GIL. The faces turn ValueError into ours.
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <array>
#include <string>
#include <tuple>
#include <vector>

#include "bind_nets.hpp"
#include "pauca/intnet.hpp"

namespace pauca::bind {

using namespace nb::literals;

namespace {

using WeightArray = nb::ndarray<const std::int8_t, nb::c_contig, nb::device::cpu>;
using LayerTuple = std::tuple<WeightArray, In<std::int32_t, 1>, In<std::uint8_t, 1>, In<std::int16_t, 1>, In<std::int16_t, 1>>;
using StepTuple = std::tuple<int, std::uint32_t, std::vector<std::uint32_t>, std::uint32_t>;
using InputTuple = std::tuple<std::uint32_t, std::uint32_t, bool>;
using AnyArray = nb::ndarray<nb::ro, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

intnet::Layer layer_of(const LayerTuple& t) {
    const WeightArray& weight = std::get<0>(t);
    const bool depthwise = weight.ndim() == 3 && weight.shape(1) == 3 && weight.shape(2) == 3;
    require(depthwise || weight.ndim() == 2, "weights must be (O, I) or (C, 3, 3)");
    const std::size_t rows = weight.shape(0);
    require(rows <= intnet::kMaxChannels && weight.shape(1) <= intnet::kMaxChannels, "too many channels");
    require(depthwise || weight.shape(1) > 0, "a layer has no inputs");
    require(std::get<1>(t).size() == rows && std::get<2>(t).size() == rows && std::get<3>(t).size() == rows &&
                std::get<4>(t).size() == rows,
            "bias, shift and clamps must have one entry per output");
    return {static_cast<std::uint32_t>(rows), depthwise ? 0 : static_cast<std::uint32_t>(weight.shape(1)),
            weight.data(),                    std::get<1>(t).data(),
            std::get<2>(t).data(),            std::get<3>(t).data(),
            std::get<4>(t).data()};
}

intnet::Kernel kernel_of(const std::string& name) {
    if (name == "auto") return intnet::best_kernel();
    const auto kernel = name == "scalar" ? intnet::Kernel::scalar
                        : name == "avx2" ? intnet::Kernel::avx2
                        : name == "vnni" ? intnet::Kernel::vnni
                                         : intnet::Kernel::amx;
    require(name == "amx" || kernel != intnet::Kernel::amx, "kernel: auto, scalar, avx2, vnni or amx");
    require(intnet::kernel_available(kernel), "this processor lacks the kernel");
    return kernel;
}

class NativeNetwork {
public:
    NativeNetwork(std::uint32_t tensors, const std::vector<InputTuple>& inputs, const std::vector<std::uint32_t>& outputs,
                  const std::vector<StepTuple>& steps, const std::vector<LayerTuple>& layers, const std::string& kernel)
        : inputs_(inputs), network_(program(tensors, inputs, outputs, steps), views(layers), kernel_of(kernel)) {}

    std::vector<nb::object> run(const std::vector<AnyArray>& arrays, unsigned threads) {
        require(arrays.size() == inputs_.size(), "wrong number of inputs");
        std::vector<const std::uint8_t*> in;
        const std::size_t height = arrays[0].shape(0), width = arrays[0].shape(1);
        require(height >= 1 && width >= 1 && height < (1u << 24) && width < (1u << 24), "inputs have no cells or too many");
        for (std::size_t i = 0; i < arrays.size(); ++i) {
            const AnyArray& a = arrays[i];
            require(a.shape(0) == height && a.shape(1) == width && a.shape(2) == std::get<1>(inputs_[i]),
                    "an input has the wrong shape");
            require(a.dtype() == (std::get<2>(inputs_[i]) ? nb::dtype<std::int8_t>() : nb::dtype<std::uint8_t>()),
                    "an input has the wrong type");
            in.push_back(static_cast<const std::uint8_t*>(a.data()));
        }
        std::vector<nb::object> results;
        std::vector<void*> out;
        for (const intnet::OutputInfo& info : network_.outputs()) {
            const std::array<std::size_t, 3> shape{height << info.log2_scale, width << info.log2_scale, info.channels};
            switch (info.type) {
                case intnet::Type::u8: add<std::uint8_t>(shape, results, out); break;
                case intnet::Type::s8: add<std::int8_t>(shape, results, out); break;
                case intnet::Type::s16: add<std::int16_t>(shape, results, out); break;
            }
        }
        nb::gil_scoped_release release;
        network_.run(in, height, width, out, threads);
        return results;
    }

    [[nodiscard]] double cost() const { return network_.cost(); }

private:
    template <typename T>
    static void add(const std::array<std::size_t, 3>& shape, std::vector<nb::object>& results, std::vector<void*>& out) {
        auto array = make<T, 3>(shape);
        out.push_back(array.data());
        results.push_back(nb::cast(array));
    }

    static std::vector<intnet::Layer> views(const std::vector<LayerTuple>& layers) {
        std::vector<intnet::Layer> result;
        for (const LayerTuple& layer : layers) result.push_back(layer_of(layer));
        return result;
    }

    static intnet::Program program(std::uint32_t tensors, const std::vector<InputTuple>& inputs,
                                   const std::vector<std::uint32_t>& outputs, const std::vector<StepTuple>& steps) {
        intnet::Program program{tensors, {}, outputs, {}};
        for (const auto& [tensor, channels, is_signed] : inputs) program.inputs.push_back({tensor, channels, is_signed});
        for (const auto& [op, out, sources, layer] : steps) {
            require(op >= 0 && op <= 3, "unknown step");
            program.steps.push_back({static_cast<intnet::Op>(op), out, sources, layer});
        }
        return program;
    }

    std::vector<InputTuple> inputs_;
    intnet::Network network_;
};

std::vector<std::string> kernels() {
    std::vector<std::string> names{"scalar"};
    if (intnet::kernel_available(intnet::Kernel::avx2)) names.emplace_back("avx2");
    if (intnet::kernel_available(intnet::Kernel::vnni)) names.emplace_back("vnni");
    if (intnet::kernel_available(intnet::Kernel::amx)) names.emplace_back("amx");
    return names;
}

}  // namespace

void bind_nets(nb::module_& m) {
    nb::class_<NativeNetwork>(m, "NativeNetwork")
        .def(nb::init<std::uint32_t, const std::vector<InputTuple>&, const std::vector<std::uint32_t>&,
                      const std::vector<StepTuple>&, const std::vector<LayerTuple>&, const std::string&>(),
             "tensors"_a, "inputs"_a, "outputs"_a, "steps"_a, "layers"_a, "kernel"_a = "auto")
        .def("run", &NativeNetwork::run, "inputs"_a, "threads"_a = 0)
        .def("cost", &NativeNetwork::cost);
    m.def("network_kernels", &kernels);
    bind_wavelet(m);
    bind_upscale(m);
    bind_cells(m);
    bind_xnor(m);
    bind_ngram(m);
    bind_filter(m);
}

}  // namespace pauca::bind
