// Reductions. A fold over columns (fold_rows) keeps one accumulator per column; a fold of one long run (fold) treats it
// as rows of LANES columns, so that it runs in vector registers and sums stay accurate, and then folds the lanes.

enum { LANES = 64 };

#define SUM_STEP(x, y) ((x) + (y))
#define PRODUCT_STEP(x, y) ((x) * (y))
// The second wins where it is greater or NaN; a NaN in the first stays, because no comparison with it holds.
#define MAXIMUM_STEP(x, y) ((((y) > (x)) | ((y) != (y))) ? (y) : (x))
#define MINIMUM_STEP(x, y) ((((y) < (x)) | ((y) != (y))) ? (y) : (x))

// Of what came before and four rows, in that order.
#define SUM_OF_FIVE(T, acc, a, b, c, d) ((acc) + (((a) + (b)) + ((c) + (d))))
#define PRODUCT_OF_FIVE(T, acc, a, b, c, d) ((acc) * (((a) * (b)) * ((c) * (d))))
#define MAXIMUM_OF_FIVE(T, acc, a, b, c, d) maximum_of_five_##T(acc, a, b, c, d)
#define MINIMUM_OF_FIVE(T, acc, a, b, c, d) minimum_of_five_##T(acc, a, b, c, d)

// The greater of two numbers is one instruction; whether one of the four is no number is asked of all together.
#define EXTREME_OF_FIVE(NAME, T, BEATS, NONE) \
    static inline ALWAYS T NAME##_of_five_##T(T acc, T a, T b, T c, T d) { \
        T first = b BEATS a ? b : a, second = d BEATS c ? d : c; \
        T four = second BEATS first ? second : first; \
        T five = four BEATS acc ? four : acc; \
        bool none = (a != a) | (b != b) | (c != c) | (d != d); \
        return none ? NONE : five; \
    }
#define EXTREMES_OF_FIVE(T, NONE) \
    EXTREME_OF_FIVE(maximum, T, >, NONE) \
    EXTREME_OF_FIVE(minimum, T, <, NONE)
EXTREMES_OF_FIVE(uint8_t, 0)
EXTREMES_OF_FIVE(int32_t, 0)
EXTREMES_OF_FIVE(int64_t, 0)
EXTREMES_OF_FIVE(float, __builtin_nanf(""))
EXTREMES_OF_FIVE(double, __builtin_nan(""))

// U is the type to compute in: unsigned for integers, which wrap.
#define FOLDS(NAME, STEP, OF_FIVE, T, U) \
    static inline ALWAYS void NAME##_rows_##T(T *acc, const T *x, long stride, long rows, long n) { \
        long row = 0; \
        for (; row + 4 <= rows; row += 4) { \
            const T *x0 = x + row * stride, *x1 = x0 + stride, *x2 = x1 + stride, *x3 = x2 + stride; \
            EACH { \
                acc[i] = (T)OF_FIVE(T, (U)acc[i], (U)x0[i], (U)x1[i], (U)x2[i], (U)x3[i]); \
            } \
        } \
        for (; row < rows; row++) { \
            const T *x0 = x + row * stride; \
            EACH acc[i] = (T)STEP((U)acc[i], (U)x0[i]); \
        } \
    } \
    static void fold_rows_##NAME##_##T( \
        void *acc, int64_t *index, const void *x, long stride, long rows, long n, int64_t base) { \
        (void)index, (void)base; \
        NAME##_rows_##T(acc, x, stride, rows, n); \
    } \
    static void merge_##NAME##_##T( \
        void *acc, int64_t *index, const void *other, const int64_t *other_index, long n) { \
        (void)index, (void)other_index; \
        NAME##_rows_##T(acc, other, 0, 1, n); \
    } \
    static void fold_##NAME##_##T(void *acc, int64_t *index, const void *data, long n, int64_t base) { \
        (void)index, (void)base; \
        const T *x = data; \
        T total = *(T *)acc; \
        if (n >= 2 * LANES) { \
            T lanes[LANES]; \
            for (int i = 0; i < LANES; i++) lanes[i] = x[i]; \
            long rows = n / LANES; \
            NAME##_rows_##T(lanes, x + LANES, LANES, rows - 1, LANES); \
            for (int width = LANES / 2; width > 0; width /= 2) { \
                for (int i = 0; i < width; i++) lanes[i] = (T)STEP((U)lanes[i], (U)lanes[i + width]); \
            } \
            total = (T)STEP((U)total, (U)lanes[0]); \
            x += rows * LANES; \
            n -= rows * LANES; \
        } \
        if (n >= 8) { \
            T lanes[8]; \
            for (int i = 0; i < 8; i++) lanes[i] = x[i]; \
            long rows = n / 8; \
            for (long row = 1; row < rows; row++) { \
                for (int i = 0; i < 8; i++) lanes[i] = (T)STEP((U)lanes[i], (U)x[row * 8 + i]); \
            } \
            for (int width = 4; width > 0; width /= 2) { \
                for (int i = 0; i < width; i++) lanes[i] = (T)STEP((U)lanes[i], (U)lanes[i + width]); \
            } \
            total = (T)STEP((U)total, (U)lanes[0]); \
            x += rows * 8; \
            n -= rows * 8; \
        } \
        for (long i = 0; i < n; i++) total = (T)STEP((U)total, (U)x[i]); \
        *(T *)acc = total; \
    }

