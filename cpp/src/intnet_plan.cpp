// Memory and tasks: concatenations are filled in place, buffers that do not live together share a slot.
#include "intnet_plan.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace pauca::intnet {

namespace {

std::size_t round_up(std::size_t n, std::size_t unit) { return (n + unit - 1) / unit * unit; }

struct Builder {
    Plan& plan;
    const Program& program;
    std::span<const Layer> layers;
    Analysis& analysis;
    std::map<std::pair<std::uint32_t, std::uint32_t>, Group> groups;  // by number, then scale

    Group& group(std::uint32_t number, std::uint32_t log2_scale) {
        Group& g = groups[{number, log2_scale}];
        g.number = number;
        g.log2_scale = log2_scale;
        return g;
    }

    Tensor& tensor(std::uint32_t number) { return analysis.tensors[number]; }

    [[nodiscard]] const Step* producer(const Tensor& t) const {
        return t.producer < 0 ? nullptr : &program.steps[static_cast<std::size_t>(t.producer)];
    }

    [[nodiscard]] bool unfolded(const Tensor& t) const {
        return producer(t) != nullptr && producer(t)->op == Op::unfold;
    }

    // A source made in the same group as the concatenation is written straight into it.
    void choose_parents() {
        for (std::size_t i = 0; i < program.steps.size(); ++i) {
            const Step& step = program.steps[i];
            if (step.op != Op::cat || !tensor(step.out).needed) continue;
            std::size_t offset = 0;
            for (const std::uint32_t s : step.sources) {
                Tensor& t = tensor(s);
                if (t.parent < 0 && t.made == tensor(step.out).made && !unfolded(t)) {
                    t.parent = static_cast<std::int32_t>(step.out);
                    t.offset = offset;
                }
                offset += t.channels;
            }
        }
    }

    // What is written into a concatenation lives as long as the longest-lived of its parts.
    void spread_full() {
        for (bool changed = true; changed;) {
            changed = false;
            for (const Tensor& t : analysis.tensors) {
                if (t.parent < 0 || !t.full) continue;
                Tensor& parent = tensor(static_cast<std::uint32_t>(t.parent));
                changed = changed || !parent.full;
                parent.full = true;
            }
        }
    }

    // Whether a tensor is made in the caller's array at once.
    [[nodiscard]] bool direct(const Tensor& t) const {
        if (t.output < 0 || t.parent >= 0) return false;
        const Step* step = producer(t);
        if (step == nullptr || step->op == Op::cat) return false;
        if (!t.consumed && step->op != Op::unfold) return true;
        // Readers take whole groups of 4 channels, and would read beyond the end of the array otherwise.
        return t.plain() && t.channels % 4 == 0;
    }

    void place_root(Tensor& t) {
        if (direct(t)) {
            const std::size_t bytes = t.wide ? 2 : 1;
            t.ref = {Space::output, static_cast<std::uint32_t>(t.output), 0, 0, t.channels * bytes};
            return;
        }
        const std::size_t stride = round_up(t.channels, 4);
        if (t.full || unfolded(t)) {
            t.ref = {Space::buffer, static_cast<std::uint32_t>(plan.buffers.size()), 0, 0, stride};
            plan.buffers.push_back({0, stride << (2 * t.log2_scale)});
        } else {
            Group& g = group(t.made, t.log2_scale);
            t.ref = {Space::unit, 0, g.unit_bytes, 0, stride};
            g.unit_bytes += round_up(stride, 64);
        }
    }

    void place(Tensor& t) {
        if (!t.needed || t.ref.stride != 0) return;
        if (t.parent < 0) return place_root(t);
        Tensor& parent = tensor(static_cast<std::uint32_t>(t.parent));
        place(parent);
        t.ref = parent.ref;
        t.ref.offset += t.offset;
    }

    void load(const Input& input, std::uint32_t number) {
        const Tensor& t = tensor(input.tensor);
        if (!t.needed) return;
        Task task;
        task.source = {Space::input, number, 0, 0, t.channels};
        task.out = t.ref;
        task.channels = t.channels;
        task.flip = input.is_signed ? 0x80 : 0;
        group(t.made, 0).tasks.push_back(std::move(task));
    }

    void conv(const Step& step, Group& g) {
        const Layer& layer = layers[step.layer];
        const Tensor& x = tensor(step.sources[0]);
        const Tensor& out = tensor(step.out);
        Task task;
        task.action = layer.columns == 0 ? Action::depthwise : Action::pointwise;
        task.source = x.ref;
        task.out = out.ref;
        task.channels = layer.rows;
        task.residual = step.op == Op::residual;
        if (task.residual) {
            const Tensor& added = tensor(step.sources[1]);
            task.added = added.ref;
            task.added_zero = added.zero;
        }
        const bool raw = out.ref.space == Space::output && !out.consumed;
        task.store = out.wide ? Store::s16 : out.plain() ? Store::u8 : raw ? Store::s8 : Store::biased;
        const bool narrow = out.wide && layer.columns != 0 ? plan.kernels->narrow_wide : plan.kernels->narrow;
        const auto full = [&](std::uint32_t row) {
            return out.plain() ? layer.low[row] == 0 && layer.high[row] == 255
                               : layer.low[row] == -128 && layer.high[row] == 127;
        };
        bool clamp = out.wide;
        for (std::uint32_t row = 0; row < layer.rows; ++row) clamp = clamp || !full(row);
        task.layer = static_cast<std::uint32_t>(plan.layers.size());
        const Geometry& geometry = layer.columns == 0 ? plan.kernels->depthwise_geometry : plan.kernels->pointwise_geometry;
        plan.layers.push_back(pack_layer(layer, x.zero, geometry, narrow, clamp));
        task.zero = x.zero;
        g.macs += double{1} * layer.rows * (layer.columns == 0 ? 9 : layer.columns);
        g.tasks.push_back(std::move(task));
    }

