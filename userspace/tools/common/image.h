/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures: PNG, JPEG, PPM and PGM files to bytes of red, green and blue.
 */
#ifndef TOOL_IMAGE_H
#define TOOL_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_ERROR_SIZE	512
/* Pixels along an axis. */
#define IMAGE_MAX_SIZE		32768

/**
 * struct image - a picture
 * @width, @height: pixels, > 0
 * @pixels: 3 bytes each, rows from the top; what is transparent lies before black
 */
struct image {
	uint32_t width, height;
	uint8_t *pixels;
};

/* Whether a file begins like one that image_decode() reads. */
bool image_is(const void *data, size_t size);
/*
 * Pixels of the file that @data is the contents of; image_free() them. -errno with a text that
 * names @path.
 */
int image_decode(struct image *image, const char *path, const void *data, size_t size,
		 char error[IMAGE_ERROR_SIZE]);
void image_free(struct image *image);

/* "PATH: text" to @error, IMAGE_ERROR_SIZE bytes; returns -EINVAL. */
__attribute__((format(printf, 3, 4)))
int image_fail(char *error, const char *path, const char *format, ...);

#endif
