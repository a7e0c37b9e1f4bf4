// Products of signs (XNOR-Net, arXiv:1603.05279): 64 multiplications in one exclusive or and one count of bits.
//
// A value is its sign, bit 1 where it is below its channel's threshold (0 where there is none: 0 and -0 count as +1);
// bits that stand for nothing are 0 on both sides and add nothing. Every instruction set gives the same integers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pauca::xnor {

enum class Kernel : std::uint8_t { scalar, avx2, avx512 };

bool kernel_available(Kernel kernel);
Kernel best_kernel();

constexpr std::size_t words_of(std::size_t channels) { return (channels + 63) / 64; }

// Signs of x [channels][pixels]: out [words_of(channels)][pixels], channel c is bit c % 64 of word c / 64.
// threshold [channels] may be null. x_stride and out_stride are the distances between channels and between words.
void pack(const float* x, const float* threshold, std::size_t channels, std::size_t pixels, std::size_t x_stride,
          std::uint64_t* out, std::size_t out_stride);

// out [m][n] = bits - 2 * (ones of a[m][k] ^ b[k][n], summed over k): sums of products of signs.
// b_stride and out_stride are the distances between rows. REQUIRES: 64 k < 2^31, the kernel is available.
void gemm(const std::uint64_t* a, const std::uint64_t* b, std::size_t b_stride, std::size_t m, std::size_t k,
          std::size_t n, std::int32_t bits, std::int32_t* out, std::size_t out_stride, Kernel kernel);

// A convolution of [channels][height][width] by weights [rows][kernel_height][kernel_width][words_of(channels)].
// Outside the picture all signs are +1.
struct Conv {
    std::size_t channels = 0, height = 0, width = 0;
    std::size_t rows = 0, kernel_height = 1, kernel_width = 1, stride = 1, padding = 0;

    [[nodiscard]] std::size_t words() const { return words_of(channels); }
    [[nodiscard]] std::size_t padded_height() const { return height + 2 * padding; }
    [[nodiscard]] std::size_t padded_width() const { return width + 2 * padding; }
    [[nodiscard]] std::size_t out_height() const { return (padded_height() - kernel_height) / stride + 1; }
    [[nodiscard]] std::size_t out_width() const { return (padded_width() - kernel_width) / stride + 1; }
    [[nodiscard]] std::size_t depth() const { return kernel_height * kernel_width * words(); }
};

inline constexpr std::size_t kBlock = 32;  // pixels that are worked on at once

// Values of the two work areas of `conv`.
inline std::size_t conv_words(const Conv& c) {
    return c.words() * c.padded_height() * c.padded_width() + c.depth() * kBlock;
}
inline std::size_t conv_sums(const Conv& c) { return c.rows * kBlock; }

// out [rows][out_height][out_width] = sums of products of signs * scale[row] + bias[row]; threshold and bias may be
// null.
// REQUIRES: the padded picture is no smaller than the kernel, stride >= 1, 64 * depth < 2^24 (sums are exact floats),
// words and sums have room for conv_words and conv_sums values.
void conv(const float* x, const float* threshold, const std::uint64_t* weights, const float* scale, const float* bias,
          const Conv& shape, float* out, Kernel kernel, std::uint64_t* words, std::int32_t* sums);

}  // namespace pauca::xnor
