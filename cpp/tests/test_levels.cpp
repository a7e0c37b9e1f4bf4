#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "check.hpp"
#include "levels_cabac.hpp"
#include "levels_mix.hpp"
#include "pauca/levels.hpp"
#include "pauca/rdoq.hpp"

using namespace pauca;
using namespace pauca::levels;

namespace {

using Bytes = std::vector<std::uint8_t>;
using Levels = std::vector<std::int32_t>;

enum class Coder { cabac, mix, rans };
constexpr Coder kCoders[] = {Coder::cabac, Coder::mix, Coder::rans};

struct Matrix {
    Levels levels;
    std::size_t width;
};

// Geometric magnitudes whose mean varies by row and column.
Matrix make_matrix(std::size_t rows, std::size_t width, std::uint32_t mean, std::uint32_t seed) {
    test::Random random{seed * 2654435761u + 1};
    Matrix matrix{{}, width};
    for (std::size_t y = 0; y < rows; ++y) {
        for (std::size_t x = 0; x < width; ++x) {
            const std::uint32_t local = mean * (1 + static_cast<std::uint32_t>(x % 3)) * (1 + static_cast<std::uint32_t>(y % 2));
            std::int32_t level = 0;
            while (level < 20000 && random.below(local + 4) >= 4) ++level;
            matrix.levels.push_back(random.below(2) != 0 ? -level : level);
        }
    }
    return matrix;
}

struct Work {
    std::vector<Column> columns;
    Band band;
    std::unique_ptr<MixModel> mix = std::make_unique<MixModel>();
    std::unique_ptr<CabacModel> cabac = std::make_unique<CabacModel>();

