/// The kernels for AVX2 with FMA.
#if defined(__x86_64__)

// Included before the pragma: system headers keep their own targets.
#include <stdint.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define NT_VL 8
#define NT_MR 6
#define NT_WV 2
#define NT_WM NT_MR
#define NT_ROWS(X, vectors) \
    X(1, vectors) X(2, vectors) X(3, vectors) X(4, vectors) X(5, vectors) X(6, vectors)
#define NT_BLOCK_LIST(X) NT_ROWS(X, 1) NT_ROWS(X, 2)
#define NT_A_IN_PLACE 0
#define NT_TABLE nt_matmul_kernels_avx2

#include "matmul_body.h"
#pragma clang attribute pop

#endif
