// From values to code: which steps run in which pass, in which registers.

#include "fused_internal.h"

#include <stdlib.h>
#include <string.h>

typedef bool (*step_filter)(const nt_fused *fused, int s, int pass, const bool *needed);

static bool is_row_reduction(const nt_fused *fused, int s) {
    return fused->steps[s].kind == NT_STEP_REDUCE && fused->values[s].level == VALUE_ROW;
}

static bool is_total_reduction(const nt_fused *fused, int s) {
    const nt_step *step = &fused->steps[s];
    return step->kind == NT_STEP_REDUCE && fused->values[s].level == VALUE_TOTAL
        && fused->values[step->operands[0]].level != VALUE_TOTAL;
}

static bool in_whole(const nt_fused *fused, int s, int pass, const bool *needed) {
    (void)pass, (void)needed;
    return fused->values[s].level != VALUE_TOTAL;
}

static bool in_row_pass(const nt_fused *fused, int s, int pass, const bool *needed) {
    (void)needed;
    return fused->values[s].level == VALUE_ROW && !is_row_reduction(fused, s) && fused->values[s].pass == pass;
}

static bool in_element_pass(const nt_fused *fused, int s, int pass, const bool *needed) {
    if (is_row_reduction(fused, s)) return fused->values[s].pass == pass + 1;
    return fused->values[s].level == VALUE_ELEMENT && needed[s];
}

static bool in_totals(const nt_fused *fused, int s, int pass, const bool *needed) {
    (void)pass, (void)needed;
    return fused->values[s].level == VALUE_TOTAL && !is_total_reduction(fused, s);
}

static bool in_total_reductions(const nt_fused *fused, int s, int pass, const bool *needed) {
    (void)pass, (void)needed;
    return is_total_reduction(fused, s);
}

static bool is_element_output(const nt_fused *fused, int output) {
    return fused->steps[fused->output_steps[output]].level == NT_LEVEL_ELEMENT;
}

// The element values that a pass computes: what its reductions and, in the last pass, the outputs depend on.
static void mark_needed(const nt_fused *fused, int pass, bool *needed) {
    int count = fused->description.step_count;
    memset(needed, 0, (size_t)count * sizeof(bool));
    for (int o = 0; pass == fused->passes - 1 && o < fused->description.output_count; o++) {
        int value = fused->values[fused->output_steps[o]].source;
        if (is_element_output(fused, o) && value < count) needed[value] = true;
    }
    for (int s = count - 1; s >= 0; s--) {
        if (fused->values[s].skipped && !needed[s]) continue;
        bool reduces = is_row_reduction(fused, s) && fused->values[s].pass == pass + 1;
        if (!reduces && !(needed[s] && fused->values[s].level == VALUE_ELEMENT)) continue;
        for (int i = 0; i < fused->steps[s].operand_count; i++) {
            int operand = fused->steps[s].operands[i];
            if (operand < count) needed[operand] = true;
        }
    }
}

static bool reads_memory(const nt_instr *instr) { return instr->kind == INSTR_LOAD || instr->kind == INSTR_GATHER; }

// The routine of a pointwise step in its forms; NULL is where there is none.
static const nt_op *routine_forms(const nt_fused *fused, int s) {
    const nt_routines *routines = fused->routines;
    const nt_step *step = &fused->steps[s];
    nt_ctype from = fused->values[step->operands[0]].ctype, to = fused->values[s].ctype;
    if (step->code == OP_CAST) {
        return from == to && nt_is_16_bit(step->dtype) ? &routines->round_to[step->dtype == NT_BF16]
                                                       : &routines->cast[from][to];
    }
    bool compares = nt_rule_of(step->code) == RULE_comparison;
    return routines->pointwise[step->code][compares ? from : to];
}

// Whether there is a routine in each form that may be called (choose_form). Casts have the first alone.
static bool has_forms(const nt_fused *fused, int s) {
    const nt_step *step = &fused->steps[s];
    if (step->code < 0 || step->code >= OP_COUNT) return false;
    const nt_op *forms = routine_forms(fused, s);
    int count = step->operand_count == 1 ? 1 : step->operand_count == 2 ? 3 : FORM_COUNT;
    for (int form = 0; form < count; form++) {
        if (!forms[form]) return false;
    }
    return true;
}

static bool has_folds(const nt_fused *fused, int s) {
    const nt_step *step = &fused->steps[s];
    if (step->code < 0 || step->code >= RED_COUNT) return false;
    const nt_routines *routines = fused->routines;
    nt_ctype ctype = fused->values[step->operands[0]].ctype;
    return routines->fold[step->code][ctype] && routines->fold_rows[step->code][ctype]
        && routines->merge[step->code][ctype];
}

