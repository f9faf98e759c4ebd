// What the files of programs with reductions share.
#pragma once

#include "fused_internal.h"

typedef struct {
    nt_context context;
    nt_grid grid;
    nt_needs needs;
    const uint64_t *scalars;
    const nt_workers *workers;
    // Whether blocks hold whole rows, and whether several tasks work on the columns of each.
    bool whole, splits;
    // Blocks of columns end with runs of so many; 0: anywhere.
    int64_t run;
    int64_t row_blocks_per_task, tasks;
    // A task's totals: for each reduction a value and an index.
    int64_t *totals;
    // While the columns are split: the pass, the chunks and each chunk's accumulators.
    int pass;
    int64_t chunks, chunk_columns;
    char *chunk_accumulators;
    int64_t accumulator_bytes;
} nt_row_job;

// How the work is cut: by the shape alone.
nt_row_job nt_plan_rows(const nt_fused *fused);
