// Borders and extremes of the super-resolution kernels; the sanitizers watch every access.
#include <cstdint>
#include <vector>

#include "check.hpp"
#include "pauca/upscale.hpp"

namespace {

using namespace pauca;

std::vector<std::int16_t> interpolated(const std::vector<std::int16_t>& plane, std::size_t h, std::size_t w,
                                       std::size_t scale, std::size_t fold, const std::int16_t* residual) {
    std::vector<std::int16_t> out(h * w * scale * scale);
    std::vector<std::int32_t> work(upscale::work_size(w, scale));
    upscale::interpolate(plane.data(), h, w, scale, fold, residual, out.data(), work.data());
    return out;
}

void flat_stays_flat() {
    for (const std::size_t scale : {2, 4})
        for (const std::size_t h : {1, 2, 5})
            for (const std::size_t w : {1, 3, 40})
                for (const std::int16_t v : {0, 1, 1600, 4095})
                    for (const std::int16_t got : interpolated(std::vector<std::int16_t>(h * w, v), h, w, scale, 1, nullptr))
                        CHECK(got == v);
}

void extremes_are_clamped() {
    for (const std::int16_t v : {INT16_MIN, INT16_MAX}) {
        std::vector<std::int16_t> plane(6 * 6);
        for (std::size_t i = 0; i < plane.size(); ++i) plane[i] = (i + i / 6) % 2 ? v : static_cast<std::int16_t>(-(v + 1));
        for (const std::int16_t got : interpolated(plane, 6, 6, 4, 2, nullptr)) CHECK(got >= 0 && got <= 4095);
    }
}

void residuals_land_on_their_pixels() {
    const std::vector<std::int16_t> plane(4 * 6, 1000);
    std::vector<std::int16_t> residual(2 * 3 * 16);
    for (std::size_t i = 0; i < residual.size(); ++i) residual[i] = static_cast<std::int16_t>(i);
    const auto out = interpolated(plane, 4, 6, 2, 2, residual.data());
    for (std::size_t y = 0; y < 8; ++y)
        for (std::size_t x = 0; x < 12; ++x) {
            const std::size_t cell = (y / 4) * 3 + x / 4;
            CHECK(out[y * 12 + x] == static_cast<std::int16_t>(1000 + cell * 16 + (y % 4) * 4 + x % 4));
        }
}

void windows_repeat_the_border() {
    const std::vector<std::int16_t> plane{16 * 10, 16 * 20, 16 * 30, 16 * 40};
    std::vector<std::int8_t> out(16);
    upscale::windows(plane.data(), 2, 2, 2, 1, out.data());
    const int expected[16] = {10, 10, 20, 20, 10, 10, 20, 20, 30, 30, 40, 40, 30, 30, 40, 40};
    for (std::size_t i = 0; i < 16; ++i) CHECK(out[i] == expected[i] - 128);
    const std::vector<std::int16_t> wild{INT16_MIN, INT16_MAX};
    std::vector<std::int8_t> two(2 * 17 * 17);
    upscale::windows(wild.data(), 1, 2, 1, 8, two.data());
    CHECK(two.front() == -128 && two.back() == 127);
}

}  // namespace

int main() {
    flat_stays_flat();
    extremes_are_clamped();
    residuals_land_on_their_pixels();
    windows_repeat_the_border();
    return test::finish("upscale");
}
