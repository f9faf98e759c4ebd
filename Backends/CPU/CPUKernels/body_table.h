// The table of one instruction set's routines.

#define ONE(NAME) {NAME}
#define FORMS2(NAME) {NAME##_vv, NAME##_vs, NAME##_sv}
// The second operand's bit is 1, the third's 2.
#define FORMS3(NAME) {NAME##_vv, NAME##_sv, NAME##_vs, NAME##_ss}

#define ROW_ALL(OP, NAME) \
    [OP] = {[CT_BOOL] = ONE(NAME##_uint8_t), [CT_U8] = ONE(NAME##_uint8_t), [CT_I32] = ONE(NAME##_int32_t), \
            [CT_I64] = ONE(NAME##_int64_t), [CT_F32] = ONE(NAME##_float), [CT_F64] = ONE(NAME##_double)}
#define ROW_ALL2(OP, NAME) \
    [OP] = {[CT_BOOL] = FORMS2(NAME##_uint8_t), [CT_U8] = FORMS2(NAME##_uint8_t), [CT_I32] = FORMS2(NAME##_int32_t), \
            [CT_I64] = FORMS2(NAME##_int64_t), [CT_F32] = FORMS2(NAME##_float), [CT_F64] = FORMS2(NAME##_double)}
#define ROW_NUMBER(OP, NAME) \
    [OP] = {[CT_U8] = ONE(NAME##_uint8_t), [CT_I32] = ONE(NAME##_int32_t), [CT_I64] = ONE(NAME##_int64_t), \
            [CT_F32] = ONE(NAME##_float), [CT_F64] = ONE(NAME##_double)}
#define ROW_NUMBER2(OP, NAME) \
    [OP] = {[CT_U8] = FORMS2(NAME##_uint8_t), [CT_I32] = FORMS2(NAME##_int32_t), [CT_I64] = FORMS2(NAME##_int64_t), \
            [CT_F32] = FORMS2(NAME##_float), [CT_F64] = FORMS2(NAME##_double)}
#define ROW_FLOAT(OP, NAME) [OP] = {[CT_F32] = ONE(NAME##_float), [CT_F64] = ONE(NAME##_double)}
#define ROW_FLOAT2(OP, NAME) [OP] = {[CT_F32] = FORMS2(NAME##_float), [CT_F64] = FORMS2(NAME##_double)}
#define ROW_FLOAT3(OP, NAME) [OP] = {[CT_F32] = FORMS3(NAME##_float), [CT_F64] = FORMS3(NAME##_double)}
#define ROW_INTEGER(OP, NAME) \
    [OP] = {[CT_U8] = ONE(NAME##_uint8_t), [CT_I32] = ONE(NAME##_int32_t), [CT_I64] = ONE(NAME##_int64_t)}
#define ROW_INTEGER2(OP, NAME) \
    [OP] = {[CT_U8] = FORMS2(NAME##_uint8_t), [CT_I32] = FORMS2(NAME##_int32_t), [CT_I64] = FORMS2(NAME##_int64_t)}

#define ROW_BOOL(OP, NAME) [OP][CT_BOOL] = ONE(NAME)
#define ROW_BOOL2(OP, NAME) [OP][CT_BOOL] = FORMS2(NAME)

// The routines that an operation must have, by its rule and arity. Selections go by the size of what they select.
#define ROW_same_1 ROW_ALL
#define ROW_same_2 ROW_ALL2
#define ROW_sameNumber_1 ROW_NUMBER
#define ROW_sameNumber_2 ROW_NUMBER2
#define ROW_sameFloat_1 ROW_FLOAT
#define ROW_sameFloat_2 ROW_FLOAT2
#define ROW_sameInteger_1 ROW_INTEGER
#define ROW_sameInteger_2 ROW_INTEGER2
#define ROW_comparison_1 ROW_ALL
#define ROW_comparison_2 ROW_ALL2
#define ROW_logical_1 ROW_BOOL
#define ROW_logical_2 ROW_BOOL2
#define ROW_selection_3(OP, NAME) \
    [OP] = {[CT_BOOL] = FORMS3(NAME##_1), [CT_U8] = FORMS3(NAME##_1), [CT_I32] = FORMS3(NAME##_4), \
            [CT_I64] = FORMS3(NAME##_8), [CT_F32] = FORMS3(NAME##_4), [CT_F64] = FORMS3(NAME##_8)}
#define ROW_conversion_1(OP, NAME) [OP][CT_BOOL] = {NULL}
#define ROW_random_3(OP, NAME) [OP][CT_BOOL] = {NULL}
#define POINTWISE_ROW(OP, NAME, RULE, ARITY, ROUTINE) ROW_##RULE##_##ARITY(OP, ROUTINE),

#define CAST_ROW(FROM) \
    {[CT_BOOL] = cast_##FROM##_bool, [CT_U8] = cast_##FROM##_u8, [CT_I32] = cast_##FROM##_i32, \
     [CT_I64] = cast_##FROM##_i64, [CT_F32] = cast_##FROM##_f32, [CT_F64] = cast_##FROM##_f64}
#define REDUCTION_ROW(NUMBER, KIND, NAME) \
    [NUMBER] = {[CT_BOOL] = KIND##_##NAME##_uint8_t, [CT_U8] = KIND##_##NAME##_uint8_t, \
                [CT_I32] = KIND##_##NAME##_int32_t, [CT_I64] = KIND##_##NAME##_int64_t, \
                [CT_F32] = KIND##_##NAME##_float, [CT_F64] = KIND##_##NAME##_double},
#define FOLD_ROW(NUMBER, NAME, RESULT) REDUCTION_ROW(NUMBER, fold, NAME)
#define FOLD_ROWS_ROW(NUMBER, NAME, RESULT) REDUCTION_ROW(NUMBER, fold_rows, NAME)
#define MERGE_ROW(NUMBER, NAME, RESULT) REDUCTION_ROW(NUMBER, merge, NAME)

const nt_routines ROUTINES = {
    .pointwise =
        {
            NT_POINTWISE(POINTWISE_ROW)
            ROW_FLOAT3(OP_FMA, fma), ROW_FLOAT3(OP_FMS, fms), ROW_FLOAT3(OP_FNMA, fnma),
        },
    .cast = {[CT_BOOL] = CAST_ROW(u8), [CT_U8] = CAST_ROW(u8), [CT_I32] = CAST_ROW(i32), [CT_I64] = CAST_ROW(i64),
             [CT_F32] = CAST_ROW(f32), [CT_F64] = CAST_ROW(f64)},
    .widen = {widen_half, widen_bfloat},
    .narrow = {narrow_half, narrow_bfloat},
    .round_to = {round_to_half, round_to_bfloat},
    .move = {move_uint8_t, move_uint16_t, move_uint32_t, move_uint64_t},
    .gather = {{gather_uint8_t_int32_t, gather_uint8_t_int64_t}, {gather_uint16_t_int32_t, gather_uint16_t_int64_t},
               {gather_uint32_t_int32_t, gather_uint32_t_int64_t}, {gather_uint64_t_int32_t, gather_uint64_t_int64_t}},
    .fold = {NT_REDUCTIONS(FOLD_ROW)},
    .fold_rows = {NT_REDUCTIONS(FOLD_ROWS_ROW)},
    .merge = {NT_REDUCTIONS(MERGE_ROW)},
    .random_run = {random_run_bits, random_run_uniform},
    .random_at = {random_at_bits, random_at_uniform},
    .iota = iota,
    .stream = stream_copy,
};
