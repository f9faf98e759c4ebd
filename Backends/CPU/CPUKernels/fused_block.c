// Runs code over one block: one vectorised routine per instruction.

#include "fused_internal.h"

#include <float.h>
#include <math.h>
#include <string.h>

// Below this, vectors are too short to be worth a call each: operands are made dense instead.
enum { SHORT_VECTOR = 32 };

char *nt_row_register(const nt_context *context, int value) {
    int size = context->fused->values[value].size;
    return context->row_registers + (int64_t)value * context->row_capacity * 8 + context->row_origin * size;
}

nt_place nt_element_place(const nt_context *context, int value) {
    nt_place place = context->places[value];
    nt_value_level level = context->fused->values[value].level;
    if (level == VALUE_ELEMENT || level == VALUE_SCALAR) return place;
    if (context->layout == LAYOUT_ROWS) return (nt_place){place.data, place.splat ? 0 : place.step, true};
    return (nt_place){place.data, 0, place.splat};
}

nt_place nt_dense_place(nt_context *context, nt_place place, int size, int slot) {
    int64_t width = context->b * size;
    if (!place.splat && (place.step == width || context->a == 1)) return place;
    char *to = context->temporaries[slot];
    context->fused->routines->move[nt_log_size(size)](
        to, context->b, 1, place.data, place.step / size, place.splat ? 0 : 1, context->a, context->b);
    return (nt_place){to, width, false};
}

nt_place nt_output_place(nt_context *context, const nt_instr *instr) {
    nt_part part;
    int output = instr->direct;
    if (output >= 0 && !((context->deferred | context->streamed) >> output & 1)) {
        int operand = context->fused->description.input_count + output;
        if (nt_block_regular(context, operand, &part)) {
            bool rows = context->layout == LAYOUT_ROWS;
            int64_t inner = rows ? part.column_step : part.row_step, outer = rows ? part.row_step : part.column_step;
            bool wide = context->b >= SHORT_VECTOR || outer == context->b || context->a == 1;
            if ((inner == 1 || context->b == 1) && wide) {
                context->written |= (uint64_t)1 << output;
                return (nt_place){context->operands[operand] + part.offset * instr->size, outer * instr->size, false};
            }
        }
    }
    char *data = context->registers + instr->register_units * context->capacity;
    return (nt_place){data, context->b * instr->size, false};
}

// Makes splats dense until a form of the operation fits, and returns that form.
static int choose_form(nt_context *context, const nt_instr *instr, nt_place *places) {
    int count = instr->operand_count;
    bool needs_vector = count != 2 || (places[0].splat && places[1].splat);
    if (needs_vector && places[0].splat) places[0] = nt_dense_place(context, places[0], instr->operand_size[0], 0);
    if (count == 2) return places[0].splat ? FORM_SV : places[1].splat ? FORM_VS : FORM_VV;
    return count == 3 ? places[1].splat | places[2].splat << 1 : 0;
}

static void run_operation(nt_context *context, const nt_instr *instr) {
    int count = instr->operand_count;
    int64_t a = context->a, b = context->b;
    bool row = instr->level != VALUE_ELEMENT;
    nt_place places[3];
    memset(places, 0, sizeof places);
    for (int k = 0; k < count; k++) {
        places[k] = row ? context->places[instr->operands[k]] : nt_element_place(context, instr->operands[k]);
    }
    if (row) {
        context->a = a = 1;
        context->b = b = context->block.rows;
    }
    int form = choose_form(context, instr, places);
    nt_place to = row ? (nt_place){nt_row_register(context, instr->value), instr->size, false}
                      : nt_output_place(context, instr);
    bool joined = a == 1 || to.step == b * instr->size;
    for (int k = 0; k < count && a > 1; k++) {
        bool fits = places[k].splat ? places[k].step == 0 : places[k].step == b * instr->operand_size[k];
        if (!fits && b < SHORT_VECTOR && joined) {
            places[k] = nt_dense_place(context, places[k], instr->operand_size[k], k);
            fits = true;
        }
        joined &= fits;
    }
    if (joined && b < SHORT_VECTOR) form = choose_form(context, instr, places);
    nt_op operation = instr->forms[form];
    if (joined) {
        operation(to.data, places[0].data, places[1].data, places[2].data, a * b);
    } else {
        char *p[3] = {places[0].data, places[1].data, places[2].data}, *out = to.data;
        for (int64_t i = 0; i < a; i++) {
            operation(out, p[0], p[1], p[2], b);
            out += to.step;
            for (int k = 0; k < 3; k++) p[k] += places[k].step;
        }
    }
    context->places[instr->value] = to;
}

