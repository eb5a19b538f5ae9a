/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A picture as a model's input: size, normalisation, order.
 */
#ifndef TOOL_IMAGE_TENSOR_H
#define TOOL_IMAGE_TENSOR_H

#include <nrt/nrt.h>

#include "image.h"

enum image_resize {
	IMAGE_RESIZE_STRETCH,	/* to the model's width and height */
	IMAGE_RESIZE_CROP,	/* the short side fits, the middle of the long one is taken */
	IMAGE_RESIZE_PAD,	/* the long side fits, black around */
	IMAGE_RESIZE_OFF,	/* another size is an error */
};

enum image_layout {
	IMAGE_LAYOUT_AUTO,	/* by where the dimension of 1 or 3 is */
	IMAGE_LAYOUT_NCHW,
	IMAGE_LAYOUT_NHWC,
};

/**
 * struct image_options - what is done with a picture
 * @scale: pixels, 0 .. 255, times this; 0: 1/255 for models of floats, else 1
 * @mean, @std: subtracted from, and divided by, for each channel in the model's order
 * @bgr: the model's order is blue, green, red
 */
struct image_options {
	enum image_resize resize;
	enum image_layout layout;
	double scale;
	double mean[3], std[3];
	bool bgr;
};

/*
 * Elements of a tensor of @ndim (2 .. 4) dimensions, dense. A model of one channel gets grey.
 * -errno with a text.
 */
int image_to_tensor(const struct image *image, const char *path, const struct image_options *options,
		    nrt_dtype_t dtype, uint32_t ndim, const uint32_t *shape, void *data,
		    char error[IMAGE_ERROR_SIZE]);

#endif
