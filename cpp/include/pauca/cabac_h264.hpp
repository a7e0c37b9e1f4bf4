// Context-adaptive binary arithmetic coding, second engine: the table-driven state machine of
// ITU-T H.264, 9.3.1.2 (contexts), 9.3.3.2 (decoding) and 9.3.4.2 (encoding), bit for bit.
// D. Marpe, H. Schwarz, T. Wiegand, "Context-based adaptive binary arithmetic coding in the
// H.264/AVC video compression standard", IEEE TCSVT 13(7), 2003.
//
// Same member names as the range coder of cabac.hpp, so that codecs take either.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "pauca/bytes.hpp"
#include "pauca/rates.hpp"
#include "pauca/status.hpp"

namespace pauca::cabac {

// Table 9-44: range of the less probable symbol by state and by range quantized to four classes.
// State s stands for p(LPS) = 0.5 a^s with a = (0.01875 / 0.5)^(1/63); an entry is about
// p times the middle of its class, adjusted by hand in the standard, and at least 6.
inline constexpr std::uint8_t kRangeLps[64][4] = {
    {128, 176, 208, 240}, {128, 167, 197, 227}, {128, 158, 187, 216}, {123, 150, 178, 205},
    {116, 142, 169, 195}, {111, 135, 160, 185}, {105, 128, 152, 175}, {100, 122, 144, 166},
    {95, 116, 137, 158},  {90, 110, 130, 150},  {85, 104, 123, 142},  {81, 99, 117, 135},
    {77, 94, 111, 128},   {73, 89, 105, 122},   {69, 85, 100, 116},   {66, 80, 95, 110},
    {62, 76, 90, 104},    {59, 72, 86, 99},     {56, 69, 81, 94},     {53, 65, 77, 89},
    {51, 62, 73, 85},     {48, 59, 69, 80},     {46, 56, 66, 76},     {43, 53, 63, 72},
    {41, 50, 59, 69},     {39, 48, 56, 65},     {37, 45, 54, 62},     {35, 43, 51, 59},
    {33, 41, 48, 56},     {32, 39, 46, 53},     {30, 37, 43, 50},     {29, 35, 41, 48},
    {27, 33, 39, 45},     {26, 31, 37, 43},     {24, 30, 35, 41},     {23, 28, 33, 39},
    {22, 27, 32, 37},     {21, 26, 30, 35},     {20, 24, 29, 33},     {19, 23, 27, 31},
    {18, 22, 26, 30},     {17, 21, 25, 28},     {16, 20, 23, 27},     {15, 19, 22, 25},
    {14, 18, 21, 24},     {14, 17, 20, 23},     {13, 16, 19, 22},     {12, 15, 18, 21},
    {12, 14, 17, 20},     {11, 14, 16, 19},     {11, 13, 15, 18},     {10, 12, 15, 17},
    {10, 12, 14, 16},     {9, 11, 13, 15},      {9, 11, 12, 14},      {8, 10, 12, 14},
    {8, 9, 11, 13},       {7, 9, 11, 12},       {7, 9, 10, 12},       {7, 8, 10, 11},
    {6, 8, 9, 11},        {6, 7, 9, 10},        {6, 7, 8, 9},         {2, 2, 2, 2},
};

// Table 9-45: the state after a less probable symbol; after a more probable one it is one higher.
inline constexpr std::uint8_t kNextLps[64] = {
    0,  0,  1,  2,  2,  4,  4,  5,  6,  7,  8,  9,  9,  11, 11, 12, 13, 13, 15, 15, 16, 16,
    18, 18, 19, 19, 21, 21, 22, 22, 23, 24, 24, 25, 26, 26, 27, 27, 28, 29, 29, 30, 30, 30,
    31, 32, 32, 33, 33, 33, 34, 34, 35, 35, 35, 36, 36, 36, 37, 37, 37, 38, 38, 63,
};
inline constexpr std::uint8_t kLastState = 62;  // 63 is the standard's terminating state

// Cost of the less [0] and the more [1] probable symbol in each state, in 1/32768 bit.
inline constexpr std::array<std::array<std::uint32_t, 2>, 63> kStateRates = [] {
    constexpr double alpha = 0.949217148932589;  // (0.01875 / 0.5)^(1/63)
    std::array<std::array<std::uint32_t, 2>, 63> rates{};
    double p = 0.5;
    for (auto& rate : rates) {
        const auto scaled = static_cast<std::uint32_t>(p * 65536.0 + 0.5);
        rate = {rate_of(scaled), rate_of(65536 - scaled)};
        p *= alpha;
    }
    return rates;
}();

struct StateContext {
    std::uint8_t state = 0;  // 0 ... 62
    std::uint8_t mps = 0;    // the more probable symbol

    [[nodiscard]] std::uint32_t rate(bool bin) const { return kStateRates[state][bin == (mps != 0)]; }

