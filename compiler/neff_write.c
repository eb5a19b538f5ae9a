// SPDX-License-Identifier: Apache-2.0
/*
 * The NEFF: header, then a tar archive of JSON, instruction streams and weights. The
 * same program gives the same bytes: no times, no owners, no host names.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <jansson.h>
#include <openssl/evp.h>

#include <neuron/neff.h>

#include "convert.h"
#include "graph.h"
#include "json.h"
#include "onnx_write.h"
#include "partition.h"
#include "program.h"

#define NAME_MAX_NEFF	255
#define CPU_MODEL	"model.onnx"
#define COMPILER	"neuron-cc " NEURON_VERSION " (open instruction set)"

static const char *const engines[NEURON_ENGINES] = { "pe", "act", "pool", "dma" };

/* The archive while it grows. */
struct body {
	uint8_t *data;
	size_t n, cap;
	bool failed;
};

static la_ssize_t body_write(struct archive *a, void *opaque, const void *data, size_t n)
{
	struct body *b = opaque;

	if (b->n + n > b->cap) {
		size_t cap = b->cap ? b->cap : 65536;
		uint8_t *more;

		while (cap < b->n + n)
			cap *= 2;
		more = realloc(b->data, cap);
		if (!more) {
			b->failed = true;
			return ARCHIVE_FATAL;
		}
		b->data = more;
		b->cap = cap;
	}
	memcpy(b->data + b->n, data, n);
	b->n += n;
	return (la_ssize_t)n;
}

static int add_member(struct archive *a, const char *name, const void *data, size_t size)
{
	struct archive_entry *e = archive_entry_new();
	int err = -ENOMEM;

	if (!e)
		return err;
	archive_entry_set_pathname(e, name);
	archive_entry_set_size(e, (la_int64_t)size);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_mtime(e, 0, 0);
	if (archive_write_header(a, e) == ARCHIVE_OK &&
	    (!size || archive_write_data(a, data, size) == (la_ssize_t)size))
		err = 0;
	archive_entry_free(e);
	return err;
}

/* @format: flags of json_dumps() */
static int add_json_as(struct archive *a, const char *name, json_t *root, size_t format)
{
	char *text = root ? json_dumps(root, format) : NULL;
	int err = -ENOMEM;

	if (text)
		err = add_member(a, name, text, strlen(text));
	free(text);
	json_decref(root);
	return err;
}

static int add_json(struct archive *a, const char *name, json_t *root)
{
	return add_json_as(a, name, root, JSON_INDENT(1));
}

static json_t *shape_json(const struct ncc_tensor *t)
{
	json_t *list = json_array();

	for (int d = 0; d < t->rank; d++)
		json_array_append_new(list, json_integer(t->dim[d]));
	return list;
}

static void add_tensor(json_t *list, const struct ncc_tensor *t)
{
	json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "name", t->name, "dtype",
					      ncc_type_name(t->type), "shape",
					      t->shaped ? shape_json(t) : json_null()));
}

static json_t *tensors_json(struct ncc_tensor **t, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		add_tensor(list, t[i]);
	return list;
}

/* What goes from one part to another, and is no output of the model. */
static json_t *between_json(struct ncc_context *ctx)
{
	json_t *list = json_array();

	for (struct ncc_part *p = ctx->parts; p; p = p->next)
		for (size_t i = 0; i < p->noutput; i++)
			if (!p->output[i]->is_output)
				add_tensor(list, p->output[i]);
	return list;
}

static json_t *names_json(struct ncc_tensor **t, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(t[i]->name));
	return list;
}

/* The graph's name, else the file's without directory and suffix. */
static const char *network_name(struct ncc_context *ctx)
{
	const char *path = ctx->options->model, *slash = strrchr(path, '/'), *dot;

	if (*ctx->whole->name)
		return ctx->whole->name;
	path = slash ? slash + 1 : path;
	dot = strrchr(path, '.');
	return ncc_strndup(&ctx->arena, path, dot && dot > path ? (size_t)(dot - path) : strlen(path));
}

