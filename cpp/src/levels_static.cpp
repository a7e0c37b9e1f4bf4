#include "levels_static.hpp"

namespace pauca::levels {

using namespace statics;

StaticWorkspace::StaticWorkspace(const Band& band, bool all_levels)
    : indexes(all_levels ? band.rows * band.width : band.width),
      symbols(all_levels ? band.rows * band.width : band.width),
      counts(all_levels ? kStaticClasses * kWidth : 0),
      offsets(band.rows),
      segments(all_levels ? band.rows : 0, band.width),
      cdf(kStaticClasses * (kWidth + 2)),
      info(kStaticClasses),
      encoder(rans::kMaxIntervals),
      decoder(rans::kMaxIntervals),
      buckets(kStaticClasses << rans::kBucketBits) {}

namespace {

// The rANS tables of the codes, in the workspace.
Status build(const statics::Tables& tables, StaticWorkspace& work) {
    const std::span<const std::int32_t> size(tables.size.data(), tables.count);
    if (rans::count_intervals(size) == 0) return Status::corrupt;
    return rans::build_tables({work.cdf.data(), tables.count * (kWidth + 2)}, kWidth + 2, size,
                              {tables.offset.data(), tables.count},
                              {{work.info.data(), tables.count}, work.encoder, work.decoder,
                               {work.buckets.data(), std::size_t{tables.count} << rans::kBucketBits}});
}

rans::Tables view(const statics::Tables& tables, const StaticWorkspace& work) {
    return {tables.count, work.info.data(), work.encoder.data(), work.decoder.data(), work.buckets.data()};
}

std::span<std::uint32_t> cdf_row(StaticWorkspace& work, std::uint32_t table) {
    return {work.cdf.data() + table * (kWidth + 2), kWidth + 2};
}

// Symbols, classes, offsets and counts of a whole band.
void survey(std::span<const std::int32_t> levels, const Band& band, StaticWorkspace& work) {
    Columns columns(band.columns);
    std::fill(work.counts.begin(), work.counts.end(), 0);
    for (std::size_t y = 0; y < band.rows; ++y) {
        const std::size_t at = y * band.width;
        std::uint64_t sum = 0;
        for (std::size_t x = 0; x < band.width; ++x) {
            work.symbols[at + x] = static_cast<std::int16_t>(levels[at + x]);
            sum += size_of(levels[at + x]);
        }
        std::int32_t offset = 0;
        if (band.width >= kOffsetWidth && y > 0) {
            const auto own = static_cast<std::uint32_t>(sum * kOne / band.width);
            offset = (static_cast<std::int32_t>(log_of(own) - log_of(columns.mean())) + 2) >> 2;
        }
        work.offsets[y] = static_cast<std::int8_t>(std::clamp(offset, -kMaxOffset, kMaxOffset));
        columns.classes(work.offsets[y], work.indexes.data() + at);
        for (std::size_t x = 0; x < band.width; ++x) {
            const std::int32_t level = std::clamp(levels[at + x], -kStaticReach, kStaticReach - 1);
            ++work.counts[work.indexes[at + x] * kWidth + static_cast<std::uint32_t>(level + kStaticReach)];
        }
        columns.advance(work.symbols.data() + at);
    }
}

// Adds each class to its neighbour below until every table has seen enough to pay for itself.
std::uint32_t merge(StaticWorkspace& work) {
    constexpr std::uint64_t kEnough = 6000;
    std::uint32_t mask = 0;
    std::uint64_t seen = 0;
    std::uint32_t first = 0;  // class whose row collects the counts of the current table
    for (std::uint32_t c = 0; c < kStaticClasses; ++c) {
        std::uint32_t* own = work.counts.data() + c * kWidth;
        std::uint64_t total = 0;
        for (std::uint32_t i = 0; i < kWidth; ++i) total += own[i];
        if (seen >= kEnough && total >= kEnough) {
            mask |= 1u << c;
            first = c;
            seen = 0;
        } else if (c != first) {
            for (std::uint32_t i = 0; i < kWidth; ++i) work.counts[first * kWidth + i] += own[i];
        }
        seen += total;
    }
    return mask;
}

std::uint8_t code_of(std::uint64_t count, std::uint64_t total) {
    const std::uint64_t share = std::max<std::uint64_t>(1, (count * 65536 + total / 2) / total);
    // A probability below 2^-16 does not exist, and log2 in 1/8 rounds to the nearest.
    return static_cast<std::uint8_t>(kCodes - 1 - (rate_of(static_cast<std::uint32_t>(share)) * 8 + kOneBit / 2) / kOneBit);
}

// Codes one table: the range of its levels, then a code for each and for the escape.
void put_table(const std::uint32_t* counts, std::uint32_t t, statics::Tables& tables, StaticWorkspace& work,
               Numbers& numbers, cabac::RangeEncoder& side) {
    std::uint64_t total = 0;
    for (std::uint32_t i = 0; i < kWidth; ++i) total += counts[i];
    const std::uint64_t spare = total / 16384;  // so rare at an end, a level is cheaper as an escape
    std::uint64_t left = 0, right = 0;
    std::uint32_t low = 0, high = kWidth - 1;
    while (low < high && left + counts[low] <= spare) left += counts[low++];
    while (high > low && right + counts[high] <= spare) right += counts[high--];
    const std::uint32_t n = high - low + 1;
    tables.offset[t] = static_cast<std::int32_t>(low) - kStaticReach;
    tables.size[t] = static_cast<std::int32_t>(n);
    numbers.put(side, kEdgeGroup, tables.offset[t]);
    numbers.put(side, kEdgeGroup, static_cast<std::int32_t>(n) - 1);
    std::array<std::uint8_t, kWidth + 1> codes;
    std::int32_t last = 64, difference = 0;
    for (std::uint32_t i = 0; i <= n; ++i) {
        codes[i] = code_of(i < n ? counts[low + i] : left + right, std::max<std::uint64_t>(1, total));
        const std::uint32_t group = group_after(difference);
        difference = codes[i] - last;
        numbers.put(side, group, difference);
        last = codes[i];
    }
    fill_cdf({codes.data(), n + 1}, cdf_row(work, t));
}

Status get_table(std::uint32_t t, statics::Tables& tables, StaticWorkspace& work, Numbers& numbers,
                 cabac::RangeDecoder& side) {
    std::int32_t last_symbol = 0;
    if (!numbers.get(side, kEdgeGroup, tables.offset[t]) || !numbers.get(side, kEdgeGroup, last_symbol)) {
        return Status::corrupt;
    }
    if (tables.offset[t] < -kStaticReach || last_symbol < 0 || tables.offset[t] >= kStaticReach ||
        last_symbol > kStaticReach - 1 - tables.offset[t]) {
        return Status::corrupt;
    }
    const auto n = static_cast<std::uint32_t>(last_symbol) + 1;
    tables.size[t] = static_cast<std::int32_t>(n);
    std::array<std::uint8_t, kWidth + 1> codes;
    std::int32_t last = 64, difference = 0;
    for (std::uint32_t i = 0; i <= n; ++i) {
        if (!numbers.get(side, group_after(difference), difference)) return Status::corrupt;
        if (difference < -last || difference > static_cast<std::int32_t>(kCodes) - 1 - last) return Status::corrupt;
        last += difference;
        codes[i] = static_cast<std::uint8_t>(last);
    }
    fill_cdf({codes.data(), n + 1}, cdf_row(work, t));
    return Status::ok;
}

std::size_t put_side(const Band& band, StaticWorkspace& work, statics::Tables& tables, std::span<std::uint8_t> out) {
    cabac::RangeEncoder side(out);
    Numbers numbers;
    const std::uint32_t mask = merge(work);
    side.bypass(mask >> 16, 16);
    side.bypass(mask & 0xffff, 16);
    tables.share(mask);
    for (std::uint32_t c = 0; c < kStaticClasses; ++c) {
        if (c == 0 || (mask >> c & 1) != 0) {
            put_table(work.counts.data() + c * kWidth, tables.of_class[c], tables, work, numbers, side);
        }
    }
    if (band.width >= kOffsetWidth) {
        for (const std::int8_t offset : work.offsets) numbers.put(side, kOffsetGroup, offset);
    }
    return side.finish();
}

Status get_side(std::span<const std::uint8_t> data, const Band& band, StaticWorkspace& work, statics::Tables& tables) {
    cabac::RangeDecoder side(data);
    Numbers numbers;
    const std::uint32_t high = side.bypass(16);
    tables.share(high << 16 | side.bypass(16));
    for (std::uint32_t t = 0; t < tables.count; ++t) {
        const Status status = get_table(t, tables, work, numbers, side);
        if (status != Status::ok) return side.good() ? status : side.finish();
    }
    std::fill(work.offsets.begin(), work.offsets.end(), std::int8_t{0});
    if (band.width >= kOffsetWidth) {
        for (std::int8_t& offset : work.offsets) {
            std::int32_t value = 0;
            if (!numbers.get(side, kOffsetGroup, value)) return side.good() ? Status::corrupt : side.finish();
            if (value < -kMaxOffset || value > kMaxOffset) return Status::corrupt;
            offset = static_cast<std::int8_t>(value);
        }
    }
    return side.finish();
}

}  // namespace

std::size_t encode_static(std::span<const std::int32_t> levels, const Band& band, StaticWorkspace& work,
                          std::span<std::uint8_t> out) {
    if (out.size() < encode_static_bound(band)) return 0;
    survey(levels, band, work);
    statics::Tables tables;
    const std::size_t side = put_side(band, work, tables, out.subspan(4));
    if (side == 0 || build(tables, work) != Status::ok) return 0;
    for (std::uint32_t i = 0; i < 4; ++i) out[i] = static_cast<std::uint8_t>(side >> 8 * i);
    for (std::uint8_t& index : work.indexes) index = tables.of_class[index];
    const rans::Tables native = view(tables, work);
    const double bytes = rans::estimate_bytes(native, work.symbols, work.indexes);
    const std::span<std::uint8_t> room = out.subspan(4 + side);
    const std::size_t size = rans::encode(native, work.symbols, work.indexes, work.segments, rans::choose_lanes(bytes), room);
    if (size == 0) return 0;
    std::copy(room.end() - static_cast<std::ptrdiff_t>(size), room.end(), room.begin());
    return 4 + side + size;
}

Status decode_static(std::span<const std::uint8_t> data, const Band& band, StaticWorkspace& work,
                     std::span<std::int32_t> levels) {
    ByteReader reader(data.data(), data.size());
    const std::uint32_t side = reader.u32();
    if (reader.truncated() || side > reader.left()) return Status::truncated;
    statics::Tables tables;
    Status status = get_side(data.subspan(4, side), band, work, tables);
    if (status == Status::ok) status = build(tables, work);
    if (status != Status::ok) return status;
    rans::Decoder decoder;
    status = rans::open(decoder, data.subspan(4 + side));
    const rans::Tables native = view(tables, work);
    const rans::Path path = rans::best_path();
    Columns columns(band.columns);
    for (std::size_t y = 0; y < band.rows && status == Status::ok; ++y) {
        columns.classes(work.offsets[y], work.indexes.data());
        for (std::uint8_t& index : work.indexes) index = tables.of_class[index];
        status = rans::decode(decoder, native, work.indexes, work.symbols, path);
        if (status != Status::ok) break;
        std::copy(work.symbols.begin(), work.symbols.end(), levels.begin() + static_cast<std::ptrdiff_t>(y * band.width));
        columns.advance(work.symbols.data());
    }
    return status == Status::ok ? rans::finish(decoder) : status;
}

}  // namespace pauca::levels
