/// Scans: running sums and their like along an axis. How the work is cut depends on the shape alone, so that the bits do
/// not depend on the number of threads.
///
/// Neighbouring lines that lie side by side are walked together, a strip of them at a time. A few long lines are cut into
/// blocks: first each block's total is made, then what stands before each block, then the blocks.

#include "include/nt_scan.h"

#include "routines_includes.h"

#include "body_bits.h"

enum { nt_scan_strip = 64, nt_scan_block = 16384 };

/// What a scan has made of a part of a line. An extreme has its place; a logarithm of a sum has its largest element, and
/// in `sum` the exponentials beside that.
typedef struct {
    union {
        float f;
        double d;
        int64_t i;
    } value;
    union {
        int64_t place;
        double sum;
    };
} nt_scan_state;

/// A walk: `count` elements, the first of which is at `place` along the axis.
typedef struct {
    const void *source;
    int64_t stride;
    void *values;
    int64_t *places;
    int64_t step;
    int64_t place, way, count;
} nt_scan_walk;

typedef struct {
    void (*start)(nt_scan_state *state);
    /// Adds the elements behind the state, and writes what comes out where there is an output.
    void (*walk)(const nt_scan_walk *walk, nt_scan_state *state);
    /// Four walks alike side by side, since each step of one waits for the step before.
    void (*four)(const nt_scan_walk *walks, nt_scan_state *states);
    /// One walk without outputs, in four parts side by side.
    void (*total)(const nt_scan_walk *walk, nt_scan_state *state);
    /// Walks `width` lines, which lie `apart` in the source and side by side in the outputs.
    void (*strip)(const nt_scan_walk *walk, int64_t width, int64_t apart);
    /// Puts `next` behind the state.
    void (*join)(nt_scan_state *state, const nt_scan_state *next);
} nt_scan_routines;

