// The engine against the definition, on arrays of exactly the right size so that the sanitizers see every overrun.
#include "pauca/intnet.hpp"

#include <algorithm>
#include <stdexcept>

#include "check.hpp"

using namespace pauca::intnet;

namespace {

struct LayerData {
    std::uint32_t rows, columns;
    std::vector<std::int8_t> weight;
    std::vector<std::int32_t> bias;
    std::vector<std::uint8_t> shift;
    std::vector<std::int16_t> low, high;

    [[nodiscard]] Layer view() const {
        return {rows, columns, weight.data(), bias.data(), shift.data(), low.data(), high.data()};
    }
};

LayerData make_layer(test::Random& random, std::uint32_t rows, std::uint32_t columns, int low, int high) {
    LayerData layer{rows, columns, {}, {}, {}, {}, {}};
    for (std::uint32_t i = 0; i < rows * (columns == 0 ? 9 : columns); ++i)
        layer.weight.push_back(static_cast<std::int8_t>(random.next()));
    for (std::uint32_t i = 0; i < rows; ++i) {
        layer.bias.push_back(static_cast<std::int32_t>(random.below(20000)) - 10000);
        layer.shift.push_back(static_cast<std::uint8_t>(4 + random.below(10)));
        layer.low.push_back(static_cast<std::int16_t>(low + static_cast<int>(random.below(2))));
        layer.high.push_back(static_cast<std::int16_t>(high - static_cast<int>(random.below(2))));
    }
    return layer;
}

struct Grid {
    std::size_t h, w, c;
    std::vector<std::int32_t> values;

