// Making fused programs, and running those without reductions.

#include "fused_internal.h"

#include <stdlib.h>
#include <string.h>

enum {
    // Nanoseconds of work for which one thread is enough, and that a task should have.
    INLINE_WORK = 12000,
    TASK_WORK = 25000,
    // Side of the square blocks in which transposing copies go.
    TILE = 64,
    // Elements of a block that goes from memory to memory, where there are enough of them for all threads.
    DIRECT_ELEMENTS = 16384,
    // Outputs from this many bytes on are written past the cache.
    STREAM_BYTES = 8 << 20
};

static nt_memory pointwise_memory(const nt_fused *fused);

static void free_code(nt_code *code) { free(code->list); }

void nt_fused_destroy(nt_fused *fused) {
    if (!fused) return;
    free_code(&fused->whole);
    free_code(&fused->total_code);
    free_code(&fused->total_reductions);
    for (int pass = 0; fused->row_code && pass <= fused->passes; pass++) free_code(&fused->row_code[pass]);
    for (int pass = 0; fused->element_code && pass < fused->passes; pass++) free_code(&fused->element_code[pass]);
    free(fused->row_code);
    free(fused->element_code);
    free(fused->accesses);
    free(fused->steps);
    free(fused->output_steps);
    free(fused->values);
    free(fused->scalars);
    free(fused->space.walks);
    free(fused);
}

static bool is_valid(const nt_fused_description *d, int boxes) {
    if (d->rank < 0 || d->rank > NT_MAX_RANK || d->input_count + d->output_count > NT_MAX_OPERANDS) return false;
    if (d->step_count > INT16_MAX / 2 || d->outer_rank > d->rank) return false;
    for (int o = 0; o < d->output_count; o++) {
        if (d->output_steps[o] < 0 || d->output_steps[o] >= d->step_count) return false;
    }
    for (int s = 0; s < d->step_count; s++) {
        if (boxes && d->steps[s].kind == NT_STEP_REDUCE) return false;
    }
    return true;
}

static void *copied(const void *from, int count, size_t size) {
    void *to = calloc((size_t)count + 1, size);
    if (count > 0) memcpy(to, from, (size_t)count * size);
    return to;
}

// Whether some element load runs along the rows, so that blocks should be square.
static bool transposes(const nt_fused *fused) {
    const nt_space *space = &fused->space;
    for (int i = 0; i < fused->whole.count; i++) {
        const nt_instr *instr = &fused->whole.list[i];
        if (instr->kind != INSTR_LOAD || instr->level != VALUE_ELEMENT) continue;
        const nt_walk *walk = &space->walks[instr->input];
        if (walk->row_step == 1 && walk->column_step != 1 && walk->column_step != 0) return true;
    }
    return false;
}

nt_fused *nt_fused_create(const nt_fused_description *description, nt_isa isa, int boxes, int32_t *lacking) {
    *lacking = -1;
    if (!is_valid(description, boxes)) return NULL;
    nt_fused *fused = calloc(1, sizeof *fused);
    const nt_fused_description *d = description;
    fused->routines = nt_routines_for(isa);
    fused->description = *d;
    fused->boxes = boxes != 0;
    fused->operand_count = d->input_count + d->output_count;
    fused->accesses = calloc((size_t)fused->operand_count + 1, sizeof(nt_access));
    memcpy(fused->accesses, d->inputs, (size_t)d->input_count * sizeof(nt_access));
    memcpy(fused->accesses + d->input_count, d->outputs, (size_t)d->output_count * sizeof(nt_access));
    fused->steps = copied(d->steps, d->step_count, sizeof(nt_step));
    fused->output_steps = copied(d->output_steps, d->output_count, sizeof(int32_t));
    // A step has at most three operands, each of which could be a scalar of its own.
    fused->values = calloc((size_t)d->step_count * 4 + 1, sizeof(nt_value));
    fused->scalars = calloc((size_t)d->step_count * 3 + 1, sizeof(nt_scalar));
    fused->space.walks = calloc((size_t)fused->operand_count + 1, sizeof(nt_walk));
    for (int s = 0; s < d->step_count; s++) fused->reduces |= d->steps[s].kind == NT_STEP_REDUCE;
    // Row programs without a reduction of rows (rows to totals only) are run as row programs too.
    for (int s = 0; s < d->step_count; s++) fused->reduces |= d->steps[s].level != NT_LEVEL_ELEMENT;
    nt_space_make(fused);
    if (!nt_compile_values(fused)) {
        nt_fused_destroy(fused);
        return NULL;
    }
    *lacking = nt_step_without_routine(fused);
    if (*lacking >= 0) {
        nt_fused_destroy(fused);
        return NULL;
    }
    nt_compile_codes(fused);
    fused->tiled = transposes(fused);
    fused->memory = fused->reduces ? nt_rows_memory(fused) : pointwise_memory(fused);
    return fused;
}

