// Block shapes and the memory that a thread needs for them.

#include "fused_internal.h"

// Registers start a little apart from multiples of a page: equal low address bits make loads wait for unrelated stores.
static int64_t padded(int64_t elements) { return ((elements + 63) & ~(int64_t)63) + 64; }

static size_t places_bytes(const nt_fused *fused) {
    size_t count = (size_t)(fused->description.step_count + fused->scalar_count + 1);
    return (count * sizeof(nt_place) + 63) & ~(size_t)63;
}

size_t nt_context_bytes(const nt_fused *fused, nt_needs needs) {
    size_t elements = (size_t)padded(needs.capacity), rows = (size_t)padded(needs.row_capacity);
    size_t row_registers = (size_t)(fused->description.step_count + 2 * fused->row_reductions);
    return places_bytes(fused) + elements * ((size_t)needs.register_units + 3 * 8) + rows * 8 * row_registers + 4096;
}

void nt_context_layout(nt_context *context, nt_needs needs, char *memory) {
    const nt_fused *fused = context->fused;
    context->places = (nt_place *)memory;
    memory += places_bytes(fused);
    context->capacity = padded(needs.capacity);
    context->row_capacity = padded(needs.row_capacity);
    context->registers = memory;
    memory += context->capacity * needs.register_units;
    for (int slot = 0; slot < 3; slot++) {
        context->temporaries[slot] = memory;
        memory += context->capacity * 8;
    }
    context->row_registers = memory;
    context->accumulators = memory + context->row_capacity * 8 * fused->description.step_count;
    context->row_origin = 0;
}

int64_t nt_block_elements(int32_t register_units) {
    // Nothing is kept between steps: the cache sets no limit, and fewer blocks cost less.
    if (register_units == 0) return 32768;
    int64_t units = register_units > 4 ? register_units : 4;
    int64_t elements = (16384 / units) & ~(int64_t)63;
    return elements < 512 ? 512 : elements;
}

bool nt_rows_irregular(const nt_fused *fused, const nt_space *space) {
    for (int o = 0; o < fused->operand_count; o++) {
        if (!space->walks[o].rows_uniform) return true;
    }
    return false;
}

nt_grid nt_grid_make(const nt_fused *fused, const nt_space *space, int64_t rows, int64_t columns) {
    nt_grid grid = {.rows = rows, .columns = columns, .run = space->rows};
    if (space->outer_rank > 1 && nt_rows_irregular(fused, space)) {
        // Blocks within one run keep loads in place; runs too short for that are worth crossing.
        int64_t last = space->outer[space->outer_rank - 1];
        if (last * columns >= 512 || last >= rows) grid.run = last;
    }
    if (grid.rows > grid.run) grid.rows = grid.run;
    if (grid.rows < 1) grid.rows = 1;
    if (grid.columns < 1) grid.columns = 1;
    if (grid.run < 1) return grid;
    grid.blocks_per_run = (grid.run + grid.rows - 1) / grid.rows;
    grid.row_blocks = space->rows / grid.run * grid.blocks_per_run;
    grid.column_blocks = (space->columns + grid.columns - 1) / grid.columns;
    return grid;
}

void nt_grid_rows(const nt_grid *grid, int64_t block, int64_t *row, int64_t *rows) {
    int64_t run = block / grid->blocks_per_run, within = (block - run * grid->blocks_per_run) * grid->rows;
    *row = run * grid->run + within;
    *rows = grid->run - within < grid->rows ? grid->run - within : grid->rows;
}