void nt_fill_identity(nt_reduction reduction, nt_ctype ctype, void *to, int64_t *index, int64_t n) {
    bool greatest = false, least = false;
    double f = 0;
    switch (reduction) {
    case RED_SUM: break;
    case RED_PRODUCT: f = 1; break;
    case RED_MAXIMUM:
    case RED_ARGMAX: least = true, f = -INFINITY; break;
    case RED_MINIMUM:
    case RED_ARGMIN: greatest = true, f = INFINITY; break;
    case RED_COUNT: break;
    }
    int64_t low = ctype == CT_I32 ? INT32_MIN : ctype == CT_I64 ? INT64_MIN : 0;
    int64_t high = ctype == CT_BOOL ? 1 : ctype == CT_U8 ? 255 : ctype == CT_I32 ? INT32_MAX : INT64_MAX;
    int64_t k = least ? low : greatest ? high : (int64_t)f;
    for (int64_t i = 0; i < n; i++) {
        if (index) index[i] = -1;
        switch (ctype) {
        case CT_BOOL:
        case CT_U8: ((uint8_t *)to)[i] = (uint8_t)k; break;
        case CT_I32: ((int32_t *)to)[i] = (int32_t)k; break;
        case CT_I64: ((int64_t *)to)[i] = k; break;
        case CT_F32: ((float *)to)[i] = (float)f; break;
        case CT_F64: ((double *)to)[i] = f; break;
        case CT_COUNT: break;
        }
    }
}

void nt_accumulator(const nt_context *context, const nt_instr *instr, char **values, int64_t **index) {
    int64_t bytes = context->row_capacity * 8;
    char *own = context->accumulators + instr->register_units * 2 * bytes;
    *values = own + context->row_origin * instr->operand_size[0];
    *index = nt_yields_index(instr->code) ? (int64_t *)(own + bytes) + context->row_origin : NULL;
}

void nt_place_reduction(nt_context *context, const nt_instr *instr) {
    char *values;
    int64_t *index;
    nt_accumulator(context, instr, &values, &index);
    context->places[instr->value] = (nt_place){index ? (char *)index : values, instr->size, false};
}

void nt_start_reductions(nt_context *context, const nt_code *code) {
    for (int i = 0; i < code->count; i++) {
        const nt_instr *instr = &code->list[i];
        if (instr->kind != INSTR_REDUCE) continue;
        char *values;
        int64_t *index;
        nt_accumulator(context, instr, &values, &index);
        nt_ctype ctype = context->fused->values[instr->operands[0]].ctype;
        nt_fill_identity(instr->code, ctype, values, index, context->block.rows);
    }
}

typedef struct {
    nt_fold fold;
    char *values;
    int64_t *index;
    int size;
} fold_target;

// Folds a part of an input where it lies.
static void fold_part(nt_context *context, int operand, const nt_part *part, void *argument) {
    const fold_target *target = argument;
    const char *from = context->operands[operand] + part->offset * target->size;
    for (int64_t i = 0; i < part->rows; i++) {
        int64_t row = part->row + i;
        target->fold(
            target->values + row * target->size, target->index ? target->index + row : NULL,
            from + i * part->row_step * target->size, part->columns, context->block.column + part->column);
    }
}