/* "Gather, NonMaxSuppression": each kind of operator once. */
static json_t *operators_json(struct ncc_context *ctx, const struct ncc_part *p)
{
	const char *text = "";

	for (size_t i = 0; i < p->nnode; i++) {
		size_t j = 0;

		while (j < i && strcmp(p->node[j]->op_type, p->node[i]->op_type))
			j++;
		if (j == i && strlen(text) + strlen(p->node[i]->op_type) + 6 < NAME_MAX_NEFF)
			text = ncc_printf(&ctx->arena, "%s%s%s", text, *text ? ", " : "", p->node[i]->op_type);
	}
	return ncc_json_label(ctx, *text ? text : "Constant");
}

static json_t *node_json(struct ncc_context *ctx, const struct ncc_part *p)
{
	json_t *node = json_pack("{s:s, s:s, s:i, s:o, s:o}", "name", p->name, "executor",
				 p->device ? "NeuronCore" : "CPU", "cores", p->device ? 1 : 0, "inputs",
				 names_json(p->input, p->ninput), "outputs",
				 names_json(p->output, p->noutput));

	if (!p->device) {
		json_object_set_new(node, "model", json_string(CPU_MODEL));
		json_object_set_new(node, "operators", operators_json(ctx, p));
	}
	return node;
}

static json_t *neff_json(struct ncc_context *ctx)
{
	struct ncc_graph *g = ctx->whole;
	json_t *nodes = json_array();

	for (struct ncc_part *p = ctx->parts; p; p = p->next)
		json_array_append_new(nodes, node_json(ctx, p));
	return json_pack("{s:o, s:i, s:s, s:o, s:o, s:o, s:o}", "name", ncc_json_label(ctx, network_name(ctx)),
			 "isa_version", NEURON_ISA_VERSION, "compiler", COMPILER, "inputs",
			 tensors_json(g->input, g->ninput), "outputs",
			 tensors_json(g->output, g->noutput), "tensors", between_json(ctx), "nodes", nodes);
}

static json_t *queue_json(const char *type)
{
	return json_pack("{s:s, s:i, s:s}", "type", type, "num_queues", 1, "owner", "dma");
}

static json_t *var_json(const struct ncc_var *v, int id)
{
	json_t *j = json_pack("{s:i, s:i, s:I, s:i, s:s}", "var_id", id, "segment", v->segment, "size",
			      (json_int_t)v->size, "alignment", 64, "type", v->type);

	if (v->file)
		json_object_set_new(j, "file_name", json_string(v->file));
	if (v->tensor) {
		json_object_set_new(j, "dtype", json_string(ncc_type_name(v->tensor->type)));
		json_object_set_new(j, "shape", shape_json(v->tensor));
	}
	return j;
}

static json_t *def_json(const struct ncc_part *part)
{
	struct ncc_program *p = part->program;
	json_t *files = json_object(), *vars = json_object();

	for (int e = 0; e < NEURON_ENGINES; e++)
		json_object_set_new(files, engines[e], json_sprintf("%s.bin", engines[e]));
	for (size_t i = 0; i < p->nvar; i++)
		if (p->var[i].size)
			json_object_set_new(vars, p->var[i].name, var_json(&p->var[i], (int)i));
	return json_pack("{s:s, s:o, s:i, s:{s:o, s:o, s:o}, s:o}", "name", part->name, "engines", files,
			 "code_segment", 0, "dma_queue", "qIn", queue_json("in"), "qOut",
			 queue_json("out"), "qData", queue_json("data"), "var", vars);
}

/* What a part does for an operator. */
struct op_use {
	int64_t instructions[NEURON_ENGINES];
	int64_t bytes;
};

