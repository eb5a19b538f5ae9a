// SPDX-License-Identifier: Apache-2.0
/*
 * --report: which node runs where, and why. The model's nodes are listed as the model has
 * them, not as passes rewrote them.
 */
#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "cost.h"
#include "graph.h"
#include "json.h"
#include "partition.h"
#include "report.h"

#define SUMMARY_OPS	6

/* Sums over the nodes that are not computed by the compiler. */
struct sums {
	size_t nodes, chip;
	double flops, chip_flops;
};

static bool on_chip(const struct ncc_context *ctx, const struct ncc_node *node)
{
	return node->live && (ctx->options->partition == NCC_PARTITION_OFF || ncc_on_chip(node));
}

static struct sums add_up(const struct ncc_context *ctx)
{
	const struct ncc_graph *g = ctx->whole;
	struct sums s = { 0 };

	for (size_t i = 0; i < g->nop_name; i++) {
		const struct ncc_node *node = ctx->model_node[i];

		if (!node->live)
			continue;
		s.nodes++;
		s.flops += ctx->model_flops[i];
		if (on_chip(ctx, node)) {
			s.chip++;
			s.chip_flops += ctx->model_flops[i];
		}
	}
	return s;
}

static double percent(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : 0;
}

static const char *place_name(const struct ncc_context *ctx, const struct ncc_node *node)
{
	if (!node->live)
		return ncc_is_computed(node) ? "compiler" : "unused";
	return on_chip(ctx, node) ? "chip" : "cpu";
}

static const char *part_name(const struct ncc_context *ctx, const struct ncc_node *node)
{
	if (!node->live)
		return "";
	return node->part ? node->part->name : ctx->parts ? ctx->parts->name : "";
}

static const char *reason(const struct ncc_context *ctx, const struct ncc_node *node)
{
	return !on_chip(ctx, node) && node->live && node->refused ? node->refused : "";
}

/* The first half of a reason: what, without what could be done. */
static const char *short_reason(struct ncc_context *ctx, const struct ncc_node *node)
{
	const char *why = reason(ctx, node);
	size_t n = strcspn(why, ";:");

	return ncc_printf(&ctx->arena, "%.*s", n > 90 ? 90 : (int)n, why);
}

/* "; on the CPU: NonMaxSuppression x1 (why), .." */
static const char *cpu_text(struct ncc_context *ctx)
{
	const struct ncc_graph *g = ctx->whole;
	const char *text = "";
	int kinds = 0;

	for (size_t i = 0; i < g->nop_name; i++) {
		struct ncc_node *node = ctx->model_node[i];
		int same = 0;

		if (!node->live || on_chip(ctx, node))
			continue;
		for (size_t j = 0; j < g->nop_name; j++) {
			struct ncc_node *other = ctx->model_node[j];

			if (!other->live || on_chip(ctx, other) || strcmp(other->op_type, node->op_type))
				continue;
			if (j < i)
				break;
			same++;
		}
		if (!same || kinds++ > SUMMARY_OPS)
			continue;
		if (kinds > SUMMARY_OPS)
			text = ncc_printf(&ctx->arena, "%s, and others", text);
		else
			text = ncc_printf(&ctx->arena, "%s%s%s x%d (%s)", text, *text ? ", " : "", node->op_type,
					  same, short_reason(ctx, node));
	}
	return text;
}

static void say_summary(struct ncc_context *ctx, const struct sums *s)
{
	const char *arithmetic = ncc_printf(&ctx->arena, ", %.1f %% of the arithmetic,",
					    percent(s->chip_flops, s->flops));

	if (s->chip == s->nodes)
		ncc_log(ctx, NCC_RESULT, "All %zu operators on the chip", s->nodes);
	else
		ncc_log(ctx, NCC_RESULT, "%zu of %zu operators%s on the chip; on the CPU: %s", s->chip, s->nodes,
			s->flops > 0 ? arithmetic : "", cpu_text(ctx));
}

static void say_nodes(struct ncc_context *ctx, const struct sums *s)
{
	const struct ncc_graph *g = ctx->whole;

	for (size_t i = 0; i < g->nop_name; i++) {
		const struct ncc_node *node = ctx->model_node[i];
		const char *why = reason(ctx, node);

		ncc_log(ctx, NCC_RESULT, "%-8s %-5s %5.1f %%  %s%s%s", place_name(ctx, node), part_name(ctx, node),
			node->live ? percent(ctx->model_flops[i], s->flops) : 0, ncc_node_text(ctx, node),
			*why ? ": " : "", why);
	}
}

static json_t *nodes_json(struct ncc_context *ctx)
{
	const struct ncc_graph *g = ctx->whole;
	json_t *list = json_array();

	for (size_t i = 0; i < g->nop_name; i++) {
		const struct ncc_node *node = ctx->model_node[i];

		json_array_append_new(list, json_pack("{s:i, s:o, s:o, s:s, s:s, s:o, s:f}",
			"index", (int)i, "name", ncc_json_label(ctx, g->op_name[i].name),
			"op_type", ncc_json_label(ctx, g->op_name[i].op_type), "place", place_name(ctx, node),
			"part", part_name(ctx, node), "reason", ncc_json_label(ctx, reason(ctx, node)),
			"flops", node->live ? ctx->model_flops[i] : 0.0));
	}
	return list;
}

static json_t *parts_json(struct ncc_context *ctx)
{
	json_t *list = json_array();

	for (struct ncc_part *p = ctx->parts; p; p = p->next)
		json_array_append_new(list, json_pack("{s:s, s:s, s:i}", "name", p->name, "executor",
						      p->device ? "NeuronCore" : "CPU", "cores",
						      p->device ? 1 : 0));
	return list;
}

static json_t *report_json(struct ncc_context *ctx, const struct sums *s)
{
	return json_pack("{s:o, s:i, s:i, s:i, s:f, s:f, s:o, s:o}", "model",
			 ncc_json_label(ctx, ctx->options->model), "operators", (int)s->nodes, "on_chip",
			 (int)s->chip, "on_cpu", (int)(s->nodes - s->chip), "flops", s->flops, "flops_on_chip",
			 s->chip_flops, "parts", parts_json(ctx), "nodes", nodes_json(ctx));
}

static int write_json(struct ncc_context *ctx, const struct sums *s)
{
	const char *path = ctx->options->report_file;
	json_t *root = report_json(ctx, s);
	int err = root ? json_dump_file(root, path, JSON_INDENT(1)) : -1;

	json_decref(root);
	return err ? ncc_error(ctx, "cannot write the report '%s': %s", path, strerror(errno)) : 0;
}

int ncc_report(struct ncc_context *ctx)
{
	struct sums s = add_up(ctx);

	if (ctx->options->report)
		say_nodes(ctx, &s);
	say_summary(ctx, &s);
	if (ctx->options->report_json)
		*ctx->options->report_json = report_json(ctx, &s);
	return ctx->options->report_file ? write_json(ctx, &s) : 0;
}