static void run_row_reduction(nt_context *context, const nt_instr *instr) {
    const nt_routines *routines = context->fused->routines;
    nt_ctype ctype = context->fused->values[instr->operands[0]].ctype;
    int size = instr->operand_size[0];
    char *acc;
    int64_t *index;
    nt_accumulator(context, instr, &acc, &index);
    nt_place place = nt_element_place(context, instr->operands[0]);
    if (!place.data) {
        fold_target target = {routines->fold[instr->code][ctype], acc, index, size};
        nt_block_parts(context, context->fused->steps[instr->operands[0]].code, fold_part, &target);
        return nt_place_reduction(context, instr);
    }
    if (place.splat) place = nt_dense_place(context, place, size, 0);
    int64_t base = context->block.column;
    if (context->layout == LAYOUT_COLUMNS) {
        routines->fold_rows[instr->code][ctype](
            acc, index, place.data, place.step / size, context->a, context->b, base);
    } else {
        nt_fold fold = routines->fold[instr->code][ctype];
        for (int64_t i = 0; i < context->a; i++) {
            fold(acc + i * size, index ? index + i : NULL, place.data + i * place.step, context->b, base);
        }
    }
    nt_place_reduction(context, instr);
}

void nt_run_code(nt_context *context, const nt_code *code) {
    int64_t a = context->a, b = context->b;
    context->written = 0;
    if (context->starts_reductions) nt_start_reductions(context, code);
    int64_t fetched = 0;
    for (int i = 0; i < code->count; i++) {
        const nt_instr *instr = &code->list[i];
        for (int64_t end = context->ahead_bytes * (i + 1) / code->count; fetched < end; fetched += 64) {
            __builtin_prefetch(context->ahead + fetched, 0, 2);
        }
        switch ((nt_instr_kind)instr->kind) {
        case INSTR_LOAD: nt_run_load(context, instr); break;
        case INSTR_GATHER: nt_run_gather(context, instr); break;
        case INSTR_INDEX: nt_run_index(context, instr); break;
        case INSTR_RANDOM: nt_run_random(context, instr); break;
        case INSTR_REDUCE: run_row_reduction(context, instr); break;
        case INSTR_OP: run_operation(context, instr); break;
        }
        context->a = a;
        context->b = b;
    }
}

void nt_finish_block(nt_context *context) {
    const nt_fused *fused = context->fused;
    for (int output = 0; output < fused->description.output_count; output++) {
        if (context->written >> output & 1) continue;
        if (fused->steps[fused->output_steps[output]].level == NT_LEVEL_ELEMENT) nt_store_elements(context, output);
    }
}

void nt_set_scalars(nt_context *context, const uint64_t *scalars, uint64_t *storage) {
    const nt_fused *fused = context->fused;
    for (int i = 0; i < fused->scalar_count; i++) {
        nt_scalar scalar = fused->scalars[i];
        uint64_t bits = scalars[scalar.slot];
        double real;
        memcpy(&real, &bits, 8);
        float single = (float)real;
        int32_t word = (int32_t)bits;
        uint8_t byte = scalar.ctype == CT_BOOL ? bits != 0 : (uint8_t)bits;
        switch (scalar.ctype) {
        case CT_BOOL:
        case CT_U8: memcpy(&storage[i], &byte, 1); break;
        case CT_I32: memcpy(&storage[i], &word, 4); break;
        case CT_F32: memcpy(&storage[i], &single, 4); break;
        case CT_I64:
        case CT_F64: storage[i] = bits; break;
        case CT_COUNT: break;
        }
        context->places[fused->description.step_count + i] = (nt_place){(char *)&storage[i], 0, true};
    }
}

void nt_find_shared_memory(nt_context *context, const nt_code *code) {
    const nt_fused_description *description = &context->fused->description;
    char *const *operands = context->operands;
    context->deferred = context->overwritten = 0;
    for (int o = 0; o < description->output_count; o++) {
        for (int i = 0; i < description->input_count; i++) {
            if (operands[i] != operands[description->input_count + o]) continue;
            if (code->last_read[i] > code->made_at[o]) context->deferred |= (uint64_t)1 << o;
            context->overwritten |= code->stored_inputs & (uint64_t)1 << i;
        }
    }
}
