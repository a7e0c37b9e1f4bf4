// The bind*.cpp files are the only code that knows Python: they check every precondition of the
// kernels, allocate, and release the GIL around them.
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "bind.hpp"
#include "pauca/rans.hpp"

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
    std::uint64_t left = symbols.size();
    for (const std::uint64_t segment : segments) {
        if (segment > left) raise("InputError", "segments do not sum to the number of symbols");
        left -= segment;
    }
    if (left != 0) raise("InputError", "segments do not sum to the number of symbols");
    if (lanes > rans::kMaxLanes || (lanes & (lanes - 1)) != 0) raise("InputError", "lanes: 0, 1, 2, 4, 8, 16 or 32");
    std::unique_ptr<std::uint8_t[]> buffer;
    std::size_t capacity = 0;
    std::size_t size = 0;
    {
        nb::gil_scoped_release release;
        if (lanes == 0) lanes = rans::choose_lanes(rans::estimate_bytes(tables.tables(), view(symbols), view(indexes)));
        capacity = rans::encode_bound(symbols.size(), lanes);
        buffer = std::make_unique_for_overwrite<std::uint8_t[]>(capacity);
        size = rans::encode(tables.tables(), view(symbols), view(indexes), segments, lanes, {buffer.get(), capacity});
    }
    return nb::bytes(buffer.get() + capacity - size, size);
}

class RansDecoder {
public:
    RansDecoder(nb::bytes data, const NativeTables& tables, const std::string& path)
        : data_(std::move(data)), tables_(tables), path_(parse(path)) {
        check(rans::open(decoder_, {static_cast<const std::uint8_t*>(data_.data()), data_.size()}));
    }

    OutArray<std::int16_t> decode(const Array<std::uint8_t>& indexes) {
        if (busy_ || failed_) raise("InputError", "decoder is in use or has already failed");
        tables_.check_indexes(view(indexes));
        auto symbols = make_array<std::int16_t>(indexes.size());
        Status status = Status::ok;
        busy_ = true;
        {
            nb::gil_scoped_release release;
            status = rans::decode(decoder_, tables_.tables(), view(indexes), {symbols.data(), symbols.size()}, path_);
        }
        busy_ = false;
        failed_ = status != Status::ok;
        check(status);
        return symbols;
    }

    void finish() const {
        if (busy_ || failed_) raise("InputError", "decoder is in use or has already failed");
        check(rans::finish(decoder_));
    }

    static rans::Path parse(const std::string& name) {
        if (name == "auto") return rans::best_path();
        const auto path = name == "scalar"   ? rans::Path::scalar
                          : name == "avx2"   ? rans::Path::avx2
                          : name == "avx512" ? rans::Path::avx512
                                             : throw nb::value_error("path: auto, scalar, avx2 or avx512");
        if (!rans::path_available(path)) raise("UnsupportedError", "this processor lacks the path");
        return path;
    }

private:
    nb::bytes data_;  // the decoder reads from it
    const NativeTables& tables_;
    rans::Decoder decoder_;
    rans::Path path_;
    bool busy_ = false;    // guarded by the GIL
    bool failed_ = false;
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
    bind_cabac(m);
    bind_nets(m);
    bind_levels(m);
}
