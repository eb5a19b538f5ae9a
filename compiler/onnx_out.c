// SPDX-License-Identifier: Apache-2.0
/*
 * Protobuf's wire format, written: the other side of onnx_wire.c.
 */
#include <string.h>

#include "onnx_out.h"

void ncc_put(struct ncc_out *o, const void *data, size_t n)
{
	if (o->n + n > o->cap) {
		size_t cap = o->cap ? 2 * o->cap : 4096;
		uint8_t *more;

		while (cap < o->n + n)
			cap *= 2;
		more = ncc_alloc(o->arena, cap);
		if (o->n)
			memcpy(more, o->data, o->n);
		o->data = more;
		o->cap = cap;
	}
	if (n)
		memcpy(o->data + o->n, data, n);
	o->n += n;
}

static void put_varint(struct ncc_out *o, uint64_t v)
{
	do {
		uint8_t byte = (v & 0x7f) | (v > 0x7f ? 0x80 : 0);

		ncc_put(o, &byte, 1);
		v >>= 7;
	} while (v);
}

void ncc_put_int(struct ncc_out *o, uint32_t field, uint64_t v)
{
	put_varint(o, (uint64_t)field << 3);
	put_varint(o, v);
}

void ncc_put_bytes(struct ncc_out *o, uint32_t field, const void *data, size_t n)
{
	put_varint(o, (uint64_t)field << 3 | 2);
	put_varint(o, n);
	ncc_put(o, data, n);
}

void ncc_put_text(struct ncc_out *o, uint32_t field, const char *s)
{
	ncc_put_bytes(o, field, s, strlen(s));
}
