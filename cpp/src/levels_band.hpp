// A band of levels through a sink of bins and back, whatever chooses the contexts.
//
// `contexts` of a sink or source has `look(field)`, which is called before each level.
#pragma once

#include <span>

#include "levels_bins.hpp"
#include "pauca/cabac.hpp"

namespace pauca::levels {

// REQUIRES: `band.columns` holds `band.width` entries.
inline Field field_of(const std::int32_t* levels, const Band& band) {
    return {levels, band.width, scale_mean(band.shape.scale) / (65536 / kOne), band.columns.data()};
}

template <class Sink>
[[gnu::always_inline]] inline void put_band(std::span<const std::int32_t> levels, const Band& band, Sink& sink) {
    Field field = field_of(levels.data(), band);
    const std::int32_t* level = levels.data();
    for (std::size_t row = 0; row < band.rows; ++row) {
        field.start_row();
        for (std::size_t x = 0; x < band.width; ++x, ++level) {
            sink.contexts.look(field);
            put_level(sink, *level, band.shape);
            field.advance(*level);
        }
    }
}

template <class Source>
[[gnu::always_inline]] inline Status get_band(Source& source, const Band& band, std::span<std::int32_t> levels) {
    Field field = field_of(levels.data(), band);
    cabac::RangeDecoder& decoder = source.decoder;
    std::int32_t* level = levels.data();
    for (std::size_t row = 0; row < band.rows; ++row) {
        if (!decoder.good()) break;
        field.start_row();
        for (std::size_t x = 0; x < band.width; ++x, ++level) {
            source.contexts.look(field);
            if (!get_level(source, *level, band.shape)) return decoder.good() ? Status::corrupt : decoder.finish();
            field.advance(*level);
        }
    }
    return decoder.finish();
}

}  // namespace pauca::levels