/* Bytes of segments that an instruction reads and writes. */
static int64_t segment_bytes(const struct neuron_insn *insn)
{
	int64_t sides = (insn->src_seg != NEURON_ISA_NO_SEG) + (insn->dst_seg != NEURON_ISA_NO_SEG);
	int64_t n = sides << insn->flags;

	if (insn->op == NEURON_OP_DMA_COPY)
		return n * insn->dma_copy.count[0] * insn->dma_copy.count[1] *
		       insn->dma_copy.count[2] * insn->dma_copy.count[3];
	if (insn->op == NEURON_OP_DMA_GATHER)
		return n * insn->dma_gather.count[0] * insn->dma_gather.count[1] *
		       insn->dma_gather.count[2];
	return 0;
}

static struct op_use *use_of(struct ncc_context *ctx, const struct ncc_program *p)
{
	size_t n = ctx->whole->nop_name ? ctx->whole->nop_name : 1;
	struct op_use *use = ncc_alloc_array(&ctx->arena, n, sizeof(*use));

	for (int e = 0; e < NEURON_ENGINES; e++)
		for (size_t i = 0; i < p->stream[e].n; i++) {
			const struct neuron_insn *insn = &p->stream[e].insn[i];

			if (insn->tag >= n)
				continue;
			use[insn->tag].instructions[e]++;
			use[insn->tag].bytes += segment_bytes(insn);
		}
	return use;
}

static json_t *ops_json(struct ncc_context *ctx, const struct ncc_part *part)
{
	const struct op_use *use = use_of(ctx, part->program);
	struct ncc_graph *g = ctx->whole;
	json_t *list = json_array();

	for (size_t i = 0; i < g->nop_name; i++) {
		const int64_t *n = use[i].instructions;

		if (!n[NEURON_PE] && !n[NEURON_ACT] && !n[NEURON_POOL] && !n[NEURON_DMA])
			continue;
		json_array_append_new(list, json_pack("{s:i, s:o, s:o, s:I, s:I, s:[IIII]}", "tag", (int)i,
			"name", ncc_json_label(ctx, g->op_name[i].name),
			"op_type", ncc_json_label(ctx, g->op_name[i].op_type),
			"flops", (json_int_t)ctx->model_flops[i], "bytes", (json_int_t)use[i].bytes,
			"instructions", (json_int_t)n[NEURON_PE], (json_int_t)n[NEURON_ACT],
			(json_int_t)n[NEURON_POOL], (json_int_t)n[NEURON_DMA]));
	}
	return json_pack("{s:o}", "ops", list);
}

static const struct ncc_var *find_var(const struct ncc_program *p, uint8_t segment)
{
	for (size_t i = 0; i < p->nvar; i++)
		if (p->var[i].segment == segment)
			return &p->var[i];
	return NULL;
}

/* One end of a transfer; an address in a core's own memory is as in an instruction. */
static const char *place_name(const struct ncc_program *p, uint8_t segment, uint32_t address)
{
	const struct ncc_var *v = find_var(p, segment);

	if (v)
		return v->name;
	return address & NEURON_LOCAL_PSUM ? "psum" : "sbuf";
}

/* Which of def.json's queues a transfer belongs to. */
static const char *queue_of(const struct ncc_program *p, const struct neuron_insn *insn)
{
	const struct ncc_var *from = find_var(p, insn->src_seg), *to = find_var(p, insn->dst_seg);

	if (to && !strcmp(to->type, "output"))
		return "qOut";
	return from && !strcmp(from->type, "input") ? "qIn" : "qData";
}

static json_t *steps_json(const int32_t step[4])
{
	return json_pack("[i, i, i, i]", step[0], step[1], step[2], step[3]);
}

static json_t *sizes_json(const uint16_t count[4])
{
	return json_pack("[i, i, i, i]", count[0], count[1], count[2], count[3]);
}