    void copy(const Tensor& from, const Ref& to, std::uint8_t flip, Group& g) {
        Task task;
        task.source = from.ref;
        task.out = to;
        task.channels = from.channels;
        task.flip = flip;
        g.tasks.push_back(std::move(task));
    }

    void cat(const Step& step, Group& g) {
        Ref to = tensor(step.out).ref;
        std::vector<std::uint32_t> seen;
        for (const std::uint32_t s : step.sources) {
            const Tensor& t = tensor(s);
            const bool again = std::find(seen.begin(), seen.end(), s) != seen.end();
            if (t.parent != static_cast<std::int32_t>(step.out) || again) copy(t, to, 0, g);
            to.offset += t.channels;
            seen.push_back(s);
        }
    }

    void unfold(const Step& step, Group& g) {
        Task task;
        task.action = Action::unfold;
        task.source = tensor(step.sources[0]).ref;
        task.out = tensor(step.out).ref;
        task.channels = tensor(step.out).channels;
        g.tasks.push_back(std::move(task));
    }

    // Copies an output that also serves as a source to the caller's array.
    void deliver(Tensor& t) {
        if (!t.needed || t.output < 0 || t.ref.space == Space::output) return;
        const Ref to{Space::output, static_cast<std::uint32_t>(t.output), 0, 0, t.channels};
        Group& g = group(std::max(t.made, t.ready), t.log2_scale);
        if (t.plain() || t.biased()) return copy(t, to, t.plain() ? 0 : 0x80, g);
        Task task;
        task.action = Action::widen;
        task.source = t.ref;
        task.out = to;
        task.out.stride = 2 * std::size_t{t.channels};
        task.channels = t.channels;
        task.zero = t.zero;
        g.tasks.push_back(std::move(task));
    }

    void emit() {
        for (std::uint32_t i = 0; i < program.inputs.size(); ++i) load(program.inputs[i], i);
        for (std::size_t i = 0; i < program.steps.size(); ++i) {
            const Step& step = program.steps[i];
            if (!tensor(step.out).needed) continue;
            Group& g = group(analysis.step_group[i], tensor(step.sources[0]).log2_scale);
            switch (step.op) {
                case Op::conv:
                case Op::residual: conv(step, g); break;
                case Op::cat: cat(step, g); break;
                case Op::unfold: unfold(step, g); break;
            }
        }
        for (Tensor& t : analysis.tensors) deliver(t);
        for (auto& [key, g] : groups) plan.groups.push_back(std::move(g));
    }

    // Buffers by order of birth take the first slot whose last buffer is dead.
    void assign_slots() {
        std::vector<std::uint32_t> born(plan.buffers.size(), ~0u), dies(plan.buffers.size(), 0), order;
        for (std::uint32_t i = 0; i < plan.groups.size(); ++i) {
            for (const Task& task : plan.groups[i].tasks) {
                for (const Ref* ref : {&task.source, &task.out, &task.added}) {
                    if (ref->space != Space::buffer) continue;
                    born[ref->index] = std::min(born[ref->index], i);
                    dies[ref->index] = i;
                }
            }
        }
        for (std::uint32_t i = 0; i < plan.buffers.size(); ++i) order.push_back(i);
        std::sort(order.begin(), order.end(), [&](auto a, auto b) { return born[a] < born[b]; });
        std::vector<std::uint32_t> free_after;
        for (const std::uint32_t i : order) {
            std::uint32_t slot = 0;
            while (slot < free_after.size() && free_after[slot] >= born[i]) ++slot;
            if (slot == free_after.size()) free_after.push_back(0);
            free_after[slot] = dies[i];
            plan.buffers[i].slot = slot;
        }
        plan.slots = static_cast<std::uint32_t>(free_after.size());
    }
};

OutputInfo info_of(const Tensor& t) {
    const Type type = t.wide ? Type::s16 : t.plain() ? Type::u8 : t.biased() ? Type::s8 : Type::s16;
    return {t.channels, t.log2_scale, type};
}

}  // namespace

void build_plan(Plan& plan, const Program& program, std::span<const Layer> layers, Analysis& analysis) {
    Builder builder{plan, program, layers, analysis, {}};
    builder.choose_parents();
    builder.spread_full();
    for (Tensor& t : analysis.tensors) builder.place(t);
    builder.emit();
    builder.assign_slots();
    for (const std::uint32_t t : program.outputs) plan.outputs.push_back(info_of(analysis.tensors[t]));
    for (const Group& g : plan.groups) plan.cost += g.macs * static_cast<double>(1u << (2 * g.log2_scale));
}

}  // namespace pauca::intnet