nt_memory nt_fused_memory(const nt_fused *fused) { return fused->memory; }

double nt_fused_element_cost(const nt_fused *fused) { return fused->element_cost; }

// Whether one operation reads memory and writes memory: then the cache sets no limit to its blocks.
static bool is_direct(const nt_fused *fused) {
    int operations = 0;
    for (int i = 0; i < fused->whole.count; i++) {
        const nt_instr *instr = &fused->whole.list[i];
        if (instr->kind == INSTR_OP && instr->direct >= 0) operations++;
        else if (instr->kind != INSTR_LOAD) return false;
    }
    return operations == 1;
}

static nt_grid pointwise_grid(const nt_fused *fused, const nt_space *space, uint64_t streamed) {
    int64_t elements = nt_block_elements(fused->whole.register_units), columns = space->columns;
    bool many = space->rows * columns >= 16 * DIRECT_ELEMENTS;
    if (many && !streamed && is_direct(fused)) elements = DIRECT_ELEMENTS;
    if (fused->tiled && columns > 8 && space->rows > 8) {
        return nt_grid_make(fused, space, TILE, columns < TILE ? columns : TILE);
    }
    if (columns >= elements) return nt_grid_make(fused, space, 1, elements);
    return nt_grid_make(fused, space, columns > 0 ? elements / columns : 1, columns);
}

typedef struct {
    nt_context context;
    nt_grid grid;
    nt_needs needs;
    const uint64_t *scalars;
    const nt_workers *workers;
    int64_t blocks_per_task;
} pointwise_job;

static nt_needs pointwise_needs(const nt_fused *fused, const nt_grid *grid) {
    return (nt_needs){grid->rows * grid->columns, grid->rows, fused->whole.register_units};
}

static nt_memory pointwise_memory(const nt_fused *fused) {
    size_t bytes = 0;
    if (fused->boxes) {
        // A box may have any shape: its blocks are bounded all the same.
        int64_t elements = nt_block_elements(fused->whole.register_units);
        if (elements < DIRECT_ELEMENTS && is_direct(fused)) elements = DIRECT_ELEMENTS;
        if (elements < TILE * TILE) elements = TILE * TILE;
        bytes = nt_context_bytes(fused, (nt_needs){elements, elements, fused->whole.register_units});
    }
    // What is written past the cache depends on the operands.
    for (uint64_t streamed = 0; streamed < 2 && !fused->boxes; streamed++) {
        nt_grid grid = pointwise_grid(fused, &fused->space, streamed);
        size_t needed = nt_context_bytes(fused, pointwise_needs(fused, &grid));
        if (needed > bytes) bytes = needed;
    }
    return (nt_memory){.registers = bytes};
}

static void run_blocks(const pointwise_job *job, int64_t first, int64_t last, nt_scratch *scratch) {
    nt_context context = job->context;
    const nt_fused *fused = context.fused;
    uint64_t scalar_storage[fused->scalar_count + 1];
    nt_context_layout(
        &context, job->needs, nt_scratch_area(scratch, NT_SCRATCH_REGISTERS));
    nt_set_scalars(&context, job->scalars, scalar_storage);
    const nt_grid *grid = &job->grid;
    for (int64_t index = first; index < last; index++) {
        int64_t row_block = index / grid->column_blocks, row, rows;
        int64_t column = (index - row_block * grid->column_blocks) * grid->columns;
        int64_t left = context.space->columns - column;
        nt_grid_rows(grid, row_block, &row, &rows);
        nt_block_set(&context, row, rows, column, left < grid->columns ? left : grid->columns);
        nt_run_code(&context, &fused->whole);
        nt_finish_block(&context);
    }
}

