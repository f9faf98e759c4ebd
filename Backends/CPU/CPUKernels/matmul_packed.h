/// The blocked product with packed operands (after Goto and van de Geijn, "Anatomy of High-Performance Matrix
/// Multiplication", https://doi.org/10.1145/1356052.1356053); part of `matmul_body.h`.

/// `c (+)= a b` for one register block, through `edge` where it is not whole.
static void nt_panel(long m, long n, long k, const float *a, const float *b, float *c, long ldc, long accumulate) {
    if (n == NT_NR) {
        // The block of `c` arrives while the sums are formed.
        for (long i = 0; i < m; i++) __builtin_prefetch(c + i * ldc, 1), __builtin_prefetch(c + i * ldc + NT_NR - 1, 1);
        nt_colblocks[1][m - 1](k, a, NT_MR, b, NT_NR, c, ldc, accumulate);
        return;
    }
    float edge[NT_MR * NT_NR];
    nt_colblocks[1][m - 1](k, a, NT_MR, b, NT_NR, edge, NT_NR, 0);
    for (long i = 0; i < m; i++) {
        // Nothing is added to a first sum: -0 stays -0, as in whole blocks.
        for (long j = 0; accumulate && j < n; j++) c[i * ldc + j] += edge[i * NT_NR + j];
        if (!accumulate) memcpy(c + i * ldc, edge + i * NT_NR, n * sizeof(float));
    }
}

/// Packs `panel` lanes, an even number, each of which has its steps next to each other.
static inline __attribute__((always_inline)) void nt_pack_turned(
    long panel, long k, const float *source, long lane, float *to
) {
    // Four lanes by four steps at a time through registers, and a cache line's steps before the next lanes: where lanes
    // lie a power of two apart, few of their lines are in the cache at once.
    long p = 0;
    for (long end; p + 4 <= k; p = end) {
        end = p + 16 <= k ? p + 16 : p + 4;
        long i = 0;
        for (; i + 4 <= panel; i += 4) {
            for (long q = p; q < end; q += 4) {
                const float *s = source + i * lane + q;
                const vf4 a = *(const vf4 *)s, b = *(const vf4 *)(s + lane), c = *(const vf4 *)(s + 2 * lane),
                          d = *(const vf4 *)(s + 3 * lane);
                const vf4 ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5),
                          ab1 = __builtin_shufflevector(a, b, 2, 6, 3, 7),
                          cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5),
                          cd1 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
                float *t = to + q * panel + i;
                *(vf4 *)t = __builtin_shufflevector(ab0, cd0, 0, 1, 4, 5);
                *(vf4 *)(t + panel) = __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7);
                *(vf4 *)(t + 2 * panel) = __builtin_shufflevector(ab1, cd1, 0, 1, 4, 5);
                *(vf4 *)(t + 3 * panel) = __builtin_shufflevector(ab1, cd1, 2, 3, 6, 7);
            }
        }
        for (; i + 2 <= panel; i += 2) {
            for (long q = p; q < end; q += 4) {
                const float *s = source + i * lane + q;
                const vf4 a = *(const vf4 *)s, b = *(const vf4 *)(s + lane);
                const vf4 ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab1 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
                float *t = to + q * panel + i;
                *(vf2 *)t = __builtin_shufflevector(ab0, ab0, 0, 1);
                *(vf2 *)(t + panel) = __builtin_shufflevector(ab0, ab0, 2, 3);
                *(vf2 *)(t + 2 * panel) = __builtin_shufflevector(ab1, ab1, 0, 1);
                *(vf2 *)(t + 3 * panel) = __builtin_shufflevector(ab1, ab1, 2, 3);
            }
        }
    }
    for (; p < k; p++)
        for (long i = 0; i < panel; i++) to[p * panel + i] = source[i * lane + p];
}

/// Packs `width` lanes by `k` steps into panels of `panel` lanes, the last one filled up with zeros. `lane` and `step`
/// are the distances between neighbouring lanes and steps.
static inline __attribute__((always_inline)) void nt_pack(
    long panel, long width, long k, const float *from, long lane, long step, float *to
) {
    for (long l = 0; l < width; l += panel) {
        const long lanes = width - l < panel ? width - l : panel;
        const float *source = from + l * lane;
        if (lanes < panel) {
            for (long p = 0; p < k; p++)
                for (long i = 0; i < panel; i++) to[p * panel + i] = i < lanes ? source[i * lane + p * step] : 0;
        } else if (lane == 1) {
            for (long p = 0; p < k; p++) {
#pragma clang loop unroll(full)
                for (long i = 0; i < panel; i++) to[p * panel + i] = source[i + p * step];
            }
        } else if (step == 1) {
            nt_pack_turned(panel, k, source, lane, to);
        } else {
            for (long p = 0; p < k; p++)
                for (long i = 0; i < panel; i++) to[p * panel + i] = source[i * lane + p * step];
        }
        to += panel * k;
    }
}

