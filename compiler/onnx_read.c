// SPDX-License-Identifier: Apache-2.0
/*
 * ONNX ModelProto to graph IR. Field numbers are those of onnx.proto.
 *
 * The file is mapped and read in place. Names and contents that we understand are copied
 * into the arena; what has to reach a CPU part as it is (attributes, tensors of other types,
 * functions) stays where it is, in the mapping, which lives as long as the compilation.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "convert.h"
#include "graph.h"
#include "onnx_external.h"
#include "onnx_read.h"
#include "onnx_subgraph.h"
#include "onnx_wire.h"

struct reader {
	struct ncc_context *ctx;
	struct ncc_graph *g;
	const char *where;	/* what is being read, for messages */
	struct ncc_names captured;	/* by the graphs in the attributes of a node */
	const char *no_text;	/* where a name is none; NULL: nowhere */
};

static struct ncc_bytes bytes_of(const struct ncc_wire *w)
{
	return (struct ncc_bytes){ .at = w->at, .n = ncc_wire_size(w) };
}

static int broken(struct reader *r)
{
	return ncc_error(r->ctx, "not a readable ONNX model: the data of %s are damaged or cut off; "
			 "check that the file is complete", r->where);
}

/* Iterates over the fields of a message; leaves @err at 0 or -EBADMSG. */
#define for_each_field(w, f, err) \
	while (((err) = ncc_wire_next(&(w), &(f))) == 1)

/* A name. One that is no text is an error at the end of the reading. */
static const char *text(struct reader *r, const struct ncc_wire *w)
{
	if (!r->no_text && (!ncc_wire_is_text(w) || memchr(w->at, 0, ncc_wire_size(w))))
		r->no_text = r->where;
	return ncc_strndup(&r->ctx->arena, (const char *)w->at, ncc_wire_size(w));
}

/* A value, which may be any bytes. */
static const char *bytes_text(struct reader *r, const struct ncc_wire *w)
{
	return ncc_strndup(&r->ctx->arena, (const char *)w->at, ncc_wire_size(w));
}

/* Appends the numbers of one occurrence of a repeated integer field. */
static int read_ints(const struct ncc_wire_field *f, int64_t *out, size_t *n)
{
	struct ncc_wire w = f->bytes;
	uint64_t v;
	int err;

	if (f->type == NCC_WIRE_VARINT) {
		out[(*n)++] = (int64_t)f->value;
		return 0;
	}
	if (f->type != NCC_WIRE_BYTES)
		return -EBADMSG;
	while ((err = ncc_wire_varint(&w, &v)) == 1)
		out[(*n)++] = (int64_t)v;
	return err;
}

/* How many elements all occurrences of field @number can hold at most. */
static size_t count_field(struct ncc_wire w, uint32_t number)
{
	struct ncc_wire_field f;
	size_t n = 0;

	while (ncc_wire_next(&w, &f) == 1)
		if (f.number == number)
			n += ncc_wire_count(&f);
	return n;
}

static int collect_ints(struct reader *r, struct ncc_wire w, uint32_t number,
			int64_t **out, size_t *n)
{
	size_t most = count_field(w, number);
	struct ncc_wire_field f;
	int err;

	*n = 0;
	*out = ncc_alloc_array(&r->ctx->arena, most, sizeof(**out));
	for_each_field(w, f, err)
		if (f.number == number && read_ints(&f, *out, n))
			return broken(r);
	return err ? broken(r) : 0;
}

static float float_bits(uint64_t bits)
{
	uint32_t u = (uint32_t)bits;
	float v;

	memcpy(&v, &u, sizeof(v));
	return v;
}

