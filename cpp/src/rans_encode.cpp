#include "rans_table.hpp"

namespace pauca::rans {

std::uint32_t count_intervals(std::span<const std::int32_t> sizes) {
    if (sizes.empty() || sizes.size() > kMaxTables) return 0;
    std::uint64_t total = 0;
    for (const std::int32_t size : sizes) {
        if (size < 1 || size > static_cast<std::int32_t>(kTotal) - 1) return 0;
        total += static_cast<std::uint64_t>(size) + 1;
    }
    return total > kMaxIntervals ? 0 : static_cast<std::uint32_t>(total);
}

namespace {

bool well_formed(const std::uint32_t* row, std::size_t stride, std::int32_t size, std::int32_t offset) {
    const auto n = static_cast<std::size_t>(size) + 1;
    if (n + 1 > stride || row[0] != 0 || row[n] != kTotal) return false;
    for (std::size_t k = 0; k < n; ++k) {
        if (row[k] >= row[k + 1] || row[k + 1] > kTotal) return false;
    }
    for (std::size_t k = n + 1; k < stride; ++k) {
        if (row[k] != kTotal) return false;
    }
    return offset >= INT16_MIN && static_cast<std::int64_t>(offset) + size - 1 <= INT16_MAX;
}

void fill_buckets(const std::uint32_t* row, const TableInfo& info, std::uint32_t* buckets) {
    std::uint32_t k = 0;
    for (std::uint32_t bucket = 0; bucket < 1u << kBucketBits; ++bucket) {
        const std::uint32_t slot = bucket << (kPrecision - kBucketBits);
        while (row[k + 1] <= slot) ++k;
        const auto symbol = static_cast<std::uint32_t>(info.offset) + k;
        buckets[bucket] = (info.base + k) | symbol << 16;
    }
}

}  // namespace

Status build_tables(std::span<const std::uint32_t> cdf, std::size_t stride,
                    std::span<const std::int32_t> sizes, std::span<const std::int32_t> offsets,
                    const TableStorage& storage) {
    std::uint32_t base = 0;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        const std::uint32_t* row = cdf.data() + i * stride;
        if (!well_formed(row, stride, sizes[i], offsets[i])) return Status::bad_tables;
        const auto size = static_cast<std::uint32_t>(sizes[i]);
        storage.info[i] = {base, offsets[i], size};
        for (std::uint32_t k = 0; k <= size; ++k) {
            const std::uint32_t freq = row[k + 1] - row[k];
            const std::uint64_t scale = std::uint64_t{1} << (kStateBits + std::bit_width(freq));
            storage.encoder[base + k] = {static_cast<std::uint32_t>((scale + freq - 1) / freq),
                                         static_cast<std::uint16_t>(row[k]),
                                         static_cast<std::uint16_t>(freq)};
            storage.decoder[base + k] = row[k] | freq << 16;
        }
        fill_buckets(row, storage.info[i], storage.buckets.data() + (i << kBucketBits));
        base += size + 1;
    }
    return Status::ok;
}

double code_length(const Tables& tables, std::span<const std::int16_t> symbols,
                   std::span<const std::uint8_t> indexes) {
    return sampled_length(TableModel{tables, indexes.data()}, symbols, 1);
}

double estimate_bytes(const Tables& tables, std::span<const std::int16_t> symbols,
                      std::span<const std::uint8_t> indexes) {
    return estimated_bytes(TableModel{tables, indexes.data()}, symbols);
}

std::uint32_t choose_lanes(double bytes) {
    std::uint32_t lanes = kMaxLanes;
    while (lanes > 1 && bytes < 3072.0 * lanes) lanes /= 2;
    return lanes;
}

std::size_t encode(const Tables& tables, std::span<const std::int16_t> symbols,
                   std::span<const std::uint8_t> indexes, std::span<const std::uint64_t> segments,
                   std::uint32_t lanes, std::span<std::uint8_t> out) {
    return encode_lanes(TableModel{tables, indexes.data()}, symbols, segments, lanes, out);
}

}  // namespace pauca::rans
