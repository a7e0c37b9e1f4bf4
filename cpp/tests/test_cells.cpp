// Borders, odd sides and extremes of the kernels around filters; the sanitizers watch every access.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "check.hpp"
#include "pauca/cells.hpp"

namespace {

using namespace pauca;
using Samples = std::vector<std::uint8_t>;

Samples ramp(std::size_t h, std::size_t w, unsigned seed) {
    Samples out(h * w);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(i * 7 + seed);
    return out;
}

std::size_t at(std::ptrdiff_t i, std::size_t n) {
    return static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(i, 0, static_cast<std::ptrdiff_t>(n) - 1));
}

void windows_are_what_the_specification_says() {
    const std::uint8_t side[3] = {5, 0, 255};
    for (const std::size_t margin : {0, 2, 4, 8})
        for (const std::size_t h : {1, 2, 5, 12})
            for (const std::size_t w : {1, 3, 8, 37}) {
                const std::size_t ch = (h + 1) / 2, cw = (w + 1) / 2, size = cells::window_size(margin, 3);
                const Samples y = ramp(h, w, 1), u = ramp(ch, cw, 90), v = ramp(ch, cw, 200);
                const cells::Plane planes[3] = {{y.data(), h, w, w}, {u.data(), ch, cw, cw}, {v.data(), ch, cw, cw}};
                Samples out(ch * cw * size);
                cells::windows(planes, margin, side, 3, out.data());
                std::size_t k = 0;
                for (std::size_t cy = 0; cy < ch; ++cy)
                    for (std::size_t cx = 0; cx < cw; ++cx) {
                        for (const auto& p : planes) {
                            const bool luma = p.data == y.data();
                            const std::size_t fold = luma ? 2 : 1, reach = luma ? margin : margin / 2;
                            for (std::size_t i = 0; i < fold + 2 * reach; ++i)
                                for (std::size_t j = 0; j < fold + 2 * reach; ++j) {
                                    const auto row = static_cast<std::ptrdiff_t>(fold * cy + i) - static_cast<std::ptrdiff_t>(reach);
                                    const auto column = static_cast<std::ptrdiff_t>(fold * cx + j) - static_cast<std::ptrdiff_t>(reach);
                                    CHECK(out[k++] == p.data[at(row, p.height) * p.width + at(column, p.width)]);
                                }
                        }
                        for (const std::uint8_t s : side) CHECK(out[k++] == s);
                    }
                CHECK(k == out.size());
            }
}

void residuals_land_on_their_samples_and_are_clamped() {
    const std::size_t h = 3, w = 5;
    for (const std::uint8_t level : {0, 100, 255}) {
        const Samples plane(h * w, level);
        for (const int residual : {-32768, -33, -32, 0, 31, 32, 64, 32767}) {
            std::vector<std::int16_t> r(2 * 3 * 6, static_cast<std::int16_t>(residual));
            Samples out(h * w);
            cells::mend({plane.data(), h, w, w}, 2, r.data(), 6, 2, out.data());
            const int expected = std::clamp((64 * level + residual + 32) >> 6, 0, 255);
            for (const std::uint8_t got : out) CHECK(got == expected);
            const std::vector<std::int16_t> base(h * w, static_cast<std::int16_t>(16 * level));
            cells::mend(base.data(), h, w, 2, r.data(), 6, 1, out.data());
            for (const std::uint8_t got : out) CHECK(got == expected);
        }
    }
    std::vector<std::int16_t> r(2 * 3 * 6);
    for (std::size_t i = 0; i < r.size(); ++i) r[i] = static_cast<std::int16_t>(64 * i);
    const Samples plane(h * w, 10);
    Samples out(h * w);
    cells::mend({plane.data(), h, w, w}, 2, r.data(), 6, 2, out.data());
    for (std::size_t y = 0; y < h; ++y)
        for (std::size_t x = 0; x < w; ++x)
            CHECK(out[y * w + x] == 10 + ((y / 2) * 3 + x / 2) * 6 + 2 + (y % 2) * 2 + x % 2);
}

}  // namespace

int main() {
    windows_are_what_the_specification_says();
    residuals_land_on_their_samples_and_are_clamped();
    return test::finish("cells");
}