static __attribute__((noinline)) void nt_pack_a(long m, long k, const float *a, long rsa, long csa, float *to) {
    nt_pack(NT_MR, m, k, a, rsa, csa, to);
}

static __attribute__((noinline)) void nt_pack_wide_a(
    long m, long k, const float *a, long rsa, long csa, float *to
) {
    nt_pack(NT_WM, m, k, a, rsa, csa, to);
}

static __attribute__((noinline)) void nt_pack_b(long n, long k, const float *b, long rsb, long csb, float *to) {
    nt_pack(NT_NR, n, k, b, csb, rsb, to);
}

/// Packs a panel of `columns` of `b` in so many vectors.
static void nt_pack_panel(long vectors, long columns, long k, const float *b, long rsb, long csb, float *to) {
    switch (vectors) {
    case 1: nt_pack(NT_VL, columns, k, b, csb, rsb, to); break;
    case 2: nt_pack(2 * NT_VL, columns, k, b, csb, rsb, to); break;
#if NT_WV == 4
    case 3: nt_pack(3 * NT_VL, columns, k, b, csb, rsb, to); break;
    case 4: nt_pack(4 * NT_VL, columns, k, b, csb, rsb, to); break;
#endif
    }
}

/// `c (+)= a b` for the `m` rows of a packed panel's `columns`, which have `vectors`; `a` has blocks of rows of which one is
/// at `rsa` from the next, or panels of `panelRows` where that is not 0.
static inline __attribute__((always_inline)) void nt_panel_rows(
    long m, long columns, long vectors, long k, const float *a, long rsa, long panelRows, const float *b, float *c,
    long ldc, long accumulate
) {
    const nt_block_fn *blocks = panelRows ? nt_colblocks[vectors - 1] : nt_rowblocks[vectors - 1];
    const long width = vectors * NT_VL;
    float edge[NT_MR * NT_WN];
    for (long i = 0, rows; i < m; i += rows) {
        rows = panelRows ? (m - i < panelRows ? m - i : panelRows) : nt_rows(m - i, vectors);
        const float *from = panelRows ? a + i * k : a + i * rsa;
        const long stride = panelRows ? panelRows : rsa;
        float *to = c + i * ldc;
        if (columns == width) {
            // The block of `c` arrives while the sums are formed.
            for (long r = 0; r < rows; r++)
                for (long v = 0; v < width; v += 16) __builtin_prefetch(to + r * ldc + v, 1);
            blocks[rows - 1](k, from, stride, b, width, to, ldc, accumulate);
            continue;
        }
        blocks[rows - 1](k, from, stride, b, width, edge, width, 0);
        for (long r = 0; r < rows; r++) {
            // Nothing is added to a first sum: -0 stays -0, as in whole panels.
            for (long j = 0; accumulate && j < columns; j++) to[r * ldc + j] += edge[r * width + j];
            if (!accumulate) memcpy(to + r * ldc, edge + r * width, columns * sizeof(float));
        }
    }
}

/// Packs a panel of `b` at a time, and reads the rows of `a` where they lie.
static void nt_paneled(
    long m, long n, long k, const float *a, long lda, const float *b, long rsb, long csb, float *c, long ldc,
    float *scratch
) {
    for (long j = 0; j < n; j += NT_WN) {
        const long columns = n - j < NT_WN ? n - j : NT_WN;
        const long vectors = (columns + NT_VL - 1) / NT_VL;
        nt_pack_panel(vectors, columns, k, b + j * csb, rsb, csb, scratch);
        nt_panel_rows(m, columns, vectors, k, a, lda, 0, scratch, c + j, ldc, 0);
    }
}

/// Widens neighbouring elements of float16 or bfloat16.
static inline __attribute__((always_inline)) void nt_widen_row(
    nt_element element, long count, const uint16_t *from, float *to
) {
    if (element == nt_element_bf16) {
        for (long i = 0; i < count; i++) to[i] = float_from_bfloat(from[i]);
    } else {
        for (long i = 0; i < count; i++) to[i] = float_from_half(from[i]);
    }
}

