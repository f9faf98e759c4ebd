/// Products of long rows with few results: tiles of the result would each pack much of both operands again, so the depth is
/// cut instead. The parts, as many as the shape says, are added up in order.

#include <string.h>

#include "matmul_internal.h"

typedef struct {
    const nt_matmul *plan;
    const char *a, *b;
    float *partials, *result;
    const nt_epilogue *epilogue;
    const nt_workers *workers;
    int64_t element_size;
} nt_parts_call;

/// Rows of the result that one task adds up.
enum { nt_sum_rows = 16 };

int64_t nt_matmul_parts(int64_t m, int64_t n, int64_t k) {
    // Fewer parts than four would keep fewer threads busy than tiles do, and a part has at least a tile's work.
    enum { most_results = 8192, least_depth = 1024, least = 4, most = 8 };
    if (m * n > most_results || k < least * least_depth) return 1;
    const double tiles = 2.0 * (double)m * (double)n * (double)k / 1.2e6;
    const int64_t deep = k / least_depth < most ? k / least_depth : most;
    return tiles < least ? 1 : tiles < (double)deep ? (int64_t)tiles : deep;
}

static void nt_part_task(void *context, long part, int worker) {
    const nt_parts_call *c = context;
    const nt_matmul *p = c->plan;
    const int64_t first = part * p->k / p->parts, last = (part + 1) * p->k / p->parts;
    nt_matmul_tile(
        p, p->m, p->n, last - first, c->a + first * p->csa * c->element_size, c->b + first * p->rsb * c->element_size,
        c->partials + part * p->m * p->n, nt_worker_area(c->workers, worker));
}

static void nt_sum_task(void *context, long index, int worker) {
    const nt_parts_call *c = context;
    const nt_matmul *p = c->plan;
    const int64_t m0 = index * nt_sum_rows, m1 = m0 + nt_sum_rows < p->m ? m0 + nt_sum_rows : p->m;
    const int64_t count = (m1 - m0) * p->n;
    float *to = c->result + m0 * p->n;
    const float *from = c->partials + m0 * p->n;
    if (to != from) memcpy(to, from, count * sizeof(float));
    for (int64_t part = 1; part < p->parts; part++) {
        from += p->m * p->n;
        for (int64_t i = 0; i < count; i++) to[i] += from[i];
    }
    int64_t begin[10] = {0}, end[10];
    for (int d = 0; d < p->batch_rank; d++) end[d] = 1;
    begin[p->batch_rank] = m0;
    end[p->batch_rank] = m1;
    end[p->batch_rank + 1] = p->n;
    nt_epilogue_run(c->epilogue, c->workers, worker, begin, end);
}

void nt_matmul_run_parts(
    const nt_matmul *p, const nt_workers *workers, const void *a, const void *b, float *result,
    const nt_epilogue *epilogue, int64_t element_size
) {
    float *partials = nt_call_area(workers);
    nt_parts_call c = {p, a, b, partials, result ? result : partials, epilogue, workers, element_size};
    void *operands[NT_MAX_OPERANDS];
    nt_epilogue over;
    if (!result) {
        over = nt_epilogue_over(epilogue, partials, operands);
        c.epilogue = &over;
    }
    nt_pool_run(workers->pool, p->parts, nt_part_task, &c);
    nt_pool_run(workers->pool, (p->m + nt_sum_rows - 1) / nt_sum_rows, nt_sum_task, &c);
}
