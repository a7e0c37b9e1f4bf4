// Where contexts start: generalized Gaussians as integer tables, the same on every machine.
//
// A level is a value of density exp(-|x / s|^b), b the shape, rounded to an integer. With the tail
// mass as a function of x / E|x|, every bin of a binarization has a prior at any expected magnitude.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "pauca/levels.hpp"
#include "pauca/rates.hpp"

namespace pauca::levels {

namespace prior {

inline constexpr std::uint32_t kSteps = 4;    // table steps per unit of u
inline constexpr std::uint32_t kReach = 64;   // the last step; beyond it the slope stays
inline constexpr std::uint32_t kUnit = 2048;  // of the tabulated logarithms, per bit

// -log2 P(|x| > u E|x|) = -log2 Q(1/b, (u G(2/b) / G(1/b))^b), at most 31 bits, for
// b = 0.4, 0.6, 0.8, 1, 1.4, 2, 3.2, 8; Q is the regularized upper incomplete gamma function.
inline constexpr std::array<std::array<std::uint16_t, kReach + 1>, kPriors> kSurvival{{
    {0, 1509, 2439, 3192, 3842, 4422, 4952, 5443, 5901, 6333, 6742, 7132, 7504, 7862, 8207, 8539, 8861,
     9172, 9474, 9768, 10055, 10334, 10606, 10872, 11132, 11387, 11636, 11881, 12120, 12356, 12587, 12814, 13037, 13257,
     13474, 13687, 13896, 14103, 14307, 14508, 14706, 14902, 15095, 15286, 15474, 15660, 15844, 16026, 16206, 16383, 16559,
     16733, 16905, 17076, 17244, 17411, 17577, 17740, 17903, 18063, 18223, 18380, 18537, 18692, 18846},
    {0, 1084, 1939, 2696, 3390, 4037, 4648, 5230, 5788, 6325, 6844, 7346, 7835, 8310, 8774, 9227, 9671,
     10105, 10531, 10949, 11359, 11763, 12160, 12551, 12937, 13317, 13692, 14061, 14427, 14787, 15143, 15496, 15844, 16188,
     16529, 16866, 17200, 17531, 17858, 18183, 18504, 18823, 19139, 19452, 19763, 20071, 20376, 20680, 20981, 21279, 21576,
     21870, 22163, 22453, 22741, 23028, 23312, 23595, 23876, 24155, 24432, 24708, 24982, 25254, 25525},
    {0, 867, 1658, 2408, 3129, 3828, 4507, 5171, 5822, 6460, 7088, 7707, 8316, 8918, 9512, 10099, 10680,
     11255, 11825, 12389, 12948, 13503, 14053, 14599, 15140, 15678, 16212, 16743, 17270, 17794, 18314, 18832, 19347, 19859,
     20368, 20874, 21378, 21879, 22378, 22875, 23369, 23861, 24351, 24839, 25325, 25809, 26290, 26770, 27248, 27725, 28199,
     28672, 29143, 29612, 30080, 30546, 31011, 31474, 31935, 32395, 32854, 33311, 33767, 34222, 34675},
    {0, 739, 1477, 2216, 2955, 3693, 4432, 5171, 5909, 6648, 7387, 8125, 8864, 9603, 10341, 11080, 11819,
     12557, 13296, 14035, 14773, 15512, 16251, 16989, 17728, 18466, 19205, 19944, 20682, 21421, 22160, 22898, 23637, 24376,
     25114, 25853, 26592, 27330, 28069, 28808, 29546, 30285, 31024, 31762, 32501, 33240, 33978, 34717, 35456, 36194, 36933,
     37672, 38410, 39149, 39888, 40626, 41365, 42104, 42842, 43581, 44320, 45058, 45797, 46536, 47274},
    {0, 600, 1261, 1972, 2728, 3525, 4361, 5233, 6139, 7077, 8046, 9045, 10071, 11125, 12206, 13311, 14442,
     15596, 16773, 17974, 19196, 20439, 21704, 22989, 24294, 25619, 26962, 28325, 29706, 31105, 32522, 33956, 35408, 36876,
     38361, 39863, 41380, 42913, 44462, 46026, 47605, 49200, 50809, 52432, 54070, 55722, 57388, 59068, 60762, 62469, 63488,
     63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488},
    {0, 508, 1097, 1769, 2529, 3380, 4325, 5367, 6507, 7749, 9093, 10541, 12095, 13755, 15522, 17399, 19384,
     21479, 23685, 26002, 28430, 30971, 33624, 36390, 39269, 42261, 45367, 48587, 51922, 55370, 58933, 62611, 63488, 63488,
     63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488,
     63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488},
    {0, 444, 965, 1583, 2325, 3220, 4301, 5606, 7177, 9056, 11292, 13933, 17030, 20637, 24807, 29596, 35060,
     41255, 48239, 56071, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488,
     63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488,
     63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488},
    {0, 404, 872, 1428, 2113, 2999, 4221, 6044, 8991, 14080, 23224, 39803, 63488, 63488, 63488, 63488, 63488,
     63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488,
     63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488,
     63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488, 63488}
}};

inline constexpr std::array<std::uint16_t, 257> kExp2 = [] {  // 2^(15 - i / 256)
    std::array<std::uint16_t, 257> table{};
    std::uint32_t k = 256;  // walks down kLog2, whose inverse this is
    for (std::uint32_t i = 0; i <= 256; ++i) {
        const std::uint32_t log = kOneBit - i * (kOneBit / 256);
        while (k > 0 && kLog2[k - 1] >= log) --k;
        const std::uint32_t below = k == 0 ? 0 : k - 1;
        const std::uint32_t rest = (log - kLog2[below]) * 64 / (kLog2[below + 1] - kLog2[below]);
        table[i] = static_cast<std::uint16_t>(16384 + below * 64 + rest);
    }
    return table;
}();

// 2^(-bits / kUnit) of 65536, at least 1.
constexpr std::uint32_t exp2_of(std::uint32_t bits) {
    const std::uint32_t whole = bits / kUnit;
    return whole > 15 ? 1 : std::uint32_t{kExp2[bits % kUnit / (kUnit / 256)]} * 2 >> whole;
}

}  // namespace prior

// -log2 P(|x| > u E|x|), u in 1/65536, in 1/2048 bit.
constexpr std::uint32_t survival(std::uint32_t shape, std::uint64_t u) {
    const auto& table = prior::kSurvival[shape];
    const std::uint64_t step = 65536 / prior::kSteps;
    const std::uint64_t i = std::min<std::uint64_t>(u / step, prior::kReach - 1);
    const std::uint64_t rest = std::min<std::uint64_t>(u - i * step, 4096 * step);
    return static_cast<std::uint32_t>(table[i] + (table[i + 1] - table[i]) * rest / step);
}

// The continuous mean magnitude E|x| behind a mean level E|k|, both in 1/65536: rounding matters
// only below one.
constexpr std::uint32_t continuous_mean(std::uint32_t shape, std::uint32_t mean) {
    if (mean >= 65536) return mean;
    std::uint32_t low = 1u << 10, high = 1u << 17;
    while (high - low > high / 64) {
        const std::uint32_t middle = (low + high) / 2;
        std::uint64_t sum = 0;
        for (std::uint64_t i = 0; i < 24; ++i) {
            sum += prior::exp2_of(survival(shape, ((2 * i + 1) << 31) / middle));
        }
        (sum < mean ? low : high) = middle;
    }
    return low;
}

// P(|x| > b | |x| > a) of 65536, thresholds in half levels, kept away from certainty.
constexpr std::uint32_t continues(std::uint32_t shape, std::uint32_t mean, std::uint64_t a, std::uint64_t b) {
    const std::uint64_t scale = std::uint64_t{1} << 31;
    const std::uint32_t bits = survival(shape, b * scale / mean) - survival(shape, a * scale / mean);
    return std::clamp<std::uint32_t>(prior::exp2_of(bits), 200, 65336);
}

}  // namespace pauca::levels
