// Wavelet and level kernels against their definitions written sample by sample.
#include "pauca/lifting.hpp"

#include <algorithm>
#include <vector>

#include "check.hpp"
#include "pauca/level.hpp"

namespace {

using Integers = std::vector<std::int32_t>;

Integers random_integers(test::Random& random, std::size_t n, std::int32_t reach) {
    Integers values(n);
    for (auto& v : values) {
        v = static_cast<std::int32_t>(random.next());
        if (reach != 0) v %= reach;
    }
    return values;
}

std::int32_t step(std::int32_t base, std::int32_t k, std::int32_t a, std::int32_t b) {
    const std::uint32_t product = static_cast<std::uint32_t>(k) * (static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
    const std::int32_t change = static_cast<std::int32_t>(product + 2048) >> 12;
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(base) - static_cast<std::uint32_t>(change));
}

// Low and high halves of a line to the line.
Integers merge_line(Integers s, Integers h) {
    const std::size_t n = s.size();
    for (const std::size_t which : {3u, 2u, 1u, 0u}) {
        Integers& out = which % 2 == 1 ? s : h;
        const Integers& from = which % 2 == 1 ? h : s;
        const Integers before = out;
        for (std::size_t i = 0; i < n; ++i) {
            const std::size_t other = which % 2 == 1 ? (i == 0 ? 0 : i - 1) : std::min(i + 1, n - 1);
            out[i] = step(before[i], pauca::lifting::kLift[which], from[i], from[other]);
        }
    }
    Integers line;
    for (std::size_t i = 0; i < n; ++i) line.push_back(s[i]), line.push_back(h[i]);
    return line;
}

Integers column(const std::int32_t* band, std::size_t h, std::size_t w, std::size_t x) {
    Integers values;
    for (std::size_t y = 0; y < h; ++y) values.push_back(band[y * w + x]);
    return values;
}

// The same by the 2/6 wavelet.
Integers merge_line_box(Integers s, Integers h) {
    const std::size_t n = s.size();
    Integers line;
    for (std::size_t i = 0; i < n; ++i) {
        const auto at = [&](std::size_t k) { return static_cast<std::uint32_t>(s[k]); };
        const auto slope = static_cast<std::int32_t>(at(std::min(i + 1, n - 1)) - at(i == 0 ? 0 : i - 1) + 2) >> 2;
        const std::uint32_t d = static_cast<std::uint32_t>(h[i]) + static_cast<std::uint32_t>(slope);
        const std::uint32_t even = at(i) - static_cast<std::uint32_t>(static_cast<std::int32_t>(d + at(i) % 2) >> 1);
        line.push_back(static_cast<std::int32_t>(even)), line.push_back(static_cast<std::int32_t>(even + d));
    }
    return line;
}

using Merge = Integers (*)(Integers, Integers);

Integers synthesis(const std::int32_t* low, const std::int32_t* details, std::size_t h, std::size_t w, Merge merge) {
    std::vector<Integers> low_w, high_w;  // per column
    for (std::size_t x = 0; x < w; ++x) {
        low_w.push_back(merge(column(low, h, w, x), column(details + h * w, h, w, x)));
        high_w.push_back(merge(column(details, h, w, x), column(details + 2 * h * w, h, w, x)));
    }
    Integers planes;
    for (std::size_t y = 0; y < 2 * h; ++y) {
        Integers s, d;
        for (std::size_t x = 0; x < w; ++x) s.push_back(low_w[x][y]), d.push_back(high_w[x][y]);
        const Integers line = merge(s, d);
        planes.insert(planes.end(), line.begin(), line.end());
    }
    return planes;
}

void check_wavelet(std::size_t h, std::size_t w, std::int32_t reach, bool box) {
    test::Random random;
    const Integers low = random_integers(random, 2 * h * w, reach), details = random_integers(random, 6 * h * w, reach);
    Integers planes(8 * h * w), work(pauca::lifting::work_size(w));
    const auto join = box ? pauca::lifting::synthesis_level_box : pauca::lifting::synthesis_level;
    join(low.data(), details.data(), 2, h, w, planes.data(), work.data());
    for (std::size_t c = 0; c < 2; ++c) {
        const Merge merge = box ? merge_line_box : merge_line;
        const Integers expected = synthesis(low.data() + c * h * w, details.data() + 3 * c * h * w, h, w, merge);
        CHECK(std::equal(expected.begin(), expected.end(), planes.begin() + static_cast<std::ptrdiff_t>(c * 4 * h * w)));
    }
    if (reach == 0) return;
    // The float analysis of an integer synthesis gives the bands back within the rounding of the steps.
    const std::vector<float> x(planes.begin(), planes.end());
    std::vector<float> x_low(2 * h * w), x_details(6 * h * w), x_work(pauca::lifting::work_size(w));
    const auto split = box ? pauca::lifting::analysis_level_box : pauca::lifting::analysis_level;
    split(x.data(), 2, h, w, x_low.data(), x_details.data(), x_work.data());
    const auto near = [](std::int32_t a, float b) { return b - static_cast<float>(a) < 16 && static_cast<float>(a) - b < 16; };
    CHECK(std::equal(low.begin(), low.end(), x_low.begin(), near));
    CHECK(std::equal(details.begin(), details.end(), x_details.begin(), near));
}

void check_differences(std::size_t h, std::size_t w, std::int32_t reach) {
    test::Random random;
    const Integers low = random_integers(random, 12 * h * w, reach);
    std::vector<std::int8_t> table, out(36 * h * w);
    for (std::size_t i = 0; i < 2048; ++i) table.push_back(static_cast<std::int8_t>(i / 17));
    Integers work(2 * w);
    const std::int32_t reciprocal = 3000;
    pauca::level::differences(low.data(), h, w, reciprocal, table.data(), out.data(), work.data());
    const auto at = [&](std::size_t c, std::ptrdiff_t y, std::ptrdiff_t x) {
        const auto yy = static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(y, 0, static_cast<std::ptrdiff_t>(2 * h) - 1));
        const auto xx = static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(x, 0, static_cast<std::ptrdiff_t>(2 * w) - 1));
        return static_cast<std::uint32_t>(low[(c * 2 * h + yy) * 2 * w + xx]);
    };
    bool same = true;
    for (std::size_t i = 0; i < out.size(); ++i) {
        const std::size_t cell = i / 36, channel = i % 36, c = channel / 4 % 3, phase = channel % 4;
        const auto y = static_cast<std::ptrdiff_t>(2 * (cell / w) + phase / 2), x = static_cast<std::ptrdiff_t>(2 * (cell % w) + phase % 2);
        const std::uint32_t dx = at(c, y, x + 1) - at(c, y, x - 1), dy = at(c, y + 1, x) - at(c, y - 1, x);
        const std::uint32_t cross = 4 * at(c, y, x) - at(c, y, x + 1) - at(c, y, x - 1) - at(c, y + 1, x) - at(c, y - 1, x);
        const std::uint32_t raw = channel / 12 == 0 ? dx : channel / 12 == 1 ? dy : cross;
        const std::int32_t n = (std::clamp(static_cast<std::int32_t>(raw), -8192, 8192) * reciprocal + 16384) >> 15;
        const int magnitude = table[static_cast<std::size_t>(std::min(n < 0 ? -n : n, 2047))];
        same = same && out[i] == (n < 0 ? -magnitude : magnitude);
    }
    CHECK(same);
}

