/// Weight gradient: the output gradient times the transposed implicit im2col matrix, summed over the images.
///
/// Images are split into a number of parts that depends on the shape alone; parts are summed in order, so that any
/// number of threads gives the same bits.

#include <string.h>

#include "convolution_internal.h"

enum { nt_weight_rows = 96, nt_weight_columns = 512, nt_most_parts = 16 };
/// With at most so many weights an output channel, dot products of whole rows of pixels measure faster than panels.
enum { nt_dot_weights = 64, nt_dot_pixels = 1024 };
/// Output channels of a group up to which shifted rows measure faster than rows laid out one after the other.
enum { nt_window_outputs = 2 };
/// Floats that a window's narrow rows may be read beyond.
enum { nt_window_slack = 16 };

typedef struct {
    const nt_matmul_kernels *kernels;
    const nt_convolution *k;
    nt_frame frame;
    /// Channels of input and output within a group, weights of an output channel.
    int64_t in, out, depth;
    int64_t parts, row_tiles, column_tiles;
    int dots, windows;
    const float *input, *gradient;
    float *partials, *result;
    const nt_epilogue *epilogue;
    const nt_workers *workers;
} nt_weights_call;

/// Floats of a worker's rows and panel, or lines, behind which its framed image lies.
static int64_t nt_rows_size(const nt_weights_call *c) {
    if (c->windows) return 0;
    const int64_t block = (nt_weight_rows + c->kernels->mr + c->kernels->nr) * NT_KC;
    const int64_t lines = nt_dot_weights * (nt_weight_rows + nt_dot_pixels + c->k->ow);
    return c->dots ? lines : block;
}

static int nt_image_is_copied(const nt_weights_call *c) {
    return !nt_frame_is_source(&c->frame) || (c->windows && c->k->ow < nt_window_slack);
}

/// Packs up to `nr` columns of the transposed im2col matrix for the pixels from `pixel` on: at each pixel, the inputs
/// that `count` weights see.
static void nt_pack_columns(
    const nt_weights_call *c, const float *planes, int64_t plane, int64_t column, int64_t count, int64_t pixel,
    int64_t pixels, float *to
) {
    const nt_convolution *k = c->k;
    const int64_t nr = c->kernels->nr, window = k->kh * k->kw;
    const float *from[32];
    for (int64_t j = 0; j < count; j++) {
        const int64_t at = column + j, t = at % window;
        from[j] = planes + at / window * plane + t / k->kw * k->dh * c->frame.columns + t % k->kw * k->dw;
    }
    int64_t y = pixel / k->ow, x = pixel % k->ow;
    for (int64_t done = 0; done < pixels; y++, x = 0) {
        const int64_t run = nt_least(k->ow - x, pixels - done);
        const int64_t base = y * k->sh * c->frame.columns + x * k->sw;
        float *rows = to + done * nr;
        int64_t j = 0;
        for (; j < count; j++) {
            const float *s = from[j] + base;
            float *t = rows + j;
            if (k->sw == 1) {
                for (int64_t i = 0; i < run; i++) t[i * nr] = s[i];
            } else {
                for (int64_t i = 0; i < run; i++) t[i * nr] = s[i * k->sw];
            }
        }
        for (; j < nr; j++)
            for (int64_t i = 0; i < run; i++) rows[i * nr + j] = 0;
        done += run;
    }
}

/// One image's sums for few output channels, the depthwise case: of the input, every tap reads the same rows, shifted.
static void nt_weights_windows(
    const nt_weights_call *c, const float *planes, const float *gradient, int64_t rows, float *sums, int accumulate
) {
    const nt_convolution *k = c->k;
    const int64_t window = k->kh * k->kw, plane = c->frame.rows * c->frame.columns;
    int32_t offsets[nt_dot_weights];
    for (int64_t j = 0; j < c->depth; j++) {
        const int64_t t = j % window;
        offsets[j] = (int32_t)(j / window * plane + t / k->kw * k->dh * c->frame.columns + t % k->kw * k->dw);
    }
    const int64_t height = nt_blocks(nt_dot_pixels, k->ow);
    for (int64_t m = 0; m < rows; m++) {
        float *to = sums + m * c->depth;
        for (int64_t y = 0; y < k->oh; y += height) {
            float products[nt_dot_weights];
            c->kernels->window_dot(
                nt_least(height, k->oh - y), k->ow, c->depth, planes + y * k->sh * c->frame.columns,
                k->sh * c->frame.columns, offsets, gradient + (m * k->oh + y) * k->ow, k->ow, products);
            for (int64_t j = 0; j < c->depth; j++) to[j] = accumulate || y ? to[j] + products[j] : products[j];
        }
    }
}