static nt_instr make_instr(const nt_fused *fused, int s) {
    const nt_step *step = &fused->steps[s];
    const nt_value *value = &fused->values[s];
    nt_instr instr = {
        .level = (uint8_t)value->level, .ctype = (uint8_t)value->ctype, .size = (uint8_t)value->size,
        .operand_count = (uint8_t)step->operand_count, .value = (int16_t)s, .input = -1, .direct = -1,
        .code = (int16_t)step->code, .register_units = -1};
    for (int i = 0; i < step->operand_count; i++) {
        instr.operands[i] = (int16_t)step->operands[i];
        instr.operand_size[i] = (uint8_t)fused->values[step->operands[i]].size;
    }
    if (step->kind == NT_STEP_LOAD || step->kind == NT_STEP_GATHER || step->kind == NT_STEP_INDEX) {
        instr.kind = step->kind == NT_STEP_LOAD     ? INSTR_LOAD
                     : step->kind == NT_STEP_GATHER ? INSTR_GATHER
                                                    : INSTR_INDEX;
        instr.input = (int16_t)step->code;
    } else if (step->kind == NT_STEP_REDUCE) {
        instr.kind = INSTR_REDUCE;
    } else if (step->code == OP_RANDOM_BITS || step->code == OP_RANDOM_UNIFORM) {
        instr.kind = INSTR_RANDOM;
        int index = step->operands[0];
        if (index < fused->description.step_count && fused->steps[index].kind == NT_STEP_INDEX
            && fused->values[index].skipped) instr.input = (int16_t)fused->steps[index].code;
    } else {
        instr.kind = INSTR_OP;
        instr.forms = routine_forms(fused, s);
    }
    return instr;
}

int nt_step_without_routine(const nt_fused *fused) {
    for (int s = 0; s < fused->description.step_count; s++) {
        const nt_step *step = &fused->steps[s];
        if (fused->values[s].skipped) continue;
        if (step->kind == NT_STEP_REDUCE) {
            if (!has_folds(fused, s)) return s;
        } else if (step->kind == NT_STEP_POINTWISE && step->code != OP_RANDOM_BITS && step->code != OP_RANDOM_UNIFORM) {
            if (!has_forms(fused, s)) return s;
        } else if (step->kind == NT_STEP_GATHER) {
            // The gathers' table has a routine for int32 and one for int64.
            nt_ctype index = fused->values[step->operands[0]].ctype;
            if (index != CT_I32 && index != CT_I64) return s;
        }
    }
    return -1;
}

// The last instruction that uses each value; outputs keep theirs to the end.
static void find_last_uses(const nt_fused *fused, const nt_code *code, int *last) {
    for (int v = 0; v < fused->description.step_count + fused->scalar_count; v++) last[v] = -1;
    for (int i = 0; i < code->count; i++) {
        for (int k = 0; k < code->list[i].operand_count; k++) last[code->list[i].operands[k]] = i;
    }
    for (int o = 0; o < fused->description.output_count; o++) {
        if (is_element_output(fused, o)) last[fused->values[fused->output_steps[o]].source] = code->count;
    }
}

// Gives every element value a register, reusing those of the same element size whose values are dead.
static void assign_registers(nt_code *code, const int *last) {
    int slots = 0, size[code->count + 1], busy_until[code->count + 1], units[code->count + 1];
    for (int i = 0; i < code->count; i++) {
        nt_instr *instr = &code->list[i];
        if (instr->level != VALUE_ELEMENT) continue;
        // An instruction may write over an operand that it is the last to read, but for those that may read an operand
        // behind what they have written.
        bool overlaps = instr->kind == INSTR_GATHER || instr->kind == INSTR_RANDOM;
        int slot = 0;
        while (slot < slots && !(size[slot] == instr->size && busy_until[slot] <= (overlaps ? i - 1 : i))) slot++;
        if (slot == slots) {
            size[slot] = instr->size;
            units[slot] = code->register_units;
            code->register_units += instr->size;
            slots++;
        }
        instr->register_units = units[slot];
        busy_until[slot] = last[instr->value] < 0 ? i : last[instr->value];
    }
}

