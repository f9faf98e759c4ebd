// Between memory and registers: loads, gathers, indices, random numbers and stores.

#include "fused_internal.h"

#include <string.h>

// A part's steps along the block's vectors (a) and within them (b), and where in the block it starts.
typedef struct {
    int64_t a, b, a_count, b_count, a_step, b_step;
} oriented;

static oriented orient(const nt_context *context, const nt_part *part) {
    if (context->layout == LAYOUT_ROWS) {
        return (oriented){part->row, part->column, part->rows, part->columns, part->row_step, part->column_step};
    }
    return (oriented){part->column, part->row, part->columns, part->rows, part->column_step, part->row_step};
}

static int operand_size(const nt_context *context, int operand) {
    return nt_dtype_size(context->fused->accesses[operand].dtype);
}

typedef struct {
    char *to;
    int64_t step;
    int size;
} move_target;

static void move_part(nt_context *context, int operand, const nt_part *part, void *argument) {
    const move_target *target = argument;
    oriented o = orient(context, part);
    int size = target->size;
    const char *from = context->operands[operand] + part->offset * size;
    context->fused->routines->move[nt_log_size(size)](
        target->to + o.a * target->step + o.b * size, target->step / size, 1, from, o.a_step, o.b_step, o.a_count,
        o.b_count);
}

// Row values are vectors over the block's rows.
static void load_row(nt_context *context, const nt_instr *instr) {
    const nt_fused *fused = context->fused;
    const nt_routines *routines = fused->routines;
    nt_place *place = &context->places[instr->value];
    nt_dtype dtype = fused->accesses[instr->input].dtype;
    int size = nt_dtype_size(dtype);
    int64_t rows = context->block.rows;
    nt_block whole = context->block;
    nt_part part = {0};
    context->block.columns = 1;
    bool regular = nt_block_regular(context, instr->input, &part);
    const char *from = context->operands[instr->input] + part.offset * size;
    bool stays = !context->keeps_rows && !(context->overwritten >> instr->input & 1);
    if (regular && !nt_is_16_bit(dtype) && stays && (part.row_step == 0 || part.row_step == 1)) {
        *place = (nt_place){(char *)from, part.row_step * size, part.row_step == 0};
        context->block = whole;
        return;
    }
    char *to = nt_row_register(context, instr->value);
    char *raw = nt_is_16_bit(dtype) ? context->temporaries[0] : to;
    nt_layout layout = context->layout;
    // As columns of rows: the rows are one vector.
    context->layout = LAYOUT_COLUMNS;
    nt_block_parts(context, instr->input, move_part, &(move_target){raw, rows * size, size});
    context->layout = layout;
    context->block = whole;
    if (nt_is_16_bit(dtype)) routines->widen[dtype == NT_BF16](to, raw, NULL, NULL, rows);
    *place = (nt_place){to, instr->size, false};
}

void nt_run_load(nt_context *context, const nt_instr *instr) {
    if (instr->level != VALUE_ELEMENT) return load_row(context, instr);
    const nt_fused *fused = context->fused;
    nt_dtype dtype = fused->accesses[instr->input].dtype;
    int size = nt_dtype_size(dtype);
    nt_place *place = &context->places[instr->value];
    nt_part part;
    bool stays = !(context->overwritten >> instr->input & 1);
    if (!nt_is_16_bit(dtype) && stays && nt_block_regular(context, instr->input, &part)) {
        oriented o = orient(context, &part);
        if (o.b_step == 1 || o.b_step == 0) {
            char *from = context->operands[instr->input] + part.offset * size;
            *place = (nt_place){from, o.a_step * size, o.b_step == 0};
            return;
        }
    }
    if (!nt_is_16_bit(dtype)) {
        const nt_space *space = context->space;
        const int last = space->inner_rank - 1;
        // Short runs are folded faster, and more precisely, as one.
        if (context->folds_parts && last >= 0 && space->inner[last] >= 64
            && space->walks[instr->input].inner[last] == 1) {
            *place = (nt_place){NULL, 0, false};
            return;
        }
        *place = nt_output_place(context, instr);
        nt_block_parts(context, instr->input, move_part, &(move_target){place->data, place->step, size});
        return;
    }
    char *raw = context->temporaries[0], *to = context->registers + instr->register_units * context->capacity;
    nt_block_parts(context, instr->input, move_part, &(move_target){raw, context->b * size, size});
    fused->routines->widen[dtype == NT_BF16](to, raw, NULL, NULL, context->a * context->b);
    *place = (nt_place){to, context->b * instr->size, false};
}

typedef struct {
    nt_place index;
    int index_size;
    char *to;
    int64_t step;
    int size;
    const void *missing;
} gather_target;

