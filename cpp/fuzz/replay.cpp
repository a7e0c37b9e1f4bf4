// Drives a fuzz target without libFuzzer: every file named on the command line, or, without
// arguments, 20,000 inputs from a fixed generator.
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <vector>

#include "check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        std::ifstream file(argv[i], std::ios::binary);
        if (!file) {
            std::printf("cannot open %s\n", argv[i]);
            return 1;
        }
        const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    }
    if (argc > 1) return 0;
    test::Random random;
    std::vector<std::uint8_t> bytes;
    for (int trial = 0; trial < 20000; ++trial) {
        bytes.resize(random.below(trial % 10 == 0 ? 2000 : 100));
        // Few distinct values reach the rare branches that white noise does not.
        const std::uint32_t mask = trial % 3 == 0 ? 0xff : trial % 3 == 1 ? 0x11 : 0x80;
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random.next() & mask);
        LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    }
    return 0;
}
