// What a coder may know about a level from those before it, in row-major order.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "pauca/levels.hpp"

namespace pauca::levels {

inline constexpr std::uint32_t kClasses = 32;      // of expected magnitude, half an octave each
inline constexpr std::uint32_t kOne = 256;         // magnitudes are in 1/256 level
inline constexpr std::uint32_t kFloor = 16;        // added before logarithms, so that 0 has one
inline constexpr std::uint32_t kCeiling = 1 << 20; // magnitudes above count as this

// log2(magnitude + floor) in 1/8 octave, straight between octaves.
inline std::uint32_t log_of(std::uint32_t magnitude) {
    const std::uint32_t x = magnitude + kFloor;
    const auto e = static_cast<std::uint32_t>(std::bit_width(x)) - 1;
    return e * 8 + (x >> (e - 3) & 7);
}
inline std::uint32_t class_of_log(std::uint32_t log) { return std::min((log - 32) / 4, kClasses - 1); }

// The magnitude in the middle of a class, in 1/65536.
constexpr std::uint32_t class_mean(std::uint32_t c) {
    const std::uint32_t x = (c % 2 == 0 ? 5 : 7) * (4u << c / 2);
    return (x - std::min(x - 2, kFloor)) * (65536 / kOne);
}

inline std::uint32_t size_of(std::int32_t level) {
    return level < 0 ? 0u - static_cast<std::uint32_t>(level) : static_cast<std::uint32_t>(level);
}
inline std::uint32_t bounded_size(std::int32_t level) { return std::min(size_of(level), kCeiling); }
inline std::uint32_t sign_of(std::int32_t level) { return level > 0 ? 2 : level == 0 ? 1 : 0; }

// Neighbours and running means of one level. `*_log` are logarithms of magnitudes.
struct View {
    std::int32_t left, left2, above, above2, above_left, above_right;
    std::uint32_t local_log, column_log, row_log, cross_log;  // cross: column x row / all
    std::int32_t column_lean, row_lean;
};

// Walks over a band of rows. The columns' means adapt as 1/n down to 1/64, the row's to 1/32: rows
// and columns of real layers (inputs, outputs) differ in scale far more than neighbours do.
class Field {
public:
    // REQUIRES: `columns` holds `width` entries; levels before the current one are readable.
    Field(const std::int32_t* levels, std::size_t width, std::uint32_t mean, Column* columns)
        : at_(levels), width_(width), columns_(columns), total_(std::uint64_t{mean} * width), row_(mean) {
        std::fill(columns, columns + width, Column{mean, 0});
        all_log_ = log_of(mean);
    }

    void start_row() {
        x_ = 0;
        row_lean_ = 0;
        if (y_ > 0) row_ = static_cast<std::uint32_t>(total_ / width_);
        all_log_ = log_of(row_);
        column_shift_ = std::min(6, static_cast<int>(std::bit_width(y_ | 1)));
        ++y_;
    }

    [[nodiscard]] std::uint32_t all_log() const { return all_log_; }

    [[nodiscard]] View view() const {
        const std::int32_t* up = at_ - width_;
        const bool first = y_ == 1;
        View v;
        v.left = x_ > 0 ? at_[-1] : 0;
        v.left2 = x_ > 1 ? at_[-2] : 0;
        v.above = first ? 0 : up[0];
        v.above2 = y_ > 2 ? *(up - width_) : 0;
        v.above_left = first || x_ == 0 ? 0 : up[-1];
        v.above_right = first || x_ + 1 == width_ ? 0 : up[1];
        const Column& column = columns_[x_];
        const std::uint32_t near = bounded_size(v.left) + bounded_size(v.above);
        const std::uint32_t far = bounded_size(v.left2) + bounded_size(v.above2) + bounded_size(v.above_left) +
                                  bounded_size(v.above_right);
        v.local_log = log_of((2 * near + far) * (kOne / 8));
        v.column_log = log_of(column.mean);
        v.row_log = log_of(row_);
        const std::uint32_t cross = v.column_log + v.row_log;
        v.cross_log = cross > all_log_ + 32 ? cross - all_log_ : 32;
        v.column_lean = column.lean;
        v.row_lean = row_lean_;
        return v;
    }

    void advance(std::int32_t level) {
        const auto size = static_cast<std::int32_t>(bounded_size(level) * kOne);
        const std::int32_t lean = (static_cast<std::int32_t>(sign_of(level)) - 1) * 65536;
        Column& column = columns_[x_];
        const std::int32_t change = (size - static_cast<std::int32_t>(column.mean)) >> column_shift_;
        column.mean += static_cast<std::uint32_t>(change);
        total_ += static_cast<std::uint64_t>(std::int64_t{change});
        column.lean += (lean - column.lean) >> 3;
        row_ += static_cast<std::uint32_t>((size - static_cast<std::int32_t>(row_)) >> row_shift());
        row_lean_ += (lean - row_lean_) >> 4;
        ++x_;
        ++at_;
    }

private:
    [[nodiscard]] int row_shift() const { return std::min(5, static_cast<int>(std::bit_width(x_ + 4)) - 1); }

    const std::int32_t* at_;
    std::size_t width_;
    Column* columns_;
    std::uint64_t total_;
    std::uint32_t row_;
    std::uint32_t all_log_ = 0;
    std::int32_t row_lean_ = 0;
    std::size_t x_ = 0;
    std::size_t y_ = 0;
    int column_shift_ = 1;
};

}  // namespace pauca::levels
