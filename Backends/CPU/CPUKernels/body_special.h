// The error function's complement and inverse, the logarithm of the gamma function and its derivative. float32 is
// branch-free as in body_elementary.h; of float64 the C library has some, and the others are here.

// exp(-x^2) q(x) / (1 + 2 x) from 1/2 on, q by a polynomial in (x - 2) / (x + 2); 1 - erf(x) below. Error at most 4 ulp.
static inline ALWAYS float f32_erfc(float x) {
    float c = x < 0.5f ? 0.5f : x > 10.5f ? 10.5f : x;
    float u = (c - 2.0f) / (c + 2.0f);
    float q = -0x1.e3eec2p-13f;
    q = q * u - 0x1.50dc3cp-10f;
    q = q * u + 0x1.2fa9aap-10f;
    q = q * u + 0x1.1c472cp-7f;
    q = q * u - 0x1.06885cp-7f;
    q = q * u - 0x1.bc22cep-5f;
    q = q * u + 0x1.4ff95cp-3f;
    q = q * u - 0x1.5407bap-3f;
    q = q * u - 0x1.7bf5eap-4f;
    q = q * u + 0x1.46e80ep+0f;
    // x^2 in two parts, the first the exact square of 12 bits.
    float high = bits_float((float_bits(c) + 0x800u) & 0xfffff000u);
    int32_t k;
    float r = exp_reduced(-(high * high), &k) - (c - high) * (c + high);
    float tail = scaled_by(exp_of_reduced(r) * (q / (1.0f + (c + c))), k);
    return x >= 0.5f ? tail : 1.0f - f32_erf(x);
}

// x p(w), w = -log(1 - x^2): a polynomial in w below 5, one in its root beyond. Error at most 2.8 ulp.
static inline ALWAYS float f32_erfinv(float x) {
    float a = __builtin_fabsf(x);
    float w = -f32_log((1.0f - a) * (1.0f + a));
    float t = w - 2.5f;
    float p = -0x1.1b7dccp-27f;
    p = p * t + 0x1.e096e6p-26f;
    p = p * t + 0x1.ee1a6ap-22f;
    p = p * t - 0x1.d8a278p-19f;
    p = p * t - 0x1.4bd02ap-18f;
    p = p * t + 0x1.ca6042p-13f;
    p = p * t - 0x1.4866f8p-10f;
    p = p * t - 0x1.11c994p-8f;
    p = p * t + 0x1.f91e8ap-3f;
    p = p * t + 0x1.805c5ep+0f;
    float s = __builtin_elementwise_sqrt(w) - 3.0f;
    float q = 0x1.da8bbp-14f;
    q = q * s - 0x1.3ffcd4p-12f;
    q = q * s - 0x1.cf51c6p-15f;
    q = q * s + 0x1.83cd42p-10f;
    q = q * s - 0x1.d76f08p-9f;
    q = q * s + 0x1.74deccp-8f;
    q = q * s - 0x1.f48c76p-8f;
    q = q * s + 0x1.357d0cp-7f;
    q = q * s + 0x1.006dc6p+0f;
    q = q * s + 0x1.6a9efcp+1f;
    float y = x * (w < 5.0f ? p : q);
    return a == 1.0f ? x * __builtin_inff() : y;
}

// x minus the nearest whole number.
static inline ALWAYS float past_whole(float x) {
    float a = __builtin_fabsf(x);
    float whole = (a + 0x1p23f) - 0x1p23f;
    return a < 0x1p23f ? with_sign_of(1.0f, x) * (a - whole) : x - x;
}

// log |gamma(x)|. Below 3 by a polynomial for gamma(2 + t), t in -1...1, beyond by Stirling's series, for negative x by
// the reflection at 0. Error at most 5.1 ulp for positive x; for negative ones that of its largest term.
static inline ALWAYS float f32_lgamma(float x) {
    float a = __builtin_fabsf(x);
    float log = f32_log(a);
    float t = a < 1.35f ? a - 1.0f : a - 2.0f;
    float p = -0x1.d2a8fap-16f;
    p = p * t + 0x1.32136cp-15f;
    p = p * t - 0x1.8ba71cp-19f;
    p = p * t + 0x1.5cce36p-14f;
    p = p * t - 0x1.179416p-12f;
    p = p * t + 0x1.0f1176p-11f;
    p = p * t - 0x1.32f01cp-10f;
    p = p * t + 0x1.7aa662p-9f;
    p = p * t - 0x1.e45916p-8f;
    p = p * t + 0x1.5132dap-6f;
    p = p * t - 0x1.13df8ep-4f;
    p = p * t + 0x1.4a34ccp-2f;
    p = p * t + 0x1.b0ee6p-2f;
    float inner = p * t - (a < 1.35f ? log : 0.0f);
    float z = 1.0f / (a * a);
    float s = -0x1.ac4654p-12f;
    s = s * z + 0x1.9648dcp-11f;
    s = s * z - 0x1.6bfb2p-9f;
    s = s * z + 0x1.555552p-4f;
    float outer = (a - 0.5f) * (log - 1.0f) + (s / a + 0x1.acfe3ap-2f);
    float y = a < 3.0f ? inner : outer;
    // log(pi / (a |sin(pi a)|)) - y, where a product with a could be too small.
    float r = past_whole(a), v = r * r;
    float sine = 0x1.463338p-4f;
    sine = sine * v - 0x1.32dd7p-1f;
    sine = sine * v + 0x1.466ed4p+1f;
    sine = sine * v - 0x1.4abbeep+2f;
    sine = sine * v + 0x1.921fb6p+1f;
    float reflected = ((0x1.250d04p+0f - f32_log(__builtin_fabsf(r) * sine)) - log) - y;
    reflected = ((r == 0.0f) | (a == __builtin_inff())) ? __builtin_inff() : reflected;
    return x < 0.0f ? reflected : y;
}

