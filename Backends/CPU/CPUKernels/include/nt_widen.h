/// Operands in float16 and bfloat16, laid out in float32 for kernels that read that.
#pragma once

#include <stdint.h>

#include "nt_matmul.h"

/// Widens `count` elements of float16 or bfloat16 (`element`) on the pool.
void nt_widen_run(
    int isa, int element, const nt_workers *workers, const void *from, float *to, int64_t count);
