/// Weight gradient of 3x3 windows, stride 1, by Winograd's method: the transpose of the forward pass.
///
/// For each of the 36 points, the sums over all tiles of gradient times input are one matrix product; they are
/// transformed to 3x3 weights once for each part of the images. Parts depend on the shape alone.

#include <string.h>

#include "winograd_internal.h"

enum { nt_sum_parts = 8, nt_sum_tiles = 36 };

typedef struct {
    const nt_matmul_kernels *kernels;
    const nt_winograd_kernels *transforms;
    const nt_workers *workers;
    const nt_epilogue *epilogue;
    const nt_convolution *k;
    nt_frame input_frame, gradient_frame;
    int64_t tiles_h, tiles_w, parts;
    /// Channels rounded up to whole panels and lanes.
    int64_t in, out;
    const float *input, *gradient;
    float *partials, *result;
} nt_sums_call;

/// Transforms `tiles` tiles from `first` on of the `channels` planes: `[point][tile][padded]`.
static void nt_sums_points(
    const nt_sums_call *c, void (*transform)(const float *const *, long, float *, long), const nt_frame *f,
    const float *planes, int64_t channels, int64_t padded, int64_t first, int64_t tiles, float *points
) {
    const int64_t lanes = c->transforms->lanes, plane = f->rows * f->columns;
    for (int64_t channel = 0; channel < padded; channel += lanes) {
        const float *base[8];
        for (int64_t l = 0; l < lanes; l++) base[l] = planes + nt_least(channel + l, channels - 1) * plane;
        for (int64_t tile = 0; tile < tiles; tile++) {
            const int64_t at = first + tile, y = at / c->tiles_w * nt_tile_out, x = at % c->tiles_w * nt_tile_out;
            const float *from[8];
            for (int64_t l = 0; l < lanes; l++) from[l] = base[l] + y * f->columns + x;
            transform(from, f->columns, points + tile * padded + channel, tiles * padded + nt_point_gap);
        }
    }
}

/// Floats of a worker's sums and points, behind which its framed images lie.
static int64_t nt_points_size(const nt_sums_call *c) {
    const int64_t most = nt_least(c->tiles_h * c->tiles_w, nt_sum_tiles);
    return nt_tile_points * (c->out * c->in + most * (c->in + c->out) + 2 * nt_point_gap);
}

static int64_t nt_framed_size(const nt_frame *f, int64_t channels) {
    return nt_frame_is_source(f) ? 0 : channels * f->rows * f->columns;
}

static const float *nt_framed(const nt_frame *f, int64_t channels, const float *from, float *copy) {
    if (nt_frame_is_source(f)) return from;
    nt_frame_fill(f, channels, 0, f->rows, from, copy);
    return copy;
}

/// The part's sums as 3x3 weights: `[out][in][9]`.
static void nt_sums_weights(const nt_sums_call *c, const float *sums, float *to) {
    const int64_t lanes = c->transforms->lanes, in = c->k->in_channels;
    float w[9 * 8];
    for (int64_t o = 0; o < c->k->out_channels; o++)
        for (int64_t i = 0; i < in; i += lanes) {
            c->transforms->weights(sums + o * c->in + i, c->out * c->in, w);
            for (int64_t l = 0; l < lanes && i + l < in; l++)
                for (int64_t t = 0; t < 9; t++) to[(o * in + i + l) * 9 + t] = w[t * lanes + l];
        }
}

