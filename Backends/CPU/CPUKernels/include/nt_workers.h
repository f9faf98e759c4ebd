/// Who works on a launch, and the memory that they have for it.
#pragma once

#include "nt_pool.h"
#include "nt_scratch.h"

/// A pool, and one scratch for each of its threads, by worker number. What the kernel's `nt_memory` asks for lies in
/// the scratch, or where that is much, in the launch's workspace.
typedef struct {
    nt_pool *pool;
    nt_scratch *const *scratch;
    /// The areas in the workspace; null where they lie in the scratch.
    char *call, *worker;
    size_t worker_bytes;
} nt_workers;

static inline void *nt_call_area(const nt_workers *workers) {
    return workers->call ? workers->call : nt_scratch_area(workers->scratch[0], NT_SCRATCH_CALL);
}

static inline void *nt_worker_area(const nt_workers *workers, int worker) {
    return workers->worker ? workers->worker + (size_t)worker * workers->worker_bytes
                           : nt_scratch_area(workers->scratch[worker], NT_SCRATCH_WORKER);
}
