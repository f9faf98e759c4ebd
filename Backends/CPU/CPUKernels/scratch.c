#include "nt_scratch.h"

#include <stdlib.h>

struct nt_scratch {
    void *memory[NT_SCRATCH_SLOTS];
    // What was reserved since the last launch, and the size of that, or of what is there already.
    void *reserved[NT_SCRATCH_SLOTS];
    size_t size[NT_SCRATCH_SLOTS];
};

nt_scratch *nt_scratch_create(void) { return calloc(1, sizeof(nt_scratch)); }

void nt_scratch_destroy(nt_scratch *scratch) {
    if (!scratch) return;
    for (int slot = 0; slot < NT_SCRATCH_SLOTS; slot++) {
        free(scratch->memory[slot]);
        free(scratch->reserved[slot]);
    }
    free(scratch);
}

bool nt_scratch_reserve(nt_scratch *scratch, int slot, size_t bytes) {
    if (bytes <= scratch->size[slot]) return true;
    size_t size = (bytes + 65536) & ~(size_t)65535;
    void *memory = NULL;
    if (posix_memalign(&memory, 4096, size) != 0) return false;
    free(scratch->reserved[slot]);
    scratch->reserved[slot] = memory;
    scratch->size[slot] = size;
    return true;
}

void nt_scratch_adopt(nt_scratch *scratch) {
    for (int slot = 0; slot < NT_SCRATCH_SLOTS; slot++) {
        if (!scratch->reserved[slot]) continue;
        free(scratch->memory[slot]);
        scratch->memory[slot] = scratch->reserved[slot];
        scratch->reserved[slot] = NULL;
    }
}

void *nt_scratch_area(const nt_scratch *scratch, int slot) { return scratch->memory[slot]; }
