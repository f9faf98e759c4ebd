#include "nt_scratch.h"

#include <stdlib.h>

struct nt_scratch {
    void *memory[NT_SCRATCH_SLOTS];
    size_t size[NT_SCRATCH_SLOTS];
};

nt_scratch *nt_scratch_create(void) {
    nt_scratch *scratch = calloc(1, sizeof *scratch);
    if (!scratch) abort();
    return scratch;
}

void nt_scratch_destroy(nt_scratch *scratch) {
    if (!scratch) return;
    for (int slot = 0; slot < NT_SCRATCH_SLOTS; slot++) free(scratch->memory[slot]);
    free(scratch);
}

void *nt_scratch_get(nt_scratch *scratch, int slot, size_t bytes) {
    if (bytes <= scratch->size[slot] && scratch->memory[slot]) return scratch->memory[slot];
    free(scratch->memory[slot]);
    size_t size = (bytes + 65536) & ~(size_t)65535;
    // A worker has nobody to report to, and what it asks for is small beside the tensors it works on.
    if (posix_memalign(&scratch->memory[slot], 4096, size) != 0) abort();
    scratch->size[slot] = size;
    return scratch->memory[slot];
}
