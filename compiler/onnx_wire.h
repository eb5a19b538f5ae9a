/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protocol buffers' wire format, read in place: no copies, no allocation, every length
 * checked against the bytes that are there.
 */
#ifndef NCC_ONNX_WIRE_H
#define NCC_ONNX_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A message, or what is left of it. */
struct ncc_wire {
	const uint8_t *at;
	const uint8_t *end;
};

enum ncc_wire_type {
	NCC_WIRE_VARINT = 0,
	NCC_WIRE_FIXED64 = 1,
	NCC_WIRE_BYTES = 2,
	NCC_WIRE_FIXED32 = 5,
};

/**
 * struct ncc_wire_field - one field of a message
 * @number: of the field
 * @type: enum ncc_wire_type
 * @value: varint, or the bits of a fixed field
 * @bytes: contents of a length-delimited field
 */
struct ncc_wire_field {
	uint32_t number;
	uint8_t type;
	uint64_t value;
	struct ncc_wire bytes;
};

/* Next field: 1, 0 at the end of the message, -EBADMSG when the bytes make no sense. */
int ncc_wire_next(struct ncc_wire *w, struct ncc_wire_field *field);
/* Next number of a packed list of varints: 1, 0, -EBADMSG. */
int ncc_wire_varint(struct ncc_wire *w, uint64_t *value);

static inline size_t ncc_wire_size(const struct ncc_wire *w)
{
	return (size_t)(w->end - w->at);
}

/* Is it text as ONNX wants it: UTF-8 without zero bytes? */
bool ncc_wire_is_text(const struct ncc_wire *w);

/* Upper limit of the elements in a packed or single-valued field. */
size_t ncc_wire_count(const struct ncc_wire_field *field);

#endif
