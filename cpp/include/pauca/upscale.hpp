// What surrounds a super-resolution network: its windows of pixels, and the interpolation that it mends.
// Definition: spec/upscale.md. Planes count 1/16 grey levels.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pauca::upscale {

// Cells of fold x fold pixels to what the network sees: out [h / fold][w / fold][side * side] with side = fold +
// 2 margin, pixels in whole levels minus 128, the border repeated. REQUIRES: h, w multiples of fold, both at least 1.
void windows(const std::int16_t* plane, std::size_t h, std::size_t w, std::size_t fold, std::size_t margin,
             std::int8_t* out);

// Bicubic interpolation by `scale` (2 or 4) plus the network's residuals, clamped to 0..4095: out [scale h][scale w].
// residual [h / fold][w / fold][(fold scale)^2], or null for none. work: work_size(w, scale) values.
// Arithmetic is exact for any int16. REQUIRES: as above; nothing overlaps.
void interpolate(const std::int16_t* plane, std::size_t h, std::size_t w, std::size_t scale, std::size_t fold,
                 const std::int16_t* residual, std::int16_t* out, std::int32_t* work);

constexpr std::size_t work_size(std::size_t width, std::size_t scale) { return width + 4 + scale * width; }

}  // namespace pauca::upscale
