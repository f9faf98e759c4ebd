/// Scatter-add. Every output element is summed by one task, in the source's order, so that no atomics are needed and
/// the bits do not depend on the number of threads.

#include "include/nt_scatter.h"

#include <string.h>

#include "body_bits.h"

/// Bytes of sums that stay in a core's cache while they are added to.
enum { nt_cached_sums = 262144 };

typedef struct {
    const nt_scatter *s;
    const char *source;
    const int64_t *index;
    /// Where sums are made: of float16 and bfloat16 in float32.
    char *sums;
    uint16_t *narrow;
    int64_t outer, inner;
    /// A task takes one outer slice, `chunk` of the inner elements, and one of `ranges` ranges of the output's axis.
    int64_t chunk, chunks, ranges;
} nt_scatter_call;

/// The element offsets, in source and index, of flat place `at` over `rank` dimensions.
static void nt_offsets(
    int rank, const int64_t *extents, const int64_t *a, const int64_t *b, int64_t at, int64_t *in_a, int64_t *in_b
) {
    *in_a = *in_b = 0;
    for (int d = rank - 1; d >= 0; d--) {
        const int64_t place = at % extents[d];
        at /= extents[d];
        *in_a += place * a[d];
        *in_b += place * b[d];
    }
}

#define NT_TYPE float
#define NT_SUM float
#define NT_LOAD(x) (x)
#define NT_NAMED(name) name##_f32
#include "scatter_sums.h"

#define NT_TYPE double
#define NT_SUM double
#define NT_LOAD(x) (x)
#define NT_NAMED(name) name##_f64
#include "scatter_sums.h"

#define NT_TYPE uint32_t
#define NT_SUM uint32_t
#define NT_LOAD(x) (x)
#define NT_NAMED(name) name##_i32
#include "scatter_sums.h"

#define NT_TYPE uint64_t
#define NT_SUM uint64_t
#define NT_LOAD(x) (x)
#define NT_NAMED(name) name##_i64
#include "scatter_sums.h"

#define NT_TYPE uint8_t
#define NT_SUM uint8_t
#define NT_LOAD(x) (x)
#define NT_NAMED(name) name##_u8
#include "scatter_sums.h"

#define NT_TYPE uint16_t
#define NT_SUM float
#define NT_LOAD(x) float_from_half(x)
#define NT_NAMED(name) name##_f16
#include "scatter_sums.h"

#define NT_TYPE uint16_t
#define NT_SUM float
#define NT_LOAD(x) float_from_bfloat(x)
#define NT_NAMED(name) name##_bf16
#include "scatter_sums.h"

typedef void (*nt_scatter_sums)(const nt_scatter_call *, int64_t, int64_t, int64_t, int64_t, int64_t);

static const nt_scatter_sums nt_scatter_routines[nt_element_count] = {
    [nt_element_f32] = nt_scatter_f32, [nt_element_f64] = nt_scatter_f64, [nt_element_i32] = nt_scatter_i32,
    [nt_element_i64] = nt_scatter_i64, [nt_element_u8] = nt_scatter_u8, [nt_element_f16] = nt_scatter_f16,
    [nt_element_bf16] = nt_scatter_bf16};

static void nt_scatter_task(void *context, long task, int worker) {
    (void)worker;
    const nt_scatter_call *c = context;
    const int64_t range = task % c->ranges, chunk = task / c->ranges % c->chunks;
    const int64_t outer = task / (c->ranges * c->chunks), count = c->s->count;
    const int64_t low = range * count / c->ranges, high = (range + 1) * count / c->ranges;
    const int64_t first = chunk * c->chunk;
    const int64_t last = first + c->chunk < c->inner ? first + c->chunk : c->inner;
    nt_scatter_routines[c->s->element](c, outer, low, high, first, last);
    if (!nt_is_short(c->s->element)) return;
    // Each sum is rounded once.
    const float *sums = (const float *)c->sums;
    const int half = c->s->element == nt_element_f16;
    for (int64_t row = outer * count + low; row < outer * count + high; row++)
        for (int64_t i = row * c->inner + first; i < row * c->inner + last; i++)
            c->narrow[i] = half ? half_from_float(sums[i]) : bfloat_from_float(sums[i]);
}

int nt_scatter_has_routine(int32_t element) {
    return element >= 0 && element < nt_element_count && nt_scatter_routines[element] != 0;
}

nt_memory nt_scatter_memory(const nt_scatter *s) {
    if (!nt_is_short(s->element)) return (nt_memory){0};
    size_t places = (size_t)s->count;
    for (int d = 0; d < s->outer_rank; d++) places *= (size_t)s->outer[d];
    for (int d = 0; d < s->inner_rank; d++) places *= (size_t)s->inner[d];
    return (nt_memory){.call = places * sizeof(float)};
}

/// Whether an index stands for a whole row behind it, as of an embedding's gradient.
static int nt_takes_rows(const nt_scatter *s) { return s->inner_rank == 1 && s->inner_index[0] == 0; }

static int64_t nt_sum_size(const nt_scatter *s) {
    return s->element == nt_element_f64 || s->element == nt_element_i64 ? 8 : 4;
}

void nt_scatter_run(
    const nt_scatter *s, const nt_workers *workers, const void *source, const int64_t *index, void *output
) {
    nt_scatter_call c = {s, source, index, output, output, 1, 1, 1, 1, 1};
    if (nt_is_short(s->element)) c.sums = nt_call_area(workers);
    for (int d = 0; d < s->outer_rank; d++) c.outer *= s->outer[d];
    for (int d = 0; d < s->inner_rank; d++) c.inner *= s->inner[d];
    if (c.outer * c.inner * s->count == 0) return;
    // Split by shape: first the outer slices, then the inner elements, then the output's rows.
    const double work = (double)c.outer * (double)c.inner * (double)(s->extent + s->count);
    const int64_t wanted = work < 2e4 ? 1 : 16;
    c.chunk = c.inner;
    const int64_t rows = wanted / c.outer;
    if (c.outer < wanted && c.inner >= 32 && nt_takes_rows(s) && s->count >= 4 * rows) {
        // Ranges of rows whose sums stay in a core's cache. Every range reads all indices, beside which the adding of
        // whole rows is much. Long rows are halved, for indices of which most fall in one range.
        const int64_t fitting = s->count * c.inner * nt_sum_size(s) / nt_cached_sums, most = c.inner / 4;
        c.ranges = fitting > rows ? fitting : rows;
        if (c.ranges > most) c.ranges = most;
        if (c.ranges > s->count) c.ranges = s->count;
        if (c.inner >= 64) c.chunk = (c.inner + 1) / 2;
    } else if (c.outer < wanted && c.inner >= 32) {
        const int64_t pieces = (wanted + c.outer - 1) / c.outer, most = c.inner / 16;
        c.chunk = (c.inner + (pieces < most ? pieces : most) - 1) / (pieces < most ? pieces : most);
    }
    c.chunks = (c.inner + c.chunk - 1) / c.chunk;
    // Of short rows, few ranges.
    if (c.outer * c.chunks * c.ranges < 2 && wanted > 1 && s->count >= 8) c.ranges = 4;
    nt_pool_run(workers->pool, c.outer * c.chunks * c.ranges, nt_scatter_task, &c);
}
