/// The kernels for AVX2 with FMA.
#if defined(__x86_64__)

// Included before the pragma: system headers keep their own targets.
#include <stdint.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define NT_VL 8
#define NT_MR 6
#define NT_MR_LIST(X) X(1) X(2) X(3) X(4) X(5) X(6)
#define NT_TABLE nt_matmul_kernels_avx2

#include "matmul_body.h"
#pragma clang attribute pop

#endif