static double double_bits(uint64_t bits)
{
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

/* Repeated float (@size 4) or double (8). */
static int collect_floats(struct reader *r, struct ncc_wire w, uint32_t number, size_t size,
			  float **out, size_t *n)
{
	size_t most = count_field(w, number);
	struct ncc_wire_field f;
	int err;

	*n = 0;
	*out = ncc_alloc_array(&r->ctx->arena, most, sizeof(**out));
	for_each_field(w, f, err) {
		struct ncc_wire in = f.bytes;

		if (f.number != number)
			continue;
		if (f.type == NCC_WIRE_FIXED32 || f.type == NCC_WIRE_FIXED64) {
			(*out)[(*n)++] = size == 4 ? float_bits(f.value) :
					 (float)double_bits(f.value);
			continue;
		}
		if (f.type != NCC_WIRE_BYTES || ncc_wire_size(&in) % size)
			return broken(r);
		for (; in.at != in.end; in.at += size) {
			double d;

			if (size == 4) {
				memcpy(&(*out)[*n], in.at, 4);
			} else {
				memcpy(&d, in.at, 8);
				(*out)[*n] = (float)d;
			}
			(*n)++;
		}
	}
	return err ? broken(r) : 0;
}

static float half_of(enum ncc_type type, uint16_t bits)
{
	return type == NCC_FLOAT16 ? ncc_from_fp16(bits) : ncc_from_bf16(bits);
}

static float raw_float(enum ncc_type type, const uint8_t *at)
{
	uint16_t h;
	double d;
	float f;

	switch (type) {
	case NCC_DOUBLE:
		memcpy(&d, at, sizeof(d));
		return (float)d;
	case NCC_FLOAT:
		memcpy(&f, at, sizeof(f));
		return f;
	default:
		memcpy(&h, at, sizeof(h));
		return half_of(type, h);
	}
}

static int64_t raw_int(enum ncc_type type, const uint8_t *at)
{
	uint64_t u = 0;
	size_t size = ncc_type_size(type);

	for (size_t i = 0; i < size; i++)
		u |= (uint64_t)at[i] << (8 * i);
	switch (type) {
	case NCC_INT8:
		return (int8_t)u;
	case NCC_INT16:
		return (int16_t)u;
	case NCC_INT32:
		return (int32_t)u;
	default:
		return (int64_t)u;
	}
}

/* Give pages of a file back: what was read from them is in memory a second time, and they can be read again. */
static void release(struct ncc_context *ctx, const uint8_t *at, size_t n)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t first = ((uintptr_t)at + page - 1) & ~(page - 1), last = ((uintptr_t)at + n) & ~(page - 1);
	bool mapped = ctx->file.at && at >= ctx->file.at && at < ctx->file.at + ctx->file.n;

	if (first < last && (mapped || ncc_external_has(ctx, at)))
		madvise((void *)first, last - first, MADV_DONTNEED);
}

static int read_raw(struct reader *r, struct ncc_tensor *t, const struct ncc_wire *raw)
{
	size_t size = ncc_type_size(t->type);
	size_t n = (size_t)t->count;
	int64_t *ints;
	float *floats;

	if (ncc_wire_size(raw) != n * size)
		return ncc_error(r->ctx, "initializer '%s' has %zu bytes of data, but its shape %s of "
				 "type %s needs %zu", t->name, ncc_wire_size(raw),
				 ncc_shape_text(r->ctx, t), ncc_type_name(t->type), n * size);
	if (ncc_type_is_float(t->type)) {
		floats = ncc_alloc_array(&r->ctx->arena, n + 1, sizeof(*floats));
		for (size_t i = 0; i < n; i++)
			floats[i] = raw_float(t->type, raw->at + i * size);
		t->f = floats;
		release(r->ctx, raw->at, n * size);
	} else {
		ints = ncc_alloc_array(&r->ctx->arena, n + 1, sizeof(*ints));
		for (size_t i = 0; i < n; i++)
			ints[i] = raw_int(t->type, raw->at + i * size);
		t->i = ints;
	}
	return 0;
}

/* Contents in float_data, int32_data, int64_data, double_data or uint64_data. */
static int read_typed(struct reader *r, struct ncc_tensor *t, struct ncc_wire w)
{
	bool half = t->type == NCC_FLOAT16 || t->type == NCC_BFLOAT16;
	float *floats = NULL;
	int64_t *ints = NULL;
	size_t n;
	int err;

	if (t->type == NCC_FLOAT)
		err = collect_floats(r, w, 4, 4, &floats, &n);
	else if (t->type == NCC_DOUBLE)
		err = collect_floats(r, w, 10, 8, &floats, &n);
	else if (t->type == NCC_INT64)
		err = collect_ints(r, w, 7, &ints, &n);
	else if (t->type == NCC_UINT64 || t->type == NCC_UINT32)
		err = collect_ints(r, w, 11, &ints, &n);
	else
		err = collect_ints(r, w, 5, &ints, &n);
	if (err)
		return err;
	if (n != (size_t)t->count)
		return ncc_error(r->ctx, "initializer '%s' has %zu elements of data, but its shape %s "
				 "needs %" PRId64, t->name, n, ncc_shape_text(r->ctx, t), t->count);
	if (half) {
		floats = ncc_alloc_array(&r->ctx->arena, n + 1, sizeof(*floats));
		for (size_t i = 0; i < n; i++)
			floats[i] = half_of(t->type, (uint16_t)ints[i]);
		ints = NULL;
	}
	if (floats || ncc_type_is_float(t->type))
		t->f = floats;
	else
		t->i = ints;
	return 0;
}

