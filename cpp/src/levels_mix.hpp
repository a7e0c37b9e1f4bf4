// Binary probabilities from several contexts at once, mixed in the logistic domain with weights
// learned on the way (M. Mahoney, "Adaptive weighing of context models", 2005). Integers only.
#pragma once

#include <array>
#include <cstdint>

#include "levels_bins.hpp"

namespace pauca::levels {

inline constexpr std::uint32_t kInputs = 6;
inline constexpr std::uint32_t kContexts = 36;  // per input
// Inputs whose contexts say little of the magnitude: their slots start at the band's mean.
inline constexpr std::uint32_t kPairInput = 4, kPlainInput = 5;

namespace mix {

inline constexpr std::int32_t kLogitOne = 256;
inline constexpr std::int32_t kLogitEnd = 2816;  // 11 nepers

// Natural exponentials below are evaluated by the compiler, in IEEE arithmetic.
constexpr double exp_of(double x) {
    double term = 1.0, sum = 1.0;
    x /= 16.0;
    for (int i = 1; i < 14; ++i) {
        term *= x / i;
        sum += term;
    }
    for (int i = 0; i < 4; ++i) sum *= sum;
    return sum;
}

// 65536 / (1 + e^-x), kept inside [24, 65512]: a sure bin costs 0.0005 bit.
inline constexpr std::array<std::uint16_t, 2 * kLogitEnd> kSquash = [] {
    std::array<std::uint16_t, 2 * kLogitEnd> table{};
    for (std::int32_t i = 0; i < 2 * kLogitEnd; ++i) {
        const double x = static_cast<double>(i - kLogitEnd) / kLogitOne;
        const double p = 65536.0 / (1.0 + exp_of(-x)) + 0.5;
        table[static_cast<std::size_t>(i)] = static_cast<std::uint16_t>(p < 24.0 ? 24.0 : p > 65512.0 ? 65512.0 : p);
    }
    return table;
}();

// ln(p / (1 - p)) of p = (i + 1/2) / 4096: the inverse of kSquash, by one walk along it.
inline constexpr std::array<std::int16_t, 4096> kStretch = [] {
    std::array<std::int16_t, 4096> table{};
    std::int32_t x = 0;
    for (std::int32_t i = 0; i < 4096; ++i) {
        while (x + 1 < 2 * kLogitEnd && kSquash[static_cast<std::size_t>(x)] < 16 * i + 8) ++x;
        table[static_cast<std::size_t>(i)] = static_cast<std::int16_t>(x - kLogitEnd);
    }
    return table;
}();

inline constexpr std::uint32_t kCountBits = 10;
inline constexpr std::uint32_t kMaxCount = 1000;
// 2^16 / (n + 1.6): the estimate moves by the inverse of what it has seen.
inline constexpr std::array<std::int32_t, 1u << kCountBits> kPace = [] {
    std::array<std::int32_t, 1u << kCountBits> table{};
    for (std::int32_t n = 0; n < 1 << kCountBits; ++n) table[static_cast<std::size_t>(n)] = 655360 / (10 * n + 16);
    return table;
}();

// A slot holds a probability of 22 bits above a count of 10.
constexpr std::uint32_t slot_of(std::uint32_t p16, std::uint32_t count) { return p16 << 16 | count; }

struct Weights {
    std::array<std::int32_t, kInputs> w;  // 16 fractional bits
    std::int32_t seen;
};

}  // namespace mix

using Bank = std::array<std::uint32_t, kBins>;          // the bins of one context
using Input = std::array<Bank, kContexts>;

// Every slot and weight of one band (60 KB), reset for each.
struct MixModel {
    std::array<Input, kInputs> inputs;
    std::array<Bank, kInputs> signs;  // indexed by context, not by bin
    std::array<mix::Weights, kBins> weights;
    std::array<mix::Weights, 4> sign_weights;

    void reset(const Shape& shape);
};

// The state of one decision between predict() and update().
class Mixer {
public:
    // Probability of a 1 in 1/65536 from one slot an input: banks[i][bin].
    [[gnu::always_inline]] inline std::uint32_t predict(const std::array<std::uint32_t*, kInputs>& banks,
                                                        std::uint32_t bin, mix::Weights& weights) {
        for (std::uint32_t i = 0; i < kInputs; ++i) slots_[i] = banks[i] + bin;
        weights_ = &weights;
        for (std::uint32_t i = 0; i < kInputs; ++i) values_[i] = *slots_[i];
        for (std::uint32_t i = 0; i < kInputs; ++i) logits_[i] = mix::kStretch[values_[i] >> 20];
        std::int32_t dot = 0;
        for (std::uint32_t i = 0; i < kInputs; ++i) dot += logits_[i] * (weights.w[i] >> 4) >> 4;
        const std::int32_t x = std::clamp(dot >> 8, -mix::kLogitEnd, mix::kLogitEnd - 1);
        p_ = mix::kSquash[static_cast<std::size_t>(x + mix::kLogitEnd)];
        return p_;
    }

