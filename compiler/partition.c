// SPDX-License-Identifier: Apache-2.0
/*
 * Partition pass: which nodes the chip runs and which the CPU, and in what order.
 *
 * A node that the chip refuses is one for the CPU. All others start out on the chip; some
 * then move to the CPU, never back. The parts are phases: chip and CPU take turns, and each
 * node runs in the first phase of its kind in which everything that it needs is there. So
 * parts depend on earlier ones only, and there are as few as the nodes' places allow.
 *
 * Within a phase, nodes of the chip that are connected are a segment. If some nodes are on
 * the CPU anyway, a segment stays on the chip only if the trip costs less than it saves
 * (cost.c). The one with most arithmetic stays in any case: who compiles for the chip wants
 * it to be used.
 */
#include <errno.h>
#include <string.h>

#include "cost.h"
#include "device.h"
#include "partition.h"
#include "partition_build.h"
#include "pipeline.h"

#define MAX_PARTS	64	/* as many nodes as a NEFF may have */

/* What is known about a node in this round; by its index. */
struct place {
	int phase;
	int segment;	/* index of the node that stands for it */
};

/* Of a segment, in the place of the node that stands for it. */
struct segment {
	int nodes;
	double flops, touched, moved;
};

struct plan {
	struct ncc_context *ctx;
	struct ncc_graph *g;
	struct place *place;
	struct segment *segment;
	int phases;
};

bool ncc_is_computed(const struct ncc_node *node)
{
	if (!node->nout || !node->out[0] || !ncc_is_const(node->out[0]))
		return false;
	for (size_t i = 1; i < node->nout; i++)
		if (node->out[i] && node->out[i]->consumers && !ncc_is_const(node->out[i]))
			return false;
	return true;
}

bool ncc_on_chip(const struct ncc_node *node)
{
	return node->live && !node->refused;
}

bool ncc_part_refuse(struct ncc_context *ctx, const struct ncc_node *node, const char *why)
{
	struct ncc_graph *g = ctx->whole;

	for (size_t i = 0; i < g->nnode; i++) {
		struct ncc_node *own = g->node[i];

		if (own->index != node->index || own->refused)
			continue;
		own->refused = why;
		ctx->moved = true;
		return true;
	}
	return false;
}

/* What an output depends on, and is not computed already. Counts the uses by that alone. */
static void find_live(struct ncc_graph *g)
{
	for (size_t i = 0; i < g->ntensor; i++)
		g->tensor[i]->consumers = 0;
	for (size_t i = 0; i < g->noutput; i++)
		g->output[i]->consumers++;
	for (size_t i = g->nnode; i-- > 0;) {
		struct ncc_node *node = g->node[i];

		node->live = false;
		for (size_t j = 0; j < node->nout; j++)
			node->live |= node->out[j] && node->out[j]->consumers;
		node->live = node->live && !ncc_is_computed(node);
		for (size_t j = 0; node->live && j < node->nin; j++)
			if (node->in[j])
				node->in[j]->consumers++;
	}
}

/* The node that makes input @i of @node while the model runs, or NULL. */
static struct ncc_node *producer(const struct ncc_node *node, size_t i)
{
	const struct ncc_tensor *t = node->in[i];

	return t && !ncc_is_initializer(t) && t->producer && t->producer->live ? t->producer : NULL;
}

/* The number of phases if the chip has those of parity @chip. */
static int number_phases(struct plan *p, int chip)
{
	int phases = 0;

	for (size_t i = 0; i < p->g->nnode; i++) {
		struct ncc_node *node = p->g->node[i];
		int *phase = &p->place[node->index].phase;

		if (!node->live)
			continue;
		*phase = ncc_on_chip(node) ? chip : !chip;
		for (size_t j = 0; j < node->nin; j++) {
			struct ncc_node *from = producer(node, j);
			int first = from ? p->place[from->index].phase : 0;

			if (!from)
				continue;
			first += ncc_on_chip(from) != ncc_on_chip(node);
			*phase = first > *phase ? first : *phase;
		}
		phases = *phase + 1 > phases ? *phase + 1 : phases;
	}
	p->phases = phases;
	return phases;
}

