#ifndef NT_POOL_H
#define NT_POOL_H

#include <stdint.h>

// A pool of threads for short parallel regions: the caller and threads - 1 workers.
//
// Only one thread may use a pool at a time. A worker that finds no work spins for about 200 microseconds and then
// sleeps; one that wakes too late misses the region, which never waits for it.
typedef struct nt_pool nt_pool;

nt_pool *nt_pool_create(int threads);
void nt_pool_destroy(nt_pool *pool);
int nt_pool_threads(const nt_pool *pool);

// Runs body(context, index, worker) for every index in 0..<count and returns when all are done. Worker is in 0..<threads,
// and the caller is worker 0. With one index or one thread it runs inline.
//
// Each thread begins with a share of its own, the same for the same count: what it wrote in one region it finds in its cache
// in the next. A thread that is done helps the others from the ends of theirs.
void nt_pool_run(nt_pool *pool, long count, void (*body)(void *context, long index, int worker), void *context);

// The number of regions that were started on more than one thread, for tests.
uint64_t nt_pool_regions(const nt_pool *pool);

// The processors that this process may run on.
int nt_available_processors(void);

#endif
