/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of protobuf under construction. They live in the compilation's arena.
 */
#ifndef NCC_ONNX_OUT_H
#define NCC_ONNX_OUT_H

#include <stdint.h>

#include "arena.h"

/* All 0 but for the arena: an empty message. */
struct ncc_out {
	struct ncc_arena *arena;
	uint8_t *data;
	size_t n, cap;
};

/* Fields behind those that the message has. */
void ncc_put_int(struct ncc_out *o, uint32_t field, uint64_t v);
void ncc_put_bytes(struct ncc_out *o, uint32_t field, const void *data, size_t n);
void ncc_put_text(struct ncc_out *o, uint32_t field, const char *s);
/* Fields of another message. */
void ncc_put(struct ncc_out *o, const void *data, size_t n);

#endif