static void gather_part(nt_context *context, int operand, const nt_part *part, void *argument) {
    const gather_target *target = argument;
    const nt_access *access = &context->fused->accesses[operand];
    const nt_routines *routines = context->fused->routines;
    int log = nt_log_size(target->size), size = target->size;
    oriented o = orient(context, part);
    for (int64_t i = 0; i < o.a_count; i++) {
        const char *from = context->operands[operand] + (part->offset + i * o.a_step) * size;
        char *to = target->to + (o.a + i) * target->step + o.b * size;
        const char *index = target->index.data + (o.a + i) * target->index.step;
        if (!target->index.splat) {
            routines->gather[log][target->index_size == 8](
                to, from, index + o.b * target->index_size, o.b_count, o.b_step, access->gather_stride,
                access->gather_count, target->missing);
            continue;
        }
        int64_t k = target->index_size == 8 ? *(const int64_t *)index : *(const int32_t *)index;
        bool inside = k >= 0 && k < access->gather_count;
        routines->move[log](
            to, 0, 1, inside ? from + k * access->gather_stride * size : target->missing, 0, inside ? o.b_step : 0, 1,
            o.b_count);
    }
}

// What an index outside the gathered axis reads, in the stored type.
static uint64_t missing_value(nt_dtype dtype) {
    switch (dtype) {
    case NT_F16: return 0x7e00;
    case NT_BF16: return 0x7fc0;
    case NT_F32: return 0x7fc00000;
    case NT_F64: return 0x7ff8000000000000;
    case NT_BOOL:
    case NT_U8:
    case NT_I32:
    case NT_I64:
    case NT_DTYPE_COUNT: break;
    }
    return 0;
}

void nt_run_gather(nt_context *context, const nt_instr *instr) {
    const nt_fused *fused = context->fused;
    nt_dtype dtype = fused->accesses[instr->input].dtype;
    bool widens = nt_is_16_bit(dtype), row = instr->level != VALUE_ELEMENT;
    int size = nt_dtype_size(dtype);
    uint64_t missing = missing_value(dtype);
    nt_block block = context->block;
    nt_layout layout = context->layout;
    nt_place place;
    gather_target target = {.index_size = instr->operand_size[0], .size = size, .missing = &missing};
    int64_t count = context->a * context->b;
    if (row) {
        count = block.rows;
        context->block.columns = 1;
        context->layout = LAYOUT_COLUMNS;
        target.index = context->places[instr->operands[0]];
        place = (nt_place){nt_row_register(context, instr->value), count * instr->size, false};
    } else {
        target.index = nt_element_place(context, instr->operands[0]);
        place = widens ? (nt_place){context->registers + instr->register_units * context->capacity,
                                    context->b * instr->size, false}
                       : nt_output_place(context, instr);
    }
    target.to = widens ? context->temporaries[0] : place.data;
    target.step = widens ? (row ? count : context->b) * size : place.step;
    nt_block_parts(context, instr->input, gather_part, &target);
    if (widens) fused->routines->widen[dtype == NT_BF16](place.data, target.to, NULL, NULL, count);
    context->block = block;
    context->layout = layout;
    context->places[instr->value] = row ? (nt_place){place.data, instr->size, false} : place;
}

static void index_part(nt_context *context, int operand, const nt_part *part, void *argument) {
    const move_target *target = argument;
    oriented o = orient(context, part);
    int64_t first = context->index_offsets[operand] + part->offset;
    for (int64_t i = 0; i < o.a_count; i++) {
        int64_t *to = (int64_t *)(target->to + (o.a + i) * target->step) + o.b;
        context->fused->routines->iota(to, first + i * o.a_step, o.b_step, o.b_count);
    }
}

void nt_run_index(nt_context *context, const nt_instr *instr) {
    nt_block block = context->block;
    nt_layout layout = context->layout;
    if (instr->level == VALUE_ELEMENT) {
        nt_place place = nt_output_place(context, instr);
        nt_block_parts(context, instr->input, index_part, &(move_target){place.data, place.step, 8});
        context->places[instr->value] = place;
        return;
    }
    char *to = nt_row_register(context, instr->value);
    context->block.columns = 1;
    context->layout = LAYOUT_COLUMNS;
    nt_block_parts(context, instr->input, index_part, &(move_target){to, block.rows * 8, 8});
    context->block = block;
    context->layout = layout;
    context->places[instr->value] = (nt_place){to, 8, false};
}

typedef struct {
    char *to;
    int64_t step;
    uint64_t key, offset;
    bool uniform;
} random_target;

