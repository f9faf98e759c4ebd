/// Sorting of rows: a stable merge sort of keys and places. Each row is sorted by one task, so that nothing depends on the
/// number of threads.

#include "include/nt_sort.h"

#include <string.h>

/// An element as a number in whose order it comes, and where it stands.
typedef struct {
    int64_t key, place;
} nt_sort_entry;

/// Runs of this length are sorted by insertion.
enum { nt_sort_run_length = 16 };

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

static void nt_sort_task(void *context, long task, int worker) {
    (void)worker;
    static void (*const keys[])(const void *, int64_t, int64_t, nt_sort_entry *) = {
        nt_keys_f16, nt_keys_bf16, nt_keys_f32, nt_keys_f64, nt_keys_i32, nt_keys_i64, nt_keys_u8, nt_keys_bool};
    const nt_sort_call *c = context;
    const nt_sort *s = c->s;
    const size_t size = nt_sort_sizes[s->element];
    const int64_t count = nt_sort_row_count(s);
    nt_sort_entry *memory = c->memory + task * 2 * s->length;
    for (int64_t row = task * count / s->tasks; row < (task + 1) * count / s->tasks; row++) {
        int64_t offset = 0, rest = row;
        for (int d = s->rank - 1; d >= 0; d--) {
            offset += rest % s->rows[d] * s->row_strides[d];
            rest /= s->rows[d];
        }
        const char *source = c->source + offset * (int64_t)size;
        keys[s->element](source, s->stride, s->length, memory);
        // Equal keys stay equal, and with them their order.
        if (s->descending)
            for (int64_t i = 0; i < s->length; i++) memory[i].key = ~memory[i].key;
        const nt_sort_entry *entries = nt_merge_sort(memory, memory + s->length, s->length);
        if (c->values) nt_pick(size, source, s->stride, entries, s->kept, c->values + row * s->kept * (int64_t)size);
        if (c->indices)
            for (int64_t i = 0; i < s->kept; i++) c->indices[row * s->kept + i] = entries[i].place;
    }
}

nt_memory nt_sort_memory(nt_sort *s, int threads) {
    const int64_t rows = nt_sort_row_count(s);
    s->tasks = (double)rows * (double)s->length < 1e4 ? 1 : threads;
    if (s->tasks > rows) s->tasks = rows > 0 ? rows : 1;
    return (nt_memory){.call = (size_t)(s->tasks * 2 * s->length) * sizeof(nt_sort_entry)};
}

void nt_sort_run(
    const nt_sort *s, const nt_workers *workers, const void *source, void *values, int64_t *indices
) {
    if (nt_sort_row_count(s) * s->kept == 0) return;
    nt_sort_call c = {s, source, values, indices, nt_call_area(workers)};
    nt_pool_run(workers->pool, s->tasks, nt_sort_task, &c);
}
