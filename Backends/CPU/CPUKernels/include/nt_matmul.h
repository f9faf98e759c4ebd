/// Matrix products, split over the pool, with an epilogue that runs on each tile while it is in cache.
#pragma once

#include <stdint.h>

#include "nt_epilogue.h"

/// Element types of products, convolutions, pooling and scatter.
typedef enum {
    nt_element_f32,
    nt_element_f64,
    nt_element_i32,
    nt_element_i64,
    nt_element_u8,
    nt_element_f16,
    nt_element_bf16,
    nt_element_count,
} nt_element;

/// Whether elements are widened to float32 as they are read; what is computed of them comes in float32.
static inline int nt_is_short(int element) { return element == nt_element_f16 || element == nt_element_bf16; }

typedef void (*nt_sgemm)(
    int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);
typedef void (*nt_dgemm)(
    int, int, int, int, int, int, double, const double *, int, const double *, int, double, double *, int);

/// How a product is computed.
typedef enum {
    nt_matmul_direct,
    nt_matmul_stream,
    nt_matmul_dot,
    nt_matmul_paneled,
    nt_matmul_packed,
    nt_matmul_typed,
    nt_matmul_widened,
    nt_matmul_blas,
} nt_matmul_method;

typedef struct {
    int32_t isa;
    int32_t element;
    int32_t batch_rank;
    int64_t batch[8], a_batch[8], b_batch[8];
    int64_t m, n, k;
    /// Distances between rows and columns; one of each pair is 1.
    int64_t rsa, csa, rsb, csb;
    /// Null where there is no BLAS library.
    nt_sgemm sgemm;
    nt_dgemm dgemm;
    /// The plan, made by `nt_matmul_plan` from the shape alone, so that any number of threads gives the same bits.
    int32_t method;
    int64_t batches, tile_m, tile_n, tiles_m, tiles_n;
    /// Products in a task, where one alone is too short to hand over.
    int64_t batch_step;
    /// Parts of the depth, each computed on its own; 1 but for long rows with few results.
    int64_t parts;
} nt_matmul;

/// Chooses method and tiles.
void nt_matmul_plan(nt_matmul *matmul);

/// Whether there is a routine for the planned method and the element type.
int nt_matmul_has_routine(const nt_matmul *matmul);

/// What a product needs, without its epilogue.
nt_memory nt_matmul_memory(const nt_matmul *matmul);
/// The same where the result has no memory as a whole.
nt_memory nt_matmul_tile_memory(const nt_matmul *matmul);

/// Computes the product, of float16 and bfloat16 in float32, into the contiguous `c` and runs the epilogue (null: none) on each tile. Where `c` is null, a
/// tile is only there for the epilogue, which is not null then.
void nt_matmul_run(
    const nt_matmul *matmul, const nt_workers *workers, const void *a, const void *b, void *c,
    const nt_epilogue *epilogue);
