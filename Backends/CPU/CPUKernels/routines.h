#ifndef NT_ROUTINES_H
#define NT_ROUTINES_H

#include "nt_isa.h"

#include <stdbool.h>
#include <stdint.h>

// The types that steps compute in. float16 and bfloat16 are stored types: they compute as float32.
typedef enum { CT_BOOL, CT_U8, CT_I32, CT_I64, CT_F32, CT_F64, CT_COUNT } nt_ctype;

// The raw values of PointwiseOperation, then the interpreter's own.
typedef enum {
    OP_IDENTITY, OP_CAST, OP_NEGATE, OP_ABS, OP_SIGN, OP_SQUARE, OP_RECIPROCAL, OP_SQRT, OP_RSQRT, OP_EXP, OP_EXPM1,
    OP_LOG, OP_LOG1P, OP_SIN, OP_COS, OP_TAN, OP_TANH, OP_SIGMOID, OP_ERF, OP_RELU, OP_FLOOR, OP_CEIL, OP_ROUND,
    OP_TRUNC, OP_LOGICAL_NOT, OP_IS_NAN, OP_ADD, OP_SUBTRACT, OP_MULTIPLY, OP_DIVIDE, OP_REMAINDER, OP_POWER,
    OP_MAXIMUM, OP_MINIMUM, OP_EQUAL, OP_NOT_EQUAL, OP_LESS, OP_LESS_EQUAL, OP_GREATER, OP_GREATER_EQUAL,
    OP_LOGICAL_AND, OP_LOGICAL_OR, OP_LOGICAL_XOR, OP_SELECT, OP_RANDOM_BITS, OP_RANDOM_UNIFORM,
    // x * y + z, x * y - z, z - x * y.
    OP_FMA, OP_FMS, OP_FNMA, OP_COUNT
} nt_operation;

typedef enum { RED_SUM, RED_PRODUCT, RED_MAXIMUM, RED_MINIMUM, RED_ARGMAX, RED_ARGMIN, RED_COUNT } nt_reduction;

// Which operands of an operation are one value for the whole call. Operations of two operands: SV or VS. Of three: bits
// 1 and 2 for the second and third operand; the first is always a vector.
enum { FORM_VV = 0, FORM_VS = 1, FORM_SV = 2, FORM_COUNT = 4 };

// out[i] = f(a[i], b[i], c[i]) for n elements. `out` may be one of the operands.
typedef void (*nt_op)(void *out, const void *a, const void *b, const void *c, long n);
// Copies rows x columns elements; strides in elements.
typedef void (*nt_move)(
    void *to, long to_row, long to_column, const void *from, long from_row, long from_column, long rows, long columns);
// acc = acc op x[0] op ... op x[n-1]; for argmax and argmin, index becomes base + i where x[i] wins.
typedef void (*nt_fold)(void *acc, int64_t *index, const void *x, long n, int64_t base);
// acc[j] = acc[j] op x[0][j] op ...; index base + row.
typedef void (*nt_fold_rows)(void *acc, int64_t *index, const void *x, long stride, long rows, long n, int64_t base);
// acc[j] = acc[j] op other[j], where other's elements come after.
typedef void (*nt_merge)(void *acc, int64_t *index, const void *other, const int64_t *other_index, long n);
// to[i] = from[i * from_stride + index[i] * gather_stride], or `missing` where the index is outside 0..<count.
typedef void (*nt_gather)(
    void *to, const void *from, const void *index, long n, long from_stride, long gather_stride, long count,
    const void *missing);

typedef struct {
    nt_op pointwise[OP_COUNT][CT_COUNT][FORM_COUNT];
    nt_op cast[CT_COUNT][CT_COUNT];
    // float16 and bfloat16 (in this order): to float32, from float32, and float32 rounded to their precision.
    nt_op widen[2], narrow[2], round_to[2];
    // By the logarithm of the element's size.
    nt_move move[4];
    // By size and whether the index is int64.
    nt_gather gather[4][2];
    nt_fold fold[RED_COUNT][CT_COUNT];
    nt_fold_rows fold_rows[RED_COUNT][CT_COUNT];
    nt_merge merge[RED_COUNT][CT_COUNT];
    // Random words (int32) or uniforms (float32) for positions first, first + 1, ...
    void (*random_run[2])(void *out, uint64_t first, uint64_t key, long n);
    // The same for position offset + index[i].
    void (*random_at[2])(void *out, const int64_t *index, uint64_t key, uint64_t offset, long n);
    // out[i] = first + i * step.
    void (*iota)(int64_t *out, int64_t first, int64_t step, long n);
    // Copies past the cache, for outputs too large to be read back from it.
    void (*stream)(void *to, const void *from, long bytes);
} nt_routines;

extern const nt_routines nt_routines_baseline;
#if defined(__x86_64__)
extern const nt_routines nt_routines_avx2, nt_routines_avx512;
#endif

const nt_routines *nt_routines_for(nt_isa isa);

#endif
