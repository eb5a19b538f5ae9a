// SPDX-License-Identifier: Apache-2.0
/*
 * Schedule pass: the order of the instructions.
 *
 * The order of the tile pass is good for the compute engines. The one DMA stream runs in
 * order, so a store that waits for its data would hold up the loads behind it: loads of
 * what nothing on the device writes move forward. That costs SBUF, so not by much, and
 * not at all once the allocate pass did not find room.
 */
#include <string.h>

#include "program.h"

#define LOOKAHEAD	64

int ncc_schedule(struct ncc_context *ctx)
{
	struct ncc_program *p = ctx->program;
	size_t window = p->spills ? 0 : LOOKAHEAD;
	struct ncc_insn *out = ncc_alloc_array(&ctx->arena, p->ninsn, sizeof(*out));
	size_t n = 0, load = 0;

	for (size_t i = 0; i < p->ninsn; i++) {
		for (; load < p->ninsn && load <= i + window; load++)
			if (p->insn[load].load)
				out[n++] = p->insn[load];
		if (!p->insn[i].load)
			out[n++] = p->insn[i];
	}
	memcpy(p->insn, out, n * sizeof(*out));
	return 0;
}