static void find_phases(struct plan *p)
{
	int chip_second = number_phases(p, 1);

	if (number_phases(p, 0) > chip_second)
		number_phases(p, 1);
}

static int segment_of(struct plan *p, int index)
{
	while (p->place[index].segment != index) {
		p->place[index].segment = p->place[p->place[index].segment].segment;
		index = p->place[index].segment;
	}
	return index;
}

/* Tensor @t enters or leaves segment @s; counted once, mostly. */
static void add_moved(struct plan *p, int s, struct ncc_tensor *t)
{
	if (t->mark == s + 1)
		return;
	t->mark = s + 1;
	p->segment[s].moved += ncc_cost_bytes(t);
}

static void measure_node(struct plan *p, struct ncc_node *node)
{
	int s = segment_of(p, node->index);
	struct segment *sum = &p->segment[s];

	sum->nodes++;
	sum->flops += ncc_cost_flops(node);
	for (size_t j = 0; j < node->nin; j++) {
		struct ncc_node *from = producer(node, j);

		if (!node->in[j])
			continue;
		sum->touched += ncc_cost_bytes(node->in[j]);
		if (ncc_is_initializer(node->in[j]))
			continue;
		if (!from || !ncc_on_chip(from) || segment_of(p, from->index) != s)
			add_moved(p, s, node->in[j]);
		if (from && ncc_on_chip(from) && segment_of(p, from->index) != s)
			add_moved(p, segment_of(p, from->index), node->in[j]);
	}
	sum->touched += ncc_cost_bytes(node->out[0]);
	if (node->out[0]->is_output)
		add_moved(p, s, node->out[0]);
}

static void find_segments(struct plan *p)
{
	struct ncc_graph *g = p->g;

	for (size_t i = 0; i < g->nnode; i++) {
		p->place[i].segment = (int)i;
		p->segment[i] = (struct segment){ 0 };
	}
	for (size_t i = 0; i < g->ntensor; i++)
		g->tensor[i]->mark = 0;
	for (size_t i = 0; i < g->nnode; i++) {
		struct ncc_node *node = g->node[i];

		for (size_t j = 0; ncc_on_chip(node) && j < node->nin; j++) {
			struct ncc_node *from = producer(node, j);

			if (from && ncc_on_chip(from) &&
			    p->place[from->index].phase == p->place[node->index].phase)
				p->place[segment_of(p, from->index)].segment = segment_of(p, node->index);
		}
	}
	for (size_t i = 0; i < g->nnode; i++) {
		struct ncc_node *node = g->node[i];

		if (!node->live)
			continue;
		if (ncc_on_chip(node)) {
			measure_node(p, node);
			continue;
		}
		for (size_t j = 0; j < node->nin; j++) {
			struct ncc_node *from = producer(node, j);

			if (from && ncc_on_chip(from))
				add_moved(p, segment_of(p, from->index), node->in[j]);
		}
	}
}

static const char *bytes_text(struct ncc_context *ctx, double n)
{
	if (n >= 1e6)
		return ncc_printf(&ctx->arena, "%.1f MB", n / 1e6);
	return ncc_printf(&ctx->arena, "%.1f kB", n / 1e3);
}

/* Why segment @s should rather run on the CPU, or NULL. */
static const char *not_worth_it(struct plan *p, int s, int largest)
{
	const struct ncc_options *options = p->ctx->options;
	const struct segment *sum = &p->segment[s];

	if (sum->nodes < options->min_segment)
		return ncc_printf(&p->ctx->arena, "a segment of %d operators; --minimum-segment-size is %d",
				  sum->nodes, options->min_segment);
	if (options->partition != NCC_PARTITION_COST || s == largest ||
	    ncc_cost_chip(sum->flops, sum->moved) < ncc_cost_cpu(sum->flops, sum->touched))
		return NULL;
	return ncc_printf(&p->ctx->arena, "not worth the transfers: a segment of %d operators with %.2f MFLOP "
			  "would move %s", sum->nodes, sum->flops / 1e6, bytes_text(p->ctx, sum->moved));
}

