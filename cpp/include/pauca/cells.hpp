// What surrounds a filter of decoded video: windows of 4:2:0 samples around cells of 2 x 2 luma samples, and the
// samples that its residuals mend. Definition: spec/filter.md.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pauca::cells {

struct Plane {
    const std::uint8_t* data = nullptr;
    std::size_t height = 0, width = 0, stride = 0;  // stride: samples between rows
};

// Samples of a cell's window: luma (2 + 2 margin)^2, twice chroma (1 + margin)^2, `side` constants.
constexpr std::size_t window_size(std::size_t margin, std::size_t side) {
    return (2 + 2 * margin) * (2 + 2 * margin) + 2 * (1 + margin) * (1 + margin) + side;
}

// planes: Y, U, V with ceil(H / 2) x ceil(W / 2) chroma; out [ceil(H / 2)][ceil(W / 2)][window_size], the border
// repeated. REQUIRES: all sides at least 1, margin even and at most 8; nothing overlaps.
void windows(const Plane (&planes)[3], std::size_t margin, const std::uint8_t* side, std::size_t side_size,
             std::uint8_t* out);

// out[y][x] = clamp((unit base[y][x] + residual + 32) >> 6, 0, 255), unit = 64 for samples and 4 for 1/16 levels; the
// residual of a sample, in 1/64 levels, is that of its cell of fold x fold samples, row by row, from `offset` on:
// residual [cells down][cells across][channels]. out is dense.
// REQUIRES: fold 1, 2 or 4, offset + fold^2 <= channels, cells cover the plane.
void mend(const Plane& plane, std::size_t fold, const std::int16_t* residual, std::size_t channels, std::size_t offset,
          std::uint8_t* out);
void mend(const std::int16_t* base, std::size_t height, std::size_t width, std::size_t fold,
          const std::int16_t* residual, std::size_t channels, std::size_t offset, std::uint8_t* out);

}  // namespace pauca::cells
