// N-gram networks over short strings: rows of tables added at each position, rectified, pooled (beside them, a
// convolution of width 3 over them), two dense layers. Definition: spec/ngram.md. All integers, so every machine gives the same sums.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pauca::ngram {

inline constexpr std::uint32_t kLanes = 16;         // channels are a multiple of this
inline constexpr std::uint32_t kMaxChannels = 64;
inline constexpr std::uint32_t kMaxHidden = 256;
inline constexpr std::uint32_t kMaxOrder = 6;
inline constexpr std::uint32_t kMaxTables = 8;
inline constexpr std::uint32_t kMaxCodes = 64;      // of one string
inline constexpr std::uint32_t kSymbols = 40;       // kSymbols^kMaxOrder < 2^32
inline constexpr std::uint32_t kSumShift = 3;
inline constexpr std::uint32_t kMixShift = 7;       // weights of the convolution count in 1/128
inline constexpr std::int32_t kMixedMax = 1023;

// The table of n-grams of `order` codes: by value where bits == 0 (kSymbols^order rows), by hash otherwise (2^bits).
struct Table {
    std::uint32_t order = 0;
    std::uint32_t bits = 0;
    const std::int8_t* rows = nullptr;  // [rows][channels]
};

struct Network {
    std::uint32_t channels = 0;
    std::uint32_t hidden = 0;
    std::span<const Table> tables;
    const std::int16_t* bias = nullptr;        // [channels]
    const std::int8_t* first = nullptr;        // [hidden][2 (channels + mixed)]
    const std::int32_t* first_bias = nullptr;  // [hidden]
    const std::int8_t* second = nullptr;       // [hidden]
    std::int64_t second_bias = 0;
    std::uint32_t mixed = 0;                   // channels of the convolution, a multiple of kLanes; 0: none
    const std::int16_t* mix = nullptr;         // [mixed][3][channels], |weight| < 128
    const std::int32_t* mix_bias = nullptr;    // [mixed], |bias| <= 2^24
};

// Sum of string i, which is codes[starts[i]] .. codes[starts[i + 1] - 1], to out[i].
// REQUIRES: the limits above; codes below kSymbols; starts ascending, at most kMaxCodes apart, within codes; no sum
// of the network over 16 bits at a position or 32 bits in the first layer (the face checks it from the weights).
void run(const Network& network, const std::uint8_t* codes, std::span<const std::int64_t> starts, std::int64_t* out);

}  // namespace pauca::ngram
