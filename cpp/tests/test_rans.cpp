#include "pauca/rans.hpp"

#include <cstring>
#include <numeric>

#include "check.hpp"
#include "table_set.hpp"

using namespace pauca;
using namespace pauca::rans;
using test::TableSet;

namespace {

using Bytes = std::vector<std::uint8_t>;

struct Message {
    std::vector<std::int16_t> symbols;
    std::vector<std::uint8_t> indexes;
    std::vector<std::uint64_t> segments;
};

Message make_message(std::size_t n, std::uint32_t tables, std::uint32_t one_escape_in) {
    test::Random random;
    Message message;
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint32_t index = random.below(tables);
        std::int32_t symbol = 0;
        if (index == 1) symbol = static_cast<std::int32_t>(random.below(3)) - 1;
        if (index == 2) symbol = static_cast<std::int32_t>(random.below(300)) - 150;
        if (index == 3) symbol = 32767;
        if (index == 4) symbol = static_cast<std::int32_t>(random.below(3)) - 32768;
        if (random.below(one_escape_in) == 0) symbol = static_cast<std::int16_t>(random.next());
        message.symbols.push_back(static_cast<std::int16_t>(symbol));
        message.indexes.push_back(static_cast<std::uint8_t>(index));
    }
    for (std::size_t left = n; left > 0;) {
        const std::size_t take = left < 40 ? left : random.below(static_cast<std::uint32_t>(left)) + 1;
        message.segments.push_back(take);
        left -= take;
    }
    message.segments.push_back(0);
    return message;
}

Bytes encode_message(const TableSet& set, const Message& message, std::uint32_t lanes) {
    Bytes out(encode_bound(message.symbols.size(), lanes));
    const std::size_t size = encode(set.view(), message.symbols, message.indexes, message.segments, lanes, out);
    CHECK(size > 0);
    return Bytes(out.end() - static_cast<std::ptrdiff_t>(size), out.end());
}

Status decode_message(const TableSet& set, const Message& message, const Bytes& data, Path path,
                      std::vector<std::int16_t>& symbols) {
    Decoder decoder;
    symbols.assign(message.symbols.size(), 0);
    Status status = open(decoder, data);
    std::size_t at = 0;
    for (const std::uint64_t segment : message.segments) {
        if (status != Status::ok) return status;
        status = decode(decoder, set.view(), std::span(message.indexes).subspan(at, segment),
                        std::span(symbols).subspan(at, segment), path);
        at += segment;
    }
    return status == Status::ok ? finish(decoder) : status;
}

void golden_words() {
    const TableSet set = test::sample_tables();
    const Message message{{0, -1, 0, 1, 149, 5, -32768}, {0, 1, 1, 1, 2, 0, 4}, {4, 3}};
    CHECK((encode_message(set, message, 1) ==
           Bytes{0xa3, 0x3c, 0xae, 0x02, 0xff, 0x00, 0x00, 0x04}));
    CHECK((encode_message(set, message, 4) ==
           Bytes{0x20, 0xea, 0x14, 0x20, 0x3f, 0x38, 0x1e, 0x0d, 0x10, 0xad, 0x8b, 0x00, 0x58, 0xf8,
                 0x45, 0x00, 0x00, 0x08, 0x00}));
    CHECK((encode_message(set, {{}, {}, {}}, 1) == Bytes{0x00, 0x00, 0x10, 0x00}));
}

void round_trips() {
    const TableSet set = test::sample_tables();
    CHECK(set.status == Status::ok);
    for (const std::size_t n : {0u, 1u, 7u, 64u, 1000u, 30000u}) {
        for (const std::uint32_t escapes : {3u, 200u, 1000000u}) {
            const Message message = make_message(n, 5, escapes);
            for (std::uint32_t lanes = 1; lanes <= kMaxLanes; lanes *= 2) {
                const Bytes data = encode_message(set, message, lanes);
                for (const Path path : {Path::scalar, Path::avx2, Path::avx512}) {
                    if (!path_available(path)) continue;
                    std::vector<std::int16_t> symbols;
                    CHECK(decode_message(set, message, data, path, symbols) == Status::ok);
                    CHECK(symbols == message.symbols);
                }
            }
        }
    }
}

