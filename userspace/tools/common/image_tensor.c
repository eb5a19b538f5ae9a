// SPDX-License-Identifier: Apache-2.0
/*
 * A picture as a model's input. Sizes change by the mean of the pixels that each new one covers
 * when it gets smaller, and by linear interpolation when it gets larger.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image_tensor.h"

/*
 * Where the picture's elements lie in the tensor: @channel, @row and 1 column apart, times
 * @column elements.
 */
struct place {
	uint32_t channels, height, width;
	size_t channel, row, column;
};

static bool channels_fit(uint32_t n)
{
	return n == 1 || n == 3;
}

static int find_place(struct place *p, enum image_layout layout, uint32_t ndim,
		      const uint32_t *shape, const char *path, char *error)
{
	if (ndim == 4 && shape[0] != 1)
		return image_fail(error, path, "a picture is one inference, but the model takes %u at a time: give it an array", shape[0]);
	if (ndim == 4) {
		shape++;
		ndim--;
	}
	if (ndim == 2 && shape[0] > 1) {
		*p = (struct place) { 1, shape[0], shape[1], 0, shape[1], 1 };
		return 0;
	}
	if (ndim == 3 && channels_fit(shape[0]) && layout != IMAGE_LAYOUT_NHWC) {
		*p = (struct place) { shape[0], shape[1], shape[2], (size_t)shape[1] * shape[2],
				      shape[2], 1 };
		return 0;
	}
	if (ndim == 3 && channels_fit(shape[2]) && layout != IMAGE_LAYOUT_NCHW) {
		*p = (struct place) { shape[2], shape[0], shape[1], 1, (size_t)shape[1] * shape[2],
				      shape[2] };
		return 0;
	}
	return image_fail(error, path, "the input's shape is none of pictures: (1, 3, height, width) and such (see --layout)");
}

/*
 * The part of a source axis that is shown, and where it is in the target: target pixel i covers
 * @start + (i - @first) * @step .. + @step; pixels not in @first .. @first + @count are black.
 */
struct axis {
	double start, step;
	uint32_t first, count, size;
};

static struct axis make_axis(uint32_t from, uint32_t to, double step, bool pad)
{
	struct axis a = { 0, step, 0, to, from };

	if (pad) {
		a.count = fmax(1, fmin(to, round(from / step)));
		a.first = (to - a.count) / 2;
		a.step = (double)from / a.count;
	} else {
		a.start = (from - to * step) / 2;
	}
	return a;
}

/* Mean of what lies below a target pixel, or what is between two pixels when it grows. */
static uint32_t weights(const struct axis *a, uint32_t target, uint32_t *first, float *weight)
{
	double from = a->start + (target - a->first) * a->step, width = fmax(a->step, 1), sum = 0;
	double middle = from + a->step / 2;
	int64_t low = floor(middle - width / 2 + 1e-9), high, i;
	uint32_t n = 0;

	high = ceil(middle + width / 2 - 1e-9);
	*first = low < 0 ? 0 : low;
	for (i = low; i < high; i++) {
		double covered = fmin(i + 1, middle + width / 2) - fmax(i, middle - width / 2);
		int64_t at = i < 0 ? 0 : i >= a->size ? a->size - 1 : i;

		/* What lies outside counts for the pixel at the edge. */
		if (at < *first)
			at = *first;
		while (n <= at - *first)
			weight[n++] = 0;
		weight[at - *first] += covered;
		sum += covered;
	}
	for (i = 0; i < n; i++)
		weight[i] /= sum;
	return n;
}

static int resize_columns(const struct image *image, const struct axis *a, uint32_t width,
			  float **out)
{
	float *weight = malloc((ceil(fmax(a->step, 1)) + 2) * sizeof(*weight));
	uint32_t x, y, c, i, n, first;

	*out = calloc((size_t)width * image->height * 3, sizeof(float));
	if (!weight || !*out) {
		free(weight);
		return -ENOMEM;
	}
	for (x = a->first; x < a->first + a->count; x++) {
		n = weights(a, x, &first, weight);
		for (y = 0; y < image->height; y++) {
			const uint8_t *from = image->pixels + ((size_t)y * image->width + first) * 3;
			float *to = *out + ((size_t)y * width + x) * 3;

			for (i = 0; i < n; i++)
				for (c = 0; c < 3; c++)
					to[c] += weight[i] * from[i * 3 + c];
		}
	}
	free(weight);
	return 0;
}

