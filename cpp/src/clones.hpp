// PAUCA_CLONES compiles a function for several instruction sets and picks one when the library is loaded.
#pragma once

#include <cstdlib>  // __GLIBC__: choosing at load time needs its indirect functions

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__)
#define PAUCA_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define PAUCA_CLONES
#endif