/* @t is an initializer whose data are in a file of their own, as @tensor says. */
static int read_external(struct reader *r, struct ncc_tensor *t, struct ncc_wire tensor)
{
	size_t size = (size_t)t->count * ncc_type_size(t->type);
	struct ncc_wire raw;
	int err;

	if (!ncc_type_size(t->type))
		return ncc_error(r->ctx, "initializer '%s' has its data in another file, and the type %s, which "
				 "no file can have", t->name, ncc_type_name(t->type));
	err = ncc_external_data(r->ctx, t->name, tensor, size, &t->external);
	if (err)
		return err;
	raw = (struct ncc_wire){ .at = t->external.at, .end = t->external.at + size };
	t->raw = (struct ncc_bytes){ 0 };
	return read_raw(r, t, &raw);
}

/* TensorProto into @t, or into the graph's tensor of its name if @t is NULL. */
static int read_tensor(struct reader *r, struct ncc_wire w, struct ncc_tensor *t)
{
	struct ncc_wire raw = { 0 };
	struct ncc_wire all = w;
	struct ncc_wire_field f;
	const char *name = "";
	int64_t *dim, type = 0, location = 0;
	bool has_raw = false, attribute = !!t;
	size_t rank;
	int err;

	for_each_field(w, f, err) {
		if (f.number == 2 && f.type == NCC_WIRE_VARINT)
			type = (int64_t)f.value;
		else if (f.number == 8 && f.type == NCC_WIRE_BYTES)
			name = text(r, &f.bytes);
		else if (f.number == 9 && f.type == NCC_WIRE_BYTES)
			raw = f.bytes, has_raw = true;
		else if (f.number == 14 && f.type == NCC_WIRE_VARINT)
			location = (int64_t)f.value;
	}
	if (err)
		return broken(r);
	if (!t) {
		if (!*name)
			return ncc_error(r->ctx, "an initializer has no name");
		t = ncc_graph_tensor(r->g, name);
		if (ncc_is_initializer(t))
			return ncc_error(r->ctx, "two initializers are called '%s'", name);
	}
	if (location && attribute)
		return ncc_error(r->ctx, "an attribute of a node has its data in another file, which only "
				 "initializers of the model may have; store the model in one file (onnx.save "
				 "with save_as_external_data=False)");
	t->raw = bytes_of(&all);
	t->type = type >= 0 && type <= NCC_BFLOAT16 ? (enum ncc_type)type : NCC_TYPE_UNKNOWN;
	if (!ncc_type_size(t->type) && r->ctx->options->partition == NCC_PARTITION_OFF)
		return ncc_error(r->ctx, "initializer '%s' has type %s (%" PRId64
				 "), which is not supported", t->name, ncc_type_name(t->type), type);
	err = collect_ints(r, all, 1, &dim, &rank);
	if (err)
		return err;
	if (rank > NCC_MAX_RANK)
		return ncc_error(r->ctx, "initializer '%s' has %zu dimensions; at most %d are supported",
				 t->name, rank, NCC_MAX_RANK);
	err = ncc_tensor_set_shape(r->g, NULL, t, (int)rank, dim);
	if (!err && location)
		return read_external(r, t, all);
	if (err || !ncc_type_size(t->type))
		return err;
	return has_raw ? read_raw(r, t, &raw) : read_typed(r, t, all);
}

static int bad_subgraph(struct reader *r, int err)
{
	if (err == -E2BIG)
		return ncc_error(r->ctx, "graphs in attributes of %s are nested deeper than %d, which is as deep as "
				 "is supported", r->where, NCC_SUBGRAPH_DEPTH);
	if (err == -EXDEV)
		return ncc_error(r->ctx, "a graph in an attribute has an initializer with its data in another "
				 "file, which only initializers of the model may have; store the model in one "
				 "file (onnx.save with save_as_external_data=False)");
	return broken(r);
}

