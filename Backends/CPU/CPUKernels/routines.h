#ifndef NT_ROUTINES_H
#define NT_ROUTINES_H

#include "nt_fused.h"
#include "nt_isa.h"

#include <stdbool.h>
#include <stdint.h>

// A switch over an enumeration names all of its cases, or does not compile.
#pragma clang diagnostic error "-Wswitch"

// The types that steps compute in. float16 and bfloat16 are stored types: they compute as float32.
typedef enum { CT_BOOL, CT_U8, CT_I32, CT_I64, CT_F32, CT_F64, CT_COUNT } nt_ctype;

// Every PointwiseOperation, in its order: number, Swift's name, type rule and arity, and what its routines' names begin
// with. Rule and arity say which routines there must be (body_table.h); a cast's and a random number's have tables of
// their own.
// The CPU is not opened where a row is not as Swift's (nt_names.h).
#define NT_POINTWISE(X) \
    X(OP_IDENTITY, identity, same, 1, identity) \
    X(OP_CAST, cast, conversion, 1, cast) \
    X(OP_NEGATE, negate, sameNumber, 1, negate) \
    X(OP_ABS, abs, sameNumber, 1, abs) \
    X(OP_SIGN, sign, sameNumber, 1, sign) \
    X(OP_SQUARE, square, sameNumber, 1, square) \
    X(OP_RECIPROCAL, reciprocal, sameFloat, 1, reciprocal) \
    X(OP_SQRT, sqrt, sameFloat, 1, sqrt) \
    X(OP_RSQRT, rsqrt, sameFloat, 1, rsqrt) \
    X(OP_EXP, exp, sameFloat, 1, exp) \
    X(OP_EXP2, exp2, sameFloat, 1, exp2) \
    X(OP_EXPM1, expm1, sameFloat, 1, expm1) \
    X(OP_LOG, log, sameFloat, 1, log) \
    X(OP_LOG2, log2, sameFloat, 1, log2) \
    X(OP_LOG10, log10, sameFloat, 1, log10) \
    X(OP_LOG1P, log1p, sameFloat, 1, log1p) \
    X(OP_SIN, sin, sameFloat, 1, sin) \
    X(OP_COS, cos, sameFloat, 1, cos) \
    X(OP_TAN, tan, sameFloat, 1, tan) \
    X(OP_ASIN, asin, sameFloat, 1, asin) \
    X(OP_ACOS, acos, sameFloat, 1, acos) \
    X(OP_ATAN, atan, sameFloat, 1, atan) \
    X(OP_SINH, sinh, sameFloat, 1, sinh) \
    X(OP_COSH, cosh, sameFloat, 1, cosh) \
    X(OP_TANH, tanh, sameFloat, 1, tanh) \
    X(OP_SIGMOID, sigmoid, sameFloat, 1, sigmoid) \
    X(OP_ERF, erf, sameFloat, 1, erf) \
    X(OP_ERFC, erfc, sameFloat, 1, erfc) \
    X(OP_ERFINV, erfinv, sameFloat, 1, erfinv) \
    X(OP_LGAMMA, lgamma, sameFloat, 1, lgamma) \
    X(OP_DIGAMMA, digamma, sameFloat, 1, digamma) \
    X(OP_RELU, relu, sameNumber, 1, relu) \
    X(OP_FLOOR, floor, sameFloat, 1, floor) \
    X(OP_CEIL, ceil, sameFloat, 1, ceil) \
    X(OP_ROUND, round, sameFloat, 1, round) \
    X(OP_TRUNC, trunc, sameFloat, 1, trunc) \
    X(OP_LOGICAL_NOT, logicalNot, logical, 1, logical_not) \
    X(OP_BITWISE_NOT, bitwiseNot, sameInteger, 1, bitwise_not) \
    X(OP_IS_NAN, isNaN, comparison, 1, is_nan) \
    X(OP_ADD, add, sameNumber, 2, add) \
    X(OP_SUBTRACT, subtract, sameNumber, 2, subtract) \
    X(OP_MULTIPLY, multiply, sameNumber, 2, multiply) \
    X(OP_DIVIDE, divide, sameFloat, 2, divide) \
    X(OP_REMAINDER, remainder, sameNumber, 2, remainder) \
    X(OP_FMOD, fmod, sameNumber, 2, fmod) \
    X(OP_FLOOR_DIVIDE, floorDivide, sameNumber, 2, floor_divide) \
    X(OP_POWER, power, sameFloat, 2, power) \
    X(OP_ATAN2, atan2, sameFloat, 2, atan2) \
    X(OP_MAXIMUM, maximum, same, 2, maximum) \
    X(OP_MINIMUM, minimum, same, 2, minimum) \
    X(OP_EQUAL, equal, comparison, 2, equal) \
    X(OP_NOT_EQUAL, notEqual, comparison, 2, not_equal) \
    X(OP_LESS, less, comparison, 2, less) \
    X(OP_LESS_EQUAL, lessEqual, comparison, 2, less_equal) \
    X(OP_GREATER, greater, comparison, 2, greater) \
    X(OP_GREATER_EQUAL, greaterEqual, comparison, 2, greater_equal) \
    X(OP_LOGICAL_AND, logicalAnd, logical, 2, logical_and) \
    X(OP_LOGICAL_OR, logicalOr, logical, 2, logical_or) \
    X(OP_LOGICAL_XOR, logicalXor, logical, 2, logical_xor) \
    X(OP_BITWISE_AND, bitwiseAnd, sameInteger, 2, bitwise_and) \
    X(OP_BITWISE_OR, bitwiseOr, sameInteger, 2, bitwise_or) \
    X(OP_BITWISE_XOR, bitwiseXor, sameInteger, 2, bitwise_xor) \
    X(OP_SHIFT_LEFT, shiftLeft, sameInteger, 2, shift_left) \
    X(OP_SHIFT_RIGHT, shiftRight, sameInteger, 2, shift_right) \
    X(OP_SELECT, select, selection, 3, select) \
    X(OP_RANDOM_BITS, randomBits, random, 3, random_bits) \
    X(OP_RANDOM_UNIFORM, randomUniform, random, 3, random_uniform)

// Every ReductionOperation, in its order: number, name, and whether it gives a value or an index.
#define NT_REDUCTIONS(X) \
    X(RED_SUM, sum, value) \
    X(RED_PRODUCT, product, value) \
    X(RED_MAXIMUM, maximum, value) \
    X(RED_MINIMUM, minimum, value) \
    X(RED_ARGMAX, argmax, index) \
    X(RED_ARGMIN, argmin, index)

// The raw values of PointwiseOperation, then the interpreter's own.
typedef enum {
    NT_POINTWISE(NT_ENUMERATOR)
    // x * y + z, x * y - z, z - x * y.
    OP_FMA, OP_FMS, OP_FNMA, OP_COUNT
} nt_operation;

typedef enum { NT_REDUCTIONS(NT_ENUMERATOR) RED_COUNT } nt_reduction;

// PointwiseOperation.TypeRule; what is no operation counts as `same`.
typedef enum {
    RULE_same, RULE_sameNumber, RULE_sameFloat, RULE_sameInteger, RULE_comparison, RULE_logical, RULE_conversion,
    RULE_selection, RULE_random
} nt_rule;
nt_rule nt_rule_of(int32_t operation);
// Whether the result is an index.
bool nt_yields_index(int32_t reduction);

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
