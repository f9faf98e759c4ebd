// From a description to values: their types, levels, passes, and which steps others swallow.

#include "fused_internal.h"

#include <stdlib.h>
#include <string.h>

nt_ctype nt_ctype_of(nt_dtype dtype) {
#define COMPUTED(NUMBER, NAME, CTYPE, BYTES) [NUMBER] = CTYPE,
    static const nt_ctype table[] = {NT_DTYPES(COMPUTED)};
    return table[dtype];
}

int nt_ctype_size(nt_ctype ctype) {
    static const int table[CT_COUNT] = {
        [CT_BOOL] = 1, [CT_U8] = 1, [CT_I32] = 4, [CT_I64] = 8, [CT_F32] = 4, [CT_F64] = 8};
    return table[ctype];
}

int nt_dtype_size(nt_dtype dtype) {
#define SIZED(NUMBER, NAME, CTYPE, BYTES) [NUMBER] = BYTES,
    static const int table[] = {NT_DTYPES(SIZED)};
    return table[dtype];
}

static bool inner_constant(const nt_fused *fused, int operand) {
    const nt_space *space = &fused->space;
    for (int d = 0; d < space->inner_rank; d++) {
        if (space->walks[operand].inner[d] != 0 && (fused->boxes || space->inner[d] != 1)) return false;
    }
    return true;
}

// The number of a scalar's value: a slot read as two types is two values.
static int scalar_value(nt_fused *fused, int slot, nt_ctype ctype) {
    int first = fused->description.step_count;
    for (int i = 0; i < fused->scalar_count; i++) {
        if (fused->scalars[i].slot == slot && fused->scalars[i].ctype == ctype) return first + i;
    }
    int number = fused->scalar_count++;
    fused->scalars[number] = (nt_scalar){slot, ctype};
    fused->values[first + number] = (nt_value){
        .level = VALUE_SCALAR, .ctype = ctype, .size = nt_ctype_size(ctype), .source = first + number};
    return first + number;
}

// The type that a scalar operand is read in: FusedProgram.operandType(of:at:).
static nt_ctype operand_type(const nt_fused *fused, const nt_step *step, int position) {
    if (step->kind != NT_STEP_POINTWISE) return nt_ctype_of(step->dtype);
    nt_rule rule = nt_rule_of(step->code);
    if (rule == RULE_random) return CT_I64;
    if (rule == RULE_selection && position == 0) return CT_BOOL;
    bool compares = rule == RULE_comparison;
    for (int i = 0; compares && i < step->operand_count; i++) {
        if (step->operands[i] >= 0) return fused->values[step->operands[i]].ctype;
    }
    return nt_ctype_of(step->dtype);
}

// Turns scalar operands into value numbers and follows renamings. False where an operand is not an earlier step.
static bool resolve_operands(nt_fused *fused, int s) {
    nt_step *step = &fused->steps[s];
    for (int i = 0; i < step->operand_count; i++) {
        int operand = step->operands[i];
        if (operand >= s || -1 - operand >= fused->description.scalar_count) return false;
        step->operands[i] = operand < 0 ? scalar_value(fused, -1 - operand, operand_type(fused, step, i))
                                        : fused->values[operand].source;
    }
    return true;
}

static bool operands_are_uniform(const nt_fused *fused, const nt_step *step) {
    for (int i = 0; i < step->operand_count; i++) {
        if (fused->values[step->operands[i]].level == VALUE_ELEMENT) return false;
    }
    return true;
}

// The level that a step is computed at: a step declared for elements whose operands do not vary along the columns is
// computed once a row.
static nt_value_level level_of(const nt_fused *fused, const nt_step *step) {
    if (step->level == NT_LEVEL_TOTAL) return VALUE_TOTAL;
    if (step->level == NT_LEVEL_ROW) return VALUE_ROW;
    bool reads = step->kind == NT_STEP_LOAD || step->kind == NT_STEP_GATHER || step->kind == NT_STEP_INDEX;
    if (reads && !inner_constant(fused, step->code)) return VALUE_ELEMENT;
    return operands_are_uniform(fused, step) ? VALUE_ROW : VALUE_ELEMENT;
}

// The value that a step only renames: identities, fills, and casts between types that compute alike.
static int renamed(const nt_fused *fused, const nt_step *step) {
    if (step->kind == NT_STEP_FILL) return step->operands[0];
    if (step->kind != NT_STEP_POINTWISE || (step->code != OP_IDENTITY && step->code != OP_CAST)) return -1;
    const nt_value *from = &fused->values[step->operands[0]];
    if (from->ctype != nt_ctype_of(step->dtype)) return -1;
    // A scalar has no dtype of its own: it is as wide as it is computed.
    bool rounds = step->code == OP_CAST && nt_is_16_bit(step->dtype)
        && (from->level == VALUE_SCALAR || (nt_dtype)from->dtype != (nt_dtype)step->dtype);
    return rounds ? -1 : step->operands[0];
}

static int pass_of(const nt_fused *fused, const nt_step *step) {
    int pass = 0;
    for (int i = 0; i < step->operand_count; i++) {
        int operand = fused->values[step->operands[i]].pass;
        if (operand > pass) pass = operand;
    }
    return step->kind == NT_STEP_REDUCE && step->level == NT_LEVEL_ROW ? pass + 1 : pass;
}