static int read_attribute(struct reader *r, struct ncc_wire w, struct ncc_attr *a)
{
	struct ncc_wire all = w;
	struct ncc_wire_field f;
	int64_t *ints;
	float *floats;
	size_t nints, nfloats;
	int64_t kind = 0;
	int err;

	a->name = "";
	a->s = "";
	a->raw = bytes_of(&all);
	for_each_field(w, f, err) {
		if (f.number == 1 && f.type == NCC_WIRE_BYTES) {
			a->name = text(r, &f.bytes);
		} else if (f.number == 2 && f.type == NCC_WIRE_FIXED32) {
			a->f = float_bits(f.value), a->kind = NCC_ATTR_FLOAT;
		} else if (f.number == 3 && f.type == NCC_WIRE_VARINT) {
			a->i = (int64_t)f.value, a->kind = NCC_ATTR_INT;
		} else if (f.number == 4 && f.type == NCC_WIRE_BYTES) {
			a->s = bytes_text(r, &f.bytes), a->kind = NCC_ATTR_STRING;
		} else if (f.number == 5 && f.type == NCC_WIRE_BYTES) {
			a->t = ncc_alloc(&r->ctx->arena, sizeof(*a->t));
			a->t->name = "attribute";
			a->kind = NCC_ATTR_TENSOR;
			err = read_tensor(r, f.bytes, a->t);
			if (err)
				return err;
		} else if ((f.number == 6 || f.number == 11) && f.type == NCC_WIRE_BYTES) {
			a->kind = NCC_ATTR_GRAPH;
			err = ncc_subgraph_captures(r->ctx, f.bytes, &r->captured);
			if (err)
				return bad_subgraph(r, err);
		} else if (f.number == 20 && f.type == NCC_WIRE_VARINT) {
			kind = (int64_t)f.value;
		}
	}
	if (err)
		return broken(r);
	err = collect_floats(r, all, 7, 4, &floats, &nfloats);
	if (!err)
		err = collect_ints(r, all, 8, &ints, &nints);
	if (err)
		return err;
	if (nints || kind == NCC_ATTR_INTS) {
		a->kind = NCC_ATTR_INTS, a->ints = ints, a->n = nints;
	} else if (nfloats || kind == NCC_ATTR_FLOATS) {
		a->kind = NCC_ATTR_FLOATS, a->floats = floats, a->n = nfloats;
	} else if (!a->kind) {
		/* A field with its default value may be absent: the type says which it is. */
		a->kind = kind > 0 && kind < NCC_ATTR_GRAPH && kind != NCC_ATTR_TENSOR ?
			  (enum ncc_attr_kind)kind : NCC_ATTR_OTHER;
	}
	return 0;
}

static struct ncc_tensor *edge(struct reader *r, const struct ncc_wire *w)
{
	return ncc_wire_size(w) ? ncc_graph_tensor(r->g, text(r, w)) : NULL;
}

/* What the graphs in a node's attributes use from outside become inputs of the node. */
static void add_captured(struct reader *r, struct ncc_node *node)
{
	struct ncc_tensor **in = ncc_alloc_array(&r->ctx->arena, node->nin + r->captured.n, sizeof(*in));

	memcpy(in, node->in, node->nin * sizeof(*in));
	node->in = in;
	for (size_t i = 0; i < r->captured.n; i++)
		in[node->nin++] = ncc_graph_tensor(r->g, r->captured.name[i]);
	r->captured.n = 0;
}

