// The portable kernels: plain loops that a compiler can vectorize for any machine.
#include "intnet_kernels.hpp"

namespace pauca::intnet {

namespace {

constexpr std::uint32_t kLanes = 16;

const std::int16_t* weights_of(const PackedLayer& layer, const Tile& tile) {
    return reinterpret_cast<const std::int16_t*>(layer.weights.data() + tile.weights);
}

void accumulate(std::int32_t* sum, const std::int16_t* weight, std::int16_t x) {
    for (std::uint32_t i = 0; i < kLanes; ++i) sum[i] += x * weight[i];
}

void finish(const PackedLayer& layer, const Tile& tile, const std::int32_t* sum, std::size_t pixel, const Output& out) {
    for (std::uint32_t i = 0; i < tile.columns; ++i)
        store_value(out, pixel, tile.first + i, sum[i] >> layer.shift[tile.base + i], layer.low[tile.base + i],
                    layer.high[tile.base + i]);
}

void start(const PackedLayer& layer, const Tile& tile, std::int32_t* sum) {
    for (std::uint32_t i = 0; i < kLanes; ++i) sum[i] = layer.bias[tile.base + i];
}

void pointwise(const PackedLayer& layer, const std::uint8_t* x, std::size_t stride, std::size_t pixels,
               const Output& out) {
    for (const Tile& tile : layer.tiles) {
        const std::int16_t* weights = weights_of(layer, tile);
        for (std::size_t p = 0; p < pixels; ++p) {
            std::int32_t sum[kLanes];
            start(layer, tile, sum);
            const std::uint8_t* row = x + p * stride;
            for (std::uint32_t k = 0; k < layer.steps; ++k) accumulate(sum, weights + std::size_t{k} * kLanes, row[k]);
            finish(layer, tile, sum, p, out);
        }
    }
}

void depthwise(const PackedLayer& layer, const Window& window, std::size_t pixels, const Output& out) {
    const auto count = static_cast<std::ptrdiff_t>(pixels);
    for (const Tile& tile : layer.tiles) {
        const std::int16_t* weights = weights_of(layer, tile);
        for (std::ptrdiff_t p = 0; p < count; ++p) {
            std::int32_t sum[kLanes];
            start(layer, tile, sum);
            for (int j = 0; j < 3; ++j) {
                for (int i = 0; i < 3; ++i) {
                    const std::uint8_t* x = window.at(i, p + j - 1, count) + tile.first;
                    const std::int16_t* w = weights + (3 * j + i) * static_cast<int>(kLanes);
                    for (std::uint32_t c = 0; c < tile.columns; ++c) sum[c] += x[c] * w[c];
                }
            }
            finish(layer, tile, sum, static_cast<std::size_t>(p), out);
        }
    }
}

}  // namespace

const KernelSet& scalar_kernels() {
    static constexpr KernelSet set{{kLanes, 1, 1, 2, true}, {kLanes, 1, 1, 2, true}, false, false, pointwise, depthwise};
    return set;
}

}  // namespace pauca::intnet
