#include "pauca/ngram.hpp"

#include <algorithm>
#include <array>

#include "clones.hpp"

namespace pauca::ngram {

namespace {

constexpr std::uint32_t kPositions = kMaxCodes + 1;  // one n-gram begins before the string
constexpr std::uint32_t kHash = 2654435761u;         // Knuth: 2^32 over the golden ratio

using Padded = std::array<std::uint8_t, 1 + kMaxCodes + kMaxOrder>;
using Rows = std::array<const std::int8_t*, kPositions>;

PAUCA_CLONES void find_rows(const Table& table, std::uint32_t channels, const Padded& codes, std::uint32_t positions, Rows& rows) {
    for (std::uint32_t t = 0; t < positions; ++t) {
        std::uint32_t value = codes[t];
        for (std::uint32_t k = 1; k < table.order; ++k) value = value * kSymbols + codes[t + k];
        if (table.bits != 0) value = (value * kHash) >> (32 - table.bits);
        rows[t] = table.rows + std::size_t{value} * channels;
    }
}

// What the convolution sees: y up to 255 of each position, between a row of zeros at either end.
struct Window {
    std::array<std::int16_t, std::size_t{kPositions + 2} * kMaxChannels> y;
    std::uint32_t channels;

    std::int16_t* row(std::uint32_t t) { return y.data() + std::size_t{t} * channels; }
};

// Maxima and eighths of the sums over positions, of kLanes channels from `first` on; y to `window` if there is one.
PAUCA_CLONES void pool(const Rows* rows, std::size_t tables, std::uint32_t positions, std::uint32_t first,
                       const std::int16_t* bias, std::int32_t* maxima, std::int32_t* sums, Window* window) {
    std::int16_t highest[kLanes] = {};
    std::int32_t total[kLanes] = {};
    for (std::uint32_t t = 0; t < positions; ++t) {
        std::int16_t z[kLanes];
        for (std::uint32_t i = 0; i < kLanes; ++i) z[i] = bias[i];
        for (std::size_t k = 0; k < tables; ++k) {
            const std::int8_t* row = rows[k][t] + first;
            for (std::uint32_t i = 0; i < kLanes; ++i) z[i] = static_cast<std::int16_t>(z[i] + row[i]);
        }
        for (std::uint32_t i = 0; i < kLanes; ++i) {
            const std::int16_t y = z[i] > 0 ? z[i] : std::int16_t{0};
            highest[i] = std::max(highest[i], y);
            total[i] += y;
            z[i] = std::min(y, std::int16_t{255});
        }
        if (window != nullptr) std::copy_n(z, kLanes, window->row(t + 1) + first);
    }
    for (std::uint32_t i = 0; i < kLanes; ++i) {
        maxima[i] = highest[i];
        sums[i] = total[i] >> kSumShift;
    }
}

inline std::int32_t window_product(const std::int16_t* __restrict weight, const std::int16_t* __restrict x, std::uint32_t n) {
    std::int32_t sum = 0;
    for (std::uint32_t i = 0; i < n; ++i) sum += std::int32_t{weight[i]} * std::int32_t{x[i]};
    return sum;
}

// The convolution at every position, rectified, and pooled as `pool` does.
PAUCA_CLONES void mix(const Network& network, Window& window, std::uint32_t positions, std::int32_t* maxima,
                      std::int32_t* sums) {
    const std::uint32_t n = 3 * network.channels;
    std::fill_n(window.row(0), network.channels, std::int16_t{0});
    std::fill_n(window.row(positions + 1), network.channels, std::int16_t{0});
    for (std::uint32_t o = 0; o < network.mixed; ++o) {
        std::int32_t highest = 0, total = 0;
        for (std::uint32_t t = 0; t < positions; ++t) {
            const std::int32_t sum = network.mix_bias[o] + window_product(network.mix + std::size_t{o} * n, window.row(t), n);
            const std::int32_t y = std::clamp(sum >> kMixShift, 0, kMixedMax);
            highest = std::max(highest, y);
            total += y;
        }
        maxima[o] = highest;
        sums[o] = total >> kSumShift;
    }
}

inline std::int32_t product(const std::int8_t* __restrict weight, const std::int32_t* __restrict x, std::uint32_t n) {
    std::int32_t sum = 0;
    for (std::uint32_t i = 0; i < n; ++i) sum += weight[i] * x[i];
    return sum;
}

PAUCA_CLONES std::int64_t dense(const Network& network, const std::int32_t* features) {
    std::int64_t out = network.second_bias;
    const std::uint32_t n = 2 * (network.channels + network.mixed);
    for (std::uint32_t h = 0; h < network.hidden; ++h) {
        const std::int32_t sum = network.first_bias[h] + product(network.first + std::size_t{h} * n, features, n);
        if (sum > 0) out += std::int64_t{sum} * network.second[h];
    }
    return out;
}

}  // namespace

void run(const Network& network, const std::uint8_t* codes, std::span<const std::int64_t> starts, std::int64_t* out) {
    std::array<Rows, kMaxTables> rows;
    std::array<std::int32_t, 4 * kMaxChannels> features;
    Window window{};
    window.channels = network.channels;
    for (std::size_t name = 0; name + 1 < starts.size(); ++name) {
        const auto size = static_cast<std::uint32_t>(starts[name + 1] - starts[name]);
        Padded padded{};
        std::copy_n(codes + starts[name], size, padded.begin() + 1);
        for (std::size_t k = 0; k < network.tables.size(); ++k)
            find_rows(network.tables[k], network.channels, padded, size + 1, rows[k]);
        for (std::uint32_t c = 0; c < network.channels; c += kLanes)
            pool(rows.data(), network.tables.size(), size + 1, c, network.bias + c, features.data() + c,
                 features.data() + network.channels + c, network.mixed != 0 ? &window : nullptr);
        std::int32_t* pooled = features.data() + 2 * network.channels;
        if (network.mixed != 0) mix(network, window, size + 1, pooled, pooled + network.mixed);
        out[name] = dense(network, features.data());
    }
}

}  // namespace pauca::ngram
