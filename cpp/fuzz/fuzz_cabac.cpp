// Any bytes as a stream of either arithmetic coder, as bins and as values of each binarization.
#include <vector>

#include "pauca/bins.hpp"

using namespace pauca;
using namespace pauca::cabac;

namespace {

constexpr std::size_t kCount = 500;
const std::vector<Code> kTable{{0b0, 1}, {0b100, 3}, {0b11, 2}};  // incomplete on purpose

template <class Decoder>
void run(std::span<const std::uint8_t> stream, const Scheme& scheme, std::uint8_t step) {
    std::vector<typename Decoder::Context> contexts(4);
    std::vector<std::int32_t> values(kCount);
    decode_values<Decoder>(stream, scheme, contexts, values);
    std::vector<std::uint16_t> ids(kCount);
    for (std::size_t i = 0; i < kCount; ++i) {
        const std::size_t id = i * step % 5;
        ids[i] = id == 4 ? kBypass : static_cast<std::uint16_t>(id);
    }
    contexts.assign(4, {});
    std::vector<std::uint8_t> bins(kCount);
    decode_bins<Decoder>(stream, ids, contexts, bins);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 3) return 0;
    Scheme scheme;
    scheme.kind = static_cast<Kind>(data[0] % 8);
    scheme.order = data[1] % 17;
    scheme.bits = data[1] % 12;
    scheme.c_max = data[2];
    scheme.codes = kTable;
    const std::span<const std::uint8_t> stream(data + 3, size - 3);
    run<RangeDecoder>(stream, scheme, data[2]);
    run<StateDecoder>(stream, scheme, data[2]);
    return 0;
}
