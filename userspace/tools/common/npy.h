/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NumPy's array files (.npy, versions 1 to 3): read piecewise, written in one go.
 *
 * Functions return 0, or -errno with a text that names the file and the way out.
 */
#ifndef TOOL_NPY_H
#define TOOL_NPY_H

#include <stddef.h>
#include <stdint.h>
#include <nrt/nrt.h>

#define NPY_MAX_DIMS	32
#define NPY_ERROR_SIZE	512

/**
 * struct npy - an open file
 * @dtype: NRT_DTYPE_UNKNOWN for a type that models do not have
 * @descr: the type as the file spells it, such as "<f4"
 * @size: bytes of the data; the file has them
 */
struct npy {
	int fd;
	const char *path;
	nrt_dtype_t dtype;
	char descr[16];
	uint32_t ndim;
	uint64_t shape[NPY_MAX_DIMS];
	uint64_t start;
	uint64_t size;
};

/* Open for reading. @path has to live as long as @npy. */
int npy_open(struct npy *npy, const char *path, char error[NPY_ERROR_SIZE]);
/* Bytes @offset .. @offset + @length of the data. */
int npy_read(const struct npy *npy, uint64_t offset, void *buf, size_t length,
	     char error[NPY_ERROR_SIZE]);
/* Create for writing; npy_write() then appends to the data. */
int npy_create(struct npy *npy, const char *path, nrt_dtype_t dtype, uint32_t ndim,
	       const uint64_t *shape, char error[NPY_ERROR_SIZE]);
int npy_write(struct npy *npy, const void *buf, size_t length, char error[NPY_ERROR_SIZE]);
/* Close either kind. */
int npy_close(struct npy *npy, char error[NPY_ERROR_SIZE]);

/* "(1, 3)" as NumPy prints it; "()" for a scalar. */
const char *npy_shape_text(uint32_t ndim, const uint64_t *shape, char *text, size_t size);

#endif
