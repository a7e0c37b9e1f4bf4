#include <cmath>
#include <vector>

#include "check.hpp"
#include "pauca/bins.hpp"

using namespace pauca;
using namespace pauca::cabac;

namespace {

using Bytes = std::vector<std::uint8_t>;

struct Message {
    std::vector<std::uint8_t> bins;
    std::vector<std::uint16_t> ids;
};

constexpr std::uint32_t kContexts = 5;

// Context c yields ones with probability (1, 50, 128, 200, 255) / 256; some bins bypass.
Message make_message(std::size_t n) {
    test::Random random;
    constexpr std::uint32_t ones[kContexts] = {1, 50, 128, 200, 255};
    Message message;
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint32_t c = random.below(kContexts + 1);
        message.ids.push_back(c == kContexts ? kBypass : static_cast<std::uint16_t>(c));
        message.bins.push_back(random.below(256) < (c == kContexts ? 128 : ones[c]));
    }
    return message;
}

template <class Encoder>
Bytes encode_message(const Message& message) {
    Bytes out(bins_bound(message.bins.size()));
    std::vector<typename Encoder::Context> contexts(kContexts);
    out.resize(encode_bins<Encoder>(message.bins, message.ids, contexts, out));
    CHECK(!out.empty());
    return out;
}

template <class Decoder>
Status decode_message(const Message& message, const Bytes& data, std::vector<std::uint8_t>& bins) {
    bins.assign(message.bins.size(), 0);
    std::vector<typename Decoder::Context> contexts(kContexts);
    return decode_bins<Decoder>(data, message.ids, contexts, bins);
}

template <class Encoder, class Decoder>
void round_trips() {
    for (const std::size_t n : {0u, 1u, 2u, 9u, 100u, 20000u}) {
        const Message message = make_message(n);
        const Bytes data = encode_message<Encoder>(message);
        std::vector<std::uint8_t> bins;
        CHECK(decode_message<Decoder>(message, data, bins) == Status::ok);
        CHECK(bins == message.bins);
    }
}

// Long runs of the likely bin push carries through runs of 0xff.
template <class Encoder, class Decoder>
void carries() {
    for (std::uint32_t seed = 1; seed < 200; ++seed) {
        test::Random random{seed * 2654435761u};
        Message message;
        for (int i = 0; i < 400; ++i) {
            message.ids.push_back(random.below(40) == 0 ? kBypass : 0);
            message.bins.push_back(random.below(60) == 0);
        }
        std::vector<std::uint8_t> bins;
        CHECK(decode_message<Decoder>(message, encode_message<Encoder>(message), bins) == Status::ok);
        CHECK(bins == message.bins);
    }
}

template <class Encoder, class Decoder>
void hostile_streams() {
    const Message message = make_message(800);
    const Bytes data = encode_message<Encoder>(message);
    std::vector<std::uint8_t> bins;
    for (std::size_t size = 0; size < data.size(); ++size) {
        CHECK(decode_message<Decoder>(message, Bytes(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(size)), bins) != Status::ok);
    }
    Bytes longer = data;
    longer.push_back(0);
    CHECK(decode_message<Decoder>(message, longer, bins) != Status::ok);
    for (std::size_t bit = 0; bit < data.size() * 8; ++bit) {
        Bytes bad = data;
        bad[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
        if (decode_message<Decoder>(message, bad, bins) == Status::ok) CHECK(bins != message.bins);
    }
}

// The sum of the rates, contexts advanced as the coder does, is the size.
template <class Encoder>
void rates_add_up(double tolerance_bytes) {
    const Message message = make_message(20000);
    std::vector<typename Encoder::Context> contexts(kContexts);
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < message.bins.size(); ++i) {
        const bool bin = message.bins[i] != 0;
        if (message.ids[i] == kBypass) {
            sum += kOneBit;
            continue;
        }
        sum += contexts[message.ids[i]].rate(bin);
        contexts[message.ids[i]].update(bin);
    }
    const double bytes = static_cast<double>(sum) / kOneBit / 8;
    const auto size = static_cast<double>(encode_message<Encoder>(message).size());
    CHECK(std::abs(size - bytes) < tolerance_bytes);
}

