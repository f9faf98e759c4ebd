/// What C and Swift number alike, by name: compared when the CPU is opened, since the numbers alone cross between them.
#pragma once

#include <stdint.h>

/// The tables of which Swift passes raw values.
typedef enum {
    nt_names_pointwise,
    nt_names_reductions,
    nt_names_dtypes,
    nt_names_levels,
    nt_names_convolutions,
    nt_names_poolings,
} nt_name_table;

/// The row of a table by its number, as `name rule arity` (pointwise), `name result` (reductions), `name bytes`
/// (dtypes) or the name alone; null behind the last one.
const char *nt_name(nt_name_table table, int32_t number);
