/// The kernels for AVX-512: 32 registers hold a block of 12 rows by 32 columns.
#if defined(__x86_64__)

// Included before the pragma: system headers keep their own targets.
#include <stdint.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,fma"))), apply_to = function)
#define NT_VL 16
#define NT_MR 12
#define NT_MR_LIST(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
#define NT_TABLE nt_matmul_kernels_avx512

#include "matmul_body.h"
#pragma clang attribute pop

#endif
