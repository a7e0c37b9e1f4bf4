// The contexts of `cabac`, shared by the coder and by the quantizer that asks for its rates.
#pragma once

#include <array>
#include <cstdint>

#include "levels_bins.hpp"
#include "pauca/cabac.hpp"

namespace pauca::levels {

// A two-rate context whose rates start at that of a mean and slow down to their ends: a tensor of
// a few hundred levels pays little for learning, one of millions little for never settling.
struct Context {
    cabac::TwoRateContext two;
    std::uint16_t seen;

    void start(std::uint16_t p) {
        constexpr std::uint16_t kTrust = 6;
        two.fast = two.slow = p;
        two.fast_shift = two.slow_shift = 2;
        seen = kTrust;
    }
    // After two.update(): the shift is floor(log2(seen)), up to each end.
    [[gnu::always_inline]] inline void settle(std::uint32_t fast_end, std::uint32_t slow_end) {
        if (seen >> slow_end != 0) return;
        ++seen;
        const auto shift = static_cast<std::uint32_t>(std::bit_width(seen)) - 1;
        two.fast_shift = static_cast<std::uint8_t>(std::min(shift, fast_end));
        two.slow_shift = static_cast<std::uint8_t>(std::min(shift, slow_end));
    }
};

struct CabacModel {
    std::array<std::array<Context, kBins>, kClasses> bins;
    std::array<Context, 9> signs;
    std::uint32_t fast_end = 5;
    std::uint32_t slow_end = 8;

    void reset(const Shape& shape) {
        for (std::uint32_t c = 0; c < kClasses; ++c) {
            const BinPriors priors = priors_of(shape, class_mean(c));
            for (std::uint32_t b = 0; b < kBins; ++b) bins[c][b].start(priors[b]);
        }
        for (Context& context : signs) context.start(1u << 15);
        fast_end = 4 + shape.pace;
        slow_end = 7 + shape.pace;
    }
};

// The contexts of one level.
class CabacContexts {
public:
    explicit CabacContexts(CabacModel& model) : model_(&model) {}

    [[gnu::always_inline]] inline void look(const Field& field) {
        const View v = field.view();
        bins_ = model_->bins[class_of_log((2 * v.local_log + v.cross_log + v.column_log) / 4)].data();
        sign_ = &model_->signs[3 * sign_of(v.left) + sign_of(v.above)];
    }
    [[nodiscard]] Context& bin(std::uint32_t id) const { return bins_[id]; }
    [[nodiscard]] Context& sign() const { return *sign_; }

    [[gnu::always_inline]] inline void settle(Context& context) const {
        context.settle(model_->fast_end, model_->slow_end);
    }
    [[gnu::always_inline]] inline void update(Context& context, bool b) const {
        context.two.update(b);
        settle(context);
    }

private:
    CabacModel* model_;
    Context* bins_ = nullptr;
    Context* sign_ = nullptr;
};

// Adds up what the bins of a level cost, in 1/32768 bit.
struct RateSink {
    const CabacContexts& contexts;
    std::uint64_t sum = 0;

    [[gnu::always_inline]] inline void bin(std::uint32_t id, bool b) { sum += contexts.bin(id).two.rate(b); }
    [[gnu::always_inline]] inline void sign(bool b, std::uint32_t) { sum += contexts.sign().two.rate(b); }
    void raw(std::uint32_t, std::uint32_t n) { sum += std::uint64_t{n} * kOneBit; }
};

// Moves the contexts as the coder would.
struct UpdateSink {
    const CabacContexts& contexts;

    [[gnu::always_inline]] inline void bin(std::uint32_t id, bool b) { contexts.update(contexts.bin(id), b); }
    [[gnu::always_inline]] inline void sign(bool b, std::uint32_t) { contexts.update(contexts.sign(), b); }
    void raw(std::uint32_t, std::uint32_t) {}
};

}  // namespace pauca::levels
