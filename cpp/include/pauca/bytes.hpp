// Bounded reading and writing of little-endian bytes. No function here reads or writes outside
// the range given at construction; running out is remembered and asked for once, at the end.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pauca {

class ByteReader {
public:
    ByteReader() = default;
    ByteReader(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}

    [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
    [[nodiscard]] bool truncated() const { return truncated_; }

    // The next byte, or 0 and the mark of truncation.
    std::uint32_t u8() {
        if (at_ == end_) {
            truncated_ = true;
            return 0;
        }
        return *at_++;
    }
    std::uint32_t u16() {
        const std::uint32_t low = u8();
        return low | u8() << 8;
    }
    std::uint32_t u32() {
        const std::uint32_t low = u16();
        return low | u16() << 16;
    }

    // For kernels that have checked left() themselves.
    [[nodiscard]] const std::uint8_t* position() const { return at_; }
    void move_to(const std::uint8_t* at) { at_ = at; }  // REQUIRES: position() <= at <= end

private:
    const std::uint8_t* at_ = nullptr;
    const std::uint8_t* end_ = nullptr;
    bool truncated_ = false;
};

// Forward writer: the range coder's output.
class ByteWriter {
public:
    ByteWriter(std::uint8_t* data, std::size_t capacity) : begin_(data), at_(data), end_(data + capacity) {}

    [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }
    [[nodiscard]] bool overflowed() const { return overflowed_; }

    void u8(std::uint32_t value) {
        if (at_ == end_) {
            overflowed_ = true;
            return;
        }
        *at_++ = static_cast<std::uint8_t>(value);
    }

private:
    std::uint8_t* begin_;
    std::uint8_t* at_;
    std::uint8_t* end_;
    bool overflowed_ = false;
};

// Backward writer: rANS encodes the last symbol first, so its bytes are laid from the end.
class BackWriter {
public:
    BackWriter(std::uint8_t* data, std::size_t capacity)
        : begin_(data), at_(data + capacity), end_(data + capacity) {}

    [[nodiscard]] std::size_t room() const { return static_cast<std::size_t>(at_ - begin_); }
    [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(end_ - at_); }

    // The low n bytes of value, n <= 2; always stores two, those in front being free anyway.
    // REQUIRES: room() >= 2.
    void low_bytes(std::uint32_t value, std::uint32_t n) {
        const std::uint32_t two = value << (16 - 8 * n);
        at_[-2] = static_cast<std::uint8_t>(two);
        at_[-1] = static_cast<std::uint8_t>(two >> 8);
        at_ -= n;
    }
    // REQUIRES: room() >= 4.
    void u32(std::uint32_t value) {
        low_bytes(value >> 16, 2);
        low_bytes(value, 2);
    }

private:
    std::uint8_t* begin_;
    std::uint8_t* at_;
    std::uint8_t* end_;
};

}  // namespace pauca
