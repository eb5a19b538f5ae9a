// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-packager verify: everything about a NEFF that can be checked without running it.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "cli_json.h"
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

/* Does the instruction name only segments that there are, and have a meaning as a whole? */
static int check_insn(const struct neff_node *n, const struct neuron_insn *insn, const char **why)
{
	bool dma = insn->op == NEURON_OP_DMA_COPY || insn->op == NEURON_OP_DMA_GATHER;
	char text[NRT_ISA_TEXT_MAX];
	struct neuron_insn again;

	*why = "names a segment that the node does not have";
	if (dma && ((insn->src_seg != NEURON_ISA_NO_SEG && insn->src_seg >= n->segments) ||
		    (insn->dst_seg != NEURON_ISA_NO_SEG && insn->dst_seg >= n->segments)))
		return -1;
	*why = "names a semaphore that there is not";
	if ((insn->wait_sem != NEURON_ISA_NO_SEM && insn->wait_sem >= NEURON_ISA_SEMAPHORES) ||
	    (insn->sig_sem != NEURON_ISA_NO_SEM && insn->sig_sem >= NEURON_ISA_SEMAPHORES))
		return -1;
	*why = "does not decode: reserved fields are not 0";
	if (nrt_isa_format(insn, text, sizeof(text)) >= sizeof(text) || text[0] == '.' ||
	    nrt_isa_parse(text, &again, NULL, NULL) || memcmp(&again, insn, sizeof(again)))
		return -1;
	return 0;
}

static void check_stream(struct verify *v, const struct neff_node *n, const struct neff_member *m)
{
	const struct neuron_insn *insn = (const void *)m->data;
	size_t count = m->size / sizeof(*insn), i;
	const char *why;

	for (i = 0; i < count; i++)
		if (check_insn(n, &insn[i], &why)) {
			wrong(v, "program", "%s: instruction %zu (%s) %s; compile the model again", m->name,
			      i, nrt_isa_op_name(insn[i].op), why);
			return;
		}
}

static void check_programs(struct verify *v, const struct packager_file *f)
{
	unsigned int before = v->wrong, e;
	uint32_t i;

	for (i = 0; i < f->neff->node_count; i++)
		for (e = 0; e < NEURON_ENGINES && !f->neff->nodes[i].model; e++)
			check_stream(v, &f->neff->nodes[i], f->neff->nodes[i].stream[e]);
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
