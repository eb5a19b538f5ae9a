// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-packager verify: everything about a NEFF that can be checked without running it.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "cli_json.h"
#include "emu.h"
#include "isa_text.h"
#include "neff_json.h"
#include "packager.h"

/**
 * struct verify - the checks so far
 * @checks: JSON, if that is wanted, else NULL
 * @wrong: how many failed
 */
struct verify {
	const char *path;
	json_t *checks;
	unsigned int wrong;
};

static void add_check(struct verify *v, const char *check, const char *error)
{
	v->wrong += error != NULL;
	if (v->checks)
		json_array_append_new(v->checks, json_pack("{s:s, s:b, s:o}", "check", check, "ok",
							   error == NULL, "error", error ?
							   neff_json_text(error, strlen(error)) :
							   json_null()));
	else if (error)
		cli_error("%s: %s: %s", v->path, check, error);
	else
		printf("ok  %s\n", check);
}

__attribute__((format(printf, 3, 4)))
static void wrong(struct verify *v, const char *check, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	add_check(v, check, text);
}

static void check_hash(struct verify *v, const struct packager_file *f)
{
	const char *hash = packager_hash(f);
	struct neff_error error;

	if (f->neff ? neff_hash_check(&f->header, f->bytes, &error) != 0 : !hash)
		wrong(v, "hash", "%s", f->neff ? error.text :
		      "is neither the SHA-256 nor the MD5 of the body; files of this kind may hash other bytes");
	else
		add_check(v, "hash", NULL);
}

static uint32_t count_cores(const struct neff *neff, uint32_t *most)
{
	uint32_t i, sum = 0;

	*most = 0;
	for (i = 0; i < neff->node_count; i++) {
		sum += neff->nodes[i].cores;
		if (neff->nodes[i].cores > *most)
			*most = neff->nodes[i].cores;
	}
	return sum;
}

/* The header speaks for the body: schedulers read it and nothing else. */
static void check_fields(struct verify *v, const struct packager_file *f)
{
	static const char out[] = "'neuron-packager unpack' and 'pack' with the option of that name set it";
	const struct neuron_neff_header *h = &f->header;
	bool plain = h->feature_bits & NEURON_NEFF_FEATURE_PLAIN_TAR;
	unsigned int before = v->wrong;
	uint32_t most, sum = count_cores(f->neff, &most), i;

	for (i = 0; i < sizeof(h->tpb_per_node); i++) {
		uint32_t cores = i < f->neff->node_count ? f->neff->nodes[i].cores : 0;

		if (h->tpb_per_node[i] == cores)
			continue;
		wrong(v, "header", "tpb_per_node[%u] is %u, node %s has %u; %s", i, h->tpb_per_node[i],
		      i < f->neff->node_count ? f->neff->nodes[i].name : "of that number", cores, out);
		break;
	}
	if (h->num_tpb < most || h->num_tpb > (sum ? sum : 1))
		wrong(v, "header", "num_tpb is %u, its nodes can use %u to %u; %s", h->num_tpb, most,
		      sum, out);
	if (plain == packager_compressed(f))
		wrong(v, "header", "feature bits say that the body is %s, which it is not; pack it again",
		      plain ? "not compressed" : "compressed");
	if (!memchr(h->name, 0, sizeof(h->name)) ||
	    !memchr(h->build_version, 0, sizeof(h->build_version)))
		wrong(v, "header", "name or build version do not end; pack it again with --name");
	if (v->wrong == before)
		add_check(v, "header", NULL);
}

static uint32_t access_of(enum neff_var_type type)
{
	bool constant = type == NEFF_VAR_INPUT || type == NEFF_VAR_FILE;

	return NEURON_SEG_READ | (constant ? 0 : NEURON_SEG_WRITE);
}

/* The context that libnrt would give the node; bases do not matter. */
static void make_segments(const struct neff_node *n, struct neuron_segment *segments)
{
	uint32_t i;

	memset(segments, 0, NEURON_SEGMENTS * sizeof(*segments));
	for (i = 0; i < NEURON_ENGINES; i++)
		segments[n->code_segment].length += n->stream[i]->size;
	segments[n->code_segment].flags = NEURON_SEG_READ | NEURON_SEG_EXEC;
	for (i = 0; i < n->variable_count; i++) {
		const struct neff_variable *v = &n->variables[i];

		segments[v->segment].length = v->size;
		segments[v->segment].flags = access_of(v->type);
	}
}

/* The name of the field at that offset of an instruction's header; the others depend on its kind. */
static const char *field_at(uint64_t offset)
{
	switch (offset) {
#define FIELD(type, name, kind) case offsetof(struct neuron_insn, name): return #name;
#define ARRAY(type, name, n, kind) FIELD(type, name, kind)
	NEURON_ISA_HEADER(FIELD, ARRAY)
#undef FIELD
#undef ARRAY
	default:
		return "an operand";
	}
}

static void check_stream(struct verify *v, const struct neff_node *n, unsigned int engine,
			 const struct neuron_segment *segments)
{
	const struct neff_member *m = n->stream[engine];
	const struct neuron_insn *insn = (const void *)m->data;
	uint64_t detail;
	uint32_t index;
	int status = emu_check_stream(segments, n->segments, engine, insn,
				      (uint32_t)(m->size / sizeof(*insn)), &index, &detail);

	if (status < 0)
		wrong(v, "program", "%s: %s", m->name, strerror(-status));
	else if (status == NEURON_JOB_SEGMENT)
		wrong(v, "program",
		      "%s: instruction %u (%s): access outside of segment %" PRIu64 ", or not permitted; compile the model again",
		      m->name, index, nrt_isa_op_name(insn[index].op), detail);
	else if (status)
		wrong(v, "program",
		      "%s: instruction %u (%s) does not decode: %s is out of range, at byte %" PRIu64 "; compile the model again",
		      m->name, index, nrt_isa_op_name(insn[index].op), field_at(detail), detail);
}

static void check_programs(struct verify *v, const struct packager_file *f)
{
	static struct neuron_segment segments[NEURON_SEGMENTS];
	unsigned int before = v->wrong, e;
	uint32_t i;

	for (i = 0; i < f->neff->node_count; i++) {
		const struct neff_node *n = &f->neff->nodes[i];

		if (n->model)
			continue;
		make_segments(n, segments);
		for (e = 0; e < NEURON_ENGINES; e++)
			check_stream(v, n, e, segments);
	}
	if (v->wrong == before)
		add_check(v, "program", NULL);
}

static void verify_file(struct verify *v, const struct packager_file *f)
{
	add_check(v, "container", NULL);
	check_hash(v, f);
	add_check(v, "graph", f->neff ? NULL : f->refused.text);
	if (!f->neff)
		return;
	check_fields(v, f);
	check_programs(v, f);
}

static int finish(struct verify *v)
{
	json_t *root;
	int rc;

	if (!v->checks) {
		rc = cli_finish();
	} else {
		root = json_pack("{s:o, s:b, s:O}", "file",
				 neff_json_text(v->path, strlen(v->path)), "ok", !v->wrong, "checks", v->checks);
		rc = cli_print_json(root);
		json_decref(root);
		json_decref(v->checks);
	}
	return v->wrong ? EXIT_FAILED : rc;
}

int packager_verify(const struct packager_options *o)
{
	struct verify v = { .path = o->from, .checks = o->json ? json_array() : NULL };
	struct packager_file f;

	if (packager_open(&f, o->from, &o->limits)) {
		json_decref(v.checks);
		packager_close(&f);
		return EXIT_FAILED;
	}
	verify_file(&v, &f);
	packager_close(&f);
	return finish(&v);
}
