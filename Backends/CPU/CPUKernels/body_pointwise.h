// Pointwise routines: for each operation and type one loop per form. `assume_safety` is true because `out` either is an
// operand or shares no memory with it.

#define EACH _Pragma("clang loop vectorize(assume_safety)") for (long i = 0; i < n; i++)
#define ARGUMENTS void *out, const void *a, const void *b, const void *c, long n
#define UNUSED_BC (void)b, (void)c

#define UNARY(NAME, T, R, ...) \
    static void NAME(ARGUMENTS) { \
        UNUSED_BC; \
        R *o = out; \
        const T *p = a; \
        EACH { T x = p[i]; o[i] = (R)(__VA_ARGS__); } \
    }

// Long dependent chains: DEEP vectors at once keep the multipliers busy, more than the scheduler would find by itself.
#ifndef DEEP
#define DEEP 4
#endif
#define DEEP_PRAGMA(COUNT) PRAGMA_TEXT(clang loop vectorize(assume_safety) interleave_count(COUNT))
#define PRAGMA_TEXT(...) _Pragma(#__VA_ARGS__)
#define UNARY_DEEP(NAME, ...) \
    static void NAME(ARGUMENTS) { \
        UNUSED_BC; \
        float *o = out; \
        const float *p = a; \
        DEEP_PRAGMA(DEEP) for (long i = 0; i < n; i++) { float x = p[i]; o[i] = (__VA_ARGS__); } \
    }

#define BINARY(NAME, T, R, ...) \
    static void NAME##_vv(ARGUMENTS) { \
        (void)c; \
        R *o = out; \
        const T *p = a, *q = b; \
        EACH { T x = p[i], y = q[i]; o[i] = (R)(__VA_ARGS__); } \
    } \
    static void NAME##_vs(ARGUMENTS) { \
        (void)c; \
        R *o = out; \
        const T *p = a, y = *(const T *)b; \
        EACH { T x = p[i]; o[i] = (R)(__VA_ARGS__); } \
    } \
    static void NAME##_sv(ARGUMENTS) { \
        (void)c; \
        R *o = out; \
        const T *q = b, x = *(const T *)a; \
        EACH { T y = q[i]; o[i] = (R)(__VA_ARGS__); } \
    }

#define TERNARY(NAME, C, T, ...) \
    static void NAME##_vv(ARGUMENTS) { \
        T *o = out; \
        const C *p = a; \
        const T *q = b, *r = c; \
        EACH { C x = p[i]; T y = q[i], z = r[i]; o[i] = (__VA_ARGS__); } \
    } \
    static void NAME##_sv(ARGUMENTS) { \
        T *o = out; \
        const C *p = a; \
        const T y = *(const T *)b, *r = c; \
        EACH { C x = p[i]; T z = r[i]; o[i] = (__VA_ARGS__); } \
    } \
    static void NAME##_vs(ARGUMENTS) { \
        T *o = out; \
        const C *p = a; \
        const T *q = b, z = *(const T *)c; \
        EACH { C x = p[i]; T y = q[i]; o[i] = (__VA_ARGS__); } \
    } \
    static void NAME##_ss(ARGUMENTS) { \
        T *o = out; \
        const C *p = a; \
        const T y = *(const T *)b, z = *(const T *)c; \
        EACH { C x = p[i]; o[i] = (__VA_ARGS__); } \
    }

