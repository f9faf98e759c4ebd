/// Chooses how a matrix product is computed and splits it into tiles for the pool.

#include "include/nt_matmul.h"

#include <string.h>

#include "matmul_internal.h"

enum { nt_row_major = 101, nt_as_is = 111, nt_transposed = 112 };

static int64_t nt_ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// The number of units of `size` in a tile, out of `units`: few tiles, and about as much work for each of four threads.
/// `most` bounds the number of tiles.
static int64_t nt_tile_units(int64_t units, int64_t most) {
    int64_t best = units;
    double cost = 1e300;
    for (int64_t tile = 1; tile <= units; tile++) {
        const int64_t tiles = nt_ceil_div(units, tile);
        if (tiles > most) continue;
        if (tiles == 1 && most > 1) continue;
        const double makespan = (double)(nt_ceil_div(tiles, 4) * tile) + 0.001 * (double)units * (double)tiles;
        if (makespan < cost) {
            cost = makespan;
            best = tile;
        }
    }
    return best;
}

/// Splits the longer way of an unpacked product: tiles cost nothing there but their dispatch. `work` is in
/// floating-point operations.
static void nt_plan_unpacked(nt_matmul *p, int64_t unit_m, int64_t unit_n, int by_rows, double work) {
    p->tile_m = p->m;
    p->tile_n = p->n;
    // About 5 microseconds a tile; what takes less than 8 in all stays on the calling thread.
    const double all = work * (double)p->batches;
    int64_t most = all < 4e5 ? 1 : all < 1.2e6 ? 2 : all / 6e5 > 16 ? 16 : (int64_t)(all / 6e5) + 1;
    if (p->batches >= most) {
        const int64_t groups = all < 4e5 ? 1 : all / 3e5 > 256 ? 256 : (int64_t)(all / 3e5) + 1;
        p->batch_step = p->batches > groups ? nt_ceil_div(p->batches, groups) : 1;
        return;
    }
    most = nt_ceil_div(most, p->batches);
    if (by_rows) {
        p->tile_m = unit_m * nt_tile_units(nt_ceil_div(p->m, unit_m), most);
    } else {
        p->tile_n = unit_n * nt_tile_units(nt_ceil_div(p->n, unit_n), most);
    }
}

/// Whether `b` is so large beside the rows of `a` that it had better be read once, in order. Measured on Zen 3, ms against
/// the best of the others: 1x4096x4096 2.6 to 9.1, 1x1024x1024 0.06 to 0.11, 16x1024x4096 2.6 to 6.0, 24x2048x1024 1.4 to
/// 2.9; 24x1024x1024 0.69 to 0.62, 32x4096x1024 5.4 to 4.3.
static int nt_streams(const nt_matmul *p) {
    if (p->csb != 1) return 0;
    const double elements = (double)p->k * (double)p->n;
    if (p->k < 32) return 0;
    return p->m <= 2 ? elements >= 0x1p18 && p->n >= 512 : p->m <= 24 && elements >= 0x1p21 && p->n >= 1024;
}

/// Columns alone are split: four tiles, of pieces of rows that are worth fetching and that stay in L1.
static void nt_plan_stream(nt_matmul *p) {
    p->tile_m = p->m;
    p->tile_n = nt_ceil_div(nt_ceil_div(p->n, 4), 64) * 64;
    if (p->tile_n < 256) p->tile_n = 256;
    if (p->tile_n > 1024) p->tile_n = 1024;
    if (p->tile_n > p->n) p->tile_n = p->n;
}

/// Halves the longer side until there are enough tiles, or two of less than `least` operations; each tile packs its own
/// operands, so they are not small.
static void nt_plan_blocked(nt_matmul *p, int64_t unit_m, int64_t unit_n, double least) {
    p->tile_m = p->m;
    p->tile_n = p->n;
    for (;;) {
        const int64_t tiles = nt_ceil_div(p->m, p->tile_m) * nt_ceil_div(p->n, p->tile_n) * p->batches;
        const double work = 2.0 * (double)p->tile_m * (double)p->tile_n * (double)p->k;
        const int fits = p->tile_m <= 1040 && p->tile_n <= 1040;
        if (work < 1.2e6 || (tiles >= 2 && work < least) || (tiles >= 4 && fits)) return;
        if (p->tile_n * 3 >= p->tile_m * 2 && p->tile_n > unit_n) {
            p->tile_n = nt_ceil_div(nt_ceil_div(p->tile_n, 2), unit_n) * unit_n;
        } else if (p->tile_m > unit_m) {
            p->tile_m = nt_ceil_div(nt_ceil_div(p->tile_m, 2), unit_m) * unit_m;
        } else {
            return;
        }
    }
}

