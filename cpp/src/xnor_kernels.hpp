// What the instruction sets share: one product of sign matrices.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pauca::xnor {

struct Product {
    const std::uint64_t* a;  // [m][k]
    const std::uint64_t* b;  // [k][n], rows b_stride apart
    std::size_t b_stride, m, k, n;
    std::int32_t bits;
    std::int32_t* out;  // [m][n], rows out_stride apart
    std::size_t out_stride;
};

void gemm_avx2(const Product& product);  // REQUIRES: the processor has it
void gemm_avx512(const Product& product);

}  // namespace pauca::xnor
