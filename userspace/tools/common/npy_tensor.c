// SPDX-License-Identifier: Apache-2.0
/*
 * Whether an array of NumPy fits a tensor of a model.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <nrt/nrt_open.h>

#include "dtype.h"
#include "npy_tensor.h"

bool npy_is(const char *path)
{
	static const char magic[] = "\x93NUMPY";
	size_t n = strlen(path);
	char begin[sizeof(magic) - 1];
	bool result = n > 4 && !strcmp(path + n - 4, ".npy");
	FILE *f = result ? NULL : fopen(path, "re");

	if (f) {
		result = fread(begin, sizeof(begin), 1, f) == 1 &&
			 !memcmp(begin, magic, sizeof(begin));
		fclose(f);
	}
	return result;
}

int npy_check_type(const struct npy *npy, const nrt_tensor_info_t *info,
		   char error[NPY_ERROR_SIZE])
{
	const char *wanted = nrt_dtype_name(info->dtype);

	if (npy->dtype == info->dtype ||
	    (npy->dtype == NRT_OPEN_DTYPE_BOOL && info->dtype == NRT_DTYPE_UINT8))
		return 0;
	snprintf(error, NPY_ERROR_SIZE,
		 "%.256s: type is %s, but input %.100s is %s; convert it with a.astype('%s')",
		 npy->path, npy->dtype ? nrt_dtype_name(npy->dtype) : npy->descr, info->name, wanted,
		 wanted);
	return -EINVAL;
}

bool npy_has_shape(const struct npy *npy, uint32_t from, const nrt_tensor_info_t *info,
		   uint32_t info_from)
{
	uint32_t i;

	if (npy->ndim < from || npy->ndim - from != info->ndim - info_from)
		return false;
	for (i = 0; i < npy->ndim - from; i++)
		if (npy->shape[from + i] != info->shape[info_from + i])
			return false;
	return true;
}

int npy_check_shape(const struct npy *npy, const nrt_tensor_info_t *info,
		    char error[NPY_ERROR_SIZE])
{
	char has[128], wanted[128];
	uint64_t shape[NPY_MAX_DIMS];
	uint32_t i;

	if (npy_has_shape(npy, 0, info, 0))
		return 0;
	for (i = 0; i < info->ndim; i++)
		shape[i] = info->shape[i];
	npy_shape_text(npy->ndim, npy->shape, has, sizeof(has));
	npy_shape_text(info->ndim, shape, wanted, sizeof(wanted));
	snprintf(error, NPY_ERROR_SIZE, "%.150s: shape is %s, but that of input %.64s is %s",
		 npy->path, has, info->name, wanted);
	return -EINVAL;
}
