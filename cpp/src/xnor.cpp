#include "pauca/xnor.hpp"

#include <algorithm>
#include <bit>

#include "clones.hpp"
#include "xnor_kernels.hpp"

namespace pauca::xnor {

namespace {

void gemm_scalar(const Product& p) {
    for (std::size_t i = 0; i < p.m; ++i) {
        std::int32_t* out = p.out + i * p.out_stride;
        std::fill_n(out, p.n, p.bits);
        for (std::size_t j = 0; j < p.k; ++j) {
            const std::uint64_t word = p.a[i * p.k + j];
            const std::uint64_t* b = p.b + j * p.b_stride;
            for (std::size_t x = 0; x < p.n; ++x) out[x] -= 2 * std::popcount(word ^ b[x]);
        }
    }
}

void multiply(const Product& product, Kernel kernel) {
    switch (kernel) {
        case Kernel::avx512: return gemm_avx512(product);
        case Kernel::avx2: return gemm_avx2(product);
        case Kernel::scalar: break;
    }
    gemm_scalar(product);
}

PAUCA_CLONES void pack_word(const float* x, const float* threshold, std::size_t channels, std::size_t pixels,
                            std::size_t x_stride, std::uint64_t* __restrict out) {
    std::fill_n(out, pixels, std::uint64_t{0});
    for (std::size_t c = 0; c < channels; ++c) {
        const float* row = x + c * x_stride;
        const float bar = threshold == nullptr ? 0.0F : threshold[c];
        for (std::size_t p = 0; p < pixels; ++p) out[p] |= row[p] < bar ? std::uint64_t{1} << c : 0;
    }
}

PAUCA_CLONES void scaled(const std::int32_t* __restrict sums, float scale, float bias, std::size_t n,
                         float* __restrict out) {
    for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<float>(sums[i]) * scale + bias;
}

// Pixels [first, first + count) of the output as columns [tap][word][kBlock] of the product.
void gather(const std::uint64_t* plane, const Conv& c, std::size_t first, std::size_t count, std::uint64_t* out) {
    const std::size_t width = c.padded_width(), size = width * c.padded_height(), across = c.out_width();
    for (std::size_t i = 0; i < c.kernel_height; ++i) {
        for (std::size_t j = 0; j < c.kernel_width; ++j) {
            for (std::size_t w = 0; w < c.words(); ++w, out += kBlock) {
                for (std::size_t p = 0; p < count;) {
                    const std::size_t y = (first + p) / across, x = (first + p) % across;
                    const std::size_t n = std::min(across - x, count - p);
                    const std::uint64_t* from = plane + w * size + (y * c.stride + i) * width + x * c.stride + j;
                    for (std::size_t q = 0; q < n; ++q) out[p + q] = from[q * c.stride];
                    p += n;
                }
            }
        }
    }
}

}  // namespace

bool kernel_available(Kernel kernel) {
#if defined(__x86_64__)
    if (kernel == Kernel::avx2) return __builtin_cpu_supports("avx2") != 0;
    if (kernel == Kernel::avx512)
        return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
               __builtin_cpu_supports("avx512vpopcntdq") != 0;
#endif
    return kernel == Kernel::scalar;
}

Kernel best_kernel() {
    return kernel_available(Kernel::avx512) ? Kernel::avx512
           : kernel_available(Kernel::avx2) ? Kernel::avx2
                                            : Kernel::scalar;
}

void pack(const float* x, const float* threshold, std::size_t channels, std::size_t pixels, std::size_t x_stride,
          std::uint64_t* out, std::size_t out_stride) {
    for (std::size_t c = 0; c < channels; c += 64)
        pack_word(x + c * x_stride, threshold == nullptr ? nullptr : threshold + c,
                  std::min<std::size_t>(64, channels - c), pixels, x_stride, out + c / 64 * out_stride);
}

void gemm(const std::uint64_t* a, const std::uint64_t* b, std::size_t b_stride, std::size_t m, std::size_t k,
          std::size_t n, std::int32_t bits, std::int32_t* out, std::size_t out_stride, Kernel kernel) {
    multiply({a, b, b_stride, m, k, n, bits, out, out_stride}, kernel);
}

void conv(const float* x, const float* threshold, const std::uint64_t* weights, const float* scale, const float* bias,
          const Conv& shape, float* out, Kernel kernel, std::uint64_t* words, std::int32_t* sums) {
    const std::size_t width = shape.padded_width(), size = width * shape.padded_height();
    const std::size_t pixels = shape.out_height() * shape.out_width(), depth = shape.depth();
    std::uint64_t* block = words + shape.words() * size;
    std::fill(words, block, std::uint64_t{0});
    for (std::size_t y = 0; y < shape.height; ++y)
        pack(x + y * shape.width, threshold, shape.channels, shape.width, shape.height * shape.width,
             words + (y + shape.padding) * width + shape.padding, size);
    const auto bits = static_cast<std::int32_t>(shape.kernel_height * shape.kernel_width * shape.channels);
    for (std::size_t first = 0; first < pixels; first += kBlock) {
        const std::size_t count = std::min(kBlock, pixels - first);
        gather(words, shape, first, count, block);
        multiply({weights, block, kBlock, shape.rows, depth, count, bits, sums, kBlock}, kernel);
        for (std::size_t r = 0; r < shape.rows; ++r)
            scaled(sums + r * kBlock, scale[r], bias == nullptr ? 0.0F : bias[r], count, out + r * pixels + first);
    }
}

}  // namespace pauca::xnor
