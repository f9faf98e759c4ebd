/// The kernels for AVX-512: 32 registers hold a block of 12 rows by 32 columns, or of 6 by 64, which fetches 10 operands
/// for 24 products where the other fetches 14: a tenth faster on a Sapphire Rapids core whose other thread is busy, and a
/// twentieth on one whose is not.
#if defined(__x86_64__)

// Included before the pragma: system headers keep their own targets.
#include <stdint.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,fma"))), apply_to = function)
#define NT_VL 16
#define NT_MR 12
#define NT_WV 4
#define NT_WM 6
#define NT_ROWS(X, vectors) \
    X(1, vectors) X(2, vectors) X(3, vectors) X(4, vectors) X(5, vectors) X(6, vectors)
#define NT_TALL_ROWS(X, vectors) \
    NT_ROWS(X, vectors) X(7, vectors) X(8, vectors) X(9, vectors) X(10, vectors) X(11, vectors) X(12, vectors)
#define NT_BLOCK_LIST(X) NT_TALL_ROWS(X, 1) NT_TALL_ROWS(X, 2) NT_ROWS(X, 3) NT_ROWS(X, 4)
#define NT_A_IN_PLACE 1
#define NT_TABLE nt_matmul_kernels_avx512

#include "matmul_body.h"
#pragma clang attribute pop

#endif
