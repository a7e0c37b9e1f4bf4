// What a kernel has to say: one value per broken rule, no exceptions, no allocation.
#pragma once

#include <cstdint>

namespace pauca {

enum class Status : std::uint8_t {
    ok,
    truncated,   // the stream ends before its end
    corrupt,     // a value no encoder writes: bad header, symbol out of range
    bad_final,   // the coder did not return to its initial state
    leftover,    // bytes remain after the last symbol
    bad_tables,  // tables that are not cumulative distributions
    bad_index,   // an index or context beyond the last one
    no_space,    // the output buffer given by the caller is too small
};

constexpr const char* message(Status status) {
    switch (status) {
        case Status::ok: return "ok";
        case Status::truncated: return "entropy-coded stream ends too early";
        case Status::corrupt: return "entropy-coded stream holds an impossible value";
        case Status::bad_final: return "entropy coder ends in a wrong state: damaged stream or wrong tables";
        case Status::leftover: return "bytes remain after the last entropy-coded symbol";
        case Status::bad_tables: return "probability tables are not well-formed";
        case Status::bad_index: return "table or context index out of range";
        case Status::no_space: return "output buffer too small";
    }
    return "unknown status";
}

}  // namespace pauca