static json_t *dma_json(const struct ncc_program *p, const struct neuron_insn *insn, size_t id)
{
	json_t *desc = json_pack("{s:s, s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:i}",
				 "from", place_name(p, insn->src_seg, insn->dma_copy.src),
				 "to", place_name(p, insn->dst_seg, insn->dma_copy.dst),
				 "from_off", (json_int_t)insn->dma_copy.src,
				 "to_off", (json_int_t)insn->dma_copy.dst,
				 "from_steps", steps_json(insn->dma_copy.src_step),
				 "to_steps", steps_json(insn->dma_copy.dst_step),
				 "from_sizes", sizes_json(insn->dma_copy.count),
				 "to_sizes", sizes_json(insn->dma_copy.count),
				 "element", 1 << insn->flags);
	json_t *dma = json_pack("{s:i, s:s, s:o}", "id", (int)id, "queue", queue_of(p, insn), "desc", desc);

	if (insn->sig_sem != NEURON_ISA_NO_SEM)
		json_object_set_new(dma, "semaphore", json_integer(insn->sig_sem));
	return dma;
}

static json_t *engine_json(struct ncc_program *p, int engine)
{
	const struct ncc_stream *s = &p->stream[engine];
	json_t *dma = json_array();

	for (size_t i = 0; i < s->n; i++)
		if (s->insn[i].op == NEURON_OP_DMA_COPY)
			json_array_append_new(dma, dma_json(p, &s->insn[i], i));
	return json_pack("{s:s, s:i, s:o}", "engine", engines[engine], "instructions", (int)s->n, "dma",
			 dma);
}

static const char *member(struct ncc_context *ctx, const struct ncc_part *part, const char *name,
			  const char *suffix)
{
	return ncc_printf(&ctx->arena, "%s/%s%s", part->name, name, suffix);
}

static int add_segment(struct ncc_context *ctx, struct archive *a, const struct ncc_part *part)
{
	struct ncc_program *p = part->program;
	int err = add_json(a, member(ctx, part, "def", ".json"), def_json(part));

	if (!err)
		err = add_json(a, member(ctx, part, "ops", ".json"), ops_json(ctx, part));
	for (int e = 0; e < NEURON_ENGINES && !err; e++) {
		const struct ncc_stream *s = &p->stream[e];

		err = add_member(a, member(ctx, part, engines[e], ".bin"), s->insn,
				 s->n * sizeof(*s->insn));
		if (!err)
			err = add_json_as(a, member(ctx, part, engines[e], ".json"), engine_json(p, e),
					  JSON_COMPACT);
	}
	if (!err && p->weights_size)
		err = add_member(a, member(ctx, part, "weights", ".bin"), p->weights, p->weights_size);
	return err;
}

static int add_model(struct ncc_context *ctx, struct archive *a, const struct ncc_part *part)
{
	struct ncc_bytes model;
	int err = ncc_onnx_write_part(ctx, part, &model);

	return err ? err : add_member(a, member(ctx, part, CPU_MODEL, ""), model.at, model.n);
}

static int add_members(struct ncc_context *ctx, struct archive *a)
{
	int err = add_json(a, "neff.json", neff_json(ctx));

	for (struct ncc_part *p = ctx->parts; p && !err; p = p->next)
		err = p->device ? add_segment(ctx, a, p) : add_model(ctx, a, p);
	return err;
}

static int make_body(struct ncc_context *ctx, struct body *body)
{
	struct archive *a = archive_write_new();
	int err = -ENOMEM;

	if (!a)
		return err;
	archive_write_set_format_pax_restricted(a);
	/* No padding to whole blocks of a tape. */
	archive_write_set_bytes_in_last_block(a, 1);
	if (!ctx->options->plain_tar) {
		archive_write_add_filter_gzip(a);
		archive_write_set_filter_option(a, "gzip", "timestamp", NULL);
		archive_write_set_filter_option(a, "gzip", "compression-level", "1");
	}
	if (archive_write_open(a, body, NULL, body_write, NULL) == ARCHIVE_OK) {
		err = add_members(ctx, a);
		if (archive_write_close(a) != ARCHIVE_OK)
			err = err ? err : -EIO;
	}
	archive_write_free(a);
	return err;
}