    [[gnu::always_inline]] inline void update(bool bin) {
        const std::int32_t target = bin ? (1 << 22) - 1 : 0;
        for (std::uint32_t i = 0; i < kInputs; ++i) {
            const std::uint32_t count = values_[i] & ((1u << mix::kCountBits) - 1);
            const auto p = static_cast<std::int32_t>(values_[i] >> mix::kCountBits);
            const std::int32_t moved = p + (((target - p) >> 7) * mix::kPace[count] >> 9);
            values_[i] = static_cast<std::uint32_t>(moved) << mix::kCountBits | (count + (count < mix::kMaxCount ? 1 : 0));
        }
        for (std::uint32_t i = 0; i < kInputs; ++i) *slots_[i] = values_[i];
        mix::Weights& weights = *weights_;
        // Steps shrink as the weights settle: the worth of a context is a property of the tensor.
        const int shift = 11 + (weights.seen >= 200) + (weights.seen >= 2000);
        weights.seen += weights.seen < 2000 ? 1 : 0;
        const std::int32_t error = ((bin ? 65536 : 0) - static_cast<std::int32_t>(p_)) >> 4;
        for (std::uint32_t i = 0; i < kInputs; ++i) {
            const std::int32_t step = (logits_[i] * error + (1 << (shift - 1))) >> shift;
            weights.w[i] = std::clamp(weights.w[i] + step, -(1 << 18), 1 << 18);
        }
    }

private:
    std::array<std::uint32_t*, kInputs> slots_;
    std::array<std::uint32_t, kInputs> values_;
    std::array<std::int32_t, kInputs> logits_;
    mix::Weights* weights_ = nullptr;
    std::uint32_t p_ = 0;
};

// Chooses the contexts of one level. Magnitude first, sign after, since its contexts know the size.
class MixContexts {
public:
    explicit MixContexts(MixModel& model) : model_(model) {}

    [[gnu::always_inline]] inline void look(const Field& field) {
        view_ = field.view();
        const View& v = view_;
        const std::uint32_t all_log = field.all_log();
        const std::array<std::uint32_t, kInputs> ids{
            class_of_log(v.local_log),
            class_of_log(v.column_log),
            class_of_log(v.row_log),
            class_of_log(v.cross_log),
            6 * relative(v.left, all_log) + relative(v.above, all_log),
            0};
        for (std::uint32_t i = 0; i < kInputs; ++i) banks_[i] = model_.inputs[i][ids[i]].data();
    }

    [[gnu::always_inline]] inline std::uint32_t predict(Mixer& mixer, std::uint32_t bin) {
        return mixer.predict(banks_, bin, model_.weights[bin]);
    }

    [[gnu::always_inline]] inline std::uint32_t predict_sign(Mixer& mixer, std::uint32_t size) {
        const View& v = view_;
        const std::uint32_t big = std::min(size, 4u) - 1;
        const std::uint32_t l = sign_of(v.left), a = sign_of(v.above);
        const std::array<std::uint32_t, kInputs> ids{
            3 * l + a,
            9 * sign_of(v.above_left) + 3 * a + sign_of(v.above_right),
            9 * sign_of(v.left2) + 3 * l + a,
            lean_class(v.column_lean) + 7 * big,
            lean_class(v.row_lean) + 7 * big,
            0};
        std::array<std::uint32_t*, kInputs> slots;
        for (std::uint32_t i = 0; i < kInputs; ++i) slots[i] = &model_.signs[i][ids[i]];
        return mixer.predict(slots, 0, model_.sign_weights[big]);
    }

private:
    // Octaves around the band's mean: 0 for a zero, 1 ... 5.
    static std::uint32_t relative(std::int32_t level, std::uint32_t all_log) {
        if (level == 0) return 0;
        const std::uint32_t log = log_of(bounded_size(level) * kOne);
        const std::int32_t octaves = (static_cast<std::int32_t>(log - all_log) + 28) >> 3;
        return static_cast<std::uint32_t>(std::clamp(octaves, 1, 5));
    }
    static std::uint32_t lean_class(std::int32_t lean) {
        return static_cast<std::uint32_t>(std::clamp((lean + (1 << 12)) >> 13, -3, 3) + 3);
    }

    MixModel& model_;
    View view_{};
    std::array<std::uint32_t*, kInputs> banks_{};
};

}  // namespace pauca::levels
