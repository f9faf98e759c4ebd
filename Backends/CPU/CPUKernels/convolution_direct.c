/// The three convolutions in float64, a row of the result at a time: for each tap, the row gets a multiple of a row of the
/// source. No copies are made, and every element is summed in the same order whatever the row's length.

#include "convolution_internal.h"

/// The outputs `first..<last` of a row whose tap `v` lies within the input.
typedef struct {
    int64_t first, last;
} nt_span;

static nt_span nt_tap_span(const nt_convolution *k, int64_t v) {
    const int64_t before = k->pw - v * k->dw, behind = k->iw - 1 + k->pw - v * k->dw;
    const int64_t first = before > 0 ? nt_blocks(before, k->sw) : 0;
    const int64_t last = behind < 0 ? 0 : nt_least(behind / k->sw + 1, k->ow);
    return (nt_span){first, last > first ? last : first};
}

/// `to[j * to_step] += w * from[j * from_step]` for `count` elements.
static void nt_add_row(
    double *to, int64_t to_step, const double *from, int64_t from_step, double w, int64_t count
) {
    if (to_step == 1 && from_step == 1) {
        for (int64_t j = 0; j < count; j++) to[j] += w * from[j];
    } else {
        for (int64_t j = 0; j < count; j++) to[j * to_step] += w * from[j * from_step];
    }
}

/// Row `y` of input plane `channel`: sums over the window, then the group's outputs.
static void nt_input_row(
    const nt_convolution *k, const double *gradient, const double *weight, int64_t channel, int64_t y, double *to
) {
    const int64_t in = k->in_channels / k->groups, out = k->out_channels / k->groups, group = channel / in;
    memset(to, 0, k->iw * sizeof(double));
    for (int64_t u = 0; u < k->kh; u++) {
        const int64_t top = y + k->ph - u * k->dh;
        if (top < 0 || top % k->sh || top / k->sh >= k->oh) continue;
        for (int64_t v = 0; v < k->kw; v++) {
            const nt_span s = nt_tap_span(k, v);
            if (s.first == s.last) continue;
            for (int64_t o = group * out; o < (group + 1) * out; o++)
                nt_add_row(
                    to + s.first * k->sw - k->pw + v * k->dw, k->sw,
                    gradient + (o * k->oh + top / k->sh) * k->ow + s.first, 1,
                    weight[((o * in + channel % in) * k->kh + u) * k->kw + v], s.last - s.first);
        }
    }
}

/// Row `y` of output plane `channel`: sums over the group's inputs, then the window.
static void nt_forward_row(
    const nt_convolution *k, const double *input, const double *weight, int64_t channel, int64_t y, double *to
) {
    const int64_t in = k->in_channels / k->groups, group = channel / (k->out_channels / k->groups);
    memset(to, 0, k->ow * sizeof(double));
    for (int64_t i = 0; i < in; i++)
        for (int64_t u = 0; u < k->kh; u++) {
            const int64_t row = y * k->sh - k->ph + u * k->dh;
            if (row < 0 || row >= k->ih) continue;
            const double *from = input + ((group * in + i) * k->ih + row) * k->iw;
            const double *w = weight + ((channel * in + i) * k->kh + u) * k->kw;
            for (int64_t v = 0; v < k->kw; v++) {
                const nt_span s = nt_tap_span(k, v);
                if (s.first == s.last) continue;
                nt_add_row(
                    to + s.first, 1, from + s.first * k->sw - k->pw + v * k->dw, k->sw, w[v], s.last - s.first);
            }
        }
}

