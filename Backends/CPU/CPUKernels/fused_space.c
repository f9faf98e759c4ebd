// The iteration space: collapsing dimensions, choosing their order, and finding operands' places in it.

#include "fused_internal.h"

#include <stdlib.h>
#include <string.h>

static int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }

// Orders dimensions [first, last) by falling stride of operand `leader`, keeping the order of equals.
static void sort_dimensions(
    int64_t *extents, int64_t (*strides)[NT_MAX_RANK], int operands, int leader, int first, int last) {
    for (int i = first + 1; i < last; i++) {
        for (int j = i; j > first && magnitude(strides[leader][j - 1]) < magnitude(strides[leader][j]); j--) {
            int64_t extent = extents[j];
            extents[j] = extents[j - 1];
            extents[j - 1] = extent;
            for (int o = 0; o < operands; o++) {
                int64_t stride = strides[o][j];
                strides[o][j] = strides[o][j - 1];
                strides[o][j - 1] = stride;
            }
        }
    }
}

// Drops unit dimensions and joins neighbours over which every operand steps evenly. Returns the new number.
static int collapse(int64_t *extents, int64_t (*strides)[NT_MAX_RANK], int operands, int first, int last, int to) {
    int count = to;
    for (int d = first; d < last; d++) {
        if (extents[d] == 1) continue;
        bool joins = count > to;
        for (int o = 0; o < operands && joins; o++) joins = strides[o][count - 1] == strides[o][d] * extents[d];
        if (joins) extents[count - 1] *= extents[d];
        else extents[count++] = extents[d];
        for (int o = 0; o < operands; o++) strides[o][count - 1] = strides[o][d];
    }
    return count - to;
}

// The step that flattened dimensions have, if they have one.
static bool uniform(int rank, const int64_t *extents, const int64_t *strides, int64_t *step) {
    *step = rank > 0 ? strides[rank - 1] : 0;
    for (int d = rank - 1; d > 0; d--) {
        if (strides[d - 1] != strides[d] * extents[d]) return false;
    }
    return true;
}

static void finish_space(nt_space *space, int operands) {
    space->rows = space->columns = 1;
    for (int d = 0; d < space->outer_rank; d++) space->rows *= space->outer[d];
    for (int d = 0; d < space->inner_rank; d++) space->columns *= space->inner[d];
    for (int o = 0; o < operands; o++) {
        nt_walk *walk = &space->walks[o];
        walk->rows_uniform = uniform(space->outer_rank, space->outer, walk->outer, &walk->row_step);
        walk->columns_uniform = uniform(space->inner_rank, space->inner, walk->inner, &walk->column_step);
    }
}

static void set_space(
    nt_space *space, int operands, int64_t *extents, int64_t (*strides)[NT_MAX_RANK], int outer, int inner) {
    space->outer_rank = outer;
    space->inner_rank = inner;
    memcpy(space->outer, extents, (size_t)outer * sizeof(int64_t));
    memcpy(space->inner, extents + outer, (size_t)inner * sizeof(int64_t));
    for (int o = 0; o < operands; o++) {
        memcpy(space->walks[o].outer, strides[o], (size_t)outer * sizeof(int64_t));
        memcpy(space->walks[o].inner, strides[o] + outer, (size_t)inner * sizeof(int64_t));
    }
    finish_space(space, operands);
}

// Where the order of the inner dimensions means nothing: no argmax or argmin.
static bool may_reorder(const nt_fused *fused) {
    for (int s = 0; s < fused->description.step_count; s++) {
        if (fused->steps[s].kind == NT_STEP_REDUCE && nt_yields_index(fused->steps[s].code)) return false;
    }
    return true;
}

// The operand by which dimensions are ordered: a pointwise program's first output, a row program's first real input.
static int leading_operand(const nt_fused *fused, const int64_t (*strides)[NT_MAX_RANK]) {
    int inputs = fused->description.input_count, rank = fused->description.rank;
    if (!fused->reduces) return inputs;
    int best = -1, most = 0;
    for (int o = 0; o < inputs; o++) {
        int moving = 0;
        for (int d = 0; d < rank; d++) moving += strides[o][d] != 0;
        if (moving > most) {
            most = moving;
            best = o;
        }
    }
    return best;
}

void nt_space_make(nt_fused *fused) {
    const nt_fused_description *d = &fused->description;
    int operands = fused->operand_count, rank = d->rank;
    int outer = fused->reduces ? d->outer_rank : rank;
    int64_t extents[NT_MAX_RANK];
    int64_t strides[NT_MAX_OPERANDS][NT_MAX_RANK];
    memcpy(extents, d->extents, sizeof extents);
    for (int o = 0; o < operands; o++) memcpy(strides[o], fused->accesses[o].strides, sizeof strides[o]);
    if (fused->boxes) {
        // Uncollapsed: boxes are given in these coordinates.
        int inner = rank > 0 ? 1 : 0;
        return set_space(&fused->space, operands, extents, strides, rank - inner, inner);
    }
    int leader = leading_operand(fused, (const int64_t(*)[NT_MAX_RANK])strides);
    if (leader >= 0 && may_reorder(fused)) {
        sort_dimensions(extents, strides, operands, leader, 0, outer);
        sort_dimensions(extents, strides, operands, leader, outer, rank);
    }
    int outer_rank = collapse(extents, strides, operands, 0, outer, 0);
    int inner_rank = collapse(extents, strides, operands, outer, rank, outer_rank);
    if (!fused->reduces && outer_rank > 0) {
        outer_rank--;
        inner_rank = 1;
    }
    set_space(&fused->space, operands, extents, strides, outer_rank, inner_rank);
}