    [[nodiscard]] std::int32_t at(std::ptrdiff_t y, std::ptrdiff_t x, std::size_t k) const {
        if (y < 0 || x < 0 || y >= static_cast<std::ptrdiff_t>(h) || x >= static_cast<std::ptrdiff_t>(w)) return 0;
        return values[(static_cast<std::size_t>(y) * w + static_cast<std::size_t>(x)) * c + k];
    }
};

Grid convolve(const LayerData& layer, const Grid& x, const Grid* added) {
    Grid out{x.h, x.w, layer.rows, {}};
    for (std::ptrdiff_t row = 0; row < static_cast<std::ptrdiff_t>(x.h); ++row) {
        for (std::ptrdiff_t col = 0; col < static_cast<std::ptrdiff_t>(x.w); ++col) {
            for (std::uint32_t o = 0; o < layer.rows; ++o) {
                std::int64_t sum = layer.bias[o];
                for (std::uint32_t k = 0; k < layer.columns; ++k) sum += layer.weight[o * layer.columns + k] * x.at(row, col, k);
                for (int t = 0; layer.columns == 0 && t < 9; ++t)
                    sum += layer.weight[o * 9 + static_cast<std::uint32_t>(t)] * x.at(row + t / 3 - 1, col + t % 3 - 1, o);
                sum >>= layer.shift[o];
                sum = added != nullptr ? std::clamp<std::int64_t>(sum + added->at(row, col, o), 0, 255)
                                       : std::clamp<std::int64_t>(sum, layer.low[o], layer.high[o]);
                out.values.push_back(static_cast<std::int32_t>(sum));
            }
        }
    }
    return out;
}

Grid unfold(const Grid& x) {
    Grid out{2 * x.h, 2 * x.w, x.c / 4, {}};
    for (std::size_t y = 0; y < out.h; ++y)
        for (std::size_t col = 0; col < out.w; ++col)
            for (std::size_t k = 0; k < out.c; ++k)
                out.values.push_back(x.at(static_cast<std::ptrdiff_t>(y / 2), static_cast<std::ptrdiff_t>(col / 2),
                                          4 * k + 2 * (y % 2) + col % 2));
    return out;
}

Grid cat(const Grid& a, const Grid& b) {
    Grid out{a.h, a.w, a.c + b.c, {}};
    for (std::size_t p = 0; p < a.h * a.w; ++p) {
        for (std::size_t k = 0; k < a.c; ++k) out.values.push_back(a.values[p * a.c + k]);
        for (std::size_t k = 0; k < b.c; ++k) out.values.push_back(b.values[p * b.c + k]);
    }
    return out;
}

template <typename T>
bool same(const std::vector<std::uint8_t>& bytes, const Grid& grid) {
    if (bytes.size() != grid.values.size() * sizeof(T)) return false;
    const T* values = reinterpret_cast<const T*>(bytes.data());
    return std::equal(grid.values.begin(), grid.values.end(), values,
                      [](std::int32_t expected, T got) { return expected == got; });
}

// in0 (c, unsigned), in1 (5, signed) -> cat 2 -> stem 3 -> depthwise 4 -> up 5 -> down + 3: 6 -> head 7, wide 8 -> unfold 9
Program context_program(std::uint32_t c) {
    Program program{10, {{0, c, false}, {1, 5, true}}, {6, 7, 9, 4}, {}};
    program.steps = {{Op::cat, 2, {0, 1}, 0},  {Op::conv, 3, {2}, 0},     {Op::conv, 4, {3}, 1},
                     {Op::conv, 5, {4}, 2},    {Op::residual, 6, {5, 3}, 3}, {Op::conv, 7, {6}, 4},
                     {Op::conv, 8, {6}, 5},    {Op::unfold, 9, {8}, 0}};
    return program;
}

void check_context(Kernel kernel, std::uint32_t c, std::size_t h, std::size_t w, unsigned threads) {
    test::Random random;
    const std::vector<LayerData> data{make_layer(random, c, c + 5, 0, 255),     make_layer(random, c, 0, -128, 127),
                                      make_layer(random, 2 * c, c, 0, 255),     make_layer(random, c, 2 * c, 0, 255),
                                      make_layer(random, 13, c, -2000, 2000),   make_layer(random, 12, c, 0, 255)};
    std::vector<Layer> layers;
    for (const LayerData& layer : data) layers.push_back(layer.view());
    Grid a{h, w, c, {}}, b{h, w, 5, {}};
    std::vector<std::uint8_t> a_bytes, b_bytes;
    for (std::size_t i = 0; i < h * w * c; ++i) a_bytes.push_back(static_cast<std::uint8_t>(random.next()));
    for (std::size_t i = 0; i < h * w * 5; ++i) b_bytes.push_back(static_cast<std::uint8_t>(random.next()));
    for (const std::uint8_t v : a_bytes) a.values.push_back(v);
    for (const std::uint8_t v : b_bytes) b.values.push_back(static_cast<std::int8_t>(v));

    const Grid stem = convolve(data[0], cat(a, b), nullptr);
    const Grid depth = convolve(data[1], stem, nullptr);
    const Grid sum = convolve(data[3], convolve(data[2], depth, nullptr), &stem);
    const Grid head = convolve(data[4], sum, nullptr);
    const Grid fine = unfold(convolve(data[5], sum, nullptr));

    Network network(context_program(c), layers, kernel);
    std::vector<std::vector<std::uint8_t>> out;
    std::vector<void*> pointers;
    for (const OutputInfo& info : network.outputs())
        out.emplace_back((h * w << (2 * info.log2_scale)) * info.channels * (info.type == Type::s16 ? 2 : 1));
    for (auto& bytes : out) pointers.push_back(bytes.data());
    const std::vector<const std::uint8_t*> inputs{a_bytes.data(), b_bytes.data()};
    for (int again = 0; again < 2; ++again) {  // the second run reuses the workspace
        for (auto& bytes : out) std::fill(bytes.begin(), bytes.end(), std::uint8_t{0xa5});
        network.run(inputs, h, w, pointers, threads);
        CHECK(same<std::uint8_t>(out[0], sum));
        CHECK(same<std::int16_t>(out[1], head));
        CHECK(same<std::uint8_t>(out[2], fine));
        CHECK(same<std::int8_t>(out[3], depth));
    }
}

bool refused(const Program& program, const std::vector<Layer>& layers) {
    try {
        const Network network(program, layers, Kernel::scalar);
    } catch (const std::invalid_argument&) {
        return true;
    }
    return false;
}

void check_refusals() {
    test::Random random;
    const std::vector<LayerData> data{make_layer(random, 4, 3, 0, 255), make_layer(random, 4, 0, -300, 300)};
    const std::vector<Layer> layers{data[0].view(), data[1].view()};
    const std::vector<Input> inputs{{0, 3, false}};
    const auto program = [&](std::vector<Step> steps, std::vector<std::uint32_t> outputs) {
        return Program{4, inputs, std::move(outputs), std::move(steps)};
    };
    CHECK(!refused(program({{Op::conv, 1, {0}, 0}}, {1}), layers));
    CHECK(!refused(program({{Op::conv, 1, {0}, 0}, {Op::conv, 2, {1}, 1}}, {2}), layers));
    CHECK(refused(program({{Op::conv, 1, {0}, 7}}, {1}), layers));
    CHECK(refused(program({{Op::conv, 9, {0}, 0}}, {1}), layers));
    CHECK(refused(program({{Op::conv, 1, {9}, 0}}, {1}), layers));
    CHECK(refused(program({{Op::conv, 1, {2}, 0}}, {1}), layers));
    CHECK(refused(program({{Op::conv, 1, {0, 0}, 0}}, {1}), layers));
    CHECK(refused(program({{Op::conv, 1, {}, 0}}, {1}), layers));
    CHECK(refused(program({{Op::conv, 1, {0}, 1}}, {1}), layers));
    CHECK(refused(program({{Op::conv, 0, {0}, 0}}, {0}), layers));
    CHECK(refused(program({{Op::conv, 1, {0}, 0}}, {1, 1}), layers));
    CHECK(refused(program({{Op::conv, 1, {0}, 0}}, {2}), layers));
    CHECK(refused(program({{Op::conv, 1, {0}, 0}}, {}), layers));
    CHECK(refused(program({{Op::unfold, 1, {0}, 0}}, {1}), layers));
    CHECK(refused(program({{Op::cat, 1, {}, 0}}, {1}), layers));
    CHECK(refused(program({{Op::conv, 1, {0}, 0}, {Op::conv, 2, {1}, 1}, {Op::unfold, 3, {2}, 0}}, {3}), layers));
    LayerData heavy = make_layer(random, 1, 600, 0, 255);
    std::fill(heavy.weight.begin(), heavy.weight.end(), std::int8_t{-128});
    CHECK(refused(Program{2, {{0, 600, false}}, {1}, {{Op::conv, 1, {0}, 0}}}, {heavy.view()}));
}

}  // namespace

int main() {
    for (const Kernel kernel : {Kernel::scalar, Kernel::avx2, Kernel::vnni, Kernel::amx}) {
        if (!kernel_available(kernel)) continue;
        for (const std::uint32_t c : {1u, 3u, 16u, 33u, 64u, 96u}) {
            check_context(kernel, c, 1, 1, 1);
            check_context(kernel, c, 1, 7, 1);
            check_context(kernel, c, 5, 3, 2);
            check_context(kernel, c, 13, 17, 1);
        }
        check_context(kernel, 64, 24, 31, 3);
    }
    check_refusals();
    return test::finish("intnet");
}
