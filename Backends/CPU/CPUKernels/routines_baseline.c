// The routines for baseline.
#include "routines_includes.h"

#if defined(__aarch64__)
#define HAS_ROUNDING
#endif
#define ROUTINES nt_routines_baseline
#include "body.h"

const nt_routines *nt_routines_for(nt_isa isa) {
#if defined(__x86_64__)
    if (isa == NT_ISA_AVX512) return &nt_routines_avx512;
    if (isa == NT_ISA_AVX2) return &nt_routines_avx2;
#endif
    (void)isa;
    return &nt_routines_baseline;
}
