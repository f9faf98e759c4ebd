// float32 functions, branch-free so that loops over them become vector code. Errors are in units in the last place,
// measured against the C library's double functions. The polynomials are minimax fits made for this project.

// 2^n for n in -126...127.
static inline ALWAYS float power_of_two(int32_t n) { return bits_float((uint32_t)(n + 127) << 23); }

// Adding and subtracting it rounds to an integer, which also stands in the sum's low bits.
#define ROUND_MAGIC 12582912.0f

// r and n of x = n ln 2 + r, |r| <= ln 2 / 2.
static inline ALWAYS float exp_reduced(float x, int32_t *power) {
    float shifted = x * 1.44269504f + ROUND_MAGIC;
    float n = shifted - ROUND_MAGIC;
    *power = (int32_t)(float_bits(shifted) - float_bits(ROUND_MAGIC));
    // ln 2 in two parts; the first has 9 low zero bits, so that n times it is exact.
    float r = x - n * 0x1.62e4p-1f;
    return r - n * 0x1.7f7d1cp-20f;
}

// 1 + r + r^2 p(r).
static inline ALWAYS float exp_of_reduced(float r) {
    float p = 0x1.6a2556p-10f;
    p = p * r + 0x1.123a1p-7f;
    p = p * r + 0x1.5558fp-5f;
    p = p * r + 0x1.555492p-3f;
    p = p * r + 0x1.fffffcp-2f;
    p = (p * r) * r + r;
    return p + 1.0f;
}

// exp(x) = 2^n * (1 + r + r^2 p(r)). Gives the second factor, and n in *power.
static inline ALWAYS float exp_parts(float x, int32_t *power) { return exp_of_reduced(exp_reduced(x, power)); }

// x times 2^n, in two factors, because 2^n alone may be outside the normal range.
static inline ALWAYS float scaled_by(float x, int32_t n) {
    int32_t half = n >> 1;
    return x * power_of_two(half) * power_of_two(n - half);
}

// Error at most 1.1 ulp; gradual underflow is right.
static inline ALWAYS float f32_exp(float x) {
    float c = x > 89.0f ? 89.0f : x;
    c = c < -104.0f ? -104.0f : c;
    int32_t k;
    float p = exp_parts(c, &k);
    return scaled_by(p, k);
}

// exp(x) where |x| < 87: 2^n goes straight into the exponent.
static inline ALWAYS float exp_moderate(float x) {
    int32_t k;
    float p = exp_parts(x, &k);
    return bits_float(float_bits(p) + ((uint32_t)k << 23));
}

// x with the sign of `sign`, for x that is not negative or has that sign already.
static inline ALWAYS float with_sign_of(float x, float sign) {
    return bits_float(float_bits(x) | (float_bits(sign) & 0x80000000u));
}

// exp(x) - 1 = 2^n (r + r^2 p(r)) + (2^n - 1). Error at most 2 ulp.
static inline ALWAYS float f32_expm1(float x) {
    float c = x > 89.0f ? 89.0f : x;
    c = c < -20.0f ? -20.0f : c;
    float shifted = c * 1.44269504f + ROUND_MAGIC;
    float n = shifted - ROUND_MAGIC;
    float r = c - n * 0x1.62e4p-1f;
    r = r - n * 0x1.7f7d1cp-20f;
    float p = 0x1.a1a1aep-13f;
    p = p * r + 0x1.6d74c6p-10f;
    p = p * r + 0x1.11109p-7f;
    p = p * r + 0x1.5554aep-5f;
    p = p * r + 0x1.555556p-3f;
    p = p * r + 0x1p-1f;
    p = (p * r) * r + r;
    int32_t k = (int32_t)(float_bits(shifted) - float_bits(ROUND_MAGIC));
    // Half the power, doubled at the end: 2^128 is outside the range, and its multiples here are not.
    float s = power_of_two(k - 1);
    float y = (s * p + (s - 0.5f)) * 2.0f;
    // A product by 2^0 and a sum with 0 keep the value but not the sign of zero.
    return x == 0.0f ? x : y;
}

// f and e of x = 2^e (1 + f), 1 + f in sqrt(1/2)...sqrt(2), for positive finite x.
static inline ALWAYS float log_parts(float x, float *exponent) {
    bool tiny = x < 0x1p-126f;
    float scaled = tiny ? x * 0x1p23f : x;
    uint32_t bits = float_bits(scaled);
    int32_t k = (int32_t)(bits - 0x3f3504f3u) >> 23;
    *exponent = (float)(k - (tiny ? 23 : 0));
    return bits_float(bits - ((uint32_t)k << 23)) - 1.0f;
}

// The logarithm y of a positive finite x, and the limits of the others.
static inline ALWAYS float log_or_limit(float y, float x) {
    float special = x == 0.0f ? -__builtin_inff() : x < 0.0f ? __builtin_nanf("") : x;
    // +inf and NaN give themselves.
    return ((x > 0.0f) & (x < __builtin_inff())) ? y : special;
}

