// SPDX-License-Identifier: Apache-2.0
/*
 * The program under construction: buffers and DRAM areas.
 */
#include <string.h>

#include "program.h"

#define DRAM_ALIGN	64

void ncc_program_reset(struct ncc_program *p)
{
	p->nbuf = 0;
	p->ninsn = 0;
	p->weights_size = 0;
	p->scratch_size = 0;
	p->zeros_at = 0;
	for (struct ncc_value *v = p->values; v; v = v->next) {
		v->copies = NULL;
		v->imaged = false;
		v->narrow_at = 0;
		v->stored = v->kind == NCC_VALUE_INPUT;
		v->placed = v->kind == NCC_VALUE_INPUT || v->kind == NCC_VALUE_OUTPUT;
		memset(v->const_at, 0, sizeof(v->const_at));
	}
}

int ncc_buf_new(struct ncc_program *p, struct ncc_node *node, bool psum, uint32_t size)
{
	p->buf = ncc_grow(&p->ctx->arena, p->buf, p->nbuf, &p->buf_cap, sizeof(*p->buf));
	p->buf[p->nbuf] = (struct ncc_buf){
		.psum = psum, .size = size, .node = node, .first = -1, .last = -1,
	};
	return (int)p->nbuf++;
}

uint64_t ncc_weights_add(struct ncc_program *p, size_t size)
{
	size_t at = (p->weights_size + DRAM_ALIGN - 1) & ~(size_t)(DRAM_ALIGN - 1);

	if (at + size > p->weights_cap) {
		size_t cap = p->weights_cap ? p->weights_cap : 65536;

		while (cap < at + size)
			cap *= 2;
		p->weights = ncc_extend(&p->ctx->arena, p->weights, cap);
		p->weights_cap = cap;
	}
	memset(p->weights + p->weights_size, 0, at + size - p->weights_size);
	p->weights_size = at + size;
	return at;
}

uint64_t ncc_scratch_add(struct ncc_program *p, uint64_t size)
{
	uint64_t at = p->scratch_size;

	p->scratch_size += (size + DRAM_ALIGN - 1) & ~(uint64_t)(DRAM_ALIGN - 1);
	return at;
}
