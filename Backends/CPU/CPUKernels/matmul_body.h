/// Float32 matrix kernels, compiled once for each instruction set: the including file defines `NT_VL` (floats in a
/// vector), `NT_MR` (rows of the register block, a multiple of 2), `NT_MR_LIST` and `NT_TABLE` (the table's name).

#include <string.h>

#include "body_bits.h"
#include "matmul_internal.h"

/// Columns of the register block: two vectors.
#define NT_NR (2 * NT_VL)
/// Rows by columns of the block of dot products; 12 sums and 7 operands a step keep both multipliers busy.
#define NT_DOT_M 4
#define NT_DOT_N 3

typedef float vf __attribute__((vector_size(4 * NT_VL), aligned(4), may_alias));
typedef float vf4 __attribute__((vector_size(16), aligned(4), may_alias));

/// `c (+)= a b` over a block of `rows` by `NT_NR`. `rows` and `rowMajor` are literals where this is inlined; literal
/// strides let the compiler address the rows of `a` with few registers.
static inline __attribute__((always_inline)) void nt_block(
    int rows, int rowMajor, long k, const float *a, long stride, const float *b, long ldb, float *c, long ldc,
    long accumulate
) {
    vf sum[NT_MR][2];
    const long rsa = rowMajor ? stride : 1, csa = rowMajor ? 1 : stride;
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) sum[i][0] = sum[i][1] = (vf){0};
#pragma clang loop unroll(disable)
    for (long p = 0; p < k; p++) {
        const vf b0 = *(const vf *)b, b1 = *(const vf *)(b + NT_VL);
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) {
            const float x = a[i * rsa];
            sum[i][0] += x * b0;
            sum[i][1] += x * b1;
        }
        a += csa;
        b += ldb;
    }
    if (accumulate) {
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) {
            sum[i][0] += *(vf *)(c + i * ldc);
            sum[i][1] += *(vf *)(c + i * ldc + NT_VL);
        }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
        *(vf *)(c + i * ldc) = sum[i][0];
        *(vf *)(c + i * ldc + NT_VL) = sum[i][1];
    }
}

#define NT_BLOCK(rows)                                                                                                 \
    static __attribute__((noinline)) void nt_rowblock_##rows(                                                         \
        long k, const float *a, long lda, const float *b, long ldb, float *c, long ldc, long accumulate               \
    ) {                                                                                                                \
        nt_block(rows, 1, k, a, lda, b, ldb, c, ldc, accumulate);                                                     \
    }                                                                                                                  \
    static __attribute__((noinline)) void nt_colblock_##rows(                                                         \
        long k, const float *a, long lda, const float *b, long ldb, float *c, long ldc, long accumulate               \
    ) {                                                                                                                \
        nt_block(rows, 0, k, a, lda, b, ldb, c, ldc, accumulate);                                                     \
    }
NT_MR_LIST(NT_BLOCK)

typedef void (*nt_block_fn)(long, const float *, long, const float *, long, float *, long, long);
#define NT_ROW_ENTRY(rows) nt_rowblock_##rows,
#define NT_COL_ENTRY(rows) nt_colblock_##rows,
/// By number of rows less one.
static const nt_block_fn nt_rowblocks[NT_MR] = {NT_MR_LIST(NT_ROW_ENTRY)};
static const nt_block_fn nt_colblocks[NT_MR] = {NT_MR_LIST(NT_COL_ENTRY)};

/// Rows of the next block, such that the last one is not left with a thin remainder.
static inline long nt_rows(long left) {
    if (left >= 2 * NT_MR || left <= NT_MR) return left < NT_MR ? left : NT_MR;
    return (left + 1) / 2;
}

static void nt_direct(
    long m, long n, long k, const float *a, long rsa, long csa, const float *b, long ldb, float *c, long ldc,
    float *scratch, long accumulate
) {
    const int rowMajor = csa == 1;
    const nt_block_fn *blocks = rowMajor ? nt_rowblocks : nt_colblocks;
    const long stride = rowMajor ? rsa : csa;
    float edge[NT_MR * NT_NR];
    const int narrow = n < NT_NR;
    if (narrow) {
        for (long p = 0; p < k; p++) {
            memcpy(scratch + p * NT_NR, b + p * ldb, n * sizeof(float));
            memset(scratch + p * NT_NR + n, 0, (NT_NR - n) * sizeof(float));
        }
        b = scratch;
        ldb = NT_NR;
    }
    for (long j = 0; j < n; j += NT_NR) {
        // The last panel moves left over columns that are done: the same sums in the same order are the same bits.
        const long at = narrow ? 0 : (j + NT_NR <= n ? j : n - NT_NR);
        for (long i = 0, rows; i < m; i += rows) {
            rows = nt_rows(m - i);
            float *to = narrow ? edge : c + i * ldc + at;
            blocks[rows - 1](k, a + i * rsa, stride, b + at, ldb, to, narrow ? NT_NR : ldc, accumulate);
            if (narrow)
                for (long r = 0; r < rows; r++) memcpy(c + (i + r) * ldc, edge + r * NT_NR, n * sizeof(float));
        }
    }
}

