// Conversions. Floats to integers saturate, and NaN gives 0; integers to narrower ones wrap; anything to bool is != 0.

#define CAST(FROM, F, TO, T, ...) UNARY(cast_##FROM##_##TO, F, T, __VA_ARGS__)
#define SATURATED(T, LOW, HIGH, MIN, MAX) (x != x ? 0 : x >= HIGH ? MAX : x <= LOW ? MIN : (T)x)

#define CASTS_FROM_INTEGER(FROM, F) \
    CAST(FROM, F, bool, uint8_t, x != 0) \
    CAST(FROM, F, u8, uint8_t, (uint8_t)x) \
    CAST(FROM, F, i32, int32_t, (int32_t)x) \
    CAST(FROM, F, i64, int64_t, (int64_t)x) \
    CAST(FROM, F, f32, float, (float)x) \
    CAST(FROM, F, f64, double, (double)x)

#define CASTS_FROM_FLOAT(FROM, F) \
    CAST(FROM, F, bool, uint8_t, x != 0) \
    CAST(FROM, F, u8, uint8_t, SATURATED(int32_t, 0, 255, 0, 255)) \
    CAST(FROM, F, i32, int32_t, SATURATED(int32_t, (F)-0x1p31, (F)0x1p31, INT32_MIN, INT32_MAX)) \
    CAST(FROM, F, i64, int64_t, SATURATED(int64_t, (F)-0x1p63, (F)0x1p63, INT64_MIN, INT64_MAX)) \
    CAST(FROM, F, f32, float, (float)x) \
    CAST(FROM, F, f64, double, (double)x)

CASTS_FROM_INTEGER(u8, uint8_t)
CASTS_FROM_INTEGER(i32, int32_t)
CASTS_FROM_INTEGER(i64, int64_t)
CASTS_FROM_FLOAT(f32, float)
CASTS_FROM_FLOAT(f64, double)

// To nearest even; subnormals are right, and NaN stays one.
static inline ALWAYS uint16_t half_from_float(float x) {
    uint32_t bits = float_bits(x), sign = bits & 0x80000000u, magnitude = bits ^ sign;
    // Subnormal: adding 0.5 leaves the rounded result in the low bits.
    uint32_t small = float_bits(bits_float(magnitude) + 0.5f) - float_bits(0.5f);
    uint32_t normal = (magnitude + 0xc8000fffu + ((magnitude >> 13) & 1)) >> 13;
    uint32_t special = magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u;
    uint32_t result = magnitude >= 0x47800000u ? special : magnitude < 0x38800000u ? small : normal;
    return (uint16_t)(result | sign >> 16);
}

static inline ALWAYS float float_from_half(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, magnitude = (uint32_t)(h & 0x7fff) << 13;
    // Moves the exponent by 112 through a product, which also normalises subnormals.
    float scaled = bits_float(magnitude) * 0x1p112f;
    uint32_t bits = (h & 0x7c00) == 0x7c00 ? magnitude | 0x7f800000u : float_bits(scaled);
    return bits_float(bits | sign);
}

static inline ALWAYS uint16_t bfloat_from_float(float x) {
    uint32_t bits = float_bits(x);
    uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1)) >> 16;
    return (uint16_t)(x != x ? (bits >> 16) | 0x40u : rounded);
}

static inline ALWAYS float float_from_bfloat(uint16_t b) { return bits_float((uint32_t)b << 16); }

UNARY(widen_half, uint16_t, float, float_from_half(x))
UNARY(widen_bfloat, uint16_t, float, float_from_bfloat(x))
UNARY(narrow_half, float, uint16_t, half_from_float(x))
UNARY(narrow_bfloat, float, uint16_t, bfloat_from_float(x))
UNARY(round_to_half, float, float, float_from_half(half_from_float(x)))
UNARY(round_to_bfloat, float, float, float_from_bfloat(bfloat_from_float(x)))