// Two bytes for every symbol: vector loads come as near to the end of the stream as they can.
void dearest_symbols() {
    const TableSet set = test::sample_tables();
    for (std::size_t n = 30; n < 200; ++n) {
        const Message message{std::vector<std::int16_t>(n, 32767), std::vector<std::uint8_t>(n, 3), {n}};
        for (const std::uint32_t lanes : {16u, 32u}) {
            const Bytes data = encode_message(set, message, lanes);
            CHECK(data.size() == 2 * n + 4 * lanes);
            for (const Path path : {Path::scalar, Path::avx2, Path::avx512}) {
                if (!path_available(path)) continue;
                std::vector<std::int16_t> symbols;
                CHECK(decode_message(set, message, data, path, symbols) == Status::ok);
                CHECK(symbols == message.symbols);
            }
        }
    }
}

void every_frequency() {
    for (std::uint32_t freq = 1; freq < kTotal; freq += freq < 300 || freq > 65200 ? 1 : 7) {
        const TableSet set({{freq, kTotal - freq}}, {0});
        const Message message{{0, 0, 0, 1, 0, 0, 0, -1, 0, 0}, std::vector<std::uint8_t>(10, 0), {10}};
        const Bytes data = encode_message(set, message, 1);
        std::vector<std::int16_t> symbols;
        CHECK(decode_message(set, message, data, Path::scalar, symbols) == Status::ok);
        CHECK(symbols == message.symbols);
    }
}

void size_near_entropy() {
    const TableSet set = test::sample_tables();
    const Message message = make_message(200000, 3, 1000000);
    const double ideal = code_length(set.view(), message.symbols, message.indexes) / 8;
    const auto size = static_cast<double>(encode_message(set, message, 8).size());
    CHECK(size < ideal * 1.0005 + 32);
    CHECK(size > ideal);
    CHECK(choose_lanes(100) == 1);
    CHECK(choose_lanes(1e9) == 32);
}

void refuses_bad_tables() {
    CHECK(TableSet({{0, 65536}}, {0}).status == Status::bad_tables);
    CHECK(TableSet({{65536}}, {0}).status == Status::bad_tables);
    CHECK(TableSet({{1, 2}}, {0}).status == Status::bad_tables);
    CHECK(TableSet({{1, 1, 65534}}, {32767}).status == Status::bad_tables);
    CHECK(TableSet({{1, 65535}}, {-32769}).status == Status::bad_tables);
    CHECK(TableSet({{65535, 65535, 1}}, {0}).status == Status::bad_tables);
    const std::vector<std::int32_t> many(257, 1);
    CHECK(count_intervals(many) == 0);
    const std::vector<std::int32_t> large{65535, 1};
    CHECK(count_intervals(large) == 0);
}

// The same stream under a table that starts higher would mean symbols beyond int16.
void escapes_stay_in_int16() {
    const Message message{{32767, 0}, {0, 0}, {2}};
    const Bytes data = encode_message(TableSet({{65535, 1}}, {0}), message, 1);
    std::vector<std::int16_t> symbols;
    CHECK(decode_message(TableSet({{65535, 1}}, {1}), message, data, Path::scalar, symbols) == Status::corrupt);
}

// Damage never reads outside the stream (the sanitizers watch) and all paths say the same.
void hostile_streams() {
    const TableSet set = test::sample_tables();
    const Message message = make_message(4000, 5, 50);
    test::Random random;
    for (const std::uint32_t lanes : {1u, 16u, 32u}) {
        const Bytes data = encode_message(set, message, lanes);
        for (int trial = 0; trial < 300; ++trial) {
            Bytes bad = data;
            if (trial % 3 == 0) bad.resize(random.below(static_cast<std::uint32_t>(data.size())));
            if (trial % 3 == 1) bad[random.below(static_cast<std::uint32_t>(bad.size()))] ^= static_cast<std::uint8_t>(1u << random.below(8));
            if (trial % 3 == 2) bad.push_back(static_cast<std::uint8_t>(random.next()));
            std::vector<std::int16_t> expected;
            const Status status = decode_message(set, message, bad, Path::scalar, expected);
            // A flip inside raw escape bits changes a symbol and nothing else.
            CHECK(status != Status::ok || (trial % 3 == 1 && expected != message.symbols));
            for (const Path path : {Path::avx2, Path::avx512}) {
                if (!path_available(path)) continue;
                std::vector<std::int16_t> symbols;
                CHECK(decode_message(set, message, bad, path, symbols) == status);
                if (status != Status::truncated && status != Status::corrupt) CHECK(symbols == expected);
            }
        }
    }
}

}  // namespace

int main() {
    golden_words();
    round_trips();
    dearest_symbols();
    every_frequency();
    size_near_entropy();
    refuses_bad_tables();
    escapes_stay_in_int16();
    hostile_streams();
    return test::finish("rans");
}
