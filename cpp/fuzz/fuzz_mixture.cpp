// Any bytes as a stream of mixtures: no access outside it, and the same answer on every path.
#include <algorithm>
#include <cstdlib>

#include "curve_set.hpp"

using namespace pauca;

namespace {

constexpr std::size_t kSymbols = 300;

struct Outcome {
    Status status;
    std::vector<std::int16_t> symbols;
};

Outcome run(const test::CurveSet& set, const std::vector<std::uint8_t>& stream, const test::Mixed& mixed,
            rans::Path path) {
    Outcome outcome{Status::ok, std::vector<std::int16_t>(kSymbols, 0)};
    rans::Decoder decoder;
    outcome.status = rans::open(decoder, stream);
    if (outcome.status != Status::ok) return outcome;
    outcome.status = mixture::decode(decoder, set.view(), mixed.from(0), outcome.symbols, path);
    if (outcome.status == Status::ok) outcome.status = rans::finish(decoder);
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const test::CurveSet set = test::sample_curves();
    if (size < 2) return 0;
    test::Random random;
    random.state += data[1] / 8;
    const test::Mixed mixed = test::make_mixed(kSymbols, random);
    std::vector<std::uint8_t> stream(data + 2, data + size);
    // Valid heads are rare by chance: make one, mostly for the lanes that vectors take.
    const std::size_t log_lanes = std::min<std::size_t>(data[0] % 8, 5);
    const std::size_t heads = data[1] % 8 == 0 ? 0 : std::min(std::size_t{1} << log_lanes, stream.size() / 4);
    for (std::size_t lane = 0; lane < heads; ++lane) {
        stream[4 * lane + 2] |= 0x10;
        const std::size_t top = lane == 0 ? log_lanes << 4 : 0;
        stream[4 * lane + 3] = static_cast<std::uint8_t>((stream[4 * lane + 3] & 15) | top);
    }
    const Outcome scalar = run(set, stream, mixed, rans::Path::scalar);
    if (!rans::path_available(rans::Path::avx512)) return 0;
    const Outcome other = run(set, stream, mixed, rans::Path::avx512);
    if (other.status != scalar.status) std::abort();
    if (scalar.status == Status::bad_final && other.symbols != scalar.symbols) std::abort();
    return 0;
}
