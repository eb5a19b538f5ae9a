// SPDX-License-Identifier: Apache-2.0
/*
 * Builds NEFFs for the unit tests of libnrt.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>
#include <openssl/sha.h>

#include "nrt_build.h"

#define MAX_FILE (16u << 20)

void build_set(struct build *b, const char *name, const void *data, size_t size)
{
	struct build_member *m = b->members;

	while (m < b->members + b->count && strcmp(m->name, name))
		m++;
	assert(m < b->members + BUILD_MAX_MEMBERS);
	if (m == b->members + b->count) {
		b->count++;
		snprintf(m->name, sizeof(m->name), "%s", name);
	}
	free(m->data);
	m->data = malloc(size + 1);
	assert(m->data);
	memcpy(m->data, data, size);
	m->size = size;
}

void build_text(struct build *b, const char *name, const char *format, ...)
{
	char text[8192];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	assert(n < (int)sizeof(text));
	build_set(b, name, text, n);
}

void build_remove(struct build *b, const char *name)
{
	int i;

	for (i = 0; i < b->count; i++)
		if (!strcmp(b->members[i].name, name)) {
			free(b->members[i].data);
			b->members[i] = b->members[--b->count];
			b->members[b->count].data = NULL;
			return;
		}
	assert(0);
}

void build_free(struct build *b)
{
	while (b->count)
		free(b->members[--b->count].data);
}

struct neuron_insn build_dma(unsigned int dst_seg, unsigned int src_seg, unsigned int bytes)
{
	struct neuron_insn insn = {
		.op = NEURON_OP_DMA_COPY,
		.wait_sem = NEURON_ISA_NO_SEM,
		.sig_sem = NEURON_ISA_NO_SEM,
		.dst_seg = dst_seg,
		.src_seg = src_seg,
	};

	insn.dma_copy.count[0] = insn.dma_copy.count[1] = insn.dma_copy.count[2] = 1;
	insn.dma_copy.count[3] = bytes;
	insn.dma_copy.src_step[3] = insn.dma_copy.dst_step[3] = 1;
	return insn;
}

static void add_node(struct build *b, const char *node, const char *from, const char *to,
		     unsigned int elements)
{
	struct neuron_insn copy = build_dma(2, 1, 4 * elements);
	uint8_t constant[64];
	char name[64];
	unsigned int e;

	for (e = 0; e < NEURON_ENGINES; e++) {
		static const char *const engine[] = { "pe", "act", "pool", "dma" };

		snprintf(name, sizeof(name), "%s/%s.bin", node, engine[e]);
		build_set(b, name, &copy, e == NEURON_DMA ? sizeof(copy) : 0);
	}
	for (e = 0; e < sizeof(constant); e++)
		constant[e] = e;
	snprintf(name, sizeof(name), "%s/w.bin", node);
	build_set(b, name, constant, sizeof(constant));
	snprintf(name, sizeof(name), "%s/def.json", node);
	build_text(b, name,
		   "{\"name\": \"%s\", \"engines\": {\"pe\": \"pe.bin\", \"act\": \"act.bin\", \"pool\": \"pool.bin\", \"dma\": \"dma.bin\"},\n"
		   "\"code_segment\": 0, \"dma_queue\": {}, \"var\": {\n"
		   "\"%s\": {\"var_id\": 0, \"segment\": 1, \"size\": %u, \"alignment\": 64, \"type\": \"input\", \"dtype\": \"float32\", \"shape\": [1, %u]},\n"
		   "\"%s\": {\"var_id\": 1, \"segment\": 2, \"size\": %u, \"alignment\": 4096, \"type\": \"output\", \"dtype\": \"float32\", \"shape\": [1, %u]},\n"
		   "\"w\": {\"var_id\": 2, \"segment\": 3, \"size\": 64, \"alignment\": 64, \"type\": \"file\", \"file_name\": \"w.bin\"},\n"
		   "\"t\": {\"var_id\": 3, \"segment\": 4, \"size\": 100, \"alignment\": 1, \"type\": \"tmp-buf\"}}}",
		   node, from, 4 * elements, elements, to, 4 * elements, elements);
}

#define TENSORS \
	"\"inputs\": [{\"name\": \"x\", \"dtype\": \"float32\", \"shape\": [1, %u]}],\n" \
	"\"outputs\": [{\"name\": \"y\", \"dtype\": \"float32\", \"shape\": [1, %u]}],\n"
#define NODE(name, from, to) \
	"{\"name\": \"" name "\", \"executor\": \"NeuronCore\", \"cores\": 1, \"inputs\": [\"" from "\"], \"outputs\": [\"" to "\"]}"

void build_copy_model(struct build *b, unsigned int elements)
{
	*b = (struct build) { 0 };
	build_text(b, "neff.json",
		   "{\"name\": \"copy\", \"isa_version\": 1, \"compiler\": \"nrt_build.c\",\n" TENSORS
		   "\"nodes\": [" NODE("sg00", "x", "y") "]}", elements, elements);
	add_node(b, "sg00", "x", "y", elements);
}

void build_chain_model(struct build *b, unsigned int elements)
{
	*b = (struct build) { 0 };
	build_text(b, "neff.json",
		   "{\"name\": \"chain\", \"isa_version\": 1, \"compiler\": \"nrt_build.c\",\n" TENSORS
		   "\"nodes\": [" NODE("sg00", "x", "m") ", " NODE("sg01", "m", "y") "]}", elements,
		   elements);
	add_node(b, "sg00", "x", "m", elements);
	add_node(b, "sg01", "m", "y", elements);
}

void build_seal(uint8_t *bytes, size_t size)
{
	struct neuron_neff_header h;

	memcpy(&h, bytes, sizeof(h));
	h.data_size = size - sizeof(h);
	SHA256(bytes + sizeof(h), h.data_size, h.hash);
	memcpy(bytes, &h, sizeof(h));
}

uint8_t *build_file(const struct build *b, size_t *size)
{
	struct neuron_neff_header h = {
		.pkg_version = NEURON_NEFF_PKG_VERSION,
		.header_size = NEURON_NEFF_HEADER_SIZE,
		.version_major = NEURON_NEFF_VERSION_MAJOR,
		.version_minor = NEURON_NEFF_VERSION_MINOR,
		.build_version = "nrt_build.c",
		.name = "net",
		.num_tpb = 1,
		.requested_tpb_count = 1,
		.tpb_per_node = { 1 },
		.feature_bits = NEURON_NEFF_FEATURE_OPEN_ISA |
				(b->plain ? NEURON_NEFF_FEATURE_PLAIN_TAR : 0),
	};
	struct archive_entry *entry = archive_entry_new();
	struct archive *a = archive_write_new();
	uint8_t *bytes = calloc(1, MAX_FILE);
	size_t used = 0;
	int i;

	assert(a && entry && bytes);
	archive_write_set_format_ustar(a);
	if (!b->plain)
		archive_write_add_filter_gzip(a);
	archive_write_open_memory(a, bytes + sizeof(h), MAX_FILE - sizeof(h), &used);
	for (i = 0; i < b->count; i++) {
		archive_entry_clear(entry);
		archive_entry_set_pathname(entry, b->members[i].name);
		archive_entry_set_size(entry, b->members[i].size);
		archive_entry_set_filetype(entry, AE_IFREG);
		archive_entry_set_perm(entry, 0644);
		archive_write_header(a, entry);
		archive_write_data(a, b->members[i].data, b->members[i].size);
	}
	archive_write_close(a);
	archive_write_free(a);
	archive_entry_free(entry);
	memcpy(bytes, &h, sizeof(h));
	*size = sizeof(h) + used;
	build_seal(bytes, *size);
	return realloc(bytes, *size);
}