static int read_node(struct reader *r, struct ncc_wire w)
{
	struct ncc_node *node = ncc_graph_node(r->g);
	struct ncc_wire all = w;
	struct ncc_wire_field f;
	size_t nin = 0, nout = 0, nattr = 0;
	int err;

	for_each_field(w, f, err) {
		nin += f.number == 1;
		nout += f.number == 2;
		nattr += f.number == 5;
	}
	if (err)
		return broken(r);
	node->index = (int)r->g->nnode - 1;
	node->name = node->op_type = node->domain = "";
	node->in = ncc_alloc_array(&r->ctx->arena, nin, sizeof(*node->in));
	node->out = ncc_alloc_array(&r->ctx->arena, nout, sizeof(*node->out));
	node->attr = ncc_alloc_array(&r->ctx->arena, nattr, sizeof(*node->attr));
	for_each_field(all, f, err) {
		if (f.type != NCC_WIRE_BYTES)
			continue;
		switch (f.number) {
		case 1:
			node->in[node->nin++] = edge(r, &f.bytes);
			break;
		case 2:
			node->out[node->nout++] = edge(r, &f.bytes);
			break;
		case 3:
			node->name = text(r, &f.bytes);
			break;
		case 4:
			node->op_type = text(r, &f.bytes);
			break;
		case 5:
			err = read_attribute(r, f.bytes, &node->attr[node->nattr++]);
			if (err)
				return err;
			break;
		case 7:
			node->domain = text(r, &f.bytes);
			break;
		}
	}
	node->nexplicit = node->nin;
	if (r->captured.n)
		add_captured(r, node);
	return 0;
}

static int read_dim(struct reader *r, struct ncc_wire w, struct ncc_tensor *t, int i)
{
	struct ncc_wire_field f;
	int err;

	t->dim[i] = -1;
	for_each_field(w, f, err) {
		if (f.number == 1 && f.type == NCC_WIRE_VARINT)
			t->dim[i] = (int64_t)f.value;
		else if (f.number == 2 && f.type == NCC_WIRE_BYTES)
			t->dim_param[i] = text(r, &f.bytes);
	}
	/* Exporters write 0 for "not known". */
	if (t->dim[i] <= 0)
		t->dim[i] = -1;
	return err ? broken(r) : 0;
}

static int read_shape(struct reader *r, struct ncc_wire w, struct ncc_tensor *t)
{
	struct ncc_wire_field f;
	int err;

	t->shaped = true;
	t->rank = 0;
	for_each_field(w, f, err) {
		if (f.number != 1 || f.type != NCC_WIRE_BYTES)
			continue;
		if (t->rank == NCC_MAX_RANK)
			return ncc_error(r->ctx, "tensor '%s' has more than %d dimensions",
					 t->name, NCC_MAX_RANK);
		if (read_dim(r, f.bytes, t, t->rank++))
			return -EINVAL;
	}
	return err ? broken(r) : 0;
}

/* TypeProto: only its tensor_type is of use to us. */
static int read_type(struct reader *r, struct ncc_wire w, struct ncc_tensor *t)
{
	struct ncc_wire_field f, in;
	struct ncc_wire tensor;
	int err, inner;

	for_each_field(w, f, err) {
		if (f.number != 1 || f.type != NCC_WIRE_BYTES)
			continue;
		tensor = f.bytes;
		for_each_field(tensor, in, inner) {
			if (in.number == 1 && in.type == NCC_WIRE_VARINT)
				t->type = in.value <= NCC_BFLOAT16 ? (enum ncc_type)in.value :
					  NCC_TYPE_UNKNOWN;
			else if (in.number == 2 && in.type == NCC_WIRE_BYTES &&
				 read_shape(r, in.bytes, t))
				return -EINVAL;
		}
		if (inner)
			return broken(r);
	}
	return err ? broken(r) : 0;
}

/* ValueInfoProto of a graph input or output. A constant keeps what its initializer said. */
static int read_value(struct reader *r, struct ncc_wire w, struct ncc_tensor **out)
{
	struct ncc_tensor unused = { .name = "value" };
	struct ncc_wire all = w;
	struct ncc_wire_field f;
	const char *name = "";
	int err;

	for_each_field(w, f, err)
		if (f.number == 1 && f.type == NCC_WIRE_BYTES)
			name = text(r, &f.bytes);
	if (err)
		return broken(r);
	if (!*name)
		return ncc_error(r->ctx, "a graph input or output has no name");
	*out = ncc_graph_tensor(r->g, name);
	unused.name = name;
	for_each_field(all, f, err)
		if (f.number == 2 && f.type == NCC_WIRE_BYTES &&
		    read_type(r, f.bytes, ncc_is_initializer(*out) ? &unused : *out))
			return -EINVAL;
	return 0;
}

