// Integer networks: 8-bit activations and weights, exact sums below 2^24. Definition: spec/intnet.md.
//
// A Network is a program compiled for one instruction set. Every instruction set and every number of
// threads gives the integers of the definition.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace pauca::intnet {

inline constexpr std::uint32_t kMaxChannels = 1024;
inline constexpr std::uint32_t kMaxTensors = 1024;

enum class Kernel : std::uint8_t { scalar, avx2, vnni, amx };

bool kernel_available(Kernel kernel);
Kernel best_kernel();

enum class Type : std::uint8_t { u8, s8, s16 };

// Views; pointwise weights are [rows][columns], depthwise weights [rows][3][3] with columns == 0.
struct Layer {
    std::uint32_t rows = 0;
    std::uint32_t columns = 0;
    const std::int8_t* weight = nullptr;
    const std::int32_t* bias = nullptr;
    const std::uint8_t* shift = nullptr;
    const std::int16_t* low = nullptr;
    const std::int16_t* high = nullptr;
};

enum class Op : std::uint8_t { conv, residual, cat, unfold };

struct Step {
    Op op = Op::conv;
    std::uint32_t out = 0;  // tensor number
    std::vector<std::uint32_t> sources;
    std::uint32_t layer = 0;  // of conv and residual
};

struct Input {
    std::uint32_t tensor = 0;
    std::uint32_t channels = 0;
    bool is_signed = false;
};

struct Program {
    std::uint32_t tensors = 0;
    std::vector<Input> inputs;  // all on the same grid
    std::vector<std::uint32_t> outputs;
    std::vector<Step> steps;
};

struct OutputInfo {
    std::uint32_t channels = 0;
    std::uint32_t log2_scale = 0;  // the output's grid is the input's grid times 2^this
    Type type = Type::u8;
};

struct Plan;

class Network {
public:
    // Throws std::invalid_argument if the program is not one that the definition allows, or has a tensor
    // outside 8 bits that is not only an output.
    Network(const Program& program, std::span<const Layer> layers, Kernel kernel);
    ~Network();
    Network(const Network&) = delete;
    Network& operator=(const Network&) = delete;

    [[nodiscard]] const std::vector<OutputInfo>& outputs() const;

    // Multiply-accumulates per cell of the input's grid.
    [[nodiscard]] double cost() const;

    // inputs[i]: [height][width][channels] of program.inputs[i]; outputs[i] the same of outputs()[i].
    // REQUIRES: height, width >= 1, all arrays of the right size. Safe to call from several threads
    // (calls wait for each other: the workspace is one). threads 0: as many as the machine has.
    void run(std::span<const std::uint8_t* const> inputs, std::size_t height, std::size_t width,
             std::span<void* const> outputs, unsigned threads);

private:
    std::unique_ptr<Plan> plan_;
};

}  // namespace pauca::intnet
