/// Float32 matrix kernels, compiled once for each instruction set: the including file defines `NT_VL` (floats in a
/// vector), `NT_MR` (rows of the register block of two vectors, a multiple of 2), `NT_WV` and `NT_WM` (vectors and rows of
/// the widest one), `NT_BLOCK_LIST` (all blocks, by rows and vectors), `NT_A_IN_PLACE` (whether the packed product reads
/// contiguous rows of `a` where they lie) and `NT_TABLE` (the table's name).

#include <string.h>

#include "body_bits.h"
#include "matmul_internal.h"

/// Columns of the register block of two vectors, and of the widest.
#define NT_NR (2 * NT_VL)
#define NT_WN (NT_WV * NT_VL)
/// Rows by columns of the block of dot products; 12 sums and 7 operands a step keep both multipliers busy.
#define NT_DOT_M 4
#define NT_DOT_N 3

typedef float vf __attribute__((vector_size(4 * NT_VL), aligned(4), may_alias));
typedef float vf4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef float vf2 __attribute__((vector_size(8), aligned(4), may_alias));

/// `c (+)= a b` over a block of `rows` by `vectors`, which are literals where this is inlined, and so is `rowMajor`;
/// literal strides let the compiler address the rows of `a` with few registers.
static inline __attribute__((always_inline)) void nt_block(
    int rows, int vectors, int rowMajor, long k, const float *a, long stride, const float *b, long ldb, float *c,
    long ldc, long accumulate
) {
    vf sum[NT_MR][NT_WV];
    const long rsa = rowMajor ? stride : 1, csa = rowMajor ? 1 : stride;
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) sum[i][v] = (vf){0};
    // A step's operands and products. Four at a time where registers are left for what the compiler fetches early.
#define NT_STEP                                                                                                        \
    vf y[NT_WV];                                                                                                       \
    _Pragma("clang loop unroll(full)") for (int v = 0; v < vectors; v++) y[v] = *(const vf *)(b + v * NT_VL);          \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++) {                                                \
        const float x = a[i * rsa];                                                                                    \
        _Pragma("clang loop unroll(full)") for (int v = 0; v < vectors; v++) sum[i][v] += x * y[v];                    \
    }                                                                                                                  \
    a += csa;                                                                                                          \
    b += ldb;
    if (vectors > 2) {
#pragma clang loop unroll_count(4)
        for (long p = 0; p < k; p++) { NT_STEP }
    } else {
#pragma clang loop unroll(disable)
        for (long p = 0; p < k; p++) { NT_STEP }
    }
#undef NT_STEP
    if (accumulate) {
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
            for (int v = 0; v < vectors; v++) sum[i][v] += *(vf *)(c + i * ldc + v * NT_VL);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) *(vf *)(c + i * ldc + v * NT_VL) = sum[i][v];
}

#define NT_BLOCK(rows, vectors)                                                                                        \
    static __attribute__((noinline)) void nt_rowblock_##rows##_##vectors(                                             \
        long k, const float *a, long lda, const float *b, long ldb, float *c, long ldc, long accumulate               \
    ) {                                                                                                                \
        nt_block(rows, vectors, 1, k, a, lda, b, ldb, c, ldc, accumulate);                                            \
    }                                                                                                                  \
    static __attribute__((noinline)) void nt_colblock_##rows##_##vectors(                                             \
        long k, const float *a, long lda, const float *b, long ldb, float *c, long ldc, long accumulate               \
    ) {                                                                                                                \
        nt_block(rows, vectors, 0, k, a, lda, b, ldb, c, ldc, accumulate);                                            \
    }
NT_BLOCK_LIST(NT_BLOCK)

typedef void (*nt_block_fn)(long, const float *, long, const float *, long, float *, long, long);
#define NT_ROW_ENTRY(rows, vectors) [vectors - 1][rows - 1] = nt_rowblock_##rows##_##vectors,
#define NT_COL_ENTRY(rows, vectors) [vectors - 1][rows - 1] = nt_colblock_##rows##_##vectors,
/// By number of vectors less one, and of rows less one.
static const nt_block_fn nt_rowblocks[NT_WV][NT_MR] = {NT_BLOCK_LIST(NT_ROW_ENTRY)};
static const nt_block_fn nt_colblocks[NT_WV][NT_MR] = {NT_BLOCK_LIST(NT_COL_ENTRY)};

/// Rows of the next block of so many vectors, such that the last one is not left with a thin remainder.
static inline long nt_rows(long left, long vectors) {
    const long most = vectors > 2 ? NT_WM : NT_MR;
    if (left >= 2 * most || left <= most) return left < most ? left : most;
    return (left + 1) / 2;
}

/// Vectors of the next panel of `n` columns, where `left` of them are left: as many as these fill or begin, if they fit
/// into `n` at all.
static inline long nt_panel_vectors(long left, long n) {
    const long vectors = (left + NT_VL - 1) / NT_VL;
    if (vectors > NT_WV) return NT_WV;
    return vectors * NT_VL <= n ? vectors : left / NT_VL;
}

static void nt_direct(
    long m, long n, long k, const float *a, long rsa, long csa, const float *b, long ldb, float *c, long ldc,
    float *scratch, long accumulate
) {
    const int rowMajor = csa == 1;
    const long stride = rowMajor ? rsa : csa;
    float edge[NT_MR * NT_VL];
    const int narrow = n < NT_VL;
    if (narrow) {
        for (long p = 0; p < k; p++) {
            memcpy(scratch + p * NT_VL, b + p * ldb, n * sizeof(float));
            memset(scratch + p * NT_VL + n, 0, (NT_VL - n) * sizeof(float));
        }
        b = scratch;
        ldb = NT_VL;
    }
    for (long j = 0, vectors; j < n; j += vectors * NT_VL) {
        vectors = narrow ? 1 : nt_panel_vectors(n - j, n);
        // The last panel moves left over columns that are done: the same sums in the same order are the same bits.
        const long at = narrow ? 0 : (j + vectors * NT_VL <= n ? j : n - vectors * NT_VL);
        const nt_block_fn *blocks = rowMajor ? nt_rowblocks[vectors - 1] : nt_colblocks[vectors - 1];
        for (long i = 0, rows; i < m; i += rows) {
            rows = nt_rows(m - i, vectors);
            float *to = narrow ? edge : c + i * ldc + at;
            blocks[rows - 1](k, a + i * rsa, stride, b + at, ldb, to, narrow ? NT_VL : ldc, accumulate);
            if (narrow)
                for (long r = 0; r < rows; r++) memcpy(c + (i + r) * ldc, edge + r * NT_VL, n * sizeof(float));
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
#include "matmul_stream.h"
#include "matmul_typed.h"
#include "matmul_window.h"

const nt_matmul_kernels NT_TABLE = {
    .mr = NT_MR, .nr = NT_NR, .widest = NT_WN, .direct = nt_direct, .stream = nt_stream, .dot = nt_dot,
    .paneled = nt_paneled, .packed = nt_packed, .widened = nt_widened, .panel = nt_panel, .pack_a = nt_pack_a,
    .pack_b = nt_pack_b, .window = nt_window, .window_dot = nt_window_dot,
    .typed = {
        [nt_element_f64] = nt_typed_f64, [nt_element_i32] = nt_typed_i32, [nt_element_i64] = nt_typed_i64,
        [nt_element_u8] = nt_typed_u8}};
