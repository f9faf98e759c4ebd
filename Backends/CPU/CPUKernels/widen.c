#include "include/nt_widen.h"

#include "routines.h"

/// Elements in a task.
enum { nt_widen_piece = 32768 };

typedef struct {
    nt_op widen;
    const uint16_t *from;
    float *to;
    int64_t count;
} nt_widen_call;

static void nt_widen_task(void *context, long index, int worker) {
    (void)worker;
    const nt_widen_call *c = context;
    const int64_t first = index * nt_widen_piece, left = c->count - first;
    c->widen(c->to + first, c->from + first, 0, 0, left < nt_widen_piece ? left : nt_widen_piece);
}

void nt_widen_run(int isa, int element, const nt_workers *workers, const void *from, float *to, int64_t count) {
    if (count == 0) return;
    nt_widen_call c = {nt_routines_for((nt_isa)isa)->widen[element == nt_element_bf16], from, to, count};
    nt_pool_run(workers->pool, (count + nt_widen_piece - 1) / nt_widen_piece, nt_widen_task, &c);
}