static void pointwise_task(void *argument, long index, int worker) {
    const pointwise_job *job = argument;
    int64_t first = index * job->blocks_per_task, count = job->grid.row_blocks * job->grid.column_blocks;
    int64_t last = first + job->blocks_per_task;
    run_blocks(job, first, last < count ? last : count, job->workers->scratch[worker]);
}

static pointwise_job make_job(
    const nt_fused *fused, const nt_space *space, char *const *operands, const int64_t *index_offsets,
    const uint64_t *scalars, uint64_t streamed) {
    pointwise_job job = {
        .context = {.fused = fused, .space = space, .operands = operands, .index_offsets = index_offsets,
                    .layout = LAYOUT_ROWS},
        .grid = pointwise_grid(fused, space, streamed), .scalars = scalars};
    job.needs = pointwise_needs(fused, &job.grid);
    nt_find_shared_memory(&job.context, &fused->whole);
    job.context.streamed = streamed;
    return job;
}

uint64_t nt_streamed_outputs(const nt_fused *fused, const nt_space *space, char *const *operands) {
    int inputs = fused->description.input_count;
    uint64_t streamed = 0;
    for (int o = 0; o < fused->description.output_count; o++) {
        if (fused->steps[fused->output_steps[o]].level != NT_LEVEL_ELEMENT) continue;
        bool in_place = false;
        for (int i = 0; i < inputs; i++) in_place |= operands[i] == operands[inputs + o];
        int64_t bytes = space->rows * space->columns * nt_dtype_size(fused->accesses[inputs + o].dtype);
        if (bytes >= STREAM_BYTES && !in_place) streamed |= (uint64_t)1 << o;
    }
    return streamed;
}

static void run_pointwise(
    const nt_fused *fused, char *const *operands, const int64_t *index_offsets, const uint64_t *scalars,
    const nt_workers *workers) {
    uint64_t streamed = nt_streamed_outputs(fused, &fused->space, operands);
    pointwise_job job = make_job(fused, &fused->space, operands, index_offsets, scalars, streamed);
    int64_t blocks = job.grid.row_blocks * job.grid.column_blocks;
    if (blocks <= 0) return;
    job.workers = workers;
    double work = (double)fused->space.rows * (double)fused->space.columns * fused->element_cost;
    if (work < INLINE_WORK || nt_pool_threads(workers->pool) == 1 || blocks == 1) {
        return run_blocks(&job, 0, blocks, workers->scratch[0]);
    }
    int64_t tasks = (int64_t)(work / TASK_WORK) + 2, threads = nt_pool_threads(workers->pool);
    if (tasks > 512) tasks = 512;
    // The same number for each thread.
    tasks = (tasks + threads - 1) / threads * threads;
    job.blocks_per_task = (blocks + tasks - 1) / tasks;
    nt_pool_run(workers->pool, (blocks + job.blocks_per_task - 1) / job.blocks_per_task, pointwise_task, &job);
}

void nt_fused_run(
    const nt_fused *fused, void *const *operands, const int64_t *index_offsets, const uint64_t *scalars,
    const nt_workers *workers) {
    if (fused->reduces) {
        nt_run_rows(fused, (char *const *)operands, index_offsets, scalars, workers);
    } else {
        run_pointwise(fused, (char *const *)operands, index_offsets, scalars, workers);
    }
}

void nt_fused_run_box(
    const nt_fused *fused, void *const *operands, const int64_t *index_offsets, const uint64_t *scalars,
    const int64_t *begin, const int64_t *end, nt_scratch *scratch) {
    int count = fused->operand_count;
    nt_walk walks[count + 1];
    nt_space space = {.walks = walks};
    int64_t bases[count + 1], indices[count + 1];
    char *moved[count + 1];
    nt_space_box(fused, begin, end, &space, bases);
    for (int o = 0; o < count; o++) {
        int size = nt_dtype_size(fused->accesses[o].dtype);
        moved[o] = operands[o] ? (char *)operands[o] + bases[o] * size : NULL;
        indices[o] = bases[o] + (o < fused->description.input_count && index_offsets ? index_offsets[o] : 0);
    }
    if (space.rows * space.columns <= 0) return;
    pointwise_job job = make_job(fused, &space, moved, indices, scalars, 0);
    run_blocks(&job, 0, job.grid.row_blocks * job.grid.column_blocks, scratch);
}
