// Any bytes as a band of levels, for each coder and any parameters: no access outside, an end.
#include <memory>
#include <vector>

#include "levels_cabac.hpp"
#include "levels_mix.hpp"

using namespace pauca;
using namespace pauca::levels;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 5) return 0;
    static const auto mix = std::make_unique<MixModel>();
    static const auto cabac = std::make_unique<CabacModel>();
    const Shape shape{data[0] % (kMaxGreater + 1), data[1] % (kMaxOrder + 1), data[2] % kPriors,
                      data[3] % kScales, data[4] % kPaces};
    const std::size_t width = 1 + data[4] % 200, rows = 1 + 400 / width;
    std::vector<Column> columns(width);
    std::vector<std::int32_t> levels(rows * width);
    const Band band{rows, width, columns, shape};
    const std::vector<std::uint8_t> stream(data + 5, data + size);
    decode_mix(stream, band, *mix, levels);
    decode_cabac(stream, band, *cabac, levels);
    static StaticWorkspace work(band, false);  // the big arrays do not depend on the band
    work.indexes.resize(width);
    work.symbols.resize(width);
    work.offsets.resize(rows);
    decode_static(stream, band, work, levels);
    // Whole side streams are rare by chance: give this one an honest length.
    const std::size_t half = stream.size() / 2;
    std::vector<std::uint8_t> framed{static_cast<std::uint8_t>(half), static_cast<std::uint8_t>(half >> 8), 0, 0};
    framed.insert(framed.end(), stream.begin(), stream.end());
    decode_static(framed, band, work, levels);
    return 0;
}
