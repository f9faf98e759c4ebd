/// Running sums, products, extremes and logarithms of sums along an axis.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "nt_workers.h"

typedef enum {
    nt_scan_sum, nt_scan_product, nt_scan_maximum, nt_scan_minimum, nt_scan_log_sum_exp, nt_scan_operation_count
} nt_scan_operation;

/// What the elements are; a bool is any byte but 0.
typedef enum {
    nt_scan_f16, nt_scan_bf16, nt_scan_f32, nt_scan_f64, nt_scan_i32, nt_scan_i64, nt_scan_u8, nt_scan_bool,
    nt_scan_element_count
} nt_scan_element;

/// The source's dimensions beside the axis, in their order, and the axis. The outputs are contiguous and have the source's
/// shape.
typedef struct {
    int32_t operation, element;
    bool reverse;
    int32_t rank;
    int64_t lines[8], line_strides[8];
    int64_t length, stride;
    /// The distance in an output between neighbours along the axis: the product of the dimensions behind it.
    int64_t inner;
    /// Lines are taken together in strips of up to `width` neighbours, or by themselves in `blocks` parts.
    int64_t width, blocks;
} nt_scan;

/// Whether there is a routine for the operation on the elements.
int nt_scan_has_routine(int32_t operation, int32_t element);

/// Says how the work is cut, which depends on the shape alone, and what memory that needs.
nt_memory nt_scan_memory(nt_scan *scan);

/// Either output may be null; only extremes have places.
void nt_scan_run(
    const nt_scan *scan, const nt_workers *workers, const void *source, void *values, int64_t *places);
