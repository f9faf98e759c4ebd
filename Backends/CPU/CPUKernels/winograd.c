/// Forward and input gradient of 3x3 windows, stride 1, by Winograd's method.
///
/// A panel of tiles is transformed for all channels; then, for a few result channels at a time, the 36 products are
/// formed in L1 and transformed back, so that nothing but the input and the result leaves the cache.

#include <string.h>

#include "winograd_internal.h"

typedef struct {
    const nt_matmul_kernels *kernels;
    const nt_winograd_kernels *transforms;
    const nt_workers *workers;
    const nt_epilogue *epilogue;
    nt_frame frame;
    int64_t from, to, height, width;
    /// Tiles in an image's column and row; tile rows (over all images) in a task and in all.
    int64_t tiles_h, tiles_w, rows, all_rows;
    /// Whether the weights are read flipped and with the channels exchanged.
    int turned;
    const float *source, *weight;
    float *points, *result;
} nt_winograd_call;

/// Floats of a panel's points and products, behind which a worker's framed images lie.
static int64_t nt_panel_size(const nt_winograd_call *c) {
    const int64_t mr = c->kernels->mr, nr = c->kernels->nr;
    return nt_tile_points * (c->from * nr + nt_point_gap) + nt_tile_points * mr * nr;
}

/// The weight transform along one dimension.
static void nt_weight_points(const float *g, long step, float *o, long ostep) {
    const float a = g[0], b = g[step], c = g[2 * step];
    o[0] = a / 4;
    o[ostep] = -(a + b + c) / 6;
    o[2 * ostep] = -(a - b + c) / 6;
    o[3 * ostep] = a / 24 + b / 12 + c / 6;
    o[4 * ostep] = a / 24 - b / 12 + c / 6;
    o[5 * ostep] = c;
}

/// Transforms the weights of one panel of result channels: `[point][from][mr]`.
static void nt_weights_task(void *context, long panel, int worker) {
    (void)worker;
    const nt_winograd_call *c = context;
    const int64_t mr = c->kernels->mr;
    float *to = c->points + panel * nt_tile_points * c->from * mr;
    for (int64_t in = 0; in < c->from; in++)
        for (int64_t i = 0; i < mr; i++) {
            const int64_t out = panel * mr + i;
            float g[9] = {0}, half[18], u[36];
            if (out < c->to) {
                const float *w = c->weight + (c->turned ? in * c->to + out : out * c->from + in) * 9;
                for (int t = 0; t < 9; t++) g[t] = c->turned ? w[8 - t] : w[t];
            }
            for (int x = 0; x < 3; x++) nt_weight_points(g + x, 3, half + x, 3);
            for (int y = 0; y < 6; y++) nt_weight_points(half + 3 * y, 1, u + 6 * y, 1);
            for (int p = 0; p < nt_tile_points; p++) to[(p * c->from + in) * mr + i] = u[p];
        }
}

/// Where the tiles of a panel lie: in the planes of channel 0, and in the result's channel 0.
typedef struct {
    int64_t count;
    int64_t from[32], to[32];
    int32_t height[32], width[32];
} nt_tiles;

/// `first` is the task's first tile row; its planes begin at row `top` of image `image0`, images `image_step` apart.
static void nt_find_tiles(
    const nt_winograd_call *c, int64_t first, int64_t tile, int64_t count, int64_t image0, int64_t top,
    int64_t image_step, nt_tiles *t
) {
    t->count = count;
    for (int64_t i = 0; i < count; i++) {
        const int64_t row = first + (tile + i) / c->tiles_w, x = (tile + i) % c->tiles_w * nt_tile_out;
        const int64_t image = row / c->tiles_h, y = row % c->tiles_h * nt_tile_out;
        t->from[i] = (image - image0) * image_step + (y - top) * c->frame.columns + x;
        t->to[i] = image * c->to * c->height * c->width + y * c->width + x;
        t->height[i] = (int32_t)nt_least(nt_tile_out, c->height - y);
        t->width[i] = (int32_t)nt_least(nt_tile_out, c->width - x);
    }
}

/// The panel's input transform for every channel: `[point][channel][nr]`.
static void nt_panel_points(
    const nt_winograd_call *c, const float *planes, int64_t plane, const nt_tiles *t, float *points
) {
    const int64_t nr = c->kernels->nr, lanes = c->transforms->lanes;
    for (int64_t channel = 0; channel < c->from; channel++)
        for (int64_t at = 0; at < nr && at < t->count; at += lanes) {
            const float *from[8];
            for (int64_t l = 0; l < lanes; l++)
                from[l] = planes + channel * plane + t->from[at + l < t->count ? at + l : t->count - 1];
            c->transforms->input(from, c->frame.columns, points + channel * nr + at, c->from * nr + nt_point_gap);
        }
}

