// Owned storage around mixture::Curves, as exact as the header asks, for tests and fuzz targets.
#pragma once

#include <cstdint>
#include <vector>

#include "check.hpp"
#include "pauca/mixture.hpp"

namespace test {

class CurveSet {
public:
    CurveSet(std::vector<std::uint16_t> values, const std::vector<std::int32_t>& reaches,
             const std::vector<std::uint8_t>& shifts, std::vector<std::uint16_t> shares)
        : curves_(reaches.size()), values_(std::move(values)), shares_(std::move(shares)) {
        status = pauca::mixture::build_curves(values_, reaches, shifts, shares_, curves_);
        values_.push_back(0xffff);
        shares_.push_back(0xffff);
    }

    [[nodiscard]] pauca::mixture::Curves view() const {
        return {static_cast<std::uint32_t>(curves_.size()), curves_.data(), values_.data(),
                static_cast<std::uint32_t>(shares_.size() - 1), shares_.data()};
    }

    pauca::Status status;

private:
    std::vector<pauca::mixture::Curve> curves_;
    std::vector<std::uint16_t> values_;
    std::vector<std::uint16_t> shares_;
};

// A jump, a slope, and curves as long and as coarse as they come.
inline CurveSet sample_curves() {
    std::vector<std::uint16_t> values{0, 65535, 65535, 0, 0, 30000, 30000, 65535};
    const std::vector<std::int32_t> reaches{1, 2, 300, 2048, 32768};
    for (std::size_t i = 2; i < reaches.size(); ++i) {
        const auto length = 2 * static_cast<std::uint32_t>(reaches[i]);
        for (std::uint32_t k = 0; k <= length; ++k) {
            values.push_back(static_cast<std::uint16_t>(std::uint64_t{65535} * k / length));
        }
    }
    return CurveSet(values, reaches, {0, 3, 2, 4, 0}, {4096, 700, 1});
}

// Parameters of n symbols, of any means.
struct Mixed {
    std::vector<std::uint8_t> weights;
    std::vector<std::int16_t> means;
    std::vector<std::uint8_t> scales;

    [[nodiscard]] pauca::mixture::Parameters from(std::size_t i) const {
        return {weights.data() + 3 * i, means.data() + 3 * i, scales.data() + 3 * i};
    }
};

inline Mixed make_mixed(std::size_t n, Random& random) {
    Mixed mixed;
    for (std::size_t i = 0; i < 3 * n; ++i) {
        mixed.weights.push_back(static_cast<std::uint8_t>(random.below(3)));
        mixed.means.push_back(static_cast<std::int16_t>(static_cast<std::int16_t>(random.next()) >> random.below(16)));
        mixed.scales.push_back(static_cast<std::uint8_t>(random.below(5)));
    }
    return mixed;
}

}  // namespace test
