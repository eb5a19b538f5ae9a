// SPDX-License-Identifier: Apache-2.0
/*
 * NumPy's array files: a magic, a header that is a Python dictionary, dense data.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nrt/nrt_open.h>

#include "npy.h"

#define MAGIC		"\x93NUMPY"
#define MAGIC_SIZE	6
#define MAX_HEADER	65536
#define ALIGNMENT	64

static const struct {
	const char *descr;
	nrt_dtype_t dtype;
	unsigned int size;
} types[] = {
	{ "<f4", NRT_DTYPE_FLOAT32, 4 },
	{ "<f2", NRT_DTYPE_FLOAT16, 2 },
	/* NumPy has no bfloat16; ml_dtypes saves it as two opaque bytes. */
	{ "<V2", NRT_DTYPE_BFLOAT16, 2 },
	{ "|V2", NRT_DTYPE_BFLOAT16, 2 },
	{ "|i1", NRT_DTYPE_INT8, 1 },
	{ "|u1", NRT_DTYPE_UINT8, 1 },
	{ "|b1", NRT_OPEN_DTYPE_BOOL, 1 },
	{ "<i2", NRT_DTYPE_INT16, 2 },
	{ "<u2", NRT_DTYPE_UINT16, 2 },
	{ "<i4", NRT_DTYPE_INT32, 4 },
	{ "<u4", NRT_DTYPE_UINT32, 4 },
	{ "<i8", NRT_DTYPE_INT64, 8 },
	{ "<u8", NRT_DTYPE_UINT64, 8 },
	{ "<f8", NRT_OPEN_DTYPE_FLOAT64, 8 },
};

__attribute__((format(printf, 3, 4)))
static int fail(const char *path, char error[NPY_ERROR_SIZE], const char *format, ...)
{
	int n = snprintf(error, NPY_ERROR_SIZE, "%.256s: ", path);
	va_list args;

	va_start(args, format);
	vsnprintf(error + n, NPY_ERROR_SIZE - n, format, args);
	va_end(args);
	return -EINVAL;
}

/* Value of 'key' in the header's dictionary, behind colon and blanks; NULL if it has none. */
static const char *find_key(const char *header, const char *key)
{
	char quoted[24];
	const char *p;

	snprintf(quoted, sizeof(quoted), "'%s'", key);
	p = strstr(header, quoted);
	if (!p)
		return NULL;
	p += strlen(quoted);
	p += strspn(p, " ");
	if (*p++ != ':')
		return NULL;
	return p + strspn(p, " ");
}

static int parse_descr(struct npy *npy, const char *p, unsigned int *size, char *error)
{
	size_t n, i;

	if (!p || *p++ != '\'')
		return fail(npy->path, error, "an array of records, or no type: not supported");
	n = strcspn(p, "'");
	if (!n || n >= sizeof(npy->descr))
		return fail(npy->path, error, "its type is not supported");
	memcpy(npy->descr, p, n);
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(npy->descr, types[i].descr)) {
			npy->dtype = types[i].dtype;
			*size = types[i].size;
			return 0;
		}
	if (*npy->descr == '>')
		return fail(npy->path, error,
			    "type %s is big-endian; save it with a.astype(a.dtype.newbyteorder('<'))",
			    npy->descr);
	return fail(npy->path, error, "type %s is not supported; convert it with a.astype('float32')",
		    npy->descr);
}

static int parse_shape(struct npy *npy, const char *p, char *error)
{
	if (!p || *p++ != '(')
		return fail(npy->path, error, "damaged header: no shape");
	for (;;) {
		char *end;

		p += strspn(p, " ,");
		if (*p == ')')
			return 0;
		if (*p < '0' || *p > '9' || npy->ndim == NPY_MAX_DIMS)
			return fail(npy->path, error, "damaged header: shape");
		errno = 0;
		npy->shape[npy->ndim++] = strtoull(p, &end, 10);
		if (errno)
			return fail(npy->path, error, "damaged header: shape");
		p = end;
	}
}

static int parse_header(struct npy *npy, const char *header, char *error)
{
	const char *order = find_key(header, "fortran_order");
	unsigned int size = 0, i;
	int rc;

	if (!order)
		return fail(npy->path, error, "damaged header: no fortran_order");
	rc = parse_descr(npy, find_key(header, "descr"), &size, error);
	if (!rc)
		rc = parse_shape(npy, find_key(header, "shape"), error);
	if (rc)
		return rc;
	if (strncmp(order, "False", 5) && npy->ndim > 1)
		return fail(npy->path, error,
			    "stored in Fortran order; save numpy.ascontiguousarray(a) instead");
	npy->size = size;
	for (i = 0; i < npy->ndim; i++)
		if (__builtin_mul_overflow(npy->size, npy->shape[i], &npy->size))
			return fail(npy->path, error, "damaged header: shape too large");
	return 0;
}

