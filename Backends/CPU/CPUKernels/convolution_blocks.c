/// Forward and input gradient: a product of the packed weights with panels of the implicit im2col matrix.
///
/// The input gradient is the same window sum with the kernel flipped and the channels exchanged, over the output
/// gradient spread apart by the stride and bordered.

#include <string.h>

#include "convolution_internal.h"

typedef struct {
    const nt_matmul_kernels *kernels;
    nt_frame frame;
    /// Channels of source and result within a group; depth of the product.
    int64_t groups, from, to, depth;
    int64_t kh, kw, sh, sw, dh, dw;
    /// The result's height and width; its rows in a task, and tasks in an image.
    int64_t height, width, rows, row_blocks;
    /// Floats of one group's packed weights.
    int64_t packed;
    const float *source, *weights;
    float *result;
    int64_t batch;
    const nt_epilogue *epilogue;
    const nt_workers *workers;
} nt_blocks_call;

/// Floats of a worker's panel, behind which its framed rows lie.
static int64_t nt_panel_size(const nt_blocks_call *c) { return (NT_KC * c->kernels->nr + 16 + 15) & ~(int64_t)15; }

/// Floats of the weights of all groups, packed, and of one group's turned.
static int64_t nt_weights_size(const nt_blocks_call *c) { return c->groups * c->packed + c->to * c->depth; }

/// Packs `steps` rows of the im2col matrix, from row `step` on, for the `count` pixels of one panel whose places in the
/// planes are `places`. `plane` is the distance between planes. With `slack`, 64 bytes may be read from any of
/// the places (and are written at `to` past its end).
static void nt_pack_pixels(
    const nt_blocks_call *c, const float *planes, int64_t plane, int64_t step, int64_t steps, const int32_t *places,
    int64_t count, int slack, float *to
) {
    const int64_t nr = c->kernels->nr;
    // How many pixels lie next to each other: often a panel is one run, or two.
    int64_t run = 1;
    while (run < count && places[run] == places[run - 1] + 1) run++;
    int64_t second = run;
    while (second < count && (second == run || places[second] == places[second - 1] + 1)) second++;
    int64_t kx = step % c->kw, ky = step / c->kw % c->kh, channel = step / (c->kw * c->kh);
    for (int64_t p = 0; p < steps; p++, to += nr) {
        const float *from = planes + channel * plane + ky * c->dh * c->frame.columns + kx * c->dw;
        if (count == nr && run == nr && nr == 16) {
            memcpy(to, from + places[0], 64);
        } else if (second == count && count == nr && nr == 16 && slack) {
            // What is copied beyond a run's end is overwritten by the next.
            memcpy(to, from + places[0], 64);
            if (run < nr) memcpy(to + run, from + places[run], 64);
        } else if (second == count && count == nr) {
            memcpy(to, from + places[0], run * sizeof(float));
            if (run < nr) memcpy(to + run, from + places[run], (nr - run) * sizeof(float));
        } else {
            for (int64_t i = 0; i < count; i++) to[i] = from[places[i]];
            for (int64_t i = count; i < nr; i++) to[i] = 0;
        }
        if (++kx == c->kw) {
            kx = 0;
            if (++ky == c->kh) ky = 0, channel++;
        }
    }
}

static void nt_blocks_task(void *context, long index, int worker) {
    const nt_blocks_call *c = context;
    const int64_t block = index % c->row_blocks, group = index / c->row_blocks % c->groups;
    const int64_t image = index / (c->row_blocks * c->groups);
    const int64_t y0 = block * c->rows, y1 = nt_least(y0 + c->rows, c->height);
    const int64_t mr = c->kernels->mr, nr = c->kernels->nr;
    const nt_frame *f = &c->frame;
    float *panel = nt_worker_area(c->workers, worker);
    const int64_t first = y0 * c->sh, last = (y1 - 1) * c->sh + (c->kh - 1) * c->dh + 1;
    const float *planes = c->source + (image * c->groups + group) * c->from * f->height * f->width;
    int64_t plane = f->height * f->width;
    // A copy has room behind it, and so has every image but the last group's of the last.
    const int slack = !nt_frame_is_source(f) || index / c->row_blocks + 1 < c->batch * c->groups;
    if (nt_frame_is_source(f)) {
        planes += first * f->columns;
    } else {
        plane = (last - first) * f->columns;
        float *copy = panel + nt_panel_size(c);
        nt_frame_fill(f, c->from, first, last, planes, copy);
        planes = copy;
    }
    const float *weights = c->weights + group * c->packed;
    const int64_t area = c->height * c->width, pixels = (y1 - y0) * c->width;
    float *result = c->result + (image * c->groups + group) * c->to * area + y0 * c->width;
    for (int64_t at = 0; at < pixels; at += nr) {
        const int64_t count = nt_least(nr, pixels - at);
        int32_t places[32];
        for (int64_t i = 0; i < count; i++) {
            const int64_t y = (at + i) / c->width, x = (at + i) % c->width;
            places[i] = (int32_t)(y * c->sh * f->columns + x * c->sw);
        }
        for (int64_t step = 0; step < c->depth; step += NT_KC) {
            const int64_t steps = nt_least(NT_KC, c->depth - step);
            nt_pack_pixels(c, planes, plane, step, steps, places, count, slack, panel);
            // The weights lie in blocks of NT_KC steps, each in panels of rows.
            const float *block = weights + step * nt_blocks(c->to, mr) * mr;
            for (int64_t m = 0; m < c->to; m += mr)
                c->kernels->panel(
                    nt_least(mr, c->to - m), count, steps, block + m * steps, panel, result + m * area + at, area,
                    step > 0);
        }
    }
    const int64_t begin[4] = {image, group * c->to, y0, 0}, end[4] = {image + 1, (group + 1) * c->to, y1, c->width};
    nt_epilogue_run(c->epilogue, c->workers, worker, begin, end);
}

