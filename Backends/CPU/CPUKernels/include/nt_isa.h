#ifndef NT_ISA_H
#define NT_ISA_H

// The instruction sets that kernel bodies are compiled for. On arm64 the baseline is NEON and the only one.
typedef enum { NT_ISA_BASELINE = 0, NT_ISA_AVX2 = 1, NT_ISA_AVX512 = 2 } nt_isa;

// The best set that the processor and the operating system have.
nt_isa nt_detect_isa(void);

#endif
