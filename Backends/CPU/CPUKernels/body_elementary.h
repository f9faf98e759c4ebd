// Inverse trigonometric and hyperbolic functions, powers and logarithms to other bases, of float32: branch-free as those of
// body_math.h. The polynomials are minimax fits made for this project; errors in units in the last place were measured
// against the C library's double functions, over all numbers.

// pi and pi/2 as floats, and what they are too large by.
#define PI_FLOAT 0x1.921fb6p+1f
#define PI_EXCESS 0x1.777a5cp-24f
#define HALF_PI_FLOAT 0x1.921fb6p+0f
#define HALF_PI_EXCESS 0x1.777a5cp-25f

// The arcus tangent of -1...1.
static inline ALWAYS float atan_of_unit(float t) {
    float z = t * t;
    float p = -0x1.d4782ap-10f;
    p = p * z + 0x1.64b212p-7f;
    p = p * z - 0x1.fdefc4p-6f;
    p = p * z + 0x1.da59eap-5f;
    p = p * z - 0x1.581456p-4f;
    p = p * z + 0x1.c08f2ep-4f;
    p = p * z - 0x1.2420b4p-3f;
    p = p * z + 0x1.9991e6p-3f;
    p = p * z - 0x1.55553ep-2f;
    return (p * z) * t + t;
}

// pi/2 less that of the reciprocal beyond 1. Error at most 1.6 ulp.
static inline ALWAYS float f32_atan(float x) {
    float a = __builtin_fabsf(x);
    bool beyond = a > 1.0f;
    float r = atan_of_unit(beyond ? 1.0f / a : a);
    return with_sign_of(beyond ? HALF_PI_FLOAT - (r + HALF_PI_EXCESS) : r, x);
}

// The angle of (x, y), by the quotient of the smaller coordinate by the larger one, for the signs of zeros and the
// infinities too as C's atan2. Error at most 1.5 ulp.
static inline ALWAYS float f32_atan2(float y, float x) {
    float ax = __builtin_fabsf(x), ay = __builtin_fabsf(y);
    bool steep = ay > ax, behind = float_bits(x) >> 31;
    float larger = steep ? ay : ax, smaller = steep ? ax : ay;
    float q = smaller / larger;
    // Of two zeros, and of two infinities.
    q = larger == 0.0f ? 0.0f : smaller == __builtin_inff() ? 1.0f : q;
    float r = atan_of_unit(q);
    float base = steep ? HALF_PI_FLOAT : behind ? PI_FLOAT : 0.0f;
    float excess = steep ? HALF_PI_EXCESS : behind ? PI_EXCESS : 0.0f;
    float angle = base + ((steep != behind ? -r : r) - excess);
    return ((x != x) | (y != y)) ? x + y : with_sign_of(angle, y);
}

// The arcus sine of s = sqrt(z), s at most 1/2.
static inline ALWAYS float asin_of_half(float s, float z) {
    float p = 0x1.340f24p-5f;
    p = p * z + 0x1.d6ddf8p-7f;
    p = p * z + 0x1.04bbbap-5f;
    p = p * z + 0x1.6ca93ap-5f;
    p = p * z + 0x1.3338a6p-4f;
    p = p * z + 0x1.55554cp-3f;
    return (p * z) * s + s;
}

// Beyond 1/2 by that of sqrt((1 - |x|) / 2). Error at most 2.4 ulp.
static inline ALWAYS float f32_asin(float x) {
    float a = __builtin_fabsf(x);
    bool outer = a > 0.5f;
    float z = outer ? (1.0f - a) * 0.5f : a * a;
    float r = asin_of_half(outer ? __builtin_elementwise_sqrt(z) : a, z);
    return with_sign_of(outer ? HALF_PI_FLOAT - ((r + r) + HALF_PI_EXCESS) : r, x);
}

// The same reduction. Error at most 1.1 ulp.
static inline ALWAYS float f32_acos(float x) {
    float a = __builtin_fabsf(x);
    bool outer = a > 0.5f;
    float z = outer ? (1.0f - a) * 0.5f : a * a;
    float r = asin_of_half(outer ? __builtin_elementwise_sqrt(z) : x, z);
    float twice = r + r;
    return outer ? (x < 0.0f ? PI_FLOAT - (twice + PI_EXCESS) : twice) : HALF_PI_FLOAT - (r + HALF_PI_EXCESS);
}