// The derivative of log gamma(x). In 1...2 a polynomial times the distance from the root, one step of the recurrence away
// from there, the asymptotic series from 3 on, for negative x the reflection. Error at most 3.7 ulp for positive x; for
// negative ones that of its larger term.
static inline ALWAYS float f32_digamma(float x) {
    float y = x < 0.0f ? 1.0f - x : x;
    bool below = y < 1.0f, above = y > 2.0f;
    float u = below ? y + 1.0f : above ? y - 1.0f : y;
    float t = u - 1.5f;
    float p = 0x1.34e6f8p-7f;
    p = p * t - 0x1.082904p-6f;
    p = p * t + 0x1.28ea2cp-6f;
    p = p * t - 0x1.a8f406p-6f;
    p = p * t + 0x1.4ca1b4p-5f;
    p = p * t - 0x1.fc1cd2p-5f;
    p = p * t + 0x1.852922p-4f;
    p = p * t - 0x1.2fedp-3f;
    p = p * t + 0x1.eca10ep-3f;
    p = p * t - 0x1.b1cb64p-2f;
    p = p * t + 0x1.e6f0ccp-1f;
    // The root in two parts.
    float inner = ((u - 0x1.762d86p+0f) - 0x1.ab5f2p-27f) * p;
    float step = 1.0f / (above ? u : y);
    inner = below ? inner - step : above ? inner + step : inner;
    float z = 1.0f / (y * y);
    float s = -0x1.661398p-9f;
    s = s * z + 0x1.f7f52p-9f;
    s = s * z - 0x1.10ea82p-7f;
    s = s * z + 0x1.555546p-4f;
    float outer = f32_log(y) - (0.5f / y + z * s);
    float value = y < 3.0f ? inner : outer;
    // pi / tan(pi x), of an angle of at most pi/4.
    float r = past_whole(x), b = __builtin_fabsf(r);
    float angle = PI_FLOAT * (b > 0.25f ? 0.5f - b : b);
    float sine = sine_of_reduced(angle), cosine = cosine_of_reduced(angle);
    float cotangent = with_sign_of(1.0f, r) * ((b > 0.25f ? sine : cosine) / (b > 0.25f ? cosine : sine));
    float reflected = r == 0.0f ? __builtin_nanf("") : value - PI_FLOAT * cotangent;
    float result = x < 0.0f ? reflected : value;
    return x == 0.0f ? -with_sign_of(__builtin_inff(), x) : result;
}

// Newton's method for erf(x) = y, by its complement near 1: a start of three digits, then Halley's steps, which triple them.
static inline double erfinv_of_double(double y) {
    const double a = 0.147;
    double b = fabs(y);
    if (!(b < 1)) return b == 1 ? y / 0.0 : y != y ? y : (double)__builtin_nanf("");
    double w = log((1 - b) * (1 + b));
    double h = 2 / (M_PI * a) + w / 2;
    double x = sqrt(sqrt(h * h - w / a) - h);
    for (int step = 0; step < 3; step++) {
        double error = b < 0.5 ? erf(x) - b : (1 - b) - erfc(x);
        double slope = M_2_SQRTPI * exp(-x * x);
        double newton = error / slope;
        x -= newton / (1 + x * newton);
    }
    return copysign(x, y);
}

// The recurrence up to 10, then the asymptotic series; for negative x the reflection.
static inline double digamma_of_double(double x) {
    if (x == 0) return -1 / x;
    if (x < 0) {
        double r = x - rint(x);
        return r == 0 ? (double)__builtin_nanf("") : digamma_of_double(1 - x) - M_PI / tan(M_PI * r);
    }
    double sum = 0;
    for (; x < 10; x += 1) sum -= 1 / x;
    double z = 1 / (x * x);
    double s = 691.0 / 32760;
    s = 1.0 / 132 - z * s;
    s = 1.0 / 240 - z * s;
    s = 1.0 / 252 - z * s;
    s = 1.0 / 120 - z * s;
    s = 1.0 / 12 - z * s;
    return sum + (log(x) - 0.5 / x - z * s);
}

static inline double lgamma_of_double(double x) {
    int sign;
    return lgamma_r(x, &sign);
}
