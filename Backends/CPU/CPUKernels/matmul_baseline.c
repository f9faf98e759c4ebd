/// The kernels for every processor: four floats a vector (SSE2, NEON).
#define NT_VL 4
#define NT_MR 6
#define NT_MR_LIST(X) X(1) X(2) X(3) X(4) X(5) X(6)
#define NT_TABLE nt_matmul_kernels_baseline

#include "matmul_body.h"

const nt_matmul_kernels *nt_matmul_kernels_for(int isa) {
#if defined(__x86_64__)
    if (isa >= 2) return &nt_matmul_kernels_avx512;
    if (isa == 1) return &nt_matmul_kernels_avx2;
#endif
    return &nt_matmul_kernels_baseline;
}
