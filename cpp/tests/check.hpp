// The smallest test harness: CHECK counts and prints failures, main returns their number.
#pragma once

#include <cstdint>
#include <cstdio>

namespace test {

inline int failures = 0;

inline void check(bool ok, const char* what, const char* file, int line) {
    if (ok) return;
    ++failures;
    std::printf("%s:%d: %s\n", file, line, what);
}

inline int finish(const char* name) {
    std::printf("%s: %s\n", name, failures == 0 ? "ok" : "FAILED");
    return failures == 0 ? 0 : 1;
}

// xorshift64*: test data that is the same everywhere.
struct Random {
    std::uint64_t state = 88172645463325252u;
    std::uint32_t next() {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        return static_cast<std::uint32_t>(state * 2685821657736338717u >> 32);
    }
    std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(std::uint64_t{next()} * n >> 32); }
};

}  // namespace test

#define CHECK(condition) test::check((condition), #condition, __FILE__, __LINE__)
