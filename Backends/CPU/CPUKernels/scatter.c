/// Scatter-add. Every output element is summed by one task, in the source's order, so that no atomics are needed and
/// the bits do not depend on the number of threads.

#include "include/nt_scatter.h"

#include <string.h>

#include "body_bits.h"

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

#define NT_SCATTER(name, type, sum, load)                                                                              \
    static void nt_scatter_##name(void *context, long task, int worker) {                                              \
        (void)worker;                                                                                                  \
        const nt_scatter_call *c = context;                                                                            \
        const nt_scatter *s = c->s;                                                                                    \
        const int64_t range = task % c->ranges, chunk = task / c->ranges % c->chunks;                                  \
        const int64_t outer = task / (c->ranges * c->chunks);                                                          \
        const int64_t low = range * s->count / c->ranges, high = (range + 1) * s->count / c->ranges;                   \
        const int64_t first = chunk * c->chunk;                                                                        \
        const int64_t last = first + c->chunk < c->inner ? first + c->chunk : c->inner;                                \
        sum *to = (sum *)c->sums + outer * s->count * c->inner;                                                        \
        if (last - first == c->inner) memset(to + low * c->inner, 0, (high - low) * c->inner * sizeof(sum));           \
        else                                                                                                           \
            for (int64_t row = low; row < high; row++)                                                                 \
                memset(to + row * c->inner + first, 0, (last - first) * sizeof(sum));                                  \
        int64_t from, at;                                                                                              \
        nt_offsets(s->outer_rank, s->outer, s->outer_source, s->outer_index, outer, &from, &at);                       \
        const type *source = (const type *)c->source + from;                                                           \
        const int64_t *index = c->index + at;                                                                          \
        if (c->inner == 1) {                                                                                           \
            /* Along the last axis there is nothing to go through but the axis. */                                     \
            const int64_t source_step = s->extent_source, index_step = s->extent_index;                                \
            const uint64_t span = (uint64_t)(high - low);                                                              \
            for (int64_t k = 0; k < s->extent; k++) {                                                                  \
                const int64_t row = index[k * index_step];                                                             \
                if ((uint64_t)row - (uint64_t)low < span) to[row] += load(source[k * source_step]);                    \
            }                                                                                                          \
            return;                                                                                                    \
        }                                                                                                              \
        const int64_t run = s->inner_rank ? s->inner[s->inner_rank - 1] : 1;                                           \
        const int64_t step = s->inner_rank ? s->inner_source[s->inner_rank - 1] : 0;                                   \
        const int64_t index_step = s->inner_rank ? s->inner_index[s->inner_rank - 1] : 0;                              \
        for (int64_t k = 0; k < s->extent; k++, source += s->extent_source, index += s->extent_index)                  \
            for (int64_t i = first, count; i < last; i += count) {                                                     \
                count = run - i % run < last - i ? run - i % run : last - i;                                           \
                nt_offsets(s->inner_rank, s->inner, s->inner_source, s->inner_index, i, &from, &at);                   \
                const type *x = source + from;                                                                         \
                const int64_t *p = index + at;                                                                         \
                if (index_step == 0) {                                                                                 \
                    if (*p < low || *p >= high) continue;                                                              \
                    sum *row = to + *p * c->inner + i;                                                                 \
                    if (step == 1)                                                                                     \
                        for (int64_t j = 0; j < count; j++) row[j] += load(x[j]);                                      \
                    else                                                                                               \
                        for (int64_t j = 0; j < count; j++) row[j] += load(x[j * step]);                               \
                } else {                                                                                               \
                    for (int64_t j = 0; j < count; j++) {                                                              \
                        const int64_t row = p[j * index_step];                                                         \
                        if (row >= low && row < high) to[row * c->inner + i + j] += load(x[j * step]);                 \
                    }                                                                                                  \
                }                                                                                                      \
            }                                                                                                          \
    }
NT_SCATTER(float, float, float, )
NT_SCATTER(double, double, double, )
NT_SCATTER(uint32_t, uint32_t, uint32_t, )
NT_SCATTER(uint64_t, uint64_t, uint64_t, )
NT_SCATTER(uint8_t, uint8_t, uint8_t, )
NT_SCATTER(half_sums, uint16_t, float, float_from_half)
NT_SCATTER(bfloat_sums, uint16_t, float, float_from_bfloat)

#define NT_NARROW(name, round)                                                                                         \
    /* The sums of a task, each rounded once. */                                                                       \
    static void nt_scatter_##name(void *context, long task, int worker) {                                              \
        nt_scatter_##name##_sums(context, task, worker);                                                               \
        const nt_scatter_call *c = context;                                                                            \
        const int64_t range = task % c->ranges, chunk = task / c->ranges % c->chunks;                                  \
        const int64_t outer = task / (c->ranges * c->chunks), count = c->s->count;                                     \
        const int64_t low = range * count / c->ranges, high = (range + 1) * count / c->ranges;                         \
        const int64_t first = chunk * c->chunk;                                                                        \
        const int64_t last = first + c->chunk < c->inner ? first + c->chunk : c->inner;                                \
        for (int64_t row = outer * count + low; row < outer * count + high; row++)                                     \
            for (int64_t i = row * c->inner + first; i < row * c->inner + last; i++)                                   \
                c->narrow[i] = round(((const float *)c->sums)[i]);                                                     \
    }
NT_NARROW(half, half_from_float)
NT_NARROW(bfloat, bfloat_from_float)

static void (*const nt_scatter_tasks[nt_element_count])(void *, long, int) = {
    [nt_element_f32] = nt_scatter_float, [nt_element_f64] = nt_scatter_double, [nt_element_i32] = nt_scatter_uint32_t,
    [nt_element_i64] = nt_scatter_uint64_t, [nt_element_u8] = nt_scatter_uint8_t,
    [nt_element_f16] = nt_scatter_half, [nt_element_bf16] = nt_scatter_bfloat};

int nt_scatter_has_routine(int32_t element) {
    return element >= 0 && element < nt_element_count && nt_scatter_tasks[element] != 0;
}

nt_memory nt_scatter_memory(const nt_scatter *s) {
    if (!nt_is_short(s->element)) return (nt_memory){0};
    size_t places = (size_t)s->count;
    for (int d = 0; d < s->outer_rank; d++) places *= (size_t)s->outer[d];
    for (int d = 0; d < s->inner_rank; d++) places *= (size_t)s->inner[d];
    return (nt_memory){.call = places * sizeof(float)};
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
    if (c.outer < wanted && c.inner >= 32) {
        const int64_t pieces = (wanted + c.outer - 1) / c.outer, most = c.inner / 16;
        c.chunk = (c.inner + (pieces < most ? pieces : most) - 1) / (pieces < most ? pieces : most);
    }
    c.chunks = (c.inner + c.chunk - 1) / c.chunk;
    // Every range reads all indices, so ranges pay only for a few.
    if (c.outer * c.chunks < 2 && wanted > 1 && s->count >= 8) c.ranges = 4;
    nt_pool_run(workers->pool, c.outer * c.chunks * c.ranges, nt_scatter_tasks[s->element], &c);
}