/// The lower and upper halves of a vector added, down to four lanes.
static inline __attribute__((always_inline)) vf4 nt_fold(vf v) {
#if NT_VL == 16
    typedef float half __attribute__((vector_size(32)));
    half h = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7)
        + __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
    return __builtin_shufflevector(h, h, 0, 1, 2, 3) + __builtin_shufflevector(h, h, 4, 5, 6, 7);
#elif NT_VL == 8
    return __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
#else
    return v;
#endif
}

/// The four vectors' sums.
static inline __attribute__((always_inline)) vf4 nt_sums(vf4 a, vf4 b, vf4 c, vf4 d) {
    vf4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
    vf4 cd = __builtin_shufflevector(c, d, 0, 4, 1, 5) + __builtin_shufflevector(c, d, 2, 6, 3, 7);
    return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

static inline __attribute__((always_inline)) void nt_dots(
    int rows, int columns, long k, const float *a, long lda, const float *b, long ldb, float *c, long ldc
) {
    vf sum[NT_DOT_M][NT_DOT_N];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int j = 0; j < columns; j++) sum[i][j] = (vf){0};
    long p = 0;
#pragma clang loop unroll(disable)
    for (; p + NT_VL <= k; p += NT_VL) {
        vf y[NT_DOT_N];
#pragma clang loop unroll(full)
        for (int j = 0; j < columns; j++) y[j] = *(const vf *)(b + j * ldb + p);
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) {
            const vf x = *(const vf *)(a + i * lda + p);
#pragma clang loop unroll(full)
            for (int j = 0; j < columns; j++) sum[i][j] += x * y[j];
        }
    }
    const vf4 none = {0};
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
        vf4 s = nt_sums(
            nt_fold(sum[i][0]), columns > 1 ? nt_fold(sum[i][1]) : none, columns > 2 ? nt_fold(sum[i][2]) : none, none);
#pragma clang loop unroll(full)
        for (int j = 0; j < columns; j++) c[i * ldc + j] = s[j];
    }
    for (; p < k; p++)
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++) c[i * ldc + j] += a[i * lda + p] * b[j * ldb + p];
}

#define NT_DOTS(rows, columns)                                                                                         \
    static __attribute__((noinline)) void nt_dots_##rows##_##columns(                                                 \
        long k, const float *a, long lda, const float *b, long ldb, float *c, long ldc                                \
    ) {                                                                                                                \
        nt_dots(rows, columns, k, a, lda, b, ldb, c, ldc);                                                            \
    }
#define NT_DOTS_ROW(rows) NT_DOTS(rows, 1) NT_DOTS(rows, 2) NT_DOTS(rows, 3)
NT_DOTS_ROW(1) NT_DOTS_ROW(2) NT_DOTS_ROW(3) NT_DOTS_ROW(4)

typedef void (*nt_dots_fn)(long, const float *, long, const float *, long, float *, long);
#define NT_DOTS_ENTRY(rows) {nt_dots_##rows##_1, nt_dots_##rows##_2, nt_dots_##rows##_3}
static const nt_dots_fn nt_dot_blocks[NT_DOT_M][NT_DOT_N] = {
    NT_DOTS_ENTRY(1), NT_DOTS_ENTRY(2), NT_DOTS_ENTRY(3), NT_DOTS_ENTRY(4)};

static void nt_dot(long m, long n, long k, const float *a, long lda, const float *b, long ldb, float *c, long ldc) {
    // Long rows are not cut for the caches: unbroken streams measured faster (64x9216x128: by a fifth).
    for (long i = 0; i < m; i += NT_DOT_M) {
        const long rows = m - i < NT_DOT_M ? m - i : NT_DOT_M;
        for (long j = 0; j < n; j += NT_DOT_N) {
            const long columns = n - j < NT_DOT_N ? n - j : NT_DOT_N;
            nt_dot_blocks[rows - 1][columns - 1](k, a + i * lda, lda, b + j * ldb, ldb, c + i * ldc + j, ldc);
        }
    }
}

#include "matmul_packed.h"
#include "matmul_typed.h"

const nt_matmul_kernels NT_TABLE = {
    .mr = NT_MR, .nr = NT_NR, .direct = nt_direct, .dot = nt_dot, .paneled = nt_paneled, .packed = nt_packed,
    .widened = nt_widened, .panel = nt_panel, .pack_a = nt_pack_a, .pack_b = nt_pack_b,
    .typed = {
        [nt_element_f64] = nt_typed_f64, [nt_element_i32] = nt_typed_i32, [nt_element_i64] = nt_typed_i64,
        [nt_element_u8] = nt_typed_u8}};
