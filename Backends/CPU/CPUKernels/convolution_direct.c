/// Convolutions without packing: the three of float64, and in float32 the input gradient of depthwise convolutions,
/// whose products are too small for panels.

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

#define NT_ALL_KINDS
#define NT_TYPE double
#define NT_TARGET
#define NT_NAMED(name) name##_f64
#include "convolution_rows.h"
#undef NT_TYPE
#undef NT_NAMED
#undef NT_ALL_KINDS

#define NT_TYPE float
#define NT_NAMED(name) name##_f32
#include "convolution_rows.h"
#undef NT_TARGET
#undef NT_NAMED

#if defined(__x86_64__)
#define NT_TARGET __attribute__((target("avx2,fma")))
#define NT_NAMED(name) name##_f32_avx2
#include "convolution_rows.h"
#endif

typedef struct {
    const nt_convolution *k;
    const void *a, *b;
    void *result;
    const nt_epilogue *epilogue;
    const nt_workers *workers;
} nt_direct_call;

/// One task is one plane of the result: an image's channel, or an output channel of the weights.
static void nt_direct_finish(
    const nt_direct_call *c, int worker, int64_t image, int64_t channel, int64_t planes, int64_t height, int64_t width
) {
    const int64_t begin[4] = {image, channel, 0, 0}, end[4] = {image + 1, channel + planes, height, width};
    nt_epilogue_run(c->epilogue, c->workers, worker, begin, end);
}

static void nt_forward_task_f64(void *context, long index, int worker) {
    const nt_direct_call *c = context;
    const nt_convolution *k = c->k;
    const int64_t image = index / k->out_channels, channel = index % k->out_channels;
    const double *input = (const double *)c->a + image * k->in_channels * k->ih * k->iw;
    double *to = (double *)c->result + index * k->oh * k->ow;
    for (int64_t y = 0; y < k->oh; y++) nt_forward_row_f64(k, input, c->b, channel, y, to + y * k->ow);
    nt_direct_finish(c, worker, image, channel, 1, k->oh, k->ow);
}

static void nt_input_task_f64(void *context, long index, int worker) {
    const nt_direct_call *c = context;
    const nt_convolution *k = c->k;
    const int64_t image = index / k->in_channels, channel = index % k->in_channels;
    const double *gradient = (const double *)c->a + image * k->out_channels * k->oh * k->ow;
    double *to = (double *)c->result + index * k->ih * k->iw;
    for (int64_t y = 0; y < k->ih; y++) nt_input_row_f64(k, gradient, c->b, channel, y, to + y * k->iw);
    nt_direct_finish(c, worker, image, channel, 1, k->ih, k->iw);
}

static void nt_weight_task_f64(void *context, long index, int worker) {
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
                    to[at] += nt_weight_sum_f64(k, planes + i * k->ih * k->iw, gradient, u, v);
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
    case nt_convolution_weight: nt_pool_run(workers->pool, k->out_channels, nt_weight_task_f64, &c); return;
    case nt_convolution_input: nt_pool_run(workers->pool, k->batch * k->in_channels, nt_input_task_f64, &c); return;
    case nt_convolution_forward: nt_pool_run(workers->pool, k->batch * k->out_channels, nt_forward_task_f64, &c);
    }
}

/// Rows are added up by vectors only where they lie without gaps, and a few outputs a group pay for no panel.
int nt_is_depthwise_gradient(const nt_convolution *k) {
    return k->kind == nt_convolution_input && k->in_channels == k->groups && k->out_channels <= 4 * k->groups
        && k->groups > 1 && k->sw == 1;
}

static void nt_input_task_f32(void *context, long index, int worker) {
    const nt_direct_call *c = context;
    const nt_convolution *k = c->k;
    const int64_t image = index / k->in_channels, channel = index % k->in_channels;
    const float *gradient = (const float *)c->a + image * k->out_channels * k->oh * k->ow;
    float *to = (float *)c->result + index * k->ih * k->iw;
    for (int64_t y = 0; y < k->ih; y++) {
#if defined(__x86_64__)
        if (k->isa >= NT_ISA_AVX2) {
            nt_input_row_f32_avx2(k, gradient, c->b, channel, y, to + y * k->iw);
            continue;
        }
#endif
        nt_input_row_f32(k, gradient, c->b, channel, y, to + y * k->iw);
    }
    nt_direct_finish(c, worker, image, channel, 1, k->ih, k->iw);
}

void nt_depthwise_gradient(
    const nt_convolution *k, const nt_workers *workers, const float *gradient, const float *weight, float *result,
    const nt_epilogue *epilogue
) {
    nt_direct_call c = {k, gradient, weight, result, epilogue, workers};
    nt_pool_run(workers->pool, k->batch * k->in_channels, nt_input_task_f32, &c);
}
