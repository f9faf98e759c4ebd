/// Pooling of any window, and the split into planes.

#include <math.h>
#include <string.h>

#include "pooling_internal.h"

// A kind that is not named does not compile.
#pragma clang diagnostic error "-Wswitch"

/// The part of a window that lies within the input: taps `u0..<u1` by `v0..<v1`.
typedef struct {
    int64_t top, left, u0, u1, v0, v1;
} nt_window;

static void nt_clip(int64_t at, int64_t kernel, int64_t dilation, int64_t extent, int64_t *first, int64_t *last) {
    // Divisions take longer than the rest.
    *first = at >= 0 ? 0 : dilation == 1 ? -at : (-at + dilation - 1) / dilation;
    *last = at >= extent ? 0 : dilation == 1 ? extent - at : (extent - 1 - at) / dilation + 1;
    if (*last > kernel) *last = kernel;
    if (*last < *first) *last = *first;
}

static nt_window nt_window_at(const nt_pooling *p, int64_t y, int64_t x) {
    nt_window w = {y * p->sh - p->ph, x * p->sw - p->pw, 0, 0, 0, 0};
    nt_clip(w.top, p->kh, p->dh, p->ih, &w.u0, &w.u1);
    nt_clip(w.left, p->kw, p->dw, p->iw, &w.v0, &w.v1);
    return w;
}

/// What an average divides by: the taps within the input, or, with padding counted, those within the padded input.
static int64_t nt_divisor(const nt_pooling *p, const nt_window *w) {
    if (!p->counts_padding) return (w->u1 - w->u0) * (w->v1 - w->v0);
    int64_t u0, u1, v0, v1;
    nt_clip(w->top + p->ph, p->kh, p->dh, p->ih + 2 * p->ph, &u0, &u1);
    nt_clip(w->left + p->pw, p->kw, p->dw, p->iw + 2 * p->pw, &v0, &v1);
    return (u1 - u0) * (v1 - v0);
}

#define NT_POOLING(type)                                                                                               \
    /* The place of the first largest value (the first NaN, if any); -1 in a window without elements. */               \
    static int64_t nt_first_largest_##type(const nt_pooling *p, const type *plane, nt_window w) {                      \
        int64_t best = -1;                                                                                             \
        type value = 0;                                                                                                \
        for (int64_t u = w.u0; u < w.u1; u++)                                                                          \
            for (int64_t v = w.v0; v < w.v1; v++) {                                                                    \
                const int64_t at = (w.top + u * p->dh) * p->iw + w.left + v * p->dw;                                   \
                const type x = plane[at];                                                                              \
                if (best < 0 || x > value || (x != x && value == value)) best = at, value = x;                         \
            }                                                                                                          \
        return best;                                                                                                   \
    }                                                                                                                  \
    static void nt_pool_##type(const nt_pooling *p, const type *a, const type *b, void *result) {                      \
        type *to = result;                                                                                             \
        int64_t *indices = result;                                                                                     \
        const int spreads = p->kind == nt_pooling_maximum_gradient || p->kind == nt_pooling_average_gradient;          \
        if (spreads) memset(to, 0, p->ih * p->iw * sizeof(type));                                                      \
        for (int64_t y = 0, out = 0; y < p->oh; y++)                                                                   \
            for (int64_t x = 0; x < p->ow; x++, out++) {                                                               \
                const nt_window w = nt_window_at(p, y, x);                                                             \
                if (p->kind != nt_pooling_average && p->kind != nt_pooling_average_gradient) {                         \
                    const int64_t best = nt_first_largest_##type(p, a, w);                                             \
                    switch ((nt_pooling_kind)p->kind) {                                                                \
                    case nt_pooling_maximum: to[out] = best < 0 ? (type)-INFINITY : a[best]; break;                    \
                    case nt_pooling_maximum_indices: indices[out] = best < 0 ? 0 : best; break;                        \
                    case nt_pooling_maximum_gather: to[out] = best < 0 ? 0 : b[best]; break;                           \
                    case nt_pooling_maximum_gradient:                                                                  \
                        if (best >= 0) to[best] += b[out];                                                             \
                        break;                                                                                         \
                    case nt_pooling_average:                                                                           \
                    case nt_pooling_average_gradient: break;                                                           \
                    }                                                                                                  \
                    continue;                                                                                          \
                }                                                                                                      \
                const type divisor = (type)nt_divisor(p, &w);                                                          \
                type sum = 0;                                                                                          \
                for (int64_t u = w.u0; u < w.u1; u++)                                                                  \
                    for (int64_t v = w.v0; v < w.v1; v++) {                                                            \
                        const int64_t at = (w.top + u * p->dh) * p->iw + w.left + v * p->dw;                           \
                        if (spreads) to[at] += a[out] / divisor;                                                       \
                        else sum += a[at];                                                                             \
                    }                                                                                                  \
                if (!spreads) to[out] = sum / divisor;                                                                 \
            }                                                                                                          \
    }
NT_POOLING(float)
NT_POOLING(double)

/// Whether an average is taken of columns first and then of their sums: of windows that are large and overlap, where it
/// saves most of the additions. The rounding of others stays as it was.
static int nt_is_separable(const nt_pooling *p) {
    const int averages = p->kind == nt_pooling_average || p->kind == nt_pooling_average_gradient;
    return averages && p->kh * p->kw >= 16 && p->sw < p->kw;
}

