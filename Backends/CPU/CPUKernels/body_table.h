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

#define CAST_ROW(FROM) \
    {cast_##FROM##_bool, cast_##FROM##_u8, cast_##FROM##_i32, cast_##FROM##_i64, cast_##FROM##_f32, cast_##FROM##_f64}
#define REDUCTION_ROW(KIND, NAME) \
    {KIND##_##NAME##_uint8_t, KIND##_##NAME##_uint8_t, KIND##_##NAME##_int32_t, KIND##_##NAME##_int64_t, \
     KIND##_##NAME##_float, KIND##_##NAME##_double}
#define REDUCTION_TABLE(KIND) \
    {REDUCTION_ROW(KIND, sum), REDUCTION_ROW(KIND, product), REDUCTION_ROW(KIND, maximum), \
     REDUCTION_ROW(KIND, minimum), REDUCTION_ROW(KIND, argmax), REDUCTION_ROW(KIND, argmin)}

const nt_routines ROUTINES = {
    .pointwise =
        {
            ROW_ALL(OP_IDENTITY, identity), ROW_NUMBER(OP_NEGATE, negate), ROW_NUMBER(OP_ABS, abs),
            ROW_NUMBER(OP_SIGN, sign), ROW_NUMBER(OP_SQUARE, square), ROW_FLOAT(OP_RECIPROCAL, reciprocal),
            ROW_FLOAT(OP_SQRT, sqrt), ROW_FLOAT(OP_RSQRT, rsqrt), ROW_FLOAT(OP_EXP, exp), ROW_FLOAT(OP_EXPM1, expm1),
            ROW_FLOAT(OP_LOG, log), ROW_FLOAT(OP_LOG1P, log1p), ROW_FLOAT(OP_SIN, sin), ROW_FLOAT(OP_COS, cos),
            ROW_FLOAT(OP_TAN, tan), ROW_FLOAT(OP_TANH, tanh), ROW_FLOAT(OP_SIGMOID, sigmoid), ROW_FLOAT(OP_ERF, erf),
            ROW_NUMBER(OP_RELU, relu), ROW_FLOAT(OP_FLOOR, floor), ROW_FLOAT(OP_CEIL, ceil),
            ROW_FLOAT(OP_ROUND, round), ROW_FLOAT(OP_TRUNC, trunc), [OP_LOGICAL_NOT][CT_BOOL] = ONE(logical_not),
            ROW_ALL(OP_IS_NAN, is_nan), ROW_NUMBER2(OP_ADD, add), ROW_NUMBER2(OP_SUBTRACT, subtract),
            ROW_NUMBER2(OP_MULTIPLY, multiply), ROW_FLOAT2(OP_DIVIDE, divide), ROW_NUMBER2(OP_REMAINDER, remainder),
            ROW_FLOAT2(OP_POWER, power), ROW_ALL2(OP_MAXIMUM, maximum), ROW_ALL2(OP_MINIMUM, minimum),
            ROW_ALL2(OP_EQUAL, equal), ROW_ALL2(OP_NOT_EQUAL, not_equal), ROW_ALL2(OP_LESS, less),
            ROW_ALL2(OP_LESS_EQUAL, less_equal), ROW_ALL2(OP_GREATER, greater),
            ROW_ALL2(OP_GREATER_EQUAL, greater_equal), [OP_LOGICAL_AND][CT_BOOL] = FORMS2(logical_and),
            [OP_LOGICAL_OR][CT_BOOL] = FORMS2(logical_or), [OP_LOGICAL_XOR][CT_BOOL] = FORMS2(logical_xor),
            [OP_SELECT] = {FORMS3(select_1), FORMS3(select_1), FORMS3(select_4), FORMS3(select_8), FORMS3(select_4),
                           FORMS3(select_8)},
            ROW_FLOAT3(OP_FMA, fma), ROW_FLOAT3(OP_FMS, fms), ROW_FLOAT3(OP_FNMA, fnma),
        },
    .cast = {CAST_ROW(u8), CAST_ROW(u8), CAST_ROW(i32), CAST_ROW(i64), CAST_ROW(f32), CAST_ROW(f64)},
    .widen = {widen_half, widen_bfloat},
    .narrow = {narrow_half, narrow_bfloat},
    .round_to = {round_to_half, round_to_bfloat},
    .move = {move_uint8_t, move_uint16_t, move_uint32_t, move_uint64_t},
    .gather = {{gather_uint8_t_int32_t, gather_uint8_t_int64_t}, {gather_uint16_t_int32_t, gather_uint16_t_int64_t},
               {gather_uint32_t_int32_t, gather_uint32_t_int64_t}, {gather_uint64_t_int32_t, gather_uint64_t_int64_t}},
    .fold = REDUCTION_TABLE(fold),
    .fold_rows = REDUCTION_TABLE(fold_rows),
    .merge = REDUCTION_TABLE(merge),
    .random_run = {random_run_bits, random_run_uniform},
    .random_at = {random_at_bits, random_at_uniform},
    .iota = iota,
    .stream = stream_copy,
};
