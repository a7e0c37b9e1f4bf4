// Shared by the wavelets.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pauca::lifting {

// Even and odd samples [n] to a row [2n]. REQUIRES: nothing overlaps.
void join_pairs(const std::int32_t* __restrict even, const std::int32_t* __restrict odd, std::int32_t* __restrict row,
                std::size_t n);

}  // namespace pauca::lifting