static int add_input(struct reader *r, struct ncc_wire w)
{
	struct ncc_graph *g = r->g;
	struct ncc_tensor *t;
	int err = read_value(r, w, &t);

	/* Before IR version 4, initializers had to be inputs too. */
	if (err || ncc_is_initializer(t))
		return err;
	if (t->is_input)
		return ncc_error(r->ctx, "two graph inputs are called '%s'", t->name);
	t->is_input = true;
	g->input = ncc_grow(&r->ctx->arena, g->input, g->ninput, &g->input_cap, sizeof(*g->input));
	g->input[g->ninput++] = t;
	return 0;
}

static void declare(struct reader *r, struct ncc_tensor *t, const struct ncc_tensor *as)
{
	t->declared = ncc_alloc(&r->ctx->arena, sizeof(*t->declared));
	t->declared->type = as->type;
	t->declared->shaped = as->shaped;
	t->declared->rank = as->rank;
	memcpy(t->declared->dim, as->dim, sizeof(as->dim));
	memcpy(t->declared->dim_param, as->dim_param, sizeof(as->dim_param));
}

/* ValueInfoProto of a tensor inside the graph. */
static int add_declared(struct reader *r, struct ncc_wire w)
{
	struct ncc_tensor as = { .name = "" }, *t = NULL;
	struct ncc_wire all = w;
	struct ncc_wire_field f;
	int err;

	for_each_field(w, f, err)
		if (f.number == 1 && f.type == NCC_WIRE_BYTES)
			as.name = text(r, &f.bytes);
	if (err)
		return broken(r);
	t = ncc_graph_find(r->g, as.name);
	if (!t)
		return 0;
	for_each_field(all, f, err)
		if (f.number == 2 && f.type == NCC_WIRE_BYTES && read_type(r, f.bytes, &as))
			return -EINVAL;
	declare(r, t, &as);
	return 0;
}

static int add_output(struct reader *r, struct ncc_wire w)
{
	struct ncc_graph *g = r->g;
	struct ncc_tensor *t;
	int err = read_value(r, w, &t);

	if (err)
		return err;
	if (t->is_output)
		return ncc_error(r->ctx, "two graph outputs are called '%s'", t->name);
	t->is_output = true;
	declare(r, t, t);
	g->output = ncc_grow(&r->ctx->arena, g->output, g->noutput, &g->output_cap,
			     sizeof(*g->output));
	g->output[g->noutput++] = t;
	return 0;
}

static int sparse(struct reader *r, struct ncc_wire w)
{
	struct ncc_wire_field f, in;
	const char *name = "";
	int err, inner;

	for_each_field(w, f, err) {
		struct ncc_wire values = f.bytes;

		if (f.number != 1 || f.type != NCC_WIRE_BYTES)
			continue;
		for_each_field(values, in, inner)
			if (in.number == 8 && in.type == NCC_WIRE_BYTES)
				name = text(r, &in.bytes);
	}
	return ncc_error(r->ctx, "initializer '%s' is sparse, which is not supported; store its values as a "
			 "dense tensor", name);
}

/* Initializers first: whether an input is a constant depends on them. */
static int read_graph(struct reader *r, struct ncc_wire w)
{
	static const struct {
		uint32_t field;
		const char *where;
	} order[] = {
		{ 5, "the initializers" }, { 15, "the sparse initializers" }, { 1, "the nodes" }, { 13, "the tensors' types" },
		{ 11, "the inputs" }, { 12, "the outputs" },
	};
	struct ncc_wire_field f;
	struct ncc_wire at;
	int err, end;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		r->where = order[i].where;
		at = w;
		for_each_field(at, f, end) {
			if (f.number != order[i].field || f.type != NCC_WIRE_BYTES)
				continue;
			if (f.number == 5)
				err = read_tensor(r, f.bytes, NULL);
			else if (f.number == 15)
				err = sparse(r, f.bytes);
			else if (f.number == 1)
				err = read_node(r, f.bytes);
			else if (f.number == 13)
				err = add_declared(r, f.bytes);
			else if (f.number == 11)
				err = add_input(r, f.bytes);
			else
				err = add_output(r, f.bytes);
			if (err)
				return err;
		}
		if (end)
			return broken(r);
	}
	r->where = "the graph";
	for_each_field(w, f, end)
		if (f.number == 2 && f.type == NCC_WIRE_BYTES)
			r->g->name = text(r, &f.bytes);
	return 0;
}

