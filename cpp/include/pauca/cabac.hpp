// Context-adaptive binary arithmetic coding, main engine: a 32-bit range coder with byte output
// and carry propagation (G. N. N. Martin, "Range encoding", 1979), probabilities estimated at two
// rates and averaged, as in VVC (ITU-T H.266, 9.3.4.3) and DeepCABAC (arXiv:1907.11900).
// Format: spec/cabac.md. Header-only, so that codecs built on it are inlined.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "pauca/bytes.hpp"
#include "pauca/rates.hpp"
#include "pauca/status.hpp"

namespace pauca::cabac {

// Probability of a 1, in 1/65536, by a fast and a slow exponential average.
// Both stay within [1, 65534], so no decision is ever impossible.
struct TwoRateContext {
    std::uint16_t fast = 1u << 15;
    std::uint16_t slow = 1u << 15;
    std::uint8_t fast_shift = 4;  // 1 <= fast_shift, slow_shift <= 12
    std::uint8_t slow_shift = 7;

    [[nodiscard]] std::uint32_t one() const { return (std::uint32_t{fast} + slow) >> 1; }
    [[nodiscard]] std::uint32_t rate(bool bin) const { return rate_of(bin ? one() : 65536 - one()); }

    void update(bool bin) {
        if (bin) {
            fast = static_cast<std::uint16_t>(fast + ((65535 - fast) >> fast_shift));
            slow = static_cast<std::uint16_t>(slow + ((65535 - slow) >> slow_shift));
        } else {
            fast = static_cast<std::uint16_t>(fast - (fast >> fast_shift));
            slow = static_cast<std::uint16_t>(slow - (slow >> slow_shift));
        }
    }
};

inline constexpr std::uint32_t kMinRange = 1u << 24;
inline constexpr std::uint32_t kMaxBypass = 16;  // bins in one bypass call

class RangeEncoder {
public:
    using Context = TwoRateContext;

    explicit RangeEncoder(std::span<std::uint8_t> out) : out_(out.data(), out.size()) {}

    void encode(Context& context, bool bin) {
        const auto bound = static_cast<std::uint32_t>(std::uint64_t{range_} * context.one() >> 16);
        if (bin) {
            range_ = bound;
        } else {
            low_ += bound;
            range_ -= bound;
        }
        context.update(bin);
        renormalize();
    }

    // n bins of probability 1/2, the most significant first. REQUIRES: n <= 16, bits < 2^n.
    void bypass(std::uint32_t bits, std::uint32_t n) {
        range_ >>= n;
        low_ += std::uint64_t{bits} * range_;
        renormalize();
    }

    // Ends the stream: takes a 2^-8 slice at the top, then the two bytes that point to its start.
    // A damaged stream passes the decoder's check about once in 2^20, for 3 bytes.
    // Returns the size, or 0 if the buffer was too small.
    std::size_t finish() {
        const std::uint32_t slice = range_ >> 8;
        low_ += range_ - slice;
        range_ = slice;
        renormalize();
        low_ = (low_ + 0xffff) & ~std::uint64_t{0xffff};
        for (int i = 0; i < 3; ++i) shift_low();
        return out_.overflowed() ? 0 : out_.size();
    }

private:
    void renormalize() {
        while (range_ < kMinRange) {
            shift_low();
            range_ <<= 8;
        }
    }

    // A byte leaves once no carry can reach it: runs of 0xff wait behind the byte before them.
    void shift_low() {
        const auto carry = static_cast<std::uint32_t>(low_ >> 32);
        if (carry != 0 || (low_ >> 24 & 0xff) != 0xff) {
            if (started_) out_.u8(held_ + carry);
            for (; waiting_ > 0; --waiting_) out_.u8(0xff + carry);
            started_ = true;
            held_ = static_cast<std::uint32_t>(low_ >> 24 & 0xff);
        } else {
            ++waiting_;
        }
        low_ = (low_ & 0xffffff) << 8;
    }

    ByteWriter out_;
    std::uint64_t low_ = 0;  // 33 bits: the top one is the carry
    std::uint32_t range_ = 0xffffffff;
    std::uint32_t held_ = 0;
    std::uint64_t waiting_ = 0;
    bool started_ = false;  // the byte before the first is 0 and is not written
};

class RangeDecoder {
public:
    using Context = TwoRateContext;

    explicit RangeDecoder(std::span<const std::uint8_t> data) : in_(data.data(), data.size()) {
        for (int i = 0; i < 4; ++i) code_ = code_ << 8 | next();
        corrupt_ = code_ == 0xffffffff;
    }

    bool decode(Context& context) {
        const auto bound = static_cast<std::uint32_t>(std::uint64_t{range_} * context.one() >> 16);
        const bool bin = code_ < bound;
        if (bin) {
            range_ = bound;
        } else {
            code_ -= bound;
            range_ -= bound;
        }
        context.update(bin);
        renormalize();
        return bin;
    }

    std::uint32_t bypass(std::uint32_t n) {
        range_ >>= n;
        std::uint32_t bits = code_ / range_;
        if (bits >> n != 0) {  // the remainder of the shift, which no encoder uses
            corrupt_ = true;
            bits = 0;
        }
        code_ -= bits * range_;
        renormalize();
        return bits;
    }

    // False once the stream is known to be damaged; decoding on is safe but pointless.
    [[nodiscard]] bool good() const { return beyond_ <= 2 && !corrupt_; }

    Status finish() {
        const std::uint32_t slice = range_ >> 8;
        const bool in_slice = code_ >= range_ - slice && code_ < range_;
        code_ -= range_ - slice;
        range_ = slice;
        renormalize();
        if (beyond_ > 2) return Status::truncated;
        if (corrupt_ || !in_slice || code_ >> 16 != 0) return Status::bad_final;
        return beyond_ == 2 ? Status::ok : Status::leftover;
    }

private:
    // The encoder drops the last two bytes, which are zero.
    std::uint32_t next() {
        if (in_.left() > 0) return in_.u8();
        ++beyond_;
        return 0;
    }

    void renormalize() {
        while (range_ < kMinRange) {
            code_ = code_ << 8 | next();
            range_ <<= 8;
        }
    }

    ByteReader in_;
    std::uint32_t code_ = 0;
    std::uint32_t range_ = 0xffffffff;
    std::uint64_t beyond_ = 0;
    bool corrupt_ = false;
};

}  // namespace pauca::cabac
