// Philox 4x32-10, bit for bit as Philox.swift: number `position` is word position % 4 of the block position / 4.

enum { PHILOX_BLOCKS = 16 };

// Blocks first, first + 1, ...: words[w][l] is word w of block first + l.
static inline ALWAYS void philox_blocks(uint32_t words[4][PHILOX_BLOCKS], uint64_t first, uint64_t key) {
    uint32_t c0[PHILOX_BLOCKS], c1[PHILOX_BLOCKS], c2[PHILOX_BLOCKS], c3[PHILOX_BLOCKS];
    for (int l = 0; l < PHILOX_BLOCKS; l++) {
        uint64_t counter = first + (uint64_t)l;
        c0[l] = (uint32_t)counter;
        c1[l] = (uint32_t)(counter >> 32);
        c2[l] = c3[l] = 0;
    }
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        for (int l = 0; l < PHILOX_BLOCKS; l++) {
            uint64_t p0 = (uint64_t)c0[l] * 0xd2511f53u, p1 = (uint64_t)c2[l] * 0xcd9e8d57u;
            uint32_t x0 = (uint32_t)(p1 >> 32) ^ c1[l] ^ k0, x2 = (uint32_t)(p0 >> 32) ^ c3[l] ^ k1;
            c1[l] = (uint32_t)p1;
            c3[l] = (uint32_t)p0;
            c0[l] = x0;
            c2[l] = x2;
        }
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    for (int l = 0; l < PHILOX_BLOCKS; l++) {
        words[0][l] = c0[l];
        words[1][l] = c1[l];
        words[2][l] = c2[l];
        words[3][l] = c3[l];
    }
}

static uint32_t philox_word(uint64_t position, uint64_t key) {
    uint64_t counter = position >> 2;
    uint32_t c0 = (uint32_t)counter, c1 = (uint32_t)(counter >> 32), c2 = 0, c3 = 0;
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)c0 * 0xd2511f53u, p1 = (uint64_t)c2 * 0xcd9e8d57u;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    uint32_t words[4] = {c0, c1, c2, c3};
    return words[position & 3];
}

#define RANDOM(NAME, T, CONVERT) \
    static void random_run_##NAME(void *out_, uint64_t first, uint64_t key, long n) { \
        T *out = out_; \
        long i = 0; \
        for (; i < n && ((first + (uint64_t)i) & 3); i++) out[i] = CONVERT(philox_word(first + (uint64_t)i, key)); \
        for (; i + 4 * PHILOX_BLOCKS <= n; i += 4 * PHILOX_BLOCKS) { \
            uint32_t words[4][PHILOX_BLOCKS]; \
            philox_blocks(words, (first + (uint64_t)i) >> 2, key); \
            for (int l = 0; l < PHILOX_BLOCKS; l++) { \
                for (int w = 0; w < 4; w++) out[i + 4 * l + w] = CONVERT(words[w][l]); \
            } \
        } \
        if (i < n) { \
            uint32_t words[4][PHILOX_BLOCKS]; \
            philox_blocks(words, (first + (uint64_t)i) >> 2, key); \
            for (long k = 0; k < n - i; k++) out[i + k] = CONVERT(words[k & 3][k >> 2]); \
        } \
    } \
    static void random_at_##NAME(void *out_, const int64_t *index, uint64_t key, uint64_t offset, long n) { \
        T *out = out_; \
        for (long i = 0; i < n; i++) out[i] = CONVERT(philox_word(offset + (uint64_t)index[i], key)); \
    }

#define AS_BITS(word) ((int32_t)(word))
#define AS_UNIFORM(word) ((float)(int32_t)((word) >> 8) * 0x1p-24f)
RANDOM(bits, int32_t, AS_BITS)
RANDOM(uniform, float, AS_UNIFORM)