/* Small segments go to the CPU. True if any did. */
static bool drop_small(struct plan *p)
{
	bool any = false, cpu = false;
	int largest = -1;

	for (size_t i = 0; i < p->g->nnode; i++) {
		cpu |= p->g->node[i]->live && p->g->node[i]->refused;
		if (p->segment[i].flops > (largest < 0 ? 0 : p->segment[largest].flops))
			largest = (int)i;
	}
	for (size_t i = 0; cpu && i < p->g->nnode; i++) {
		struct ncc_node *node = p->g->node[i];
		const char *why;

		if (!ncc_on_chip(node))
			continue;
		why = not_worth_it(p, segment_of(p, node->index), largest);
		if (why)
			p->place[node->index].phase = -1;
		any |= !!why;
	}
	/* In two steps, because the segments must not change on the way. */
	for (size_t i = 0; any && i < p->g->nnode; i++) {
		struct ncc_node *node = p->g->node[i];

		if (ncc_on_chip(node) && p->place[node->index].phase < 0)
			node->refused = not_worth_it(p, segment_of(p, node->index), largest);
	}
	return any;
}

static bool drop_phases(struct plan *p, int first, int last, const char *why)
{
	bool any = false;

	for (size_t i = 0; i < p->g->nnode; i++) {
		struct ncc_node *node = p->g->node[i];
		int phase = p->place[node->index].phase;

		if (!ncc_on_chip(node) || phase < first || phase > last)
			continue;
		node->refused = why;
		any = true;
	}
	return any;
}

/*
 * A tensor between two parts on the CPU must have a type that can be written down. If it
 * has not, what lies between them has to run on the CPU too, so that they become one.
 */
static bool join_unknown(struct plan *p)
{
	for (size_t i = 0; i < p->g->nnode; i++) {
		struct ncc_node *node = p->g->node[i];

		for (size_t j = 0; node->live && j < node->nin; j++) {
			struct ncc_node *from = producer(node, j);
			const struct ncc_tensor *t = node->in[j];
			int first, last;

			if (!from || ncc_type_size(t->type))
				continue;
			first = p->place[from->index].phase;
			last = p->place[node->index].phase;
			if (first != last &&
			    drop_phases(p, first, last, ncc_printf(&p->ctx->arena, "lies between operators on "
				"the CPU that share '%s', whose type is not known or no number", t->name)))
				return true;
		}
	}
	return false;
}

/* Too many parts: the phase with least arithmetic goes. */
static bool drop_phase(struct plan *p)
{
	double *flops = ncc_alloc_array(&p->ctx->arena, (size_t)p->phases, sizeof(*flops));
	int least = -1;

	if (p->phases <= MAX_PARTS)
		return false;
	for (int i = 0; i < p->phases; i++)
		flops[i] = -1;
	for (size_t i = 0; i < p->g->nnode; i++) {
		struct ncc_node *node = p->g->node[i];
		double *sum = &flops[p->place[node->index].phase];

		if (ncc_on_chip(node))
			*sum = (*sum < 0 ? 0 : *sum) + ncc_cost_flops(node);
	}
	for (int i = 0; i < p->phases; i++)
		if (flops[i] >= 0 && (least < 0 || flops[i] < flops[least]))
			least = i;
	return drop_phases(p, least, least, ncc_printf(&p->ctx->arena, "the model would have more than %d parts",
						       MAX_PARTS));
}

/* Is @op_type in a list of names with commas between, or is that "all"? */
static bool in_list(const char *list, const char *op_type)
{
	size_t n = strlen(op_type);

	if (!list)
		return false;
	if (!strcmp(list, "all"))
		return true;
	for (;;) {
		size_t length = strcspn(list, ",");

		if (length == n && !strncmp(list, op_type, n))
			return true;
		if (!list[length])
			return false;
		list += length + 1;
	}
}

