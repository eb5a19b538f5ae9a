// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target: NEFFs through the reader, the writer, the disassembler and the tools' JSON. The
 * first byte of an input says what follows: a file, a body whose header is made here, or members
 * (which of NAMES, size in two bytes, contents) that need no archive.
 *
 * Expected: no crash, little memory, a message for each refusal; what is accepted is consistent,
 * and written again it is accepted again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa_text.h"
#include "neff.h"
#include "neff_json.h"

enum { MODE_FILE, MODE_BODY, MODE_MEMBERS, MODES };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct neff_limits limits = { 4 << 20, 64 };

#define REQUIRE(condition) do { \
	if (!(condition)) { \
		fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
		abort(); \
	} \
} while (0)

static void check_links(const struct neff *neff, const struct neff_node *n,
			const struct neff_link *links, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		REQUIRE(links[i].tensor < neff->tensor_count);
		if (n->model)
			continue;
		REQUIRE(links[i].variable < n->variable_count);
		REQUIRE(n->variables[links[i].variable].size == neff->tensors[links[i].tensor].size);
	}
}

static void check_stream(const struct neff_member *m)
{
	const struct neuron_insn *insn = (const void *)m->data;
	char text[NRT_ISA_TEXT_MAX];
	struct neuron_insn again;
	size_t i;

	REQUIRE(m->size % sizeof(*insn) == 0);
	for (i = 0; i < m->size / sizeof(*insn); i++) {
		REQUIRE(nrt_isa_format(&insn[i], text, sizeof(text)) < sizeof(text));
		REQUIRE(!nrt_isa_parse(text, &again, NULL, NULL));
		REQUIRE(!memcmp(&again, &insn[i], sizeof(again)));
	}
}

static void check_node(const struct neff *neff, const struct neff_node *n)
{
	uint64_t sum = 0;
	uint32_t i, k;

	check_links(neff, n, n->inputs, n->input_count);
	check_links(neff, n, n->outputs, n->output_count);
	REQUIRE(!n->model == !!n->cores);
	if (n->model)
		return;
	for (i = 0; i < NEURON_ENGINES; i++)
		check_stream(n->stream[i]);
	for (i = 0; i < n->variable_count; i++) {
		const struct neff_variable *v = &n->variables[i];

		REQUIRE(v->size && v->segment < n->segments && v->segment != n->code_segment);
		for (k = 0; v->type == NEFF_VAR_FILE && k < v->size; k++)
			sum += v->data[k];
	}
	/* Reading all of them is the test. */
	REQUIRE(sum <= UINT8_MAX * limits.bytes);
}

static void check_json(json_t *root)
{
	char *text = root ? json_dumps(root, JSON_ENCODE_ANY) : NULL;

	REQUIRE(text);
	free(text);
	json_decref(root);
}

static void check_neff(const struct neff *neff)
{
	uint32_t i;

	REQUIRE(neff->node_count && neff->output_count);
	REQUIRE(neff->input_count + neff->output_count <= neff->tensor_count);
	for (i = 0; i < neff->node_count; i++)
		check_node(neff, &neff->nodes[i]);
	check_json(neff_json_nodes(neff));
	check_json(neff_json_tensors(neff->tensors, neff->tensor_count));
}

/* Pack the members with that header; free() it. */
static uint8_t *pack(struct neuron_neff_header *h, const struct neff_body *body, bool plain,
		     size_t *size)
{
	uint8_t *packed, *bytes;

	REQUIRE(!neff_body_write(body, plain, &packed, size));
	neff_header_seal(h, packed, *size, true);
	bytes = malloc(sizeof(*h) + *size);
	memcpy(bytes, h, sizeof(*h));
	memcpy(bytes + sizeof(*h), packed, *size);
	*size += sizeof(*h);
	free(packed);
	return bytes;
}

