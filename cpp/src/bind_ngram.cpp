// N-gram networks for Python: checks, allocates, releases the GIL. The face turns ValueError into ours.
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <tuple>
#include <vector>

#include "bind_nets.hpp"
#include "pauca/ngram.hpp"

namespace pauca::bind {

using namespace nb::literals;

namespace {

using TableTuple = std::tuple<std::uint32_t, std::uint32_t, In<std::int8_t, 2>>;  // order, bits, rows

std::size_t rows_of(std::uint32_t order, std::uint32_t bits) {
    if (bits != 0) return std::size_t{1} << bits;
    std::size_t rows = 1;
    for (std::uint32_t k = 0; k < order; ++k) rows *= ngram::kSymbols;
    return rows;
}

template <typename T, std::size_t N>
std::vector<T> copy(const In<T, N>& array) {
    return {array.data(), array.data() + array.size()};
}

class NgramNetwork {
public:
    NgramNetwork(const std::vector<TableTuple>& tables, const In<std::int16_t, 1>& bias, const In<std::int8_t, 2>& first,
                 const In<std::int32_t, 1>& first_bias, const In<std::int8_t, 1>& second, std::int64_t second_bias,
                 const In<std::int8_t, 3>& mix, const In<std::int32_t, 1>& mix_bias)
        : bias_(copy<std::int16_t, 1>(bias)),
          first_(copy<std::int8_t, 2>(first)),
          first_bias_(copy<std::int32_t, 1>(first_bias)),
          second_(copy<std::int8_t, 1>(second)),
          mix_bias_(copy<std::int32_t, 1>(mix_bias)) {
        const std::size_t channels = bias.size(), hidden = second.size(), mixed = mix_bias.size();
        require(channels > 0 && channels % ngram::kLanes == 0 && channels <= ngram::kMaxChannels, "bad number of channels");
        require(hidden <= ngram::kMaxHidden && first.shape(0) == hidden && first_bias.size() == hidden &&
                    first.shape(1) == 2 * (channels + mixed),
                "the dense layers do not fit");
        require(mixed % ngram::kLanes == 0 && mixed <= ngram::kMaxChannels && mix.shape(0) == mixed &&
                    (mixed == 0 || mix.shape(1) == channels) && mix.shape(2) == 3,
                "the convolution does not fit");
        // To [mixed][3][channels]: as the window lies in memory.
        mix_.resize(mix.size());
        for (std::size_t o = 0; o < mixed; ++o)
            for (std::size_t c = 0; c < channels; ++c)
                for (std::size_t k = 0; k < 3; ++k)
                    mix_[(o * 3 + k) * channels + c] = mix.data()[(o * channels + c) * 3 + k];
        require(!tables.empty() && tables.size() <= ngram::kMaxTables, "bad number of tables");
        for (const auto& [order, bits, rows] : tables) {
            require(order >= 1 && order <= ngram::kMaxOrder && bits <= 24, "bad order or bits of a table");
            require(rows.shape(0) == rows_of(order, bits) && rows.shape(1) == channels, "a table has the wrong shape");
            rows_.push_back(copy<std::int8_t, 2>(rows));
            tables_.push_back({order, bits, rows_.back().data()});
        }
        network_ = {static_cast<std::uint32_t>(channels), static_cast<std::uint32_t>(hidden), tables_, bias_.data(),
                    first_.data(), first_bias_.data(), second_.data(), second_bias,
                    static_cast<std::uint32_t>(mixed), mix_.data(), mix_bias_.data()};
    }

    OutArray<std::int64_t> run(const Array<std::uint8_t>& codes, const Array<std::int64_t>& starts) const {
        require(starts.size() >= 1 && starts.data()[0] == 0, "the first string must start at 0");
        for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
            const std::int64_t begin = starts.data()[i], end = starts.data()[i + 1];
            require(begin <= end && end - begin <= std::int64_t{ngram::kMaxCodes}, "a string is too long");
        }
        require(starts.data()[starts.size() - 1] == static_cast<std::int64_t>(codes.size()), "codes and starts differ");
        const auto valid = [](std::uint8_t code) { return code < ngram::kSymbols; };
        require(std::all_of(codes.data(), codes.data() + codes.size(), valid), "a code is out of range");
        auto out = make_array<std::int64_t>(starts.size() - 1);
        nb::gil_scoped_release release;
        ngram::run(network_, codes.data(), view(starts), out.data());
        return out;
    }

private:
    std::vector<std::vector<std::int8_t>> rows_;
    std::vector<ngram::Table> tables_;
    std::vector<std::int16_t> bias_;
    std::vector<std::int8_t> first_;
    std::vector<std::int32_t> first_bias_;
    std::vector<std::int8_t> second_;
    std::vector<std::int16_t> mix_;
    std::vector<std::int32_t> mix_bias_;
    ngram::Network network_;
};

}  // namespace

void bind_ngram(nb::module_& m) {
    nb::class_<NgramNetwork>(m, "NgramNetwork")
        .def(nb::init<const std::vector<TableTuple>&, const In<std::int16_t, 1>&, const In<std::int8_t, 2>&,
                      const In<std::int32_t, 1>&, const In<std::int8_t, 1>&, std::int64_t, const In<std::int8_t, 3>&,
                      const In<std::int32_t, 1>&>(),
             "tables"_a, "bias"_a, "first"_a, "first_bias"_a, "second"_a, "second_bias"_a, "mix"_a, "mix_bias"_a)
        .def("run", &NgramNetwork::run, "codes"_a.noconvert(), "starts"_a.noconvert());
}

}  // namespace pauca::bind
