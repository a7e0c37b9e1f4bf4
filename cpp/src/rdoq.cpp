#include "pauca/rdoq.hpp"

#include <cmath>

#include "levels_band.hpp"
#include "levels_cabac.hpp"

namespace pauca::rdoq {

using namespace levels;

namespace {

double rate(const CabacContexts& contexts, std::int32_t level, const Shape& shape) {
    RateSink sink{contexts};
    put_level(sink, level, shape);
    return static_cast<double>(sink.sum) / kOneBit;
}

}  // namespace

void quantize(std::span<const float> weights, std::span<const float> importance, const Target& target,
              const Band& band, CabacModel& model, std::span<std::int32_t> levels) {
    model.reset(band.shape);
    Field field = field_of(levels.data(), band);
    CabacContexts contexts(model);
    UpdateSink updates{contexts};
    const double step = target.step, lambda = target.lambda;
    std::size_t i = 0;
    for (std::size_t row = 0; row < band.rows; ++row) {
        field.start_row();
        for (std::size_t x = 0; x < band.width; ++x, ++i) {
            contexts.look(field);
            const double w = weights[i];
            const double importance_of = importance.empty() ? 1.0 : importance[i];
            const auto nearest = static_cast<std::int32_t>(std::nearbyint(w / step));
            std::int32_t best = nearest;
            double least = INFINITY;
            const auto consider = [&](std::int32_t level) {
                const double error = w - step * level;
                const double cost = importance_of * error * error + lambda * rate(contexts, level, band.shape);
                if (cost < least) {
                    least = cost;
                    best = level;
                }
            };
            if (nearest != 0) {  // zero is both the nearest and the cheapest where it is a candidate alone
                consider(nearest);
                if (nearest > 1 || nearest < -1) consider(nearest > 0 ? nearest - 1 : nearest + 1);
                consider(0);
            }
            levels[i] = best;
            put_level(updates, best, band.shape);
            field.advance(best);
        }
    }
}

}  // namespace pauca::rdoq
