#include "pauca/levels.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "levels_bins.hpp"

namespace pauca::levels {

namespace {

// Bits of the histogram under a prior, signs left out.
double prior_bits(std::span<const std::uint64_t> counts, std::uint32_t prior, std::uint32_t mean) {
    const std::uint32_t x = continuous_mean(prior, std::max(mean, 1024u));
    const auto tail = [&](std::size_t level) {  // P(|k| >= level)
        if (level == 0) return 1.0;
        const auto u = static_cast<std::uint64_t>(2 * level - 1) * (std::uint64_t{1} << 31) / x;
        return std::exp2(-static_cast<double>(survival(prior, u)) / prior::kUnit);
    };
    double bits = 0.0, above = 1.0;
    for (std::size_t level = 0; level < counts.size(); ++level) {
        const double next = level + 1 < counts.size() ? tail(level + 1) : 0.0;
        if (counts[level] != 0) bits -= static_cast<double>(counts[level]) * std::log2(std::max(above - next, 1e-7));
        above = next;
    }
    return bits;
}

}  // namespace

Shape default_shape(std::uint32_t scale) {
    // Few flags and wide buckets for large levels: the probability hardly changes from one to the next.
    const std::uint32_t mean = scale_mean(scale) >> 16;
    Shape shape;
    shape.scale = scale;
    shape.order = mean < 4 ? 0 : std::min(static_cast<std::uint32_t>(std::bit_width(mean)) - 2, kMaxOrder);
    shape.greater = mean < 2 ? 10 : mean < 6 ? 6 : 2;
    return shape;
}

Shape choose_shape(std::span<const std::uint64_t> counts, double sum) {
    std::uint64_t total = 0;
    for (const std::uint64_t count : counts) total += count;
    const double mean = total == 0 ? 0.0 : sum / static_cast<double>(total);
    std::uint32_t scale = 0;
    while (scale + 1 < kScales && scale_mean(scale) < mean * 65536.0) ++scale;
    Shape shape = default_shape(scale);
    double best = INFINITY;
    for (std::uint32_t prior = 0; prior < kPriors; ++prior) {
        const double bits = prior_bits(counts, prior, scale_mean(scale));
        if (bits < best) {
            best = bits;
            shape.prior = prior;
        }
    }
    return shape;
}

}  // namespace pauca::levels
