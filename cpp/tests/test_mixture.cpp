#include "pauca/mixture.hpp"

#include "check.hpp"
#include "curve_set.hpp"

using namespace pauca;
using test::CurveSet;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes encode_message(const CurveSet& set, const std::vector<std::int16_t>& symbols, const test::Mixed& mixed,
                     const std::vector<std::uint64_t>& segments, std::uint32_t lanes) {
    Bytes out(rans::encode_bound(symbols.size(), lanes));
    const std::size_t size = mixture::encode(set.view(), symbols, mixed.from(0), segments, lanes, out);
    CHECK(size > 0);
    return Bytes(out.end() - static_cast<std::ptrdiff_t>(size), out.end());
}

Status decode_message(const CurveSet& set, std::vector<std::int16_t>& symbols, const test::Mixed& mixed,
                      const std::vector<std::uint64_t>& segments, const Bytes& data, rans::Path path) {
    rans::Decoder decoder;
    Status status = rans::open(decoder, data);
    std::size_t at = 0;
    for (const std::uint64_t segment : segments) {
        if (status != Status::ok) return status;
        status = mixture::decode(decoder, set.view(), mixed.from(at), std::span(symbols).subspan(at, segment), path);
        at += segment;
    }
    return status == Status::ok ? rans::finish(decoder) : status;
}

std::vector<std::int16_t> make_symbols(const test::Mixed& mixed, std::size_t n, test::Random& random) {
    std::vector<std::int16_t> symbols;
    for (std::size_t i = 0; i < n; ++i) {
        const std::int32_t near = mixed.means[3 * i] / 16 + static_cast<std::int32_t>(random.below(7)) - 3;
        const bool far = random.below(30) == 0;
        symbols.push_back(static_cast<std::int16_t>(far ? static_cast<std::int32_t>(random.next()) : near));
    }
    return symbols;
}

void round_trips() {
    const CurveSet set = test::sample_curves();
    CHECK(set.status == Status::ok);
    test::Random random;
    for (const std::size_t n : {0u, 1u, 31u, 33u, 1000u, 5000u}) {
        const test::Mixed mixed = test::make_mixed(n, random);
        const std::vector<std::int16_t> symbols = make_symbols(mixed, n, random);
        const std::vector<std::uint64_t> segments{n / 3, 0, n - n / 3};
        for (std::uint32_t lanes = 1; lanes <= rans::kMaxLanes; lanes *= 2) {
            const Bytes data = encode_message(set, symbols, mixed, segments, lanes);
            for (const rans::Path path : {rans::Path::scalar, rans::Path::avx2, rans::Path::avx512}) {
                if (!rans::path_available(path)) continue;
                std::vector<std::int16_t> decoded(n);
                CHECK(decode_message(set, decoded, mixed, segments, data, path) == Status::ok);
                CHECK(decoded == symbols);
            }
        }
    }
}

// Damage never reads outside the stream (the sanitizers watch) and all paths say the same.
void hostile_streams() {
    const CurveSet set = test::sample_curves();
    test::Random random;
    const std::size_t n = 3000;
    const test::Mixed mixed = test::make_mixed(n, random);
    const std::vector<std::int16_t> symbols = make_symbols(mixed, n, random);
    const Bytes data = encode_message(set, symbols, mixed, {n}, 32);
    for (int trial = 0; trial < 150; ++trial) {
        Bytes bad = data;
        const std::uint32_t place = random.below(static_cast<std::uint32_t>(data.size()));
        if (trial % 3 == 0) bad.resize(place);
        if (trial % 3 == 1) bad[place] ^= static_cast<std::uint8_t>(1u << random.below(8));
        if (trial % 3 == 2) bad.push_back(static_cast<std::uint8_t>(random.next()));
        std::vector<std::int16_t> expected(n);
        const Status status = decode_message(set, expected, mixed, {n}, bad, rans::Path::scalar);
        // A flip inside raw escape bits changes a symbol and nothing else.
        CHECK(status != Status::ok || (trial % 3 == 1 && expected != symbols));
        if (!rans::path_available(rans::Path::avx512)) continue;
        std::vector<std::int16_t> decoded(n);
        CHECK(decode_message(set, decoded, mixed, {n}, bad, rans::Path::avx512) == status);
        if (status != Status::truncated && status != Status::corrupt) CHECK(decoded == expected);
    }
}

void size_near_entropy() {
    const CurveSet set = test::sample_curves();
    test::Random random;
    const std::size_t n = 50000;
    const test::Mixed mixed = test::make_mixed(n, random);
    const std::vector<std::int16_t> symbols = make_symbols(mixed, n, random);
    const double ideal = mixture::code_length(set.view(), symbols, mixed.from(0)) / 8;
    const auto size = static_cast<double>(encode_message(set, symbols, mixed, {n}, 4).size());
    CHECK(size < ideal * 1.001 + 16);
    CHECK(size > ideal);
    const double estimate = mixture::estimate_bytes(set.view(), symbols, mixed.from(0));
    CHECK(estimate > 0.8 * ideal && estimate < 1.2 * ideal);
}

void refuses_bad_curves() {
    const std::vector<std::uint16_t> row{0, 9, 65535};
    const auto status = [](const std::vector<std::uint16_t>& values, const std::vector<std::int32_t>& reaches,
                           const std::vector<std::uint8_t>& shifts, const std::vector<std::uint16_t>& shares) {
        return CurveSet(values, reaches, shifts, shares).status;
    };
    CHECK(status(row, {1}, {4}, {1}) == Status::ok);
    CHECK(status(row, {1}, {5}, {1}) == Status::bad_tables);
    CHECK(status(row, {1}, {}, {1}) == Status::bad_tables);
    CHECK(status(row, {1}, {0}, {0}) == Status::bad_tables);
    CHECK(status(row, {1}, {0}, {4097}) == Status::bad_tables);
    CHECK(status(row, {1}, {0}, {}) == Status::bad_tables);
    CHECK(status(row, {}, {}, {1}) == Status::bad_tables);
    CHECK(status(row, {0}, {0}, {1}) == Status::bad_tables);
    CHECK(status(row, {2}, {0}, {1}) == Status::bad_tables);
    CHECK(status(row, {INT32_MAX}, {0}, {1}) == Status::bad_tables);
    CHECK(status({0, 9, 65535, 0}, {1}, {0}, {1}) == Status::bad_tables);
    CHECK(status({1, 9, 65535}, {1}, {0}, {1}) == Status::bad_tables);
    CHECK(status({0, 9, 65534}, {1}, {0}, {1}) == Status::bad_tables);
    CHECK(status({0, 9, 8, 10, 65535}, {2}, {0}, {1}) == Status::bad_tables);
}

}  // namespace

int main() {
    round_trips();
    hostile_streams();
    size_near_entropy();
    refuses_bad_curves();
    return test::finish("mixture");
}
