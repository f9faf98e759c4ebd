/// Sorts rows, stably, and writes the first elements of each and where they stood.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "nt_workers.h"

/// What the elements are; a bool is any byte but 0.
typedef enum {
    nt_sort_f16, nt_sort_bf16, nt_sort_f32, nt_sort_f64, nt_sort_i32, nt_sort_i64, nt_sort_u8, nt_sort_bool
} nt_sort_element;

/// The source's dimensions before the last, and the last. The outputs are contiguous: `[rows..., kept]`.
typedef struct {
    int32_t element;
    bool descending;
    int32_t rank;
    int64_t rows[8], row_strides[8];
    int64_t length, stride;
    int64_t kept;
    /// Rows are shared out to as many tasks, each of which has memory of its own.
    int64_t tasks;
    /// Few long rows are sorted one after another instead, each in as many parts (a power of two), by all threads; else 1.
    int64_t parts;
} nt_sort;

/// Says how many tasks, at most one for each thread, sort the rows, or how many parts a row, and what memory they need.
nt_memory nt_sort_memory(nt_sort *sort, int threads);

/// Either output may be null.
void nt_sort_run(
    const nt_sort *sort, const nt_workers *workers, const void *source, void *values, int64_t *indices);
