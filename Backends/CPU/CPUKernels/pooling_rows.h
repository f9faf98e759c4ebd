/// Pooling of any window, a row of the result at a time: each tap of the windows is a row of the input, shifted, so that
/// what lies beyond the border is found out once a tap and not once a window. The including file defines `NT_TYPE`,
/// `NT_PLACE` (an integer of its width), `NT_TARGET` and `NT_NAMED(name)`.

/// The larger of each value and its tap's, in `count` windows `step` apart; a literal step lets the compiler use vectors.
static inline __attribute__((always_inline)) NT_TARGET void NT_NAMED(nt_take_larger)(
    const NT_TYPE *row, int64_t step, int64_t count, NT_TYPE *values
) {
    for (int64_t x = 0; x < count; x++) {
        const NT_TYPE value = row[x * step], best = values[x];
        values[x] = (value > best) | ((value != value) & (best == best)) ? value : best;
    }
}

/// The same, and the number of the tap that each was at; -1 where there was none.
static inline __attribute__((always_inline)) NT_TARGET void NT_NAMED(nt_take_larger_tap)(
    const NT_TYPE *row, int64_t step, int64_t count, NT_PLACE tap, NT_TYPE *values, NT_PLACE *taps
) {
    for (int64_t x = 0; x < count; x++) {
        const NT_TYPE value = row[x * step], best = values[x];
        const int wins = (taps[x] < 0) | (value > best) | ((value != value) & (best == best));
        values[x] = wins ? value : best;
        taps[x] = wins ? tap : taps[x];
    }
}

/// The largest of each window of row `y`, and with `taps` the number of the tap that it is at, -1 in a window without
/// elements: the first largest, or the first NaN, if any. `reach` holds what each tap of a row reaches.
static NT_TARGET void NT_NAMED(nt_largest_row)(
    const nt_pooling *p, const NT_TYPE *plane, const nt_span *reach, int64_t y, NT_TYPE *values, NT_PLACE *taps
) {
    for (int64_t x = 0; x < p->ow; x++) values[x] = (NT_TYPE)-INFINITY;
    for (int64_t x = 0; taps && x < p->ow; x++) taps[x] = -1;
    const nt_span rows = nt_rows_of(p, y);
    for (int64_t u = rows.first; u < rows.last; u++)
        for (int64_t v = 0; v < p->kw; v++) {
            const int64_t first = reach[v].first, count = reach[v].last - first, step = p->sw;
            if (count == 0) continue;
            const NT_TYPE *row = plane + (y * p->sh - p->ph + u * p->dh) * p->iw + v * p->dw - p->pw + first * step;
            if (!taps) {
                if (step == 1) NT_NAMED(nt_take_larger)(row, 1, count, values + first);
                else if (step == 2) NT_NAMED(nt_take_larger)(row, 2, count, values + first);
                else NT_NAMED(nt_take_larger)(row, step, count, values + first);
                continue;
            }
            const NT_PLACE tap = (NT_PLACE)(u * p->kw + v);
            if (step == 1) NT_NAMED(nt_take_larger_tap)(row, 1, count, tap, values + first, taps + first);
            else if (step == 2) NT_NAMED(nt_take_larger_tap)(row, 2, count, tap, values + first, taps + first);
            else NT_NAMED(nt_take_larger_tap)(row, step, count, tap, values + first, taps + first);
        }
}

/// The same of one window after the other, where a row has few.
static NT_TARGET void NT_NAMED(nt_largest_windows)(
    const nt_pooling *p, const NT_TYPE *plane, int64_t y, NT_TYPE *values, NT_PLACE *taps
) {
    const nt_span rows = nt_rows_of(p, y);
    for (int64_t x = 0; x < p->ow; x++) {
        const nt_span columns = nt_clipped(x * p->sw - p->pw, p->kw, p->dw, p->iw);
        NT_TYPE best = (NT_TYPE)-INFINITY;
        int64_t at = -1;
        for (int64_t u = rows.first; u < rows.last; u++) {
            const NT_TYPE *row = plane + (y * p->sh - p->ph + u * p->dh) * p->iw;
            for (int64_t v = columns.first; v < columns.last; v++) {
                const NT_TYPE value = row[x * p->sw - p->pw + v * p->dw];
                if (at < 0 || value > best || (value != value && best == best)) best = value, at = u * p->kw + v;
            }
        }
        values[x] = best;
        if (taps) taps[x] = (NT_PLACE)at;
    }
}