/// The sum for one weight over the places of one image, in four parts, so that one addition need not wait for the last.
static double nt_weight_sum(
    const nt_convolution *k, const double *plane, const double *gradient, int64_t u, int64_t v
) {
    double sums[4] = {0, 0, 0, 0};
    const nt_span s = nt_tap_span(k, v);
    for (int64_t y = 0; y < k->oh; y++) {
        const int64_t row = y * k->sh - k->ph + u * k->dh;
        if (row < 0 || row >= k->ih) continue;
        const double *a = plane + row * k->iw, *b = gradient + y * k->ow;
        const int64_t offset = v * k->dw - k->pw;
        int64_t x = s.first;
        for (; x + 4 <= s.last; x += 4)
            for (int64_t i = 0; i < 4; i++) sums[i] += a[(x + i) * k->sw + offset] * b[x + i];
        for (; x < s.last; x++) sums[0] += a[x * k->sw + offset] * b[x];
    }
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

typedef struct {
    const nt_convolution *k;
    const void *a, *b;
    void *result;
    const nt_epilogue *epilogue;
    const nt_workers *workers;
} nt_direct_call;

/// One task is one plane of the result: an image's channel, or an output channel of the weights.
static void nt_direct_finish(
    const nt_direct_call *c, int worker, int64_t image, int64_t channel, int64_t height, int64_t width
) {
    const int64_t begin[4] = {image, channel, 0, 0}, end[4] = {image + 1, channel + 1, height, width};
    nt_epilogue_run(c->epilogue, c->workers, worker, begin, end);
}

static void nt_forward_task(void *context, long index, int worker) {
    const nt_direct_call *c = context;
    const nt_convolution *k = c->k;
    const int64_t image = index / k->out_channels, channel = index % k->out_channels;
    const double *input = (const double *)c->a + image * k->in_channels * k->ih * k->iw;
    double *to = (double *)c->result + index * k->oh * k->ow;
    for (int64_t y = 0; y < k->oh; y++) nt_forward_row(k, input, c->b, channel, y, to + y * k->ow);
    nt_direct_finish(c, worker, image, channel, k->oh, k->ow);
}

static void nt_input_task(void *context, long index, int worker) {
    const nt_direct_call *c = context;
    const nt_convolution *k = c->k;
    const int64_t image = index / k->in_channels, channel = index % k->in_channels;
    const double *gradient = (const double *)c->a + image * k->out_channels * k->oh * k->ow;
    double *to = (double *)c->result + index * k->ih * k->iw;
    for (int64_t y = 0; y < k->ih; y++) nt_input_row(k, gradient, c->b, channel, y, to + y * k->iw);
    nt_direct_finish(c, worker, image, channel, k->ih, k->iw);
}

static void nt_weight_task(void *context, long index, int worker) {
    const nt_direct_call *c = context;
    const nt_convolution *k = c->k;
    const int64_t in = k->in_channels / k->groups, group = index / (k->out_channels / k->groups);
    double *to = (double *)c->result + index * in * k->kh * k->kw;
    memset(to, 0, in * k->kh * k->kw * sizeof(double));
    for (int64_t image = 0; image < k->batch; image++) {
        const double *planes = (const double *)c->a + (image * k->in_channels + group * in) * k->ih * k->iw;
        const double *gradient = (const double *)c->b + (image * k->out_channels + index) * k->oh * k->ow;
        for (int64_t i = 0, at = 0; i < in; i++)
            for (int64_t u = 0; u < k->kh; u++)
                for (int64_t v = 0; v < k->kw; v++, at++)
                    to[at] += nt_weight_sum(k, planes + i * k->ih * k->iw, gradient, u, v);
    }
    const int64_t begin[4] = {index, 0, 0, 0}, end[4] = {index + 1, in, k->kh, k->kw};
    nt_epilogue_run(c->epilogue, c->workers, worker, begin, end);
}

void nt_convolution_f64(
    const nt_convolution *k, const nt_workers *workers, const double *a, const double *b, double *result,
    const nt_epilogue *epilogue
) {
    nt_direct_call c = {k, a, b, result, epilogue, workers};
    switch ((nt_convolution_kind)k->kind) {
    case nt_convolution_weight: nt_pool_run(workers->pool, k->out_channels, nt_weight_task, &c); return;
    case nt_convolution_input: nt_pool_run(workers->pool, k->batch * k->in_channels, nt_input_task, &c); return;
    case nt_convolution_forward: nt_pool_run(workers->pool, k->batch * k->out_channels, nt_forward_task, &c);
    }
}