static void nt_part_task(void *context, long part, int worker) {
    const nt_sums_call *c = context;
    const nt_convolution *k = c->k;
    const int64_t first = part * k->batch / c->parts, last = (part + 1) * k->batch / c->parts;
    const int64_t tiles = c->tiles_h * c->tiles_w, most = nt_least(tiles, nt_sum_tiles);
    float *sums = nt_worker_area(c->workers, worker);
    float *inputs = sums + nt_tile_points * c->out * c->in;
    float *gradients = inputs + nt_tile_points * (most * c->in + nt_point_gap);
    const int64_t input_size = nt_framed_size(&c->input_frame, k->in_channels);
    float *copy = sums + nt_points_size(c);
    long accumulate = 0;
    for (int64_t image = first; image < last; image++) {
        const float *x = nt_framed(
            &c->input_frame, k->in_channels, c->input + image * k->in_channels * k->ih * k->iw, copy);
        const float *g = nt_framed(
            &c->gradient_frame, k->out_channels, c->gradient + image * k->out_channels * k->oh * k->ow,
            copy + input_size);
        for (int64_t tile = 0, count; tile < tiles; tile += count, accumulate = 1) {
            count = nt_least(most, tiles - tile);
            nt_sums_points(
                c, c->transforms->input, &c->input_frame, x, k->in_channels, c->in, tile, count, inputs);
            nt_sums_points(
                c, c->transforms->gradient, &c->gradient_frame, g, k->out_channels, c->out, tile, count, gradients);
            for (int64_t p = 0; p < nt_tile_points; p++)
                c->kernels->direct(
                    c->out, c->in, count, gradients + p * (count * c->out + nt_point_gap), 1, c->out,
                    inputs + p * (count * c->in + nt_point_gap), c->in, sums + p * c->out * c->in, c->in, 0,
                    accumulate);
        }
    }
    nt_sums_weights(c, sums, c->partials + part * k->out_channels * k->in_channels * 9);
}

/// Adds the parts up, in order, for one output channel.
static void nt_total_task(void *context, long index, int worker) {
    const nt_sums_call *c = context;
    const int64_t size = c->k->in_channels * 9, step = c->k->out_channels * size;
    const float *from = c->partials + index * size;
    float *to = c->result + index * size;
    if (to != from) memcpy(to, from, size * sizeof(float));
    for (int64_t part = 1; part < c->parts; part++) {
        from += step;
        for (int64_t i = 0; i < size; i++) to[i] += from[i];
    }
    const int64_t begin[4] = {index, 0, 0, 0}, end[4] = {index + 1, c->k->in_channels, 3, 3};
    nt_epilogue_run(c->epilogue, c->workers, worker, begin, end);
}

/// How the work is cut: by the shape alone.
static nt_sums_call nt_plan_sums(const nt_convolution *k) {
    nt_sums_call c = {
        .kernels = nt_matmul_kernels_for(k->isa), .transforms = nt_winograd_kernels_for(k->isa), .k = k,
        .tiles_h = nt_blocks(k->oh, nt_tile_out), .tiles_w = nt_blocks(k->ow, nt_tile_out),
        .parts = nt_least(k->batch, nt_sum_parts)};
    c.in = nt_blocks(k->in_channels, c.kernels->nr) * c.kernels->nr;
    c.out = nt_blocks(k->out_channels, 8) * 8;
    const int64_t rows = c.tiles_h * nt_tile_out, columns = c.tiles_w * nt_tile_out;
    c.input_frame = (nt_frame){rows + 2, columns + 2, k->ph, k->pw, 1, 1, k->ih, k->iw};
    c.gradient_frame = (nt_frame){rows, columns, 0, 0, 1, 1, k->oh, k->ow};
    return c;
}

nt_memory nt_winograd_sums_memory(const nt_convolution *k) {
    const nt_sums_call c = nt_plan_sums(k);
    const int64_t images = nt_framed_size(&c.input_frame, k->in_channels)
        + nt_framed_size(&c.gradient_frame, k->out_channels);
    return (nt_memory){
        .call = (size_t)(c.parts * k->out_channels * k->in_channels * 9) * sizeof(float),
        .worker = (size_t)(nt_points_size(&c) + images) * sizeof(float)};
}

void nt_winograd_sums(
    const nt_convolution *k, const nt_workers *workers, const float *input, const float *gradient, float *result,
    const nt_epilogue *epilogue
) {
    nt_sums_call c = nt_plan_sums(k);
    c.workers = workers;
    c.input = input;
    c.gradient = gradient;
    c.partials = nt_call_area(workers);
    // The parts are added up in the first where the result has no memory.
    c.result = result ? result : c.partials;
    void *operands[NT_MAX_OPERANDS];
    nt_epilogue over;
    if (epilogue) over = nt_epilogue_over(epilogue, c.result, operands);
    c.epilogue = epilogue ? &over : NULL;
    nt_pool_run(workers->pool, c.parts, nt_part_task, &c);
    nt_pool_run(workers->pool, k->out_channels, nt_total_task, &c);
}