/// The products of the panel for result channels `m` on, and their transform back into the result.
static void nt_panel_result(
    const nt_winograd_call *c, int64_t m, const float *points, const nt_tiles *t, float *products
) {
    const int64_t mr = c->kernels->mr, nr = c->kernels->nr, lanes = c->transforms->lanes;
    const int64_t rows = nt_least(mr, c->to - m), area = c->height * c->width;
    const float *weights = c->points + m * nt_tile_points * c->from;
    // Stores in sixteens over many lines would wait for each line in turn: they are fetched while the products run.
    for (int64_t i = 0; i < rows; i++)
        for (int64_t at = 0; at < t->count; at += 2)
            for (int64_t y = 0; y < t->height[at]; y++)
                __builtin_prefetch(c->result + t->to[at] + (m + i) * area + y * c->width, 1);
    for (int64_t p = 0; p < nt_tile_points; p++)
        c->kernels->panel(
            rows, nr, c->from, weights + p * c->from * mr, points + p * (c->from * nr + nt_point_gap),
            products + p * mr * nr, nr, 0);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t at = 0; at < t->count; at += lanes) {
            float *to[8];
            const int64_t count = nt_least(lanes, t->count - at);
            for (int64_t l = 0; l < count; l++) to[l] = c->result + t->to[at + l] + (m + i) * area;
            c->transforms->output(
                products + i * nr + at, mr * nr, count, to, c->width, t->height + at, t->width + at);
        }
}

/// Runs the epilogue over tile rows `first` to `last`, image by image.
static void nt_finish_rows(const nt_winograd_call *c, int64_t first, int64_t last, int worker) {
    while (c->epilogue && first < last) {
        const int64_t image = first / c->tiles_h, stop = nt_least((image + 1) * c->tiles_h, last);
        const int64_t begin[4] = {image, 0, first % c->tiles_h * nt_tile_out, 0};
        const int64_t end[4] = {
            image + 1, c->to, nt_least((stop - image * c->tiles_h) * nt_tile_out, c->height), c->width};
        nt_epilogue_run(c->epilogue, c->workers, worker, begin, end);
        first = stop;
    }
}

static void nt_winograd_task(void *context, long index, int worker) {
    const nt_winograd_call *c = context;
    const int64_t first = index * c->rows, last = nt_least(first + c->rows, c->all_rows);
    const int64_t image0 = first / c->tiles_h, images = (last - 1) / c->tiles_h + 1 - image0;
    const int64_t mr = c->kernels->mr, nr = c->kernels->nr;
    const nt_frame *f = &c->frame;
    float *points = nt_worker_area(c->workers, worker);
    const float *planes = c->source + image0 * c->from * f->height * f->width;
    int64_t plane = f->height * f->width, top = 0;
    if (!nt_frame_is_source(f)) {
        // Of a part of an image, only the rows that it sees.
        top = images == 1 ? first % c->tiles_h * nt_tile_out : 0;
        const int64_t bottom = images == 1 ? ((last - 1) % c->tiles_h + 1) * nt_tile_out + 2 : f->rows;
        plane = (bottom - top) * f->columns;
        float *copy = points + nt_panel_size(c);
        nt_frame_fill(f, images * c->from, top, bottom, planes, copy);
        planes = copy;
    }
    float *products = points + nt_tile_points * (c->from * nr + nt_point_gap);
    const int64_t tiles = (last - first) * c->tiles_w;
    int64_t finished = first;
    for (int64_t tile = 0; tile < tiles; tile += nr) {
        nt_tiles t;
        nt_find_tiles(c, first, tile, nt_least(nr, tiles - tile), image0, top, c->from * plane, &t);
        nt_panel_points(c, planes, plane, &t, points);
        for (int64_t m = 0; m < c->to; m += mr) nt_panel_result(c, m, points, &t, products);
        // Whole images (or what the task has of one) whose last tile is done.
        const int64_t rows = first + (tile + t.count) / c->tiles_w;
        const int64_t stop = rows == last ? last : rows / c->tiles_h * c->tiles_h;
        if (stop > finished) {
            nt_finish_rows(c, finished, stop, worker);
            finished = stop;
        }
    }
}