static int resize_rows(const float *in, const struct axis *a, uint32_t width, uint32_t height,
		       float *out)
{
	float *weight = malloc((ceil(fmax(a->step, 1)) + 2) * sizeof(*weight));
	uint32_t y, i, n, first;
	size_t x;

	if (!weight)
		return -ENOMEM;
	memset(out, 0, (size_t)width * height * 3 * sizeof(*out));
	for (y = a->first; y < a->first + a->count; y++) {
		n = weights(a, y, &first, weight);
		for (i = 0; i < n; i++)
			for (x = 0; x < (size_t)width * 3; x++)
				out[(size_t)y * width * 3 + x] +=
					weight[i] * in[(size_t)(first + i) * width * 3 + x];
	}
	free(weight);
	return 0;
}

static int resize(const struct image *image, enum image_resize how, uint32_t width, uint32_t height,
		  float *out)
{
	double sx = (double)image->width / width, sy = (double)image->height / height;
	float *wide = NULL;
	struct axis columns, rows;
	int rc;

	if (how == IMAGE_RESIZE_CROP)
		sx = sy = fmin(sx, sy);
	else if (how == IMAGE_RESIZE_PAD)
		sx = sy = fmax(sx, sy);
	columns = make_axis(image->width, width, sx, how == IMAGE_RESIZE_PAD);
	rows = make_axis(image->height, height, sy, how == IMAGE_RESIZE_PAD);
	rc = resize_columns(image, &columns, width, &wide);
	if (!rc)
		rc = resize_rows(wide, &rows, width, height, out);
	free(wide);
	return rc;
}

static uint16_t bfloat_bits(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	/* To the nearest, ties to even; pixels are never NaN. */
	return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

static void store(void *data, nrt_dtype_t dtype, size_t at, double value)
{
	switch (dtype) {
	case NRT_DTYPE_FLOAT32:
		((float *)data)[at] = value;
		break;
	case NRT_DTYPE_BFLOAT16:
		((uint16_t *)data)[at] = bfloat_bits(value);
		break;
	case NRT_DTYPE_UINT8:
		((uint8_t *)data)[at] = fmax(0, fmin(255, rint(value)));
		break;
	case NRT_DTYPE_INT8:
		((int8_t *)data)[at] = fmax(-128, fmin(127, rint(value)));
		break;
	default:
		((int32_t *)data)[at] = fmax(INT32_MIN, fmin(INT32_MAX, rint(value)));
		break;
	}
}

static void normalise(const float *pixels, const struct place *p, const struct image_options *o,
		      nrt_dtype_t dtype, void *data)
{
	bool floats = dtype == NRT_DTYPE_FLOAT32 || dtype == NRT_DTYPE_BFLOAT16;
	double scale = o->scale ? o->scale : floats ? 1.0 / 255 : 1;
	uint32_t x, y, c;

	for (y = 0; y < p->height; y++)
		for (x = 0; x < p->width; x++, pixels += 3)
			for (c = 0; c < p->channels; c++) {
				/* Grey as television weighs the colours (BT.601). */
				double v = p->channels == 1 ?
					0.299 * pixels[0] + 0.587 * pixels[1] + 0.114 * pixels[2] :
					pixels[o->bgr ? 2 - c : c];

				v = (v * scale - o->mean[c]) / o->std[c];
				store(data, dtype, c * p->channel + y * p->row + x * p->column, v);
			}
}

int image_to_tensor(const struct image *image, const char *path, const struct image_options *options,
		    nrt_dtype_t dtype, uint32_t ndim, const uint32_t *shape, void *data,
		    char error[IMAGE_ERROR_SIZE])
{
	struct place p = { 0 };
	float *pixels;
	int rc;

	if (dtype != NRT_DTYPE_FLOAT32 && dtype != NRT_DTYPE_BFLOAT16 && dtype != NRT_DTYPE_UINT8 &&
	    dtype != NRT_DTYPE_INT8 && dtype != NRT_DTYPE_INT32)
		return image_fail(error, path, "pictures become float32, bfloat16, uint8, int8 or int32, and the input is none of them: give it an array");
	rc = find_place(&p, options->layout, ndim, shape, path, error);
	if (rc)
		return rc;
	if (options->resize == IMAGE_RESIZE_OFF &&
	    (p.width != image->width || p.height != image->height))
		return image_fail(error, path, "%u x %u pixels, but the model takes %u x %u (see --resize)",
			    image->width, image->height, p.width, p.height);
	pixels = malloc((size_t)p.width * p.height * 3 * sizeof(*pixels));
	rc = pixels ? resize(image, options->resize, p.width, p.height, pixels) : -ENOMEM;
	if (rc)
		image_fail(error, path, "out of memory");
	else
		normalise(pixels, &p, options, dtype, data);
	free(pixels);
	return rc;
}