void nt_space_box(const nt_fused *fused, const int64_t *begin, const int64_t *end, nt_space *space, int64_t *bases) {
    int operands = fused->operand_count, rank = fused->description.rank;
    int64_t extents[NT_MAX_RANK];
    int64_t strides[NT_MAX_OPERANDS][NT_MAX_RANK];
    for (int d = 0; d < rank; d++) extents[d] = end[d] - begin[d];
    for (int o = 0; o < operands; o++) {
        memcpy(strides[o], fused->accesses[o].strides, (size_t)rank * sizeof(int64_t));
        bases[o] = 0;
        for (int d = 0; d < rank; d++) bases[o] += begin[d] * strides[o][d];
    }
    // The last dimension stays the columns even where it is one wide: which values are rows was decided by it.
    if (rank == 0) return set_space(space, operands, extents, strides, 0, 0);
    int64_t last = extents[rank - 1];
    int outer = collapse(extents, strides, operands, 0, rank - 1, 0);
    bool joins = outer > 0;
    for (int o = 0; o < operands && joins; o++) {
        joins = strides[o][outer - 1] == fused->accesses[o].strides[rank - 1] * last;
    }
    int place = joins ? outer - 1 : outer;
    extents[place] = joins ? extents[place] * last : last;
    for (int o = 0; o < operands; o++) strides[o][place] = fused->accesses[o].strides[rank - 1];
    set_space(space, operands, extents, strides, place, 1);
}

static bool coordinates(int rank, const int64_t *extents, int64_t place, int64_t count, int64_t *at) {
    if (place == 0) {
        // Also where an extent is 0.
        for (int d = 0; d < rank; d++) at[d] = 0;
        return rank == 0 || count <= extents[rank - 1];
    }
    for (int d = rank - 1; d > 0; d--) {
        int64_t next = place / extents[d];
        at[d] = place - next * extents[d];
        place = next;
    }
    if (rank > 0) at[0] = place;
    return rank == 0 || at[rank - 1] + count <= extents[rank - 1];
}

void nt_block_set(nt_context *context, int64_t row, int64_t rows, int64_t column, int64_t columns) {
    const nt_space *space = context->space;
    nt_block *block = &context->block;
    block->row = row;
    block->rows = rows;
    block->column = column;
    block->columns = columns;
    block->one_row_run = coordinates(space->outer_rank, space->outer, row, rows, block->row_at);
    block->one_column_run = coordinates(space->inner_rank, space->inner, column, columns, block->column_at);
    context->a = context->layout == LAYOUT_ROWS ? rows : columns;
    context->b = context->layout == LAYOUT_ROWS ? columns : rows;
}

int64_t nt_block_offset(const nt_context *context, int operand) {
    const nt_space *space = context->space;
    const nt_walk *walk = &space->walks[operand];
    int64_t offset = 0;
    for (int d = 0; d < space->outer_rank; d++) offset += context->block.row_at[d] * walk->outer[d];
    for (int d = 0; d < space->inner_rank; d++) offset += context->block.column_at[d] * walk->inner[d];
    return offset;
}

bool nt_block_regular(const nt_context *context, int operand, nt_part *part) {
    const nt_space *space = context->space;
    const nt_walk *walk = &space->walks[operand];
    const nt_block *block = &context->block;
    if (!(walk->rows_uniform | block->one_row_run) || !(walk->columns_uniform | block->one_column_run)) return false;
    *part = (nt_part){
        .rows = block->rows, .columns = block->columns, .offset = nt_block_offset(context, operand),
        .row_step = walk->row_step, .column_step = walk->column_step};
    return true;
}

// The length of the run that starts at `place`, at most `count`.
static int64_t run_length(int rank, const int64_t *extents, const int64_t *at, int64_t count) {
    if (rank == 0) return count;
    int64_t left = extents[rank - 1] - at[rank - 1];
    return left < count ? left : count;
}

void nt_block_parts(nt_context *context, int operand, nt_part_body body, void *argument) {
    nt_part part;
    if (nt_block_regular(context, operand, &part)) return body(context, operand, &part, argument);
    const nt_space *space = context->space;
    const nt_walk *walk = &space->walks[operand];
    const nt_block *block = &context->block;
    int64_t row_at[NT_MAX_RANK], column_at[NT_MAX_RANK];
    part.row_step = walk->row_step;
    part.column_step = walk->column_step;
    for (part.row = 0; part.row < block->rows; part.row += part.rows) {
        coordinates(space->outer_rank, space->outer, block->row + part.row, 1, row_at);
        part.rows = run_length(space->outer_rank, space->outer, row_at, block->rows - part.row);
        int64_t row_offset = 0;
        for (int d = 0; d < space->outer_rank; d++) row_offset += row_at[d] * walk->outer[d];
        for (part.column = 0; part.column < block->columns; part.column += part.columns) {
            coordinates(space->inner_rank, space->inner, block->column + part.column, 1, column_at);
            part.columns = run_length(space->inner_rank, space->inner, column_at, block->columns - part.column);
            part.offset = row_offset;
            for (int d = 0; d < space->inner_rank; d++) part.offset += column_at[d] * walk->inner[d];
            body(context, operand, &part, argument);
        }
    }
}
