// Interleaved range ANS where every symbol has a mixture of three integer curves. Format: spec/mixture.md.
//
// Nothing in this header allocates. The caller owns every array; `Curves` and `Parameters` are views.
#pragma once

#include "pauca/rans.hpp"

namespace pauca::mixture {

inline constexpr std::size_t kParts = 3;
inline constexpr std::uint32_t kTop = 65535;        // where curves end, and the escape's interval begins
inline constexpr std::uint32_t kMaxCurves = 256;
inline constexpr std::uint32_t kMaxCodes = 256;     // of weights
inline constexpr std::uint32_t kShareBits = 12;     // a weight's share is 1 ... 4096
inline constexpr std::uint32_t kMaxShift = 4;       // the coarsest grid is a whole step
inline constexpr std::uint32_t kMaxReach = 1 << 15;  // sixteenths of a step
inline constexpr std::size_t kMaxValues = 1 << 20;

struct Curve {
    std::uint32_t centre;  // place of the value at 0
    std::uint16_t reach;   // values lie at -reach ... reach
    std::uint16_t shift;   // of a position in 1/16 steps
};

// Views into storage made by the caller and filled by build_curves.
struct Curves {
    std::uint32_t count = 0;
    const Curve* curve = nullptr;           // [count]
    const std::uint16_t* values = nullptr;  // [all values + 1]: vector loads take two
    std::uint32_t codes = 0;
    const std::uint16_t* shares = nullptr;  // [codes + 1], likewise
};

// Three parts a symbol, side by side: (symbols, 3).
struct Parameters {
    const std::uint8_t* weights;
    const std::int16_t* means;  // 1/16 steps
    const std::uint8_t* scales;
};

// Fills curves from the arrays of a set, or says that they break a rule.
// REQUIRES: curves as long as reaches; shifts may differ in length, which is refused.
Status build_curves(std::span<const std::uint16_t> values, std::span<const std::int32_t> reaches,
                    std::span<const std::uint8_t> shifts, std::span<const std::uint16_t> shares,
                    std::span<Curve> curves);

// Below, every weight is < curves.codes and every scale < curves.count.

// Ideal code length in bits, escapes included.
double code_length(const Curves& curves, std::span<const std::int16_t> symbols, const Parameters& parameters);

// Size estimate from a regular sample of the symbols.
double estimate_bytes(const Curves& curves, std::span<const std::int16_t> symbols, const Parameters& parameters);

// As rans::encode.
std::size_t encode(const Curves& curves, std::span<const std::int16_t> symbols, const Parameters& parameters,
                   std::span<const std::uint64_t> segments, std::uint32_t lanes, std::span<std::uint8_t> out);

// As rans::decode, on a decoder that rans::open has opened and rans::finish will check.
Status decode(rans::Decoder& decoder, const Curves& curves, const Parameters& parameters,
              std::span<std::int16_t> symbols, rans::Path path);

}  // namespace pauca::mixture
