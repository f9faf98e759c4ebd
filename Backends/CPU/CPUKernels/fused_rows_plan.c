// How programs with reductions are cut into blocks and tasks: by the shape alone.

#include "fused_rows.h"

enum {
    TASK_ELEMENTS = 32768,
    // The longest block that holds whole rows although its registers outgrow the first-level cache: reading a row again
    // costs more where something must be computed again.
    WHOLE_ELEMENTS = 16384,
    // Rows narrower than this are put side by side as columns.
    NARROW_COLUMNS = 48,
    COLUMN_BLOCK_ROWS = 1024,
    // Fewer blocks of rows than this, and more elements than that: the columns are split among tasks as well.
    FEW_ROW_BLOCKS = 16,
    MANY_ELEMENTS = 131072,
    SPLIT_ELEMENTS = 65536
};

// Whether most element operands step by one along the rows rather than along the columns.
static bool prefers_columns(const nt_fused *fused) {
    const nt_space *space = &fused->space;
    if (space->rows < 16) return false;
    int votes = 0;
    for (int o = 0; o < fused->operand_count; o++) {
        const nt_walk *walk = &space->walks[o];
        bool along_rows = space->outer_rank > 0 && walk->outer[space->outer_rank - 1] == 1;
        bool along_columns = space->inner_rank > 0 && walk->inner[space->inner_rank - 1] == 1;
        bool element = false;
        for (int d = 0; d < space->inner_rank; d++) element |= walk->inner[d] != 0;
        if (element) votes += along_rows - along_columns;
    }
    return votes > 0 || (space->columns < NARROW_COLUMNS && space->columns > 0);
}

// Whether elements are only loaded and reduced: then no register holds a block, and blocks may be long.
static bool only_reduces(const nt_fused *fused) {
    for (int i = 0; i < fused->whole.count; i++) {
        const nt_instr *instr = &fused->whole.list[i];
        if (instr->level == VALUE_ELEMENT && instr->kind != INSTR_LOAD) return false;
    }
    return fused->passes == 1;
}

// The extent of the last inner dimension where some operand steps unevenly over the inner ones: blocks that end where it
// does are read and written where they lie, without a copy. 0 where there is none, or it is short.
static int64_t uneven_run(const nt_fused *fused, const nt_space *space) {
    enum { LEAST = 128 };
    if (space->inner_rank < 2 || space->inner[space->inner_rank - 1] < LEAST) return 0;
    for (int o = 0; o < fused->operand_count; o++) {
        // Operands of 16 bits are copied all the same.
        if (nt_is_16_bit(fused->accesses[o].dtype)) continue;
        if (!space->walks[o].columns_uniform) return space->inner[space->inner_rank - 1];
    }
    return 0;
}

static void choose_blocks(nt_row_job *job, const nt_fused *fused, const nt_space *space) {
    int64_t elements = nt_block_elements(fused->whole.register_units), columns = space->columns, rows;
    if (only_reduces(fused)) elements = 2 * WHOLE_ELEMENTS;
    bool in_columns = job->context.layout == LAYOUT_COLUMNS;
    int64_t largest = fused->passes > 1 ? WHOLE_ELEMENTS : elements;
    if (in_columns) {
        int64_t least = space->rows < 64 ? space->rows : 64;
        job->whole = columns * least <= largest;
        rows = job->whole && columns > 0 ? elements / columns : COLUMN_BLOCK_ROWS;
        if (rows < least) rows = least;
        if (rows > COLUMN_BLOCK_ROWS) rows = COLUMN_BLOCK_ROWS;
        if (rows > 16) rows &= ~(int64_t)15;
        if (rows > space->rows) rows = space->rows;
    } else {
        job->whole = columns <= largest;
        rows = job->whole && columns > 0 ? elements / columns : job->whole ? elements : 1;
        if (rows < 1) rows = 1;
        if (rows > space->rows) rows = space->rows;
    }
    int64_t width = job->whole ? columns : rows > 0 ? elements / rows : elements;
    job->run = job->whole || in_columns || only_reduces(fused) ? 0 : uneven_run(fused, space);
    if (job->run > 0) {
        int64_t pieces = (job->run + width - 1) / width;
        width = (job->run + pieces - 1) / pieces;
    }
    job->grid = nt_grid_make(fused, space, rows, width < 1 ? 1 : width);
    int32_t units = fused->whole.register_units;
    for (int pass = 0; !job->whole && pass < fused->passes; pass++) {
        if (fused->element_code[pass].register_units > units) units = fused->element_code[pass].register_units;
    }
    int64_t capacity = job->grid.rows * job->grid.columns;
    job->needs = (nt_needs){capacity > job->grid.rows ? capacity : job->grid.rows, job->grid.rows, units};
}

static bool splits_columns(nt_row_job *job, const nt_space *space) {
    int64_t elements = space->rows * space->columns;
    if (job->whole || job->grid.row_blocks >= FEW_ROW_BLOCKS || elements < MANY_ELEMENTS) return false;
    int64_t chunks = elements / SPLIT_ELEMENTS / job->grid.row_blocks;
    chunks = chunks < 2 ? 2 : chunks > 256 ? 256 : chunks;
    int64_t width = (space->columns + chunks - 1) / chunks;
    // Whole blocks, but for those that end with a run.
    width = (width + job->grid.columns - 1) / job->grid.columns * job->grid.columns;
    job->chunk_columns = width;
    job->chunks = (space->columns + width - 1) / width;
    return job->chunks > 1;
}

nt_row_job nt_plan_rows(const nt_fused *fused) {
    const nt_space *space = &fused->space;
    nt_row_job job = {
        .context = {.fused = fused, .space = space,
                    .layout = prefers_columns(fused) ? LAYOUT_COLUMNS : LAYOUT_ROWS}};
    choose_blocks(&job, fused, space);
    job.context.folds_parts =
        job.context.layout == LAYOUT_ROWS && only_reduces(fused) && fused->whole.stored_inputs == 0;
    job.splits = splits_columns(&job, space);
    int64_t block_elements = job.grid.rows * (space->columns > 0 ? space->columns : 1);
    job.row_blocks_per_task = block_elements < TASK_ELEMENTS ? TASK_ELEMENTS / block_elements : 1;
    job.tasks = job.splits ? 1 : (job.grid.row_blocks + job.row_blocks_per_task - 1) / job.row_blocks_per_task;
    job.accumulator_bytes = 2 * fused->row_reductions * ((space->rows + 127) & ~(int64_t)63) * 8;
    return job;
}
