/* PNG and JPEG through libraries that are opened at run time. Nothing is linked, and no header of theirs is needed: a program
   without them starts, and says which package is missing when it meets a picture. */
#ifndef NEEDLETAIL_CIMAGECODECS_H
#define NEEDLETAIL_CIMAGECODECS_H

#include <stddef.h>
#include <stdint.h>

/* What a picture is, before anything is decoded. */
typedef struct {
    uint32_t width;
    uint32_t height;
    /* Whether the pixels are four inks of a printer, not red, green and blue. */
    int is_cmyk;
} nt_image_size;

/* libpng 1.6, by its simplified interface. */
typedef struct nt_png nt_png;
/* TurboJPEG 2 or later. */
typedef struct nt_jpeg nt_jpeg;

/* The library at a path; NULL with a reason where it cannot be opened or lacks an entry point. It is never closed. */
nt_png *nt_png_open(const char *path, char *reason, size_t reason_size);
nt_jpeg *nt_jpeg_open(const char *path, char *reason, size_t reason_size);

/* Reads the header of a file in memory. 0 where it is none, with a message. */
int nt_png_size(nt_png *library, const void *bytes, size_t size, nt_image_size *found, char *message,
                size_t message_size);
int nt_jpeg_size(nt_jpeg *library, const void *bytes, size_t size, nt_image_size *found, char *message,
                 size_t message_size);

/* Decodes the picture, whose size was found before: four bytes a pixel, rows from the top. Of PNG they are red, green, blue and
   alpha; of JPEG red, green, blue and 255, or where it is so cyan, magenta, yellow and black as they lie in the file. 0 where
   the file is broken, with a message. */
int nt_png_decode(nt_png *library, const void *bytes, size_t size, const nt_image_size *found, uint8_t *pixels,
                  char *message, size_t message_size);
int nt_jpeg_decode(nt_jpeg *library, const void *bytes, size_t size, const nt_image_size *found, uint8_t *pixels,
                   char *message, size_t message_size);

#endif