/// Whether the method applies to the shape and saves work: 4 times fewer products, less what the edge tiles waste.
static int nt_winograd_fits(const nt_convolution *k) {
    if (k->kh != 3 || k->kw != 3 || k->sh != 1 || k->sw != 1 || k->dh != 1 || k->dw != 1 || k->groups != 1) return 0;
    const int64_t height = k->kind == nt_convolution_input ? k->ih : k->oh,
                  width = k->kind == nt_convolution_input ? k->iw : k->ow;
    const double tiles = (double)(nt_blocks(height, 4) * nt_blocks(width, 4));
    return k->in_channels >= 8 && k->out_channels >= 8 && tiles * 16 <= 2.0 * (double)height * (double)width
        && tiles * (double)k->batch >= 16;
}

/// How the forward pass or the input gradient is cut: by the shape alone.
static nt_winograd_call nt_plan_winograd(const nt_convolution *k) {
    const int forward = k->kind == nt_convolution_forward;
    nt_winograd_call c = {
        .kernels = nt_matmul_kernels_for(k->isa), .transforms = nt_winograd_kernels_for(k->isa),
        .from = forward ? k->in_channels : k->out_channels, .to = forward ? k->out_channels : k->in_channels,
        .height = forward ? k->oh : k->ih, .width = forward ? k->ow : k->iw, .turned = !forward};
    c.tiles_h = nt_blocks(c.height, nt_tile_out);
    c.tiles_w = nt_blocks(c.width, nt_tile_out);
    const int64_t top = forward ? k->ph : 2 - k->ph, left = forward ? k->pw : 2 - k->pw;
    c.frame = (nt_frame){c.tiles_h * nt_tile_out + 2, c.tiles_w * nt_tile_out + 2, top, left, 1, 1,
                         forward ? k->ih : k->oh, forward ? k->iw : k->ow};
    // About 128 tiles a task: whole images, or parts of one.
    const int64_t wanted = nt_blocks(128, c.tiles_w);
    c.rows = wanted >= c.tiles_h ? wanted / c.tiles_h * c.tiles_h : nt_blocks(c.tiles_h, nt_blocks(c.tiles_h, wanted));
    c.all_rows = k->batch * c.tiles_h;
    return c;
}

/// The sums of points are kept in cache, so that there are not to be too many.
static int nt_winograd_applies(const nt_convolution *k) {
    if (!nt_winograd_fits(k)) return 0;
    return k->kind != nt_convolution_weight || (k->in_channels * k->out_channels <= 128 * 128 && k->in_channels >= 16);
}

int nt_winograd_memory(const nt_convolution *k, nt_memory *memory) {
    if (!nt_winograd_applies(k)) return 0;
    if (k->kind == nt_convolution_weight) {
        *memory = nt_winograd_sums_memory(k);
        return 1;
    }
    const nt_winograd_call c = nt_plan_winograd(k);
    // A task of whole images begins with one; any other sees parts of at most two, of one no more than its own rows.
    int64_t images = c.rows % c.tiles_h == 0 ? c.rows / c.tiles_h : c.tiles_h % c.rows == 0 ? 1 : 2;
    images = nt_least(images, k->batch);
    const int64_t rows = images > 1 ? c.frame.rows : nt_least(c.frame.rows, c.rows * nt_tile_out + 2);
    const int64_t image = nt_frame_is_source(&c.frame) ? 0 : images * c.from * rows * c.frame.columns;
    const int64_t weights = nt_blocks(c.to, c.kernels->mr) * c.kernels->mr * nt_tile_points * c.from;
    *memory = (nt_memory){
        .call = (size_t)weights * sizeof(float), .worker = (size_t)(nt_panel_size(&c) + image) * sizeof(float)};
    return 1;
}

int nt_winograd(
    const nt_convolution *k, const nt_workers *workers, const float *a, const float *b, float *result,
    const nt_epilogue *epilogue
) {
    if (!nt_winograd_applies(k)) return 0;
    if (k->kind == nt_convolution_weight) {
        nt_winograd_sums(k, workers, a, b, result, epilogue);
        return 1;
    }
    nt_winograd_call c = nt_plan_winograd(k);
    c.workers = workers;
    c.epilogue = epilogue;
    c.source = a;
    c.weight = b;
    c.result = result;
    c.points = nt_call_area(workers);
    nt_pool_run(workers->pool, nt_blocks(c.to, c.kernels->mr), nt_weights_task, &c);
    nt_pool_run(workers->pool, nt_blocks(c.all_rows, c.rows), nt_winograd_task, &c);
    return 1;
}
