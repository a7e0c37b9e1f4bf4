// The side information of the static coder: offsets of rows, and histograms in logarithmic steps.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "levels_field.hpp"
#include "levels_prior.hpp"
#include "pauca/bins.hpp"

namespace pauca::levels::statics {

inline constexpr std::uint32_t kCodes = 129;  // frequencies 2^(code / 8), 1 ... 65536
inline constexpr std::uint32_t kWidth = 2 * kStaticReach;
inline constexpr std::int32_t kMaxOffset = 7;      // of a row, in half octaves
inline constexpr std::size_t kOffsetWidth = 128;   // narrower rows are not worth an offset

inline constexpr std::array<std::uint32_t, kCodes> kFrequency = [] {
    std::array<std::uint32_t, kCodes> table{};
    for (std::uint32_t code = 0; code < kCodes; ++code) table[code] = prior::exp2_of((kCodes - 1 - code) * prior::kUnit / 8);
    return table;
}();

// Signed values in contexts chosen by the caller's group.
class Numbers {
public:
    static constexpr std::uint32_t kGroups = 5, kBinsEach = 24;
    using Contexts = std::array<std::array<cabac::TwoRateContext, kBinsEach>, kGroups>;

    static constexpr std::uint32_t fold(std::int32_t v) {
        return v < 0 ? 2 * static_cast<std::uint32_t>(-v) - 1 : 2 * static_cast<std::uint32_t>(v);
    }
    static constexpr std::int32_t unfold(std::uint32_t v) {
        return v % 2 != 0 ? -static_cast<std::int32_t>(v / 2) - 1 : static_cast<std::int32_t>(v / 2);
    }

    void put(cabac::RangeEncoder& encoder, std::uint32_t group, std::int32_t value) {
        cabac::ContextSink<cabac::RangeEncoder> sink{encoder, contexts_[group]};
        cabac::put_exp_golomb(sink, fold(value), 0);
    }
    // False if the stream has failed.
    bool get(cabac::RangeDecoder& decoder, std::uint32_t group, std::int32_t& value) {
        cabac::ContextSource<cabac::RangeDecoder> source{decoder, contexts_[group]};
        std::uint32_t folded = 0;
        if (!cabac::get_exp_golomb(source, 0, folded)) return false;
        value = unfold(folded);
        return decoder.good();
    }

private:
    Contexts contexts_{};
};

// Which group a difference of neighbouring codes belongs to: after a jump, another is likely.
inline std::uint32_t group_after(std::int32_t difference) {
    const std::int32_t size = difference < 0 ? -difference : difference;
    return size < 2 ? 0 : size < 6 ? 1 : 2;
}
inline constexpr std::uint32_t kEdgeGroup = 3, kOffsetGroup = 4;

// Expected magnitudes by column; the same walk in encoder and decoder.
class Columns {
public:
    explicit Columns(std::span<Column> columns) : columns_(columns) {
        for (Column& column : columns_) column.mean = 0;
    }

    // Classes of the next row.
    void classes(std::int32_t offset, std::uint8_t* out) const {
        const auto shift = static_cast<std::uint32_t>(4 * offset + 64);
        for (std::size_t x = 0; x < columns_.size(); ++x) {
            const std::uint32_t log = log_of(columns_[x].mean) + shift;
            out[x] = static_cast<std::uint8_t>(class_of_log(log < 96 ? 32 : log - 64));
        }
    }

    [[nodiscard]] std::uint32_t mean() const {
        std::uint64_t sum = 0;
        for (const Column& column : columns_) sum += column.mean;
        return static_cast<std::uint32_t>(sum / columns_.size());
    }

    void advance(const std::int16_t* row) {
        const int shift = std::min(6, static_cast<int>(std::bit_width(y_)));
        ++y_;
        for (std::size_t x = 0; x < columns_.size(); ++x) {
            const std::int32_t size = (row[x] < 0 ? -row[x] : row[x]) * static_cast<std::int32_t>(kOne);
            const auto mean = static_cast<std::int32_t>(columns_[x].mean);
            columns_[x].mean = static_cast<std::uint32_t>(mean + ((size - mean) >> shift));
        }
    }

private:
    std::span<Column> columns_;
    std::size_t y_ = 0;
};

// Cumulative row of codes: shares of 65536, the escape last. Integers only.
inline void fill_cdf(std::span<const std::uint8_t> codes, std::span<std::uint32_t> row) {
    std::uint64_t sum = 0;
    for (const std::uint8_t code : codes) sum += kFrequency[code];
    const auto n = static_cast<std::uint32_t>(codes.size());
    const std::uint32_t room = rans::kTotal - n;  // one each is given first
    std::uint32_t used = 0, largest = 0;
    for (std::uint32_t i = 0; i < n; ++i) {
        used += static_cast<std::uint32_t>(std::uint64_t{kFrequency[codes[i]]} * room / sum);
        if (codes[i] > codes[largest]) largest = i;
    }
    std::uint32_t at = 0;
    for (std::uint32_t i = 0; i < n; ++i) {
        row[i] = at;
        at += 1 + static_cast<std::uint32_t>(std::uint64_t{kFrequency[codes[i]]} * room / sum);
        if (i == largest) at += room - used;
    }
    for (std::size_t i = n; i < row.size(); ++i) row[i] = rans::kTotal;
}

// The tables of a band: classes in a row share one where the mask has no bit.
struct Tables {
    std::uint32_t count = 0;
    std::array<std::uint8_t, kStaticClasses> of_class{};
    std::array<std::int32_t, kStaticClasses> size{};
    std::array<std::int32_t, kStaticClasses> offset{};

    void share(std::uint32_t mask) {
        count = 1;
        for (std::uint32_t c = 0; c < kStaticClasses; ++c) {
            if (c > 0 && (mask >> c & 1) != 0) ++count;
            of_class[c] = static_cast<std::uint8_t>(count - 1);
        }
    }
};

}  // namespace pauca::levels::statics
