/// Sorting of rows: a stable merge sort of keys and places. Of many rows each is sorted by one task; of few long ones the
/// parts of each are, and then merged in pairs, each merge by several tasks. A stable order is one alone, so that nothing
/// depends on the number of threads.

#include "include/nt_sort.h"

#include <string.h>

/// An element as a number in whose order it comes, and where it stands.
typedef struct {
    int64_t key, place;
} nt_sort_entry;

/// Runs of this length are sorted by insertion; shorter rows are not sorted in parts, and no row in more.
enum { nt_sort_run_length = 16, nt_sort_long_row = 1 << 14, nt_sort_most_parts = 64 };

/// A float's bits (sign extended from its width) as a key: the order of the numbers, both zeros equal, NaN last.
static inline int64_t nt_float_key(int64_t bits, int64_t magnitude, int64_t infinity) {
    if ((bits & magnitude) > infinity) return INT64_MAX;
    return bits < 0 ? -(bits & magnitude) : bits;
}

#define NT_SORT_KEYS(name, type, expression)                                                                           \
    static void nt_keys_##name(const void *source, int64_t stride, int64_t count, nt_sort_entry *entries) {            \
        const type *from = source;                                                                                     \
        for (int64_t i = 0; i < count; i++) {                                                                          \
            const type x = from[i * stride];                                                                           \
            entries[i] = (nt_sort_entry){(expression), i};                                                             \
        }                                                                                                              \
    }
NT_SORT_KEYS(f16, int16_t, nt_float_key(x, 0x7FFF, 0x7C00))
NT_SORT_KEYS(bf16, int16_t, nt_float_key(x, 0x7FFF, 0x7F80))
NT_SORT_KEYS(f32, int32_t, nt_float_key(x, 0x7FFFFFFF, 0x7F800000))
NT_SORT_KEYS(f64, int64_t, nt_float_key(x, INT64_MAX, 0x7FF0000000000000))
NT_SORT_KEYS(i32, int32_t, x)
NT_SORT_KEYS(i64, int64_t, x)
NT_SORT_KEYS(u8, uint8_t, x)
NT_SORT_KEYS(bool, uint8_t, x != 0)

static void nt_insertion_sort(nt_sort_entry *entries, int64_t count) {
    for (int64_t i = 1; i < count; i++) {
        const nt_sort_entry entry = entries[i];
        int64_t to = i;
        for (; to > 0 && entries[to - 1].key > entry.key; to--) entries[to] = entries[to - 1];
        entries[to] = entry;
    }
}

/// Merges two sorted runs; of equal keys those of the first come first.
static void nt_merge(const nt_sort_entry *a, int64_t n, const nt_sort_entry *b, int64_t m, nt_sort_entry *to) {
    if (n == 0 || m == 0 || a[n - 1].key <= b[0].key) {
        memcpy(to, a, (size_t)n * sizeof *to);
        memcpy(to + n, b, (size_t)m * sizeof *to);
        return;
    }
    int64_t i = 0, j = 0;
    while (i < n && j < m) {
        const bool takes_second = b[j].key < a[i].key;
        *to++ = takes_second ? b[j] : a[i];
        j += takes_second;
        i += !takes_second;
    }
    memcpy(to, a + i, (size_t)(n - i) * sizeof *to);
    memcpy(to + (n - i), b + j, (size_t)(m - j) * sizeof *to);
}

/// Sorts `entries`; the result lies there or in `other`.
static const nt_sort_entry *nt_merge_sort(nt_sort_entry *entries, nt_sort_entry *other, int64_t count) {
    for (int64_t low = 0; low < count; low += nt_sort_run_length) {
        const int64_t rest = count - low;
        nt_insertion_sort(entries + low, rest < nt_sort_run_length ? rest : nt_sort_run_length);
    }
    for (int64_t width = nt_sort_run_length; width < count; width *= 2) {
        for (int64_t low = 0; low < count; low += 2 * width) {
            const int64_t rest = count - low, first = rest < width ? rest : width;
            const int64_t second = rest - first < width ? rest - first : width;
            nt_merge(entries + low, first, entries + low + first, second, other + low);
        }
        nt_sort_entry *swapped = entries;
        entries = other;
        other = swapped;
    }
    return entries;
}

