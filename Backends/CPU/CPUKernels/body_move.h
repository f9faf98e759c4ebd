// Copies between strided places, gathers, index sequences and random numbers.

typedef float vector8 __attribute__((vector_size(32), aligned(4)));

// An 8x8 block: to[j][i] = from[i][j]; both have unit steps along their rows.
static inline ALWAYS void transpose_8x8(uint32_t *to, long to_stride, const uint32_t *from, long from_stride) {
    vector8 r[8], s[8];
    for (int i = 0; i < 8; i++) __builtin_memcpy(&r[i], from + i * from_stride, 32);
    for (int i = 0; i < 8; i += 2) {
        s[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        s[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    }
    for (int i = 0; i < 8; i += 4) {
        r[i] = __builtin_shufflevector(s[i], s[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
        r[i + 1] = __builtin_shufflevector(s[i + 1], s[i + 3], 0, 1, 8, 9, 4, 5, 12, 13);
        r[i + 2] = __builtin_shufflevector(s[i], s[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        r[i + 3] = __builtin_shufflevector(s[i + 1], s[i + 3], 2, 3, 10, 11, 6, 7, 14, 15);
    }
    for (int i = 0; i < 4; i++) {
        s[i] = __builtin_shufflevector(r[i], r[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        s[i + 4] = __builtin_shufflevector(r[i], r[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
    for (int i = 0; i < 8; i++) __builtin_memcpy(to + i * to_stride, &s[i], 32);
}

// to[c * to_column... ]: `to` has unit steps along columns, `from` along rows.
#define TRANSPOSE(T) \
    static void transpose_##T(T *to, long to_row, const T *from, long from_column, long rows, long columns) { \
        long row = 0; \
        for (; row + 8 <= rows; row += 8) { \
            long column = 0; \
            for (; column + 8 <= columns; column += 8) { \
                const T *source = from + column * from_column + row; \
                TRANSPOSE_BLOCK_##T(to + row * to_row + column, to_row, source, from_column) \
            } \
            for (; column < columns; column++) { \
                for (int i = 0; i < 8; i++) to[(row + i) * to_row + column] = from[column * from_column + row + i]; \
            } \
        } \
        for (; row < rows; row++) { \
            for (long column = 0; column < columns; column++) { \
                to[row * to_row + column] = from[column * from_column + row]; \
            } \
        } \
    }
#define TRANSPOSE_SCALARS(TO, TO_STRIDE, FROM, FROM_STRIDE) \
    for (int j = 0; j < 8; j++) { \
        for (int i = 0; i < 8; i++) (TO)[j * (TO_STRIDE) + i] = (FROM)[i * (FROM_STRIDE) + j]; \
    }
#define TRANSPOSE_BLOCK_uint8_t TRANSPOSE_SCALARS
#define TRANSPOSE_BLOCK_uint16_t TRANSPOSE_SCALARS
#define TRANSPOSE_BLOCK_uint64_t TRANSPOSE_SCALARS
#define TRANSPOSE_BLOCK_uint32_t(TO, TO_STRIDE, FROM, FROM_STRIDE) transpose_8x8(TO, TO_STRIDE, FROM, FROM_STRIDE);

#define MOVE(T) \
    TRANSPOSE(T) \
    static inline ALWAYS void move_run_##T(T *to, long to_step, const T *from, long from_step, long n) { \
        if (to_step == 1 && from_step == 1) { \
            memcpy(to, from, (size_t)n * sizeof(T)); \
        } else if (to_step == 1 && from_step == 0) { \
            T value = *from; \
            EACH to[i] = value; \
        } else if (to_step == 1) { \
            EACH to[i] = from[i * from_step]; \
        } else { \
            EACH to[i * to_step] = from[i * from_step]; \
        } \
    } \
    static void move_##T( \
        void *to_, long to_row, long to_column, const void *from_, long from_row, long from_column, long rows, \
        long columns) { \
        T *to = to_; \
        const T *from = from_; \
        if (rows > 1 && columns > 1) { \
            if (to_column == 1 && from_row == 1 && from_column != 1) { \
                return transpose_##T(to, to_row, from, from_column, rows, columns); \
            } \
            if (to_row == 1 && from_column == 1 && to_column != 1) { \
                return transpose_##T(to, to_column, from, from_row, columns, rows); \
            } \
            if (to_row == columns * to_column && from_row == columns * from_column) { \
                return move_run_##T(to, to_column, from, from_column, rows * columns); \
            } \
        } \
        if (columns < 8 && rows > columns) { \
            for (long column = 0; column < columns; column++) { \
                move_run_##T(to + column * to_column, to_row, from + column * from_column, from_row, rows); \
            } \
            return; \
        } \
        for (long row = 0; row < rows; row++) { \
            move_run_##T(to + row * to_row, to_column, from + row * from_row, from_column, columns); \
        } \
    }

#define GATHER(T, I) \
    static void gather_##T##_##I( \
        void *to_, const void *from_, const void *index_, long n, long from_stride, long gather_stride, long count, \
        const void *missing) { \
        T *to = to_, none = *(const T *)missing; \
        const T *from = from_; \
        const I *index = index_; \
        for (long i = 0; i < n; i++) { \
            long k = (long)index[i]; \
            to[i] = (uint64_t)k < (uint64_t)count ? from[i * from_stride + k * gather_stride] : none; \
        } \
    }

#define MOVES(T) MOVE(T) GATHER(T, int32_t) GATHER(T, int64_t)
MOVES(uint8_t)
MOVES(uint16_t)
MOVES(uint32_t)
MOVES(uint64_t)

static void iota(int64_t *out, int64_t first, int64_t step, long n) { EACH out[i] = first + i * step; }

static void stream_copy(void *to, const void *from, long bytes) {
    char *t = to;
    const char *f = from;
    long head = (long)(-(uintptr_t)t & 31);
    if (bytes < 256 + head) {
        memcpy(t, f, (size_t)bytes);
        return;
    }
    memcpy(t, f, (size_t)head);
    long i = head;
    typedef float aligned8 __attribute__((vector_size(32)));
    for (; i + 32 <= bytes; i += 32) {
        aligned8 v;
        __builtin_memcpy(&v, f + i, 32);
        __builtin_nontemporal_store(v, (aligned8 *)(t + i));
    }
    memcpy(t + i, f + i, (size_t)(bytes - i));
}
