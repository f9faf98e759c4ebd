/// Pooling of any window, and the split into planes.

#include <math.h>
#include <string.h>

#include "pooling_internal.h"

// A kind that is not named does not compile.
#pragma clang diagnostic error "-Wswitch"

/// Windows, or taps of them, `first..<last`.
typedef struct {
    int64_t first, last;
} nt_span;

/// The taps of a window at `at` that lie within `extent`.
static nt_span nt_clipped(int64_t at, int64_t kernel, int64_t dilation, int64_t extent) {
    const int64_t first = at >= 0 ? 0 : (-at + dilation - 1) / dilation;
    int64_t last = at >= extent ? 0 : (extent - 1 - at) / dilation + 1;
    if (last > kernel) last = kernel;
    return (nt_span){first, last > first ? last : first};
}

/// The rows of the windows of result row `y` that lie within the input.
static nt_span nt_rows_of(const nt_pooling *p, int64_t y) {
    return nt_clipped(y * p->sh - p->ph, p->kh, p->dh, p->ih);
}

/// The windows of a row whose tap `v` lies within the input.
static nt_span nt_reach(const nt_pooling *p, int64_t v) {
    const int64_t before = p->pw - v * p->dw, behind = p->iw - 1 + before;
    const int64_t first = before > 0 ? (before + p->sw - 1) / p->sw : 0;
    int64_t last = behind < 0 ? 0 : behind / p->sw + 1;
    if (last > p->ow) last = p->ow;
    return (nt_span){first, last > first ? last : first};
}

/// The rows that an average of result row `y` divides by: those within the input, or, with padding counted, within the
/// padded input.
static int64_t nt_rows_counted(const nt_pooling *p, int64_t y) {
    const nt_span rows = p->counts_padding ? nt_clipped(y * p->sh, p->kh, p->dh, p->ih + 2 * p->ph) : nt_rows_of(p, y);
    return rows.last - rows.first;
}

static int64_t nt_columns_counted(const nt_pooling *p, int64_t x) {
    const nt_span columns = p->counts_padding ? nt_clipped(x * p->sw, p->kw, p->dw, p->iw + 2 * p->pw)
                                              : nt_clipped(x * p->sw - p->pw, p->kw, p->dw, p->iw);
    return columns.last - columns.first;
}

#define NT_TYPE double
#define NT_PLACE int64_t
#define NT_TARGET
#define NT_NAMED(name) name##_f64
#include "pooling_rows.h"
#undef NT_TYPE
#undef NT_PLACE
#undef NT_NAMED

#define NT_TYPE float
#define NT_PLACE int32_t
#define NT_NAMED(name) name##_f32
#include "pooling_rows.h"
#undef NT_TARGET
#undef NT_NAMED

#if defined(__x86_64__)
#define NT_TARGET __attribute__((target("avx2")))
#define NT_NAMED(name) name##_f32_avx2
#include "pooling_rows.h"
#endif

nt_memory nt_pooling_memory(const nt_pooling *p) {
    return (nt_memory){.worker = (size_t)(p->iw + 2 * p->ow + (p->kh + 2) * p->kw) * sizeof(double)};
}

typedef void (*nt_pool_plane)(const nt_pooling *, const void *, const void *, void *, void *);

static nt_pool_plane nt_pool_plane_of(const nt_pooling *p) {
    if (p->element == nt_element_f64) return nt_pool_plane_f64;
#if defined(__x86_64__)
    if (p->isa >= NT_ISA_AVX2) return nt_pool_plane_f32_avx2;
#endif
    return nt_pool_plane_f32;
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
        const nt_pool_plane pool = nt_pool_plane_of(p);
        void *line = nt_worker_area(c->workers, worker);
        for (int64_t plane = first; plane < last; plane++) {
            pool(p, a, b, to, line);
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
