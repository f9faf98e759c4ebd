#include "CImageCodecs.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void *tjhandle;

/* Numbers of turbojpeg.h, part of its stable binary interface. */
enum {
    TJCS_CMYK = 3,
    TJCS_YCCK = 4,
    TJPF_RGBA = 7,
    TJPF_CMYK = 11,
    /* The exact transform, which other decoders use too. */
    TJFLAG_ACCURATEDCT = 4096,
    TJERR_WARNING = 0,
};

struct nt_jpeg {
    tjhandle (*init)(void);
    int (*header)(tjhandle, const unsigned char *, unsigned long, int *, int *, int *, int *);
    int (*decode)(tjhandle, const unsigned char *, unsigned long, unsigned char *, int, int, int, int, int);
    char *(*message)(tjhandle);
    int (*code)(tjhandle);
    int (*destroy)(tjhandle);
};

nt_jpeg *nt_jpeg_open(const char *path, char *reason, size_t reason_size) {
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        snprintf(reason, reason_size, "%s", dlerror());
        return NULL;
    }
    nt_jpeg *library = calloc(1, sizeof *library);
    if (!library) abort();
    *(void **)&library->init = dlsym(handle, "tjInitDecompress");
    *(void **)&library->header = dlsym(handle, "tjDecompressHeader3");
    *(void **)&library->decode = dlsym(handle, "tjDecompress2");
    *(void **)&library->message = dlsym(handle, "tjGetErrorStr2");
    *(void **)&library->code = dlsym(handle, "tjGetErrorCode");
    *(void **)&library->destroy = dlsym(handle, "tjDestroy");
    if (library->init && library->header && library->decode && library->message && library->code && library->destroy)
        return library;
    snprintf(reason, reason_size, "%s lacks an entry point: it is older than libjpeg-turbo 2", path);
    free(library);
    dlclose(handle);
    return NULL;
}

static int begin(nt_jpeg *library, tjhandle *handle, const void *bytes, size_t size, nt_image_size *found,
                 char *message, size_t message_size) {
    *handle = library->init();
    if (!*handle) {
        snprintf(message, message_size, "no memory to decode");
        return 0;
    }
    int width = 0, height = 0, sampling = 0, space = 0;
    if (library->header(*handle, bytes, size, &width, &height, &sampling, &space) != 0 || width <= 0 || height <= 0) {
        snprintf(message, message_size, "%s", library->message(*handle));
        library->destroy(*handle);
        return 0;
    }
    *found = (nt_image_size){.width = (uint32_t)width,
                             .height = (uint32_t)height,
                             .is_cmyk = space == TJCS_CMYK || space == TJCS_YCCK};
    return 1;
}

int nt_jpeg_size(nt_jpeg *library, const void *bytes, size_t size, nt_image_size *found, char *message,
                 size_t message_size) {
    tjhandle handle;
    if (!begin(library, &handle, bytes, size, found, message, message_size)) return 0;
    library->destroy(handle);
    return 1;
}

int nt_jpeg_decode(nt_jpeg *library, const void *bytes, size_t size, const nt_image_size *found, uint8_t *pixels,
                   char *message, size_t message_size) {
    tjhandle handle;
    nt_image_size now;
    if (!begin(library, &handle, bytes, size, &now, message, message_size)) return 0;
    int done = 0;
    if (now.width != found->width || now.height != found->height || now.is_cmyk != found->is_cmyk) {
        snprintf(message, message_size, "the size changed");
    } else {
        int format = found->is_cmyk ? TJPF_CMYK : TJPF_RGBA;
        done = library->decode(handle, bytes, size, pixels, (int)found->width, 0, (int)found->height, format,
                               TJFLAG_ACCURATEDCT) == 0;
        if (!done) {
            snprintf(message, message_size, "%s", library->message(handle));
            /* Bytes between segments harm nothing; other warnings are of pictures that end early or are damaged. */
            done = library->code(handle) == TJERR_WARNING && strstr(message, "extraneous bytes") != NULL;
        }
    }
    library->destroy(handle);
    return done;
}