#define NT_SEPARABLE(type)                                                                                             \
    /* `line` holds a row of the input: the sums of the columns under a row of windows, or what goes to each. */       \
    static void nt_average_##type(const nt_pooling *p, const type *a, type *line, type *to) {                          \
        const int spreads = p->kind == nt_pooling_average_gradient;                                                    \
        if (spreads) memset(to, 0, p->ih * p->iw * sizeof(type));                                                      \
        for (int64_t y = 0, out = 0; y < p->oh; y++) {                                                                 \
            const nt_window rows = nt_window_at(p, y, 0);                                                              \
            memset(line, 0, p->iw * sizeof(type));                                                                     \
            for (int64_t u = rows.u0; !spreads && u < rows.u1; u++) {                                                  \
                const type *row = a + (rows.top + u * p->dh) * p->iw;                                                  \
                for (int64_t x = 0; x < p->iw; x++) line[x] += row[x];                                                 \
            }                                                                                                          \
            for (int64_t x = 0; x < p->ow; x++, out++) {                                                               \
                const nt_window w = nt_window_at(p, y, x);                                                             \
                const type divisor = (type)nt_divisor(p, &w);                                                          \
                type sum = 0;                                                                                          \
                for (int64_t v = w.v0; v < w.v1; v++) {                                                                \
                    if (spreads) line[w.left + v * p->dw] += a[out] / divisor;                                         \
                    else sum += line[w.left + v * p->dw];                                                              \
                }                                                                                                      \
                if (!spreads) to[out] = sum / divisor;                                                                 \
            }                                                                                                          \
            for (int64_t u = rows.u0; spreads && u < rows.u1; u++) {                                                   \
                type *row = to + (rows.top + u * p->dh) * p->iw;                                                       \
                for (int64_t x = 0; x < p->iw; x++) row[x] += line[x];                                                 \
            }                                                                                                          \
        }                                                                                                              \
    }
NT_SEPARABLE(float)
NT_SEPARABLE(double)

nt_memory nt_pooling_memory(const nt_pooling *p) {
    return (nt_memory){.worker = nt_is_separable(p) ? (size_t)p->iw * sizeof(double) : 0};
}

typedef struct {
    const nt_pooling *p;
    const nt_workers *workers;
    const nt_epilogue *epilogue;
    const char *a, *b;
    char *result;
    /// Bytes of one plane of each; planes in a task.
    int64_t step_a, step_b, step_result, planes;
    int64_t height, width;
    const nt_pooling_pairs *pairs;
} nt_pooling_call;

static void nt_pooling_task(void *context, long index, int worker) {
    const nt_pooling_call *c = context;
    const nt_pooling *p = c->p;
    const int64_t first = index * c->planes;
    const int64_t last = first + c->planes < p->planes ? first + c->planes : p->planes;
    const char *a = c->a + first * c->step_a, *b = c->b ? c->b + first * c->step_b : 0;
    char *to = c->result + first * c->step_result;
    if (c->pairs && p->kind == nt_pooling_maximum) {
        c->pairs->maximum(last - first, p->ih, p->iw, (const float *)a, (float *)to);
    } else if (c->pairs) {
        c->pairs->gradient(last - first, p->ih, p->iw, (const float *)a, (const float *)b, (float *)to);
    } else {
        void *line = nt_is_separable(p) ? nt_worker_area(c->workers, worker) : 0;
        for (int64_t plane = first; plane < last; plane++) {
            if (line && p->element == nt_element_f64) nt_average_double(p, (const double *)a, line, (double *)to);
            else if (line) nt_average_float(p, (const float *)a, line, (float *)to);
            else if (p->element == nt_element_f64) nt_pool_double(p, (const double *)a, (const double *)b, to);
            else nt_pool_float(p, (const float *)a, (const float *)b, to);
            a += c->step_a;
            if (b) b += c->step_b;
            to += c->step_result;
        }
    }
    const int64_t begin[3] = {first, 0, 0}, end[3] = {last, c->height, c->width};
    nt_epilogue_run(c->epilogue, c->workers, worker, begin, end);
}

void nt_pooling_run(
    const nt_pooling *p, const nt_workers *workers, const void *a, const void *b, void *result,
    const nt_epilogue *epilogue
) {
    const int64_t size = p->element == nt_element_f64 ? 8 : 4, in = p->ih * p->iw * size, out = p->oh * p->ow * size;
    const int spreads = p->kind == nt_pooling_maximum_gradient || p->kind == nt_pooling_average_gradient;
    nt_pooling_call c = {
        .p = p, .workers = workers, .epilogue = epilogue, .a = a, .b = b, .result = result,
        .step_a = p->kind == nt_pooling_average_gradient ? out : in,
        .step_b = p->kind == nt_pooling_maximum_gather ? in : out,
        .step_result = spreads ? in : p->kind == nt_pooling_maximum_indices ? p->oh * p->ow * 8 : out,
        .height = spreads ? p->ih : p->oh, .width = spreads ? p->iw : p->ow};
    if (p->planes == 0 || c.height * c.width == 0) return;
    const int pairs = p->element == nt_element_f32 && p->kh == 2 && p->kw == 2 && p->sh == 2 && p->sw == 2
        && p->dh == 1 && p->dw == 1 && p->ph == 0 && p->pw == 0 && p->oh == p->ih / 2 && p->ow == p->iw / 2
        && (p->kind == nt_pooling_maximum || p->kind == nt_pooling_maximum_gradient);
    if (pairs) c.pairs = &nt_pooling_pairs_baseline;
#if defined(__x86_64__)
    if (pairs && p->isa >= NT_ISA_AVX2) c.pairs = &nt_pooling_pairs_avx2;
#endif
    // About 64 KiB a task, so that the epilogue finds the result in cache.
    const int64_t touched = in + out;
    c.planes = touched >= 65536 ? 1 : 65536 / touched;
    nt_pool_run(workers->pool, (p->planes + c.planes - 1) / c.planes, nt_pooling_task, &c);
}
