#ifndef NT_FUSED_INTERNAL_H
#define NT_FUSED_INTERNAL_H

#include "nt_fused.h"
#include "routines.h"

#include <stdbool.h>
#include <stddef.h>

// How an operand steps over the rows (outer dimensions) and columns (inner dimensions) of a space, in elements.
typedef struct {
    int64_t outer[NT_MAX_RANK], inner[NT_MAX_RANK];
    // Where flattening the dimensions leaves one step: that step.
    int64_t row_step, column_step;
    bool rows_uniform, columns_uniform;
} nt_walk;

// The iteration space: rows are all outer places, columns all inner ones. A pointwise program's innermost dimension is
// its columns.
typedef struct {
    int outer_rank, inner_rank;
    int64_t outer[NT_MAX_RANK], inner[NT_MAX_RANK];
    int64_t rows, columns;
    nt_walk *walks;
} nt_space;

// Rows and columns that are worked on at once.
typedef struct {
    int64_t row, rows, column, columns;
    // Coordinates of the first row and column.
    int64_t row_at[NT_MAX_RANK], column_at[NT_MAX_RANK];
    // Whether the rows (columns) stay within one run of the last outer (inner) dimension.
    bool one_row_run, one_column_run;
} nt_block;

// A block's values lie as `a` vectors of `b` elements: rows of columns, or, in column layout, columns of rows.
typedef enum { LAYOUT_ROWS, LAYOUT_COLUMNS } nt_layout;

// Where a value is during a block: vector i starts `step * i` bytes from `data`; a splat is one element per vector.
typedef struct {
    char *data;
    int64_t step;
    bool splat;
} nt_place;

typedef enum { VALUE_ELEMENT, VALUE_ROW, VALUE_TOTAL, VALUE_SCALAR } nt_value_level;

typedef struct {
    nt_value_level level;
    nt_ctype ctype;
    int size;
    // The type in memory where the value is loaded or stored.
    nt_dtype dtype;
    // The pass (see nt_fused) before which an element value can be computed and after which a row value is known.
    int pass;
    // The value that this step only renames, or itself.
    int source;
    // Steps and outputs that use the value.
    int uses;
    // Swallowed by another step (a product in a fused multiply-add, an index in a random number).
    bool skipped;
} nt_value;

typedef enum { INSTR_LOAD, INSTR_GATHER, INSTR_INDEX, INSTR_OP, INSTR_RANDOM, INSTR_REDUCE } nt_instr_kind;

typedef struct {
    uint8_t kind, level, ctype, size, operand_count;
    uint8_t operand_size[3];
    int16_t value, operands[3];
    // The operand read (load, gather, index, or a random number's index); -1 for none.
    int16_t input;
    // The output that this instruction may write straight to memory; -1 for none.
    int16_t direct;
    // A pointwise operation's or reduction's number.
    int16_t code;
    // The register's place, in bytes for each element of the block; of a reduction, its number.
    int32_t register_units;
    const nt_op *forms;
} nt_instr;

typedef struct {
    int count;
    nt_instr *list;
    int32_t register_units;
    // For each operand, the last instruction that may read its memory.
    int16_t last_read[NT_MAX_OPERANDS];
    // For each output, the instruction that makes its value.
    int16_t made_at[NT_MAX_OPERANDS];
    // Inputs that outputs store as they are.
    uint64_t stored_inputs;
} nt_code;

typedef struct {
    int slot;
    nt_ctype ctype;
} nt_scalar;

// A program without reductions has only `whole`. With reductions, a row that fits a block runs `whole` too; a longer
// one runs passes: row_code[p], then element_code[p] over all chunks of columns, then row_code[p + 1], and so on.
struct nt_fused {
    const nt_routines *routines;
    nt_fused_description description;
    nt_access *accesses;
    nt_step *steps;
    int32_t *output_steps;
    int operand_count;
    nt_value *values;
    nt_scalar *scalars;
    int scalar_count;
    nt_space space;
    nt_layout layout;
    bool boxes, reduces, has_totals, tiled;
    int passes, row_reductions, total_reduction_count;
    nt_code whole;
    nt_code *row_code, *element_code;
    nt_code total_code;
    // Reductions of rows to totals, in step order.
    nt_code total_reductions;
    double element_cost;
    nt_memory memory;
};

// Everything one thread needs while it runs blocks.
typedef struct {
    const nt_fused *fused;
    const nt_space *space;
    char *const *operands;
    const int64_t *index_offsets;
    nt_layout layout;
    nt_block block;
    int64_t a, b;
    nt_place *places;
    // Element registers hold `capacity` elements, row registers `row_capacity` 8-byte slots, of which this block's
    // start at `row_origin`.
    char *registers;
    int64_t capacity;
    char *row_registers;
    int64_t row_capacity, row_origin;
    // For each reduction values, then (argmax, argmin) indices, in row_capacity slots each.
    char *accumulators;
    char *temporaries[3];
    // Outputs that may not be written before the end of the block, and those that are copied past the cache.
    uint64_t deferred, streamed;
    // Inputs that are read into registers, as an output is written over them before another one stores them.
    uint64_t overwritten;
    // Outputs that an instruction has written in this block.
    uint64_t written;
    // Whether reductions start anew in each block, and whether row loads must go to registers.
    bool starts_reductions, keeps_rows;
    // Whether the program only loads and reduces: what lies in parts is folded where it lies, and its load has no place.
    bool folds_parts;
    // What the next block reads first, fetched a part before each instruction of this one.
    const char *ahead;
    int64_t ahead_bytes;
} nt_context;

