/// The transforms of F(4x4, 3x3), compiled once for each instruction set: the including file defines `NT_WL` (lanes, 4
/// or 8) and `NT_TABLE`.

#include <string.h>

#include "winograd_internal.h"

typedef float wv __attribute__((vector_size(4 * NT_WL), aligned(4), may_alias));
typedef float w4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef float w2 __attribute__((vector_size(8), aligned(4), may_alias));
#define NT_INLINE static inline __attribute__((always_inline))

// Macros, because a function with such vectors as arguments has no fixed ABI on the baseline.

/// 4x4 transposition within each group of four lanes.
#if NT_WL == 8
#define NT_UNPACK_LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define NT_UNPACK_HIGH(a, b) __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define NT_PAIRS_LOW(a, b) __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define NT_PAIRS_HIGH(a, b) __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#define NT_EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 8, 10, 4, 6, 12, 14)
#define NT_ODD(a, b) __builtin_shufflevector(a, b, 1, 3, 9, 11, 5, 7, 13, 15)
#else
#define NT_UNPACK_LOW(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define NT_UNPACK_HIGH(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#define NT_PAIRS_LOW(a, b) __builtin_shufflevector(a, b, 0, 1, 4, 5)
#define NT_PAIRS_HIGH(a, b) __builtin_shufflevector(a, b, 2, 3, 6, 7)
#define NT_EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6)
#define NT_ODD(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7)
#endif

/// Four floats at `from[lane]`, and at `from[lane + 4]` where there are eight lanes.
NT_INLINE void nt_load4(const float *const *from, long lane, long at, wv *to) {
#if NT_WL == 8
    const w4 low = *(const w4 *)(from[lane] + at), high = *(const w4 *)(from[lane + 4] + at);
    *to = __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7);
#else
    *to = *(const w4 *)(from[lane] + at);
#endif
}

/// Two floats of each of lanes `lane` and `lane + 1` (and of those four further on).
NT_INLINE void nt_load2(const float *const *from, long lane, long at, wv *to) {
    const w2 a = *(const w2 *)(from[lane] + at), b = *(const w2 *)(from[lane + 1] + at);
    const w4 low = __builtin_shufflevector(a, b, 0, 1, 2, 3);
#if NT_WL == 8
    const w2 c = *(const w2 *)(from[lane + 4] + at), d = *(const w2 *)(from[lane + 5] + at);
    const w4 high = __builtin_shufflevector(c, d, 0, 1, 2, 3);
    *to = __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7);
#else
    *to = low;
#endif
}

/// Column j of a row of four, lane by lane.
NT_INLINE void nt_columns4(const float *const *from, long at, wv *d) {
    wv a, b, c, e;
    nt_load4(from, 0, at, &a);
    nt_load4(from, 1, at, &b);
    nt_load4(from, 2, at, &c);
    nt_load4(from, 3, at, &e);
    const wv ab0 = NT_UNPACK_LOW(a, b), ab1 = NT_UNPACK_HIGH(a, b), ce0 = NT_UNPACK_LOW(c, e),
             ce1 = NT_UNPACK_HIGH(c, e);
    d[0] = NT_PAIRS_LOW(ab0, ce0);
    d[1] = NT_PAIRS_HIGH(ab0, ce0);
    d[2] = NT_PAIRS_LOW(ab1, ce1);
    d[3] = NT_PAIRS_HIGH(ab1, ce1);
}

/// The input transform along one dimension.
NT_INLINE void nt_input6(const wv *d, long step, wv *o) {
    const wv d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
    const wv a = d4 - 4 * d2, b = d3 - 4 * d1, c = d4 - d2, e = 2 * (d3 - d1);
    o[0] = 4 * d0 - 5 * d2 + d4;
    o[1] = a + b;
    o[2] = a - b;
    o[3] = c + e;
    o[4] = c - e;
    o[5] = 4 * d1 - 5 * d3 + d5;
}

static void nt_wino_input(const float *const *from, long row, float *to, long step) {
    wv e[36], o[6];
#pragma clang loop unroll(disable)
    for (long r = 0; r < 6; r++) {
        wv d[6], a, b;
        nt_columns4(from, r * row, d);
        nt_load2(from, 0, r * row + 4, &a);
        nt_load2(from, 2, r * row + 4, &b);
        d[4] = NT_EVEN(a, b);
        d[5] = NT_ODD(a, b);
        nt_input6(d, 1, e + 6 * r);
    }
#pragma clang loop unroll(disable)
    for (long j = 0; j < 6; j++) {
        nt_input6(e + j, 6, o);
#pragma clang loop unroll(full)
        for (long i = 0; i < 6; i++) *(wv *)(to + (6 * i + j) * step) = o[i];
    }
}

/// The transposed output transform along one dimension.
NT_INLINE void nt_gradient4(const wv *d, long step, wv *o) {
    const wv d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step];
    const wv a = d0 + d2, b = d1 + d3, c = d0 + 4 * d2, e = 2 * d1 + 8 * d3;
    o[0] = d0;
    o[1] = a + b;
    o[2] = a - b;
    o[3] = c + e;
    o[4] = c - e;
    o[5] = d3;
}

