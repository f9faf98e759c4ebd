#ifndef NT_FUSED_H
#define NT_FUSED_H

#include "nt_isa.h"
#include "nt_workers.h"

#include <stdint.h>

enum { NT_MAX_RANK = 8, NT_MAX_OPERANDS = 64 };

// Every DType, in its order: number, name, the type to compute in (routines.h), bytes.
#define NT_DTYPES(X) \
    X(NT_BOOL, bool, CT_BOOL, 1) \
    X(NT_U8, uint8, CT_U8, 1) \
    X(NT_I32, int32, CT_I32, 4) \
    X(NT_I64, int64, CT_I64, 8) \
    X(NT_F16, float16, CT_F32, 2) \
    X(NT_BF16, bfloat16, CT_F32, 2) \
    X(NT_F32, float32, CT_F32, 4) \
    X(NT_F64, float64, CT_F64, 8)

// Every FusedProgram.Level, in its order.
#define NT_LEVELS(X) \
    X(NT_LEVEL_ELEMENT, element) \
    X(NT_LEVEL_ROW, row) \
    X(NT_LEVEL_TOTAL, total)

#define NT_ENUMERATOR(NUMBER, ...) NUMBER,

// The raw values of DType.
typedef enum { NT_DTYPES(NT_ENUMERATOR) NT_DTYPE_COUNT } nt_dtype;

// FusedProgram.Operation's cases.
typedef enum {
    NT_STEP_LOAD, NT_STEP_GATHER, NT_STEP_INDEX, NT_STEP_FILL, NT_STEP_POINTWISE, NT_STEP_REDUCE
} nt_step_kind;

// The raw values of FusedProgram.Level.
typedef enum { NT_LEVELS(NT_ENUMERATOR) NT_LEVEL_COUNT } nt_level;

// One FusedProgram.Step. Operands >= 0 are steps; operand -1 - s is scalar slot s.
typedef struct {
    int32_t kind;
    // The raw value of PointwiseOperation or ReductionOperation, or the input's number.
    int32_t code;
    int32_t dtype;
    int32_t level;
    int32_t operand_count;
    int32_t operands[3];
} nt_step;

// FusedKernel.Access, with the type of the elements.
typedef struct {
    int32_t dtype;
    int64_t strides[NT_MAX_RANK];
    int64_t gather_stride;
    int64_t gather_count;
} nt_access;

// A FusedKernel laid flat. `output_steps[i]` is the step whose value output i stores.
typedef struct {
    int32_t rank;
    int32_t outer_rank;
    int64_t extents[NT_MAX_RANK];
    int32_t input_count;
    int32_t output_count;
    int32_t step_count;
    int32_t scalar_count;
    const nt_access *inputs;
    const nt_access *outputs;
    const int32_t *output_steps;
    const nt_step *steps;
} nt_fused_description;

// A compiled fused program with extents and strides: immutable, used by several threads at once.
typedef struct nt_fused nt_fused;

// Compiles for the whole space (`boxes` 0: run with nt_fused_run) or for parts of it (`boxes` 1: nt_fused_run_box).
// The description is copied. NULL where the program is malformed or has more than NT_MAX_OPERANDS operands, and where
// there is no routine for a step: *lacking is then that step's number, else -1.
nt_fused *nt_fused_create(const nt_fused_description *description, nt_isa isa, int boxes, int32_t *lacking);
void nt_fused_destroy(nt_fused *fused);

// What running the program needs; the call's area is used by nt_fused_run alone.
nt_memory nt_fused_memory(const nt_fused *fused);

// Runs the program over its whole space on the pool.
//
// `operands` holds base pointers, offsets applied, of inputs, then outputs. For an input read by index the pointer is
// ignored and index_offsets[input] is added to the index. `scalars` holds 64-bit slots: a double's bits, or an int64.
void nt_fused_run(
    const nt_fused *fused, void *const *operands, const int64_t *index_offsets, const uint64_t *scalars,
    const nt_workers *workers);

// Runs a program without reductions, on the calling thread, over the sub-box [begin, end) of its uncollapsed space.
// An output may share an input's memory where both have equal strides.
void nt_fused_run_box(
    const nt_fused *fused, void *const *operands, const int64_t *index_offsets, const uint64_t *scalars,
    const int64_t *begin, const int64_t *end, nt_scratch *scratch);

// About how many nanoseconds one thread takes for an element: to decide whether more threads pay.
double nt_fused_element_cost(const nt_fused *fused);

#endif