static void random_part(nt_context *context, int operand, const nt_part *part, void *argument) {
    const random_target *target = argument;
    const nt_routines *routines = context->fused->routines;
    oriented o = orient(context, part);
    uint64_t first = target->offset + (uint64_t)(context->index_offsets[operand] + part->offset);
    bool joined = o.b_step == 1 && o.a_step == o.b_count && target->step == o.b_count * 4;
    for (int64_t i = 0; i < (joined ? 1 : o.a_count); i++) {
        char *to = target->to + (o.a + i) * target->step + o.b * 4;
        uint64_t start = first + (uint64_t)(i * o.a_step);
        int64_t count = joined ? o.a_count * o.b_count : o.b_count;
        if (o.b_step == 1) {
            routines->random_run[target->uniform](to, start, target->key, count);
            continue;
        }
        for (int64_t k = 0; k < count; k++) {
            int64_t index = k * o.b_step;
            routines->random_at[target->uniform](to + k * 4, &index, target->key, start, 1);
        }
    }
}

void nt_run_random(nt_context *context, const nt_instr *instr) {
    bool row = instr->level != VALUE_ELEMENT;
    nt_place place = row ? (nt_place){nt_row_register(context, instr->value), context->block.rows * 4, false}
                         : nt_output_place(context, instr);
    random_target target = {
        place.data, place.step, *(const uint64_t *)context->places[instr->operands[1]].data,
        *(const uint64_t *)context->places[instr->operands[2]].data, instr->code == OP_RANDOM_UNIFORM};
    nt_block block = context->block;
    nt_layout layout = context->layout;
    if (row) {
        context->block.columns = 1;
        context->layout = LAYOUT_COLUMNS;
    }
    if (instr->input >= 0) {
        nt_block_parts(context, instr->input, random_part, &target);
    } else {
        nt_place index = row ? context->places[instr->operands[0]] : nt_element_place(context, instr->operands[0]);
        int64_t a = row ? 1 : context->a, b = row ? block.rows : context->b;
        for (int64_t i = 0; i < a; i++) {
            for (int64_t k = 0; k < (index.splat ? b : 1); k++) {
                context->fused->routines->random_at[target.uniform](
                    place.data + i * place.step + k * 4, (const int64_t *)(index.data + i * index.step), target.key,
                    target.offset, index.splat ? 1 : b);
            }
        }
    }
    context->block = block;
    context->layout = layout;
    context->places[instr->value] = row ? (nt_place){place.data, 4, false} : place;
}

typedef struct {
    nt_place from;
    int size;
    bool streams;
} store_source;

static void store_part(nt_context *context, int operand, const nt_part *part, void *argument) {
    const store_source *source = argument;
    const nt_routines *routines = context->fused->routines;
    oriented o = orient(context, part);
    int size = source->size;
    int64_t inner = source->from.splat ? 0 : size;
    const char *from = source->from.data + o.a * source->from.step + o.b * inner;
    char *to = context->operands[operand] + part->offset * size;
    if (source->streams && o.b_step == 1 && !source->from.splat) {
        bool joined = o.a_step == o.b_count && source->from.step == o.b_count * size;
        if (joined) return routines->stream(to, from, o.a_count * o.b_count * size);
        for (int64_t i = 0; i < o.a_count; i++) {
            routines->stream(to + i * o.a_step * size, from + i * source->from.step, o.b_count * size);
        }
        return;
    }
    routines->move[nt_log_size(size)](
        to, o.a_step, o.b_step, from, source->from.step / size, inner / size, o.a_count, o.b_count);
}

// The place's values in the 16-bit type that is stored.
static nt_place narrowed(nt_context *context, nt_place place, nt_dtype dtype) {
    nt_place dense = nt_dense_place(context, place, 4, 0);
    char *to = context->temporaries[1];
    context->fused->routines->narrow[dtype == NT_BF16](to, dense.data, NULL, NULL, context->a * context->b);
    return (nt_place){to, context->b * 2, false};
}

void nt_store_elements(nt_context *context, int output) {
    const nt_fused *fused = context->fused;
    int operand = fused->description.input_count + output;
    nt_dtype dtype = fused->accesses[operand].dtype;
    nt_place place = nt_element_place(context, fused->values[fused->output_steps[output]].source);
    if (nt_is_16_bit(dtype)) place = narrowed(context, place, dtype);
    store_source source = {place, operand_size(context, operand), (context->streamed >> output) & 1};
    nt_block_parts(context, operand, store_part, &source);
}

void nt_store_rows(nt_context *context, int output, int64_t rows) {
    const nt_fused *fused = context->fused;
    int operand = fused->description.input_count + output;
    nt_dtype dtype = fused->accesses[operand].dtype;
    nt_place place = context->places[fused->values[fused->output_steps[output]].source];
    nt_layout layout = context->layout;
    nt_block block = context->block;
    int64_t a = context->a, b = context->b;
    context->layout = LAYOUT_COLUMNS;
    context->block.columns = 1;
    context->a = 1;
    context->b = rows;
    if (nt_is_16_bit(dtype)) place = narrowed(context, place, dtype);
    nt_block_parts(context, operand, store_part, &(store_source){place, operand_size(context, operand), false});
    context->layout = layout;
    context->block = block;
    context->a = a;
    context->b = b;
}
