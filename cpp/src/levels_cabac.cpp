#include "levels_cabac.hpp"

#include "levels_band.hpp"

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
    cabac::RangeEncoder encoder(out);
    CabacSink sink{encoder, CabacContexts(model)};
    put_band(levels, band, sink);
    return encoder.finish();
}

Status decode_cabac(std::span<const std::uint8_t> data, const Band& band, CabacModel& model,
                  std::span<std::int32_t> levels) {
    model.reset(band.shape);
    cabac::RangeDecoder decoder(data);
    CabacSource source{decoder, CabacContexts(model)};
    return get_band(source, band, levels);
}

double cabac_bits(std::span<const std::int32_t> levels, const Band& band, CabacModel& model) {
    model.reset(band.shape);
    Field field = field_of(levels.data(), band);
    CabacContexts contexts(model);
    RateSink rates{contexts};
    UpdateSink updates{contexts};
    const std::int32_t* level = levels.data();
    for (std::size_t row = 0; row < band.rows; ++row) {
        field.start_row();
        for (std::size_t x = 0; x < band.width; ++x, ++level) {
            contexts.look(field);
            put_level(rates, *level, band.shape);
            put_level(updates, *level, band.shape);
            field.advance(*level);
        }
    }
    return static_cast<double>(rates.sum) / kOneBit;
}

}  // namespace pauca::levels
