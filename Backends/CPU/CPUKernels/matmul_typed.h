/// The product in the other types: a simple blocked loop that the compiler vectorises; part of `matmul_body.h`.
///
/// Integers wrap, so they are computed as unsigned.

/// Columns and steps of the block of `b` that is copied next to each other.
enum { NT_TYPED_N = 32, NT_TYPED_K = 128 };

#define NT_TYPED(name, type)                                                                                           \
    static void name(                                                                                                  \
        long m, long n, long k, const void *av, long rsa, long csa, const void *bv, long rsb, long csb, void *cv,      \
        long ldc, void *scratch                                                                                        \
    ) {                                                                                                                \
        const type *a = av, *b = bv;                                                                                   \
        type *c = cv, *block = scratch;                                                                                \
        for (long j = 0; j < n; j += NT_TYPED_N) {                                                                     \
            const long columns = n - j < NT_TYPED_N ? n - j : NT_TYPED_N;                                              \
            for (long p0 = 0; p0 < k; p0 += NT_TYPED_K) {                                                              \
                const long steps = k - p0 < NT_TYPED_K ? k - p0 : NT_TYPED_K;                                          \
                for (long p = 0; p < steps; p++)                                                                       \
                    for (long q = 0; q < NT_TYPED_N; q++)                                                              \
                        block[p * NT_TYPED_N + q] = q < columns ? b[(p0 + p) * rsb + (j + q) * csb] : 0;               \
                for (long i = 0; i < m; i++) {                                                                         \
                    type sum[NT_TYPED_N] = {0};                                                                        \
                    for (long p = 0; p < steps; p++) {                                                                 \
                        const type x = a[i * rsa + (p0 + p) * csa];                                                    \
                        for (long q = 0; q < NT_TYPED_N; q++) sum[q] += x * block[p * NT_TYPED_N + q];                 \
                    }                                                                                                  \
                    type *to = c + i * ldc + j;                                                                        \
                    for (long q = 0; q < columns; q++) to[q] = p0 ? to[q] + sum[q] : sum[q];                           \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }
NT_TYPED(nt_typed_f64, double)
NT_TYPED(nt_typed_i32, uint32_t)
NT_TYPED(nt_typed_i64, uint64_t)
NT_TYPED(nt_typed_u8, uint8_t)
