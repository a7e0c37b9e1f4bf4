// One level of the CDF 9/7 or the 2/6 wavelet by lifting, unscaled. Definition: spec/image.md, "One level".
//
// I. Daubechies, W. Sweldens, "Factoring wavelet transforms into lifting steps" (1998). A. Said, W. A. Pearlman, "An
// image multiresolution representation for lossless and lossy compression" (1996).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace pauca::lifting {

inline constexpr int kBits = 12;
inline constexpr std::array<std::int32_t, 4> kLift{-6497, -217, 3616, 1817};  // alpha, beta, gamma, delta

// Values of T that analysis and synthesis of a level with a low band `width` wide work in.
constexpr std::size_t work_size(std::size_t width) { return 20 * width; }

// planes [colours][2h][2w] to low [colours][h][w] and details [colours][3][h][w]: high along the width,
// along the height, along both. REQUIRES: h, w >= 1; work holds work_size(w) values; nothing overlaps.
void analysis_level(const float* planes, std::size_t colours, std::size_t h, std::size_t w, float* low, float* details,
                    float* work);

// Inverse in integers: s - ((k * (a + b) + 2^11) >> 12) modulo 2^32 for every step. REQUIRES: as above.
void synthesis_level(const std::int32_t* low, const std::int32_t* details, std::size_t colours, std::size_t h,
                     std::size_t w, std::int32_t* planes, std::int32_t* work);

// The same by the 2/6 wavelet: the low band is the mean of pairs, a detail the difference within a pair without what the
// means around it say. Inverse: d = h + ((s after - s before + 2) >> 2), even = s - ((d + (s & 1)) >> 1), odd = even + d,
// modulo 2^32: halves go up as often as down.
void analysis_level_box(const float* planes, std::size_t colours, std::size_t h, std::size_t w, float* low, float* details,
                        float* work);
void synthesis_level_box(const std::int32_t* low, const std::int32_t* details, std::size_t colours, std::size_t h,
                         std::size_t w, std::int32_t* planes, std::int32_t* work);

}  // namespace pauca::lifting
