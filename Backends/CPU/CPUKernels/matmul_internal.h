/// What the files of the matrix product share: the table of kernels of one instruction set.
#pragma once

#include <stdint.h>

#include "include/nt_matmul.h"

/// A method that is not named does not compile.
#pragma clang diagnostic error "-Wswitch"

/// Float32 kernels of one instruction set. All compute `c[m, n] = a[m, k] b[k, n]` on one thread, and sum over `k` in
/// an order that depends on the shape alone.
typedef struct {
    /// Rows and columns of the register block of `panel`; what `pack_a` and `pack_b` write has these widths.
    long mr, nr;
    /// Columns of the widest register block.
    long widest;
    /// Reads both operands where they lie; the rows of `b` are contiguous (distance `ldb`), `a` has any strides of
    /// which one is 1. `scratch` holds `k * nr / 2` floats, used only where `n < nr / 2`. With `accumulate`, adds to `c`;
    /// then `n` is a multiple of `nr`.
    void (*direct)(
        long m, long n, long k, const float *a, long rsa, long csa, const float *b, long ldb, float *c, long ldc,
        float *scratch, long accumulate);
    /// For few rows and a `b` whose rows are contiguous and which is larger than a cache: it is read once, in order.
    void (*stream)(
        long m, long n, long k, const float *a, long rsa, long csa, const float *b, long ldb, float *c, long ldc);
    /// Rows of `a` and columns of `b` are contiguous: dot products.
    void (*dot)(
        long m, long n, long k, const float *a, long lda, const float *b, long ldb, float *c, long ldc);
    /// Packs panels of `b`, of any strides, in `scratch` (`k * widest` floats); the rows of `a` are contiguous. For panels
    /// that fit L2.
    void (*paneled)(
        long m, long n, long k, const float *a, long lda, const float *b, long rsb, long csb, float *c, long ldc,
        float *scratch);
    /// Blocked for the caches; packs `b`, and `a` unless its rows are read in place, into `scratch` (`NT_SGEMM_SCRATCH`
    /// floats). Any strides.
    void (*packed)(
        long m, long n, long k, const float *a, long rsa, long csa, const float *b, long rsb, long csb, float *c,
        long ldc, float *scratch);
    /// The same of operands in float16 or bfloat16 (`element`), which are widened while they are packed.
    void (*widened)(
        nt_element element, long m, long n, long k, const void *a, long rsa, long csa, const void *b, long rsb,
        long csb, float *c, long ldc, float *scratch);
    /// The register block of the packed product over `k` steps: `c (+)= a b` for `m <= mr` rows and `n <= nr` columns,
    /// where `a` is a panel of `mr` and `b` one of `nr`.
    void (*panel)(long m, long n, long k, const float *a, const float *b, float *c, long ldc, long accumulate);
    /// Lays an operand out in panels of `mr` rows (of `nr` columns) by `k` steps; the last one is filled with zeros.
    void (*pack_a)(long m, long k, const float *a, long rsa, long csa, float *to);
    void (*pack_b)(long n, long k, const float *b, long rsb, long csb, float *to);
    /// `to[y, x] = sum over t of weights[t] * from[offsets[t] + y * step + x]` for `rows` by `count` elements, in the order
    /// of the `taps`; rows of `to` lie `ldt` apart. Behind what is asked for, a vector's floats may be read.
    void (*window)(
        long rows, long count, long taps, const float *from, long step, const int32_t *offsets, const float *weights,
        float *to, long ldt);
    /// `sums[t] = sum over y and x of from[offsets[t] + y * step + x] * with[y * ldw + x]` for `rows` by `count` elements.
    /// A vector's floats may be read behind those of `from`.
    void (*window_dot)(
        long rows, long count, long taps, const float *from, long step, const int32_t *offsets, const float *with,
        long ldw, float *sums);
    /// By `nt_element`, for types other than float32; `scratch` holds 4096 elements.
    void (*typed[nt_element_count])(
        long m, long n, long k, const void *a, long rsa, long csa, const void *b, long rsb, long csb, void *c, long ldc,
        void *scratch);
} nt_matmul_kernels;

extern const nt_matmul_kernels nt_matmul_kernels_baseline;
#if defined(__x86_64__)
extern const nt_matmul_kernels nt_matmul_kernels_avx2;
extern const nt_matmul_kernels nt_matmul_kernels_avx512;
#endif

/// Depth, rows and columns of a packed block: a panel of `b` stays in L1 (with four vectors, in L2), the block of `a` in L2.
enum { NT_KC = 256, NT_MC = 192, NT_NC = 1024 };
/// Floats that `packed` needs.
enum { NT_SGEMM_SCRATCH = NT_KC * (NT_NC + 64) + NT_MC * NT_KC + 12 * NT_KC + 64 };

/// The kernels for `isa` (an `nt_isa`).
const nt_matmul_kernels *nt_matmul_kernels_for(int isa);

/// One tile, over `k` steps, into `c` whose rows lie `n` of the product apart.
void nt_matmul_tile(
    const nt_matmul *p, int64_t m, int64_t n, int64_t k, const void *a, const void *b, void *c, void *scratch);

/// The parts that the depth of a product of these extents is cut into; 1: none.
int64_t nt_matmul_parts(int64_t m, int64_t n, int64_t k);
/// Computes the parts in the launch's area and adds them up; `result` may be null, as in `nt_matmul_run`.
void nt_matmul_run_parts(
    const nt_matmul *p, const nt_workers *workers, const void *a, const void *b, float *result,
    const nt_epilogue *epilogue, int64_t element_size);
