// SPDX-License-Identifier: Apache-2.0
/*
 * ONNX models in memory and passes on them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <neuron/isa.h>

#include "ncc_harness.h"
#include "onnx_read.h"
#include "partition.h"

void pb_free(struct pb *pb)
{
	free(pb->data);
	pb->data = NULL;
	pb->n = 0;
}

static void put(struct pb *pb, const void *data, size_t n)
{
	if (!n)
		return;
	pb->data = realloc(pb->data, pb->n + n);
	if (!pb->data)
		abort();
	memcpy(pb->data + pb->n, data, n);
	pb->n += n;
}

void pb_varint(struct pb *pb, uint64_t v)
{
	do {
		uint8_t byte = (v & 0x7f) | (v > 0x7f ? 0x80 : 0);

		put(pb, &byte, 1);
		v >>= 7;
	} while (v);
}

void pb_int(struct pb *pb, unsigned int field, uint64_t v)
{
	pb_varint(pb, field << 3);
	pb_varint(pb, v);
}

void pb_bytes(struct pb *pb, unsigned int field, const void *data, size_t n)
{
	pb_varint(pb, field << 3 | 2);
	pb_varint(pb, n);
	put(pb, data, n);
}

void pb_string(struct pb *pb, unsigned int field, const char *s)
{
	pb_bytes(pb, field, s, strlen(s));
}

void pb_message(struct pb *pb, unsigned int field, struct pb *child)
{
	pb_bytes(pb, field, child->data, child->n);
	pb_free(child);
}

static void value_info(struct onnx *m, unsigned int field, const char *name, const int64_t *dims)
{
	struct pb info = { 0 }, type = { 0 }, tensor = { 0 }, shape = { 0 };

	for (; dims && *dims != END; dims++) {
		struct pb dim = { 0 };

		if (*dims >= 0)
			pb_int(&dim, 1, (uint64_t)*dims);
		else
			pb_string(&dim, 2, "batch");
		pb_message(&shape, 1, &dim);
	}
	pb_int(&tensor, 1, NCC_FLOAT);
	if (dims)
		pb_message(&tensor, 2, &shape);
	pb_message(&type, 1, &tensor);
	pb_string(&info, 1, name);
	pb_message(&info, 2, &type);
	pb_message(&m->graph, field, &info);
}

void onnx_input(struct onnx *m, const char *name, const int64_t *dims)
{
	value_info(m, 11, name, dims);
}

void onnx_output(struct onnx *m, const char *name)
{
	value_info(m, 12, name, NULL);
}

void onnx_floats(struct onnx *m, const char *name, const int64_t *dims, const float *data)
{
	struct pb t = { 0 };
	uint32_t seed = 1;
	size_t n = 1;
	float *made;

	for (const char *c = name; *c; c++)
		seed = seed * 31 + (uint8_t)*c;
	for (; *dims != END; dims++) {
		pb_int(&t, 1, (uint64_t)*dims);
		n *= (size_t)*dims;
	}
	made = calloc(n + 1, sizeof(*made));
	if (!made)
		abort();
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		made[i] = data ? data[i] : (float)(int32_t)seed * 0x1p-31f;
	}
	pb_int(&t, 2, NCC_FLOAT);
	pb_string(&t, 8, name);
	pb_bytes(&t, 9, made, n * sizeof(*made));
	free(made);
	pb_message(&m->graph, 5, &t);
}

void onnx_ints(struct onnx *m, const char *name, const int64_t *values)
{
	struct pb t = { 0 }, list = { 0 };
	uint64_t n = 0;

	for (; values[n] != END; n++)
		pb_varint(&list, (uint64_t)values[n]);
	pb_int(&t, 1, n);
	pb_int(&t, 2, NCC_INT64);
	pb_message(&t, 7, &list);
	pb_string(&t, 8, name);
	pb_message(&m->graph, 5, &t);
}

static void names(struct pb *node, unsigned int field, const char *list)
{
	while (*list) {
		size_t n = strcspn(list, " ");

		pb_bytes(node, field, list, n);
		list += n + (list[n] == ' ');
	}
}

void onnx_node(struct onnx *m, const char *op, const char *in, const char *out, struct pb *attrs)
{
	struct pb node = { 0 };

	names(&node, 1, in);
	names(&node, 2, out);
	pb_string(&node, 3, out);
	pb_string(&node, 4, op);
	if (attrs) {
		put(&node, attrs->data, attrs->n);
		pb_free(attrs);
	}
	pb_message(&m->graph, 1, &node);
}

void onnx_attr_int(struct pb *attrs, const char *name, int64_t v)
{
	struct pb a = { 0 };

	pb_string(&a, 1, name);
	pb_int(&a, 3, (uint64_t)v);
	pb_int(&a, 20, NCC_ATTR_INT);
	pb_message(attrs, 5, &a);
}

void onnx_attr_float(struct pb *attrs, const char *name, float v)
{
	struct pb a = { 0 };

	pb_string(&a, 1, name);
	pb_varint(&a, 2 << 3 | 5);
	put(&a, &v, sizeof(v));
	pb_int(&a, 20, NCC_ATTR_FLOAT);
	pb_message(attrs, 5, &a);
}

void onnx_attr_ints(struct pb *attrs, const char *name, const int64_t *v)
{
	struct pb a = { 0 };

	pb_string(&a, 1, name);
	for (; *v != END; v++)
		pb_int(&a, 8, (uint64_t)*v);
	pb_int(&a, 20, NCC_ATTR_INTS);
	pb_message(attrs, 5, &a);
}

struct pb onnx_model(struct onnx *m)
{
	struct pb model = { 0 }, opset = { 0 };

	pb_string(&m->graph, 2, "unit");
	pb_int(&model, 1, 8);
	pb_int(&opset, 2, (uint64_t)(m->opset ? m->opset : 13));
	pb_message(&model, 8, &opset);
	pb_message(&model, 7, &m->graph);
	return model;
}

static void report(void *opaque, enum ncc_level level, const char *text)
{
	struct run *r = opaque;
	size_t n = strlen(r->error);

	if (level == NCC_ERROR)
		snprintf(r->error + n, sizeof(r->error) - n, "%s\n", text);
}

void run_passes(struct run *r, const struct pb *model, enum ncc_pass last, size_t memory)
{
	static int (*const passes[])(struct ncc_context *) = {
		NULL, ncc_check, ncc_shape, ncc_partition, ncc_fold, ncc_fuse, ncc_place, ncc_tile, ncc_schedule,
		ncc_allocate, ncc_sync, ncc_emit,
	};
	jmp_buf oom;

	memset(&r->ctx, 0, sizeof(r->ctx));
	r->error[0] = 0;
	r->err = 0;
	r->options.model = "unit.onnx";
	if (!r->options.precision.half)
		r->options.precision = (struct ncc_precision){ NEURON_BF16, true, "all" };
	r->ctx.options = &r->options;
	r->ctx.report = report;
	r->ctx.opaque = r;
	ncc_arena_init(&r->ctx.arena, &oom);
	if (memory)
		r->ctx.arena.limit = memory;
	if (setjmp(oom)) {
		r->err = -ENOMEM;
		return;
	}
	r->err = ncc_read_onnx(&r->ctx, model->data, model->n);
	for (int p = NCC_PASS_CHECK; p <= (int)last && !r->err; p++) {
		r->err = passes[p](&r->ctx);
		if (r->ctx.parts)
			r->ctx.parts->program = r->ctx.program;
		/* No room: lower again, as ncc_compile() does. */
		if (r->err == -EAGAIN) {
			r->err = 0;
			p = NCC_PASS_TILE - 1;
		}
	}
}

void run_free(struct run *r)
{
	ncc_arena_free(&r->ctx.arena);
}

struct ncc_node *run_node(struct run *r, enum ncc_op op)
{
	for (size_t i = 0; i < r->ctx.graph->nnode; i++)
		if (r->ctx.graph->node[i]->op == op)
			return r->ctx.graph->node[i];
	return NULL;
}

struct ncc_tensor *run_tensor(struct run *r, const char *name)
{
	return ncc_graph_find(r->ctx.graph, name);
}