void rate_table() {
    for (std::uint32_t p = 1; p <= 65536; ++p) {
        const double exact = (16.0 - std::log2(p)) * kOneBit;
        CHECK(std::abs(rate_of(p) - exact) < 3.0);
    }
}

// The published table is the formula's neighbour: within 4 % or 1.2 of p times the class middle.
void h264_tables() {
    double p = 0.5;
    for (int state = 0; state < 63; ++state, p *= std::pow(0.01875 / 0.5, 1.0 / 63)) {
        for (int q = 0; q < 4; ++q) {
            const double middle = p * (288 + 64 * q);
            if (state > 2) CHECK(std::abs(kRangeLps[state][q] - std::max(middle, 6.0)) < std::max(0.04 * middle, 1.2));
            if (state > 0) CHECK(kRangeLps[state][q] <= kRangeLps[state - 1][q]);
            if (q > 0) CHECK(kRangeLps[state][q] >= kRangeLps[state][q - 1]);
        }
        CHECK(kNextLps[state] <= state);
        // An LPS moves the estimate by p' = a p + (1 - a), to the nearest state.
        const double a = std::pow(0.01875 / 0.5, 1.0 / 63);
        const double moved = std::min(0.5, a * p + (1 - a));
        CHECK(std::abs(std::log(moved / 0.5) / std::log(a) - kNextLps[state]) < 1.01);
    }
    CHECK(initial_state(0, 0, 26).state == 62 && initial_state(0, 0, 26).mps == 0);
    CHECK(initial_state(20, -15, 26).state == 46 && initial_state(20, -15, 26).mps == 0);
    CHECK(initial_state(0, 100, 0).state == 36 && initial_state(0, 100, 0).mps == 1);
}

std::uint32_t fnv1a(const Bytes& bytes) {
    std::uint32_t hash = 2166136261u;
    for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 16777619u;
    return hash;
}

// Long enough to visit every state: any change to a table changes the hash.
void golden_hashes() {
    Message message;
    test::Random random;
    for (std::uint32_t i = 0; i < 200000; ++i) {
        message.ids.push_back(i % 5);
        message.bins.push_back(random.below(1u << (i / 2000 % 10 + 1)) == 0);
    }
    CHECK(fnv1a(encode_message<RangeEncoder>(message)) == 0xfe789c2au);
    CHECK(fnv1a(encode_message<StateEncoder>(message)) == 0xe73b50a7u);
}

void golden_words() {
    const Message message = make_message(60);
    CHECK((encode_message<RangeEncoder>(message) == Bytes{0x20, 0xb7, 0xd4, 0xc8, 0x40, 0x29, 0x62, 0x75, 0xfb, 0x1f}));
    CHECK((encode_message<StateEncoder>(message) == Bytes{0x5d, 0xde, 0xaf, 0x67, 0x34, 0xe9, 0xf8, 0x11, 0x80}));
    CHECK((encode_message<RangeEncoder>({}) == Bytes{0xff, 0x00, 0x00}));
    CHECK((encode_message<StateEncoder>({}) == Bytes{0xfe, 0x80}));
}

}  // namespace

int main() {
    round_trips<RangeEncoder, RangeDecoder>();
    round_trips<StateEncoder, StateDecoder>();
    carries<RangeEncoder, RangeDecoder>();
    carries<StateEncoder, StateDecoder>();
    hostile_streams<RangeEncoder, RangeDecoder>();
    hostile_streams<StateEncoder, StateDecoder>();
    rates_add_up<RangeEncoder>(4);
    rates_add_up<StateEncoder>(20);
    rate_table();
    h264_tables();
    golden_words();
    golden_hashes();
    return test::finish("cabac");
}
