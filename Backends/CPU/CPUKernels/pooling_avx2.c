/// Pairs for AVX2.
#if defined(__x86_64__)

// Included before the pragma: system headers keep their own targets.
#include <stdint.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define NT_TABLE nt_pooling_pairs_avx2
#include "pooling_pairs.h"
#pragma clang attribute pop

#endif
