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

UNARY(widen_half, uint16_t, float, float_from_half(x))
UNARY(widen_bfloat, uint16_t, float, float_from_bfloat(x))
UNARY(narrow_half, float, uint16_t, half_from_float(x))
UNARY(narrow_bfloat, float, uint16_t, bfloat_from_float(x))
UNARY(round_to_half, float, float, float_from_half(half_from_float(x)))
UNARY(round_to_bfloat, float, float, float_from_bfloat(bfloat_from_float(x)))