/// One plane. `line` holds what `nt_pooling_memory` says.
static NT_TARGET void NT_NAMED(nt_pool)(
    const nt_pooling *p, const NT_TYPE *a, const NT_TYPE *b, void *result, void *line
) {
    nt_span *reach = line;
    int64_t *offsets = (int64_t *)(reach + p->kw);
    NT_TYPE *to = result, *values = (NT_TYPE *)(offsets + p->kh * p->kw);
    NT_PLACE *taps = (NT_PLACE *)(values + p->ow);
    int64_t *indices = result;
    const int few = p->ow < 4, largest = p->kind == nt_pooling_maximum;
    if (p->kind == nt_pooling_maximum_gradient) memset(to, 0, p->ih * p->iw * sizeof(NT_TYPE));
    for (int64_t v = 0; !few && v < p->kw; v++) reach[v] = nt_reach(p, v);
    for (int64_t u = 0; !largest && u < p->kh; u++)
        for (int64_t v = 0; v < p->kw; v++)
            offsets[u * p->kw + v] = (u * p->dh - p->ph) * p->iw + v * p->dw - p->pw;
    for (int64_t y = 0; y < p->oh; y++) {
        const int64_t out = y * p->ow, corner = y * p->sh * p->iw;
        NT_TYPE *into = largest ? to + out : values;
        NT_PLACE *found = largest ? NULL : taps;
        if (few) NT_NAMED(nt_largest_windows)(p, a, y, into, found);
        else NT_NAMED(nt_largest_row)(p, a, reach, y, into, found);
        for (int64_t x = 0; !largest && x < p->ow; x++) {
            const int64_t at = taps[x] < 0 ? -1 : corner + x * p->sw + offsets[taps[x]];
            if (p->kind == nt_pooling_maximum_indices) indices[out + x] = at < 0 ? 0 : at;
            else if (p->kind == nt_pooling_maximum_gather) to[out + x] = at < 0 ? 0 : b[at];
            else if (at >= 0) to[at] += b[out + x];
        }
    }
}

/// One plane's averages: the columns under a row of windows are summed first, and then the windows' columns.
static NT_TARGET void NT_NAMED(nt_average)(const nt_pooling *p, const NT_TYPE *a, NT_TYPE *to, void *line) {
    NT_TYPE *columns = line, *divisors = columns + p->iw;
    for (int64_t x = 0; x < p->ow; x++) divisors[x] = (NT_TYPE)nt_columns_counted(p, x);
    for (int64_t y = 0; y < p->oh; y++, to += p->ow) {
        const nt_span rows = nt_rows_of(p, y);
        const NT_TYPE counted = (NT_TYPE)nt_rows_counted(p, y);
        memset(columns, 0, p->iw * sizeof(NT_TYPE));
        for (int64_t u = rows.first; u < rows.last; u++) {
            const NT_TYPE *row = a + (y * p->sh - p->ph + u * p->dh) * p->iw;
            for (int64_t x = 0; x < p->iw; x++) columns[x] += row[x];
        }
        memset(to, 0, p->ow * sizeof(NT_TYPE));
        for (int64_t v = 0; v < p->kw; v++) {
            const nt_span reach = nt_reach(p, v);
            const NT_TYPE *row = columns + v * p->dw - p->pw;
            const int64_t step = p->sw;
            for (int64_t x = reach.first; x < reach.last; x++) to[x] += row[x * step];
        }
        for (int64_t x = 0; x < p->ow; x++) to[x] /= counted * divisors[x];
    }
}

/// One plane's gradient of the averages, the other way round.
static NT_TARGET void NT_NAMED(nt_average_gradient)(const nt_pooling *p, const NT_TYPE *a, NT_TYPE *to, void *line) {
    NT_TYPE *columns = line, *divisors = columns + p->iw, *shares = divisors + p->ow;
    for (int64_t x = 0; x < p->ow; x++) divisors[x] = (NT_TYPE)nt_columns_counted(p, x);
    memset(to, 0, p->ih * p->iw * sizeof(NT_TYPE));
    for (int64_t y = 0; y < p->oh; y++, a += p->ow) {
        const nt_span rows = nt_rows_of(p, y);
        const NT_TYPE counted = (NT_TYPE)nt_rows_counted(p, y);
        for (int64_t x = 0; x < p->ow; x++) shares[x] = a[x] / (counted * divisors[x]);
        memset(columns, 0, p->iw * sizeof(NT_TYPE));
        for (int64_t v = 0; v < p->kw; v++) {
            const nt_span reach = nt_reach(p, v);
            NT_TYPE *row = columns + v * p->dw - p->pw;
            const int64_t step = p->sw;
            for (int64_t x = reach.first; x < reach.last; x++) row[x * step] += shares[x];
        }
        for (int64_t u = rows.first; u < rows.last; u++) {
            NT_TYPE *row = to + (y * p->sh - p->ph + u * p->dh) * p->iw;
            for (int64_t x = 0; x < p->iw; x++) row[x] += columns[x];
        }
    }
}

static NT_TARGET void NT_NAMED(nt_pool_plane)(
    const nt_pooling *p, const void *a, const void *b, void *result, void *line
) {
    switch ((nt_pooling_kind)p->kind) {
    case nt_pooling_maximum:
    case nt_pooling_maximum_indices:
    case nt_pooling_maximum_gradient:
    case nt_pooling_maximum_gather: NT_NAMED(nt_pool)(p, a, b, result, line); return;
    case nt_pooling_average: NT_NAMED(nt_average)(p, a, result, line); return;
    case nt_pooling_average_gradient: NT_NAMED(nt_average_gradient)(p, a, result, line); return;
    }
}
