// Any bytes as a rANS stream: no access outside it, and the same answer on every path.
#include <cstdlib>
#include <cstring>

#include "table_set.hpp"

using namespace pauca;

namespace {

constexpr std::size_t kSymbols = 3000;

struct Outcome {
    Status status;
    std::vector<std::int16_t> symbols;
};

Outcome run(const test::TableSet& set, const std::vector<std::uint8_t>& stream,
            const std::vector<std::uint8_t>& indexes, rans::Path path) {
    Outcome outcome{Status::ok, std::vector<std::int16_t>(indexes.size(), 0)};
    rans::Decoder decoder;
    outcome.status = rans::open(decoder, stream);
    if (outcome.status != Status::ok) return outcome;
    outcome.status = rans::decode(decoder, set.view(), indexes, outcome.symbols, path);
    if (outcome.status == Status::ok) outcome.status = rans::finish(decoder);
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const test::TableSet set = test::sample_tables();
    if (size < 2) return 0;
    std::vector<std::uint8_t> indexes(kSymbols);
    for (std::size_t i = 0; i < kSymbols; ++i) indexes[i] = static_cast<std::uint8_t>((data[0] + i * data[1]) % 5);
    std::vector<std::uint8_t> stream(data + 2, data + size);
    // Valid heads are rare by chance: make one, for a number of lanes that data[0] picks.
    const std::size_t lanes = std::size_t{1} << data[0] % 6;
    for (std::size_t lane = 0; data[1] % 8 != 0 && lane < lanes && 4 * lane + 4 <= stream.size(); ++lane) {
        stream[4 * lane + 2] |= 0x10;
        const int top = lane == 0 ? (data[0] % 6) << 4 : 0;
        stream[4 * lane + 3] = static_cast<std::uint8_t>((stream[4 * lane + 3] & 15) | top);
    }
    const Outcome scalar = run(set, stream, indexes, rans::Path::scalar);
    for (const rans::Path path : {rans::Path::avx2, rans::Path::avx512}) {
        if (!rans::path_available(path)) continue;
        const Outcome other = run(set, stream, indexes, path);
        if (other.status != scalar.status) std::abort();
        if (scalar.status == Status::bad_final && other.symbols != scalar.symbols) std::abort();
    }
    return 0;
}
