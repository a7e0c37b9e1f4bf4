// Checks a program, finds the range of every tensor and the group in which it can be made.
#include <algorithm>
#include <stdexcept>
#include <string>

#include "intnet_plan.hpp"

namespace pauca::intnet {

bool Tensor::plain() const {
    return std::all_of(zero.begin(), zero.end(), [](std::uint8_t z) { return z == 0; });
}

bool Tensor::biased() const {
    return std::all_of(zero.begin(), zero.end(), [](std::uint8_t z) { return z == 128; });
}

namespace {

void require(bool condition, const char* text) {
    if (!condition) throw std::invalid_argument(std::string("integer network: ") + text);
}

void check_layer(const Layer& layer) {
    require(layer.rows >= 1 && layer.rows <= kMaxChannels && layer.columns <= kMaxChannels,
            "a layer has no channels or too many");
    const std::uint32_t taps = layer.columns == 0 ? 9 : layer.columns;
    for (std::uint32_t row = 0; row < layer.rows; ++row) {
        std::int64_t reach = std::abs(std::int64_t{layer.bias[row]});
        for (std::uint32_t k = 0; k < taps; ++k) reach += 255 * std::abs(int{layer.weight[std::size_t{row} * taps + k]});
        require(reach < 1 << 24, "a sum may reach 2**24");
        require(layer.shift[row] <= 24, "shift above 24");
        require(layer.low[row] <= layer.high[row], "a clamp is empty");
    }
}

struct Analyser {
    const Program& program;
    std::span<const Layer> layers;
    Analysis result;

    Tensor& source(const Step& step, std::size_t i) {
        Tensor& tensor = result.tensors[step.sources[i]];
        require(tensor.defined, "a tensor is used before it is made");
        require(!tensor.wide, "a tensor of more than 8 bits is used");
        return tensor;
    }

    Tensor& define(std::uint32_t number, std::uint32_t channels) {
        require(number < program.tensors, "a tensor number is out of range");
        Tensor& tensor = result.tensors[number];
        require(!tensor.defined, "a tensor is made twice");
        require(channels >= 1 && channels <= kMaxChannels, "a tensor has no channels or too many");
        tensor.defined = true;
        tensor.channels = channels;
        tensor.zero.assign(channels, 0);
        return tensor;
    }

    void conv(const Step& step, std::uint32_t& group) {
        const bool residual = step.op == Op::residual;
        require(step.sources.size() == (residual ? 2u : 1u), "wrong number of sources");
        require(step.layer < layers.size(), "a layer number is out of range");
        const Layer& layer = layers[step.layer];
        const Tensor& x = source(step, 0);
        require(x.channels == (layer.columns == 0 ? layer.rows : layer.columns), "a layer and its source differ in channels");
        group = x.ready + (layer.columns == 0 ? 1 : 0);
        Tensor& out = define(step.out, layer.rows);
        out.log2_scale = x.log2_scale;
        if (residual) {
            const Tensor& added = source(step, 1);
            require(added.channels == out.channels && added.log2_scale == out.log2_scale, "a residual differs in shape");
            group = std::max(group, added.ready);
            return;
        }
        const std::int16_t low = *std::min_element(layer.low, layer.low + layer.rows);
        const std::int16_t high = *std::max_element(layer.high, layer.high + layer.rows);
        if (low >= 0 && high <= 255) return;
        if (low >= -128 && high <= 127)
            out.zero.assign(layer.rows, 128);
        else
            out.wide = true;
    }

    void cat(const Step& step, std::uint32_t& group) {
        require(!step.sources.empty(), "nothing to concatenate");
        std::vector<std::uint8_t> zero;
        for (std::size_t i = 0; i < step.sources.size(); ++i) {
            const Tensor& x = source(step, i);
            require(x.log2_scale == source(step, 0).log2_scale, "concatenated tensors differ in size");
            zero.insert(zero.end(), x.zero.begin(), x.zero.end());
            require(zero.size() <= kMaxChannels, "too many channels");
            group = std::max(group, x.ready);
        }
        Tensor& out = define(step.out, static_cast<std::uint32_t>(zero.size()));
        out.log2_scale = source(step, 0).log2_scale;
        out.zero = std::move(zero);
    }