void check_dequantize(std::size_t h, std::size_t w) {
    test::Random random;
    // The phase of the cell that each pass codes, by band: the format's table, not the kernel's inverse.
    constexpr std::size_t kOrder[3][4] = {{0, 3, 1, 2}, {3, 0, 2, 1}, {1, 2, 0, 3}};
    const Integers a = random_integers(random, 12 * h * w, 0);  // four passes, one after the other
    const Integers c = random_integers(random, 24 * h * w, 40000), steps = random_integers(random, 9, 0);
    Integers details(36 * h * w);
    const std::int32_t* passes[4] = {a.data(), a.data() + 3 * h * w, a.data() + 6 * h * w, a.data() + 9 * h * w};
    pauca::level::dequantize(passes, c.data(), steps.data(), h, w, details.data());
    bool same = true;
    for (std::size_t i = 0; i < details.size(); ++i) {
        const std::size_t x = i % (2 * w), y = i / (2 * w) % (2 * h), band = i / (4 * h * w) % 3, colour = i / (12 * h * w);
        const std::size_t phase = 2 * (y % 2) + x % 2, cell = y / 2 * w + x / 2;
        const std::size_t pass = static_cast<std::size_t>(std::find(kOrder[band], kOrder[band] + 4, phase) - kOrder[band]);
        const std::int32_t value =
            colour > 0 ? c[cell * 24 + (colour - 1) * 12 + band * 4 + phase] : a[3 * (pass * h * w + cell) + band];
        const std::int64_t wide = (std::int64_t{value} * steps[colour * 3 + band] + 128) >> 8;
        same = same && details[i] == std::clamp<std::int64_t>(wide, -(1 << 20), 1 << 20);
    }
    CHECK(same);
}

}  // namespace

int main() {
    const std::size_t sizes[][2] = {{1, 1}, {1, 7}, {5, 3}, {2, 1}, {2, 2}, {3, 37}, {16, 16}};
    for (const auto& size : sizes) {
        for (const bool box : {false, true}) {
            check_wavelet(size[0], size[1], 0, box);
            check_wavelet(size[0], size[1], 4000, box);
        }
        check_differences(size[0], size[1], 0);
        check_differences(size[0], size[1], 4000);
        check_dequantize(size[0], size[1]);
    }
    return test::finish("lifting");
}
