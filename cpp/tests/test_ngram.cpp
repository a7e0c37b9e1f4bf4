// The n-gram kernel against a plain twin, at every length; the sanitizers watch every access.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "check.hpp"
#include "pauca/ngram.hpp"

namespace {

using namespace pauca;

struct Sizes {
    std::uint32_t channels, hidden, bits;
    std::vector<std::uint32_t> orders;
    std::uint32_t mixed = 0;
};

std::uint32_t next(std::uint32_t& state) { return state = state * 1664525u + 1013904223u; }

template <typename T>
std::vector<T> drawn(std::size_t n, std::uint32_t& state, std::int32_t reach) {
    std::vector<T> values(n);
    for (T& v : values) v = static_cast<T>(static_cast<std::int32_t>((next(state) >> 8) % (2u * reach + 1u)) - reach);
    return values;
}

std::int64_t plain(const ngram::Network& network, const std::vector<std::uint8_t>& codes) {
    const std::size_t channels = network.channels, mixed = network.mixed, inputs = 2 * (channels + mixed);
    std::vector<std::int64_t> features(inputs);
    std::vector<std::int64_t> window((codes.size() + 3) * channels);
    for (std::size_t t = 0; t <= codes.size(); ++t) {
        std::vector<std::int64_t> z(network.bias, network.bias + channels);
        for (const ngram::Table& table : network.tables) {
            std::uint64_t value = 0;
            for (std::size_t k = 0; k < table.order; ++k) {
                const std::size_t at = t + k;  // position 0 lies before the string
                value = value * 40 + (at >= 1 && at <= codes.size() ? codes[at - 1] : 0);
            }
            if (table.bits != 0) value = ((value * 2654435761u) & 0xFFFFFFFFu) >> (32 - table.bits);
            for (std::size_t c = 0; c < channels; ++c) z[c] += table.rows[value * channels + c];
        }
        for (std::size_t c = 0; c < channels; ++c) {
            features[c] = std::max(features[c], std::max<std::int64_t>(z[c], 0));
            features[channels + c] += std::max<std::int64_t>(z[c], 0);
            window[(t + 1) * channels + c] = std::clamp<std::int64_t>(z[c], 0, 255);
        }
    }
    for (std::size_t c = 0; c < channels; ++c) features[channels + c] /= 8;
    for (std::size_t o = 0; o < mixed; ++o) {
        std::int64_t total = 0;
        for (std::size_t t = 0; t <= codes.size(); ++t) {
            std::int64_t sum = network.mix_bias[o];
            for (std::size_t i = 0; i < 3 * channels; ++i) sum += network.mix[o * 3 * channels + i] * window[t * channels + i];
            const std::int64_t y = sum < 0 ? 0 : std::min<std::int64_t>(sum / 128, 1023);
            features[2 * channels + o] = std::max(features[2 * channels + o], y);
            total += y;
        }
        features[2 * channels + mixed + o] = total / 8;
    }
    std::int64_t out = network.second_bias;
    for (std::size_t h = 0; h < network.hidden; ++h) {
        std::int64_t sum = network.first_bias[h];
        for (std::size_t i = 0; i < inputs; ++i) sum += network.first[h * inputs + i] * features[i];
        out += std::max<std::int64_t>(sum, 0) * network.second[h];
    }
    return out;
}

void same_as_plain(const Sizes& sizes) {
    std::uint32_t state = sizes.channels + sizes.hidden;
    std::vector<std::vector<std::int8_t>> rows;
    std::vector<ngram::Table> tables;
    for (const std::uint32_t order : sizes.orders) {
        std::size_t n = std::size_t{1} << sizes.bits;
        if (order < 3) n = order == 1 ? 40 : 1600;
        rows.push_back(drawn<std::int8_t>(n * sizes.channels, state, 127));
        tables.push_back({order, order < 3 ? 0 : sizes.bits, rows.back().data()});
    }
    const auto bias = drawn<std::int16_t>(sizes.channels, state, 1 << 14);
    const auto first = drawn<std::int8_t>(std::size_t{2} * (sizes.channels + sizes.mixed) * sizes.hidden, state, 127);
    const auto first_bias = drawn<std::int32_t>(sizes.hidden, state, 1 << 20);
    const auto second = drawn<std::int8_t>(sizes.hidden, state, 127);
    const auto mix = drawn<std::int16_t>(std::size_t{3} * sizes.channels * sizes.mixed, state, 127);
    const auto mix_bias = drawn<std::int32_t>(sizes.mixed, state, 1 << 14);
    const ngram::Network network{sizes.channels,    sizes.hidden,  tables, bias.data(),  first.data(),
                                 first_bias.data(), second.data(), -77,    sizes.mixed, mix.data(), mix_bias.data()};
    std::vector<std::uint8_t> codes;
    std::vector<std::int64_t> starts{0}, expected;
    for (std::uint32_t n = 0; n <= ngram::kMaxCodes; ++n) {
        std::vector<std::uint8_t> string(n);
        for (std::uint8_t& code : string) code = static_cast<std::uint8_t>((next(state) >> 8) % ngram::kSymbols);
        codes.insert(codes.end(), string.begin(), string.end());
        starts.push_back(static_cast<std::int64_t>(codes.size()));
        expected.push_back(plain(network, string));
    }
    std::vector<std::int64_t> out(expected.size());
    ngram::run(network, codes.data(), starts, out.data());
    CHECK(out == expected);
}

}  // namespace

int main() {
    same_as_plain({16, 1, 1, {1}});
    same_as_plain({32, 32, 13, {2, 3, 4, 5}});
    same_as_plain({64, 256, 16, {1, 2, 3, 4, 5, 6, 6, 6}});
    same_as_plain({16, 3, 5, {2, 3}, 16});
    same_as_plain({64, 32, 13, {2, 3, 4, 5}, 64});
    return test::finish("ngram");
}
