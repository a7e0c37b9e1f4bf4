// The bind*.cpp files are the only code that knows Python: they check every precondition of the
// kernels, allocate, and release the GIL around them.
#include <algorithm>

#include "bind_rans.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace pauca::bind;
using pauca::Status;
namespace rans = pauca::rans;

namespace {

class NativeTables {
public:
    NativeTables(nb::ndarray<const std::uint32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu> cdf,
                 const Array<std::int32_t>& size, const Array<std::int32_t>& offset) {
        const std::size_t n = size.size();
        if (cdf.shape(0) != n || offset.size() != n) raise("PackError", "table arrays differ in length");
        const std::uint32_t intervals = rans::count_intervals(view(size));
        if (intervals == 0) raise("PackError", "number or size of the probability tables out of range");
        info_.resize(n);
        encoder_.resize(intervals);
        decoder_.resize(intervals);
        buckets_.resize(n << rans::kBucketBits);
        const Status status = rans::build_tables({cdf.data(), cdf.size()}, cdf.shape(1), view(size),
                                                 view(offset), {info_, encoder_, decoder_, buckets_});
        if (status != Status::ok) raise("PackError", pauca::message(status));
    }

    [[nodiscard]] rans::Tables tables() const {
        return {static_cast<std::uint32_t>(info_.size()), info_.data(), encoder_.data(), decoder_.data(),
                buckets_.data()};
    }

    void check_indexes(std::span<const std::uint8_t> indexes) const {
        std::uint8_t largest = 0;
        for (const std::uint8_t index : indexes) largest = std::max(largest, index);
        if (!indexes.empty() && largest >= info_.size()) raise("InputError", pauca::message(Status::bad_index));
    }

private:
    std::vector<rans::TableInfo> info_;
    std::vector<rans::EncoderEntry> encoder_;
    std::vector<std::uint32_t> decoder_;
    std::vector<std::uint32_t> buckets_;
};

void check_pair(const NativeTables& tables, const Array<std::int16_t>& symbols, const Array<std::uint8_t>& indexes) {
    if (symbols.size() != indexes.size()) raise("InputError", "symbols and indexes differ in length");
    tables.check_indexes(view(indexes));
}

double rans_bits(const NativeTables& tables, const Array<std::int16_t>& symbols, const Array<std::uint8_t>& indexes) {
    check_pair(tables, symbols, indexes);
    nb::gil_scoped_release release;
    return rans::code_length(tables.tables(), view(symbols), view(indexes));
}

nb::bytes rans_encode(const NativeTables& tables, const Array<std::int16_t>& symbols,
                      const Array<std::uint8_t>& indexes, const std::vector<std::uint64_t>& segments,
                      std::uint32_t lanes) {
    check_pair(tables, symbols, indexes);
    return encode_stream(
        symbols.size(), segments, lanes,
        [&] { return rans::estimate_bytes(tables.tables(), view(symbols), view(indexes)); },
        [&](std::uint32_t chosen, std::span<std::uint8_t> out) {
            return rans::encode(tables.tables(), view(symbols), view(indexes), segments, chosen, out);
        });
}

class RansDecoder {
public:
    RansDecoder(nb::bytes data, const NativeTables& tables, const std::string& path)
        : stream_(std::move(data), path), tables_(tables) {}

    OutArray<std::int16_t> decode(const Array<std::uint8_t>& indexes) {
        stream_.check_ready();
        tables_.check_indexes(view(indexes));
        return stream_.segment(indexes.size(), [&](rans::Decoder& decoder, Symbols symbols, rans::Path path) {
            return rans::decode(decoder, tables_.tables(), view(indexes), symbols, path);
        });
    }

    void finish() const { stream_.finish(); }

private:
    StreamDecoder stream_;
    const NativeTables& tables_;
};

std::vector<std::string> rans_paths() {
    std::vector<std::string> names{"scalar"};
    if (rans::path_available(rans::Path::avx2)) names.emplace_back("avx2");
    if (rans::path_available(rans::Path::avx512)) names.emplace_back("avx512");
    return names;
}

}  // namespace

NB_MODULE(_core, m) {
    m.doc() = "Entropy core of pauca; use pauca.coding.";
    nb::class_<NativeTables>(m, "NativeTables")
        .def(nb::init<nb::ndarray<const std::uint32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>,
                      const Array<std::int32_t>&, const Array<std::int32_t>&>(),
             "cdf"_a, "size"_a, "offset"_a);
    nb::class_<RansDecoder>(m, "RansDecoder")
        .def(nb::init<nb::bytes, const NativeTables&, const std::string&>(), "data"_a, "tables"_a,
             "path"_a = "auto", nb::keep_alive<1, 3>())
        .def("decode", &RansDecoder::decode, "indexes"_a)
        .def("finish", &RansDecoder::finish);
    m.def("rans_encode", &rans_encode, "tables"_a, "symbols"_a, "indexes"_a, "segments"_a, "lanes"_a = 0);
    m.def("rans_bits", &rans_bits, "tables"_a, "symbols"_a, "indexes"_a);
    m.def("rans_paths", &rans_paths);
    bind_mixture(m);
    bind_cabac(m);
    bind_nets(m);
    bind_levels(m);
}
