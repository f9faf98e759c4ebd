/// 2-D pooling over planes, and its gradients.
#pragma once

#include <stdint.h>

#include "nt_epilogue.h"
#include "nt_matmul.h"

/// Every PoolingKernel.Kind, in its order.
#define NT_POOLING_KINDS(X) \
    X(nt_pooling_maximum, maximum) \
    X(nt_pooling_maximum_indices, maximumIndices) \
    X(nt_pooling_maximum_gradient, maximumGradient) \
    X(nt_pooling_maximum_gather, maximumGather) \
    X(nt_pooling_average, average) \
    X(nt_pooling_average_gradient, averageGradient)

/// The raw values of PoolingKernel.Kind.
typedef enum { NT_POOLING_KINDS(NT_ENUMERATOR) } nt_pooling_kind;

typedef struct {
    int32_t isa;
    /// Float32 or float64.
    int32_t element;
    int32_t kind;
    int32_t counts_padding;
    int64_t planes;
    int64_t ih, iw, oh, ow, kh, kw, sh, sw, ph, pw, dh, dw;
} nt_pooling;

/// What a pooling needs, without its epilogue.
nt_memory nt_pooling_memory(const nt_pooling *pooling);

/// Computes into the contiguous `result` (int64 for indices) and runs the epilogue (null: none) over its three
/// dimensions. `b` is the second operand, where the kind has one.
void nt_pooling_run(
    const nt_pooling *pooling, const nt_workers *workers, const void *a, const void *b, void *result,
    const nt_epilogue *epilogue);
