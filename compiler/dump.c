// SPDX-License-Identifier: Apache-2.0
/*
 * --dump: what a pass left, as text. Graphs up to place, which has the values too, then
 * instructions on buffers, and at the end the streams.
 */
#include <inttypes.h>

#include <neuron/isa.h>

#include "convert.h"
#include "graph.h"
#include "program.h"

#define NAME_OF_OP(code, id, name, engines)	[code] = #name,
#define NAME_OF_FUNC(code, id, params)		[code] = #id,

static const char *const op_names[256] = { NEURON_ISA_OPS(NAME_OF_OP) };
static const char *const engine_names[NEURON_ENGINES] = { "pe", "act", "pool", "dma" };
static const char *const func_names[256] = { NEURON_ISA_FUNCS(NAME_OF_FUNC) };

static void dump_tensor(struct ncc_context *ctx, FILE *f, const struct ncc_tensor *t)
{
	if (!t) {
		fprintf(f, "-");
		return;
	}
	fprintf(f, "%s:%s%s", t->name, ncc_type_name(t->type), ncc_shape_text(ctx, t));
	if (ncc_is_const(t))
		fprintf(f, "=const");
}

static void dump_window(FILE *f, const struct ncc_node *node)
{
	const struct ncc_window *w = &node->window;

	if (!w->kernel[0])
		return;
	fprintf(f, " kernel=%" PRId64 "x%" PRId64 " stride=%" PRId64 "x%" PRId64 " pad=%" PRId64 ",%" PRId64
		"..%" PRId64 ",%" PRId64, w->kernel[0], w->kernel[1], w->stride[0], w->stride[1],
		w->pad[0], w->pad[1], w->pad_end[0], w->pad_end[1]);
	if (w->dilation[0] != 1 || w->dilation[1] != 1)
		fprintf(f, " dilation=%" PRId64 "x%" PRId64, w->dilation[0], w->dilation[1]);
	if (node->group > 1)
		fprintf(f, " group=%" PRId64, node->group);
}

static void dump_node(struct ncc_context *ctx, FILE *f, const struct ncc_node *node)
{
	fprintf(f, "%4d %s '%s'", node->index,
		node->op ? ncc_op_info(node->op)->name : node->op_type, node->name);
	dump_window(f, node);
	for (size_t i = 0; i < node->nin; i++) {
		fprintf(f, "%s", i ? ", " : " (");
		dump_tensor(ctx, f, node->in[i]);
	}
	fprintf(f, ") ->");
	for (size_t i = 0; i < node->nout; i++) {
		fprintf(f, " ");
		dump_tensor(ctx, f, node->out[i]);
	}
	if (node->factor)
		fprintf(f, " *factor");
	if (node->bias)
		fprintf(f, " +bias");
	if (node->residual)
		fprintf(f, " +residual %s", node->residual->name);
	if (node->func)
		fprintf(f, " func=%s", func_names[node->func]);
	fprintf(f, "\n");
}

static void dump_graph(struct ncc_context *ctx, FILE *f)
{
	struct ncc_graph *g = ctx->graph;

	fprintf(f, "graph '%s' opset %" PRId64 "\n", g->name, g->opset);
	for (size_t i = 0; i < g->ninput + g->noutput; i++) {
		bool in = i < g->ninput;

		fprintf(f, "%s ", in ? "input" : "output");
		dump_tensor(ctx, f, in ? g->input[i] : g->output[i - g->ninput]);
		fprintf(f, "\n");
	}
	for (size_t i = 0; i < g->nnode; i++)
		dump_node(ctx, f, g->node[i]);
}

static void dump_values(struct ncc_context *ctx, FILE *f)
{
	static const char *const kind[] = { "temp", "const", "input", "output" };

	for (struct ncc_value *v = ctx->program->values; v; v = v->next)
		fprintf(f, "value '%s' %s %s[%" PRId64 "]%s\n", v->name, kind[v->kind],
			ncc_dtype_name(v->dtype), v->count, v->stream ? " in DRAM" : "");
}

static void dump_access(const struct ncc_program *p, FILE *f, const struct ncc_access *a,
			bool placed)
{
	const struct ncc_buf *b = &p->buf[a->buf];

	fprintf(f, " %s%s%d", a->write ? ">" : "<", b->psum ? "p" : "s", a->buf);
	if (placed)
		fprintf(f, "@%u", b->addr);
	fprintf(f, "[%u:%u]", a->low, a->high);
}

