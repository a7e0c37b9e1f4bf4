#include "levels_mix.hpp"

#include "levels_band.hpp"

namespace pauca::levels {

void MixModel::reset(const Shape& shape) {
    constexpr std::uint32_t kTrust = 6, kMoreTrust = 20, kSignTrust = 8;  // counts that a prior is worth
    const BinPriors all = priors_of(shape, scale_mean(shape.scale));
    for (std::uint32_t c = 0; c < kContexts; ++c) {
        const BinPriors own = priors_of(shape, class_mean(std::min(c, kClasses - 1)));
        for (std::uint32_t i = 0; i < kInputs; ++i) {
            const bool by_class = i != kPairInput && i != kPlainInput;
            const BinPriors& priors = by_class ? own : all;
            const std::uint32_t trust = i == kPlainInput ? kMoreTrust : kTrust;
            for (std::uint32_t b = 0; b < kBins; ++b) inputs[i][c][b] = mix::slot_of(priors[b], trust);
        }
    }
    for (Bank& bank : signs) bank.fill(mix::slot_of(1u << 15, kSignTrust));
    mix::Weights even{};
    even.w.fill((1 << 16) / 5);  // inputs that agree are a little surer than one
    weights.fill(even);
    even.w.fill((1 << 16) * 4 / 10);
    sign_weights.fill(even);
}

std::size_t mix_model_size() { return sizeof(MixModel); }

namespace {

cabac::TwoRateContext fixed(std::uint32_t p) {
    return {static_cast<std::uint16_t>(p), static_cast<std::uint16_t>(p)};
}

struct MixSink {
    cabac::RangeEncoder& encoder;
    MixContexts contexts;
    Mixer mixer{};

    [[gnu::always_inline]] inline void bin(std::uint32_t id, bool b) { code(contexts.predict(mixer, id), b); }
    [[gnu::always_inline]] inline void sign(bool b, std::uint32_t size) { code(contexts.predict_sign(mixer, size), b); }
    void raw(std::uint32_t bits, std::uint32_t n) { encoder.bypass(bits, n); }

    [[gnu::always_inline]] inline void code(std::uint32_t p, bool b) {
        cabac::TwoRateContext context = fixed(p);
        encoder.encode(context, b);
        mixer.update(b);
    }
};

struct MixSource {
    cabac::RangeDecoder& decoder;
    MixContexts contexts;
    Mixer mixer{};

    [[gnu::always_inline]] inline bool bin(std::uint32_t id) { return code(contexts.predict(mixer, id)); }
    [[gnu::always_inline]] inline bool sign(std::uint32_t size) { return code(contexts.predict_sign(mixer, size)); }
    std::uint32_t raw(std::uint32_t n) { return decoder.bypass(n); }

    [[gnu::always_inline]] inline bool code(std::uint32_t p) {
        cabac::TwoRateContext context = fixed(p);
        const bool b = decoder.decode(context);
        mixer.update(b);
        return b;
    }
};

}  // namespace

std::size_t encode_mix(std::span<const std::int32_t> levels, const Band& band, MixModel& model,
                       std::span<std::uint8_t> out) {
    model.reset(band.shape);
    cabac::RangeEncoder encoder(out);
    MixSink sink{encoder, MixContexts(model)};
    put_band(levels, band, sink);
    return encoder.finish();
}

Status decode_mix(std::span<const std::uint8_t> data, const Band& band, MixModel& model,
                  std::span<std::int32_t> levels) {
    model.reset(band.shape);
    cabac::RangeDecoder decoder(data);
    MixSource source{decoder, MixContexts(model)};
    return get_band(source, band, levels);
}

}  // namespace pauca::levels
