// SPDX-License-Identifier: Apache-2.0
/*
 * Protocol buffers' wire format: tags, varints, lengths.
 */
#include <errno.h>
#include <string.h>

#include "onnx_wire.h"

int ncc_wire_varint(struct ncc_wire *w, uint64_t *value)
{
	uint64_t v = 0;

	if (w->at == w->end)
		return 0;
	for (unsigned int shift = 0; shift < 64; shift += 7) {
		uint8_t byte;

		if (w->at == w->end)
			return -EBADMSG;
		byte = *w->at++;
		/* The tenth byte has room for one bit. */
		if (shift == 63 && byte > 1)
			return -EBADMSG;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*value = v;
			return 1;
		}
	}
	return -EBADMSG;
}

static int fixed(struct ncc_wire *w, size_t size, uint64_t *value)
{
	if (ncc_wire_size(w) < size)
		return -EBADMSG;
	*value = 0;
	for (size_t i = 0; i < size; i++)
		*value |= (uint64_t)w->at[i] << (8 * i);
	w->at += size;
	return 1;
}

static int bytes(struct ncc_wire *w, struct ncc_wire *out)
{
	uint64_t length;

	if (ncc_wire_varint(w, &length) != 1 || length > ncc_wire_size(w))
		return -EBADMSG;
	out->at = w->at;
	out->end = w->at + length;
	w->at += length;
	return 1;
}

int ncc_wire_next(struct ncc_wire *w, struct ncc_wire_field *field)
{
	uint64_t tag;
	int err = ncc_wire_varint(w, &tag);

	if (err != 1)
		return err;
	memset(field, 0, sizeof(*field));
	if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
		return -EBADMSG;
	field->number = (uint32_t)(tag >> 3);
	field->type = tag & 7;
	switch (field->type) {
	case NCC_WIRE_VARINT:
		return ncc_wire_varint(w, &field->value) == 1 ? 1 : -EBADMSG;
	case NCC_WIRE_FIXED64:
		return fixed(w, 8, &field->value);
	case NCC_WIRE_FIXED32:
		return fixed(w, 4, &field->value);
	case NCC_WIRE_BYTES:
		return bytes(w, &field->bytes);
	default:	/* groups went out of use before ONNX began */
		return -EBADMSG;
	}
}

size_t ncc_wire_count(const struct ncc_wire_field *field)
{
	return field->type == NCC_WIRE_BYTES ? ncc_wire_size(&field->bytes) : 1;
}

/* Bytes of the UTF-8 sequence at @p of which @n bytes are there; 0 if it is none. */
static size_t sequence(const uint8_t *p, size_t n)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 :
			p[0] >> 3 == 30 ? 4 : 0;
	uint32_t code;

	if (!length || length > n)
		return 0;
	code = length == 1 ? p[0] : p[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	/* No longer than needed, no surrogate, not beyond Unicode's end. */
	if (code < least[length] || code >> 11 == 0x1b || code > 0x10ffff)
		return 0;
	return length;
}

bool ncc_wire_is_text(const struct ncc_wire *w)
{
	for (const uint8_t *p = w->at; p != w->end;) {
		size_t n = sequence(p, (size_t)(w->end - p));

		if (!n)
			return false;
		p += n;
	}
	return true;
}
