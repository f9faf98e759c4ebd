// Running programs with reductions.
//
// Work is cut by shape alone, and partial results are combined in the order of the rows and columns they come from, so
// that any number of threads gives the same bits.

#include "fused_rows.h"

#include <string.h>

// Nanoseconds of work for which one thread is enough.
enum { INLINE_WORK = 12000 };

// An argmax of nothing is 0.
static void finish_reductions(nt_context *context, const nt_code *code, int64_t rows) {
    for (int i = 0; i < code->count; i++) {
        const nt_instr *instr = &code->list[i];
        if (instr->kind != INSTR_REDUCE) continue;
        nt_place_reduction(context, instr);
        char *values;
        int64_t *index;
        nt_accumulator(context, instr, &values, &index);
        for (int64_t row = 0; index && row < rows; row++) {
            if (index[row] < 0) index[row] = 0;
        }
    }
}

static void run_row_code(nt_context *context, const nt_code *code, int64_t row, int64_t rows) {
    nt_block_set(context, row, rows, 0, context->space->columns > 0);
    nt_run_code(context, code);
}

// Runs one pass over columns [column, end) of the block's rows.
static void run_columns(
    nt_context *context, const nt_row_job *job, int pass, int64_t row, int64_t rows, int64_t column, int64_t end) {
    const nt_fused *fused = context->fused;
    for (int64_t columns; column < end; column += columns) {
        int64_t left = end - column, within = job->run > 0 ? job->run - column % job->run : left;
        columns = job->grid.columns;
        if (columns > within) columns = within;
        if (columns > left) columns = left;
        nt_block_set(context, row, rows, column, columns);
        nt_run_code(context, &fused->element_code[pass]);
        if (pass == fused->passes - 1) nt_finish_block(context);
    }
}

static void store_rows(nt_context *context, nt_level level, int64_t rows) {
    const nt_fused *fused = context->fused;
    for (int o = 0; o < fused->description.output_count; o++) {
        if (fused->steps[fused->output_steps[o]].level == (int)level) nt_store_rows(context, o, rows);
    }
}

static void start_totals(const nt_fused *fused, int64_t *totals) {
    const nt_code *code = &fused->total_reductions;
    for (int i = 0; i < code->count; i++) {
        const nt_instr *instr = &code->list[i];
        int64_t *total = totals + instr->register_units * 2;
        nt_fill_identity(instr->code, fused->values[instr->operands[0]].ctype, total, total + 1, 1);
    }
}

// Folds the block's row values into the task's totals.
static void fold_totals(nt_context *context, int64_t *totals, int64_t row, int64_t rows) {
    const nt_fused *fused = context->fused;
    const nt_code *code = &fused->total_reductions;
    context->a = 1;
    context->b = rows;
    for (int i = 0; i < code->count; i++) {
        const nt_instr *instr = &code->list[i];
        nt_place place = nt_dense_place(context, context->places[instr->operands[0]], instr->operand_size[0], 0);
        int64_t *total = totals + instr->register_units * 2;
        fused->routines->fold[instr->code][fused->values[instr->operands[0]].ctype](
            total, total + 1, place.data, rows, row);
    }
}

// The rows behind the block's, of the first input that has dense ones: rows are often a page each, where the processor's
// own fetching ahead begins anew. What only folds waits for memory alone: there the rows are read no sooner by it.
static void look_ahead(nt_context *context) {
    const nt_fused *fused = context->fused;
    if (context->layout != LAYOUT_ROWS || context->folds_parts) return;
    for (int i = 0; i < fused->description.input_count; i++) {
        nt_part part;
        if (!nt_block_regular(context, i, &part)) continue;
        if (part.column_step != 1 || part.row_step != part.columns) continue;
        int size = nt_dtype_size(fused->accesses[i].dtype);
        context->ahead_bytes = part.rows * part.columns * size;
        context->ahead = context->operands[i] + part.offset * size + context->ahead_bytes;
        return;
    }
}

static void run_row_block(nt_context *context, const nt_row_job *job, int64_t row, int64_t rows) {
    const nt_fused *fused = context->fused;
    if (job->whole) {
        context->starts_reductions = true;
        nt_block_set(context, row, rows, 0, context->space->columns);
        look_ahead(context);
        nt_run_code(context, &fused->whole);
        context->ahead_bytes = 0;
        // Row values that need an argmax of nothing have been computed already: such a program is an error in the core.
        finish_reductions(context, &fused->whole, rows);
        if (context->space->columns > 0) nt_finish_block(context);
    } else {
        context->starts_reductions = false;
        for (int pass = 0; pass < fused->passes; pass++) {
            const nt_code *code = &fused->element_code[pass];
            run_row_code(context, &fused->row_code[pass], row, rows);
            nt_start_reductions(context, code);
            run_columns(context, job, pass, row, rows, 0, context->space->columns);
            context->block.rows = rows;
            finish_reductions(context, code, rows);
        }
        run_row_code(context, &fused->row_code[fused->passes], row, rows);
    }
    nt_block_set(context, row, rows, 0, context->space->columns > 0);
    store_rows(context, NT_LEVEL_ROW, rows);
}