static int read_header(struct npy *npy, uint64_t file_size, char *error)
{
	uint8_t start[12] = { 0 };
	size_t length, prefix;
	char *header;
	int rc;

	if (pread(npy->fd, start, sizeof(start), 0) < (ssize_t)sizeof(start) ||
	    memcmp(start, MAGIC, MAGIC_SIZE))
		return fail(npy->path, error, "not a .npy file; write it with numpy.save()");
	if (start[6] < 1 || start[6] > 3)
		return fail(npy->path, error, ".npy version %u is not supported", start[6]);
	prefix = start[6] == 1 ? 10 : 12;
	length = start[8] | start[9] << 8;
	if (prefix == 12)
		length |= start[10] << 16 | (size_t)start[11] << 24;
	if (length > MAX_HEADER || prefix + length > file_size)
		return fail(npy->path, error, "damaged header: %zu bytes", length);
	header = calloc(1, length + 1);
	if (!header)
		return fail(npy->path, error, "out of memory");
	if (pread(npy->fd, header, length, prefix) == (ssize_t)length)
		rc = parse_header(npy, header, error);
	else
		rc = fail(npy->path, error, "%s", strerror(errno));
	free(header);
	npy->start = prefix + length;
	if (!rc && npy->size > file_size - npy->start)
		rc = fail(npy->path, error, "truncated: %llu bytes of data, its shape needs %llu",
			  (unsigned long long)(file_size - npy->start),
			  (unsigned long long)npy->size);
	return rc;
}

int npy_open(struct npy *npy, const char *path, char error[NPY_ERROR_SIZE])
{
	struct stat st;
	int rc;

	*npy = (struct npy) { .path = path };
	npy->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (npy->fd < 0)
		return fail(path, error, "%s", strerror(errno));
	if (fstat(npy->fd, &st) || !S_ISREG(st.st_mode))
		rc = fail(path, error, "not a regular file");
	else
		rc = read_header(npy, st.st_size, error);
	if (rc)
		close(npy->fd);
	return rc;
}

int npy_read(const struct npy *npy, uint64_t offset, void *buf, size_t length,
	     char error[NPY_ERROR_SIZE])
{
	char *p = buf;

	while (length) {
		ssize_t n = pread(npy->fd, p, length, npy->start + offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail(npy->path, error, "%s", n ? strerror(errno) : "truncated");
		p += n;
		offset += n;
		length -= n;
	}
	return 0;
}

const char *npy_shape_text(uint32_t ndim, const uint64_t *shape, char *text, size_t size)
{
	size_t n = 0;
	uint32_t i;

	n += snprintf(text, size, "(");
	for (i = 0; i < ndim && n < size; i++)
		n += snprintf(text + n, size - n, "%s%llu", i ? ", " : "",
			      (unsigned long long)shape[i]);
	if (n < size)
		snprintf(text + n, size - n, "%s)", ndim == 1 ? "," : "");
	return text;
}

/* Version 1: magic, version, u16 length, dictionary padded so that the data is aligned. */
static int write_header(struct npy *npy, char *error)
{
	char shape[NPY_MAX_DIMS * 22 + 4], header[1024] = "";
	size_t n, total;

	npy_shape_text(npy->ndim, npy->shape, shape, sizeof(shape));
	n = snprintf(header + 10, sizeof(header) - 10,
		     "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", npy->descr, shape);
	total = (10 + n + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	memset(header + 10 + n, ' ', total - 10 - n - 1);
	header[total - 1] = '\n';
	memcpy(header, MAGIC "\x01\x00", 8);
	header[8] = (total - 10) & 0xff;
	header[9] = (total - 10) >> 8;
	return npy_write(npy, header, total, error);
}

int npy_create(struct npy *npy, const char *path, nrt_dtype_t dtype, uint32_t ndim,
	       const uint64_t *shape, char error[NPY_ERROR_SIZE])
{
	size_t i = 0;
	int rc;

	*npy = (struct npy) { .path = path, .dtype = dtype, .ndim = ndim };
	while (i < sizeof(types) / sizeof(types[0]) && types[i].dtype != dtype)
		i++;
	if (i == sizeof(types) / sizeof(types[0]) || ndim > NPY_MAX_DIMS)
		return fail(path, error, "type or shape is not supported");
	memcpy(npy->descr, types[i].descr, strlen(types[i].descr));
	memcpy(npy->shape, shape, ndim * sizeof(*shape));
	npy->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (npy->fd < 0)
		return fail(path, error, "%s", strerror(errno));
	rc = write_header(npy, error);
	if (rc)
		close(npy->fd);
	return rc;
}

int npy_write(struct npy *npy, const void *buf, size_t length, char error[NPY_ERROR_SIZE])
{
	const char *p = buf;

	while (length) {
		ssize_t n = write(npy->fd, p, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail(npy->path, error, "%s", strerror(errno));
		p += n;
		length -= n;
	}
	return 0;
}

int npy_close(struct npy *npy, char error[NPY_ERROR_SIZE])
{
	int rc = 0;

	if (npy->fd >= 0 && close(npy->fd))
		rc = fail(npy->path, error, "%s", strerror(errno));
	npy->fd = -1;
	return rc;
}