/// Sorts the first `kept` of the sorted order to the front of `entries`, and gives how many there are: at most `kept`, or all.
/// Of few, only what comes before the last of those known so far is looked at again.
static int64_t nt_sort_first(nt_sort_entry *entries, nt_sort_entry *other, int64_t count, int64_t kept) {
    const bool selects = kept <= count / 8;
    const int64_t room = !selects ? count : kept < 32 ? 64 : 2 * kept;
    int64_t filled = count;
    if (selects) {
        filled = 0;
        int64_t last = 0;
        bool has_last = false;
        for (int64_t i = 0; i < count; i++) {
            // Of equal keys the earlier come first, and those are there.
            if (has_last && entries[i].key >= last) continue;
            entries[filled++] = entries[i];
            if (filled < room) continue;
            const nt_sort_entry *sorted = nt_merge_sort(entries, other, filled);
            if (sorted != entries) memcpy(entries, sorted, (size_t)kept * sizeof *entries);
            filled = kept;
            last = entries[kept - 1].key;
            has_last = true;
        }
    }
    const nt_sort_entry *sorted = nt_merge_sort(entries, other, filled);
    if (sorted != entries) memcpy(entries, sorted, (size_t)filled * sizeof *entries);
    return filled < kept ? filled : kept;
}

#define NT_SORT_PICK(type)                                                                                             \
    {                                                                                                                  \
        const type *from = source;                                                                                     \
        type *to = values;                                                                                             \
        for (int64_t i = 0; i < count; i++) to[i] = from[entries[i].place * stride];                                   \
    }

/// Copies elements in the order of the entries.
static void nt_pick(
    size_t size, const void *source, int64_t stride, const nt_sort_entry *entries, int64_t count, void *values
) {
    switch (size) {
    case 1: NT_SORT_PICK(uint8_t) break;
    case 2: NT_SORT_PICK(uint16_t) break;
    case 4: NT_SORT_PICK(uint32_t) break;
    default: NT_SORT_PICK(uint64_t) break;
    }
}

typedef struct {
    const nt_sort *s;
    const char *source;
    char *values;
    int64_t *indices;
    nt_sort_entry *memory;
} nt_sort_call;

static const size_t nt_sort_sizes[] = {2, 2, 4, 8, 4, 8, 1, 1};

static int64_t nt_sort_row_count(const nt_sort *s) {
    int64_t count = 1;
    for (int d = 0; d < s->rank; d++) count *= s->rows[d];
    return count;
}

/// The place of a row's first element in the source.
static int64_t nt_sort_row_offset(const nt_sort *s, int64_t row) {
    int64_t offset = 0;
    for (int d = s->rank - 1; d >= 0; d--) {
        offset += row % s->rows[d] * s->row_strides[d];
        row /= s->rows[d];
    }
    return offset;
}

/// Entries `begin` to `end` of a row, in their order.
static void nt_sort_keys(const nt_sort *s, const char *source, int64_t begin, int64_t end, nt_sort_entry *entries) {
    static void (*const keys[])(const void *, int64_t, int64_t, nt_sort_entry *) = {
        nt_keys_f16, nt_keys_bf16, nt_keys_f32, nt_keys_f64, nt_keys_i32, nt_keys_i64, nt_keys_u8, nt_keys_bool};
    const int64_t size = (int64_t)nt_sort_sizes[s->element];
    keys[s->element](source + begin * s->stride * size, s->stride, end - begin, entries);
    // Equal keys stay equal, and with them their order.
    const int64_t mask = s->descending ? -1 : 0;
    for (int64_t i = 0; i < end - begin; i++) {
        entries[i].key ^= mask;
        entries[i].place += begin;
    }
}

/// Writes results `begin` to `end` of a row.
static void nt_sort_write(
    const nt_sort_call *c, int64_t row, const char *source, const nt_sort_entry *entries, int64_t begin, int64_t end
) {
    const nt_sort *s = c->s;
    const size_t size = nt_sort_sizes[s->element];
    const int64_t to = row * s->kept + begin;
    if (c->values) nt_pick(size, source, s->stride, entries + begin, end - begin, c->values + to * (int64_t)size);
    if (c->indices)
        for (int64_t i = begin; i < end; i++) c->indices[row * s->kept + i] = entries[i].place;
}

static void nt_sort_task(void *context, long task, int worker) {
    (void)worker;
    const nt_sort_call *c = context;
    const nt_sort *s = c->s;
    const int64_t count = nt_sort_row_count(s);
    nt_sort_entry *memory = c->memory + task * 2 * s->length;
    for (int64_t row = task * count / s->tasks; row < (task + 1) * count / s->tasks; row++) {
        const char *source = c->source + nt_sort_row_offset(s, row) * (int64_t)nt_sort_sizes[s->element];
        nt_sort_keys(s, source, 0, s->length, memory);
        nt_sort_first(memory, memory + s->length, s->length, s->kept);
        nt_sort_write(c, row, source, memory, 0, s->kept);
    }
}

// One row in parts.

typedef struct {
    const nt_sort_call *call;
    int64_t row;
    const char *source;
    /// Sorted runs lie in `from`, each where its first part began, and are merged into `to`.
    nt_sort_entry *from, *to;
    /// The parts of a run, and how many elements each run has, by its first part.
    int64_t run, lengths[nt_sort_most_parts];
} nt_sort_row;

