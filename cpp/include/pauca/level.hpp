// Between the entropy coder and the networks of a level: exact integers. Definition: spec/image.md, "One level".
//
// A level has h x w cells of 2 x 2 samples, phase = 2 * (row & 1) + (col & 1).
#pragma once

#include <cstddef>
#include <cstdint>

namespace pauca::level {

inline constexpr std::int32_t kDifferenceMax = 1 << 13;
inline constexpr std::int32_t kReciprocalMax = (1 << 18) - 2;  // times kDifferenceMax, plus 2^14, below 2^31
inline constexpr std::int32_t kDetailMax = 1 << 20;
inline constexpr std::int32_t kTableSize = 2048;

// Companded |value| by value in 1/16 steps, every entry >= 0.
using Table = const std::int8_t*;

// low [3][2h][2w] to [h][w][36], channel = 4 * (3 * difference + colour) + phase; work holds 2 * w values.
// REQUIRES: h, w >= 1, 0 <= reciprocal < kReciprocalMax.
void differences(const std::int32_t* low, std::size_t h, std::size_t w, std::int32_t reciprocal, Table table,
                 std::int8_t* out, std::int32_t* work);

// y16 = 16 * symbol + mean of n cells of k values; the means of a cell start `stride` after those of the last.
void merge_values(const std::int16_t* symbols, const std::int16_t* means, std::size_t stride, std::size_t n,
                  std::size_t k, std::int32_t* y16);

// The same, and `known` [n][channels] with the companded values behind: out [n][channels + k].
void extend(const std::int16_t* symbols, const std::int16_t* means, std::size_t stride, std::size_t n, std::size_t k,
            Table table, const std::int8_t* known, std::size_t channels, std::int32_t* y16, std::int8_t* out);

void compand(const std::int32_t* y16, std::size_t n, Table table, std::int8_t* out);

// Which of the four luma passes codes a band's phase of the cell.
inline constexpr std::size_t kLumaPass[3][4] = {{0, 2, 3, 1}, {1, 3, 2, 0}, {2, 0, 1, 3}};

// Four passes of luma [h][w][3], a channel a band, and chroma [h][w][24] to details [3][3][2h][2w]:
// clip((y16 * step + 128) >> 8, +-kDetailMax). steps [3][3].
void dequantize(const std::int32_t* const* luma, const std::int32_t* chroma, const std::int32_t* steps, std::size_t h,
                std::size_t w, std::int32_t* details);

}  // namespace pauca::level
