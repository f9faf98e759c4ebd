// The routines for avx512.
#include "routines_includes.h"

#if defined(__x86_64__)
#define HAS_ROUNDING
#define ROUTINES nt_routines_avx512
#define TARGET "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,bmi,bmi2"
#pragma clang attribute push(__attribute__((target(TARGET))), apply_to = function)
#include "body.h"
#pragma clang attribute pop
#endif
