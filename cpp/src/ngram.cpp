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

// Maxima and eighths of the sums over positions, of kLanes channels from `first` on.
PAUCA_CLONES void pool(const Rows* rows, std::size_t tables, std::uint32_t positions, std::uint32_t first,
                       const std::int16_t* bias, std::int32_t* maxima, std::int32_t* sums) {
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
        }
    }
    for (std::uint32_t i = 0; i < kLanes; ++i) {
        maxima[i] = highest[i];
        sums[i] = total[i] >> kSumShift;
    }
}

inline std::int32_t product(const std::int8_t* __restrict weight, const std::int32_t* __restrict x, std::uint32_t n) {
    std::int32_t sum = 0;
    for (std::uint32_t i = 0; i < n; ++i) sum += weight[i] * x[i];
    return sum;
}

PAUCA_CLONES std::int64_t dense(const Network& network, const std::int32_t* features) {
    std::int64_t out = network.second_bias;
    const std::uint32_t n = 2 * network.channels;
    for (std::uint32_t h = 0; h < network.hidden; ++h) {
        const std::int32_t sum = network.first_bias[h] + product(network.first + std::size_t{h} * n, features, n);
        if (sum > 0) out += std::int64_t{sum} * network.second[h];
    }
    return out;
}

}  // namespace

void run(const Network& network, const std::uint8_t* codes, std::span<const std::int64_t> starts, std::int64_t* out) {
    std::array<Rows, kMaxTables> rows;
    std::array<std::int32_t, 2 * kMaxChannels> features;
    for (std::size_t name = 0; name + 1 < starts.size(); ++name) {
        const auto size = static_cast<std::uint32_t>(starts[name + 1] - starts[name]);
        Padded padded{};
        std::copy_n(codes + starts[name], size, padded.begin() + 1);
        for (std::size_t k = 0; k < network.tables.size(); ++k)
            find_rows(network.tables[k], network.channels, padded, size + 1, rows[k]);
        for (std::uint32_t c = 0; c < network.channels; c += kLanes)
            pool(rows.data(), network.tables.size(), size + 1, c, network.bias + c, features.data() + c,
                 features.data() + network.channels + c);
        out[name] = dense(network, features.data());
    }
}

}  // namespace pauca::ngram