static void ask_device(struct plan *p)
{
	for (size_t i = 0; i < p->g->nnode; i++) {
		struct ncc_node *node = p->g->node[i];

		if (!ncc_on_chip(node))
			continue;
		if (in_list(p->ctx->options->cpu_ops, node->op_type))
			node->refused = "asked for with --cpu-operators";
		else
			node->refused = ncc_device_refuses(p->ctx, node);
	}
}

/* Everything is to run on the chip. */
static int check_whole(struct ncc_context *ctx, struct ncc_graph *g)
{
	for (size_t i = 0; i < g->nnode; i++) {
		struct ncc_node *node = g->node[i];
		const char *why = node->live ? ncc_device_refuses(ctx, node) : NULL;

		if (why)
			return ncc_node_error(ctx, node, "%s", why);
		node->mark = 0;
	}
	return 0;
}

/* The graph itself is the only segment. */
static int take_whole(struct ncc_context *ctx, struct ncc_graph *g)
{
	struct ncc_part *part = ncc_alloc(&ctx->arena, sizeof(*part));

	for (size_t i = 0; i < g->nnode; i++)
		if (g->node[i]->op != NCC_SPLIT)
			g->node[i]->nout = 1;
	part->name = "sg00";
	part->device = true;
	part->graph = g;
	part->node = g->node;
	part->nnode = g->nnode;
	part->input = g->input;
	part->ninput = g->ninput;
	part->output = g->output;
	part->noutput = g->noutput;
	ctx->parts = part;
	return 0;
}

static int check_outputs(struct ncc_context *ctx, struct ncc_graph *g)
{
	for (size_t i = 0; i < g->noutput; i++) {
		const struct ncc_tensor *t = g->output[i];

		if (!ncc_type_size(t->type))
			return ncc_error(ctx, "graph output '%s' has type %s; only tensors of numbers and bool can "
					 "be outputs", t->name, ncc_type_name(t->type));
		if (t->is_input)
			return ncc_error(ctx, "graph output '%s' is a graph input; put an Identity node "
					 "between them", t->name);
	}
	return 0;
}

/* Later passes may change or drop nodes, the report is about these. */
static void note_model(struct ncc_context *ctx)
{
	struct ncc_graph *g = ctx->whole = ctx->graph;

	ctx->model_node = ncc_alloc_array(&ctx->arena, g->nop_name, sizeof(*ctx->model_node));
	ctx->model_flops = ncc_alloc_array(&ctx->arena, g->nop_name, sizeof(*ctx->model_flops));
	for (size_t i = 0; i < g->nnode; i++) {
		ctx->model_node[g->node[i]->index] = g->node[i];
		ctx->model_flops[g->node[i]->index] = ncc_cost_flops(g->node[i]);
	}
}

int ncc_partition(struct ncc_context *ctx)
{
	struct plan p = { .ctx = ctx };
	struct ncc_graph *g;

	if (!ctx->whole)
		note_model(ctx);
	p.g = g = ctx->graph = ctx->whole;
	find_live(g);
	if (ctx->options->partition == NCC_PARTITION_OFF && check_whole(ctx, g))
		return -EINVAL;
	if (ctx->options->partition == NCC_PARTITION_OFF && ctx->options->cores < 2)
		return take_whole(ctx, g);
	if (check_outputs(ctx, g))
		return -EINVAL;
	if (ctx->options->partition == NCC_PARTITION_OFF)
		return ncc_parts_build(ctx, ncc_pipeline_cut(ctx, 1, MAX_PARTS));
	p.place = ncc_alloc_array(&ctx->arena, g->nnode, sizeof(*p.place));
	p.segment = ncc_alloc_array(&ctx->arena, g->nnode, sizeof(*p.segment));
	ask_device(&p);
	do {
		find_phases(&p);
		find_segments(&p);
	} while (drop_small(&p) || join_unknown(&p) || drop_phase(&p));
	for (size_t i = 0; i < g->nnode; i++)
		g->node[i]->mark = p.place[g->node[i]->index].phase;
	return ncc_parts_build(ctx, ncc_pipeline_cut(ctx, p.phases, MAX_PARTS));
}
