/// The three convolutions in float64: plain loops, one result element after the other.

#include "convolution_internal.h"

typedef struct {
    const nt_convolution *k;
    const double *a, *b;
    double *result;
    const nt_epilogue *epilogue;
    const nt_workers *workers;
} nt_f64_call;

/// Sum over the window for output (`y`, `x`) of channel `channel`.
static double nt_f64_forward(const nt_f64_call *c, int64_t image, int64_t channel, int64_t y, int64_t x) {
    const nt_convolution *k = c->k;
    const int64_t in = k->in_channels / k->groups, group = channel / (k->out_channels / k->groups);
    double sum = 0;
    for (int64_t i = 0; i < in; i++)
        for (int64_t u = 0; u < k->kh; u++) {
            const int64_t row = y * k->sh - k->ph + u * k->dh;
            if (row < 0 || row >= k->ih) continue;
            for (int64_t v = 0; v < k->kw; v++) {
                const int64_t column = x * k->sw - k->pw + v * k->dw;
                if (column < 0 || column >= k->iw) continue;
                sum += c->a[((image * k->in_channels + group * in + i) * k->ih + row) * k->iw + column]
                    * c->b[((channel * in + i) * k->kh + u) * k->kw + v];
            }
        }
    return sum;
}

static double nt_f64_input(const nt_f64_call *c, int64_t image, int64_t channel, int64_t y, int64_t x) {
    const nt_convolution *k = c->k;
    const int64_t in = k->in_channels / k->groups, out = k->out_channels / k->groups, group = channel / in;
    double sum = 0;
    for (int64_t u = 0; u < k->kh; u++) {
        const int64_t top = y + k->ph - u * k->dh;
        if (top < 0 || top % k->sh || top / k->sh >= k->oh) continue;
        for (int64_t v = 0; v < k->kw; v++) {
            const int64_t left = x + k->pw - v * k->dw;
            if (left < 0 || left % k->sw || left / k->sw >= k->ow) continue;
            for (int64_t o = group * out; o < (group + 1) * out; o++)
                sum += c->a[((image * k->out_channels + o) * k->oh + top / k->sh) * k->ow + left / k->sw]
                    * c->b[((o * in + channel % in) * k->kh + u) * k->kw + v];
        }
    }
    return sum;
}

static double nt_f64_weight(const nt_f64_call *c, int64_t channel, int64_t from, int64_t u, int64_t v) {
    const nt_convolution *k = c->k;
    const int64_t in = k->in_channels / k->groups, group = channel / (k->out_channels / k->groups);
    double sum = 0;
    for (int64_t image = 0; image < k->batch; image++)
        for (int64_t y = 0; y < k->oh; y++) {
            const int64_t row = y * k->sh - k->ph + u * k->dh;
            if (row < 0 || row >= k->ih) continue;
            for (int64_t x = 0; x < k->ow; x++) {
                const int64_t column = x * k->sw - k->pw + v * k->dw;
                if (column < 0 || column >= k->iw) continue;
                sum += c->a[((image * k->in_channels + group * in + from) * k->ih + row) * k->iw + column]
                    * c->b[((image * k->out_channels + channel) * k->oh + y) * k->ow + x];
            }
        }
    return sum;
}

/// One task is one plane of the result: an image's channel, or an output channel of the weights.
static void nt_f64_task(void *context, long index, int worker) {
    const nt_f64_call *c = context;
    const nt_convolution *k = c->k;
    if (k->kind == nt_convolution_weight) {
        const int64_t in = k->in_channels / k->groups;
        double *to = c->result + index * in * k->kh * k->kw;
        for (int64_t i = 0; i < in; i++)
            for (int64_t u = 0; u < k->kh; u++)
                for (int64_t v = 0; v < k->kw; v++) *to++ = nt_f64_weight(c, index, i, u, v);
        const int64_t begin[4] = {index, 0, 0, 0}, end[4] = {index + 1, in, k->kh, k->kw};
        nt_epilogue_run(c->epilogue, c->workers, worker, begin, end);
        return;
    }
    const int forward = k->kind == nt_convolution_forward;
    const int64_t channels = forward ? k->out_channels : k->in_channels, height = forward ? k->oh : k->ih,
                  width = forward ? k->ow : k->iw;
    const int64_t image = index / channels, channel = index % channels;
    double *to = c->result + index * height * width;
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++)
            *to++ = forward ? nt_f64_forward(c, image, channel, y, x) : nt_f64_input(c, image, channel, y, x);
    const int64_t begin[4] = {image, channel, 0, 0}, end[4] = {image + 1, channel + 1, height, width};
    nt_epilogue_run(c->epilogue, c->workers, worker, begin, end);
}

void nt_convolution_f64(
    const nt_convolution *k, const nt_workers *workers, const double *a, const double *b, double *result,
    const nt_epilogue *epilogue
) {
    nt_f64_call c = {k, a, b, result, epilogue, workers};
    const int64_t planes = k->kind == nt_convolution_weight ? k->out_channels
        : k->kind == nt_convolution_forward ? k->batch * k->out_channels : k->batch * k->in_channels;
    nt_pool_run(workers->pool, planes, nt_f64_task, &c);
}
