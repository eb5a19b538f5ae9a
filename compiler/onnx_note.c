// SPDX-License-Identifier: Apache-2.0
/*
 * Notes on a graph that is written as ONNX: on which part a node is, and, as soon as a pass
 * knows it, the type and home of its result, its instructions, its buffers and their
 * addresses, and what it waits for.
 */
#include <inttypes.h>

#include "convert.h"
#include "onnx_note.h"
#include "program.h"

#define MAX_BUFFERS	16	/* of a node, one by one */

/**
 * struct note - what instructions and buffers say about one node
 * @insn: instructions, by engine; @first, @last: the first and the last in the order of execution
 * @waits: for other engines
 * @buffers: text; @nbuffer: how many; @rest: bytes a partition of those that are not in the text
 */
struct note {
	uint32_t insn[NEURON_ENGINES];
	size_t first, last;
	uint32_t waits;
	const char *buffers;
	uint32_t nbuffer;
	uint64_t rest;
};

static const char *const engine_names[NEURON_ENGINES] = { "pe", "act", "pool", "dma" };

static const char *counts(struct ncc_context *ctx, const uint32_t n[NEURON_ENGINES])
{
	const char *text = "";

	for (int e = 0; e < NEURON_ENGINES; e++)
		text = ncc_printf(&ctx->arena, "%s%s%s=%u", text, e ? " " : "", engine_names[e], n[e]);
	return text;
}

static void count_insn(struct note *n, const struct ncc_insn *i, size_t position)
{
	n->insn[i->engine]++;
	if (!n->first)
		n->first = position;
	n->last = position;
	for (int e = 0; e < NEURON_ENGINES; e++)
		n->waits += !!i->wait[e];
}

static void add_buffer(struct ncc_context *ctx, struct note *n, const struct ncc_program *p, size_t index,
		       bool placed)
{
	const struct ncc_buf *b = &p->buf[index];
	struct ncc_arena *arena = &ctx->arena;

	if (++n->nbuffer > MAX_BUFFERS) {
		n->rest += b->size;
		return;
	}
	n->buffers = ncc_printf(arena, "%sbuffer %s%zu %u bytes a partition", n->buffers ? n->buffers : "",
				b->psum ? "psum" : "sbuf", index, b->size);
	if (placed && b->first >= 0)
		n->buffers = ncc_printf(arena, "%s at %u for %d..%d", n->buffers, b->addr, b->first + 1,
					b->last + 1);
	n->buffers = ncc_printf(arena, "%s '%s'\n", n->buffers, b->value->name);
}

/* The type of a result in DRAM, and where that is. */
static const char *value_text(struct ncc_context *ctx, const struct ncc_value *v)
{
	static const char *const kind[] = { "temp", "const", "input", "output" };
	const char *text = ncc_printf(&ctx->arena, "value '%s' %s %s[%" PRId64 "]", v->name, kind[v->kind],
				      ncc_dtype_name(v->dtype), v->count);

	if (v->placed || v->kind == NCC_VALUE_INPUT || v->kind == NCC_VALUE_OUTPUT)
		text = ncc_printf(&ctx->arena, "%s dram%u+0x%" PRIx64, text, v->segment, v->offset);
	return ncc_printf(&ctx->arena, "%s%s\n", text, v->stream ? " spilled" : "");
}

static const char *note_text(struct ncc_context *ctx, const struct ncc_node *node, const struct note *n,
			     enum ncc_pass after)
{
	struct ncc_arena *arena = &ctx->arena;
	const char *text = "";

	if (after < NCC_PASS_PLACE)
		return text;
	for (size_t i = 0; i < node->nout; i++)
		if (node->out[i] && node->out[i]->value)
			text = ncc_printf(arena, "%s%s", text, value_text(ctx, node->out[i]->value));
	if (after < NCC_PASS_TILE)
		return text;
	text = ncc_printf(arena, "%sinstructions %s", text, counts(ctx, n->insn));
	if (n->first)
		text = ncc_printf(arena, "%s within %zu..%zu", text, n->first, n->last);
	if (after >= NCC_PASS_SYNC)
		text = ncc_printf(arena, "%s waits=%u", text, n->waits);
	text = ncc_printf(arena, "%s\n%s", text, n->buffers ? n->buffers : "");
	if (n->nbuffer > MAX_BUFFERS)
		text = ncc_printf(arena, "%sbuffers %u more, %" PRIu64 " bytes a partition\n", text,
				  n->nbuffer - MAX_BUFFERS, n->rest);
	return text;
}

static const char **cpu_notes(struct ncc_context *ctx, const struct ncc_part *part)
{
	const char **text = ncc_alloc_array(&ctx->arena, part->nnode + 1, sizeof(*text));

	for (size_t i = 0; i < part->nnode; i++)
		text[i] = ncc_printf(&ctx->arena, "part %s\n", part->name);
	return text;
}

const char **ncc_node_notes(struct ncc_context *ctx, const struct ncc_part *part, enum ncc_pass after)
{
	const struct ncc_program *p = part->program;
	const struct ncc_graph *g = part->graph;
	const char **text;
	struct note *note;

	if (!part->device || after <= NCC_PASS_PARTITION)
		return cpu_notes(ctx, part);
	note = ncc_alloc_array(&ctx->arena, g->nnode + 1, sizeof(*note));
	text = ncc_alloc_array(&ctx->arena, g->nnode + 1, sizeof(*text));
	for (size_t i = 0; i < g->nnode; i++)
		g->node[i]->mark = (int)i;
	for (size_t i = 0; after >= NCC_PASS_TILE && i < p->ninsn; i++)
		count_insn(&note[p->insn[i].node->mark], &p->insn[i], i + 1);
	for (size_t i = 0; after >= NCC_PASS_TILE && i < p->nbuf; i++)
		if (p->buf[i].value)
			add_buffer(ctx, &note[p->buf[i].node->mark], p, i, after >= NCC_PASS_ALLOCATE);
	for (size_t i = 0; i < g->nnode; i++)
		text[i] = ncc_printf(&ctx->arena, "part %s\n%s", part->name,
				     note_text(ctx, g->node[i], &note[i], after));
	return text;
}

const char *ncc_part_note(struct ncc_context *ctx, const struct ncc_part *part, enum ncc_pass after)
{
	const struct ncc_program *p = part->program;
	uint32_t insn[NEURON_ENGINES] = { 0 };
	const char *text;

	if (!part->device)
		return "cpu";
	if (after < NCC_PASS_TILE)
		return "chip";
	for (size_t i = 0; after < NCC_PASS_EMIT && i < p->ninsn; i++)
		insn[p->insn[i].engine]++;
	for (int e = 0; after >= NCC_PASS_EMIT && e < NEURON_ENGINES; e++)
		insn[e] = (uint32_t)p->stream[e].n;
	text = ncc_printf(&ctx->arena, "chip %s weights=%zu scratch=%" PRIu64, counts(ctx, insn),
			  p->weights_size, p->scratch_size);
	if (after >= NCC_PASS_ALLOCATE)
		text = ncc_printf(&ctx->arena, "%s sbuf=%u spills=%u", text, p->sbuf_used, p->spills);
	return text;
}
