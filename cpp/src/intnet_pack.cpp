// Weights in the order of the kernels.
#include "intnet_kernels.hpp"

namespace pauca::intnet {

namespace {

// Column of the tile whose sum sits in `lane` of register `vector`. Narrowing packs work per 128 bits: they
// put four sums of each register side by side, so four columns of the tile belong to each register in turn.
std::uint32_t column_of(std::uint32_t vector, std::uint32_t lane, std::uint32_t vectors, std::uint32_t lanes,
                        bool narrow) {
    return narrow ? 4 * ((lane / 4) * vectors + vector) + lane % 4 : vector * lanes + lane;
}

// Where that sum stands once two registers were narrowed to one of 16-bit words.
std::uint32_t word_of(std::uint32_t vector, std::uint32_t lane, std::uint32_t lanes, bool narrow) {
    if (!narrow) return vector * lanes + lane;
    return (vector / 2) * 2 * lanes + (lane / 4) * 8 + (vector % 2) * 4 + lane % 4;
}

void put_weight(PackedLayer& packed, const Geometry& geometry, std::size_t index, std::int8_t value) {
    if (geometry.bytes == 1)
        packed.weights[index] = static_cast<std::uint8_t>(value);
    else
        reinterpret_cast<std::int16_t*>(packed.weights.data())[index] = value;
}

void add_tiles(PackedLayer& packed, const Geometry& geometry, std::uint32_t windows) {
    const std::uint32_t vectors = (packed.rows + geometry.lanes - 1) / geometry.lanes;
    // Tiles of nearly equal size: 96 outputs are 3 + 3 registers rather than 4 + 2.
    const std::uint32_t count = (vectors + geometry.vectors - 1) / geometry.vectors;
    std::size_t base = 0;
    std::size_t weights = 0;
    std::uint32_t first = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t size = geometry.whole ? geometry.vectors : vectors / count + (i < vectors % count ? 1 : 0);
        const std::uint32_t room = size * geometry.lanes;
        const std::uint32_t columns = packed.rows - first < room ? packed.rows - first : room;
        packed.tiles.push_back({first, columns, size, base, weights});
        base += 2 * std::size_t{(room + 2 * geometry.lanes - 1) / (2 * geometry.lanes)} * geometry.lanes;
        weights += std::size_t{windows} * packed.steps * room * geometry.group * geometry.bytes;
        first += columns;
    }
    packed.bias.assign(base, 0);
    packed.shift.assign(base, 0);
    packed.low.assign(base, 0);
    packed.high.assign(base, 0);
    packed.weights.assign(weights, 0);
}

std::int32_t weight_at(const Layer& layer, std::uint32_t row, std::uint32_t window, std::uint32_t k) {
    return layer.columns == 0 ? layer.weight[row * 9 + k * 3 + window]
                              : layer.weight[std::size_t{row} * layer.columns + k];
}

}  // namespace

PackedLayer pack_layer(const Layer& layer, std::span<const std::uint8_t> zero, const Geometry& geometry, bool narrow,
                       bool clamp) {
    PackedLayer packed;
    packed.depthwise = layer.columns == 0;
    packed.clamp = clamp;
    packed.rows = layer.rows;
    const std::uint32_t inputs = packed.depthwise ? 3 : layer.columns;
    const std::uint32_t windows = packed.depthwise ? 3 : 1;
    // Pixels are at least multiples of 4 bytes apart; a kernel may read a whole group.
    packed.steps = (inputs + geometry.group - 1) / geometry.group;
    add_tiles(packed, geometry, windows);
    for (const Tile& tile : packed.tiles) {
        for (std::uint32_t v = 0; v < tile.vectors; ++v) {
            for (std::uint32_t lane = 0; lane < geometry.lanes; ++lane) {
                const std::uint32_t column = column_of(v, lane, tile.vectors, geometry.lanes, narrow);
                if (column >= tile.columns) continue;
                const std::uint32_t row = tile.first + column;
                std::int32_t bias = layer.bias[row];
                for (std::uint32_t window = 0; window < windows; ++window) {
                    for (std::uint32_t k = 0; k < inputs; ++k) {
                        const std::int32_t w = weight_at(layer, row, window, k);
                        bias -= w * zero[packed.depthwise ? row : k];
                        const std::size_t step = std::size_t{window} * packed.steps + k / geometry.group;
                        const std::size_t slot = (step * tile.vectors + v) * geometry.lanes + lane;
                        put_weight(packed, geometry, tile.weights / geometry.bytes + slot * geometry.group + k % geometry.group,
                                   static_cast<std::int8_t>(w));
                    }
                }
                packed.bias[tile.base + v * geometry.lanes + lane] = bias;
                packed.shift[tile.base + v * geometry.lanes + lane] = layer.shift[row];
                const std::size_t word = tile.base + word_of(v, lane, geometry.lanes, narrow);
                packed.low[word] = layer.low[row];
                packed.high[word] = layer.high[row];
            }
        }
    }
    return packed;
}

}  // namespace pauca::intnet
