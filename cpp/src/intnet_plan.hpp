// A program as groups of tasks. Inside a group every task works on the same pixels, so a unit of pixels goes
// through all of them while it is in the cache; a layer that looks at neighbours starts a new group.
#pragma once

#include <array>
#include <mutex>

#include "intnet_kernels.hpp"

namespace pauca::intnet {

enum class Action : std::uint8_t { pointwise, depthwise, copy, unfold, widen };

enum class Space : std::uint8_t { unit, buffer, input, output };

// Where a tensor lives. unit: memory of a thread for one unit of pixels, at `base` bytes per pixel.
struct Ref {
    Space space = Space::unit;
    std::uint32_t index = 0;  // buffer, input or output number
    std::size_t base = 0;
    std::size_t offset = 0;  // bytes into each pixel
    std::size_t stride = 0;
};

struct Task {
    Action action = Action::copy;
    Ref source, out, added;
    bool residual = false;
    std::uint8_t flip = 0;  // copy: exclusive or of every byte, 0x80 goes between int8 and its biased form
    Store store = Store::u8;
    std::uint32_t channels = 0;
    std::uint32_t layer = 0;
    std::vector<std::uint8_t> zero;  // per channel of the source (depthwise: one pixel of padding)
    std::vector<std::uint8_t> added_zero;
};

struct Group {
    std::uint32_t number = 0;
    std::uint32_t log2_scale = 0;
    std::size_t unit_bytes = 0;  // per pixel, of the thread's memory
    double macs = 0;             // per pixel
    std::vector<Task> tasks;
};

struct Buffer {
    std::uint32_t slot = 0;
    std::size_t bytes = 0;  // per cell of the input's grid
};

struct Plan {
    const KernelSet* kernels = nullptr;
    std::vector<Group> groups;
    std::vector<Buffer> buffers;
    std::uint32_t slots = 0;
    std::vector<PackedLayer> layers;
    std::vector<OutputInfo> outputs;
    double cost = 0;

    std::mutex mutex;  // guards the workspace
    std::vector<Aligned<std::uint8_t>> slot_memory;
    std::vector<Aligned<std::uint8_t>> unit_memory;  // one per thread
};

// What is known of a tensor from the program alone.
struct Tensor {
    bool defined = false, needed = false, consumed = false;
    std::uint32_t channels = 0;
    std::uint32_t log2_scale = 0;
    bool wide = false;                // outside 8 bits
    std::vector<std::uint8_t> zero;   // per channel, 0 or 128
    std::int32_t producer = -1;       // step, or -1 - input
    std::uint32_t made = 0;           // group number of the producer
    std::uint32_t ready = 0;          // first group number in which pixels can be used one by one
    std::int32_t output = -1;
    bool full = false;                // used outside the group that makes it
    std::int32_t parent = -1;         // the concatenation whose memory it lives in
    std::size_t offset = 0;
    Ref ref;

    [[nodiscard]] bool plain() const;   // stored as it is, no channel biased
    [[nodiscard]] bool biased() const;  // every channel biased
};

struct Analysis {
    std::vector<Tensor> tensors;
    std::vector<std::uint32_t> step_group;  // group number of each step
};

// Both throw std::invalid_argument.
Analysis analyse(const Program& program, std::span<const Layer> layers);
void build_plan(Plan& plan, const Program& program, std::span<const Layer> layers, Analysis& analysis);

}  // namespace pauca::intnet
