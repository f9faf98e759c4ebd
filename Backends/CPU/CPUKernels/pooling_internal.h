/// What the files of pooling share.
#pragma once

#include "include/nt_pooling.h"

/// 2x2 windows, 2 apart, without padding, in float32: `planes` planes of `height` by `width` (of the input).
typedef struct {
    void (*maximum)(long planes, long height, long width, const float *input, float *output);
    void (*gradient)(long planes, long height, long width, const float *input, const float *gradient, float *result);
} nt_pooling_pairs;

extern const nt_pooling_pairs nt_pooling_pairs_baseline;
#if defined(__x86_64__)
extern const nt_pooling_pairs nt_pooling_pairs_avx2;
#endif
