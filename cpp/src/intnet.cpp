// Runs a plan: groups one after the other, units of pixels of a group shared among threads.
#include "pauca/intnet.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <system_error>
#include <thread>

#include "intnet_plan.hpp"

namespace pauca::intnet {

namespace {

constexpr std::size_t kUnit = 96;            // pixels; a multiple of all register tiles
constexpr double kMacsPerThread = 4e6;       // below this a thread costs more than it brings
constexpr std::size_t kSlack = 64;           // readers of whole groups may look this far beyond a buffer

struct Run {
    Plan& plan;
    std::span<const std::uint8_t* const> inputs;
    std::span<void* const> outputs;
    std::size_t height, width;
};

// Pixels [first, first + count) of a group's grid, in one thread.
struct Unit {
    const Run& run;
    const Group& group;
    std::uint8_t* memory;
    std::size_t first, count, height, width;

    [[nodiscard]] std::uint8_t* start(const Ref& ref) const {
        switch (ref.space) {
            case Space::unit: return memory + ref.base * kUnit + ref.offset;
            case Space::buffer: return run.plan.slot_memory[run.plan.buffers[ref.index].slot].data() + ref.offset;
            case Space::output: return static_cast<std::uint8_t*>(run.outputs[ref.index]) + ref.offset;
            case Space::input: break;
        }
        return nullptr;
    }
    [[nodiscard]] std::uint8_t* at(const Ref& ref) const {
        return start(ref) + (ref.space == Space::unit ? 0 : first * ref.stride);
    }
    [[nodiscard]] const std::uint8_t* read(const Ref& ref) const {
        return ref.space == Space::input ? run.inputs[ref.index] + ref.offset + first * ref.stride : at(ref);
    }

    [[nodiscard]] Output output(const Task& task) const {
        Output out{at(task.out), task.out.stride, task.store, nullptr, 0, nullptr};
        if (task.residual) {
            out.residual = read(task.added);
            out.residual_stride = task.added.stride;
            out.residual_zero = task.added_zero.data();
        }
        return out;
    }

    void pointwise(const Task& task) const {
        const PackedLayer& layer = run.plan.layers[task.layer];
        run.plan.kernels->pointwise(layer, read(task.source), task.source.stride, count, output(task));
    }

    void depthwise(const Task& task) const {
        const PackedLayer& layer = run.plan.layers[task.layer];
        const std::uint8_t* source = start(task.source);
        const std::size_t stride = task.source.stride;
        Output out = output(task);
        for (std::size_t pixel = first; pixel < first + count;) {
            const std::size_t y = pixel / width, x = pixel % width;
            const std::size_t n = std::min(width - x, first + count - pixel);
            Window window;
            window.pad = task.zero.data();
            window.left = x > 0;
            window.right = x + n < width;
            for (std::size_t i = 0; i < 3; ++i) {
                const bool inside = y + i >= 1 && y + i <= height;
                window.rows[i] = inside ? source + (pixel + i * width - width) * stride : window.pad;
                window.strides[i] = inside ? stride : 0;
            }
            run.plan.kernels->depthwise(layer, window, n, out);
            out.data = static_cast<std::uint8_t*>(out.data) + n * out.stride;
            if (out.residual != nullptr) out.residual += n * out.residual_stride;
            pixel += n;
        }
    }

    void copy(const Task& task) const {
        const std::uint8_t* from = read(task.source);
        std::uint8_t* to = at(task.out);
        for (std::size_t p = 0; p < count; ++p, from += task.source.stride, to += task.out.stride) {
            if (task.flip == 0) {
                std::memcpy(to, from, task.channels);
            } else {
                for (std::uint32_t c = 0; c < task.channels; ++c) to[c] = static_cast<std::uint8_t>(from[c] ^ task.flip);
            }
        }
    }

    void unfold(const Task& task) const {
        const std::uint8_t* from = read(task.source);
        std::uint8_t* base = start(task.out);
        const std::size_t stride = task.out.stride;
        for (std::size_t p = 0; p < count; ++p, from += task.source.stride) {
            const std::size_t y = (first + p) / width, x = (first + p) % width;
            std::uint8_t* top = base + (4 * y * width + 2 * x) * stride;
            std::uint8_t* bottom = top + 2 * width * stride;
            for (std::uint32_t c = 0; c < task.channels; ++c) {
                top[c] = from[4 * c];
                top[stride + c] = from[4 * c + 1];
                bottom[c] = from[4 * c + 2];
                bottom[stride + c] = from[4 * c + 3];
            }
        }
    }

    void widen(const Task& task) const {
        const std::uint8_t* from = read(task.source);
        auto* to = reinterpret_cast<std::int16_t*>(at(task.out));
        for (std::size_t p = 0; p < count; ++p, from += task.source.stride, to += task.channels)
            for (std::uint32_t c = 0; c < task.channels; ++c) to[c] = static_cast<std::int16_t>(from[c] - task.zero[c]);
    }

