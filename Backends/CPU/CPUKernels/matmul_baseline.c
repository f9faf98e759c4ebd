/// The kernels for every processor: four floats a vector (SSE2, NEON).
#define NT_VL 4
#define NT_MR 6
#define NT_WV 2
#define NT_WM NT_MR
#define NT_ROWS(X, vectors) \
    X(1, vectors) X(2, vectors) X(3, vectors) X(4, vectors) X(5, vectors) X(6, vectors)
#define NT_BLOCK_LIST(X) NT_ROWS(X, 1) NT_ROWS(X, 2)
#define NT_A_IN_PLACE 0
#define NT_TABLE nt_matmul_kernels_baseline

#include "matmul_body.h"

const nt_matmul_kernels *nt_matmul_kernels_for(int isa) {
#if defined(__x86_64__)
    if (isa >= 2) return &nt_matmul_kernels_avx512;
    if (isa == 1) return &nt_matmul_kernels_avx2;
#endif
    return &nt_matmul_kernels_baseline;
}
