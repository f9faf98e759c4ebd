/// Picks the method of a convolution, and what the methods share.

#include <string.h>

#include "convolution_internal.h"

void nt_frame_fill(const nt_frame *f, int64_t channels, int64_t first, int64_t last, const float *from, float *to) {
    const int64_t rows = last - first;
    if (f->spread_h == 1 && f->spread_w == 1 && f->left >= 0 && f->left + f->width <= f->columns) {
        const int64_t from_row = f->top < first ? first - f->top : 0;
        const int64_t to_row = nt_least(last - f->top, f->height);
        memset(to, 0, channels * rows * f->columns * sizeof(float));
        for (int64_t channel = 0; channel < channels; channel++)
            for (int64_t r = from_row; r < to_row; r++)
                nt_copy_row(
                    to + (channel * rows + r + f->top - first) * f->columns + f->left,
                    from + (channel * f->height + r) * f->width, f->width);
        return;
    }
    for (int64_t channel = 0; channel < channels; channel++) {
        const float *plane = from + channel * f->height * f->width;
        for (int64_t r = first; r < last; r++) {
            float *row = to + (channel * rows + r - first) * f->columns;
            const int64_t at = r - f->top;
            if (at < 0 || at % f->spread_h || at / f->spread_h >= f->height) {
                memset(row, 0, f->columns * sizeof(float));
                continue;
            }
            const float *source = plane + at / f->spread_h * f->width;
            // A negative border cuts the source.
            const int64_t skip = f->left < 0 ? nt_blocks(-f->left, f->spread_w) : 0;
            const int64_t start = f->left + skip * f->spread_w;
            int64_t count = start < f->columns ? nt_blocks(f->columns - start, f->spread_w) : 0;
            count = nt_least(count, f->width - skip);
            if (count < 0) count = 0;
            memset(row, 0, f->columns * sizeof(float));
            for (int64_t x = 0; x < count; x++) row[start + x * f->spread_w] = source[skip + x];
        }
    }
}

/// Elements of the result.
static int64_t nt_result_size(const nt_convolution *c) {
    switch ((nt_convolution_kind)c->kind) {
    case nt_convolution_weight: return c->out_channels * (c->in_channels / c->groups) * c->kh * c->kw;
    case nt_convolution_input: return c->batch * c->in_channels * c->ih * c->iw;
    case nt_convolution_forward: return c->batch * c->out_channels * c->oh * c->ow;
    }
    return 0;
}

nt_memory nt_convolution_memory(const nt_convolution *c, int in_parts) {
    nt_memory memory = {0};
    if (nt_result_size(c) == 0 || c->element == nt_element_f64) return memory;
    if (nt_windows_apply(c)) return nt_windows_memory(c);
    if (nt_winograd_memory(c, &memory)) return memory;
    return c->kind == nt_convolution_weight ? nt_weights_memory(c, in_parts) : nt_blocks_memory(c);
}

void nt_convolution_run(
    const nt_convolution *c, const nt_workers *workers, const void *a, const void *b, void *result,
    const nt_epilogue *epilogue
) {
    const int weight = c->kind == nt_convolution_weight;
    if (nt_result_size(c) == 0) return;
    if (c->element == nt_element_f64) {
        nt_convolution_f64(c, workers, a, b, result, epilogue);
    } else if (nt_windows_apply(c)) {
        nt_convolution_windows(c, workers, a, b, result, epilogue);
    } else if (!nt_winograd(c, workers, a, b, result, epilogue)) {
        (weight ? nt_convolution_weights : nt_convolution_blocks)(c, workers, a, b, result, epilogue);
    }
}
