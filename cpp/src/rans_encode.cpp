#include <bit>
#include <cmath>

#include "rans_step.hpp"

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

namespace {

double sampled_length(const Tables& tables, std::span<const std::int16_t> symbols,
                      std::span<const std::uint8_t> indexes, std::size_t stride) {
    double bits = 0.0;
    for (std::size_t i = 0; i < symbols.size(); i += stride) {
        const Coded coded = classify(tables, symbols[i], indexes[i]);
        bits += kPrecision - std::log2(static_cast<double>(tables.encoder[coded.interval].freq));
        if (coded.escaped) bits += 2.0 * std::bit_width(coded.excess + 1);  // sign + 2 n - 1
    }
    return bits;
}

}  // namespace

double code_length(const Tables& tables, std::span<const std::int16_t> symbols,
                   std::span<const std::uint8_t> indexes) {
    return sampled_length(tables, symbols, indexes, 1);
}

double estimate_bytes(const Tables& tables, std::span<const std::int16_t> symbols,
                      std::span<const std::uint8_t> indexes) {
    // A prime stride meets every channel and column of any tensor layout.
    const std::size_t stride = symbols.size() <= 4096 ? 1 : 61;
    return sampled_length(tables, symbols, indexes, stride) * static_cast<double>(stride) / 8.0;
}

std::uint32_t choose_lanes(double bytes) {
    std::uint32_t lanes = kMaxLanes;
    while (lanes > 1 && bytes < 3072.0 * lanes) lanes /= 2;
    return lanes;
}

namespace {

struct Encoder {
    const Tables& tables;
    BackWriter out;
    std::array<std::uint32_t, kMaxLanes> states;

    // The decoder reads these bits first to last; here they go in last to first.
    void escape(std::uint32_t& x, const Coded& coded) {
        const std::uint32_t value = coded.excess + 1;
        const auto extra = static_cast<std::uint32_t>(std::bit_width(value)) - 1;
        if (extra > 0) push_bits(x, value - (1u << extra), extra);
        push_bits(x, 1, 1);
        for (std::uint32_t k = 0; k < extra; ++k) push_bits(x, 0, 1);
        push_bits(x, coded.below, 1);
    }

    void push_bits(std::uint32_t& x, std::uint32_t bits, std::uint32_t n) {
        emit(x, 1u << (kStateBits - n));
        x = x << n | bits;
    }

    // Zero, one or two bytes leave, as chance has it: no branch could be predicted.
    void emit(std::uint32_t& x, std::uint32_t limit) {
        const std::uint32_t n = (x >= limit) + (x >> 8 >= limit);
        out.low_bytes(x, n);
        x >>= 8 * n;
    }

    void symbol(std::uint32_t& x, std::int16_t symbol, std::uint8_t index) {
        const Coded coded = classify(tables, symbol, index);
        if (coded.escaped) [[unlikely]] escape(x, coded);
        const EncoderEntry& entry = tables.encoder[coded.interval];
        emit(x, std::uint32_t{entry.freq} << (kStateBits - kPrecision));
        // Exact division: x < 2^28 and the reciprocal's error is below freq, so x * error stays
        // below 2^(28 + bit_width(freq)) (Granlund and Montgomery, PLDI 1994, theorem 4.2).
        const auto shift = kStateBits + static_cast<std::uint32_t>(std::bit_width(std::uint32_t{entry.freq}));
        const auto q = static_cast<std::uint32_t>(std::uint64_t{x} * entry.reciprocal >> shift);
        x += q * (kTotal - entry.freq) + entry.start;
    }
};

}  // namespace

std::size_t encode(const Tables& tables, std::span<const std::int16_t> symbols,
                   std::span<const std::uint8_t> indexes, std::span<const std::uint64_t> segments,
                   std::uint32_t lanes, std::span<std::uint8_t> out) {
    if (out.size() < encode_bound(symbols.size(), lanes)) return 0;
    Encoder encoder{tables, BackWriter(out.data(), out.size()), {}};
    encoder.states.fill(kLow);
    std::size_t end = symbols.size();
    for (std::size_t s = segments.size(); s-- > 0;) {
        const std::size_t start = end - segments[s];
        for (std::size_t i = end; i-- > start;) {
            encoder.symbol(encoder.states[(i - start) & (lanes - 1)], symbols[i], indexes[i]);
        }
        end = start;
    }
    for (std::uint32_t lane = lanes; lane-- > 1;) encoder.out.u32(encoder.states[lane]);
    const auto log_lanes = static_cast<std::uint32_t>(std::countr_zero(lanes));
    encoder.out.u32(encoder.states[0] | log_lanes << kStateBits);
    return encoder.out.size();
}

}  // namespace pauca::rans