// Each operation on each element type is a set of macros' arguments: the stored type, how one is read, the steps, and
// what is written.
#define NT_SCAN(name, type, READ, START, STEP, JOIN, WRITE)                                                            \
    static inline void nt_scan_start_##name(nt_scan_state *s) { START; }                                               \
    static inline void nt_scan_step_##name(nt_scan_state *s, const type e, const int64_t place) {                      \
        (void)place;                                                                                                   \
        STEP(READ(e));                                                                                                 \
    }                                                                                                                  \
    static void nt_scan_join_##name(nt_scan_state *s, const nt_scan_state *next) { JOIN; }                             \
    static void nt_scan_walk_##name(const nt_scan_walk *w, nt_scan_state *state) {                                     \
        const type *from = w->source;                                                                                  \
        type *values = w->values;                                                                                      \
        int64_t *places = w->places;                                                                                   \
        nt_scan_state own = *state, *s = &own;                                                                         \
        int64_t place = w->place;                                                                                      \
        for (int64_t i = 0; i < w->count; i++, place += w->way) {                                                      \
            nt_scan_step_##name(s, from[i * w->stride], place);                                                        \
            if (values) values[i * w->step] = (type)(WRITE);                                                           \
            if (places) places[i * w->step] = s->place;                                                                \
        }                                                                                                              \
        *state = own;                                                                                                  \
    }                                                                                                                  \
    static void nt_scan_four_##name(const nt_scan_walk *w, nt_scan_state *states) {                                    \
        const int64_t stride = w->stride, step = w->step, way = w->way;                                                \
        nt_scan_state own[4] = {states[0], states[1], states[2], states[3]};                                           \
        for (int64_t i = 0; i < w->count; i++) {                                                                       \
            for (int j = 0; j < 4; j++)                                                                                \
                nt_scan_step_##name(&own[j], ((const type *)w[j].source)[i * stride], w[j].place + i * way);          \
            for (int j = 0; w->values && j < 4; j++) {                                                                 \
                const nt_scan_state *s = &own[j];                                                                      \
                ((type *)w[j].values)[i * step] = (type)(WRITE);                                                       \
            }                                                                                                          \
            for (int j = 0; w->places && j < 4; j++) w[j].places[i * step] = own[j].place;                             \
        }                                                                                                              \
        for (int j = 0; j < 4; j++) states[j] = own[j];                                                                \
    }                                                                                                                  \
    static void nt_scan_total_##name(const nt_scan_walk *w, nt_scan_state *state) {                                    \
        const int64_t quarter = w->count / 4, ahead = quarter * w->stride, on = quarter * w->way;                      \
        const type *from = w->source;                                                                                  \
        nt_scan_state a, b, c, d;                                                                                      \
        nt_scan_start_##name(&a), nt_scan_start_##name(&b), nt_scan_start_##name(&c), nt_scan_start_##name(&d);        \
        int64_t place = w->place;                                                                                      \
        for (int64_t i = 0; i < quarter; i++, from += w->stride, place += w->way) {                                    \
            nt_scan_step_##name(&a, from[0], place);                                                                   \
            nt_scan_step_##name(&b, from[ahead], place + on);                                                          \
            nt_scan_step_##name(&c, from[2 * ahead], place + 2 * on);                                                  \
            nt_scan_step_##name(&d, from[3 * ahead], place + 3 * on);                                                  \
        }                                                                                                              \
        from = (const type *)w->source + 4 * ahead, place = w->place + 4 * on;                                         \
        for (int64_t i = 4 * quarter; i < w->count; i++, from += w->stride, place += w->way)                           \
            nt_scan_step_##name(&d, from[0], place);                                                                   \
        nt_scan_join_##name(&a, &b), nt_scan_join_##name(&c, &d), nt_scan_join_##name(&a, &c);                         \
        nt_scan_join_##name(state, &a);                                                                                \
    }                                                                                                                  \
    static void nt_scan_strip_##name(const nt_scan_walk *w, int64_t width, int64_t apart) {                            \
        nt_scan_state states[nt_scan_strip];                                                                           \
        for (int64_t j = 0; j < width; j++) nt_scan_start_##name(&states[j]);                                          \
        int64_t place = w->place;                                                                                      \
        for (int64_t i = 0; i < w->count; i++, place += w->way) {                                                      \
            const type *from = (const type *)w->source + i * w->stride;                                                \
            for (int64_t j = 0; j < width; j++) nt_scan_step_##name(&states[j], from[j * apart], place);               \
            if (w->values) {                                                                                           \
                type *values = (type *)w->values + i * w->step;                                                        \
                for (int64_t j = 0; j < width; j++) {                                                                  \
                    const nt_scan_state *s = &states[j];                                                               \
                    values[j] = (type)(WRITE);                                                                         \
                }                                                                                                      \
            }                                                                                                          \
            if (w->places) {                                                                                           \
                int64_t *places = w->places + i * w->step;                                                             \
                for (int64_t j = 0; j < width; j++) places[j] = states[j].place;                                       \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    static const nt_scan_routines nt_scan_##name = {                                                                   \
        nt_scan_start_##name, nt_scan_walk_##name, nt_scan_four_##name, nt_scan_total_##name, nt_scan_strip_##name,    \
        nt_scan_join_##name};

#define NT_SAME(x) (x)
#define NT_TRUE(x) ((x) != 0)

// MARK: Sums and products, of float32 in float64

#define NT_ADD_F(x) s->value.f += (x)
#define NT_ADD_D(x) s->value.d += (x)
#define NT_ADD_I(x) s->value.i = (int64_t)((uint64_t)s->value.i + (uint64_t)(x))
#define NT_SUMS(name, type, READ, part, ADD, WRITE)                                                                    \
    NT_SCAN(name, type, READ, s->value.part = 0, ADD, ADD(next->value.part), WRITE)
NT_SUMS(sum_f16, uint16_t, float_from_half, f, NT_ADD_F, half_from_float(s->value.f))
NT_SUMS(sum_bf16, uint16_t, float_from_bfloat, f, NT_ADD_F, bfloat_from_float(s->value.f))
NT_SUMS(sum_f32, float, NT_SAME, d, NT_ADD_D, s->value.d)
NT_SUMS(sum_f64, double, NT_SAME, d, NT_ADD_D, s->value.d)
NT_SUMS(sum_i64, int64_t, NT_SAME, i, NT_ADD_I, s->value.i)

#define NT_TIMES_F(x) s->value.f *= (x)
#define NT_TIMES_D(x) s->value.d *= (x)
#define NT_TIMES_I(x) s->value.i = (int64_t)((uint64_t)s->value.i * (uint64_t)(x))
#define NT_PRODUCTS(name, type, READ, part, TIMES, WRITE)                                                              \
    NT_SCAN(name, type, READ, s->value.part = 1, TIMES, TIMES(next->value.part), WRITE)
NT_PRODUCTS(product_f16, uint16_t, float_from_half, f, NT_TIMES_F, half_from_float(s->value.f))
NT_PRODUCTS(product_bf16, uint16_t, float_from_bfloat, f, NT_TIMES_F, bfloat_from_float(s->value.f))
NT_PRODUCTS(product_f32, float, NT_SAME, d, NT_TIMES_D, s->value.d)
NT_PRODUCTS(product_f64, double, NT_SAME, d, NT_TIMES_D, s->value.d)
NT_PRODUCTS(product_i64, int64_t, NT_SAME, i, NT_TIMES_I, s->value.i)

// MARK: Extremes. NaN is beyond every number; of equal elements the last on the way is taken.

#define NT_REACHES(x, y, ORDER) (((x) != (x)) | (((y) == (y)) & ((x) ORDER (y))))
#define NT_EXTREME(x, at, part, ORDER)                                                                                 \
    do {                                                                                                               \
        const __typeof__(s->value.part) found = (x);                                                                   \
        if (NT_REACHES(found, s->value.part, ORDER)) s->value.part = found, s->place = (at);                           \
    } while (0)
#define NT_MORE_F(x) NT_EXTREME(x, place, f, >=)
#define NT_MORE_D(x) NT_EXTREME(x, place, d, >=)
#define NT_MORE_I(x) NT_EXTREME(x, place, i, >=)
#define NT_LESS_F(x) NT_EXTREME(x, place, f, <=)
#define NT_LESS_D(x) NT_EXTREME(x, place, d, <=)
#define NT_LESS_I(x) NT_EXTREME(x, place, i, <=)
#define NT_EXTREMES(name, type, READ, part, WRITE, MORE, LESS, lowest, highest)                                        \
    NT_SCAN(                                                                                                           \
        maximum_##name, type, READ, *s = (nt_scan_state){.value.part = lowest}, MORE,                                  \
        NT_EXTREME(next->value.part, next->place, part, >=), WRITE)                                                    \
    NT_SCAN(                                                                                                           \
        minimum_##name, type, READ, *s = (nt_scan_state){.value.part = highest}, LESS,                                 \
        NT_EXTREME(next->value.part, next->place, part, <=), WRITE)
#define NT_FLOAT_EXTREMES(name, type, READ, WRITE)                                                                     \
    NT_EXTREMES(name, type, READ, f, WRITE, NT_MORE_F, NT_LESS_F, -INFINITY, INFINITY)
#define NT_INTEGER_EXTREMES(name, type, READ)                                                                          \
    NT_EXTREMES(name, type, READ, i, s->value.i, NT_MORE_I, NT_LESS_I, INT64_MIN, INT64_MAX)
NT_FLOAT_EXTREMES(f16, uint16_t, float_from_half, half_from_float(s->value.f))
NT_FLOAT_EXTREMES(bf16, uint16_t, float_from_bfloat, bfloat_from_float(s->value.f))
NT_FLOAT_EXTREMES(f32, float, NT_SAME, s->value.f)
NT_EXTREMES(f64, double, NT_SAME, d, s->value.d, NT_MORE_D, NT_LESS_D, -INFINITY, INFINITY)
NT_INTEGER_EXTREMES(i32, int32_t, NT_SAME)
NT_INTEGER_EXTREMES(i64, int64_t, NT_SAME)
NT_INTEGER_EXTREMES(u8, uint8_t, NT_SAME)
NT_INTEGER_EXTREMES(truth, uint8_t, NT_TRUE)

// MARK: Logarithms of sums of exponentials, in float64

/// Adds `sum` exponentials beside `x`. Of equal infinities the difference is NaN, and the share is 1.
static inline void nt_scan_add_exponentials(nt_scan_state *s, double x, double sum) {
    const double distance = x == s->value.d ? 0 : x - s->value.d;
    if (distance <= 0) s->sum += sum * exp(distance);
    // NaN comes here too, and stays.
    else s->sum = s->sum * exp(-distance) + sum, s->value.d = x;
}
#define NT_ADD_EXPONENTIAL(x) nt_scan_add_exponentials(s, x, 1)
#define NT_LOGARITHMS(name, type, READ, WRITE)                                                                         \
    NT_SCAN(                                                                                                           \
        logarithm_##name, type, READ, s->value.d = -INFINITY; s->sum = 0, NT_ADD_EXPONENTIAL,                          \
        nt_scan_add_exponentials(s, next->value.d, next->sum), WRITE(s->value.d + log(s->sum)))
NT_LOGARITHMS(f16, uint16_t, float_from_half, half_from_float)
NT_LOGARITHMS(bf16, uint16_t, float_from_bfloat, bfloat_from_float)
NT_LOGARITHMS(f32, float, NT_SAME, NT_SAME)
NT_LOGARITHMS(f64, double, NT_SAME, NT_SAME)

// MARK: Running

#define NT_ALL_EXTREMES(name)                                                                                          \
    {                                                                                                                  \
        [nt_scan_f16] = &nt_scan_##name##_f16, [nt_scan_bf16] = &nt_scan_##name##_bf16,                                \
        [nt_scan_f32] = &nt_scan_##name##_f32, [nt_scan_f64] = &nt_scan_##name##_f64,                                  \
        [nt_scan_i32] = &nt_scan_##name##_i32, [nt_scan_i64] = &nt_scan_##name##_i64,                                  \
        [nt_scan_u8] = &nt_scan_##name##_u8, [nt_scan_bool] = &nt_scan_##name##_truth                                  \
    }
#define NT_ALL_FLOATS(name)                                                                                            \
    [nt_scan_f16] = &nt_scan_##name##_f16, [nt_scan_bf16] = &nt_scan_##name##_bf16,                                    \
    [nt_scan_f32] = &nt_scan_##name##_f32, [nt_scan_f64] = &nt_scan_##name##_f64
static const nt_scan_routines *const nt_scan_table[nt_scan_operation_count][nt_scan_element_count] = {
    [nt_scan_sum] = {NT_ALL_FLOATS(sum), [nt_scan_i64] = &nt_scan_sum_i64},
    [nt_scan_product] = {NT_ALL_FLOATS(product), [nt_scan_i64] = &nt_scan_product_i64},
    [nt_scan_maximum] = NT_ALL_EXTREMES(maximum),
    [nt_scan_minimum] = NT_ALL_EXTREMES(minimum),
    [nt_scan_log_sum_exp] = {NT_ALL_FLOATS(logarithm)},
};

int nt_scan_has_routine(int32_t operation, int32_t element) {
    return operation >= 0 && operation < nt_scan_operation_count && element >= 0 && element < nt_scan_element_count
        && nt_scan_table[operation][element] != 0;
}

static const size_t nt_scan_sizes[nt_scan_element_count] = {2, 2, 4, 8, 4, 8, 1, 1};

typedef struct {
    const nt_scan *s;
    const nt_scan_routines *routines;
    const char *source;
    char *values;
    int64_t *places;
    /// Of each block of each line: its total, then what stands before it.
    nt_scan_state *states;
} nt_scan_call;

static int64_t nt_scan_line_count(const nt_scan *s) {
    int64_t count = 1;
    for (int d = 0; d < s->rank; d++) count *= s->lines[d];
    return count;
}

/// Lines that lie side by side in the outputs and evenly in the source.
static int64_t nt_scan_run_length(const nt_scan *s) { return s->inner > 1 && s->rank > 0 ? s->lines[s->rank - 1] : 1; }

/// A walk along a line from the element `first` of its way on.
static nt_scan_walk nt_scan_line(const nt_scan_call *c, int64_t line, int64_t first, int64_t count) {
    const nt_scan *s = c->s;
    const int64_t size = (int64_t)nt_scan_sizes[s->element];
    int64_t from = 0, rest = line;
    for (int d = s->rank - 1; d >= 0; d--) {
        from += rest % s->lines[d] * s->line_strides[d];
        rest /= s->lines[d];
    }
    const int64_t way = s->reverse ? -1 : 1, place = s->reverse ? s->length - 1 - first : first;
    const int64_t to = line / s->inner * s->length * s->inner + line % s->inner + place * s->inner;
    return (nt_scan_walk){
        .source = c->source + (from + place * s->stride) * size, .stride = way * s->stride,
        .values = c->values ? c->values + to * size : 0, .places = c->places ? c->places + to : 0,
        .step = way * s->inner, .place = place, .way = way, .count = count};
}

static void nt_scan_strip_task(void *context, long task, int worker) {
    (void)worker;
    const nt_scan_call *c = context;
    const nt_scan *s = c->s;
    const int64_t run = nt_scan_run_length(s), strips = (run + s->width - 1) / s->width;
    const int64_t first = task % strips * s->width, rest = run - first;
    const nt_scan_walk walk = nt_scan_line(c, task / strips * run + first, 0, s->length);
    c->routines->strip(&walk, rest < s->width ? rest : s->width, s->line_strides[s->rank - 1]);
}

/// Runs at most four walks; a line's last block may be shorter than others.
static void nt_scan_walks(const nt_scan_call *c, const nt_scan_walk *walks, nt_scan_state *states, int64_t count) {
    int64_t alike = 0;
    while (alike < count && walks[alike].count == walks[0].count) alike++;
    if (alike == 4) c->routines->four(walks, states);
    else for (int64_t i = 0; i < count; i++) c->routines->walk(walks + i, states + i);
}

/// Some lines a task, so that short ones are worth a task.
static void nt_scan_line_task(void *context, long task, int worker) {
    (void)worker;
    const nt_scan_call *c = context;
    const int64_t lines = nt_scan_line_count(c->s), end = (task + 1) * c->s->width, last = end < lines ? end : lines;
    nt_scan_walk walks[4];
    nt_scan_state states[4];
    for (int64_t line = task * c->s->width, count; line < last; line += count) {
        count = last - line < 4 ? last - line : 4;
        for (int64_t i = 0; i < count; i++) {
            walks[i] = nt_scan_line(c, line + i, 0, c->s->length);
            c->routines->start(&states[i]);
        }
        nt_scan_walks(c, walks, states, count);
    }
}

/// Of all lines' blocks.
static nt_scan_walk nt_scan_block_walk(const nt_scan_call *c, int64_t block) {
    const int64_t first = block % c->s->blocks * nt_scan_block, rest = c->s->length - first;
    return nt_scan_line(c, block / c->s->blocks, first, rest < nt_scan_block ? rest : nt_scan_block);
}

static void nt_scan_total_task(void *context, long task, int worker) {
    (void)worker;
    const nt_scan_call *c = context;
    const nt_scan_walk walk = nt_scan_block_walk(c, task);
    c->routines->start(&c->states[task]);
    c->routines->total(&walk, &c->states[task]);
}

/// Four blocks a task.
static void nt_scan_block_task(void *context, long task, int worker) {
    (void)worker;
    const nt_scan_call *c = context;
    const int64_t blocks = nt_scan_line_count(c->s) * c->s->blocks, first = 4 * task;
    nt_scan_walk walks[4];
    const int64_t count = blocks - first < 4 ? blocks - first : 4;
    for (int64_t i = 0; i < count; i++) walks[i] = nt_scan_block_walk(c, first + i);
    nt_scan_walks(c, walks, c->states + first, count);
}

nt_memory nt_scan_memory(nt_scan *s) {
    const int64_t lines = nt_scan_line_count(s), run = nt_scan_run_length(s);
    s->blocks = 1;
    if (run > 1) {
        // At least eight strips, so that threads can share one plane.
        s->width = run / 8 < 8 ? 8 : run / 8 > nt_scan_strip ? nt_scan_strip : run / 8;
        return (nt_memory){0};
    }
    // Four lines or more, but where there are too few for that.
    s->width = s->length > 0 && s->length < 1024 ? 4096 / s->length : lines < 16 ? 1 : 4;
    // Of many lines each thread has its own.
    if (lines >= 16 || s->length < 2 * nt_scan_block) return (nt_memory){0};
    s->blocks = (s->length + nt_scan_block - 1) / nt_scan_block;
    return (nt_memory){.call = (size_t)(lines * s->blocks) * sizeof(nt_scan_state)};
}

void nt_scan_run(
    const nt_scan *s, const nt_workers *workers, const void *source, void *values, int64_t *places
) {
    const int64_t lines = nt_scan_line_count(s), run = nt_scan_run_length(s);
    if (lines * s->length == 0) return;
    nt_scan_call c = {s, nt_scan_table[s->operation][s->element], source, values, places, 0};
    if (run > 1) {
        nt_pool_run(workers->pool, lines / run * ((run + s->width - 1) / s->width), nt_scan_strip_task, &c);
        return;
    }
    if (s->blocks == 1) {
        nt_pool_run(workers->pool, (lines + s->width - 1) / s->width, nt_scan_line_task, &c);
        return;
    }
    c.states = nt_call_area(workers);
    nt_pool_run(workers->pool, lines * s->blocks, nt_scan_total_task, &c);
    for (int64_t line = 0; line < lines; line++) {
        nt_scan_state before;
        c.routines->start(&before);
        for (int64_t block = line * s->blocks; block < (line + 1) * s->blocks; block++) {
            const nt_scan_state total = c.states[block];
            c.states[block] = before;
            c.routines->join(&before, &total);
        }
    }
    nt_pool_run(workers->pool, (lines * s->blocks + 3) / 4, nt_scan_block_task, &c);
}
