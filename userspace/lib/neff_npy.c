// SPDX-License-Identifier: Apache-2.0
/*
 * NEFF weights in .npy files: where the array is, and that it can be used as it lies there.
 */
#include <errno.h>
#include <string.h>

#include "neff.h"

#define NPY_MAGIC	"\x93NUMPY"
#define NPY_MAGIC_SIZE	6
#define NPY_PREFIX	8	/* magic, major, minor */
#define NPY_MAX_HEADER	4096

/* Text after "'KEY': " in the header, a Python dictionary; NULL. */
static const char *value_of(const char *text, const char *key)
{
	const char *p = strstr(text, key);

	if (!p)
		return NULL;
	p += strlen(key);
	while (*p == ' ' || *p == ':')
		p++;
	return p;
}

static int check_header(const char *text, const char **why)
{
	const char *descr = value_of(text, "'descr'"), *order = value_of(text, "'fortran_order'");

	*why = "has no NumPy header that names 'descr' and 'fortran_order'; save it again with NumPy";
	if (!descr || *descr != '\'' || !order)
		return -EINVAL;
	*why = "is big-endian; save it again as little-endian";
	if (descr[1] == '>')
		return -EINVAL;
	*why = "holds Python objects, not numbers; save an array of numbers";
	if (descr[1] == '|' && descr[2] == 'O')
		return -EINVAL;
	*why = "is in Fortran order; save numpy.ascontiguousarray() of it";
	return strncmp(order, "False", 5) ? -EINVAL : 0;
}

int neff_npy_data(const struct neff_member *m, uint64_t size, const uint8_t **data,
		  const char **why)
{
	size_t start, length;
	char text[NPY_MAX_HEADER + 1];

	*why = "is no .npy file; save it with NumPy, or name it otherwise if it is raw";
	if (m->size < NPY_PREFIX + 4 || memcmp(m->data, NPY_MAGIC, NPY_MAGIC_SIZE))
		return -EINVAL;
	length = m->data[8] | m->data[9] << 8;
	start = NPY_PREFIX + 2;
	if (m->data[6] >= 2) {
		length |= (size_t)m->data[10] << 16 | (size_t)m->data[11] << 24;
		start += 2;
	}
	*why = "has a .npy header that does not fit into it";
	if (length > NPY_MAX_HEADER || length > m->size - start)
		return -EINVAL;
	memcpy(text, m->data + start, length);
	text[length] = 0;
	if (check_header(text, why))
		return -EINVAL;
	*why = "has an array of another size";
	if (m->size - start - length != size)
		return -EINVAL;
	*data = m->data + start + length;
	return 0;
}
