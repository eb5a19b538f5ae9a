// SPDX-License-Identifier: Apache-2.0
/*
 * Graphs in attributes: the names that they take from the graphs around them.
 */
#include <errno.h>
#include <string.h>

#include "graph.h"
#include "onnx_subgraph.h"

/* A graph and those around it, up to the attribute that it is in. */
struct scope {
	struct ncc_context *ctx;
	struct ncc_graph *own;	/* its tensors are the names that the graph itself makes */
	struct scope *outer;
	struct ncc_names *names;
	struct ncc_graph *seen;	/* the tensors are what is in @names */
	int depth;
};

#define for_each_field(w, f, err) \
	while (((err) = ncc_wire_next(&(w), &(f))) == 1)

/* What is no text cannot be the name of a tensor outside: the reader refuses those. */
static const char *text(struct scope *s, const struct ncc_wire *w)
{
	return ncc_strndup(&s->ctx->arena, (const char *)w->at, ncc_wire_size(w));
}

static void define(struct scope *s, const struct ncc_wire *name)
{
	if (ncc_wire_size(name))
		ncc_graph_tensor(s->own, text(s, name));
}

static void use(struct scope *s, const struct ncc_wire *w)
{
	const char *name = text(s, w);

	if (!*name || ncc_graph_find(s->seen, name))
		return;
	for (struct scope *at = s; at; at = at->outer)
		if (ncc_graph_find(at->own, name))
			return;
	ncc_graph_tensor(s->seen, name);
	s->names->name = ncc_grow(&s->ctx->arena, s->names->name, s->names->n, &s->names->cap,
				  sizeof(*s->names->name));
	s->names->name[s->names->n++] = name;
}

/* Field @number of message @w is a name. */
static int define_field(struct scope *s, struct ncc_wire w, uint32_t number)
{
	struct ncc_wire_field f;
	int err;

	for_each_field(w, f, err)
		if (f.number == number && f.type == NCC_WIRE_BYTES)
			define(s, &f.bytes);
	return err;
}

/* An initializer must have its data with it: 14 says that they are elsewhere. */
static int define_initializer(struct scope *s, struct ncc_wire w)
{
	struct ncc_wire at = w;
	struct ncc_wire_field f;
	int err;

	for_each_field(at, f, err)
		if (f.number == 14 && f.value)
			return -EXDEV;
	return err ? err : define_field(s, w, 8);
}

/* Inputs, initializers, sparse ones (whose values have the name), outputs of nodes. */
static int define_all(struct scope *s, struct ncc_wire w)
{
	struct ncc_wire_field f, in;
	int err, bad = 0;

	for_each_field(w, f, err) {
		struct ncc_wire sparse = f.bytes;

		if (f.type != NCC_WIRE_BYTES)
			continue;
		if (f.number == 1)
			bad = define_field(s, f.bytes, 2);
		else if (f.number == 5)
			bad = define_initializer(s, f.bytes);
		else if (f.number == 11)
			bad = define_field(s, f.bytes, 1);
		else if (f.number == 15)
			for_each_field(sparse, in, bad)
				if (in.number == 1 && in.type == NCC_WIRE_BYTES)
					define_field(s, in.bytes, 8);
		if (bad)
			return bad;
	}
	return err;
}

static int captures(struct ncc_context *ctx, struct ncc_wire graph, struct scope *outer,
		    struct ncc_names *names, struct ncc_graph *seen);

/* Inputs of a node (1), and the graphs in its attributes (5: fields 6 and 11). */
static int use_node(struct scope *s, struct ncc_wire w)
{
	struct ncc_wire_field f, in;
	int err, bad;

	for_each_field(w, f, err) {
		struct ncc_wire attribute = f.bytes;

		if (f.type != NCC_WIRE_BYTES)
			continue;
		if (f.number == 1)
			use(s, &f.bytes);
		if (f.number != 5)
			continue;
		for_each_field(attribute, in, bad) {
			if ((in.number != 6 && in.number != 11) || in.type != NCC_WIRE_BYTES)
				continue;
			err = captures(s->ctx, in.bytes, s, s->names, s->seen);
			if (err)
				return err;
		}
		if (bad)
			return bad;
	}
	return err;
}

static int captures(struct ncc_context *ctx, struct ncc_wire graph, struct scope *outer,
		    struct ncc_names *names, struct ncc_graph *seen)
{
	struct scope s = {
		.ctx = ctx, .own = ncc_graph_new(ctx), .outer = outer, .names = names, .seen = seen,
		.depth = outer ? outer->depth + 1 : 0,
	};
	struct ncc_wire w = graph;
	struct ncc_wire_field f, in;
	int err = define_all(&s, graph), bad;

	if (err || s.depth > NCC_SUBGRAPH_DEPTH)
		return err ? err : -E2BIG;
	for_each_field(w, f, err) {
		struct ncc_wire value = f.bytes;

		if (f.type != NCC_WIRE_BYTES)
			continue;
		bad = f.number == 1 ? use_node(&s, f.bytes) : 0;
		if (bad)
			return bad;
		if (f.number != 12)
			continue;
		for_each_field(value, in, bad)
			if (in.number == 1 && in.type == NCC_WIRE_BYTES)
				use(&s, &in.bytes);
		if (bad)
			return bad;
	}
	return err;
}

int ncc_subgraph_captures(struct ncc_context *ctx, struct ncc_wire graph, struct ncc_names *names)
{
	struct ncc_graph *seen = ncc_graph_new(ctx);

	for (size_t i = 0; i < names->n; i++)
		ncc_graph_tensor(seen, names->name[i]);
	return captures(ctx, graph, NULL, names, seen);
}
