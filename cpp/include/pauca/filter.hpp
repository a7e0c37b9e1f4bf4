// Around the filters on cells of 4 x 4 samples: exact integers. Definition: spec/image.md, "Filters".
#pragma once

#include <cstddef>
#include <cstdint>

#include "pauca/level.hpp"

namespace pauca::filter {

inline constexpr std::size_t kCell = 4;
inline constexpr std::size_t kChannels = 48;  // 16 * colour + 4 * row + column
inline constexpr std::int32_t kPlaneMax = (1 << 13) - 1;

// Three planes of contiguous rows; strides count samples.
template <typename T>
struct Planes {
    T* data;
    std::ptrdiff_t colour, row;
};

// Cells [h][w][48] of contiguous channels; strides count values.
struct Head {
    const std::int16_t* data;
    std::ptrdiff_t row, cell;
};

// Planes of h x w cells to [h][w][96]: samples in grey levels, then companded differences from the mean of the
// cell. work holds 12 * w values. REQUIRES: h, w >= 1, 0 <= reciprocal < level::kReciprocalMax.
void inputs(const Planes<const std::int32_t>& planes, std::size_t h, std::size_t w, std::int32_t reciprocal,
            level::Table table, std::int8_t* out, std::int32_t* work);

// planes + ((head * step + 2^11) >> 12), clipped to +-level::kDetailMax.
void mend(const Planes<const std::int32_t>& planes, const Head& head, std::size_t h, std::size_t w, std::int32_t step,
          const Planes<std::int32_t>& out);

// The same sum, clipped to +-kPlaneMax, to RGB, whose rows start `stride` bytes apart; work holds 12 * w values.
void mend_to_rgb(const Planes<const std::int32_t>& planes, const Head& head, std::size_t h, std::size_t w,
                 std::int32_t step, std::uint8_t* rgb, std::ptrdiff_t stride, std::int32_t* work);

}  // namespace pauca::filter
