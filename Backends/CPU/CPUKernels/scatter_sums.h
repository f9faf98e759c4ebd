/// Sums of one element type: the including file defines `NT_TYPE`, `NT_SUM` (what is summed in), `NT_LOAD(x)` and
/// `NT_NAMED(name)`.

/// Adds `count` source elements, `step` apart, to a row of sums.
static inline void NT_NAMED(nt_add_run)(NT_SUM *sums, const NT_TYPE *x, int64_t step, int64_t count) {
    if (step == 1) {
        for (int64_t j = 0; j < count; j++) sums[j] += NT_LOAD(x[j]);
    } else {
        for (int64_t j = 0; j < count; j++) sums[j] += NT_LOAD(x[j * step]);
    }
}

/// One outer slice: the sums of rows `low..<high`, elements `first..<last` of each.
static void NT_NAMED(nt_scatter)(
    const nt_scatter_call *c, int64_t outer, int64_t low, int64_t high, int64_t first, int64_t last
) {
    const nt_scatter *s = c->s;
    NT_SUM *to = (NT_SUM *)c->sums + outer * s->count * c->inner;
    if (last - first == c->inner) memset(to + low * c->inner, 0, (high - low) * c->inner * sizeof(NT_SUM));
    else
        for (int64_t row = low; row < high; row++)
            memset(to + row * c->inner + first, 0, (last - first) * sizeof(NT_SUM));
    int64_t from, at;
    nt_offsets(s->outer_rank, s->outer, s->outer_source, s->outer_index, outer, &from, &at);
    const NT_TYPE *source = (const NT_TYPE *)c->source + from;
    const int64_t *index = c->index + at;
    const int64_t source_step = s->extent_source, index_step = s->extent_index;
    const uint64_t span = (uint64_t)(high - low);
    if (c->inner == 1) {
        // Along the last axis there is nothing to go through but the axis.
        for (int64_t k = 0; k < s->extent; k++) {
            const int64_t row = index[k * index_step];
            if ((uint64_t)row - (uint64_t)low < span) to[row] += NT_LOAD(source[k * source_step]);
        }
        return;
    }
    const int64_t run = s->inner_rank ? s->inner[s->inner_rank - 1] : 1;
    const int64_t step = s->inner_rank ? s->inner_source[s->inner_rank - 1] : 0;
    const int64_t place_step = s->inner_rank ? s->inner_index[s->inner_rank - 1] : 0;
    if (s->inner_rank == 1 && place_step == 0) {
        // Whole rows, as of an embedding's gradient.
        for (int64_t k = 0; k < s->extent; k++) {
            const int64_t row = index[k * index_step];
            if ((uint64_t)row - (uint64_t)low < span)
                NT_NAMED(nt_add_run)(
                    to + row * c->inner + first, source + k * source_step + first * step, step, last - first);
        }
        return;
    }
    for (int64_t k = 0; k < s->extent; k++, source += source_step, index += index_step)
        for (int64_t i = first, count; i < last; i += count) {
            count = run - i % run < last - i ? run - i % run : last - i;
            nt_offsets(s->inner_rank, s->inner, s->inner_source, s->inner_index, i, &from, &at);
            const NT_TYPE *x = source + from;
            const int64_t *p = index + at;
            if (place_step == 0) {
                if ((uint64_t)*p - (uint64_t)low < span)
                    NT_NAMED(nt_add_run)(to + *p * c->inner + i, x, step, count);
                continue;
            }
            for (int64_t j = 0; j < count; j++) {
                const int64_t row = p[j * place_step];
                if ((uint64_t)row - (uint64_t)low < span) to[row * c->inner + i + j] += NT_LOAD(x[j * step]);
            }
        }
}
#undef NT_TYPE
#undef NT_SUM
#undef NT_LOAD
#undef NT_NAMED
