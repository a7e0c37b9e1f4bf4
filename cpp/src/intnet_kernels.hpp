// What the instruction sets share: packed layers and the signatures of their kernels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <vector>

#include "pauca/intnet.hpp"

namespace pauca::intnet {

template <typename T>
struct CacheLineAllocator {
    using value_type = T;
    CacheLineAllocator() = default;
    template <typename U>
    CacheLineAllocator(const CacheLineAllocator<U>&) {}
    T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t{64})); }
    void deallocate(T* p, std::size_t) { ::operator delete(p, std::align_val_t{64}); }
    bool operator==(const CacheLineAllocator&) const { return true; }
};
template <typename T>
using Aligned = std::vector<T, CacheLineAllocator<T>>;

// How an instruction set wants its weights: registers of `lanes` sums, at most `vectors` of them side by
// side (or always that many: `whole`), `group` inputs of one output next to each other, `bytes` per weight.
struct Geometry {
    std::uint32_t lanes, vectors, group, bytes;
    bool whole;
};

// How results leave a kernel. A signed tensor that is read again is stored plus 128, so that every
// kernel reads unsigned bytes (vpdpbusd multiplies unsigned by signed).
enum class Store : std::uint8_t { u8, s8, biased, s16 };

// Columns [first, first + columns) of a layer; `base` indexes its sums, `weights` is a byte offset.
struct Tile {
    std::uint32_t first, columns, vectors;
    std::size_t base, weights;
};

struct PackedLayer {
    bool depthwise = false;
    bool clamp = true;         // false where the saturation of the store is the clamp
    std::uint32_t rows = 0;    // output channels
    std::uint32_t steps = 0;   // groups of inputs (pointwise) or of rows of the window (depthwise)
    std::vector<Tile> tiles;
    Aligned<std::uint8_t> weights;  // per tile [window column][step][vector][lane][group]
    Aligned<std::int32_t> bias, shift;
    Aligned<std::int16_t> low, high;  // in the order of the sums narrowed to 16 bits
};

// `zero[k]` is what input channel k is stored with on top; it leaves the sum through the bias.
// `narrow` orders the sums so that the narrowing packs of the instruction set put them in place.
PackedLayer pack_layer(const Layer& layer, std::span<const std::uint8_t> zero, const Geometry& geometry, bool narrow,
                       bool clamp);

struct Output {
    void* data = nullptr;
    std::size_t stride = 0;  // bytes between pixels
    Store store = Store::u8;
    const std::uint8_t* residual = nullptr;  // added after the shift; clamps to 0..255
    std::size_t residual_stride = 0;
    const std::uint8_t* residual_zero = nullptr;  // per channel, what it is stored with on top
};

// A piece of one row for a 3x3 window: rows[i] points at the first pixel; a row outside the picture
// points at `pad` with stride 0.
struct Window {
    const std::uint8_t* rows[3] = {};
    std::size_t strides[3] = {};
    const std::uint8_t* pad = nullptr;  // one pixel of zeros as stored
    bool left = false, right = false;   // whether the pixels before and after the piece exist

    // Pixel x of row i, -1 <= x <= pixels.
    [[nodiscard]] const std::uint8_t* at(int i, std::ptrdiff_t x, std::ptrdiff_t pixels) const {
        if ((x < 0 && !left) || (x == pixels && !right)) return pad;
        return rows[i] + x * static_cast<std::ptrdiff_t>(strides[i]);
    }
};

struct KernelSet {
    Geometry pointwise_geometry, depthwise_geometry;
    bool narrow;       // sums of 8-bit results, and all of depthwise layers, are packed in the order of the packs
    bool narrow_wide;  // those of 16-bit results too
    void (*pointwise)(const PackedLayer&, const std::uint8_t* x, std::size_t stride, std::size_t pixels, const Output&);
    void (*depthwise)(const PackedLayer&, const Window&, std::size_t pixels, const Output&);
};

const KernelSet& scalar_kernels();
const KernelSet& avx2_kernels();  // REQUIRES: the processor has them
const KernelSet& vnni_kernels();
const KernelSet& amx_kernels();

bool amx_available();  // asks the system for the registers

// The plain epilogue: one sum to its place in the output. REQUIRES: sum already shifted.
inline void store_value(const Output& out, std::size_t pixel, std::size_t channel, std::int32_t value, std::int16_t low,
                        std::int16_t high) {
    auto* row = static_cast<std::uint8_t*>(out.data) + pixel * out.stride;
    if (out.residual != nullptr) {
        value += out.residual[pixel * out.residual_stride + channel] - out.residual_zero[channel];
        row[channel] = static_cast<std::uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
        return;
    }
    value = value < low ? low : value > high ? high : value;
    if (out.store == Store::s16)
        reinterpret_cast<std::int16_t*>(row)[channel] = static_cast<std::int16_t>(value);
    else
        row[channel] = static_cast<std::uint8_t>(out.store == Store::biased ? value + 128 : value);
}

}  // namespace pauca::intnet