// For all types.
#define COMPARISONS(T) \
    BINARY(equal_##T, T, uint8_t, x == y) \
    BINARY(not_equal_##T, T, uint8_t, x != y) \
    BINARY(less_##T, T, uint8_t, x < y) \
    BINARY(less_equal_##T, T, uint8_t, x <= y) \
    BINARY(greater_##T, T, uint8_t, x > y) \
    BINARY(greater_equal_##T, T, uint8_t, x >= y) \
    BINARY(maximum_##T, T, T, ((x >= y) | (x != x)) ? x : y) \
    BINARY(minimum_##T, T, T, ((x <= y) | (x != x)) ? x : y) \
    UNARY(identity_##T, T, T, x) \
    UNARY(is_nan_##T, T, uint8_t, x != x)

// As PyTorch, a shift by no number of the type's places leaves 0, or the sign to the right.
#define BITS(T) ((int)(8 * sizeof(T)))
#define LAST_SHIFT(T) ((T)-1 < 0 ? BITS(T) - 1 : BITS(T))

// Wraps around; U is the unsigned type of T's size, or of int's for a smaller one.
#define INTEGERS(T, U) \
    UNARY(negate_##T, T, T, 0u - (U)x) \
    UNARY(square_##T, T, T, (U)x * (U)x) \
    UNARY(relu_##T, T, T, x < 0 ? 0 : x) \
    UNARY(abs_##T, T, T, x < 0 ? (T)(0u - (U)x) : x) \
    UNARY(sign_##T, T, T, (x > 0) - (x < 0)) \
    BINARY(add_##T, T, T, (U)x + (U)y) \
    BINARY(subtract_##T, T, T, (U)x - (U)y) \
    BINARY(multiply_##T, T, T, (U)x * (U)y) \
    UNARY(bitwise_not_##T, T, T, ~(U)x) \
    BINARY(bitwise_and_##T, T, T, x & y) \
    BINARY(bitwise_or_##T, T, T, x | y) \
    BINARY(bitwise_xor_##T, T, T, x ^ y) \
    BINARY(shift_left_##T, T, T, ((y < 0) | (y >= BITS(T))) ? 0 : (U)x << (y & (BITS(T) - 1))) \
    BINARY(shift_right_##T, T, T, x >> (((y < 0) | (y >= BITS(T))) ? LAST_SHIFT(T) : y)) \
    BINARY(remainder_##T, T, T, remainder_of_##T(x, y)) \
    BINARY(fmod_##T, T, T, fmod_of_##T(x, y)) \
    BINARY(floor_divide_##T, T, T, floor_quotient_of_##T(x, y))

// The remainder has the divisor's sign, as PyTorch's, that of fmod the dividend's; quotient and remainders by zero are 0, as
// NumPy's, and by -1 there is no trap.
#define INTEGER_DIVISION(T) \
    static inline ALWAYS T remainder_of_##T(T x, T y) { \
        if (y == 0 || y == (T)-1) return y == 0 || (T)-1 < 0 ? 0 : x == y ? 0 : x; \
        T r = x % y; \
        return r != 0 && ((r ^ y) < 0) ? r + y : r; \
    } \
    static inline ALWAYS T fmod_of_##T(T x, T y) { \
        if (y == 0 || y == (T)-1) return y == 0 || (T)-1 < 0 ? 0 : x == y ? 0 : x; \
        return x % y; \
    } \
    static inline ALWAYS T floor_quotient_of_##T(T x, T y) { \
        if (y == 0) return 0; \
        if ((T)-1 < 0 && y == (T)-1) return (T)(0 - (uint64_t)x); \
        T q = x / y; \
        return x % y != 0 && ((x ^ y) < 0) ? q - 1 : q; \
    }

#define FLOATS(T) \
    UNARY(negate_##T, T, T, -x) \
    UNARY(square_##T, T, T, x * x) \
    UNARY(relu_##T, T, T, x < 0 ? 0 : x) \
    UNARY(sign_##T, T, T, x > 0 ? 1 : x < 0 ? -1 : 0) \
    UNARY(reciprocal_##T, T, T, 1 / x) \
    BINARY(add_##T, T, T, x + y) \
    BINARY(subtract_##T, T, T, x - y) \
    BINARY(multiply_##T, T, T, x * y) \
    BINARY(divide_##T, T, T, x / y) \
    TERNARY(fma_##T, T, T, x * y + z) \
    TERNARY(fms_##T, T, T, x * y - z) \
    TERNARY(fnma_##T, T, T, z - x * y)

// The remainder with y's sign.
static inline ALWAYS double remainder_of_doubles(double x, double y) {
    double r = fmod(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

// Below 2^29 the quotient times y is exact in double, and where x / y was rounded up to a whole number the difference
// is what the floor's remainder would be all the same.
static inline ALWAYS float remainder_of_floats(float x, float y) {
    double q = (double)x / (double)y;
    if (!(__builtin_fabs(q) < 0x1p29) || !(__builtin_fabsf(y) < __builtin_inff())) {
        return (float)remainder_of_doubles((double)x, (double)y);
    }
    double r = (double)x - (double)(int32_t)q * (double)y;
    // As fmod: a zero has the dividend's sign.
    if (r == 0) return __builtin_copysignf(0.0f, x);
    return (float)((r < 0) != (y < 0) ? r + (double)y : r);
}

// The remainder with x's sign. As above, but where x / y was rounded up, a divisor is missing.
static inline ALWAYS float fmod_of_floats(float x, float y) {
    double q = (double)x / (double)y;
    if (!(__builtin_fabs(q) < 0x1p29) || !(__builtin_fabsf(y) < __builtin_inff())) {
        return (float)fmod((double)x, (double)y);
    }
    double r = (double)x - (double)(int32_t)q * (double)y;
    if (r == 0) return __builtin_copysignf(0.0f, x);
    return (float)((r < 0) != (x < 0) ? r + __builtin_copysign((double)y, (double)x) : r);
}

// The floor of the quotient without the remainder, as Python's: the rounding of x / y does not reach a whole number.
static inline double floor_quotient_of_doubles(double x, double y) {
    if (y == 0) return x / y;
    double r = fmod(x, y);
    double q = (x - r) / y;
    if (r != 0 && (r < 0) != (y < 0)) q -= 1;
    if (q == 0) return copysign(0.0, x / y);
    double whole = floor(q);
    return q - whole > 0.5 ? whole + 1 : whole;
}

// Up to 2^24 the quotient of two floats is whole in double only where it is, and beyond a unit does not matter.
static inline ALWAYS float floor_quotient_of_floats(float x, float y) {
    double q = (double)x / (double)y;
    float whole = (float)__builtin_floor(q);
    // Nothing is left of an infinite dividend, and all by an infinite divisor.
    float beyond = x == 0.0f ? (float)q : (x < 0.0f) != (y < 0.0f) ? -1.0f : 0.0f;
    whole = __builtin_fabsf(y) == __builtin_inff() && y == y ? beyond : whole;
    whole = __builtin_fabsf(x) == __builtin_inff() ? __builtin_nanf("") : whole;
    return y == 0.0f ? (float)q : x != x ? x : whole;
}

INTEGER_DIVISION(uint8_t)
INTEGER_DIVISION(int32_t)
INTEGER_DIVISION(int64_t)

COMPARISONS(uint8_t)
COMPARISONS(int32_t)
COMPARISONS(int64_t)
COMPARISONS(float)
COMPARISONS(double)
INTEGERS(uint8_t, uint32_t)
INTEGERS(int32_t, uint32_t)
INTEGERS(int64_t, uint64_t)
FLOATS(float)
FLOATS(double)

UNARY(logical_not, uint8_t, uint8_t, x == 0)
BINARY(logical_and, uint8_t, uint8_t, (x != 0) & (y != 0))
BINARY(logical_or, uint8_t, uint8_t, (x | y) != 0)
BINARY(logical_xor, uint8_t, uint8_t, (x != 0) != (y != 0))
TERNARY(select_1, uint8_t, uint8_t, x ? y : z)
TERNARY(select_4, uint8_t, uint32_t, x ? y : z)
TERNARY(select_8, uint8_t, uint64_t, x ? y : z)

// Without SSE4.1's rounding: adding and subtracting 2^23 rounds, and larger numbers are whole already.
static inline ALWAYS float f32_round(float x) {
#ifdef HAS_ROUNDING
    return __builtin_rintf(x);
#else
    float a = __builtin_fabsf(x);
    float r = (a + 0x1p23f) - 0x1p23f;
    return a < 0x1p23f ? __builtin_copysignf(r, x) : x;
#endif
}

static inline ALWAYS float f32_floor(float x) {
#ifdef HAS_ROUNDING
    return __builtin_floorf(x);
#else
    float r = f32_round(x);
    return r > x ? r - 1.0f : r;
#endif
}

static inline ALWAYS float f32_ceil(float x) { return -f32_floor(-x); }

static inline ALWAYS float f32_trunc(float x) { return __builtin_copysignf(f32_floor(__builtin_fabsf(x)), x); }

UNARY(abs_float, float, float, __builtin_fabsf(x))
UNARY(sqrt_float, float, float, __builtin_elementwise_sqrt(x))
UNARY(rsqrt_float, float, float, 1.0f / __builtin_elementwise_sqrt(x))
UNARY_DEEP(exp_float, f32_exp(x))
UNARY_DEEP(exp2_float, f32_exp2(x))
UNARY_DEEP(expm1_float, f32_expm1(x))
UNARY_DEEP(log_float, f32_log(x))
UNARY_DEEP(log2_float, f32_log2(x))
UNARY_DEEP(log10_float, f32_log10(x))
UNARY_DEEP(log1p_float, f32_log1p(x))
UNARY_DEEP(asin_float, f32_asin(x))
UNARY_DEEP(acos_float, f32_acos(x))
UNARY_DEEP(atan_float, f32_atan(x))
UNARY_DEEP(sinh_float, f32_sinh(x))
UNARY_DEEP(cosh_float, f32_cosh(x))
UNARY_DEEP(tanh_float, f32_tanh(x))
UNARY_DEEP(sigmoid_float, f32_sigmoid(x))
#ifdef PICKS_FROM_REGISTERS
#include "body_erf_avx2.h"
#else
UNARY_DEEP(erf_float, f32_erf(x))
#endif
// Long enough by themselves.
UNARY(erfc_float, float, float, f32_erfc(x))
UNARY(erfinv_float, float, float, f32_erfinv(x))
UNARY(lgamma_float, float, float, f32_lgamma(x))
UNARY(digamma_float, float, float, f32_digamma(x))
UNARY(floor_float, float, float, f32_floor(x))
UNARY(ceil_float, float, float, f32_ceil(x))
UNARY(round_float, float, float, f32_round(x))
UNARY(trunc_float, float, float, f32_trunc(x))
BINARY(power_float, float, float, f32_pow(x, y))
BINARY(atan2_float, float, float, f32_atan2(x, y))
BINARY(floor_divide_float, float, float, floor_quotient_of_floats(x, y))

// The vector loop where all arguments are in range, the C library where one is not.
#define TRIGONOMETRIC(NAME) \
    UNARY_DEEP(NAME##_in_range, f32_##NAME(x)) \
    static void NAME##_float(ARGUMENTS) { \
        const float *p = a; \
        float *o = out; \
        int outside = 0; \
        EACH outside |= !(__builtin_fabsf(p[i]) < TRIGONOMETRIC_LIMIT); \
        if (!outside) return NAME##_in_range(out, a, b, c, n); \
        for (long i = 0; i < n; i++) { \
            float x = p[i]; \
            o[i] = __builtin_fabsf(x) < TRIGONOMETRIC_LIMIT ? f32_##NAME(x) : (float)NAME((double)x); \
        } \
    }
TRIGONOMETRIC(sin)
TRIGONOMETRIC(cos)
TRIGONOMETRIC(tan)

UNARY(abs_double, double, double, __builtin_fabs(x))
UNARY(sqrt_double, double, double, __builtin_elementwise_sqrt(x))
UNARY(rsqrt_double, double, double, 1.0 / __builtin_elementwise_sqrt(x))
// The C library's functions are called element by element: nothing to ask of the vectoriser.
#undef EACH
#define EACH for (long i = 0; i < n; i++)
UNARY(exp_double, double, double, exp(x))
UNARY(exp2_double, double, double, exp2(x))
UNARY(expm1_double, double, double, expm1(x))
UNARY(log_double, double, double, log(x))
UNARY(log2_double, double, double, log2(x))
UNARY(log10_double, double, double, log10(x))
UNARY(log1p_double, double, double, log1p(x))
UNARY(sin_double, double, double, sin(x))
UNARY(cos_double, double, double, cos(x))
UNARY(tan_double, double, double, tan(x))
UNARY(asin_double, double, double, asin(x))
UNARY(acos_double, double, double, acos(x))
UNARY(atan_double, double, double, atan(x))
UNARY(sinh_double, double, double, sinh(x))
UNARY(cosh_double, double, double, cosh(x))
UNARY(tanh_double, double, double, tanh(x))
UNARY(sigmoid_double, double, double, 1.0 / (1.0 + exp(-x)))
UNARY(erf_double, double, double, erf(x))
UNARY(erfc_double, double, double, erfc(x))
UNARY(erfinv_double, double, double, erfinv_of_double(x))
UNARY(lgamma_double, double, double, lgamma_of_double(x))
UNARY(digamma_double, double, double, digamma_of_double(x))
UNARY(round_double, double, double, rint(x))
UNARY(trunc_double, double, double, trunc(x))
BINARY(power_double, double, double, pow(x, y))
BINARY(atan2_double, double, double, atan2(x, y))
BINARY(remainder_float, float, float, remainder_of_floats(x, y))
BINARY(remainder_double, double, double, remainder_of_doubles(x, y))
BINARY(fmod_float, float, float, fmod_of_floats(x, y))
BINARY(fmod_double, double, double, fmod(x, y))
BINARY(floor_divide_double, double, double, floor_quotient_of_doubles(x, y))
#ifndef HAS_ROUNDING
UNARY(floor_double, double, double, floor(x))
UNARY(ceil_double, double, double, ceil(x))
#endif
#undef EACH
#define EACH _Pragma("clang loop vectorize(assume_safety)") for (long i = 0; i < n; i++)
#ifdef HAS_ROUNDING
UNARY(floor_double, double, double, __builtin_floor(x))
UNARY(ceil_double, double, double, __builtin_ceil(x))
#endif
