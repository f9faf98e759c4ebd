/// The transforms for AVX2 with FMA.
#if defined(__x86_64__)

// Included before the pragma: system headers keep their own targets.
#include <stdint.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define NT_WL 8
#define NT_TABLE nt_winograd_kernels_avx2
#include "winograd_body.h"
#pragma clang attribute pop

#endif
