/// Pooling of 2x2 windows, compiled once for each instruction set: the including file defines `NT_TABLE`.

#include <string.h>

#include "pooling_internal.h"

typedef float v8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32_t m8 __attribute__((vector_size(32), aligned(4), may_alias));

#define NT_EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14)
#define NT_ODD(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15)

// Macros, because a function with such vectors as arguments has no fixed ABI on the baseline.

/// Where `b` replaces `a` as the first largest value: it is larger, or the first NaN.
#define NT_BEATS(b, a) (((b) > (a)) | (((b) != (b)) & ((a) == (a))))
#define NT_PICK(mask, yes, no) ((v8)(((m8)(yes) & (mask)) | ((m8)(no) & ~(mask))))

/// The largest of each of eight windows.
static inline __attribute__((always_inline)) void nt_pairs_largest(const float *r, const float *s, float *to) {
    const v8 r0 = *(const v8 *)r, r1 = *(const v8 *)(r + 8), s0 = *(const v8 *)s, s1 = *(const v8 *)(s + 8);
    const v8 t0 = NT_PICK(NT_BEATS(s0, r0), s0, r0), t1 = NT_PICK(NT_BEATS(s1, r1), s1, r1);
    const v8 a = NT_EVEN(t0, t1), b = NT_ODD(t0, t1);
    *(v8 *)to = NT_PICK(NT_BEATS(b, a), b, a);
}

static void nt_pairs_maximum(long planes, long height, long width, const float *input, float *output) {
    const long rows = height / 2, columns = width / 2;
    for (long plane = 0; plane < planes; plane++, input += height * width)
        for (long y = 0; y < rows; y++, output += columns) {
            const float *r = input + 2 * y * width, *s = r + width;
            if (columns < 8) {
                float line[2][16] = {0}, result[8];
                memcpy(line[0], r, 2 * columns * sizeof(float));
                memcpy(line[1], s, 2 * columns * sizeof(float));
                nt_pairs_largest(line[0], line[1], result);
                memcpy(output, result, columns * sizeof(float));
                continue;
            }
            // The last eight overlap those before: the same values are stored again.
            for (long x = 0; x < columns; x += 8) {
                const long at = x + 8 <= columns ? x : columns - 8;
                nt_pairs_largest(r + 2 * at, s + 2 * at, output + at);
            }
        }
}

/// Each gradient of eight windows goes to its window's first largest value.
static inline __attribute__((always_inline)) void nt_pairs_spread(
    const float *r, const float *s, const float *g, float *to, float *below
) {
    const v8 r0 = *(const v8 *)r, r1 = *(const v8 *)(r + 8), s0 = *(const v8 *)s, s1 = *(const v8 *)(s + 8);
    const v8 a = NT_EVEN(r0, r1), b = NT_ODD(r0, r1), c = NT_EVEN(s0, s1), d = NT_ODD(s0, s1);
    const m8 bwins = NT_BEATS(b, a);
    const v8 ab = NT_PICK(bwins, b, a);
    const m8 cwins = NT_BEATS(c, ab);
    const v8 abc = NT_PICK(cwins, c, ab);
    const m8 dwins = NT_BEATS(d, abc);
    const m8 value = *(const m8 *)g;
    const m8 ga = value & ~(bwins | cwins | dwins), gb = value & bwins & ~(cwins | dwins);
    const m8 gc = value & cwins & ~dwins, gd = value & dwins;
    *(m8 *)to = __builtin_shufflevector(ga, gb, 0, 8, 1, 9, 2, 10, 3, 11);
    *(m8 *)(to + 8) = __builtin_shufflevector(ga, gb, 4, 12, 5, 13, 6, 14, 7, 15);
    *(m8 *)below = __builtin_shufflevector(gc, gd, 0, 8, 1, 9, 2, 10, 3, 11);
    *(m8 *)(below + 8) = __builtin_shufflevector(gc, gd, 4, 12, 5, 13, 6, 14, 7, 15);
}

static void nt_pairs_gradient(
    long planes, long height, long width, const float *input, const float *gradient, float *result
) {
    const long rows = height / 2, columns = width / 2;
    for (long plane = 0; plane < planes; plane++, input += height * width, result += height * width) {
        for (long y = 0; y < rows; y++, gradient += columns) {
            const float *r = input + 2 * y * width, *s = r + width;
            float *to = result + 2 * y * width, *below = to + width;
            if (columns < 8) {
                float line[2][16] = {0}, g[8] = {0}, out[2][16];
                memcpy(line[0], r, 2 * columns * sizeof(float));
                memcpy(line[1], s, 2 * columns * sizeof(float));
                memcpy(g, gradient, columns * sizeof(float));
                nt_pairs_spread(line[0], line[1], g, out[0], out[1]);
                memcpy(to, out[0], 2 * columns * sizeof(float));
                memcpy(below, out[1], 2 * columns * sizeof(float));
            } else {
                for (long x = 0; x < columns; x += 8) {
                    const long at = x + 8 <= columns ? x : columns - 8;
                    nt_pairs_spread(r + 2 * at, s + 2 * at, gradient + at, to + 2 * at, below + 2 * at);
                }
            }
            // A last column or row that no window covers.
            if (width % 2) to[width - 1] = below[width - 1] = 0;
        }
        if (height % 2) memset(result + (height - 1) * width, 0, width * sizeof(float));
    }
}

const nt_pooling_pairs NT_TABLE = {nt_pairs_maximum, nt_pairs_gradient};
