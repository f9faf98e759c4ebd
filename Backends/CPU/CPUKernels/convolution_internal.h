/// What the files of the convolution share.
#pragma once

#include <string.h>

#include "include/nt_convolution.h"
#include "matmul_internal.h"

/// A kind that is not named does not compile.
#pragma clang diagnostic error "-Wswitch"

static inline int64_t nt_least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t nt_blocks(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Copies a short row: without the call that `memcpy` is for a length not known before.
static inline void nt_copy_row(float *to, const float *from, int64_t count) {
    if (count < 8) {
        for (int64_t i = 0; i < count; i++) to[i] = from[i];
        return;
    }
    for (int64_t i = 0; i + 8 <= count; i += 8) memcpy(to + i, from + i, 32);
    memcpy(to + count - 8, from + count - 8, 32);
}

/// Planes of one image with borders, such that a window never leaves them: `rows` by `columns`, where element
/// (`top` + i * `spread_h`, `left` + j * `spread_w`) is element (i, j) of the `height` by `width` source.
typedef struct {
    int64_t rows, columns, top, left, spread_h, spread_w, height, width;
} nt_frame;

/// Whether the source itself can serve as the framed planes.
static inline int nt_frame_is_source(const nt_frame *f) {
    return f->top == 0 && f->left == 0 && f->spread_h == 1 && f->spread_w == 1 && f->rows == f->height
        && f->columns == f->width;
}

/// Lays rows `first` to `last` of the frames of `channels` planes out in `to`, with zeros around the source.
void nt_frame_fill(const nt_frame *f, int64_t channels, int64_t first, int64_t last, const float *from, float *to);

void nt_convolution_blocks(
    const nt_convolution *c, const nt_workers *workers, const float *source, const float *weight, float *result,
    const nt_epilogue *epilogue);
void nt_convolution_weights(
    const nt_convolution *c, const nt_workers *workers, const float *input, const float *gradient, float *result,
    const nt_epilogue *epilogue);
void nt_convolution_f64(
    const nt_convolution *c, const nt_workers *workers, const double *a, const double *b, double *result,
    const nt_epilogue *epilogue);

/// Whether a group has so few results that sums over windows are faster than panels.
int nt_windows_apply(const nt_convolution *c);
nt_memory nt_windows_memory(const nt_convolution *c);
void nt_convolution_windows(
    const nt_convolution *c, const nt_workers *workers, const float *source, const float *weight, float *result,
    const nt_epilogue *epilogue);

nt_memory nt_blocks_memory(const nt_convolution *c);
/// `in_parts`: where the result has no memory.
nt_memory nt_weights_memory(const nt_convolution *c, int in_parts);
/// Whether Winograd's method applies and pays; then what it needs.
int nt_winograd_memory(const nt_convolution *c, nt_memory *memory);

/// Whether Winograd's method applies and pays; then it runs and gives 1.
int nt_winograd(
    const nt_convolution *c, const nt_workers *workers, const float *a, const float *b, float *result,
    const nt_epilogue *epilogue);
