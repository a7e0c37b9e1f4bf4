// Rate-distortion optimized quantization of weights (DeepCABAC, arXiv:1907.11900, equation 1):
// level = argmin_k F (w - step k)^2 + lambda R(k), R in bits by the contexts of the coder `cabac`,
// advanced level by level as the coder would advance them.
#pragma once

#include <cstdint>
#include <span>

#include "pauca/levels.hpp"

namespace pauca::rdoq {

struct Target {
    float step;    // > 0, finite
    float lambda;  // >= 0: cost of one bit in units of F w^2
};

// Candidates are the nearest level, its neighbour towards zero, and zero.
// REQUIRES: weights finite with |w / step| < 2^31 - 1; importance as long as weights and not
// negative, or empty for all ones; levels as long as weights; band and model as for encode_cabac.
void quantize(std::span<const float> weights, std::span<const float> importance, const Target& target,
              const levels::Band& band, levels::CabacModel& model, std::span<std::int32_t> levels);

}  // namespace pauca::rdoq
