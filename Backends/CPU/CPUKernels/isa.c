#include "nt_isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <stdint.h>

// The register sets that the operating system saves (XCR0).
static uint64_t enabled_state(void) {
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 27))) return 0;
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

nt_isa nt_detect_isa(void) {
    const unsigned fma_f16c = 1u << 12 | 1u << 29, avx2_bmi2 = 1u << 5 | 1u << 8;
    // AVX-512 F, DQ, BW and VL.
    const unsigned avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
    unsigned a = 0, b = 0, c1 = 0, b7 = 0, c = 0, d = 0;
    uint64_t state = enabled_state();
    if (!__get_cpuid(1, &a, &b, &c1, &d) || !__get_cpuid_count(7, 0, &a, &b7, &c, &d)) return NT_ISA_BASELINE;
    if ((state & 0x6) != 0x6 || (c1 & fma_f16c) != fma_f16c || (b7 & avx2_bmi2) != avx2_bmi2) return NT_ISA_BASELINE;
    return (state & 0xe6) == 0xe6 && (b7 & avx512) == avx512 ? NT_ISA_AVX512 : NT_ISA_AVX2;
}
#else
nt_isa nt_detect_isa(void) { return NT_ISA_BASELINE; }
#endif
