// Floats as bits, and the two half types as floats.

#include <stdint.h>

#define ALWAYS __attribute__((always_inline))

static inline ALWAYS float bits_float(uint32_t bits) {
    float value;
    __builtin_memcpy(&value, &bits, 4);
    return value;
}

static inline ALWAYS uint32_t float_bits(float value) {
    uint32_t bits;
    __builtin_memcpy(&bits, &value, 4);
    return bits;
}

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
