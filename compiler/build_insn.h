/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by build.c and build_dma.c: instructions with references to buffers.
 */
#ifndef NCC_BUILD_INSN_H
#define NCC_BUILD_INSN_H

#include "build.h"

/**
 * struct ncc_ref - an operand in a buffer
 * @off: byte of its first element; @low, @high: all bytes that it touches
 * @parts: partitions up to its last one, counted from 0
 */
struct ncc_ref {
	int buf;
	uint8_t part;
	bool write;
	unsigned int parts;
	uint32_t off;
	int64_t low, high;
};

struct ncc_insn *ncc_insn_new(struct ncc_build *b, uint8_t op, uint8_t engine);
/* Makes the address field at offset @field refer to @r. */
int ncc_insn_ref(struct ncc_build *b, struct ncc_insn *i, size_t field, const struct ncc_ref *r);

#endif
