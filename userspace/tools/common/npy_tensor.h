/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether an array of NumPy fits a tensor of a model.
 */
#ifndef TOOL_NPY_TENSOR_H
#define TOOL_NPY_TENSOR_H

#include <stdbool.h>
#include <nrt/nrt_experimental.h>

#include "npy.h"

/* Whether a file's name or first bytes are those of such an array. */
bool npy_is(const char *path);

/* 0, or -EINVAL with a text if its elements are not of @info's type. NumPy's bool is a byte, too. */
int npy_check_type(const struct npy *npy, const nrt_tensor_info_t *info,
		   char error[NPY_ERROR_SIZE]);

/* Whether the array's dimensions from @from on are @info's from @info_from on. */
bool npy_has_shape(const struct npy *npy, uint32_t from, const nrt_tensor_info_t *info,
		   uint32_t info_from);

/* 0, or -EINVAL with a text if its shape is not @info's. */
int npy_check_shape(const struct npy *npy, const nrt_tensor_info_t *info,
		    char error[NPY_ERROR_SIZE]);

#endif
