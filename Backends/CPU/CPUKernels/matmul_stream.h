/// The product of a few rows with a `b` that no cache holds; part of `matmul_body.h`. Register blocks read `b` down its
/// columns, a line of each row and page; here its rows pass by once, in the order in which they lie.

/// Adds `steps` rows of `b` to `rows` rows of `c`; both are literals where this is inlined. `first`: `c` holds nothing yet.
static inline __attribute__((always_inline)) void nt_stream_rows(
    int rows, int steps, int first, long n, const float *a, long rsa, long csa, const float *b, long ldb, float *c,
    long ldc
) {
    float x[2][4];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int s = 0; s < steps; s++) x[i][s] = a[i * rsa + s * csa];
    long j = 0;
    for (; j + NT_VL <= n; j += NT_VL) {
        vf sum[2];
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) sum[i] = first ? (vf){0} : *(const vf *)(c + i * ldc + j);
#pragma clang loop unroll(full)
        for (int s = 0; s < steps; s++) {
            const vf y = *(const vf *)(b + s * ldb + j);
#pragma clang loop unroll(full)
            for (int i = 0; i < rows; i++) sum[i] += x[i][s] * y;
        }
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) *(vf *)(c + i * ldc + j) = sum[i];
    }
    for (; j < n; j++)
        for (int i = 0; i < rows; i++) {
            float sum = first ? 0 : c[i * ldc + j];
            for (int s = 0; s < steps; s++) sum += x[i][s] * b[s * ldb + j];
            c[i * ldc + j] = sum;
        }
}

#define NT_STREAM(rows, steps)                                                                                         \
    static __attribute__((noinline)) void nt_stream_##rows##_##steps(                                                 \
        long n, const float *a, long rsa, long csa, const float *b, long ldb, float *c, long ldc, int first           \
    ) {                                                                                                                \
        if (first) nt_stream_rows(rows, steps, 1, n, a, rsa, csa, b, ldb, c, ldc);                                    \
        else nt_stream_rows(rows, steps, 0, n, a, rsa, csa, b, ldb, c, ldc);                                          \
    }
NT_STREAM(1, 1) NT_STREAM(1, 4) NT_STREAM(2, 1) NT_STREAM(2, 4)

static void nt_stream(
    long m, long n, long k, const float *a, long rsa, long csa, const float *b, long ldb, float *c, long ldc
) {
    for (long p = 0, steps; p < k; p += steps) {
        steps = k - p >= 4 ? 4 : 1;
        for (long i = 0, rows; i < m; i += rows) {
            rows = m - i >= 2 ? 2 : 1;
            (rows == 2 ? (steps == 4 ? nt_stream_2_4 : nt_stream_2_1) : (steps == 4 ? nt_stream_1_4 : nt_stream_1_1))(
                n, a + i * rsa + p * csa, rsa, csa, b + p * ldb, ldb, c + i * ldc, ldc, p == 0);
        }
    }
}
