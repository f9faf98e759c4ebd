/// Forward and input gradient where a group has few results: sums over windows, whose pixels are read where they lie in
/// a framed copy, and no panels, of which most rows would be empty. Depthwise convolutions are the common case.
///
/// The stride of a forward convolution is taken out of the copy: its columns are laid apart by their place within the
/// stride, so that the pixels of a tap lie next to each other. The input gradient of a stride is as many sums over
/// windows as there are places within it, each with the taps that reach that place: no zeros are multiplied.

#include <string.h>

#include "convolution_internal.h"

/// Results of a group up to which this measures faster than panels, and with one source.
enum { nt_most_results = 2, nt_most_depthwise_results = 6 };
/// Floats of a framed copy that stay in the cache of a core, and the most that one may have; the most taps whose products
/// are added up one after the other.
enum { nt_window_copy = 32768, nt_most_copied = 1 << 20, nt_most_taps = 2048 };

typedef struct {
    const nt_matmul_kernels *kernels;
    const nt_convolution *k;
    int forward;
    /// Channels of source and result within a group, and the source's height and width.
    int64_t from, to, source_height, source_width;
    /// The result's height and width, and the places within a stride: 1 for a forward convolution.
    int64_t height, width, row_places, column_places;
    /// Rows of the result in a task, a multiple of `row_places`, and tasks in an image.
    int64_t rows, row_blocks;
    /// The copy's first row before that of a task's result, and how many rows it has for so many of the result's.
    int64_t top, behind;
    /// A row of the copy holds `phases` parts of `pitch` columns: column i of part p is the source's i * `spread` + p -
    /// `border`.
    int64_t phases, pitch, spread, border;
    const float *source, *weight;
    float *result;
    const nt_epilogue *epilogue;
    const nt_workers *workers;
} nt_windows_call;

