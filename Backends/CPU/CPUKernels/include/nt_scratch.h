#ifndef NT_SCRATCH_H
#define NT_SCRATCH_H

#include <stddef.h>

// One worker's memory, kept from launch to launch so that a launch allocates nothing.
//
// It has NT_SCRATCH_SLOTS independent areas. The fused interpreter owns slots 0 and 1; other kernels use the rest.
typedef struct nt_scratch nt_scratch;

enum { NT_SCRATCH_FUSED = 0, NT_SCRATCH_SHARED = 1, NT_SCRATCH_FIRST_FREE = 2, NT_SCRATCH_SLOTS = 8 };

nt_scratch *nt_scratch_create(void);
void nt_scratch_destroy(nt_scratch *scratch);

// At least `bytes` bytes, 64-byte aligned, contents undefined; valid until the slot is asked for more.
void *nt_scratch_get(nt_scratch *scratch, int slot, size_t bytes);

#endif
