// Shared by bind.cpp and bind_mixture.cpp: streams of lanes, whatever the model.
#pragma once

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bind.hpp"
#include "pauca/rans.hpp"

namespace pauca::bind {

using Symbols = std::span<std::int16_t>;

inline rans::Path path_of(const std::string& name) {
    if (name == "auto") return rans::best_path();
    const auto path = name == "scalar"   ? rans::Path::scalar
                      : name == "avx2"   ? rans::Path::avx2
                      : name == "avx512" ? rans::Path::avx512
                                         : throw nb::value_error("path: auto, scalar, avx2 or avx512");
    if (!rans::path_available(path)) raise("UnsupportedError", "this processor lacks the path");
    return path;
}

// estimate() -> bytes; write(lanes, out) -> the size of the stream, at the end of out.
template <typename Estimate, typename Write>
nb::bytes encode_stream(std::size_t symbols, const std::vector<std::uint64_t>& segments, std::uint32_t lanes,
                        const Estimate& estimate, const Write& write) {
    std::uint64_t left = symbols;
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
        if (lanes == 0) lanes = rans::choose_lanes(estimate());
        capacity = rans::encode_bound(symbols, lanes);
        buffer = std::make_unique_for_overwrite<std::uint8_t[]>(capacity);
        size = write(lanes, std::span<std::uint8_t>(buffer.get(), capacity));
    }
    return nb::bytes(buffer.get() + capacity - size, size);
}

// A decoder in the hands of Python: one call at a time, none after a failure.
class StreamDecoder {
public:
    StreamDecoder(nb::bytes data, const std::string& path) : data_(std::move(data)), path_(path_of(path)) {
        check(rans::open(decoder_, {static_cast<const std::uint8_t*>(data_.data()), data_.size()}));
    }

    void check_ready() const {
        if (busy_ || failed_) raise("InputError", "decoder is in use or has already failed");
    }

    // decode(decoder, symbols, path) -> Status. Call check_ready first.
    template <typename Decode>
    OutArray<std::int16_t> segment(std::size_t n, const Decode& decode) {
        auto symbols = make_array<std::int16_t>(n);
        Status status = Status::ok;
        busy_ = true;
        {
            nb::gil_scoped_release release;
            status = decode(decoder_, Symbols(symbols.data(), n), path_);
        }
        busy_ = false;
        failed_ = status != Status::ok;
        check(status);
        return symbols;
    }

    void finish() const {
        check_ready();
        check(rans::finish(decoder_));
    }

private:
    nb::bytes data_;  // the decoder reads from it
    rans::Decoder decoder_;
    rans::Path path_;
    bool busy_ = false;  // guarded by the GIL
    bool failed_ = false;
};

}  // namespace pauca::bind
