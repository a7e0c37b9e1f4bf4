#include <string>
#include <vector>

#include "check.hpp"
#include "pauca/bins.hpp"

using namespace pauca;
using namespace pauca::cabac;

namespace {

const std::vector<Code> kTable{{0b0, 1}, {0b100, 3}, {0b101, 3}, {0b11, 2}};

std::string bins_of(std::int32_t value, const Scheme& scheme) {
    std::vector<std::uint8_t> kept(200);
    BinCounter sink{kept};
    put_value(sink, value, scheme);
    std::string text;
    for (std::size_t i = 0; i < sink.count; ++i) text += kept[i] != 0 ? '1' : '0';
    return text;
}

// Bin strings as H.264 prints them (Tables 9-35, 9-37 and the text of 9.3.2).
void strings_of_the_standard() {
    CHECK(bins_of(0, {Kind::unary}) == "0");
    CHECK(bins_of(3, {Kind::unary}) == "1110");
    CHECK(bins_of(2, {Kind::truncated_unary, 0, 3}) == "110");
    CHECK(bins_of(3, {Kind::truncated_unary, 0, 3}) == "111");
    CHECK(bins_of(0, {Kind::exp_golomb}) == "0");
    CHECK(bins_of(1, {Kind::exp_golomb}) == "100");
    CHECK(bins_of(2, {Kind::exp_golomb}) == "101");
    CHECK(bins_of(3, {Kind::exp_golomb}) == "11000");
    CHECK(bins_of(6, {Kind::exp_golomb}) == "11011");
    CHECK(bins_of(9, {Kind::exp_golomb, 0, 0, 3}) == "10" "0001");
    CHECK(bins_of(6, {Kind::fixed, 4}) == "0110");
    CHECK(bins_of(1, {Kind::fixed, 3}) == "100");
    CHECK(bins_of(2, {Kind::mapped, 0, 0, 0, kTable}) == "101");
    CHECK(bins_of(47, {Kind::fixed_unary, 4, 2}) == "111111");
    CHECK(bins_of(16 + 5, {Kind::fixed_unary, 4, 2}) == "101010");
    CHECK(bins_of(13, {Kind::uegk, 0, 14, 0}) == "11111111111110");
    CHECK(bins_of(14, {Kind::uegk, 0, 14, 0}) == "111111111111110");
    CHECK(bins_of(16, {Kind::uegk, 0, 14, 0}) == "11111111111111101");
    CHECK(bins_of(-9, {Kind::signed_uegk, 0, 9, 3}) == "11111111100001");
    CHECK(bins_of(2, {Kind::signed_uegk, 0, 9, 3}) == "1100");
    CHECK(bins_of(0, {Kind::signed_uegk, 0, 9, 3}) == "0");
}

template <class Encoder, class Decoder>
void round_trip(const Scheme& scheme, const std::vector<std::int32_t>& values) {
    CHECK(scheme.valid());
    BinCounter counter;
    for (const std::int32_t value : values) {
        CHECK(scheme.holds(value));
        put_value(counter, value, scheme);
    }
    std::vector<std::uint8_t> data(bins_bound(counter.count));
    std::vector<typename Encoder::Context> contexts(4);
    data.resize(encode_values<Encoder>(values, scheme, contexts, data));
    CHECK(!data.empty());
    std::vector<std::int32_t> decoded(values.size());
    contexts.assign(4, {});
    CHECK(decode_values<Decoder>(data, scheme, contexts, decoded) == Status::ok);
    CHECK(decoded == values);
    if (data.size() > 3) {  // too short, and too long
        const std::span<const std::uint8_t> shorter(data.data(), data.size() - 3);
        contexts.assign(4, {});
        CHECK(decode_values<Decoder>(shorter, scheme, contexts, decoded) != Status::ok);
    }
    data.push_back(0x5a);
    contexts.assign(4, {});
    CHECK(decode_values<Decoder>(data, scheme, contexts, decoded) != Status::ok);
}

void both(const Scheme& scheme, const std::vector<std::int32_t>& values) {
    round_trip<RangeEncoder, RangeDecoder>(scheme, values);
    round_trip<StateEncoder, StateDecoder>(scheme, values);
}

void round_trips() {
    const std::int32_t most = INT32_MAX;
    both({Kind::unary}, {0, 1, 2, 700, 0, 65536});
    both({Kind::truncated_unary, 0, 0}, {0, 0});
    both({Kind::truncated_unary, 0, 9}, {0, 9, 8, 3, 9});
    for (std::uint32_t k = 0; k <= kMaxOrder; ++k) {
        both({Kind::exp_golomb, 0, 0, k}, {0, 1, 2, 3, 100, 65535, 65536, most - 1, most});
        both({Kind::uegk, 0, 14, k}, {0, 13, 14, 15, 1000, most});
        both({Kind::signed_uegk, 0, 9, k}, {0, -1, 1, 9, -9, 10, -100000, most, -most});
    }
    both({Kind::fixed, 0}, {0, 0, 0});
    both({Kind::fixed, 31}, {0, 1, most, 77});
    both({Kind::mapped, 0, 0, 0, kTable}, {0, 1, 2, 3, 3, 2, 1, 0});
    both({Kind::fixed_unary, 4, 2}, {0, 15, 16, 31, 47});
    both({Kind::fixed_unary, 30, 1}, {0, most});
}

void limits() {
    CHECK(!(Scheme{Kind::exp_golomb, 0, 0, 17}.valid()));
    CHECK(!(Scheme{Kind::truncated_unary, 0, 65537}.valid()));
    CHECK(!(Scheme{Kind::fixed, 32}.valid()));
    CHECK(!(Scheme{Kind::fixed_unary, 31, 1}.valid()));
    CHECK(!(Scheme{Kind::mapped}.valid()));
    const std::vector<Code> ambiguous{{0b0, 1}, {0b01, 2}};
    CHECK(!(Scheme{Kind::mapped, 0, 0, 0, ambiguous}.valid()));
    CHECK(!(Scheme{Kind::unary}.holds(65537)));
    CHECK(!(Scheme{Kind::unary}.holds(-1)));
    CHECK(!(Scheme{Kind::truncated_unary, 0, 3}.holds(4)));
    CHECK(!(Scheme{Kind::fixed, 4}.holds(16)));
    CHECK(!(Scheme{Kind::fixed_unary, 4, 2}.holds(48)));
    CHECK(!(Scheme{Kind::signed_uegk, 0, 9, 0}.holds(INT32_MIN)));
}

// A source of nothing but ones: every get_* must stop by itself.
struct Ones {
    std::uint64_t asked = 0;
    bool bin(std::size_t) { return ++asked > 0; }
    std::uint32_t raw(std::uint32_t n) {
        asked += n;
        return (1u << n) - 1;
    }
    [[nodiscard]] bool good() const { return true; }
};

void endless_ones() {
    for (const Scheme& scheme : {Scheme{Kind::unary}, Scheme{Kind::exp_golomb}, Scheme{Kind::exp_golomb, 0, 0, 16},
                                 Scheme{Kind::uegk, 0, 14, 0}, Scheme{Kind::signed_uegk, 0, 9, 5}}) {
        Ones ones;
        std::int32_t value = 0;
        CHECK(!get_value(ones, value, scheme));
        CHECK(ones.asked <= kMaxUnary + 1);
    }
    const std::vector<Code> incomplete{{0b0, 1}, {0b10, 2}};
    Ones ones;
    std::int32_t value = 0;
    CHECK(!get_value(ones, value, {Kind::mapped, 0, 0, 0, incomplete}));
    CHECK(ones.asked == 31);
}

}  // namespace

int main() {
    strings_of_the_standard();
    round_trips();
    limits();
    endless_ones();
    return test::finish("binarize");
}