static nt_context task_context(const nt_row_job *job, nt_scratch *scratch, uint64_t *scalar_storage) {
    nt_context context = job->context;
    nt_context_layout(&context, job->needs, nt_scratch_area(scratch, NT_SCRATCH_REGISTERS));
    nt_set_scalars(&context, job->scalars, scalar_storage);
    return context;
}

static void row_task(void *argument, long index, int worker) {
    const nt_row_job *job = argument;
    const nt_fused *fused = job->context.fused;
    uint64_t scalar_storage[fused->scalar_count + 1];
    nt_context context = task_context(job, job->workers->scratch[worker], scalar_storage);
    int64_t *totals = job->totals + index * 2 * fused->total_reduction_count;
    start_totals(fused, totals);
    int64_t first = index * job->row_blocks_per_task, last = first + job->row_blocks_per_task;
    if (last > job->grid.row_blocks) last = job->grid.row_blocks;
    for (int64_t block = first; block < last; block++) {
        int64_t row, rows;
        nt_grid_rows(&job->grid, block, &row, &rows);
        run_row_block(&context, job, row, rows);
        fold_totals(&context, totals, row, rows);
    }
}

// One chunk of columns of one block of rows, in one pass.
static void chunk_task(void *argument, long index, int worker) {
    const nt_row_job *job = argument;
    const nt_fused *fused = job->context.fused;
    int64_t block = index / job->chunks, chunk = index - block * job->chunks, row, rows;
    uint64_t scalar_storage[fused->scalar_count + 1];
    nt_needs needs = job->needs;
    needs.row_capacity = 0;
    nt_context context = job->context;
    nt_context_layout(&context, needs, nt_scratch_area(job->workers->scratch[worker], NT_SCRATCH_REGISTERS));
    nt_grid_rows(&job->grid, block, &row, &rows);
    // Row values come from the caller's registers.
    for (int v = 0; v < fused->description.step_count; v++) {
        nt_place place = job->context.places[v];
        if (fused->values[v].level == VALUE_ROW && !place.splat) place.data += row * fused->values[v].size;
        context.places[v] = place;
    }
    nt_set_scalars(&context, job->scalars, scalar_storage);
    context.row_registers = job->context.row_registers;
    context.row_capacity = job->context.row_capacity;
    context.row_origin = row;
    context.accumulators = job->chunk_accumulators + chunk * job->accumulator_bytes;
    const nt_code *code = &fused->element_code[job->pass];
    nt_block_set(&context, row, rows, 0, 1);
    nt_start_reductions(&context, code);
    int64_t column = chunk * job->chunk_columns, end = column + job->chunk_columns;
    if (end > context.space->columns) end = context.space->columns;
    run_columns(&context, job, job->pass, row, rows, column, end);
}

// Combines the chunks' accumulators of all rows, in order.
static void merge_chunks(nt_context *context, const nt_row_job *job, const nt_code *code) {
    const nt_fused *fused = context->fused;
    char *own = context->accumulators;
    for (int i = 0; i < code->count; i++) {
        const nt_instr *instr = &code->list[i];
        if (instr->kind != INSTR_REDUCE) continue;
        char *values, *chunk_values;
        int64_t *index, *chunk_index;
        nt_accumulator(context, instr, &values, &index);
        for (int64_t chunk = 0; chunk < job->chunks; chunk++) {
            context->accumulators = job->chunk_accumulators + chunk * job->accumulator_bytes;
            nt_accumulator(context, instr, &chunk_values, &chunk_index);
            context->accumulators = own;
            fused->routines->merge[instr->code][fused->values[instr->operands[0]].ctype](
                values, index, chunk_values, chunk_index, context->space->rows);
        }
    }
}

// Row steps need temporaries as long as all rows.
static nt_needs split_needs(const nt_row_job *job) {
    int64_t rows = job->context.space->rows;
    return (nt_needs){.capacity = rows, .row_capacity = rows, .register_units = 0};
}

static size_t split_context_bytes(const nt_row_job *job) {
    return (nt_context_bytes(job->context.fused, split_needs(job)) + 63) & ~(size_t)63;
}

