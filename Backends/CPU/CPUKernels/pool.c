#define _GNU_SOURCE
#include "nt_pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// A region is open while its caller claims indices. `state` is the open bit and the number of workers inside; a worker
// joins only an open region, so that the caller waits for nobody but those who joined.
enum { OPEN = 1 << 30 };

typedef struct {
    // The indices that are left of the thread's own share: the first in the low half, the end in the high one. It takes
    // them from the front, and others, once their own are gone, from the back. On a line of its own: every thread writes it.
    _Alignas(64) _Atomic uint64_t share;
    nt_pool *pool;
    pthread_t thread;
    int number;
} worker;

struct nt_pool {
    int threads;
    // The caller's is the first, and has no thread.
    worker *workers;
    uint64_t regions;
    bool stops;
    void (*body)(void *context, long index, int worker);
    void *context;
    // Each on a line of its own: every worker writes them.
    _Alignas(64) _Atomic uint32_t state;
    // Counts regions; sleeping workers wait for it to change.
    _Alignas(64) _Atomic uint32_t generation;
    _Atomic int sleepers;
};

static inline void pause_briefly(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint64_t share_of(uint32_t first, uint32_t end) { return (uint64_t)end << 32 | first; }

// Takes an index of a share, or -1.
static long take(_Atomic uint64_t *share, bool from_the_back) {
    uint64_t now = atomic_load_explicit(share, memory_order_relaxed);
    for (;;) {
        uint32_t first = (uint32_t)now, end = (uint32_t)(now >> 32);
        if (first >= end) return -1;
        uint64_t rest = from_the_back ? share_of(first, end - 1) : share_of(first + 1, end);
        if (atomic_compare_exchange_weak_explicit(share, &now, rest, memory_order_relaxed, memory_order_relaxed)) {
            return from_the_back ? end - 1 : first;
        }
    }
}

// The own share first, then what the others have not begun.
static void work(nt_pool *pool, int number) {
    for (int turn = 0; turn < pool->threads; turn++) {
        int other = (number + turn) % pool->threads;
        for (long index; (index = take(&pool->workers[other].share, turn > 0)) >= 0;) {
            pool->body(pool->context, index, number);
        }
    }
}

// Waits for a generation other than `seen`: first spinning, then asleep. The spin outlasts what the host does between two
// training steps (less than 100 microseconds): waking a sleeper costs the next step's first kernel more than that.
static uint32_t await_generation(nt_pool *pool, uint32_t seen) {
    const int64_t spin = 200000;
    int64_t deadline = nanoseconds() + spin;
    for (;;) {
        for (int turn = 0; turn < 32; turn++) {
            uint32_t now = atomic_load_explicit(&pool->generation, memory_order_acquire);
            if (now != seen) return now;
            pause_briefly();
        }
        if (nanoseconds() > deadline) break;
    }
    atomic_fetch_add(&pool->sleepers, 1);
    uint32_t now;
    while ((now = atomic_load(&pool->generation)) == seen) {
        syscall(SYS_futex, &pool->generation, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    }
    atomic_fetch_sub(&pool->sleepers, 1);
    return now;
}

static bool join_region(nt_pool *pool) {
    uint32_t state = atomic_load_explicit(&pool->state, memory_order_acquire);
    while (state & OPEN) {
        if (atomic_compare_exchange_weak(&pool->state, &state, state + 1)) return true;
    }
    return false;
}

static void *worker_main(void *argument) {
    worker *self = argument;
    nt_pool *pool = self->pool;
    uint32_t seen = 0;
    for (;;) {
        seen = await_generation(pool, seen);
        if (!join_region(pool)) continue;
        bool stops = pool->stops;
        if (!stops) work(pool, self->number);
        atomic_fetch_sub_explicit(&pool->state, 1, memory_order_release);
        if (stops) return NULL;
    }
}

static void open_region(nt_pool *pool) {
    atomic_store(&pool->state, OPEN);
    atomic_fetch_add(&pool->generation, 1);
    if (atomic_load(&pool->sleepers) > 0) {
        syscall(SYS_futex, &pool->generation, FUTEX_WAKE_PRIVATE, pool->threads, NULL, NULL, 0);
    }
}

// Lets nobody in any more and waits for those inside. Where a worker was taken off its processor, yields ours.
static void close_region(nt_pool *pool) {
    atomic_fetch_and(&pool->state, ~(uint32_t)OPEN);
    for (int turn = 0; atomic_load_explicit(&pool->state, memory_order_acquire) != 0; turn++) {
        if (turn < 4000) pause_briefly();
        else sched_yield();
    }
}

nt_pool *nt_pool_create(int threads) {
    nt_pool *pool = NULL;
    if (threads < 1 || posix_memalign((void **)&pool, 64, sizeof *pool) != 0) return NULL;
    *pool = (nt_pool){.threads = threads};
    if (posix_memalign((void **)&pool->workers, 64, (size_t)threads * sizeof(worker)) != 0) {
        free(pool);
        return NULL;
    }
    for (int number = 0; number < threads; number++) pool->workers[number] = (worker){.number = number};
    for (int number = 1; number < threads; number++) {
        worker *each = &pool->workers[number];
        each->pool = pool;
        if (pthread_create(&each->thread, NULL, worker_main, each) != 0) {
            pool->threads = number;
            nt_pool_destroy(pool);
            return NULL;
        }
    }
    return pool;
}

void nt_pool_destroy(nt_pool *pool) {
    if (!pool) return;
    if (pool->threads > 1) {
        pool->stops = true;
        // Stays open, so that every worker joins, sees the flag and leaves.
        open_region(pool);
        for (int number = 1; number < pool->threads; number++) pthread_join(pool->workers[number].thread, NULL);
    }
    free(pool->workers);
    free(pool);
}

int nt_pool_threads(const nt_pool *pool) { return pool->threads; }

uint64_t nt_pool_regions(const nt_pool *pool) { return pool->regions; }

void nt_pool_run(nt_pool *pool, long count, void (*body)(void *context, long index, int worker), void *context) {
    if (count <= 1 || pool->threads == 1 || count > UINT32_MAX) {
        for (long index = 0; index < count; index++) body(context, index, 0);
        return;
    }
    pool->regions++;
    pool->body = body;
    pool->context = context;
    for (int number = 0; number < pool->threads; number++) {
        uint64_t first = (uint64_t)count * (uint64_t)number / (uint64_t)pool->threads;
        uint64_t end = (uint64_t)count * (uint64_t)(number + 1) / (uint64_t)pool->threads;
        atomic_store_explicit(&pool->workers[number].share, share_of((uint32_t)first, (uint32_t)end), memory_order_relaxed);
    }
    open_region(pool);
    work(pool, 0);
    close_region(pool);
}

int nt_available_processors(void) {
    cpu_set_t mask;
    if (sched_getaffinity(0, sizeof mask, &mask) == 0) return CPU_COUNT(&mask);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}
