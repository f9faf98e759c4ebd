// The routines for avx2.
#include "routines_includes.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define HAS_ROUNDING
#define PICKS_FROM_REGISTERS
#define ROUTINES nt_routines_avx2
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,bmi,bmi2"))), apply_to = function)
#include "body.h"
#pragma clang attribute pop
#endif
