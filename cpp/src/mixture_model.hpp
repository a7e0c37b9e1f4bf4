// The model of spec/mixture.md: three parts a symbol, cumulative values made when they are asked for.
#pragma once

#include <algorithm>

#include "pauca/mixture.hpp"
#include "rans_lanes.hpp"

namespace pauca::mixture {

// One part of one symbol's distribution.
struct Part {
    const std::uint16_t* centre;
    std::int32_t reach;
    std::uint32_t shift;
    std::int32_t begin;   // the reach's lower end in 1/16 steps around the mean
    std::uint32_t share;  // of 65536 - size
};

struct Mix {
    rans::Reach reach;
    Part parts[kParts];

    // c[k]: at most 65535 * 65535 is summed, which 32 bits hold.
    [[nodiscard]] std::uint32_t cumulative(std::uint32_t k) const {
        std::uint32_t sum = 0;
        for (const Part& part : parts) {
            const std::int32_t at = (part.begin + static_cast<std::int32_t>(16 * k)) >> part.shift;
            sum += part.share * part.centre[std::clamp(at, -part.reach, part.reach)];
        }
        return k + (sum >> rans::kPrecision);
    }
};

struct MixtureCoded {
    std::uint32_t start_;
    std::uint32_t freq_;
    bool escaped;
    [[nodiscard]] std::uint32_t start() const { return start_; }
    [[nodiscard]] std::uint32_t freq() const { return freq_; }
    [[nodiscard]] std::uint32_t quotient(std::uint32_t x) const { return x / freq_; }
};

struct MixtureModel {
    Curves curves;
    Parameters parameters;

    [[nodiscard]] Mix mix(std::size_t i) const {
        Mix mix;
        const std::uint8_t* weights = parameters.weights + kParts * i;
        const std::int16_t* means = parameters.means + kParts * i;
        const std::uint8_t* scales = parameters.scales + kParts * i;
        std::int32_t low = INT32_MAX;
        std::int32_t high = INT32_MIN;
        for (std::size_t j = 0; j < kParts; ++j) {
            const Curve& curve = curves.curve[scales[j]];
            mix.parts[j].centre = curves.values + curve.centre;
            mix.parts[j].reach = curve.reach;
            mix.parts[j].shift = curve.shift;
            mix.parts[j].share = curves.shares[weights[j]];
            const std::int32_t wide = curve.reach << curve.shift;
            low = std::min(low, means[j] - wide);
            high = std::max(high, means[j] + wide);
        }
        mix.reach.first = (low + 8) >> 4;
        mix.reach.size = static_cast<std::uint32_t>(((high + 8) >> 4) - mix.reach.first + 1);
        for (std::size_t j = 0; j < kParts; ++j) mix.parts[j].begin = 16 * mix.reach.first - 8 - means[j];
        divide(mix);
        return mix;
    }

    // Shares that sum to 65536 - size: the first part takes what rounding leaves.
    static void divide(Mix& mix) {
        const std::uint32_t whole = rans::kTotal - mix.reach.size;
        const std::uint32_t sum = mix.parts[0].share + mix.parts[1].share + mix.parts[2].share;
        const std::uint32_t unit = (whole << kShareBits) / sum;
        mix.parts[1].share = mix.parts[1].share * unit >> kShareBits;
        mix.parts[2].share = mix.parts[2].share * unit >> kShareBits;
        mix.parts[0].share = whole - mix.parts[1].share - mix.parts[2].share;
    }

    [[nodiscard]] rans::Reach reach(std::size_t i) const { return mix(i).reach; }

    [[nodiscard]] MixtureCoded coded(std::size_t i, std::int16_t symbol) const {
        const Mix of = mix(i);
        const auto k = static_cast<std::uint32_t>(symbol - of.reach.first);
        if (k >= of.reach.size) [[unlikely]] return {kTop, 1, true};
        const std::uint32_t start = of.cumulative(k);
        return {start, of.cumulative(k + 1) - start, false};
    }

    rans::Found pop(std::uint32_t& x, std::size_t i) const {
        const Mix of = mix(i);
        const std::uint32_t slot = x & (rans::kTotal - 1);
        std::uint32_t k = 0;
        std::uint32_t start = 0;
        std::uint32_t end = kTop;
        // Halves overlap where the length is odd: the number of rounds then depends on the size alone.
        for (std::uint32_t length = of.reach.size; length > 1;) {
            const std::uint32_t half = length / 2;
            const std::uint32_t middle = of.cumulative(k + half);
            const bool above = middle <= slot;
            k = above ? k + half : k;
            start = above ? middle : start;
            end = above ? end : middle;
            length -= half;
        }
        const bool escaped = slot == kTop;
        start = escaped ? kTop : start;
        end = escaped ? kTop + 1 : end;
        x = (end - start) * (x >> rans::kPrecision) + slot - start;
        return {static_cast<std::int16_t>(of.reach.first + static_cast<std::int32_t>(k)), escaped};
    }
};

rans::Progress decode_avx512(rans::Decoder&, const MixtureModel&, std::int16_t* symbols, std::size_t n);

}  // namespace pauca::mixture