    void unfold(const Step& step, std::uint32_t& group) {
        require(step.sources.size() == 1, "wrong number of sources");
        const Tensor& x = source(step, 0);
        require(x.channels % 4 == 0, "channels do not unfold");
        require(x.log2_scale < 8, "too many unfoldings");
        group = x.ready;
        Tensor& out = define(step.out, x.channels / 4);
        out.log2_scale = x.log2_scale + 1;
        for (std::uint32_t c = 0; c < x.channels; ++c) {
            require(x.zero[c] == x.zero[c & ~3u], "an unfolded channel mixes signed and unsigned");
            out.zero[c / 4] = x.zero[c];
        }
    }

    void steps() {
        for (std::size_t i = 0; i < program.steps.size(); ++i) {
            const Step& step = program.steps[i];
            for (const std::uint32_t s : step.sources) require(s < program.tensors, "a tensor number is out of range");
            std::uint32_t group = 0;
            switch (step.op) {
                case Op::conv:
                case Op::residual: conv(step, group); break;
                case Op::cat: cat(step, group); break;
                case Op::unfold: unfold(step, group); break;
            }
            Tensor& out = result.tensors[step.out];
            out.producer = static_cast<std::int32_t>(i);
            out.made = group;
            out.ready = step.op == Op::unfold ? group + 1 : group;
            result.step_group.push_back(group);
        }
    }

    void mark_needed() {
        for (std::size_t i = 0; i < program.outputs.size(); ++i) {
            require(program.outputs[i] < program.tensors, "a tensor number is out of range");
            Tensor& tensor = result.tensors[program.outputs[i]];
            require(tensor.defined, "an output is never made");
            require(tensor.output < 0, "an output is named twice");
            tensor.output = static_cast<std::int32_t>(i);
            tensor.needed = true;
        }
        for (std::size_t i = program.steps.size(); i-- > 0;) {
            const Step& step = program.steps[i];
            if (!result.tensors[step.out].needed) continue;
            for (const std::uint32_t s : step.sources) result.tensors[s].needed = result.tensors[s].consumed = true;
        }
    }

    // An input is loaded in the group of its only use, or at once if several groups use it.
    void place_inputs() {
        std::vector<std::uint32_t> first(program.tensors, ~0u), last(program.tensors, 0);
        for (std::size_t i = 0; i < program.steps.size(); ++i) {
            const Step& step = program.steps[i];
            if (!result.tensors[step.out].needed) continue;
            const std::uint32_t group = result.step_group[i];
            for (const std::uint32_t s : step.sources) {
                const bool window = s == step.sources[0] && step.op <= Op::residual && layers[step.layer].columns == 0;
                first[s] = std::min(first[s], window ? 0 : group);
                last[s] = std::max(last[s], group);
            }
        }
        for (std::uint32_t t = 0; t < program.tensors; ++t) {
            Tensor& tensor = result.tensors[t];
            if (!tensor.consumed) continue;
            if (tensor.producer < 0 && first[t] == last[t]) tensor.made = tensor.ready = first[t];
            tensor.full = last[t] != tensor.made || first[t] != tensor.made;
        }
    }
};

}  // namespace

Analysis analyse(const Program& program, std::span<const Layer> layers) {
    require(program.tensors <= kMaxTensors && program.steps.size() <= kMaxTensors, "too many tensors");
    require(!program.inputs.empty() && !program.outputs.empty(), "no inputs or no outputs");
    for (const Layer& layer : layers) check_layer(layer);
    Analyser analyser{program, layers, {}};
    analyser.result.tensors.resize(program.tensors);
    for (std::size_t i = 0; i < program.inputs.size(); ++i) {
        const Input& input = program.inputs[i];
        Tensor& tensor = analyser.define(input.tensor, input.channels);
        tensor.producer = -1 - static_cast<std::int32_t>(i);
        if (input.is_signed) tensor.zero.assign(input.channels, 128);
    }
    analyser.steps();
    analyser.mark_needed();
    analyser.place_inputs();
    return std::move(analyser.result);
}

}  // namespace pauca::intnet
