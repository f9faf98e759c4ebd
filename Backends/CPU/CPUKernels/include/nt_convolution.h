/// 2-D convolution in NCHW and its two gradients, with an epilogue that runs on each block while it is in cache.
#pragma once

#include <stdint.h>

#include "nt_epilogue.h"
#include "nt_matmul.h"

/// Every ConvolutionKernel.Kind, in its order.
#define NT_CONVOLUTION_KINDS(X) \
    X(nt_convolution_forward, forward) \
    X(nt_convolution_input, inputGradient) \
    X(nt_convolution_weight, weightGradient)

/// The raw values of ConvolutionKernel.Kind.
typedef enum { NT_CONVOLUTION_KINDS(NT_ENUMERATOR) } nt_convolution_kind;

typedef struct {
    int32_t isa;
    /// Float32 or float64.
    int32_t element;
    int32_t kind;
    int32_t groups;
    int64_t batch, in_channels, out_channels;
    /// Height and width of input, output and kernel; stride, padding and dilation.
    int64_t ih, iw, oh, ow, kh, kw, sh, sw, ph, pw, dh, dw;
} nt_convolution;

/// What a convolution needs, without its epilogue; `in_parts` where the result has no memory.
nt_memory nt_convolution_memory(const nt_convolution *convolution, int in_parts);

/// Computes into the contiguous `result` and runs the epilogue (null: none) over its four dimensions. `a` and `b` stand
/// in the order of the kind: (input, weight), (output gradient, weight), (input, output gradient). The result of a
/// weight gradient in float32 may be null: it is then only there for the epilogue, which is not null.
void nt_convolution_run(
    const nt_convolution *convolution, const nt_workers *workers, const void *a, const void *b, void *result,
    const nt_epilogue *epilogue);