/// One image's sums by dot products, for few weights: the im2col rows of a block of pixels are laid out one after the
/// other, and neither operand is turned.
static void nt_weights_dots(
    const nt_weights_call *c, const float *planes, const float *gradient, int64_t rows, float *sums, int accumulate,
    float *scratch
) {
    const nt_convolution *k = c->k;
    const int64_t window = k->kh * k->kw, area = k->oh * k->ow, plane = c->frame.rows * c->frame.columns;
    const int64_t height = nt_least(k->oh, nt_blocks(nt_dot_pixels, k->ow));
    float *products = scratch, *lines = scratch + nt_weight_rows * nt_dot_weights;
    for (int64_t y0 = 0; y0 < k->oh; y0 += height, accumulate = 1) {
        const int64_t y1 = nt_least(y0 + height, k->oh), pixels = (y1 - y0) * k->ow;
        for (int64_t j = 0; j < c->depth; j++) {
            const int64_t t = j % window;
            const float *from = planes + j / window * plane + t / k->kw * k->dh * c->frame.columns + t % k->kw * k->dw;
            float *to = lines + j * pixels;
            for (int64_t y = y0; y < y1; y++, to += k->ow) {
                const float *row = from + y * k->sh * c->frame.columns;
                if (k->sw == 1) {
                    nt_copy_row(to, row, k->ow);
                } else {
                    for (int64_t x = 0; x < k->ow; x++) to[x] = row[x * k->sw];
                }
            }
        }
        float *to = accumulate ? products : sums;
        c->kernels->dot(rows, c->depth, pixels, gradient + y0 * k->ow, area, lines, pixels, to, c->depth);
        for (int64_t i = 0; accumulate && i < rows * c->depth; i++) sums[i] += products[i];
    }
}

static void nt_weights_task(void *context, long index, int worker) {
    const nt_weights_call *c = context;
    const nt_convolution *k = c->k;
    const int64_t mr = c->kernels->mr, nr = c->kernels->nr, area = k->oh * k->ow;
    const int64_t column_tile = index % c->column_tiles, row_tile = index / c->column_tiles % c->row_tiles;
    const int64_t group = index / (c->column_tiles * c->row_tiles) % k->groups;
    const int64_t part = index / (c->column_tiles * c->row_tiles * k->groups);
    const int64_t m0 = row_tile * nt_weight_rows, m1 = nt_least(m0 + nt_weight_rows, c->out);
    const int64_t n0 = column_tile * nt_weight_columns, n1 = nt_least(n0 + nt_weight_columns, c->depth);
    const int64_t first = part * k->batch / c->parts, last = (part + 1) * k->batch / c->parts;
    float *sums = c->partials + ((part * k->groups + group) * c->out) * c->depth;
    float *rows = nt_worker_area(c->workers, worker);
    float *panel = rows + (nt_weight_rows + mr) * NT_KC;
    if (first == last || area == 0) {
        for (int64_t m = m0; m < m1; m++) memset(sums + m * c->depth + n0, 0, (n1 - n0) * sizeof(float));
        return;
    }
    int accumulate = 0;
    for (int64_t image = first; image < last; image++) {
        const float *planes = c->input + (image * k->groups + group) * c->in * k->ih * k->iw;
        const float *gradient = c->gradient + ((image * k->groups + group) * c->out + m0) * area;
        const int64_t plane = c->frame.rows * c->frame.columns;
        if (nt_image_is_copied(c)) {
            float *copy = rows + nt_rows_size(c);
            nt_frame_fill(&c->frame, c->in, 0, c->frame.rows, planes, copy);
            planes = copy;
        }
        if (c->windows) {
            nt_weights_windows(c, planes, gradient, m1 - m0, sums + m0 * c->depth, accumulate);
            accumulate = 1;
            continue;
        }
        if (c->dots) {
            nt_weights_dots(c, planes, gradient, m1 - m0, sums + m0 * c->depth, accumulate, rows);
            accumulate = 1;
            continue;
        }
        for (int64_t at = 0, pixels; at < area; at += pixels, accumulate = 1) {
            pixels = nt_least(NT_KC, area - at);
            c->kernels->pack_a(m1 - m0, pixels, gradient + at, area, 1, rows);
            for (int64_t n = n0; n < n1; n += nr) {
                const int64_t count = nt_least(nr, n1 - n);
                nt_pack_columns(c, planes, plane, n, count, at, pixels, panel);
                for (int64_t m = m0; m < m1; m += mr)
                    c->kernels->panel(
                        nt_least(mr, m1 - m), count, pixels, rows + (m - m0) * pixels, panel, sums + m * c->depth + n,
                        c->depth, accumulate);
            }
        }
    }
}

