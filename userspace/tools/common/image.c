// SPDX-License-Identifier: Apache-2.0
/*
 * Pictures by libpng and libjpeg; PPM and PGM, which are a line of numbers and bytes, by ourselves.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

#include "image.h"

int image_fail(char *error, const char *path, const char *format, ...)
{
	int n = snprintf(error, IMAGE_ERROR_SIZE, "%.256s: ", path);
	va_list args;

	va_start(args, format);
	vsnprintf(error + n, IMAGE_ERROR_SIZE - n, format, args);
	va_end(args);
	return -EINVAL;
}

static int allocate(struct image *image, const char *path, uint32_t width, uint32_t height,
		    char *error)
{
	if (!width || !height || width > IMAGE_MAX_SIZE || height > IMAGE_MAX_SIZE)
		return image_fail(error, path, "%u x %u pixels; a side may have 1 .. %u", width, height,
			    IMAGE_MAX_SIZE);
	image->width = width;
	image->height = height;
	image->pixels = malloc((size_t)width * height * 3);
	return image->pixels ? 0 : image_fail(error, path, "%u x %u pixels do not fit into memory", width,
					height);
}

static int decode_png(struct image *image, const char *path, const void *data, size_t size,
		      char *error)
{
	png_image png = { .version = PNG_IMAGE_VERSION };
	png_color black = { 0 };
	int rc = 0;

	if (!png_image_begin_read_from_memory(&png, data, size))
		return image_fail(error, path, "damaged PNG: %s", png.message);
	png.format = PNG_FORMAT_RGB;
	rc = allocate(image, path, png.width, png.height, error);
	if (!rc && !png_image_finish_read(&png, &black, image->pixels, 0, NULL))
		rc = image_fail(error, path, "damaged PNG: %s", png.message);
	png_image_free(&png);
	return rc;
}

/* libjpeg's way to report: it must not return. */
struct jpeg_failure {
	struct jpeg_error_mgr manager;
	jmp_buf where;
	char text[JMSG_LENGTH_MAX];
};

static void jpeg_failed(j_common_ptr info)
{
	struct jpeg_failure *failure = (struct jpeg_failure *)info->err;

	info->err->format_message(info, failure->text);
	longjmp(failure->where, 1);
}

static void jpeg_silent(j_common_ptr info, int level)
{
	/* A warning is data that is damaged or missing. */
	if (level < 0)
		jpeg_failed(info);
}

static int jpeg_rows(struct jpeg_decompress_struct *jpeg, struct image *image, const char *path,
		     char *error)
{
	int rc;

	jpeg_read_header(jpeg, TRUE);
	if (jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK)
		return image_fail(error, path, "a JPEG for print (CMYK); save it as RGB");
	jpeg->out_color_space = JCS_RGB;
	rc = allocate(image, path, jpeg->image_width, jpeg->image_height, error);
	if (rc)
		return rc;
	jpeg_start_decompress(jpeg);
	while (jpeg->output_scanline < jpeg->output_height) {
		JSAMPROW row = image->pixels + (size_t)jpeg->output_scanline * image->width * 3;

		jpeg_read_scanlines(jpeg, &row, 1);
	}
	jpeg_finish_decompress(jpeg);
	return 0;
}

static int decode_jpeg(struct image *image, const char *path, const void *data, size_t size,
		       char *error)
{
	struct jpeg_decompress_struct jpeg;
	struct jpeg_failure failure;
	int rc;

	jpeg.err = jpeg_std_error(&failure.manager);
	failure.manager.error_exit = jpeg_failed;
	failure.manager.emit_message = jpeg_silent;
	jpeg_create_decompress(&jpeg);
	if (setjmp(failure.where)) {
		rc = image_fail(error, path, "damaged JPEG: %s", failure.text);
	} else {
		jpeg_mem_src(&jpeg, data, size);
		rc = jpeg_rows(&jpeg, image, path, error);
	}
	jpeg_destroy_decompress(&jpeg);
	return rc;
}

/* A number of a PNM's header, behind blanks and comments; false at its end. */
static bool pnm_number(const uint8_t **p, const uint8_t *end, uint32_t *value)
{
	while (*p < end && (strchr(" \t\r\n", **p) || **p == '#')) {
		if (**p == '#')
			while (*p < end && **p != '\n')
				(*p)++;
		else
			(*p)++;
	}
	if (*p == end || **p < '0' || **p > '9')
		return false;
	for (*value = 0; *p < end && **p >= '0' && **p <= '9'; (*p)++) {
		*value = *value * 10 + (**p - '0');
		if (*value > 65536)
			return false;
	}
	return true;
}

static int decode_pnm(struct image *image, const char *path, const uint8_t *data, size_t size,
		      char *error)
{
	const uint8_t *p = data + 2, *end = data + size;
	uint32_t width, height, most, channels = data[1] == '6' ? 3 : 1;
	size_t count, i;
	int rc;

	if (!pnm_number(&p, end, &width) || !pnm_number(&p, end, &height) ||
	    !pnm_number(&p, end, &most) || p == end)
		return image_fail(error, path, "damaged PPM: no width, height and largest value");
	if (most != 255)
		return image_fail(error, path, "largest value is %u; only 255 is supported", most);
	p++;
	rc = allocate(image, path, width, height, error);
	if (rc)
		return rc;
	count = (size_t)width * height;
	if ((size_t)(end - p) < count * channels)
		return image_fail(error, path, "truncated: %zu bytes of pixels, and %zu are missing",
			    (size_t)(end - p), count * channels - (end - p));
	for (i = 0; i < count * 3; i++)
		image->pixels[i] = p[channels == 3 ? i : i / 3];
	return 0;
}

static bool is_png(const uint8_t *data, size_t size)
{
	return size >= 8 && !memcmp(data, "\x89PNG\r\n\x1a\n", 8);
}

static bool is_jpeg(const uint8_t *data, size_t size)
{
	return size >= 3 && !memcmp(data, "\xff\xd8\xff", 3);
}

static bool is_pnm(const uint8_t *data, size_t size)
{
	return size >= 3 && data[0] == 'P' && (data[1] == '5' || data[1] == '6') && data[2] &&
	       strchr(" \t\r\n#", data[2]);
}

bool image_is(const void *data, size_t size)
{
	return is_png(data, size) || is_jpeg(data, size) || is_pnm(data, size);
}

int image_decode(struct image *image, const char *path, const void *data, size_t size,
		 char error[IMAGE_ERROR_SIZE])
{
	int rc;

	*image = (struct image) { 0 };
	if (is_png(data, size))
		rc = decode_png(image, path, data, size, error);
	else if (is_jpeg(data, size))
		rc = decode_jpeg(image, path, data, size, error);
	else if (is_pnm(data, size))
		rc = decode_pnm(image, path, data, size, error);
	else
		rc = image_fail(error, path, "neither PNG, JPEG, PPM nor PGM");
	if (rc)
		image_free(image);
	return rc;
}

void image_free(struct image *image)
{
	free(image->pixels);
	*image = (struct image) { 0 };
}
