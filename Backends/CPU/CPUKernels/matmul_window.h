/// Sums over windows: a row of pixels at a time times one weight a tap; part of `matmul_body.h`.

/// `rows` by `vectors`, which are literals where this is inlined.
static inline __attribute__((always_inline)) void nt_window_block(
    int rows, int vectors, long taps, const float *from, long step, const int32_t *offsets, const float *weights,
    float *to, long ldt
) {
    vf sum[4][4];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) sum[i][v] = (vf){0};
#pragma clang loop unroll(disable)
    for (long t = 0; t < taps; t++) {
        const float *at = from + offsets[t];
        const float w = weights[t];
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
            for (int v = 0; v < vectors; v++) sum[i][v] += w * *(const vf *)(at + i * step + v * NT_VL);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) *(vf *)(to + i * ldt + v * NT_VL) = sum[i][v];
}

#define NT_WINDOW_BLOCK(rows, vectors)                                                                                 \
    static __attribute__((noinline)) void nt_window_##rows##_##vectors(                                               \
        long taps, const float *from, long step, const int32_t *offsets, const float *weights, float *to, long ldt    \
    ) {                                                                                                                \
        nt_window_block(rows, vectors, taps, from, step, offsets, weights, to, ldt);                                  \
    }
#define NT_WINDOW_LIST(X) X(1, 1) X(1, 2) X(1, 3) X(1, 4) X(2, 1) X(2, 2) X(2, 3) X(2, 4) X(4, 1) X(4, 2)
NT_WINDOW_LIST(NT_WINDOW_BLOCK)

typedef void (*nt_window_fn)(long, const float *, long, const int32_t *, const float *, float *, long);
#define NT_WINDOW_ENTRY(rows, vectors) [rows - 1][vectors - 1] = nt_window_##rows##_##vectors,
static const nt_window_fn nt_window_blocks[4][4] = {NT_WINDOW_LIST(NT_WINDOW_ENTRY)};

static void nt_window(
    long rows, long count, long taps, const float *from, long step, const int32_t *offsets, const float *weights,
    float *to, long ldt
) {
    float edge[4 * NT_VL];
    const int narrow = count < NT_VL;
    for (long x = 0, vectors; x < count; x += vectors * NT_VL) {
        vectors = (count - x + NT_VL - 1) / NT_VL;
        if (vectors > 4) vectors = 4;
        // The last block moves left over columns that are done, where there are enough of them.
        if (vectors * NT_VL > count && !narrow) vectors = count / NT_VL;
        const long at = narrow || x + vectors * NT_VL <= count ? x : count - vectors * NT_VL;
        for (long y = 0, block; y < rows; y += block) {
            const long left = rows - y;
            block = left >= 4 && vectors <= 2 ? 4 : left >= 2 ? 2 : 1;
            float *into = narrow ? edge : to + y * ldt + at;
            nt_window_blocks[block - 1][vectors - 1](
                taps, from + y * step + at, step, offsets, weights, into, narrow ? NT_VL : ldt);
            for (long i = 0; narrow && i < block; i++)
                memcpy(to + (y + i) * ldt, edge + i * NT_VL, count * sizeof(float));
        }
    }
}

/// Most taps whose sums are formed together: as many as there are registers for, and for where they lie.
#define NT_MOST_DOT_TAPS 9

/// The dot products of `taps` shifted rows, a literal where this is inlined, with the same row.
static inline __attribute__((always_inline)) void nt_window_dot_block(
    int taps, long rows, long count, const float *from, long step, const int32_t *offsets, const float *with, long ldw,
    float *sums
) {
    typedef int vi __attribute__((vector_size(4 * NT_VL)));
    vf sum[NT_MOST_DOT_TAPS];
    const float *at[NT_MOST_DOT_TAPS];
#pragma clang loop unroll(full)
    for (int t = 0; t < taps; t++) sum[t] = (vf){0}, at[t] = from + offsets[t];
    // The row's end is a vector that begins within it, of which only the lanes behind what is done count.
    const long whole = count / NT_VL * NT_VL, last = count < NT_VL ? 0 : count - NT_VL;
    vi counts;
    for (int i = 0; i < NT_VL; i++) counts[i] = last + i >= whole && last + i < count ? -1 : 0;
    for (long y = 0; y < rows; y++) {
        const float *row = with + y * ldw;
        const long base = y * step;
        for (long x = 0; x < whole; x += NT_VL) {
            const vf value = *(const vf *)(row + x);
#pragma clang loop unroll(full)
            for (int t = 0; t < taps; t++) sum[t] += value * *(const vf *)(at[t] + base + x);
        }
        if (whole == count) continue;
        vf value;
        if (count < NT_VL) {
            value = (vf){0};
            memcpy(&value, row, count * sizeof(float));
        } else {
            value = *(const vf *)(row + last);
        }
#pragma clang loop unroll(full)
        for (int t = 0; t < taps; t++)
            sum[t] += (vf)((vi)(value * *(const vf *)(at[t] + base + last)) & counts);
    }
#pragma clang loop unroll(full)
    for (int t = 0; t < taps; t++) {
        const vf4 four = nt_fold(sum[t]);
        sums[t] = (four[0] + four[1]) + (four[2] + four[3]);
    }
}

#define NT_WINDOW_DOT_LIST(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9)
#define NT_WINDOW_DOT(taps)                                                                                            \
    static __attribute__((noinline)) void nt_window_dot_##taps(                                                       \
        long rows, long count, const float *from, long step, const int32_t *offsets, const float *with, long ldw,     \
        float *sums                                                                                                    \
    ) {                                                                                                                \
        nt_window_dot_block(taps, rows, count, from, step, offsets, with, ldw, sums);                                 \
    }
NT_WINDOW_DOT_LIST(NT_WINDOW_DOT)

typedef void (*nt_window_dot_fn)(
    long, long, const float *, long, const int32_t *, const float *, long, float *);
#define NT_WINDOW_DOT_ENTRY(taps) nt_window_dot_##taps,
static const nt_window_dot_fn nt_window_dots[NT_MOST_DOT_TAPS] = {NT_WINDOW_DOT_LIST(NT_WINDOW_DOT_ENTRY)};

static void nt_window_dot(
    long rows, long count, long taps, const float *from, long step, const int32_t *offsets, const float *with, long ldw,
    float *sums
) {
    const long groups = (taps + NT_MOST_DOT_TAPS - 1) / NT_MOST_DOT_TAPS;
    for (long group = 0, t = 0; group < groups; group++) {
        const long end = taps * (group + 1) / groups;
        nt_window_dots[end - t - 1](rows, count, from, step, offsets + t, with, ldw, sums + t);
        t = end;
    }
}