// log(x) = k ln 2 + f - f^2/2 + f^3 q(f), 1 + f in sqrt(1/2)...sqrt(2). Error at most 1.2 ulp.
static inline ALWAYS float f32_log(float x) {
    float e;
    float f = log_parts(x, &e);
    float q = 0x1.1bc972p-4f;
    q = q * f - 0x1.e3a31p-4f;
    q = q * f + 0x1.e6763ap-4f;
    q = q * f - 0x1.fb285ep-4f;
    q = q * f + 0x1.232ee4p-3f;
    q = q * f - 0x1.55637ap-3f;
    q = q * f + 0x1.99a574p-3f;
    q = q * f - 0x1.ffffecp-3f;
    q = q * f + 0x1.555546p-2f;
    float z = f * f;
    float y = (q * f) * z + e * 0x1.7f7d1cp-20f;
    y = y - 0.5f * z;
    y = (f + y) + e * 0x1.62e4p-1f;
    return log_or_limit(y, x);
}

// log(1 + x) = log(u) + (x - (u - 1)) / u with u = 1 + x rounded. Error at most 2 ulp.
static inline ALWAYS float f32_log1p(float x) {
    float u = 1.0f + x;
    float lost = x - (u - 1.0f);
    float log = f32_log(u);
    float y = ((u > 0.0f) & (u < __builtin_inff())) ? log + lost / u : log;
    return u == 1.0f ? x : y;
}

// Error at most 2.5 ulp. By way of exp(-|x|), which cannot overflow.
static inline ALWAYS float f32_sigmoid(float x) {
    float e = f32_exp(x < 0.0f ? x : -x);
    float r = 1.0f / (1.0f + e);
    return x < 0.0f ? e * r : r;
}

// Odd polynomial for |x| < 0.6, 1 - 2 / (exp(2|x|) + 1) beyond. Error at most 2 ulp.
static inline ALWAYS float f32_tanh(float x) {
    float a = __builtin_fabsf(x);
    float z = x * x;
    float p = -0x1.830ccep-8f;
    p = p * z + 0x1.54e04ap-6f;
    p = p * z - 0x1.b89ee2p-5f;
    p = p * z + 0x1.1109dcp-3f;
    p = p * z - 0x1.55553ep-2f;
    float small = (p * z) * x + x;
    float c = a > 10.0f ? 10.0f : a;
    float e = exp_moderate(c + c);
    // The sign comes last: the polynomial's sum loses that of zero.
    return with_sign_of(a < 0.6f ? small : 1.0f - 2.0f / (e + 1.0f), x);
}

// Odd polynomial for |x| < 1, one around the middle of 1...3.92 beyond, 1 from there on. Error at most 2.3 ulp.
// Coefficients: weighted least squares towards the smallest largest error, rounded one by one.
static inline ALWAYS float f32_erf(float x) {
    float a = __builtin_fabsf(x);
    float z = x * x;
    float p = -0x1.c2bdb6p-16f;
    p = p * z - 0x1.f87538p-12f;
    p = p * z + 0x1.3c18f2p-8f;
    p = p * z - 0x1.b4d0f8p-6f;
    p = p * z + 0x1.cdfc88p-4f;
    p = p * z - 0x1.81262cp-2f;
    p = p * z + 0x1.20dd74p+0f;
    float u = a - 2.475f;
    float q = -0x1.2e8fd8p-17f;
    q = q * u + 0x1.8ef9cap-16f;
    q = q * u + 0x1.ce3c3ep-15f;
    q = q * u - 0x1.33de4ep-12f;
    q = q * u + 0x1.7161d6p-12f;
    q = q * u + 0x1.099898p-11f;
    q = q * u - 0x1.7ded9ap-9f;
    q = q * u + 0x1.ac2bd4p-8f;
    q = q * u - 0x1.3429dcp-7f;
    q = q * u + 0x1.2f397ap-7f;
    q = q * u - 0x1.903246p-8f;
    q = q * u + 0x1.434f1cp-9f;
    q = q * u + 0x1.ffc31p-1f;
    float large = with_sign_of(a > 3.92f ? 1.0f : q, x);
    return a < 1.0f ? p * x : large;
}

// Beyond this the reduction by pi/2 below is not exact enough, and the C library's functions serve.
#define TRIGONOMETRIC_LIMIT 1000000.0f

// x minus the nearest multiple of pi/2, and that multiple's number modulo 4 in the low bits of *quadrant. In double, so
// that cancellation near the multiples costs nothing.
static inline ALWAYS float reduce_quarter(float x, int32_t *quadrant) {
    const double magic = 6755399441055744.0;
    double n = (double)x * 0.63661977236758134 + magic;
    uint64_t bits;
    __builtin_memcpy(&bits, &n, 8);
    n -= magic;
    *quadrant = (int32_t)bits;
    // pi/2 in two parts; the first has 20 low zero bits.
    return (float)(((double)x - n * 0x1.921fb544p+0) - n * 0x1.0b4611a626331p-34);
}