// For the check that no output is written over an input that is still to be read.
static void find_memory_order(const nt_fused *fused, nt_code *code, const int *last) {
    for (int o = 0; o < fused->operand_count; o++) code->last_read[o] = code->made_at[o] = -1;
    for (int i = 0; i < code->count; i++) {
        const nt_instr *instr = &code->list[i];
        if (!reads_memory(instr)) continue;
        int until = last[instr->value] > i ? last[instr->value] : i;
        if (until == code->count) code->stored_inputs |= (uint64_t)1 << instr->input;
        if (until > code->last_read[instr->input]) code->last_read[instr->input] = (int16_t)until;
    }
    for (int o = 0; o < fused->description.output_count; o++) {
        int step = fused->output_steps[o], value = fused->values[step].source;
        if (!is_element_output(fused, o)) continue;
        for (int i = 0; i < code->count; i++) {
            nt_instr *instr = &code->list[i];
            if (instr->value != value) continue;
            code->made_at[o] = (int16_t)i;
            bool writes = instr->level == VALUE_ELEMENT && !nt_is_16_bit(fused->steps[step].dtype);
            if (writes && instr->direct < 0) instr->direct = (int16_t)o;
        }
    }
}

// Reductions of each level are numbered in step order, the same in every code.
static int reduction_number(const nt_fused *fused, int step) {
    int number = 0;
    for (int s = 0; s < step; s++) {
        number += fused->steps[s].kind == NT_STEP_REDUCE && fused->values[s].level == fused->values[step].level;
    }
    return number;
}

static void compile_code(nt_fused *fused, nt_code *code, step_filter filter, int pass, const bool *needed) {
    int count = fused->description.step_count, values = count + fused->scalar_count;
    code->list = calloc((size_t)count + 1, sizeof(nt_instr));
    for (int s = 0; s < count; s++) {
        if (fused->values[s].skipped || !filter(fused, s, pass, needed)) continue;
        nt_instr instr = make_instr(fused, s);
        if (instr.kind == INSTR_REDUCE) instr.register_units = reduction_number(fused, s);
        code->list[code->count++] = instr;
    }
    int last[values + 1];
    find_last_uses(fused, code, last);
    assign_registers(code, last);
    find_memory_order(fused, code, last);
}

// Nanoseconds of one element on one thread, roughly: only the choice between one thread and several rests on it.
static double instruction_cost(const nt_instr *instr) {
    if (instr->level != VALUE_ELEMENT && instr->kind != INSTR_REDUCE) return 0;
    switch (instr->kind) {
    case INSTR_LOAD: return 0.03 * instr->size;
    case INSTR_GATHER: return 0.5;
    case INSTR_RANDOM: return 1;
    case INSTR_OP: break;
    default: return 0.1;
    }
    bool transcendental = (instr->code >= OP_EXP && instr->code <= OP_ERF) || instr->code == OP_POWER;
    if (instr->ctype == CT_F64) return transcendental ? 10 : 0.2;
    return instr->code == OP_POWER ? 3 : transcendental ? 0.7 : instr->code == OP_REMAINDER ? 1 : 0.06;
}

static double cost_of(const nt_code *code) {
    double cost = 0;
    for (int i = 0; i < code->count; i++) cost += instruction_cost(&code->list[i]);
    return cost;
}

void nt_compile_codes(nt_fused *fused) {
    int count = fused->description.step_count;
    for (int s = 0; s < count; s++) {
        if (fused->steps[s].kind != NT_STEP_REDUCE) continue;
        fused->row_reductions += fused->values[s].level == VALUE_ROW;
        fused->total_reduction_count += fused->values[s].level == VALUE_TOTAL;
    }
    compile_code(fused, &fused->whole, in_whole, 0, NULL);
    fused->element_cost = cost_of(&fused->whole) + 0.03 * 4 * fused->description.output_count;
    if (!fused->reduces) return;
    if (fused->passes < 1) fused->passes = 1;
    fused->row_code = calloc((size_t)fused->passes + 1, sizeof(nt_code));
    fused->element_code = calloc((size_t)fused->passes, sizeof(nt_code));
    bool needed[count + 1];
    for (int pass = 0; pass < fused->passes; pass++) {
        mark_needed(fused, pass, needed);
        compile_code(fused, &fused->element_code[pass], in_element_pass, pass, needed);
    }
    for (int pass = 0; pass <= fused->passes; pass++) {
        compile_code(fused, &fused->row_code[pass], in_row_pass, pass, NULL);
    }
    compile_code(fused, &fused->total_code, in_totals, 0, NULL);
    compile_code(fused, &fused->total_reductions, in_total_reductions, 0, NULL);
}