static void nt_wino_gradient(const float *const *from, long row, float *to, long step) {
    wv e[24], o[6];
#pragma clang loop unroll(disable)
    for (long r = 0; r < 4; r++) {
        wv d[4];
        nt_columns4(from, r * row, d);
        nt_gradient4(d, 1, e + 6 * r);
    }
#pragma clang loop unroll(disable)
    for (long j = 0; j < 6; j++) {
        nt_gradient4(e + j, 6, o);
#pragma clang loop unroll(full)
        for (long i = 0; i < 6; i++) *(wv *)(to + (6 * i + j) * step) = o[i];
    }
}

/// The output transform along one dimension.
NT_INLINE void nt_output4(const wv *m, long step, wv *o, long ostep) {
    const wv s = m[step] + m[2 * step], t = m[step] - m[2 * step], u = m[3 * step] + m[4 * step],
             v = m[3 * step] - m[4 * step];
    o[0] = m[0] + s + u;
    o[ostep] = t + 2 * v;
    o[2 * ostep] = s + 4 * u;
    o[3 * ostep] = t + 8 * v + m[5 * step];
}

static void nt_wino_output(
    const float *from, long step, long count, float *const *to, long row, const int32_t *height, const int32_t *width
) {
    wv y[24];
    int whole = count == NT_WL;
    for (long lane = 0; lane < count; lane++) whole &= height[lane] == 4 && width[lane] == 4;
#pragma clang loop unroll(disable)
    for (long j = 0; j < 6; j++) {
        wv m[6];
#pragma clang loop unroll(full)
        for (long i = 0; i < 6; i++) m[i] = *(const wv *)(from + (6 * i + j) * step);
        nt_output4(m, 1, y + j, 6);
    }
#pragma clang loop unroll(disable)
    for (long r = 0; r < 4; r++) {
        wv o[4], t[4];
        nt_output4(y + 6 * r, 1, o, 1);
        const wv ab0 = NT_UNPACK_LOW(o[0], o[1]), ab1 = NT_UNPACK_HIGH(o[0], o[1]), ce0 = NT_UNPACK_LOW(o[2], o[3]),
                 ce1 = NT_UNPACK_HIGH(o[2], o[3]);
        // t[i] holds the rows of lanes i and i + 4.
        t[0] = NT_PAIRS_LOW(ab0, ce0);
        t[1] = NT_PAIRS_HIGH(ab0, ce0);
        t[2] = NT_PAIRS_LOW(ab1, ce1);
        t[3] = NT_PAIRS_HIGH(ab1, ce1);
        if (whole) {
#pragma clang loop unroll(full)
            for (long i = 0; i < 4; i++) {
                *(w4 *)(to[i] + r * row) = __builtin_shufflevector(t[i], t[i], 0, 1, 2, 3);
#if NT_WL == 8
                *(w4 *)(to[i + 4] + r * row) = __builtin_shufflevector(t[i], t[i], 4, 5, 6, 7);
#endif
            }
        } else {
            for (long lane = 0; lane < count; lane++) {
                if (r >= height[lane]) continue;
                const float *values = (const float *)&t[lane % 4] + lane / 4 * 4;
                float *out = to[lane] + r * row;
                if (width[lane] == 4) {
                    *(w4 *)out = *(const w4 *)values;
                } else {
                    for (long x = 0; x < width[lane]; x++) out[x] = values[x];
                }
            }
        }
    }
}

/// The transposed weight transform along one dimension.
NT_INLINE void nt_weights3(const wv *p, long step, wv *o, long ostep) {
    const wv s = p[step] + p[2 * step], t = p[2 * step] - p[step], u = p[3 * step] + p[4 * step],
             v = p[3 * step] - p[4 * step];
    o[0] = p[0] * (1.0f / 4) - s * (1.0f / 6) + u * (1.0f / 24);
    o[ostep] = t * (1.0f / 6) + v * (1.0f / 12);
    o[2 * ostep] = (u - s) * (1.0f / 6) + p[5 * step];
}

static void nt_wino_weights(const float *from, long step, float *to) {
    wv y[18];
    for (long j = 0; j < 6; j++) {
        wv p[6];
        for (long i = 0; i < 6; i++) p[i] = *(const wv *)(from + (6 * i + j) * step);
        nt_weights3(p, 1, y + j, 6);
    }
    for (long r = 0; r < 3; r++) {
        wv o[3];
        nt_weights3(y + 6 * r, 1, o, 1);
        for (long i = 0; i < 3; i++) *(wv *)(to + (3 * r + i) * NT_WL) = o[i];
    }
}

const nt_winograd_kernels NT_TABLE = {NT_WL, nt_wino_input, nt_wino_gradient, nt_wino_output, nt_wino_weights};