static inline ALWAYS float sine_of_reduced(float r) {
    float z = r * r;
    float p = 0x1.6cd736p-19f;
    p = p * z - 0x1.a00f98p-13f;
    p = p * z + 0x1.111108p-7f;
    p = p * z - 0x1.555556p-3f;
    return (p * z) * r + r;
}

static inline ALWAYS float cosine_of_reduced(float r) {
    float z = r * r;
    float p = -0x1.242a06p-22f;
    p = p * z + 0x1.a0111cp-16f;
    p = p * z - 0x1.6c16b8p-10f;
    p = p * z + 0x1.555556p-5f;
    return (p * z) * z - 0.5f * z + 1.0f;
}

// Error at most 1.5 ulp for |x| below the limit.
static inline ALWAYS float f32_sin(float x) {
    int32_t q;
    float r = reduce_quarter(x, &q);
    float y = q & 1 ? cosine_of_reduced(r) : sine_of_reduced(r);
    // The polynomial's sum loses the sign of zero.
    return x == 0.0f ? x : bits_float(float_bits(y) ^ (uint32_t)(q & 2) << 30);
}

static inline ALWAYS float f32_cos(float x) {
    int32_t q;
    float r = reduce_quarter(x, &q);
    float y = q & 1 ? sine_of_reduced(r) : cosine_of_reduced(r);
    return bits_float(float_bits(y) ^ (uint32_t)((q + 1) & 2) << 30);
}

// Error at most 3 ulp for |x| below the limit.
static inline ALWAYS float f32_tan(float x) {
    int32_t q;
    float r = reduce_quarter(x, &q);
    float s = sine_of_reduced(r), c = cosine_of_reduced(r);
    float y = (q & 1 ? -c : s) / (q & 1 ? s : c);
    return x == 0.0f ? x : y;
}

static inline ALWAYS double bits_double(uint64_t bits) {
    double value;
    __builtin_memcpy(&value, &bits, 8);
    return value;
}

static inline ALWAYS uint64_t double_bits(double value) {
    uint64_t bits;
    __builtin_memcpy(&bits, &value, 8);
    return bits;
}

// |x|^y for 0 < |x| < inf in double, relative error below 2^-28: exp2(y log2 |x|).
static inline ALWAYS double positive_power(float x, float y) {
    uint64_t bits = double_bits((double)__builtin_fabsf(x));
    int64_t k = (int64_t)(bits - 0x3fe6a09e667f3bcdull) >> 52;
    double m = bits_double(bits - ((uint64_t)k << 52));
    double s = (m - 1.0) / (m + 1.0), z = s * s;
    double p = 0x1.8c9b62p-4;
    p = p * z + 0x1.c67a00p-4;
    p = p * z + 0x1.249326p-3;
    p = p * z + 0.19999999390951553;
    p = p * z + 0.3333333333369415;
    double log2 = (double)(int32_t)k + (2.0 * s + 2.0 * s * (p * z)) * 1.4426950408889634;
    double t = (double)y * log2;
    t = t > 200.0 ? 200.0 : t < -200.0 ? -200.0 : t;
    const double magic = 6755399441055744.0;
    double shifted = t + magic, n = shifted - magic, f = t - n;
    double e = 1.5201814762651268e-05;
    e = e * f + 0.0001546942195691582;
    e = e * f + 0.0013333924041994307;
    e = e * f + 0.009618026848960756;
    e = e * f + 0.05550410350347914;
    e = e * f + 0.2402265120114596;
    e = e * f + 0.6931471807297999;
    e = e * f + 0.9999999999613789;
    return e * bits_double((double_bits(shifted) - double_bits(magic) + 1023) << 52);
}

// As C's pow: 1 for y = 0 and x = 1, NaN for a negative base and a fractional exponent. Error at most 1 ulp.
static inline ALWAYS float f32_pow(float x, float y) {
    float ax = __builtin_fabsf(x), ay = __builtin_fabsf(y);
    const float inf = __builtin_inff();
    float magnitude = (float)positive_power(x, y);
    // The limits of the base: 0 and infinity to a positive or negative power.
    float grows = y > 0.0f ? inf : 0.0f, shrinks = y > 0.0f ? 0.0f : inf;
    magnitude = ax == 0.0f ? shrinks : ax == inf ? grows : magnitude;
    // An infinite exponent.
    float limit = ax == 1.0f ? 1.0f : (ax > 1.0f) == (y > 0.0f) ? inf : 0.0f;
    magnitude = ay == inf ? limit : magnitude;
    // From 2^24 on every float is an even integer.
    bool large = ay >= 16777216.0f;
    float clamped = large ? 0.0f : y;
    int32_t integer = (int32_t)clamped;
    bool whole = large | ((float)integer == clamped);
    bool odd = whole & ((integer & 1) != 0);
    bool negative = float_bits(x) >> 31;
    float y1 = (negative & odd) ? -magnitude : magnitude;
    bool undefined = (x < 0.0f) & !whole & (ax != inf) & (ay != inf);
    y1 = undefined ? __builtin_nanf("") : y1;
    y1 = ((x != x) | (y != y)) ? x + y : y1;
    return ((y == 0.0f) | (x == 1.0f)) ? 1.0f : y1;
}
