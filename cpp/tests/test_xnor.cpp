// Every kernel against plain sums over signs, at odd sizes; the sanitizers watch every access.
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "check.hpp"
#include "pauca/xnor.hpp"

namespace {

using namespace pauca;

std::vector<xnor::Kernel> kernels() {
    std::vector<xnor::Kernel> found;
    for (const auto kernel : {xnor::Kernel::scalar, xnor::Kernel::avx2, xnor::Kernel::avx512})
        if (xnor::kernel_available(kernel)) found.push_back(kernel);
    return found;
}

int sign(float x) { return x < 0 ? -1 : 1; }

std::vector<float> noise(std::size_t n, test::Random& random) {
    std::vector<float> out(n);
    for (float& x : out) x = static_cast<float>(random.below(2001)) - 1000;
    return out;
}

void products_are_sums_of_signs(std::size_t m, std::size_t depth, std::size_t n) {
    test::Random random;
    const auto a = noise(depth * m, random), b = noise(depth * n, random);
    const std::size_t k = xnor::words_of(depth);
    std::vector<std::uint64_t> columns(k * m), words(m * k), right(k * n);
    xnor::pack(a.data(), nullptr, depth, m, m, columns.data(), m);
    for (std::size_t i = 0; i < m; ++i)
        for (std::size_t j = 0; j < k; ++j) words[i * k + j] = columns[j * m + i];
    xnor::pack(b.data(), nullptr, depth, n, n, right.data(), n);
    for (const auto kernel : kernels()) {
        std::vector<std::int32_t> out(m * n, 12345);
        xnor::gemm(words.data(), right.data(), n, m, k, n, static_cast<std::int32_t>(depth), out.data(), n, kernel);
        bool same = true;
        for (std::size_t i = 0; i < m; ++i)
            for (std::size_t j = 0; j < n; ++j) {
                int sum = 0;
                for (std::size_t d = 0; d < depth; ++d) sum += sign(a[d * m + i]) * sign(b[d * n + j]);
                same = same && sum == out[i * n + j];
            }
        CHECK(same);
    }
}

void signs_of_special_values() {
    const float inf = std::numeric_limits<float>::infinity();
    const std::vector<float> x{0.0F, -0.0F, inf, -inf, std::nanf(""), -1e-45F};
    std::uint64_t word = 0;
    xnor::pack(x.data(), nullptr, x.size(), 1, 1, &word, 1);
    CHECK(word == 0b101000);
    const std::vector<float> bars{1.0F, -1.0F, inf, -inf, 0.0F, -1e-45F};
    xnor::pack(x.data(), bars.data(), x.size(), 1, 1, &word, 1);
    CHECK(word == 0b000001);
}

void convolutions_see_plus_one_outside(const xnor::Conv& c) {
    test::Random random;
    const auto x = noise(c.channels * c.height * c.width, random);
    const std::size_t taps = c.kernel_height * c.kernel_width;
    const auto w = noise(c.channels * c.rows * taps, random);  // [channel][row][tap]
    std::vector<std::uint64_t> packed(c.words() * c.rows * taps), weights(packed.size());
    xnor::pack(w.data(), nullptr, c.channels, c.rows * taps, c.rows * taps, packed.data(), c.rows * taps);
    for (std::size_t i = 0; i < c.rows * taps; ++i)
        for (std::size_t j = 0; j < c.words(); ++j) weights[i * c.words() + j] = packed[j * c.rows * taps + i];
    const std::vector<float> scale(c.rows, 0.5F), bias(c.rows, 3.0F);
    const auto bars = noise(c.channels, random);
    for (const auto kernel : kernels()) {
        std::vector<float> out(c.rows * c.out_height() * c.out_width());
        std::vector<std::uint64_t> words(xnor::conv_words(c));
        std::vector<std::int32_t> sums(xnor::conv_sums(c));
        xnor::conv(x.data(), bars.data(), weights.data(), scale.data(), bias.data(), c, out.data(), kernel,
                   words.data(), sums.data());
        bool same = true;
        std::size_t at = 0;
        for (std::size_t r = 0; r < c.rows; ++r)
            for (std::size_t y = 0; y < c.out_height(); ++y)
                for (std::size_t z = 0; z < c.out_width(); ++z, ++at) {
                    int sum = 0;
                    for (std::size_t d = 0; d < c.channels; ++d)
                        for (std::size_t t = 0; t < taps; ++t) {
                            const std::size_t v = y * c.stride + t / c.kernel_width - c.padding;
                            const std::size_t u = z * c.stride + t % c.kernel_width - c.padding;
                            const bool inside = v < c.height && u < c.width;  // below zero wraps around
                            const float value = inside ? x[(d * c.height + v) * c.width + u] - bars[d] : 0.0F;
                            sum += sign(value) * sign(w[(d * c.rows + r) * taps + t]);
                        }
                    same = same && out[at] == static_cast<float>(sum) * 0.5F + 3.0F;
                }
        CHECK(same);
    }
}

}  // namespace

int main() {
    for (const std::size_t m : {1, 5, 17})
        for (const std::size_t depth : {1, 63, 64, 65, 2100})
            for (const std::size_t n : {1, 7, 8, 9, 33}) products_are_sums_of_signs(m, depth, n);
    signs_of_special_values();
    convolutions_see_plus_one_outside({3, 9, 11, 5, 3, 3, 1, 1});
    convolutions_see_plus_one_outside({70, 8, 5, 13, 3, 2, 2, 1});
    convolutions_see_plus_one_outside({64, 1, 40, 2, 1, 1, 1, 0});
    return test::finish("xnor");
}
