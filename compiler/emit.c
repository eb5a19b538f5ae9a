// SPDX-License-Identifier: Apache-2.0
/*
 * Emit pass: addresses and semaphores into the instructions, the instructions into the
 * four streams. An instruction has one wait: further ones become NOPs before it.
 */
#include <errno.h>
#include <string.h>

#include "program.h"

static struct neuron_insn *append(struct ncc_program *p, int engine)
{
	struct ncc_stream *s = &p->stream[engine];

	s->insn = ncc_grow(&p->ctx->arena, s->insn, s->n, &s->cap, sizeof(*s->insn));
	return &s->insn[s->n++];
}

/* Fields of an instruction lie at any offset of its table. */
static void set_address(struct neuron_insn *insn, const struct ncc_program *p,
			const struct ncc_fixup *f)
{
	const struct ncc_buf *b = &p->buf[f->buf];
	__u32 addr = NEURON_LOCAL_ADDR(b->psum, f->part, b->addr + f->off);

	memcpy((uint8_t *)insn + f->field, &addr, sizeof(addr));
}

static void emit(struct ncc_program *p, struct ncc_insn *i)
{
	struct neuron_insn insn = i->insn;

	for (int k = 0; k < i->nfix; k++)
		set_address(&insn, p, &i->fix[k]);
	for (int e = 0; e < NEURON_ENGINES; e++) {
		if (!i->wait[e])
			continue;
		if (insn.wait_sem != NEURON_ISA_NO_SEM) {
			struct neuron_insn *nop = append(p, i->engine);

			memset(nop, 0, sizeof(*nop));
			nop->op = NEURON_OP_NOP;
			nop->wait_sem = insn.wait_sem;
			nop->wait_val = insn.wait_val;
			nop->sig_sem = NEURON_ISA_NO_SEM;
			nop->tag = insn.tag;
		}
		insn.wait_sem = (__u8)e;
		insn.wait_val = p->insn[i->wait[e] - 1].position;
	}
	if (i->awaited) {
		insn.sig_sem = i->engine;
		insn.sig_val = 1;
	}
	*append(p, i->engine) = insn;
}

int ncc_emit(struct ncc_context *ctx)
{
	struct ncc_program *p = ctx->program;
	uint32_t signals[NEURON_ENGINES] = { 0 };

	memset(p->stream, 0, sizeof(p->stream));
	for (size_t i = 0; i < p->ninsn; i++) {
		struct ncc_insn *insn = &p->insn[i];

		if (insn->awaited)
			insn->position = ++signals[insn->engine];
		emit(p, insn);
	}
	ncc_log(ctx, NCC_INFO, "%zu pe, %zu act, %zu pool, %zu dma instructions; %u of %u bytes of SBUF; "
		"%zu bytes of weights; %u values moved to DRAM", p->stream[NEURON_PE].n,
		p->stream[NEURON_ACT].n, p->stream[NEURON_POOL].n, p->stream[NEURON_DMA].n,
		p->sbuf_used, NEURON_SBUF_BYTES, p->weights_size, p->spills);
	return 0;
}