// The rules below were measured on Zen 3 with AVX2, in GFLOP/s a thread, own against OpenBLAS 0.3.21: dot 64x784x128 92
// to 73, paneled 64x128x128 92 to 63, direct 128x64x784 91 to 66, packed 512 cubed 88 to 88 and 1024 cubed 88 to 91. Those of
// `wide` on Sapphire Rapids with AVX-512, where long streams of dot products wait for the cache: dot against packed
// 64x9216x128 43 to 100, 64x1024x1024 47 to 90, 32x1024x1024 47 to 68, 16x2048x1024 44 to 45, 12x1024x1024 47 to 39.
void nt_matmul_plan(nt_matmul *p) {
    const nt_matmul_kernels *kernels = nt_matmul_kernels_for(p->isa);
    p->batches = p->batch_step = p->parts = 1;
    p->tiles_m = p->tiles_n = 0;
    for (int d = 0; d < p->batch_rank; d++) p->batches *= p->batch[d];
    if (p->m == 0 || p->n == 0 || p->batches == 0) return;
    // A side of extent 1 has no stride of its own.
    if (p->m == 1 && p->csa != 1) p->rsa = 1;
    if (p->n == 1 && p->rsb != 1) p->csb = 1;
    if (p->k == 1 && p->csa != 1) p->csa = 1;
    if (p->k == 1 && p->csb != 1) p->rsb = 1;
    const double volume = (double)p->m * (double)p->n * (double)p->k, work = 2 * volume;
    const int rows_of_a = p->csa == 1, rows_of_b = p->csb == 1;
    // BLAS wants the rows (or columns) of an operand not to overlap, and takes 32-bit extents.
    const int blas = volume > 0 && (rows_of_a ? p->rsa >= p->k : p->rsa == 1 && p->csa >= p->m)
        && (rows_of_b ? p->rsb >= p->n : p->rsb == 1 && p->csb >= p->k) && p->rsa <= INT32_MAX && p->csa <= INT32_MAX
        && p->rsb <= INT32_MAX && p->csb <= INT32_MAX;
    int64_t unit_m = kernels->mr, unit_n = kernels->nr;
    const int wide = kernels->widest > kernels->nr;
    if (p->element == nt_element_f64 && p->dgemm && blas && work > 1e5) {
        p->method = nt_matmul_blas;
    } else if (nt_is_short(p->element)) {
        p->method = nt_matmul_widened;
    } else if (p->element != nt_element_f32) {
        p->method = nt_matmul_typed;
        unit_m = 1;
        unit_n = 32;
    } else if (p->sgemm && blas && volume > 7e8) {
        p->method = nt_matmul_blas;
    } else if (nt_streams(p)) {
        p->method = nt_matmul_stream;
    } else if (rows_of_a && p->rsb == 1 && !rows_of_b && p->k <= 256 && p->n >= (wide ? unit_n / 2 : unit_n)
        && p->m >= 16 && volume <= 0x1p24) {
        p->method = nt_matmul_paneled;
    } else if (rows_of_a && p->rsb == 1 && (!rows_of_b || p->n == 1) && p->k >= 24
        && (wide ? volume <= 0x1p23 || p->m < 16 || p->n < unit_n : volume <= 0x1p24 || p->m <= 64)) {
        p->method = nt_matmul_dot;
        unit_m = 4;
        unit_n = 3;
    } else if (rows_of_a && rows_of_b && p->k <= 256 && p->m >= 192 && volume > 0x1p23 && volume <= 0x1p24) {
        // Distant rows of `b` fall on few sets of L1; with as many rows of `a`, packing pays.
        p->method = nt_matmul_paneled;
    } else if (rows_of_b && (rows_of_a || p->rsa == 1) && volume <= (rows_of_a ? 0x1p24 : 0x1p23)) {
        p->method = nt_matmul_direct;
    } else {
        p->method = nt_matmul_packed;
    }
    switch ((nt_matmul_method)p->method) {
    case nt_matmul_dot: nt_plan_unpacked(p, unit_m, unit_n, p->m >= 16, work); break;
    case nt_matmul_stream: nt_plan_stream(p); break;
    case nt_matmul_direct: nt_plan_unpacked(p, unit_m, unit_n, p->n < 4 * unit_n || p->m > 4 * p->n, work); break;
    case nt_matmul_paneled: nt_plan_unpacked(p, unit_m, unit_n, p->n < 2 * unit_n, work); break;
    case nt_matmul_typed: nt_plan_unpacked(p, unit_m, unit_n, p->m >= 16, 4 * work); break;
    case nt_matmul_packed:
    case nt_matmul_widened:
    case nt_matmul_blas:
        if (p->method != nt_matmul_blas && p->batches == 1) p->parts = nt_matmul_parts(p->m, p->n, p->k);
        if (p->parts > 1) {
            p->tile_m = p->m;
            p->tile_n = p->n;
        } else {
            nt_plan_blocked(p, unit_m, unit_n, wide ? 6e6 : 2.5e7);
        }
    }
    p->tiles_m = nt_ceil_div(p->m, p->tile_m);
    p->tiles_n = nt_ceil_div(p->n, p->tile_n);
}

