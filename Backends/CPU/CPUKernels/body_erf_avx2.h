// The error function by a polynomial for each quarter of 0...4, whose coefficients are picked out of registers: with AVX2
// faster than two longer polynomials for all, which the other instruction sets use. Error at most 1.9 ulp.

// Coefficients of t^0...t^8, t being |x| less the quarter's middle: for erf(|x|) / |x| below 1, for erf(|x|) from there on.
// From Remez' algorithm, towards the smallest largest relative error.
static const float erf_coefficients[9][4] = {
    {0x1.0a7ef6p+0f, 0x1.eea556p-1f, 0x1.ffcaa8p-1f, 0x1.ffffe8p-1f},
    {-0x1.4c3876p-2f, 0x1.e72338p-4f, 0x1.1d8438p-9f, 0x1.6a34eep-18f},
    {-0x1.d6dd12p-3f, -0x1.6d5a84p-3f, -0x1.64e498p-8f, -0x1.3d02b2p-16f},
    {0x1.55c976p-3f, 0x1.1c3012p-3f, 0x1.118e8ap-7f, 0x1.63c08p-15f},
    {0x1.09180ap-5f, -0x1.6d6104p-5f, -0x1.1a7faep-7f, -0x1.1c56cap-14f},
    {-0x1.98c1e4p-5f, -0x1.eca138p-7f, 0x1.929c18p-8f, 0x1.51923ep-14f},
    {0x1.0a54e4p-15f, 0x1.3d055p-6f, -0x1.705d4ep-9f, -0x1.430332p-14f},
    {0x1.3f69acp-7f, -0x1.f67384p-9f, 0x1.a6bap-12f, 0x1.188ad8p-14f},
    {-0x1.21b216p-10f, -0x1.3f099cp-9f, 0x1.45c6ccp-12f, -0x1.38eea2p-15f},
};
static const float erf_middles[4] = {0.5f, 1.5f, 2.5f, 3.5f};

static inline ALWAYS __m256 erf_pick(const float *table, __m256i quarter) {
    return _mm256_permutevar_ps(_mm256_broadcast_ps((const __m128 *)table), quarter);
}

static inline ALWAYS __m256 erf_vector(__m256 x) {
    const __m256 one = _mm256_set1_ps(1.0f), minus_zero = _mm256_set1_ps(-0.0f);
    __m256 a = _mm256_andnot_ps(minus_zero, x);
    // Its low two bits choose. What they are beyond 4 does not matter, nor for a NaN, which stays one.
    __m256i quarter = _mm256_cvttps_epi32(a);
    __m256 t = _mm256_sub_ps(a, erf_pick(erf_middles, quarter));
    __m256 p = erf_pick(erf_coefficients[8], quarter);
    for (int i = 7; i >= 0; i--) p = _mm256_fmadd_ps(p, t, erf_pick(erf_coefficients[i], quarter));
    p = _mm256_mul_ps(p, _mm256_min_ps(a, one));
    p = _mm256_blendv_ps(p, one, _mm256_cmp_ps(a, _mm256_set1_ps(4.0f), _CMP_GE_OQ));
    return _mm256_or_ps(p, _mm256_and_ps(minus_zero, x));
}

static void erf_float(ARGUMENTS) {
    UNUSED_BC;
    float *o = out;
    const float *p = a;
    long i = 0;
    for (; i + 8 <= n; i += 8) _mm256_storeu_ps(o + i, erf_vector(_mm256_loadu_ps(p + i)));
    if (i == n) return;
    float rest[8] = {0};
    memcpy(rest, p + i, (size_t)(n - i) * sizeof(float));
    _mm256_storeu_ps(rest, erf_vector(_mm256_loadu_ps(rest)));
    memcpy(o + i, rest, (size_t)(n - i) * sizeof(float));
}