    void update(bool bin) {
        if (bin == (mps != 0)) {
            state = state < kLastState ? static_cast<std::uint8_t>(state + 1) : kLastState;
        } else {
            if (state == 0) mps ^= 1;
            state = kNextLps[state];
        }
    }
};

// A context's first state by 9.3.1.1: the line m, n of Tables 9-12 ... 9-33 at SliceQPY.
constexpr StateContext initial_state(int m, int n, int slice_qp) {
    const auto clip = [](int low, int high, int v) { return v < low ? low : v > high ? high : v; };
    const int pre = clip(1, 126, (m * clip(0, 51, slice_qp) >> 4) + n);
    if (pre <= 63) return {static_cast<std::uint8_t>(63 - pre), 0};
    return {static_cast<std::uint8_t>(pre - 64), 1};
}

class StateEncoder {
public:
    using Context = StateContext;

    explicit StateEncoder(std::span<std::uint8_t> out) : out_(out.data(), out.size()) {}

    void encode(Context& context, bool bin) {
        const std::uint32_t lps = kRangeLps[context.state][range_ >> 6 & 3];
        range_ -= lps;
        if (bin != (context.mps != 0)) {
            low_ += range_;
            range_ = lps;
        }
        context.update(bin);
        renormalize();
    }

    void bypass(std::uint32_t bits, std::uint32_t n) {
        while (n-- > 0) {
            low_ <<= 1;
            if ((bits >> n & 1) != 0) low_ += range_;
            shift_out();
        }
    }

    void terminate(bool bin) {
        range_ -= 2;
        if (bin) {
            low_ += range_;
            range_ = 2;
        }
        renormalize();
    }

    // Terminating bin 1, flush, and the stop bit that ends the last byte.
    std::size_t finish() {
        terminate(true);
        put(low_ >> 9 & 1);
        write(low_ >> 8 & 1);
        write(1);
        while (filled_ != 0) write(0);
        return out_.overflowed() ? 0 : out_.size();
    }

private:
    void renormalize() {
        while (range_ < 256) {
            range_ <<= 1;
            low_ <<= 1;
            shift_out();
        }
    }

    // low_ holds 11 bits after its doubling: settle the top one, or note that a carry decides it.
    void shift_out() {
        if (low_ >= 1024) {
            put(1);
            low_ -= 1024;
        } else if (low_ < 512) {
            put(0);
        } else {
            low_ -= 512;
            ++outstanding_;
        }
    }

    void put(std::uint32_t bit) {
        if (first_) {
            first_ = false;  // the first bit is always 0 and is not written
        } else {
            write(bit);
        }
        for (; outstanding_ > 0; --outstanding_) write(1 - bit);
    }

    void write(std::uint32_t bit) {
        byte_ = byte_ << 1 | bit;
        if (++filled_ == 8) {
            out_.u8(byte_);
            filled_ = 0;
        }
    }

    ByteWriter out_;
    std::uint32_t low_ = 0;
    std::uint32_t range_ = 510;
    std::uint64_t outstanding_ = 0;
    std::uint32_t byte_ = 0;
    std::uint32_t filled_ = 0;
    bool first_ = true;
};

class StateDecoder {
public:
    using Context = StateContext;

    explicit StateDecoder(std::span<const std::uint8_t> data) : in_(data.data(), data.size()) {
        for (int i = 0; i < 9; ++i) offset_ = offset_ << 1 | next();
        corrupt_ = offset_ >= range_;
    }

    bool decode(Context& context) {
        const std::uint32_t lps = kRangeLps[context.state][range_ >> 6 & 3];
        range_ -= lps;
        bool bin = context.mps != 0;
        if (offset_ >= range_) {
            offset_ -= range_;
            range_ = lps;
            bin = !bin;
        }
        context.update(bin);
        renormalize();
        return bin;
    }

    std::uint32_t bypass(std::uint32_t n) {
        std::uint32_t bits = 0;
        while (n-- > 0) {
            offset_ = offset_ << 1 | next();
            const bool bin = offset_ >= range_;
            if (bin) offset_ -= range_;
            bits = bits << 1 | bin;
        }
        return bits;
    }

    bool terminate() {
        range_ -= 2;
        if (offset_ >= range_) return true;
        renormalize();
        return false;
    }

    [[nodiscard]] bool good() const { return !truncated_ && !corrupt_; }

    // The last bit read before a terminating 1 is the stop bit; zeros fill its byte.
    Status finish() {
        const bool ended = terminate();
        if (truncated_) return Status::truncated;
        if (corrupt_ || !ended || (last_ & 1) == 0) return Status::bad_final;
        while (left_ > 0) {
            if (next() != 0) return Status::bad_final;
        }
        return in_.left() == 0 ? Status::ok : Status::leftover;
    }

private:
    std::uint32_t next() {
        if (left_ == 0) {
            byte_ = in_.u8();
            truncated_ = in_.truncated();
            left_ = 8;
        }
        last_ = byte_ >> --left_ & 1;
        return last_;
    }

    void renormalize() {
        while (range_ < 256) {
            range_ <<= 1;
            offset_ = offset_ << 1 | next();
        }
    }

    ByteReader in_;
    std::uint32_t offset_ = 0;
    std::uint32_t range_ = 510;
    std::uint32_t byte_ = 0;
    std::uint32_t left_ = 0;
    std::uint32_t last_ = 0;
    bool truncated_ = false;
    bool corrupt_ = false;
};

}  // namespace pauca::cabac