static const size_t nt_element_sizes[nt_element_count] = {
    [nt_element_f32] = 4, [nt_element_f64] = 8, [nt_element_i32] = 4, [nt_element_i64] = 8, [nt_element_u8] = 1,
    [nt_element_f16] = 2, [nt_element_bf16] = 2};

/// The bytes of an element of the result.
static size_t nt_result_size(const nt_matmul *p) {
    return nt_is_short(p->element) ? sizeof(float) : nt_element_sizes[p->element];
}

int nt_matmul_has_routine(const nt_matmul *p) {
    if (p->element < 0 || p->element >= nt_element_count || !nt_element_sizes[p->element]) return 0;
    // Nothing is computed.
    if (p->tiles_m == 0) return 1;
    switch ((nt_matmul_method)p->method) {
    case nt_matmul_typed: return nt_matmul_kernels_for(p->isa)->typed[p->element] != 0;
    case nt_matmul_widened: return nt_is_short(p->element);
    case nt_matmul_blas:
        return p->element == nt_element_f64 ? p->dgemm != 0 : p->element == nt_element_f32 && p->sgemm != 0;
    case nt_matmul_direct:
    case nt_matmul_stream:
    case nt_matmul_dot:
    case nt_matmul_paneled:
    case nt_matmul_packed: return p->element == nt_element_f32;
    }
    return 0;
}

typedef struct {
    const nt_matmul *plan;
    const char *a, *b;
    char *c;
    const nt_epilogue *epilogue;
    const nt_workers *workers;
    int64_t element_size, result_size;
} nt_matmul_call;

/// The columns of the narrowest tile.
static int64_t nt_least_columns(const nt_matmul *p) {
    const int64_t last = p->n % p->tile_n;
    return last ? last : p->tile_n;
}

nt_memory nt_matmul_memory(const nt_matmul *p) {
    const nt_matmul_kernels *kernels = nt_matmul_kernels_for(p->isa);
    const size_t column = (size_t)p->k * sizeof(float), narrow = column * (size_t)kernels->nr / 2;
    if (p->tiles_m == 0 || p->k == 0) return (nt_memory){0};
    switch ((nt_matmul_method)p->method) {
    case nt_matmul_direct: return (nt_memory){.worker = 2 * nt_least_columns(p) < kernels->nr ? narrow : 0};
    case nt_matmul_paneled: return (nt_memory){.worker = column * (size_t)kernels->widest};
    case nt_matmul_packed:
    case nt_matmul_widened:
        return (nt_memory){
            .call = p->parts > 1 ? (size_t)(p->parts * p->m * p->n) * sizeof(float) : 0,
            .worker = NT_SGEMM_SCRATCH * sizeof(float)};
    case nt_matmul_typed: return (nt_memory){.worker = 4096 * 8};
    case nt_matmul_stream:
    case nt_matmul_dot:
    case nt_matmul_blas: break;
    }
    return (nt_memory){0};
}

/// A worker's tile lies behind its panel.
static size_t nt_tile_offset(const nt_matmul *p) { return (nt_matmul_memory(p).worker + 63) & ~(size_t)63; }

nt_memory nt_matmul_tile_memory(const nt_matmul *p) {
    if (p->tiles_m == 0) return (nt_memory){0};
    if (p->parts > 1) return nt_matmul_memory(p);
    return (nt_memory){.worker = nt_tile_offset(p) + (size_t)(p->tile_m * p->n) * nt_result_size(p)};
}