static bool compile_value(nt_fused *fused, int s) {
    if (!resolve_operands(fused, s)) return false;
    const nt_step *step = &fused->steps[s];
    bool reads = step->kind == NT_STEP_LOAD || step->kind == NT_STEP_GATHER || step->kind == NT_STEP_INDEX;
    if (reads && (step->code < 0 || step->code >= fused->description.input_count)) return false;
    nt_value *value = &fused->values[s];
    nt_ctype ctype = nt_ctype_of(step->dtype);
    *value = (nt_value){.level = level_of(fused, step), .ctype = ctype, .size = nt_ctype_size(ctype),
                        .dtype = step->dtype, .source = s};
    int source = renamed(fused, step);
    if (source >= 0) {
        value->source = source;
        value->skipped = true;
        return true;
    }
    value->pass = pass_of(fused, step);
    return true;
}

static void count_uses(nt_fused *fused) {
    for (int s = 0; s < fused->description.step_count; s++) {
        if (fused->values[s].skipped) continue;
        const nt_step *step = &fused->steps[s];
        for (int i = 0; i < step->operand_count; i++) fused->values[step->operands[i]].uses++;
    }
    for (int o = 0; o < fused->description.output_count; o++) {
        fused->values[fused->values[fused->output_steps[o]].source].uses++;
    }
}

// Whether `value` is a product that only `step` uses and that a fused multiply-add can take in.
static bool is_private_product(const nt_fused *fused, int value, const nt_step *step, nt_value_level level) {
    if (value >= fused->description.step_count || fused->values[value].uses != 1) return false;
    const nt_step *product = &fused->steps[value];
    if (product->kind != NT_STEP_POINTWISE || product->code != OP_MULTIPLY) return false;
    if (fused->values[value].skipped) return false;
    nt_ctype ctype = nt_ctype_of(step->dtype);
    if ((ctype != CT_F32 && ctype != CT_F64) || product->dtype != step->dtype) return false;
    bool moving = fused->values[product->operands[0]].level == VALUE_ELEMENT
        || fused->values[product->operands[1]].level == VALUE_ELEMENT;
    return fused->values[value].level == level && (level != VALUE_ELEMENT || moving);
}

// x * y + z in one step: a pass over the registers less.
static void fuse_products(nt_fused *fused, int s) {
    nt_step *step = &fused->steps[s];
    if (fused->values[s].skipped || step->kind != NT_STEP_POINTWISE) return;
    if (step->code != OP_ADD && step->code != OP_SUBTRACT) return;
    for (int i = 0; i < 2; i++) {
        int product = step->operands[i], other = step->operands[1 - i];
        if (product == other || !is_private_product(fused, product, step, fused->values[s].level)) continue;
        int x = fused->steps[product].operands[0], y = fused->steps[product].operands[1];
        bool swaps = fused->values[x].level != VALUE_ELEMENT;
        fused->values[product].skipped = true;
        step->code = step->code == OP_ADD ? OP_FMA : i == 0 ? OP_FMS : OP_FNMA;
        step->operand_count = 3;
        step->operands[0] = swaps ? y : x;
        step->operands[1] = swaps ? x : y;
        step->operands[2] = other;
        return;
    }
}

// An index that only random numbers use never becomes memory: they count it themselves.
static void fuse_random_indices(nt_fused *fused) {
    int count = fused->description.step_count;
    for (int v = 0; v < count; v++) {
        if (fused->steps[v].kind != NT_STEP_INDEX || fused->values[v].skipped) continue;
        int private_uses = 0;
        for (int s = v + 1; s < count; s++) {
            const nt_step *step = &fused->steps[s];
            bool random = step->kind == NT_STEP_POINTWISE && nt_rule_of(step->code) == RULE_random;
            if (random && !fused->values[s].skipped && step->operands[0] == v
                && fused->values[s].level == fused->values[v].level) private_uses++;
        }
        if (private_uses == fused->values[v].uses && private_uses > 0) fused->values[v].skipped = true;
    }
}

bool nt_compile_values(nt_fused *fused) {
    int count = fused->description.step_count;
    for (int s = 0; s < count; s++) {
        if (!compile_value(fused, s)) return false;
    }
    count_uses(fused);
    for (int s = 0; s < count; s++) fuse_products(fused, s);
    fuse_random_indices(fused);
    for (int s = 0; s < count; s++) {
        if (fused->values[s].level == VALUE_TOTAL) fused->has_totals = true;
        if (fused->values[s].level == VALUE_ELEMENT && fused->values[s].pass + 1 > fused->passes) {
            fused->passes = fused->values[s].pass + 1;
        }
        bool reduces = fused->steps[s].kind == NT_STEP_REDUCE && fused->values[s].level == VALUE_ROW;
        if (reduces && fused->values[s].pass > fused->passes) fused->passes = fused->values[s].pass;
    }
    // Elements are stored in the last pass, also those that do not vary along their row: their value has to be known by
    // then.
    for (int o = 0; o < fused->description.output_count; o++) {
        const nt_value *value = &fused->values[fused->values[fused->output_steps[o]].source];
        bool stores_elements = fused->steps[fused->output_steps[o]].level == NT_LEVEL_ELEMENT;
        if (stores_elements && value->level == VALUE_ROW && value->pass + 1 > fused->passes) {
            fused->passes = value->pass + 1;
        }
    }
    return true;
}
