// Owned storage around the kernels' views, for tests and fuzz targets.
#pragma once

#include <cstdint>
#include <vector>

#include "pauca/rans.hpp"

namespace test {

// Rows of frequencies (escape last, sum 65536), with the first symbol of each.
class TableSet {
public:
    TableSet(const std::vector<std::vector<std::uint32_t>>& freqs, std::vector<std::int32_t> offsets) {
        std::size_t stride = 0;
        std::vector<std::int32_t> sizes;
        for (const auto& row : freqs) {
            sizes.push_back(static_cast<std::int32_t>(row.size()) - 1);
            stride = row.size() + 1 > stride ? row.size() + 1 : stride;
        }
        std::vector<std::uint32_t> cdf;
        for (const auto& row : freqs) {
            std::uint32_t sum = 0;
            for (std::size_t k = 0; k < stride; ++k) {
                cdf.push_back(sum);
                if (k < row.size()) sum += row[k];
            }
        }
        const std::uint32_t intervals = pauca::rans::count_intervals(sizes);
        info_.resize(freqs.size());
        encoder_.resize(intervals);
        decoder_.resize(intervals);
        buckets_.resize(freqs.size() << pauca::rans::kBucketBits);
        status = intervals == 0 ? pauca::Status::bad_tables
                                : pauca::rans::build_tables(cdf, stride, sizes, offsets,
                                                            {info_, encoder_, decoder_, buckets_});
    }

    [[nodiscard]] pauca::rans::Tables view() const {
        return {static_cast<std::uint32_t>(info_.size()), info_.data(), encoder_.data(), decoder_.data(),
                buckets_.data()};
    }

    pauca::Status status;

private:
    std::vector<pauca::rans::TableInfo> info_;
    std::vector<pauca::rans::EncoderEntry> encoder_;
    std::vector<std::uint32_t> decoder_;
    std::vector<std::uint32_t> buckets_;
};

// Skewed, flat, wide and lopsided tables.
inline TableSet sample_tables() {
    std::vector<std::uint32_t> wide(301, 200);
    wide.back() = 65536 - 300 * 200;
    return TableSet({{65534, 1, 1}, {20000, 30000, 15000, 536}, wide, {1, 65535}, {16384, 16384, 16384, 16384}},
                    {0, -1, -150, 32767, -32768});
}

}  // namespace test