static int make_header(struct ncc_context *ctx, const struct body *body,
		       struct neuron_neff_header *h)
{
	unsigned int length, segments = 0;
	size_t n = 0;

	memset(h, 0, sizeof(*h));
	h->pkg_version = NEURON_NEFF_PKG_VERSION;
	h->header_size = NEURON_NEFF_HEADER_SIZE;
	h->data_size = body->n;
	h->version_major = NEURON_NEFF_VERSION_MAJOR;
	h->version_minor = NEURON_NEFF_VERSION_MINOR;
	snprintf((char *)h->build_version, sizeof(h->build_version), "%s", COMPILER);
	snprintf(h->name, sizeof(h->name), "%s", network_name(ctx));
	/* Without a pipeline, segments take turns, so they need no core each. */
	h->num_tpb = 1;
	h->requested_tpb_count = ctx->options->cores < 1 ? 1 : (uint32_t)ctx->options->cores;
	h->feature_bits = NEURON_NEFF_FEATURE_OPEN_ISA;
	for (struct ncc_part *p = ctx->parts; p; p = p->next) {
		h->tpb_per_node[n++] = p->device;
		segments += p->device;
		if (!p->device)
			h->feature_bits |= NEURON_NEFF_FEATURE_CPU_NODES;
	}
	if (ctx->options->cores > 1 && segments)
		h->num_tpb = segments < h->requested_tpb_count ? segments : h->requested_tpb_count;
	if (ctx->options->plain_tar)
		h->feature_bits |= NEURON_NEFF_FEATURE_PLAIN_TAR;
	if (EVP_Digest(body->data, body->n, h->hash, &length, EVP_sha256(), NULL) != 1)
		return -EIO;
	memcpy(h->uuid, h->hash, sizeof(h->uuid));
	return 0;
}

/* Under another name first: nobody sees half a file. */
static int write_file(struct ncc_context *ctx, const char *path, const struct neuron_neff_header *h,
		      const struct body *body)
{
	const char *part = ncc_printf(&ctx->arena, "%s.part", path);
	FILE *f = fopen(part, "wb");
	bool good;

	if (!f)
		return ncc_error(ctx, "cannot write '%s': %s", path, strerror(errno));
	good = fwrite(h, sizeof(*h), 1, f) == 1 && fwrite(body->data, body->n, 1, f) == 1;
	good &= !fclose(f);
	if (good && !rename(part, path))
		return 0;
	ncc_error(ctx, "cannot write '%s': %s", path, strerror(errno));
	unlink(part);
	return -EIO;
}

/* Does the format have room for the name? */
static int check_name(struct ncc_context *ctx, const struct ncc_tensor *t)
{
	json_t *j = json_string(t->name);

	if (!j)
		return ncc_error(ctx, "the name of tensor '%s' is not UTF-8; rename it", t->name);
	json_decref(j);
	if (strlen(t->name) > NAME_MAX_NEFF)
		return ncc_error(ctx, "the name of tensor '%s' is longer than %d bytes; rename it", t->name,
				 NAME_MAX_NEFF);
	return 0;
}

static int check_names(struct ncc_context *ctx)
{
	struct ncc_graph *g = ctx->whole;
	int err = 0;

	for (size_t i = 0; i < g->ninput && !err; i++)
		err = check_name(ctx, g->input[i]);
	for (struct ncc_part *p = ctx->parts; p && !err; p = p->next)
		for (size_t i = 0; i < p->noutput && !err; i++)
			err = check_name(ctx, p->output[i]);
	return err;
}

int ncc_neff_write(struct ncc_context *ctx, const char *path)
{
	struct neuron_neff_header header;
	struct body body = { 0 };
	int err = check_names(ctx);

	if (err)
		return err;
	err = make_body(ctx, &body);
	if (!err)
		err = make_header(ctx, &body, &header);
	if (err)
		ncc_error(ctx, "cannot make the NEFF: %s", strerror(-err));
	else
		err = write_file(ctx, path, &header, &body);
	free(body.data);
	return err;
}