// Few long rows: each pass splits the columns too, and the row steps between run on the calling thread. `memory` holds
// the context of all rows and each chunk's accumulators.
static void run_split(nt_row_job *job, char *memory, bool parallel) {
    const nt_fused *fused = job->context.fused;
    nt_context *context = &job->context;
    nt_pool *pool = job->workers->pool;
    int64_t rows = context->space->rows;
    uint64_t scalar_storage[fused->scalar_count + 1];
    nt_context_layout(context, split_needs(job), memory);
    nt_set_scalars(context, job->scalars, scalar_storage);
    job->chunk_accumulators = memory + split_context_bytes(job);
    context->keeps_rows = true;
    for (job->pass = 0; job->pass < fused->passes; job->pass++) {
        const nt_code *code = &fused->element_code[job->pass];
        run_row_code(context, &fused->row_code[job->pass], 0, rows);
        long tasks = job->grid.row_blocks * job->chunks;
        if (parallel) nt_pool_run(pool, tasks, chunk_task, job);
        else for (long task = 0; task < tasks; task++) chunk_task(job, task, 0);
        nt_block_set(context, 0, rows, 0, 1);
        nt_start_reductions(context, code);
        merge_chunks(context, job, code);
        finish_reductions(context, code, rows);
    }
    run_row_code(context, &fused->row_code[fused->passes], 0, rows);
    nt_block_set(context, 0, rows, 0, 1);
    store_rows(context, NT_LEVEL_ROW, rows);
    start_totals(fused, job->totals);
    fold_totals(context, job->totals, 0, rows);
}

// Combines the tasks' totals in order, computes what follows from them, and stores it.
static void run_totals(const nt_row_job *job) {
    const nt_fused *fused = job->context.fused;
    const nt_code *code = &fused->total_reductions;
    uint64_t scalar_storage[fused->scalar_count + 1];
    nt_context context = task_context(job, job->workers->scratch[0], scalar_storage);
    int64_t *totals = job->totals + job->tasks * 2 * fused->total_reduction_count;
    start_totals(fused, totals);
    for (int i = 0; i < code->count; i++) {
        const nt_instr *instr = &code->list[i];
        int64_t *total = totals + instr->register_units * 2;
        bool argument = nt_yields_index(instr->code);
        for (int64_t task = 0; task < job->tasks; task++) {
            const int64_t *part = job->totals + (task * fused->total_reduction_count + instr->register_units) * 2;
            fused->routines->merge[instr->code][fused->values[instr->operands[0]].ctype](
                total, total + 1, part, part + 1, 1);
        }
        if (argument && total[1] < 0) total[1] = 0;
        context.places[instr->value] = (nt_place){(char *)(argument ? total + 1 : total), instr->size, false};
    }
    // Totals have no place: the space's first stands for it, also where the space is empty.
    nt_block_set(&context, 0, 1, 0, 1);
    nt_run_code(&context, &fused->total_code);
    nt_block_set(&context, 0, 1, 0, 1);
    store_rows(&context, NT_LEVEL_TOTAL, 1);
}

static size_t totals_bytes(const nt_row_job *job) {
    size_t count = (size_t)(job->tasks + 1) * 2 * (size_t)job->context.fused->total_reduction_count;
    return (count * sizeof(int64_t) + 63) & ~(size_t)63;
}

nt_memory nt_rows_memory(const nt_fused *fused) {
    nt_row_job job = nt_plan_rows(fused);
    size_t split = job.splits ? split_context_bytes(&job) + (size_t)(job.chunks * job.accumulator_bytes) + 64 : 0;
    return (nt_memory){.registers = nt_context_bytes(fused, job.needs), .call = totals_bytes(&job) + split};
}

void nt_run_rows(
    const nt_fused *fused, char *const *operands, const int64_t *index_offsets, const uint64_t *scalars,
    const nt_workers *workers) {
    const nt_space *space = &fused->space;
    nt_row_job job = nt_plan_rows(fused);
    job.context.operands = operands;
    job.context.index_offsets = index_offsets;
    job.scalars = scalars;
    job.workers = workers;
    const nt_code *last = job.whole ? &fused->whole : &fused->element_code[fused->passes - 1];
    nt_find_shared_memory(&job.context, last);
    job.context.streamed = nt_streamed_outputs(fused, space, operands);
    double work = (double)space->rows * (double)space->columns * fused->element_cost;
    bool parallel = work > INLINE_WORK && nt_pool_threads(workers->pool) > 1;
    char *memory = nt_call_area(workers);
    job.totals = (int64_t *)memory;
    if (job.splits) run_split(&job, memory + totals_bytes(&job), parallel);
    else if (parallel) nt_pool_run(workers->pool, job.tasks, row_task, &job);
    else for (long task = 0; task < job.tasks; task++) row_task(&job, task, 0);
    if (fused->has_totals) run_totals(&job);
}