// fused_space.c
void nt_space_make(nt_fused *fused);
// The part [begin, end) of a boxes program's space; `bases` gets the operands' offsets of its first element.
void nt_space_box(const nt_fused *fused, const int64_t *begin, const int64_t *end, nt_space *space, int64_t *bases);
void nt_block_set(nt_context *context, int64_t row, int64_t rows, int64_t column, int64_t columns);
int64_t nt_block_offset(const nt_context *context, int operand);

// A part of a block in which an operand has one row step and one column step.
typedef struct {
    int64_t row, rows, column, columns;
    int64_t offset, row_step, column_step;
} nt_part;
typedef void (*nt_part_body)(nt_context *context, int operand, const nt_part *part, void *argument);
// Whether the whole block is one part for `operand`; if so, describes it.
bool nt_block_regular(const nt_context *context, int operand, nt_part *part);
void nt_block_parts(nt_context *context, int operand, nt_part_body body, void *argument);

// fused_compile.c, fused_code.c
bool nt_compile_values(nt_fused *fused);
// The first step that would call through a hole of the routines' tables; -1 where there is none.
int nt_step_without_routine(const nt_fused *fused);
void nt_compile_codes(nt_fused *fused);
nt_ctype nt_ctype_of(nt_dtype dtype);
int nt_ctype_size(nt_ctype ctype);
int nt_dtype_size(nt_dtype dtype);
static inline bool nt_is_16_bit(nt_dtype dtype) { return dtype == NT_F16 || dtype == NT_BF16; }
static inline int nt_log_size(int size) { return size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3; }

// fused_operand.c
void nt_run_load(nt_context *context, const nt_instr *instr);
void nt_run_gather(nt_context *context, const nt_instr *instr);
void nt_run_index(nt_context *context, const nt_instr *instr);
void nt_run_random(nt_context *context, const nt_instr *instr);
void nt_store_elements(nt_context *context, int output);
void nt_store_rows(nt_context *context, int output, int64_t rows);

// fused_block.c
void nt_run_code(nt_context *context, const nt_code *code);
// Stores the element outputs that no instruction has written.
void nt_finish_block(nt_context *context);
// Where an element instruction reads `value`.
nt_place nt_element_place(const nt_context *context, int value);
// The same as dense vectors, copied to temporary `slot` where it is not.
nt_place nt_dense_place(nt_context *context, nt_place place, int size, int slot);
nt_place nt_output_place(nt_context *context, const nt_instr *instr);
char *nt_row_register(const nt_context *context, int value);
// Where a reduction accumulates for the block's rows; index is NULL but for argmax and argmin.
void nt_accumulator(const nt_context *context, const nt_instr *instr, char **values, int64_t **index);
void nt_start_reductions(nt_context *context, const nt_code *code);
// Makes the accumulated values the step's value.
void nt_place_reduction(nt_context *context, const nt_instr *instr);
void nt_fill_identity(nt_reduction reduction, nt_ctype ctype, void *to, int64_t *index, int64_t n);
void nt_set_scalars(nt_context *context, const uint64_t *scalars, uint64_t *storage);
// Finds the outputs and inputs that share memory: `deferred` and `overwritten`.
void nt_find_shared_memory(nt_context *context, const nt_code *code);
// Outputs too large to stay in the cache, unless they overwrite an input, whose lines are there already.
uint64_t nt_streamed_outputs(const nt_fused *fused, const nt_space *space, char *const *operands);

// fused_memory.c
// How much memory a worker needs, and its parts, once the block's shape is known.
typedef struct {
    int64_t capacity, row_capacity;
    int32_t register_units;
} nt_needs;
size_t nt_context_bytes(const nt_fused *fused, nt_needs needs);
// Lays a context's registers and places out in `memory`.
void nt_context_layout(nt_context *context, nt_needs needs, char *memory);
// Elements of a block such that its registers stay in the first-level cache.
int64_t nt_block_elements(int32_t register_units);
// Whether `operand` of a pointwise program is an element operand that steps unevenly over the rows.
bool nt_rows_irregular(const nt_fused *fused, const nt_space *space);

// A space cut into blocks of at most `rows` x `columns`, which do not cross `run` rows.
typedef struct {
    int64_t rows, columns, run;
    int64_t blocks_per_run, row_blocks, column_blocks;
} nt_grid;
nt_grid nt_grid_make(const nt_fused *fused, const nt_space *space, int64_t rows, int64_t columns);
void nt_grid_rows(const nt_grid *grid, int64_t block, int64_t *row, int64_t *rows);

// fused_rows.c
void nt_run_rows(
    const nt_fused *fused, char *const *operands, const int64_t *index_offsets, const uint64_t *scalars,
    const nt_workers *workers);
nt_memory nt_rows_memory(const nt_fused *fused);

#endif
