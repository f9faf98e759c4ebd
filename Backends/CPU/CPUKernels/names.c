/// The names of what is numbered, made from the lists that make the numbers.

#include "include/nt_convolution.h"
#include "include/nt_names.h"
#include "include/nt_pooling.h"
#include "routines.h"

// Each list is handed over as it stands, not through a second macro: `bool` is one itself.
#define NT_POINTWISE_NAME(NUMBER, NAME, RULE, ARITY, ROUTINE) [NUMBER] = #NAME " " #RULE " " #ARITY,
#define NT_REDUCTION_NAME(NUMBER, NAME, RESULT) [NUMBER] = #NAME " " #RESULT,
#define NT_DTYPE_NAME(NUMBER, NAME, CTYPE, BYTES) [NUMBER] = #NAME " " #BYTES,
#define NT_PLAIN_NAME(NUMBER, NAME) [NUMBER] = #NAME,

static const char *const nt_pointwise_list[] = {NT_POINTWISE(NT_POINTWISE_NAME)};
static const char *const nt_reduction_list[] = {NT_REDUCTIONS(NT_REDUCTION_NAME)};
static const char *const nt_dtype_list[] = {NT_DTYPES(NT_DTYPE_NAME)};
static const char *const nt_level_list[] = {NT_LEVELS(NT_PLAIN_NAME)};
static const char *const nt_convolution_list[] = {NT_CONVOLUTION_KINDS(NT_PLAIN_NAME)};
static const char *const nt_pooling_list[] = {NT_POOLING_KINDS(NT_PLAIN_NAME)};

#define NT_ENTRY(LIST) return number >= 0 && number < (int32_t)(sizeof LIST / sizeof *LIST) ? LIST[number] : NULL

const char *nt_name(nt_name_table table, int32_t number) {
    switch (table) {
    case nt_names_pointwise: NT_ENTRY(nt_pointwise_list);
    case nt_names_reductions: NT_ENTRY(nt_reduction_list);
    case nt_names_dtypes: NT_ENTRY(nt_dtype_list);
    case nt_names_levels: NT_ENTRY(nt_level_list);
    case nt_names_convolutions: NT_ENTRY(nt_convolution_list);
    case nt_names_poolings: NT_ENTRY(nt_pooling_list);
    }
    return NULL;
}

nt_rule nt_rule_of(int32_t operation) {
#define NT_RULE(NUMBER, NAME, RULE, ARITY, ROUTINE) [NUMBER] = RULE_##RULE,
    static const nt_rule rules[] = {NT_POINTWISE(NT_RULE)};
    return operation >= 0 && operation < (int32_t)(sizeof rules / sizeof *rules) ? rules[operation] : RULE_same;
}

bool nt_yields_index(int32_t reduction) {
    enum { NT_YIELDS_value, NT_YIELDS_index };
#define NT_YIELDS(NUMBER, NAME, RESULT) [NUMBER] = NT_YIELDS_##RESULT,
    static const uint8_t yields[] = {NT_REDUCTIONS(NT_YIELDS)};
    return reduction >= 0 && reduction < RED_COUNT && yields[reduction] == NT_YIELDS_index;
}
