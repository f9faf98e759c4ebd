#include "CImageCodecs.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* png_image of libpng 1.6: part of its stable binary interface. */
typedef struct {
    void *opaque;
    uint32_t version;
    uint32_t width;
    uint32_t height;
    uint32_t format;
    uint32_t flags;
    uint32_t colormap_entries;
    uint32_t warning_or_error;
    char message[64];
} png_image;

enum {
    PNG_IMAGE_VERSION = 1,
    /* Bytes of red, green, blue, alpha. */
    PNG_FORMAT_RGBA = 3,
    /* 16-bit pixels that do not say what they are, are sRGB, as those of 8 bits. */
    PNG_IMAGE_FLAG_16BIT_SRGB = 4,
    /* Bit of warning_or_error: an error. */
    PNG_IMAGE_ERROR = 2,
};

struct nt_png {
    int (*begin)(png_image *, const void *, size_t);
    int (*finish)(png_image *, const void *, void *, int32_t, void *);
    void (*free)(png_image *);
};

nt_png *nt_png_open(const char *path, char *reason, size_t reason_size) {
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        snprintf(reason, reason_size, "%s", dlerror());
        return NULL;
    }
    nt_png *library = calloc(1, sizeof *library);
    if (!library) abort();
    *(void **)&library->begin = dlsym(handle, "png_image_begin_read_from_memory");
    *(void **)&library->finish = dlsym(handle, "png_image_finish_read");
    *(void **)&library->free = dlsym(handle, "png_image_free");
    if (library->begin && library->finish && library->free) return library;
    snprintf(reason, reason_size, "%s has no simplified interface: it is older than libpng 1.6", path);
    free(library);
    dlclose(handle);
    return NULL;
}

static int begin(nt_png *library, png_image *image, const void *bytes, size_t size, char *message,
                 size_t message_size) {
    memset(image, 0, sizeof *image);
    image->version = PNG_IMAGE_VERSION;
    if (library->begin(image, bytes, size)) return 1;
    snprintf(message, message_size, "%s", image->message);
    library->free(image);
    return 0;
}

int nt_png_size(nt_png *library, const void *bytes, size_t size, nt_image_size *found, char *message,
                size_t message_size) {
    png_image image;
    if (!begin(library, &image, bytes, size, message, message_size)) return 0;
    *found = (nt_image_size){.width = image.width, .height = image.height, .is_cmyk = 0};
    library->free(&image);
    return 1;
}

/* What says how the stored numbers are to be seen: libpng's simplified interface would change them by it. */
static int is_about_colour(const unsigned char *type) {
    static const char types[4][4] = {"gAMA", "cHRM", "sRGB", "iCCP"};
    for (int i = 0; i < 4; i++)
        if (memcmp(type, types[i], 4) == 0) return 1;
    return 0;
}

/* The file without those chunks; NULL where there is no memory. What is no chunk is kept, for libpng to refuse. */
static unsigned char *as_stored(const unsigned char *bytes, size_t size, size_t *kept) {
    unsigned char *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) return NULL;
    size_t at = size < 8 ? size : 8;
    memcpy(copy, bytes, at);
    *kept = at;
    while (size - at >= 12) {
        size_t length = ((size_t)bytes[at] << 24) | ((size_t)bytes[at + 1] << 16) | ((size_t)bytes[at + 2] << 8) | bytes[at + 3];
        if (length > size - at - 12) break;
        if (!is_about_colour(bytes + at + 4)) {
            memcpy(copy + *kept, bytes + at, length + 12);
            *kept += length + 12;
        }
        at += length + 12;
    }
    memcpy(copy + *kept, bytes + at, size - at);
    *kept += size - at;
    return copy;
}

int nt_png_decode(nt_png *library, const void *bytes, size_t size, const nt_image_size *found, uint8_t *pixels,
                  char *message, size_t message_size) {
    size_t kept = 0;
    unsigned char *stored = as_stored(bytes, size, &kept);
    if (stored == NULL) {
        snprintf(message, message_size, "no memory for its %zu bytes", size);
        return 0;
    }
    png_image image;
    if (!begin(library, &image, stored, kept, message, message_size)) {
        free(stored);
        return 0;
    }
    if (image.width != found->width || image.height != found->height) {
        snprintf(message, message_size, "the size changed");
        library->free(&image);
        free(stored);
        return 0;
    }
    image.format = PNG_FORMAT_RGBA;
    image.flags |= PNG_IMAGE_FLAG_16BIT_SRGB;
    /* It frees the image, whether it fails or not. */
    int done = library->finish(&image, NULL, pixels, 0, NULL);
    free(stored);
    if (!done || (image.warning_or_error & PNG_IMAGE_ERROR)) {
        snprintf(message, message_size, "%s", image.message);
        return 0;
    }
    return 1;
}
