/// What the files of Winograd's method share: F(4x4, 3x3) of
/// [Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks"](https://arxiv.org/abs/1509.09308).
///
/// A 4x4 tile of the result comes from a 6x6 tile of the input by 36 multiplications in place of 144. All transforms
/// work on several tiles (or channels) at once, one a lane; lanes lie anywhere in memory.
#pragma once

#include "convolution_internal.h"

enum { nt_tile_out = 4, nt_tile_points = 36 };
/// Floats between the matrices of two points, beyond their size. With a distance of a power of two, the 36 stores of a
/// transform would meet in two sets of L1: it would take 2 to 4 times as long.
enum { nt_point_gap = 16 };

typedef struct {
    /// Tiles transformed at once, at most 8.
    long lanes;
    /// 6x6 values of each lane (`from[lane]`, rows `row` apart) to 36 points: point p to `to + p * step`.
    void (*input)(const float *const *from, long row, float *to, long step);
    /// The same for 4x4 values of the output gradient, by the transposed output transform.
    void (*gradient)(const float *const *from, long row, float *to, long step);
    /// 36 points of each lane to 4x4 values, of which lane l stores `height[l]` by `width[l]` at `to[l]`.
    void (*output)(
        const float *from, long step, long count, float *const *to, long row, const int32_t *height,
        const int32_t *width);
    /// 36 points of `lanes` neighbours to 3x3 weights: weight t to `to + t * lanes`.
    void (*weights)(const float *from, long step, float *to);
} nt_winograd_kernels;

extern const nt_winograd_kernels nt_winograd_kernels_baseline;
#if defined(__x86_64__)
extern const nt_winograd_kernels nt_winograd_kernels_avx2;
#endif

static inline const nt_winograd_kernels *nt_winograd_kernels_for(int isa) {
#if defined(__x86_64__)
    if (isa >= NT_ISA_AVX2) return &nt_winograd_kernels_avx2;
#endif
    return &nt_winograd_kernels_baseline;
}

nt_memory nt_winograd_sums_memory(const nt_convolution *c);
void nt_winograd_sums(
    const nt_convolution *c, const nt_workers *workers, const float *input, const float *gradient, float *result,
    const nt_epilogue *epilogue);