// exp(x) / 2, which ends later than exp(x), for x from 0 on.
static inline ALWAYS float half_exp(float x) {
    int32_t k;
    float p = exp_parts(x > 90.0f ? 90.0f : x, &k);
    return scaled_by(p, k - 1);
}

// Odd polynomial for |x| < 1, half the difference of two exponentials beyond. Error at most 1.6 ulp.
static inline ALWAYS float f32_sinh(float x) {
    float a = __builtin_fabsf(x);
    float z = x * x;
    float p = 0x1.756c1ep-19f;
    p = p * z + 0x1.a022bcp-13f;
    p = p * z + 0x1.1110ep-7f;
    p = p * z + 0x1.555556p-3f;
    float e = half_exp(a);
    float y = a < 1.0f ? (p * z) * a + a : e - 0.25f / e;
    return x != x ? x : with_sign_of(y, x);
}

// Error at most 1.5 ulp.
static inline ALWAYS float f32_cosh(float x) {
    float e = half_exp(__builtin_fabsf(x));
    return x != x ? x : e + 0.25f / e;
}

// 2^n (1 + f q(f)), |f| <= 1/2: exact at whole numbers. Error at most 1.1 ulp; gradual underflow is right.
static inline ALWAYS float f32_exp2(float x) {
    float c = x > 129.0f ? 129.0f : x;
    c = c < -151.0f ? -151.0f : c;
    float shifted = c + ROUND_MAGIC;
    float f = c - (shifted - ROUND_MAGIC);
    float q = 0x1.417a5cp-13f;
    q = q * f + 0x1.5f0946p-10f;
    q = q * f + 0x1.3b2dd2p-7f;
    q = q * f + 0x1.c6af7ap-5f;
    q = q * f + 0x1.ebfbdcp-3f;
    q = q * f + 0x1.62e43p-1f;
    return scaled_by(q * f + 1.0f, (int32_t)(float_bits(shifted) - float_bits(ROUND_MAGIC)));
}

// k + (f + (f (log2 e - 1) + f^2 q(f))): exact at powers of 2. Error at most 1.3 ulp.
static inline ALWAYS float f32_log2(float x) {
    float e;
    float f = log_parts(x, &e);
    float q = -0x1.c67f74p-4f;
    q = q * f + 0x1.7f6b68p-3f;
    q = q * f - 0x1.878f56p-3f;
    q = q * f + 0x1.a2b5dcp-3f;
    q = q * f - 0x1.eaa98ap-3f;
    q = q * f + 0x1.277fe2p-2f;
    q = q * f - 0x1.715aeep-2f;
    q = q * f + 0x1.ec7092p-2f;
    q = q * f - 0x1.71547p-1f;
    float rest = (q * f) * f + f * 0x1.c551dap-2f;
    return log_or_limit(e + (f + rest), x);
}

// k log10 2 + (7/16 f + (f (log10 e - 7/16) + f^2 q(f))). Error at most 1.9 ulp, and none at powers of 10.
static inline ALWAYS float f32_log10(float x) {
    float e;
    float f = log_parts(x, &e);
    float q = -0x1.10d22p-5f;
    q = q * f + 0x1.ccc04p-5f;
    q = q * f - 0x1.d755acp-5f;
    q = q * f + 0x1.f84f9p-5f;
    q = q * f - 0x1.276d1p-4f;
    q = q * f + 0x1.63d072p-4f;
    q = q * f - 0x1.bcbf44p-4f;
    q = q * f + 0x1.287a7p-3f;
    q = q * f - 0x1.bcb7aap-3f;
    // log10 2 in two parts; the first has 8 low zero bits, so that k times it is exact.
    float rest = (q * f) * f + (e * 0x1.3509f8p-18f - f * 0x1.a42756p-9f);
    float y = e * 0x1.344p-2f + (f * 0.4375f + rest);
    return log_or_limit(y, x);
}