    Work(std::size_t count, std::size_t width, const Shape& shape)
        : columns(width), band{count / width, width, columns, shape} {}
};

Shape shape_for(const Levels& levels) {
    std::vector<std::uint64_t> counts(256);
    double sum = 0;
    for (const std::int32_t level : levels) {
        ++counts[std::min(size_of(level), 255u)];
        sum += size_of(level);
    }
    return choose_shape(counts, sum);
}

Bytes encode(const Matrix& m, const Shape& shape, Coder coder) {
    Work work(m.levels.size(), m.width, shape);
    Bytes out(std::max(encode_bound(m.levels.size()), encode_static_bound(work.band)));
    if (coder == Coder::cabac) out.resize(encode_cabac(m.levels, work.band, *work.cabac, out));
    if (coder == Coder::mix) out.resize(encode_mix(m.levels, work.band, *work.mix, out));
    if (coder == Coder::rans) {
        StaticWorkspace statics(work.band, true);
        out.resize(encode_static(m.levels, work.band, statics, out));
    }
    CHECK(!out.empty());
    return out;
}

Status decode(const Bytes& data, const Matrix& m, const Shape& shape, Coder coder, Levels& levels) {
    levels.assign(m.levels.size(), 1234);
    Work work(levels.size(), m.width, shape);
    if (coder == Coder::cabac) return decode_cabac(data, work.band, *work.cabac, levels);
    if (coder == Coder::mix) return decode_mix(data, work.band, *work.mix, levels);
    StaticWorkspace statics(work.band, false);
    return decode_static(data, work.band, statics, levels);
}

void round_trip(const Matrix& m, const Shape& shape, Coder coder) {
    Levels back;
    CHECK(decode(encode(m, shape, coder), m, shape, coder, back) == Status::ok);
    CHECK(back == m.levels);
}

void round_trips() {
    for (const Coder coder : kCoders) {
        for (const std::uint32_t mean : {0u, 1u, 4u, 30u, 400u}) {
            for (const auto& [rows, width] : {std::pair<std::size_t, std::size_t>{1, 1}, {1, 300}, {50, 7}, {40, 150}}) {
                const Matrix m = make_matrix(rows, width, mean, mean + 3);
                round_trip(m, shape_for(m.levels), coder);
            }
        }
    }
}

// Any binarization, and the largest levels there are.
void extremes() {
    Matrix m = make_matrix(20, 11, 3, 9);
    for (std::size_t i = 0; i < m.levels.size(); i += 13) m.levels[i] = i % 2 == 0 ? INT32_MAX : -INT32_MAX;
    for (const std::uint32_t greater : {0u, 1u, kMaxGreater}) {
        for (const std::uint32_t order : {0u, 3u, kMaxOrder}) {
            for (const std::uint32_t scale : {0u, 60u, kScales - 1}) {
                const Shape shape{greater, order, (greater + order) % kPriors, scale, order % kPaces};
                round_trip(m, shape, Coder::cabac);
                round_trip(m, shape, Coder::mix);
            }
        }
    }
    for (std::size_t i = 0; i < m.levels.size(); i += 13) m.levels[i] = i % 2 == 0 ? INT16_MAX : -INT16_MAX;
    round_trip(m, {}, Coder::rans);
}

void small_buffers() {
    const Matrix m = make_matrix(30, 30, 9, 1);
    Work work(m.levels.size(), m.width, shape_for(m.levels));
    Bytes out(100);
    StaticWorkspace statics(work.band, true);
    CHECK(encode_cabac(m.levels, work.band, *work.cabac, out) == 0);
    CHECK(encode_mix(m.levels, work.band, *work.mix, out) == 0);
    CHECK(encode_static(m.levels, work.band, statics, out) == 0);
}

void hostile_streams() {
    const Matrix m = make_matrix(9, 15, 6, 4);
    const Shape shape = shape_for(m.levels);
    for (const Coder coder : kCoders) {
        const Bytes data = encode(m, shape, coder);
        Levels back;
        for (std::size_t size = 0; size < data.size(); ++size) {
            const Bytes cut(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(size));
            CHECK(decode(cut, m, shape, coder, back) != Status::ok);
        }
        Bytes longer = data;
        longer.push_back(0);
        CHECK(decode(longer, m, shape, coder, back) != Status::ok);
        for (std::size_t bit = 0; bit < data.size() * 8; ++bit) {
            Bytes bad = data;
            bad[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
            // A flip in a table's spare range may decode to the same levels; silence is then harmless.
            if (decode(bad, m, shape, coder, back) == Status::ok && coder != Coder::rans) CHECK(back != m.levels);
        }
    }
}

void rates_add_up() {
    const Matrix m = make_matrix(100, 100, 5, 8);
    const Shape shape = shape_for(m.levels);
    Work work(m.levels.size(), m.width, shape);
    const double bytes = cabac_bits(m.levels, work.band, *work.cabac) / 8;
    const auto size = static_cast<double>(encode(m, shape, Coder::cabac).size());
    CHECK(std::abs(size - bytes) < 6 + size / 1000);
}

// Independent Laplacian levels: nothing to gain from contexts, little to lose on learning them.
void near_entropy() {
    for (const std::uint32_t mean : {1u, 8u}) {
        Matrix m{{}, 200};
        test::Random random{77};
        std::vector<double> counts(4000);
        for (int i = 0; i < 60000; ++i) {
            std::int32_t level = 0;
            while (level < 1999 && random.below(mean + 1) != 0) ++level;
            m.levels.push_back(random.below(2) != 0 ? -level : level);
            ++counts[static_cast<std::size_t>(m.levels.back() + 2000)];
        }
        double bits = 0;
        for (const double n : counts) bits -= n > 0 ? n * std::log2(n / 60000) : 0;
        const Shape shape = shape_for(m.levels);
        for (const Coder coder : kCoders) {
            const double excess = coder == Coder::rans ? 1.01 : 1.005;  // tables are sent, contexts learn
            CHECK(static_cast<double>(encode(m, shape, coder).size()) * 8 < bits * excess);
        }
    }
}

// Rows and columns of different scale: every coder must gain on the histogram of all.
void contexts_pay() {
    const Matrix m = make_matrix(300, 300, 12, 5);
    std::vector<double> counts(80000);
    for (const std::int32_t level : m.levels) ++counts[static_cast<std::size_t>(level + 40000)];
    double bits = 0;
    for (const double n : counts) bits -= n > 0 ? n * std::log2(n / static_cast<double>(m.levels.size())) : 0;
    const Shape shape = shape_for(m.levels);
    for (const Coder coder : kCoders) CHECK(static_cast<double>(encode(m, shape, coder).size()) * 8 < bits * 0.996);
}

void quantizer() {
    test::Random random;
    std::vector<float> weights, importance;
    for (int i = 0; i < 5000; ++i) {
        const float u = static_cast<float>(random.below(2001)) / 1000.0f - 1.0f;
        weights.push_back(u * u * u);
        importance.push_back(static_cast<float>(random.below(5)));
    }
    const float step = 0.05f;
    Work work(5000, 50, default_shape(60));
    Levels plain(5000), saved(5000), weighted(5000);
    rdoq::quantize(weights, {}, {step, 0.0f}, work.band, *work.cabac, plain);
    rdoq::quantize(weights, {}, {step, 1.5e-3f}, work.band, *work.cabac, saved);
    rdoq::quantize(weights, importance, {step, 1.5e-3f}, work.band, *work.cabac, weighted);
    double cost_plain = 0, cost_saved = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        CHECK(plain[i] == static_cast<std::int32_t>(std::nearbyint(static_cast<double>(weights[i]) / step)));
        CHECK(saved[i] == plain[i] || saved[i] == 0 || std::abs(saved[i]) == std::abs(plain[i]) - 1);
        if (importance[i] == 0.0f) CHECK(weighted[i] == 0 || std::abs(weighted[i]) <= std::abs(plain[i]));
        cost_plain += std::pow(weights[i] - step * static_cast<float>(plain[i]), 2);
        cost_saved += std::pow(weights[i] - step * static_cast<float>(saved[i]), 2);
    }
    const double bits_plain = cabac_bits(plain, work.band, *work.cabac);
    const double bits_saved = cabac_bits(saved, work.band, *work.cabac);
    CHECK(bits_saved < 0.97 * bits_plain);
    CHECK(cost_saved + 1.5e-3 * bits_saved < cost_plain + 1.5e-3 * bits_plain);
}

std::uint32_t fnv1a(const Bytes& bytes) {
    std::uint32_t hash = 2166136261u;
    for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 16777619u;
    return hash;
}

// The format: a change of any table, rate or context changes these.
void golden_hashes() {
    const Matrix m = make_matrix(60, 140, 7, 2);
    const Shape shape{6, 1, 4, 72, 2};
    CHECK(fnv1a(encode(m, shape, Coder::cabac)) == 0xdb448794u);
    CHECK(fnv1a(encode(m, shape, Coder::mix)) == 0xb3c33907u);
    CHECK(fnv1a(encode(m, shape, Coder::rans)) == 0x1970d762u);
}

}  // namespace

int main() {
    round_trips();
    extremes();
    small_buffers();
    hostile_streams();
    rates_add_up();
    near_entropy();
    contexts_pay();
    quantizer();
    golden_hashes();
    return test::finish("levels");
}