/// The weights of all groups as panels. For the input gradient they are transposed and flipped first.
static void nt_pack_weights(
    const nt_convolution *k, const nt_workers *workers, nt_blocks_call *c, const float *weight
) {
    const int64_t mr = c->kernels->mr, window = k->kh * k->kw, own = c->to * c->depth;
    float *packed = nt_call_area(workers);
    float *turned = packed + c->groups * c->packed;
    c->weights = packed;
    for (int64_t group = 0; group < c->groups; group++) {
        const float *from = weight + group * own;
        if (k->kind == nt_convolution_input) {
            for (int64_t out = 0; out < c->from; out++)
                for (int64_t in = 0; in < c->to; in++)
                    for (int64_t t = 0; t < window; t++)
                        turned[in * c->depth + out * window + window - 1 - t] = from[(out * c->to + in) * window + t];
            from = turned;
        }
        for (int64_t step = 0; step < c->depth; step += NT_KC) {
            c->kernels->pack_a(
                c->to, nt_least(NT_KC, c->depth - step), from + step, c->depth, 1,
                packed + group * c->packed + step * nt_blocks(c->to, mr) * mr);
        }
    }
}

/// How the work is cut: by the shape alone.
static nt_blocks_call nt_plan_blocks(const nt_convolution *k) {
    const int forward = k->kind == nt_convolution_forward;
    const int64_t in = k->in_channels / k->groups, out = k->out_channels / k->groups;
    const int64_t reach_h = k->dh * (k->kh - 1), reach_w = k->dw * (k->kw - 1);
    nt_blocks_call c = {
        .kernels = nt_matmul_kernels_for(k->isa), .groups = k->groups, .from = forward ? in : out,
        .to = forward ? out : in, .kh = k->kh, .kw = k->kw, .sh = forward ? k->sh : 1, .sw = forward ? k->sw : 1,
        .dh = k->dh, .dw = k->dw, .height = forward ? k->oh : k->ih, .width = forward ? k->ow : k->iw,
        .batch = k->batch};
    c.depth = c.from * k->kh * k->kw;
    c.packed = nt_blocks(c.to, c.kernels->mr) * c.kernels->mr * c.depth;
    if (forward) {
        c.frame = (nt_frame){k->ih + 2 * k->ph, k->iw + 2 * k->pw, k->ph, k->pw, 1, 1, k->ih, k->iw};
    } else {
        c.frame = (nt_frame){k->ih + reach_h, k->iw + reach_w, reach_h - k->ph, reach_w - k->pw, k->sh, k->sw, k->oh,
                             k->ow};
    }
    // Whole rows, at least 512 pixels, so that a block stays in L2; fewer where there are not 8 tasks otherwise.
    c.rows = nt_least(c.height, nt_blocks(512, c.width));
    while (c.rows > 1 && k->batch * k->groups * nt_blocks(c.height, c.rows) < 8
           && (double)c.rows * (double)c.width * (double)c.to * (double)c.depth > 5e5) {
        c.rows = nt_blocks(c.rows, 2);
    }
    c.row_blocks = nt_blocks(c.height, c.rows);
    return c;
}

nt_memory nt_blocks_memory(const nt_convolution *k) {
    const nt_blocks_call c = nt_plan_blocks(k);
    const int64_t rows = (c.rows - 1) * c.sh + (c.kh - 1) * c.dh + 1;
    const int64_t image = nt_frame_is_source(&c.frame) ? 0 : c.from * rows * c.frame.columns + 16;
    return (nt_memory){
        .call = (size_t)nt_weights_size(&c) * sizeof(float),
        .worker = (size_t)(nt_panel_size(&c) + image) * sizeof(float)};
}

void nt_convolution_blocks(
    const nt_convolution *k, const nt_workers *workers, const float *source, const float *weight, float *result,
    const nt_epilogue *epilogue
) {
    nt_blocks_call c = nt_plan_blocks(k);
    c.source = source;
    c.result = result;
    c.epilogue = epilogue;
    c.workers = workers;
    if (c.depth == 0) {
        memset(result, 0, k->batch * k->groups * c.to * c.height * c.width * sizeof(float));
    }
    nt_pack_weights(k, workers, &c, weight);
    nt_pool_run(workers->pool, k->batch * k->groups * c.row_blocks, nt_blocks_task, &c);
}