static int64_t nt_floor_divided(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

/// Rows of the copy that a task of so many result rows reads.
static int64_t nt_copy_rows(const nt_windows_call *c, int64_t rows) {
    const int64_t steps = nt_blocks(rows, c->row_places) - 1;
    return (c->forward ? steps * c->k->sh : steps) + c->behind;
}

static int64_t nt_taps(const nt_windows_call *c) { return c->from * c->k->kh * c->k->kw; }
static int64_t nt_copy_size(const nt_windows_call *c) {
    // A vector may be read behind the last row.
    return c->from * nt_copy_rows(c, c->rows) * c->phases * c->pitch + 64;
}

/// How the work is cut: by the shape alone.
static nt_windows_call nt_plan_windows(const nt_convolution *k) {
    const int forward = k->kind == nt_convolution_forward;
    const int64_t in = k->in_channels / k->groups, out = k->out_channels / k->groups;
    const int64_t reach_h = k->dh * (k->kh - 1), reach_w = k->dw * (k->kw - 1);
    nt_windows_call c = {.kernels = nt_matmul_kernels_for(k->isa), .k = k, .forward = forward};
    if (forward) {
        c.from = in, c.to = out, c.height = k->oh, c.width = k->ow, c.source_height = k->ih, c.source_width = k->iw;
        c.row_places = c.column_places = 1;
        c.top = -k->ph, c.behind = reach_h + 1;
        c.phases = nt_least(k->sw, reach_w + 1), c.spread = k->sw;
        c.pitch = k->ow + reach_w / k->sw, c.border = k->pw;
    } else {
        c.from = out, c.to = in, c.height = k->ih, c.width = k->iw, c.source_height = k->oh, c.source_width = k->ow;
        c.row_places = k->sh, c.column_places = k->sw;
        c.top = nt_floor_divided(k->ph - reach_h, k->sh);
        c.behind = (k->sh - 1 + k->ph) / k->sh - c.top + 1;
        c.border = -nt_floor_divided(k->pw - reach_w, k->sw);
        c.phases = c.spread = 1, c.pitch = nt_blocks(k->iw, k->sw) + (k->sw - 1 + k->pw) / k->sw + c.border;
    }
    // The rows of a task, such that the copy stays near and there are 8 tasks, if there is work for them.
    const int64_t least = 4 * c.row_places;
    c.rows = nt_blocks(c.height, c.row_places) * c.row_places;
    while (c.rows > least
           && (c.from * nt_copy_rows(&c, c.rows) * c.phases * c.pitch > nt_window_copy
               || (k->batch * k->groups * nt_blocks(c.height, c.rows) < 8
                   && (double)c.rows * (double)c.width * (double)(c.to * nt_taps(&c)) > 1e5))) {
        c.rows = nt_blocks(nt_blocks(c.rows, 2), c.row_places) * c.row_places;
    }
    c.row_blocks = nt_blocks(c.height, c.rows);
    return c;
}

int nt_windows_apply(const nt_convolution *k) {
    if (k->kind == nt_convolution_weight || k->element != nt_element_f32) return 0;
    const int forward = k->kind == nt_convolution_forward;
    const int64_t in = k->in_channels / k->groups, out = k->out_channels / k->groups;
    const int64_t from = forward ? in : out, to = forward ? out : in;
    if (from == 0 || to > (from == 1 ? nt_most_depthwise_results : nt_most_results)) return 0;
    const nt_windows_call c = nt_plan_windows(k);
    // The rows of a task are as few as they may be where the copy is large.
    const double copied = (double)c.from * (double)nt_copy_rows(&c, c.rows) * (double)c.phases * (double)c.pitch;
    return nt_taps(&c) <= nt_most_taps && copied <= nt_most_copied;
}

nt_memory nt_windows_memory(const nt_convolution *k) {
    const nt_windows_call c = nt_plan_windows(k);
    // The copy, the weights of the taps, their offsets and places, and the results of one place of a stride.
    const int64_t rows = nt_blocks(nt_least(c.rows, c.height), c.row_places);
    const int64_t place = c.column_places > 1 ? rows * nt_blocks(c.width, c.column_places) : 0;
    return (nt_memory){.worker = (size_t)(nt_copy_size(&c) + 3 * nt_taps(&c) + place) * sizeof(float)};
}

/// One row of the copy, from one of the source's, or zeros.
static void nt_copy_window_row(const nt_windows_call *c, const float *from, float *to) {
    if (!from) {
        memset(to, 0, c->phases * c->pitch * sizeof(float));
        return;
    }
    for (int64_t p = 0; p < c->phases; p++, to += c->pitch) {
        int64_t first = -nt_floor_divided(p - c->border, c->spread);
        if (first < 0) first = 0;
        first = nt_least(first, c->pitch);
        int64_t last = -nt_floor_divided(p - c->border - c->source_width, c->spread);
        last = nt_least(last, c->pitch);
        if (last < first) last = first;
        const float *source = from + p - c->border;
        for (int64_t i = 0; i < first; i++) to[i] = 0;
        if (c->spread == 1) {
            nt_copy_row(to + first, source + first, last - first);
        } else {
            for (int64_t i = first; i < last; i++) to[i] = source[i * c->spread];
        }
        for (int64_t i = last; i < c->pitch; i++) to[i] = 0;
    }
}

/// The taps that reach place (`row`, `column`): their offsets in a copy of `rows` rows a channel, and where their weights
/// lie behind those of a group's first result. Gives how many there are.
static int64_t nt_place_taps(
    const nt_windows_call *c, int64_t rows, int64_t row, int64_t column, int32_t *offsets, int32_t *places
) {
    const nt_convolution *k = c->k;
    const int64_t line = c->phases * c->pitch, window = k->kh * k->kw;
    int64_t count = 0;
    for (int64_t channel = 0; channel < c->from; channel++)
        for (int64_t u = 0; u < k->kh; u++) {
            int64_t y = u * k->dh;
            if (!c->forward) {
                y = row + k->ph - u * k->dh;
                if (y % k->sh) continue;
                y = y / k->sh - c->top;
            }
            for (int64_t v = 0; v < k->kw; v++) {
                int64_t x = v * k->dw % k->sw * c->pitch + v * k->dw / k->sw;
                if (!c->forward) {
                    x = column + k->pw - v * k->dw;
                    if (x % k->sw) continue;
                    x = x / k->sw + c->border;
                }
                offsets[count] = (int32_t)((channel * rows + y) * line + x);
                places[count++] = (int32_t)((c->forward ? channel : channel * c->to) * window + u * k->kw + v);
            }
        }
    return count;
}

static void nt_windows_task(void *context, long index, int worker) {
    const nt_windows_call *c = context;
    const nt_convolution *k = c->k;
    const int64_t block = index % c->row_blocks, group = index / c->row_blocks % k->groups;
    const int64_t image = index / (c->row_blocks * k->groups);
    const int64_t y0 = block * c->rows, y1 = nt_least(y0 + c->rows, c->height);
    const int64_t rows = nt_copy_rows(c, y1 - y0), line = c->phases * c->pitch, window = k->kh * k->kw;
    float *copy = nt_worker_area(c->workers, worker);
    float *weights = copy + nt_copy_size(c);
    int32_t *offsets = (int32_t *)(weights + nt_taps(c)), *places = offsets + nt_taps(c);
    float *results = (float *)(places + nt_taps(c));
    const int64_t first = (c->forward ? y0 * k->sh : y0 / k->sh) + c->top;
    const float *source = c->source + (image * k->groups + group) * c->from * c->source_height * c->source_width;
    for (int64_t channel = 0; channel < c->from; channel++)
        for (int64_t r = 0; r < rows; r++) {
            const int64_t y = first + r;
            const int within = y >= 0 && y < c->source_height;
            nt_copy_window_row(
                c, within ? source + (channel * c->source_height + y) * c->source_width : NULL,
                copy + (channel * rows + r) * line);
        }
    const int64_t area = c->height * c->width, step = c->forward ? k->sh * line : line;
    float *result = c->result + (image * k->groups + group) * c->to * area + y0 * c->width;
    const float *weight = c->weight + group * c->to * nt_taps(c);
    for (int64_t top = 0; top < nt_least(c->row_places, y1 - y0); top++)
        for (int64_t column = 0; column < nt_least(c->column_places, c->width); column++) {
            const int64_t height = nt_blocks(y1 - y0 - top, c->row_places);
            const int64_t width = nt_blocks(c->width - column, c->column_places);
            const int64_t taps = nt_place_taps(c, rows, top, column, offsets, places);
            for (int64_t to = 0; to < c->to; to++) {
                const float *own = weight + to * (c->forward ? nt_taps(c) : window);
                for (int64_t t = 0; t < taps; t++) weights[t] = own[places[t]];
                float *into = result + to * area + top * c->width;
                if (c->column_places == 1) {
                    c->kernels->window(
                        height, width, taps, copy, step, offsets, weights, into, c->row_places * c->width);
                    continue;
                }
                c->kernels->window(height, width, taps, copy, step, offsets, weights, results, width);
                for (int64_t y = 0; y < height; y++) {
                    float *row = into + y * c->row_places * c->width + column;
                    const float *values = results + y * width;
                    for (int64_t x = 0; x < width; x++) row[x * c->column_places] = values[x];
                }
            }
        }
    const int64_t begin[4] = {image, group * c->to, y0, 0}, end[4] = {image + 1, (group + 1) * c->to, y1, c->width};
    nt_epilogue_run(c->epilogue, c->workers, worker, begin, end);
}

void nt_convolution_windows(
    const nt_convolution *k, const nt_workers *workers, const float *source, const float *weight, float *result,
    const nt_epilogue *epilogue
) {
    nt_windows_call c = nt_plan_windows(k);
    c.source = source;
    c.weight = weight;
    c.result = result;
    c.epilogue = epilogue;
    c.workers = workers;
    nt_pool_run(workers->pool, k->batch * k->groups * c.row_blocks, nt_windows_task, &c);
}