static void dump_insn(const struct ncc_program *p, FILE *f, size_t n, enum ncc_pass after)
{
	const struct ncc_insn *i = &p->insn[n];

	fprintf(f, "%6zu %-4s %-13s", n + 1, engine_names[i->engine], op_names[i->insn.op]);
	for (int k = 0; k < i->naccess; k++)
		dump_access(p, f, &i->access[k], after >= NCC_PASS_ALLOCATE);
	if (i->insn.op == NEURON_OP_DMA_COPY && i->insn.src_seg != NEURON_ISA_NO_SEG)
		fprintf(f, " <dram%u+0x%x", i->insn.src_seg, i->insn.dma_copy.src);
	if (i->insn.op == NEURON_OP_DMA_COPY && i->insn.dst_seg != NEURON_ISA_NO_SEG)
		fprintf(f, " >dram%u+0x%x", i->insn.dst_seg, i->insn.dma_copy.dst);
	for (int e = 0; e < NEURON_ENGINES && after >= NCC_PASS_SYNC; e++)
		if (i->wait[e])
			fprintf(f, " after %u", i->wait[e]);
	fprintf(f, "  ; %s\n", i->node->name);
}

static void dump_program(struct ncc_context *ctx, FILE *f, enum ncc_pass after)
{
	struct ncc_program *p = ctx->program;

	for (size_t i = 0; i < p->nbuf; i++) {
		fprintf(f, "buffer %s%zu %u bytes", p->buf[i].psum ? "p" : "s", i, p->buf[i].size);
		if (after >= NCC_PASS_ALLOCATE && p->buf[i].first >= 0)
			fprintf(f, " at %u for %d..%d", p->buf[i].addr, p->buf[i].first + 1,
				p->buf[i].last + 1);
		if (p->buf[i].value)
			fprintf(f, " '%s'", p->buf[i].value->name);
		fprintf(f, "\n");
	}
	for (size_t i = 0; i < p->ninsn; i++)
		dump_insn(p, f, i, after);
}

/* Any field of an instruction, by the table of isa.def. */
#define PRINT_F(type, name, kind)	fprintf(f, " " #name "=%lld", (long long)b->name);
#define PRINT_A(type, name, n, kind)			\
	do {						\
		fprintf(f, " " #name "=");		\
		for (int k = 0; k < (n); k++)		\
			fprintf(f, "%s%lld", k ? "," : "", (long long)b->name[k]); \
	} while (0);
#define PRINT_OP(code, id, name, engines)					\
	case code: {								\
		const __typeof__(insn->name) *b = &insn->name;			\
		NEURON_ISA_##id(PRINT_F, PRINT_A)				\
		break;								\
	}

static void dump_fields(FILE *f, const struct neuron_insn *insn)
{
	fprintf(f, "%-13s flags=0x%x wait=%d:%u sig=%d:%u dst_seg=%u src_seg=%u tag=%u",
		op_names[insn->op], insn->flags, insn->wait_sem, insn->wait_val, insn->sig_sem,
		insn->sig_val, insn->dst_seg, insn->src_seg, insn->tag);
	switch (insn->op) {
	NEURON_ISA_OPS(PRINT_OP)
	}
	fprintf(f, "\n");
}

static void dump_streams(struct ncc_context *ctx, FILE *f)
{
	for (int e = 0; e < NEURON_ENGINES; e++) {
		const struct ncc_stream *s = &ctx->program->stream[e];

		fprintf(f, "stream %s, %zu instructions\n", engine_names[e], s->n);
		for (size_t i = 0; i < s->n; i++) {
			fprintf(f, "%6zu ", i);
			dump_fields(f, &s->insn[i]);
		}
	}
}

void ncc_dump(struct ncc_context *ctx, enum ncc_pass after, FILE *f)
{
	fprintf(f, "== after %s ==\n", ncc_pass_name(after));
	if (after <= NCC_PASS_PLACE)
		dump_graph(ctx, f);
	if (after == NCC_PASS_PLACE)
		dump_values(ctx, f);
	if (after >= NCC_PASS_TILE && after <= NCC_PASS_SYNC)
		dump_program(ctx, f, after);
	if (after == NCC_PASS_EMIT)
		dump_streams(ctx, f);
}