static int read_opset(struct reader *r, struct ncc_wire w)
{
	struct ncc_wire_field f;
	const char *domain = "";
	int64_t version = 0;
	int err;

	for_each_field(w, f, err) {
		if (f.number == 1 && f.type == NCC_WIRE_BYTES)
			domain = text(r, &f.bytes);
		else if (f.number == 2 && f.type == NCC_WIRE_VARINT)
			version = (int64_t)f.value;
	}
	if (err)
		return broken(r);
	if (!*domain || !strcmp(domain, "ai.onnx"))
		r->g->opset = version;
	return 0;
}

static void keep(struct reader *r, struct ncc_bytes **list, size_t *n, size_t *cap,
		 const struct ncc_wire *w)
{
	*list = ncc_grow(&r->ctx->arena, *list, *n, cap, sizeof(**list));
	(*list)[(*n)++] = bytes_of(w);
}

static int read_model(struct reader *r, struct ncc_wire w)
{
	struct ncc_graph *g = r->g;
	struct ncc_wire graph = { 0 };
	struct ncc_wire_field f;
	int err;

	r->where = "the model";
	for_each_field(w, f, err) {
		if (f.number == 1 && f.type == NCC_WIRE_VARINT)
			g->ir_version = (int64_t)f.value;
		if (f.type != NCC_WIRE_BYTES)
			continue;
		if (f.number == 7)
			graph = f.bytes;
		else if (f.number == 8 && read_opset(r, f.bytes))
			return -EINVAL;
		if (f.number == 8)
			keep(r, &g->opset_raw, &g->nopset_raw, &g->opset_raw_cap, &f.bytes);
		else if (f.number == 25)
			keep(r, &g->function_raw, &g->nfunction_raw, &g->function_raw_cap, &f.bytes);
	}
	if (err)
		return broken(r);
	if (!graph.at)
		return ncc_error(r->ctx, "not an ONNX model: there is no graph in it");
	return read_graph(r, graph);
}

static void name_ops(struct ncc_graph *g)
{
	g->nop_name = g->nnode;
	g->op_name = ncc_alloc_array(&g->ctx->arena, g->nnode, sizeof(*g->op_name));
	for (size_t i = 0; i < g->nnode; i++) {
		struct ncc_node *node = g->node[i];
		const char *name = node->name;

		if (!*name && node->nout && node->out[0])
			name = node->out[0]->name;
		g->op_name[i].name = name;
		g->op_name[i].op_type = node->op_type;
	}
}

int ncc_read_onnx(struct ncc_context *ctx, const void *data, size_t size)
{
	struct reader r = { .ctx = ctx, .where = "the model" };
	struct ncc_wire w = { .at = data, .end = (const uint8_t *)data + size };
	int err;

	ctx->graph = ncc_graph_new(ctx);
	r.g = ctx->graph;
	err = read_model(&r, w);
	if (!err && r.no_text)
		return ncc_error(ctx, "a name in %s is no text: it has a zero byte, or is not UTF-8; export the "
				 "model again", r.no_text);
	if (!err)
		name_ops(r.g);
	return err;
}

void ncc_read_close(struct ncc_context *ctx)
{
	if (ctx->file.at)
		munmap((void *)ctx->file.at, ctx->file.n);
	ctx->file = (struct ncc_bytes){ 0 };
	ncc_external_close(ctx);
}

int ncc_read(struct ncc_context *ctx)
{
	const char *path = ctx->options->model;
	struct stat st;
	void *data;
	int fd;

	if (ctx->options->data.at) {
		ctx->size = ctx->options->data.n;
		return ncc_read_onnx(ctx, ctx->options->data.at, ctx->options->data.n);
	}
	/* Not to wait for the other end of a pipe. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return ncc_error(ctx, "cannot open: %s", strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return ncc_error(ctx, "is not a regular file; name the .onnx file itself");
	}
	if (!st.st_size) {
		close(fd);
		return ncc_error(ctx, "the file is empty; it should be an ONNX model");
	}
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (data == MAP_FAILED)
		return ncc_error(ctx, "cannot map into memory: %s", strerror(errno));
	ctx->file = (struct ncc_bytes){ .at = data, .n = (size_t)st.st_size };
	ctx->size = ctx->file.n;
	ctx->arena.limit = ncc_arena_limit(ctx->size);
	return ncc_read_onnx(ctx, data, (size_t)st.st_size);
}
