#include "levels_cabac.hpp"


namespace pauca::levels {

std::size_t cabac_model_size() { return sizeof(CabacModel); }

namespace {

struct CabacSink {
    cabac::RangeEncoder& encoder;
    CabacContexts contexts;

    [[gnu::always_inline]] inline void bin(std::uint32_t id, bool b) { code(contexts.bin(id), b); }
    [[gnu::always_inline]] inline void sign(bool b, std::uint32_t) { code(contexts.sign(), b); }
    void raw(std::uint32_t bits, std::uint32_t n) { encoder.bypass(bits, n); }

    [[gnu::always_inline]] inline void code(Context& context, bool b) {
        encoder.encode(context.two, b);
        contexts.settle(context);
    }
};

struct CabacSource {
    cabac::RangeDecoder& decoder;
    CabacContexts contexts;

    [[gnu::always_inline]] inline bool bin(std::uint32_t id) { return code(contexts.bin(id)); }
    [[gnu::always_inline]] inline bool sign(std::uint32_t) { return code(contexts.sign()); }
    std::uint32_t raw(std::uint32_t n) { return decoder.bypass(n); }

    [[gnu::always_inline]] inline bool code(Context& context) {
        const bool b = decoder.decode(context.two);
        contexts.settle(context);
        return b;
    }
};

}  // namespace

std::size_t encode_cabac(std::span<const std::int32_t> levels, const Band& band, CabacModel& model,
                         std::span<std::uint8_t> out) {
    model.reset(band.shape);
    Field field(levels.data(), band.width, scale_mean(band.shape.scale) / (65536 / kOne), band.columns.data());
    cabac::RangeEncoder encoder(out);
    CabacSink sink{encoder, CabacContexts(model)};
    const std::int32_t* level = levels.data();
    for (std::size_t row = 0; row < band.rows; ++row) {
        field.start_row();
        for (std::size_t x = 0; x < band.width; ++x, ++level) {
            sink.contexts.look(field.view());
            put_level(sink, *level, band.shape);
            field.advance(*level);
        }
    }
    return encoder.finish();
}

Status decode_cabac(std::span<const std::uint8_t> data, const Band& band, CabacModel& model,
                    std::span<std::int32_t> levels) {
    model.reset(band.shape);
    Field field(levels.data(), band.width, scale_mean(band.shape.scale) / (65536 / kOne), band.columns.data());
    cabac::RangeDecoder decoder(data);
    CabacSource source{decoder, CabacContexts(model)};
    std::int32_t* level = levels.data();
    for (std::size_t row = 0; row < band.rows; ++row) {
        if (!decoder.good()) break;
        field.start_row();
        for (std::size_t x = 0; x < band.width; ++x, ++level) {
            source.contexts.look(field.view());
            if (!get_level(source, *level, band.shape)) return decoder.good() ? Status::corrupt : decoder.finish();
            field.advance(*level);
        }
    }
    return decoder.finish();
}

double cabac_bits(std::span<const std::int32_t> levels, const Band& band, CabacModel& model) {
    model.reset(band.shape);
    Field field(levels.data(), band.width, scale_mean(band.shape.scale) / (65536 / kOne), band.columns.data());
    CabacContexts contexts(model);
    RateSink rates{contexts};
    UpdateSink updates{contexts};
    const std::int32_t* level = levels.data();
    for (std::size_t row = 0; row < band.rows; ++row) {
        field.start_row();
        for (std::size_t x = 0; x < band.width; ++x, ++level) {
            contexts.look(field.view());
            put_level(rates, *level, band.shape);
            put_level(updates, *level, band.shape);
            field.advance(*level);
        }
    }
    return static_cast<double>(rates.sum) / kOneBit;
}

}  // namespace pauca::levels