// Whether y takes the place of x, which came first.
#define ARGMAX_WINS(x, y) (((y) > (x)) | (((y) != (y)) & ((x) == (x))))
#define ARGMIN_WINS(x, y) (((y) < (x)) | (((y) != (y)) & ((x) == (x))))

// index < 0 says that nothing was folded yet.
#define ARGUMENT_FOLDS(NAME, EXTREME, WINS, T) \
    static void fold_rows_##NAME##_##T( \
        void *acc, int64_t *index, const void *data, long stride, long rows, long n, int64_t base) { \
        T *best = acc; \
        for (long row = 0; row < rows; row++) { \
            const T *x = (const T *)data + row * stride; \
            EACH { \
                T y = x[i], old = best[i]; \
                bool wins = WINS(old, y) | (index[i] < 0); \
                best[i] = wins ? y : old; \
                index[i] = wins ? base + row : index[i]; \
            } \
        } \
    } \
    static void merge_##NAME##_##T( \
        void *acc, int64_t *index, const void *other, const int64_t *other_index, long n) { \
        T *best = acc; \
        const T *x = other; \
        for (long i = 0; i < n; i++) { \
            if (other_index[i] < 0 || !(index[i] < 0 || WINS(best[i], x[i]))) continue; \
            best[i] = x[i]; \
            index[i] = other_index[i]; \
        } \
    } \
    static void fold_##NAME##_##T(void *acc, int64_t *index, const void *data, long n, int64_t base) { \
        const T *x = data; \
        T *best = acc; \
        if (n <= 0) return; \
        T extreme = x[0]; \
        fold_##EXTREME##_##T(&extreme, NULL, x, n, 0); \
        if (!(*index < 0 || WINS(*best, extreme))) return; \
        long place = 0; \
        while (place < n && !(x[place] == extreme || (extreme != extreme && x[place] != x[place]))) place++; \
        *best = extreme; \
        *index = base + place; \
    }

#define ALL_FOLDS(T, U) \
    FOLDS(sum, SUM_STEP, SUM_OF_FIVE, T, U) \
    FOLDS(product, PRODUCT_STEP, PRODUCT_OF_FIVE, T, U) \
    FOLDS(maximum, MAXIMUM_STEP, MAXIMUM_OF_FIVE, T, T) \
    FOLDS(minimum, MINIMUM_STEP, MINIMUM_OF_FIVE, T, T) \
    ARGUMENT_FOLDS(argmax, maximum, ARGMAX_WINS, T) \
    ARGUMENT_FOLDS(argmin, minimum, ARGMIN_WINS, T)

ALL_FOLDS(uint8_t, uint32_t)
ALL_FOLDS(int32_t, uint32_t)
ALL_FOLDS(int64_t, uint64_t)
ALL_FOLDS(float, float)
ALL_FOLDS(double, double)
