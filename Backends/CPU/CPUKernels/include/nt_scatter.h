/// Adds the elements of a source to indexed places, in ascending order for each place.
#pragma once

#include <stdint.h>

#include "nt_epilogue.h"
#include "nt_matmul.h"

/// The source's dimensions before the axis, the axis, and those after it. The output is contiguous:
/// `[outer..., count, inner...]`.
typedef struct {
    int32_t element;
    int32_t outer_rank, inner_rank;
    int64_t outer[8], outer_source[8], outer_index[8];
    int64_t inner[8], inner_source[8], inner_index[8];
    int64_t extent, extent_source, extent_index;
    int64_t count;
} nt_scatter;

/// Whether there is a routine for an `nt_element`.
int nt_scatter_has_routine(int32_t element);

/// What a launch needs.
nt_memory nt_scatter_memory(const nt_scatter *scatter);

/// An index outside `0..<count` adds nothing.
void nt_scatter_run(
    const nt_scatter *scatter, const nt_workers *workers, const void *source, const int64_t *index, void *output);