void nt_matmul_tile(
    const nt_matmul *p, int64_t m, int64_t n, int64_t k, const void *a, const void *b, void *c, void *scratch
) {
    const nt_matmul_kernels *kernels = nt_matmul_kernels_for(p->isa);
    switch ((nt_matmul_method)p->method) {
    case nt_matmul_direct: kernels->direct(m, n, k, a, p->rsa, p->csa, b, p->rsb, c, p->n, scratch, 0); return;
    case nt_matmul_stream: kernels->stream(m, n, k, a, p->rsa, p->csa, b, p->rsb, c, p->n); return;
    case nt_matmul_dot: kernels->dot(m, n, k, a, p->rsa, b, p->csb, c, p->n); return;
    case nt_matmul_paneled: kernels->paneled(m, n, k, a, p->rsa, b, p->rsb, p->csb, c, p->n, scratch); return;
    case nt_matmul_packed:
        kernels->packed(m, n, k, a, p->rsa, p->csa, b, p->rsb, p->csb, c, p->n, scratch);
        return;
    case nt_matmul_widened:
        kernels->widened(
            (nt_element)p->element, m, n, k, a, p->rsa, p->csa, b, p->rsb, p->csb, c, p->n, scratch);
        return;
    case nt_matmul_typed:
        kernels->typed[p->element](m, n, k, a, p->rsa, p->csa, b, p->rsb, p->csb, c, p->n, scratch);
        return;
    case nt_matmul_blas: break;
    }
    const int ta = p->csa == 1 ? nt_as_is : nt_transposed, tb = p->csb == 1 ? nt_as_is : nt_transposed;
    const int lda = (int)(p->csa == 1 ? p->rsa : p->csa), ldb = (int)(p->csb == 1 ? p->rsb : p->csb);
    if (p->element == nt_element_f64) {
        p->dgemm(nt_row_major, ta, tb, (int)m, (int)n, (int)k, 1, a, lda, b, ldb, 0, c, (int)p->n);
    } else {
        p->sgemm(nt_row_major, ta, tb, (int)m, (int)n, (int)k, 1, a, lda, b, ldb, 0, c, (int)p->n);
    }
}

/// One tile of one product.
static void nt_matmul_one(const nt_matmul_call *call, int64_t batch, int64_t row, int64_t column, int worker) {
    const nt_matmul *p = call->plan;
    const int64_t m0 = row * p->tile_m, n0 = column * p->tile_n;
    const int64_t m1 = m0 + p->tile_m < p->m ? m0 + p->tile_m : p->m;
    const int64_t n1 = n0 + p->tile_n < p->n ? n0 + p->tile_n : p->n;
    int64_t begin[10], end[10];
    int64_t a = m0 * p->rsa, b = n0 * p->csb;
    const int64_t c = (batch * p->m + m0) * p->n + n0;
    for (int d = p->batch_rank - 1; d >= 0; d--) {
        const int64_t at = batch % p->batch[d];
        batch /= p->batch[d];
        a += at * p->a_batch[d];
        b += at * p->b_batch[d];
        begin[d] = at;
        end[d] = at + 1;
    }
    const int64_t size = call->element_size, result_size = call->result_size;
    char *area = nt_worker_area(call->workers, worker);
    // A tile of its own has the whole result's rows, because the epilogue was compiled for them.
    char *to = call->c ? call->c + c * result_size : area + nt_tile_offset(p);
    if (p->k == 0) {
        for (int64_t i = 0; i < m1 - m0; i++) memset(to + i * p->n * result_size, 0, (n1 - n0) * result_size);
    } else {
        nt_matmul_tile(
            p, m1 - m0, n1 - n0, p->k, call->a + a * size, call->b + b * size, to, area);
    }
    begin[p->batch_rank] = m0;
    end[p->batch_rank] = m1;
    begin[p->batch_rank + 1] = n0;
    end[p->batch_rank + 1] = n1;
    if (call->c) {
        nt_epilogue_run(call->epilogue, call->workers, worker, begin, end);
    } else {
        void *operands[NT_MAX_OPERANDS], *origin = (void *)((uintptr_t)to - (uintptr_t)(c * result_size));
        const nt_epilogue over = nt_epilogue_over(call->epilogue, origin, operands);
        nt_epilogue_run(&over, call->workers, worker, begin, end);
    }
}

static void nt_matmul_task(void *context, long index, int worker) {
    const nt_matmul_call *call = context;
    const nt_matmul *p = call->plan;
    const int64_t column = index % p->tiles_n, row = index / p->tiles_n % p->tiles_m;
    const int64_t first = index / (p->tiles_n * p->tiles_m) * p->batch_step;
    for (int64_t batch = first; batch < first + p->batch_step && batch < p->batches; batch++)
        nt_matmul_one(call, batch, row, column, worker);
}

void nt_matmul_run(
    const nt_matmul *p, const nt_workers *workers, const void *a, const void *b, void *c, const nt_epilogue *epilogue
) {
    if (p->parts > 1) {
        nt_matmul_run_parts(p, workers, a, b, c, epilogue, nt_element_sizes[p->element]);
        return;
    }
    nt_matmul_call call = {p, a, b, c, epilogue, workers, nt_element_sizes[p->element], nt_result_size(p)};
    const int64_t count = nt_ceil_div(p->batches, p->batch_step) * p->tiles_m * p->tiles_n;
    if (count > 0) nt_pool_run(workers->pool, count, nt_matmul_task, &call);
}
