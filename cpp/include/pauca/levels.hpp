// Integer levels of network weights <-> bytes. Format: spec/levels.md.
//
// A band is a run of whole rows, coded on its own. Two adaptive coders share the binarization of
// DeepCABAC (S. Wiedemann et al., arXiv:1907.11900): `cabac` codes each bin in one context of the
// two-rate range coder, `mix` mixes the opinions of six contexts. A third, `rans`, is static.
// Nothing here allocates: the caller owns levels, bytes and workspace.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pauca/rans.hpp"
#include "pauca/status.hpp"

namespace pauca::levels {

inline constexpr std::uint32_t kMaxGreater = 15;
inline constexpr std::uint32_t kMaxOrder = 15;
inline constexpr std::uint32_t kPriors = 8;
inline constexpr std::uint32_t kScales = 112;
inline constexpr std::uint32_t kPaces = 4;

// Everything a decoder must be told about a band, apart from its size.
struct Shape {
    std::uint32_t greater = 10;  // n: flags "greater than 1 ... n", 0 ... kMaxGreater
    std::uint32_t order = 0;     // of the Exp-Golomb remainder, 0 ... kMaxOrder
    std::uint32_t prior = 3;     // family of the first probabilities, below kPriors
    std::uint32_t scale = 0;     // mean magnitude, below kScales: see scale_mean
    std::uint32_t pace = 3;      // of the contexts of `cabac`, below kPaces

    [[nodiscard]] bool valid() const {
        return greater <= kMaxGreater && order <= kMaxOrder && prior < kPriors && scale < kScales && pace < kPaces;
    }
};

// Mean magnitude in 1/65536, a quarter of an octave apart.
constexpr std::uint32_t scale_mean(std::uint32_t scale) { return (4 + scale % 4) << scale / 4; }

// The shape of a scale unless the stream says otherwise. REQUIRES: scale < kScales.
Shape default_shape(std::uint32_t scale);

// The shape that suits levels of a histogram of magnitudes: counts[min(|level|, size - 1)], and the
// sum of all magnitudes. REQUIRES: counts.size() >= 2.
Shape choose_shape(std::span<const std::uint64_t> counts, double sum);

// One entry per column, for every adaptive coder.
struct Column {
    std::uint32_t mean;  // of the magnitudes above, in 1/256
    std::int32_t lean;   // of the signs above, in 1/65536
};

struct MixModel;    // slots and weights of `mix`
struct CabacModel;  // contexts of `cabac`
std::size_t mix_model_size();
std::size_t cabac_model_size();

struct Band {
    std::size_t rows;
    std::size_t width;          // >= 1
    std::span<Column> columns;  // width entries of workspace
    Shape shape;                // valid()
};

// Bytes that a band can need: a level has at most 50 bins of 16 bits and 46 raw ones.
constexpr std::size_t encode_bound(std::size_t count) { return 106 * count + 16; }

// Each returns the size of the stream, or 0 if `out` was too small.
// REQUIRES: levels.size() = rows * width, all above INT32_MIN; model storage of model_size() bytes.
std::size_t encode_mix(std::span<const std::int32_t> levels, const Band& band, MixModel& model,
                       std::span<std::uint8_t> out);
Status decode_mix(std::span<const std::uint8_t> data, const Band& band, MixModel& model,
                  std::span<std::int32_t> levels);

std::size_t encode_cabac(std::span<const std::int32_t> levels, const Band& band, CabacModel& model,
                         std::span<std::uint8_t> out);
Status decode_cabac(std::span<const std::uint8_t> data, const Band& band, CabacModel& model,
                    std::span<std::int32_t> levels);

// The size of encode_cabac in bits by its rate tables.
double cabac_bits(std::span<const std::int32_t> levels, const Band& band, CabacModel& model);

inline constexpr std::int32_t kStaticReach = 4096;  // tables hold levels in [-4096, 4095], escapes the rest
inline constexpr std::uint32_t kStaticClasses = 32;

// Arrays of the static coder, sized by the caller for one band and reused for the next.
struct StaticWorkspace {
    explicit StaticWorkspace(const Band& band, bool all_levels);  // encoders keep a whole band

    std::vector<std::uint8_t> indexes;
    std::vector<std::int16_t> symbols;
    std::vector<std::uint32_t> counts;  // [classes][2 * reach], encoder only
    std::vector<std::int8_t> offsets;   // [rows]
    std::vector<std::uint64_t> segments;  // [rows], encoder only
    std::vector<std::uint32_t> cdf;     // [classes][2 * reach + 2]
    std::vector<rans::TableInfo> info;
    std::vector<rans::EncoderEntry> encoder;
    std::vector<std::uint32_t> decoder;
    std::vector<std::uint32_t> buckets;
};

constexpr std::size_t encode_static_bound(const Band& band) {
    return rans::encode_bound(band.rows * band.width, rans::kMaxLanes) + 2 * band.rows +
           4 * kStaticClasses * (2 * kStaticReach + 16) + 64;
}

// rANS with a table for each class of expected magnitude: that of the column so far, moved by an
// offset of the row that is sent first. REQUIRES: shape is not used; every level fits int16.
std::size_t encode_static(std::span<const std::int32_t> levels, const Band& band, StaticWorkspace& work,
                          std::span<std::uint8_t> out);
Status decode_static(std::span<const std::uint8_t> data, const Band& band, StaticWorkspace& work,
                     std::span<std::int32_t> levels);

}  // namespace pauca::levels