static int64_t nt_sort_part_start(const nt_sort *s, int64_t part) { return part * s->length / s->parts; }

static void nt_sort_part_task(void *context, long part, int worker) {
    (void)worker;
    nt_sort_row *r = context;
    const nt_sort *s = r->call->s;
    const int64_t begin = nt_sort_part_start(s, part), end = nt_sort_part_start(s, part + 1);
    nt_sort_keys(s, r->source, begin, end, r->from + begin);
    r->lengths[part] = nt_sort_first(r->from + begin, r->to + begin, end - begin, s->kept);
}

/// How many of the first `k` elements of a merge are from `a`.
static int64_t nt_sort_split(const nt_sort_entry *a, int64_t n, const nt_sort_entry *b, int64_t m, int64_t k) {
    int64_t low = k > m ? k - m : 0, high = k < n ? k : n;
    while (low < high) {
        const int64_t i = low + (high - low) / 2;
        // a[i] comes before b[k - i - 1] unless that is smaller.
        if (b[k - i - 1].key < a[i].key) high = i;
        else low = i + 1;
    }
    return low;
}

/// One of the pieces, as many as there are parts, of the merges of neighbouring runs.
static void nt_sort_merge_task(void *context, long task, int worker) {
    (void)worker;
    const nt_sort_row *r = context;
    const nt_sort *s = r->call->s;
    const int64_t pieces = 2 * r->run, first = task / pieces * pieces, second = first + r->run;
    const nt_sort_entry *a = r->from + nt_sort_part_start(s, first), *b = r->from + nt_sort_part_start(s, second);
    const int64_t n = r->lengths[first], m = r->lengths[second];
    const int64_t count = n + m < s->kept ? n + m : s->kept;
    const int64_t begin = task % pieces * count / pieces, end = (task % pieces + 1) * count / pieces;
    const int64_t i = nt_sort_split(a, n, b, m, begin), last = nt_sort_split(a, n, b, m, end);
    nt_merge(
        a + i, last - i, b + (begin - i), (end - last) - (begin - i),
        r->to + nt_sort_part_start(s, first) + begin);
}

static void nt_sort_write_task(void *context, long task, int worker) {
    (void)worker;
    const nt_sort_row *r = context;
    const nt_sort *s = r->call->s;
    nt_sort_write(
        r->call, r->row, r->source, r->from, task * s->kept / s->parts, (task + 1) * s->kept / s->parts);
}

static void nt_sort_in_parts(const nt_sort_call *c, nt_pool *pool, int64_t row) {
    const nt_sort *s = c->s;
    nt_sort_row r = {.call = c, .row = row, .from = c->memory, .to = c->memory + s->length};
    r.source = c->source + nt_sort_row_offset(s, row) * (int64_t)nt_sort_sizes[s->element];
    nt_pool_run(pool, s->parts, nt_sort_part_task, &r);
    for (r.run = 1; r.run < s->parts; r.run *= 2) {
        nt_pool_run(pool, s->parts, nt_sort_merge_task, &r);
        for (int64_t first = 0; first < s->parts; first += 2 * r.run) {
            const int64_t sum = r.lengths[first] + r.lengths[first + r.run];
            r.lengths[first] = sum < s->kept ? sum : s->kept;
        }
        nt_sort_entry *merged = r.to;
        r.to = r.from;
        r.from = merged;
    }
    nt_pool_run(pool, s->parts, nt_sort_write_task, &r);
}

nt_memory nt_sort_memory(nt_sort *s, int threads) {
    const int64_t rows = nt_sort_row_count(s);
    s->parts = 1;
    if (rows < threads && s->length >= nt_sort_long_row)
        while (s->parts < threads && s->parts < nt_sort_most_parts) s->parts *= 2;
    s->tasks = s->parts > 1 || (double)rows * (double)s->length < 1e4 ? 1 : threads;
    if (s->tasks > rows) s->tasks = rows > 0 ? rows : 1;
    return (nt_memory){.call = (size_t)(s->tasks * 2 * s->length) * sizeof(nt_sort_entry)};
}

void nt_sort_run(
    const nt_sort *s, const nt_workers *workers, const void *source, void *values, int64_t *indices
) {
    const int64_t rows = nt_sort_row_count(s);
    if (rows * s->kept == 0) return;
    const nt_sort_call c = {s, source, values, indices, nt_call_area(workers)};
    if (s->parts == 1) {
        nt_pool_run(workers->pool, s->tasks, nt_sort_task, (void *)&c);
        return;
    }
    for (int64_t row = 0; row < rows; row++) nt_sort_in_parts(&c, workers->pool, row);
}