static void check_written(struct neff *neff)
{
	struct neff_error error;
	struct neff *again;
	size_t size;
	uint8_t *bytes = pack(&neff->header, &neff->body, neff->node_count & 1, &size);

	if (neff_open(bytes, size, NEFF_VERIFY_HASH, &limits, &again, &error)) {
		fprintf(stderr, "what was written is refused: %s\n", error.text);
		abort();
	}
	REQUIRE(again->node_count == neff->node_count && again->tensor_count == neff->tensor_count);
	neff_close(again);
	free(bytes);
}

static void finish(struct neff *neff, int rc, const struct neff_error *error)
{
	if (rc) {
		REQUIRE(*error->text && !strchr(error->text, '\n'));
		return;
	}
	check_neff(neff);
	check_written(neff);
	neff_close(neff);
}

static void try_file(const uint8_t *bytes, size_t size)
{
	struct neuron_neff_header header;
	struct neff_body body = { 0 };
	struct neff_error error;
	struct neff *neff = NULL;
	int rc;

	if (!neff_unpack(bytes, size, &limits, &header, &body, &error)) {
		check_json(neff_json_header(&header));
		check_json(neff_json_foreign_nodes(&body));
		check_json(neff_json_members(&body));
	}
	neff_body_free(&body);
	rc = neff_open(bytes, size, 0, &limits, &neff, &error);
	finish(neff, rc, &error);
}

static struct neuron_neff_header make_header(size_t size)
{
	return (struct neuron_neff_header){
		.pkg_version = NEURON_NEFF_PKG_VERSION, .header_size = sizeof(struct neuron_neff_header),
		.data_size = size, .version_major = NEURON_NEFF_VERSION_MAJOR,
		.version_minor = NEURON_NEFF_VERSION_MINOR, .feature_bits = NEURON_NEFF_FEATURES_KNOWN,
	};
}

static void try_body(const uint8_t *body, size_t size)
{
	struct neuron_neff_header h = make_header(size);
	uint8_t *bytes = malloc(sizeof(h) + size);

	memcpy(bytes, &h, sizeof(h));
	memcpy(bytes + sizeof(h), body, size);
	try_file(bytes, sizeof(h) + size);
	free(bytes);
}

static void add_member(struct neff_body *body, const char *name, const uint8_t *data, size_t size)
{
	struct neff_member *m;

	if (neff_body_find(body, name))
		return;
	body->members = realloc(body->members, (body->count + 1) * sizeof(*m));
	m = &body->members[body->count++];
	*m = (struct neff_member) { strdup(name), malloc(size ? size : 1), size };
	memcpy(m->data, data, size);
}

static void try_members(const uint8_t *data, size_t size)
{
	static const char *const names[] = {
		"neff.json", "sg00/def.json", "sg00/pe.bin", "sg00/act.bin", "sg00/pool.bin",
		"sg00/dma.bin", "sg00/w.bin", "sg00/w.npy", "cpu00/model.onnx", "sg01/def.json",
		"sg01/pe.bin", "sg01/act.bin", "sg01/pool.bin", "sg01/dma.bin", "sg00/ops.json",
	};
	struct neuron_neff_header h = make_header(0);
	struct neff_body body = { 0 };
	struct neff_error error = { "" };
	struct neff *neff = NULL;
	int rc;

	while (size >= 3) {
		size_t n = data[1] | data[2] << 8;

		if (n > size - 3)
			n = size - 3;
		add_member(&body, names[data[0] % (sizeof(names) / sizeof(names[0]))], data + 3, n);
		data += 3 + n;
		size -= 3 + n;
	}
	check_json(neff_json_foreign_nodes(&body));
	rc = neff_adopt(&h, &body, &neff, &error);
	neff_body_free(&body);
	finish(neff, rc, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	switch (data[0] % MODES) {
	case MODE_FILE:
		try_file(data + 1, size - 1);
		break;
	case MODE_BODY:
		try_body(data + 1, size - 1);
		break;
	default:
		try_members(data + 1, size - 1);
	}
	return 0;
}
