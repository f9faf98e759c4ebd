/// What kernels with an epilogue are launched with.
#pragma once

#include <stdint.h>
#include <string.h>

#include "nt_fused.h"
#include "nt_workers.h"

/// A pointwise program that runs on a part of a kernel's result while that part is in cache.
typedef struct {
    const nt_fused *program;
    /// Operand 0 is the kernel's result; null where that has no memory as a whole.
    void *const *operands;
    int32_t operand_count;
    const int64_t *index_offsets;
    const uint64_t *scalars;
} nt_epilogue;

/// Runs the epilogue over a box of its space; nothing where it is null.
static inline void nt_epilogue_run(
    const nt_epilogue *e, const nt_workers *workers, int worker, const int64_t *begin, const int64_t *end
) {
    if (e) {
        nt_fused_run_box(
            e->program, e->operands, e->index_offsets, e->scalars, begin, end, workers->scratch[worker]);
    }
}

/// The epilogue with another result, contiguous or as if it were: of it only the boxes that are run need be there.
/// `operands` has room for NT_MAX_OPERANDS.
static inline nt_epilogue nt_epilogue_over(const nt_epilogue *e, void *result, void **operands) {
    nt_epilogue over = *e;
    memcpy(operands, e->operands, (size_t)e->operand_count * sizeof *operands);
    operands[0] = result;
    over.operands = operands;
    return over;
}