/// Adds the parts up for one output channel.
static void nt_sum_task(void *context, long index, int worker) {
    const nt_weights_call *c = context;
    const nt_convolution *k = c->k;
    float *to = c->result + index * c->depth;
    if (c->parts > 1) {
        const int64_t step = k->groups * c->out * c->depth;
        const float *from = c->partials + index * c->depth;
        if (to != from) memcpy(to, from, c->depth * sizeof(float));
        for (int64_t part = 1; part < c->parts; part++) {
            from += step;
            for (int64_t i = 0; i < c->depth; i++) to[i] += from[i];
        }
    }
    const int64_t begin[4] = {index, 0, 0, 0}, end[4] = {index + 1, c->in, k->kh, k->kw};
    nt_epilogue_run(c->epilogue, c->workers, worker, begin, end);
}

/// How the work is cut: by the shape alone.
static nt_weights_call nt_plan_weights(const nt_convolution *k) {
    nt_weights_call c = {
        .kernels = nt_matmul_kernels_for(k->isa), .k = k, .in = k->in_channels / k->groups,
        .out = k->out_channels / k->groups,
        .frame = {k->ih + 2 * k->ph, k->iw + 2 * k->pw, k->ph, k->pw, 1, 1, k->ih, k->iw}};
    c.depth = c.in * k->kh * k->kw;
    c.row_tiles = nt_blocks(c.out, nt_weight_rows);
    c.column_tiles = nt_blocks(c.depth, nt_weight_columns);
    c.dots = c.depth <= nt_dot_weights && k->oh * k->ow >= 64;
    c.windows = c.dots && k->sw == 1 && c.out <= nt_window_outputs
        && c.in * c.frame.rows * c.frame.columns <= INT32_MAX;
    const int64_t tiles = c.row_tiles * c.column_tiles * k->groups;
    c.parts = nt_least(nt_least(k->batch > 0 ? k->batch : 1, nt_most_parts), nt_blocks(nt_most_parts, tiles));
    return c;
}

nt_memory nt_weights_memory(const nt_convolution *k, int in_parts) {
    const nt_weights_call c = nt_plan_weights(k);
    const int64_t image = nt_image_is_copied(&c) ? c.in * c.frame.rows * c.frame.columns + nt_window_slack : 0;
    return (nt_memory){
        .call = c.parts == 1 && !in_parts ? 0 : (size_t)(c.parts * k->out_channels * c.depth) * sizeof(float),
        .worker = (size_t)(nt_rows_size(&c) + image) * sizeof(float)};
}

void nt_convolution_weights(
    const nt_convolution *k, const nt_workers *workers, const float *input, const float *gradient, float *result,
    const nt_epilogue *epilogue
) {
    nt_weights_call c = nt_plan_weights(k);
    c.input = input;
    c.gradient = gradient;
    c.workers = workers;
    c.partials = c.parts == 1 && result ? result : nt_call_area(workers);
    // The parts are added up in the first where the result has no memory.
    c.result = result ? result : c.partials;
    void *operands[NT_MAX_OPERANDS];
    nt_epilogue over;
    if (epilogue) over = nt_epilogue_over(epilogue, c.result, operands);
    c.epilogue = epilogue ? &over : NULL;
    nt_pool_run(workers->pool, c.parts * c.row_tiles * c.column_tiles * k->groups, nt_weights_task, &c);
    if (c.parts > 1 || epilogue) nt_pool_run(workers->pool, k->out_channels, nt_sum_task, &c);
}
