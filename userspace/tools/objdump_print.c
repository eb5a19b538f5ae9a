// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-objdump: header, members, graph, variables.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dtype.h"
#include "objdump.h"

/* A field of the header: text of at most @size bytes that need not end, nor be printable. */
static void print_text(const char *label, const void *data, size_t size)
{
	const unsigned char *p = data;
	size_t i;

	printf("  %-18s", label);
	for (i = 0; i < size && p[i]; i++)
		putchar(isprint(p[i]) ? p[i] : '?');
	putchar('\n');
}

static void print_hex(const char *label, const uint8_t *data, size_t size)
{
	size_t i;

	printf("  %-18s", label);
	for (i = 0; i < size; i++)
		printf("%02x", data[i]);
	putchar('\n');
}

static uint64_t unpacked_size(const struct neff *neff)
{
	uint64_t size = 0;
	uint32_t i;

	for (i = 0; i < neff->body.count; i++)
		size += neff->body.members[i].size;
	return size;
}

void objdump_header(const struct neff *neff)
{
	const struct neuron_neff_header *h = &neff->header;
	unsigned int least = 0, i;

	for (i = 0; i < sizeof(h->tpb_per_node); i++)
		if (h->tpb_per_node[i] > least)
			least = h->tpb_per_node[i];
	printf("\nheader:\n");
	printf("  %-18s%llu\n", "package version", h->pkg_version);
	printf("  %-18s%llu.%llu\n", "NEFF version", h->version_major, h->version_minor);
	print_text("build", h->build_version, sizeof(h->build_version));
	print_text("name", h->name, sizeof(h->name));
	printf("  %-18s%u at least, %u at best, %u asked for\n", "NeuronCores", least, h->num_tpb,
	       h->requested_tpb_count);
	printf("  %-18s%#llx:%s%s%s\n", "features", h->feature_bits,
	       h->feature_bits & NEURON_NEFF_FEATURE_OPEN_ISA ? " open-isa" : "",
	       h->feature_bits & NEURON_NEFF_FEATURE_PLAIN_TAR ? " plain-tar" : "",
	       h->feature_bits & NEURON_NEFF_FEATURE_CPU_NODES ? " cpu-nodes" : "");
	print_hex("uuid", h->uuid, sizeof(h->uuid));
	print_hex("SHA-256", h->hash, sizeof(h->hash));
	printf("  %-18s%llu bytes; %u members of %" PRIu64 " bytes\n", "body", h->data_size,
	       neff->body.count, unpacked_size(neff));
	printf("The instruction set is this project's own, version %d. The silicon's is not public.\n",
	       NEURON_ISA_VERSION);
}

void objdump_members(const struct neff *neff)
{
	uint32_t i;

	printf("\nmembers:\n");
	for (i = 0; i < neff->body.count; i++)
		printf("  %12zu  %s\n", neff->body.members[i].size, neff->body.members[i].name);
}

static void print_type(const struct neff_tensor *t)
{
	uint32_t i;

	printf("%s[", nrt_dtype_name(t->dtype));
	for (i = 0; i < t->ndim; i++)
		printf("%s%u", i ? "," : "", t->shape[i]);
	printf("]");
}

static void print_tensors(const char *label, const struct neff_tensor *tensors, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		printf("  %-8s%s ", label, tensors[i].name);
		print_type(&tensors[i]);
		printf(" %" PRIu64 " bytes\n", tensors[i].size);
	}
}

static void print_links(const char *label, const struct neff *neff, const struct neff_link *links,
			uint32_t count)
{
	uint32_t i;

	printf(" %s", label);
	for (i = 0; i < count; i++)
		printf("%s%s", i ? ", " : " ", neff->tensors[links[i].tensor].name);
}

void objdump_graph(const struct neff *neff)
{
	uint32_t i;

	printf("\ngraph %s, compiled by %s:\n", neff->name, neff->compiler);
	print_tensors("input", neff->tensors, neff->input_count);
	print_tensors("output", neff->tensors + neff->input_count, neff->output_count);
	for (i = 0; i < neff->node_count; i++) {
		const struct neff_node *n = &neff->nodes[i];

		if (n->model)
			printf("  node    %s on the CPU (%s):", n->name, n->operators);
		else
			printf("  node    %s on %u NeuronCore:", n->name, n->cores);
		print_links("from", neff, n->inputs, n->input_count);
		print_links("to", neff, n->outputs, n->output_count);
		printf("\n");
	}
}

void objdump_variables(const struct neff *neff)
{
	uint32_t i, k;

	for (i = 0; i < neff->node_count; i++) {
		const struct neff_node *n = &neff->nodes[i];

		if (n->model)
			continue;
		printf("\nvariables of %s:\n  segment  type     align          size  name\n", n->name);
		printf("  %7u  code  %8d\n", n->code_segment, NEURON_INSN_SIZE);
		for (k = 0; k < n->variable_count; k++) {
			const struct neff_variable *v = &n->variables[k];

			printf("  %7u  %-7s  %5u  %12" PRIu64 "  %s", v->segment,
			       neff_var_type_name(v->type), v->alignment, v->size, v->name);
			if (v->tensor.dtype) {
				putchar(' ');
				print_type(&v->tensor);
			}
			if (v->file)
				printf(" = %s", v->file->name);
			putchar('\n');
		}
	}
}