/// As `nt_pack`, of float16 or bfloat16 and at most NT_KC steps.
static inline __attribute__((always_inline)) void nt_pack_short(
    nt_element element, long panel, long width, long k, const uint16_t *from, long lane, long step, float *to
) {
    // The lanes of one panel, step by step in each.
    float wide[NT_WN * NT_KC];
    for (long l = 0; l < width; l += panel, to += panel * k) {
        const long lanes = width - l < panel ? width - l : panel;
        const uint16_t *source = from + l * lane;
        if (lane == 1 && lanes == panel) {
            for (long p = 0; p < k; p++) nt_widen_row(element, panel, source + p * step, to + p * panel);
            continue;
        }
        for (long i = 0; i < lanes; i++) {
            if (step == 1) {
                nt_widen_row(element, k, source + i * lane, wide + i * k);
            } else {
                for (long p = 0; p < k; p++) nt_widen_row(element, 1, source + i * lane + p * step, wide + i * k + p);
            }
        }
        nt_pack(panel, lanes, k, wide, k, 1, to);
    }
}

/// The blocked product; a literal `element` leaves one way of packing.
static inline __attribute__((always_inline)) void nt_packed_in(
    nt_element element, long m, long n, long k, const void *a, long rsa, long csa, const void *b, long rsb, long csb,
    float *c, long ldc, float *scratch
) {
    const int isShort = element != nt_element_f32, inPlace = NT_A_IN_PLACE && !isShort && csa == 1;
    // A product of few columns has tall blocks.
    const long panelRows = inPlace ? 0 : n > NT_NR ? NT_WM : NT_MR;
    float *packedA = (float *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
    float *packedB = packedA + (NT_MC + 12) * NT_KC;
    for (long jc = 0; jc < n; jc += NT_NC) {
        const long nc = n - jc < NT_NC ? n - jc : NT_NC;
        for (long pc = 0, kc; pc < k; pc += kc) {
            // The last two blocks share what is left, so that none is thin.
            const long left = k - pc;
            kc = left <= NT_KC ? left : left < 2 * NT_KC ? (left + 1) / 2 : NT_KC;
            for (long ic = 0; ic < m; ic += NT_MC) {
                const long mc = m - ic < NT_MC ? m - ic : NT_MC;
                const long fromA = ic * rsa + pc * csa;
                const float *rows = inPlace ? (const float *)a + fromA : packedA;
                if (isShort) {
                    const uint16_t *from = (const uint16_t *)a + fromA;
                    if (panelRows == NT_MR) nt_pack_short(element, NT_MR, mc, kc, from, rsa, csa, packedA);
                    else nt_pack_short(element, NT_WM, mc, kc, from, rsa, csa, packedA);
                } else if (!inPlace) {
                    const float *from = (const float *)a + fromA;
                    if (panelRows == NT_MR) nt_pack_a(mc, kc, from, rsa, csa, packedA);
                    else nt_pack_wide_a(mc, kc, from, rsa, csa, packedA);
                }
                for (long j = 0; j < nc; j += NT_WN) {
                    const long columns = nc - j < NT_WN ? nc - j : NT_WN;
                    const long vectors = (columns + NT_VL - 1) / NT_VL;
                    const long fromB = pc * rsb + (jc + j) * csb;
                    float *panel = packedB + j * kc;
                    if (ic == 0 && isShort)
                        nt_pack_short(
                            element, vectors * NT_VL, columns, kc, (const uint16_t *)b + fromB, csb, rsb, panel);
                    else if (ic == 0) nt_pack_panel(vectors, columns, kc, (const float *)b + fromB, rsb, csb, panel);
                    nt_panel_rows(
                        mc, columns, vectors, kc, rows, rsa, panelRows, panel, c + ic * ldc + jc + j, ldc, pc > 0);
                }
            }
        }
    }
}

static void nt_packed(
    long m, long n, long k, const float *a, long rsa, long csa, const float *b, long rsb, long csb, float *c, long ldc,
    float *scratch
) {
    nt_packed_in(nt_element_f32, m, n, k, a, rsa, csa, b, rsb, csb, c, ldc, scratch);
}

static void nt_widened(
    nt_element element, long m, long n, long k, const void *a, long rsa, long csa, const void *b, long rsb, long csb,
    float *c, long ldc, float *scratch
) {
    if (element == nt_element_bf16) nt_packed_in(nt_element_bf16, m, n, k, a, rsa, csa, b, rsb, csb, c, ldc, scratch);
    else nt_packed_in(nt_element_f16, m, n, k, a, rsa, csa, b, rsb, csb, c, ldc, scratch);
}
