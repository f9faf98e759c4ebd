/// The blocked product with packed operands (after Goto and van de Geijn, "Anatomy of High-Performance Matrix
/// Multiplication", https://doi.org/10.1145/1356052.1356053); part of `matmul_body.h`.

/// `c (+)= a b` for one register block, through `edge` where it is not whole.
static void nt_panel(long m, long n, long k, const float *a, const float *b, float *c, long ldc, long accumulate) {
    if (n == NT_NR) {
        // The block of `c` arrives while the sums are formed.
        for (long i = 0; i < m; i++) __builtin_prefetch(c + i * ldc, 1), __builtin_prefetch(c + i * ldc + NT_NR - 1, 1);
        nt_colblocks[m - 1](k, a, NT_MR, b, NT_NR, c, ldc, accumulate);
        return;
    }
    float edge[NT_MR * NT_NR];
    nt_colblocks[m - 1](k, a, NT_MR, b, NT_NR, edge, NT_NR, 0);
    for (long i = 0; i < m; i++)
        for (long j = 0; j < n; j++) c[i * ldc + j] = edge[i * NT_NR + j] + (accumulate ? c[i * ldc + j] : 0);
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
            // Four lanes by four steps at a time through registers.
            long p = 0;
            for (; p + 4 <= k; p += 4) {
                long i = 0;
                for (; i + 4 <= panel; i += 4) {
                    const float *s = source + i * lane + p;
                    const vf4 a = *(const vf4 *)s, b = *(const vf4 *)(s + lane), c = *(const vf4 *)(s + 2 * lane),
                              d = *(const vf4 *)(s + 3 * lane);
                    const vf4 ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5),
                              ab1 = __builtin_shufflevector(a, b, 2, 6, 3, 7),
                              cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5),
                              cd1 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
                    float *t = to + p * panel + i;
                    *(vf4 *)t = __builtin_shufflevector(ab0, cd0, 0, 1, 4, 5);
                    *(vf4 *)(t + panel) = __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7);
                    *(vf4 *)(t + 2 * panel) = __builtin_shufflevector(ab1, cd1, 0, 1, 4, 5);
                    *(vf4 *)(t + 3 * panel) = __builtin_shufflevector(ab1, cd1, 2, 3, 6, 7);
                }
                for (; i < panel; i++)
                    for (long q = 0; q < 4; q++) to[(p + q) * panel + i] = source[i * lane + p + q];
            }
            for (; p < k; p++)
                for (long i = 0; i < panel; i++) to[p * panel + i] = source[i * lane + p];
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

static __attribute__((noinline)) void nt_pack_b(long n, long k, const float *b, long rsb, long csb, float *to) {
    nt_pack(NT_NR, n, k, b, csb, rsb, to);
}

/// Packs a panel of `b` at a time, and reads the rows of `a` where they lie.
static void nt_paneled(
    long m, long n, long k, const float *a, long lda, const float *b, long rsb, long csb, float *c, long ldc,
    float *scratch
) {
    float edge[NT_MR * NT_NR];
    for (long j = 0; j < n; j += NT_NR) {
        const long columns = n - j < NT_NR ? n - j : NT_NR;
        nt_pack_b(columns, k, b + j * csb, rsb, csb, scratch);
        for (long i = 0, rows; i < m; i += rows) {
            rows = nt_rows(m - i);
            float *to = columns < NT_NR ? edge : c + i * ldc + j;
            nt_rowblocks[rows - 1](k, a + i * lda, lda, scratch, NT_NR, to, columns < NT_NR ? NT_NR : ldc, 0);
            if (columns == NT_NR) continue;
            for (long r = 0; r < rows; r++)
                memcpy(c + (i + r) * ldc + j, edge + r * NT_NR, columns * sizeof(float));
        }
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
    float wide[NT_NR * NT_KC];
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

static __attribute__((noinline)) void nt_pack_short_a(
    nt_element element, long m, long k, const uint16_t *a, long rsa, long csa, float *to
) {
    nt_pack_short(element, NT_MR, m, k, a, rsa, csa, to);
}

static __attribute__((noinline)) void nt_pack_short_b(
    nt_element element, long n, long k, const uint16_t *b, long rsb, long csb, float *to
) {
    nt_pack_short(element, NT_NR, n, k, b, csb, rsb, to);
}

/// The blocked product; a literal `element` leaves one way of packing.
static inline __attribute__((always_inline)) void nt_packed_in(
    nt_element element, long m, long n, long k, const void *a, long rsa, long csa, const void *b, long rsb, long csb,
    float *c, long ldc, float *scratch
) {
    const int isShort = element != nt_element_f32;
    float *packedA = (float *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
    float *packedB = packedA + (NT_MC + 12) * NT_KC;
    for (long jc = 0; jc < n; jc += NT_NC) {
        const long nc = n - jc < NT_NC ? n - jc : NT_NC;
        for (long pc = 0, kc; pc < k; pc += kc) {
            // The last two blocks share what is left, so that none is thin.
            const long left = k - pc;
            kc = left <= NT_KC ? left : left < 2 * NT_KC ? (left + 1) / 2 : NT_KC;
            const long fromB = pc * rsb + jc * csb;
            if (isShort) nt_pack_short_b(element, nc, kc, (const uint16_t *)b + fromB, rsb, csb, packedB);
            else nt_pack_b(nc, kc, (const float *)b + fromB, rsb, csb, packedB);
            for (long ic = 0; ic < m; ic += NT_MC) {
                const long mc = m - ic < NT_MC ? m - ic : NT_MC;
                const long fromA = ic * rsa + pc * csa;
                if (isShort) nt_pack_short_a(element, mc, kc, (const uint16_t *)a + fromA, rsa, csa, packedA);
                else nt_pack_a(mc, kc, (const float *)a + fromA, rsa, csa, packedA);
                for (long j = 0; j < nc; j += NT_NR) {
                    const long columns = nc - j < NT_NR ? nc - j : NT_NR;
                    for (long i = 0; i < mc; i += NT_MR) {
                        const long rows = mc - i < NT_MR ? mc - i : NT_MR;
                        nt_panel(
                            rows, columns, kc, packedA + i * kc, packedB + j * kc, c + (ic + i) * ldc + jc + j, ldc,
                            pc > 0);
                    }
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