    void execute() const {
        for (const Task& task : group.tasks) {
            switch (task.action) {
                case Action::pointwise: pointwise(task); break;
                case Action::depthwise: depthwise(task); break;
                case Action::copy: copy(task); break;
                case Action::unfold: unfold(task); break;
                case Action::widen: widen(task); break;
            }
        }
    }
};

// Threads that fail to start are simply not there: whoever runs takes the next unit.
struct Progress {
    std::atomic<std::size_t> next{0}, done{0};
};

void work(const Run& run, std::span<Progress> progress, std::uint8_t* memory) {
    for (std::size_t i = 0; i < run.plan.groups.size(); ++i) {
        const Group& group = run.plan.groups[i];
        const std::size_t height = run.height << group.log2_scale, width = run.width << group.log2_scale;
        const std::size_t pixels = height * width;
        const std::size_t units = (pixels + kUnit - 1) / kUnit;
        for (;;) {
            const std::size_t unit = progress[i].next.fetch_add(1, std::memory_order_relaxed);
            if (unit >= units) break;
            const std::size_t first = unit * kUnit;
            Unit{run, group, memory, first, std::min(kUnit, pixels - first), height, width}.execute();
            if (progress[i].done.fetch_add(1, std::memory_order_acq_rel) + 1 == units) progress[i].done.notify_all();
        }
        for (std::size_t done = progress[i].done.load(std::memory_order_acquire); done < units;
             done = progress[i].done.load(std::memory_order_acquire))
            progress[i].done.wait(done, std::memory_order_acquire);
    }
}

void prepare_workspace(Plan& plan, std::size_t cells, std::size_t threads) {
    std::vector<std::size_t> need(plan.slots, 0);
    for (const Buffer& buffer : plan.buffers) need[buffer.slot] = std::max(need[buffer.slot], buffer.bytes * cells + kSlack);
    plan.slot_memory.resize(plan.slots);
    for (std::size_t i = 0; i < need.size(); ++i) {
        auto& memory = plan.slot_memory[i];
        if (memory.size() < need[i]) {
            memory = {};  // free the old one first
            memory.resize(need[i]);
        }
    }
    std::size_t unit = 0;
    for (const Group& group : plan.groups) unit = std::max(unit, group.unit_bytes);
    if (plan.unit_memory.size() < threads) plan.unit_memory.resize(threads);
    for (std::size_t i = 0; i < threads; ++i) plan.unit_memory[i].resize(unit * kUnit + kSlack);
}

const KernelSet& kernels_of(Kernel kernel) {
    switch (kernel) {
        case Kernel::amx: return amx_kernels();
        case Kernel::vnni: return vnni_kernels();
        case Kernel::avx2: return avx2_kernels();
        case Kernel::scalar: break;
    }
    return scalar_kernels();
}

}  // namespace

bool kernel_available(Kernel kernel) {
#if defined(__x86_64__)
    if (kernel == Kernel::avx2) return __builtin_cpu_supports("avx2") != 0;
    if (kernel == Kernel::vnni)
        return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
               __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
               __builtin_cpu_supports("avx512vnni") != 0;
    if (kernel == Kernel::amx) return kernel_available(Kernel::vnni) && amx_available();
#endif
    return kernel == Kernel::scalar;
}

Kernel best_kernel() {
    for (const Kernel kernel : {Kernel::amx, Kernel::vnni, Kernel::avx2})
        if (kernel_available(kernel)) return kernel;
    return Kernel::scalar;
}

Network::Network(const Program& program, std::span<const Layer> layers, Kernel kernel)
    : plan_(std::make_unique<Plan>()) {
    plan_->kernels = &kernels_of(kernel);
    Analysis analysis = analyse(program, layers);
    build_plan(*plan_, program, layers, analysis);
}

Network::~Network() = default;

const std::vector<OutputInfo>& Network::outputs() const { return plan_->outputs; }

double Network::cost() const { return plan_->cost; }

void Network::run(std::span<const std::uint8_t* const> inputs, std::size_t height, std::size_t width,
                  std::span<void* const> outputs, unsigned threads) {
    const std::lock_guard lock(plan_->mutex);
    if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
    const double useful = plan_->cost * static_cast<double>(height * width) / kMacsPerThread;
    threads = std::clamp(static_cast<unsigned>(std::min(useful, 256.0)), 1u, threads);
    prepare_workspace(*plan_, height * width, threads);
    std::vector<Progress> progress(plan_->groups.size());
    const Run run{*plan_, inputs, outputs, height, width};
    std::vector<std::thread> helpers;  // not jthread: libc++ has none yet
    helpers.reserve(threads);
    try {
        for (unsigned i = 1; i < threads; ++i)
            helpers.emplace_back([&, i] { work(run, progress, plan_->unit_memory[i].data()); });
    } catch (const std::system_error&) {
        // The process may start no more threads; those that exist do the work.
    }
    work(run, progress, plan_->unit_memory[0].data());
    for (std::thread& helper : helpers) helper.join();
}

}  // namespace pauca::intnet
