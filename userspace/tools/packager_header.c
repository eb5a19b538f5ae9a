// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-packager: the header of what is packed: that of the file that was unpacked, as its
 * manifest has it, with what was changed there or by options.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "neff_json.h"
#include "packager_header.h"

static int from_hex(const char *text, uint8_t *data, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	if (!text || strlen(text) != 2 * size)
		return -EINVAL;
	for (i = 0; i < 2 * size; i++) {
		const char *digit = strchr(digits, text[i] | 0x20);

		if (!digit)
			return -EINVAL;
		data[i / 2] = (uint8_t)(data[i / 2] << 4 | (digit - digits));
	}
	return 0;
}

static int load_manifest(const char *path, struct packager_header *p)
{
	json_error_t e;

	p->root = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
	if (!p->root) {
		cli_error("%s: line %d: %s; without this file the header is made from neff.json", path,
			  e.line, e.text);
		return EXIT_FAILED;
	}
	p->fields = json_object_get(p->root, "header");
	p->order = json_object_get(p->root, "members");
	p->compressed = !json_is_false(json_object_get(p->root, "compressed"));
	if (!json_is_object(p->fields) ||
	    from_hex(json_string_value(json_object_get(p->root, "raw")), (uint8_t *)&p->raw,
		     sizeof(p->raw))) {
		cli_error("%s: \"header\" or \"raw\" is not as 'neuron-packager unpack' wrote it; without this file the header is made from neff.json",
			  path);
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

/* Text into a field; nothing if it says what is there already. */
static int set_text(void *field, size_t size, const char *text)
{
	json_t *now = neff_json_text(field, size);
	bool same = now && !strcmp(json_string_value(now), text);

	json_decref(now);
	if (same)
		return 0;
	if (strlen(text) >= size)
		return -EINVAL;
	memset(field, 0, size);
	memcpy(field, text, strlen(text));
	return 0;
}

static void count_nodes(struct neuron_neff_header *h, json_t *nodes)
{
	json_t *node;
	size_t i;

	json_array_foreach(nodes, i, node) {
		json_int_t cores = json_integer_value(json_object_get(node, "cores"));

		if (i < sizeof(h->tpb_per_node) && cores > 0 && cores <= UINT8_MAX)
			h->tpb_per_node[i] = (uint8_t)cores;
		if (!cores)
			h->feature_bits |= NEURON_NEFF_FEATURE_CPU_NODES;
	}
}

/* What neuron-cc would have written for one core. */
static int make_header(const char *directory, const struct neff_body *body,
		       struct neuron_neff_header *h)
{
	const struct neff_member *m = neff_body_find(body, "neff.json");
	json_t *root = m ? json_loadb((const char *)m->data, m->size, 0, NULL) : NULL;
	const char *name = json_string_value(json_object_get(root, "name"));
	const char *compiler = json_string_value(json_object_get(root, "compiler"));

	if (!name) {
		cli_error("%s: has neither %s nor a neff.json with a \"name\": it is no unpacked NEFF",
			  directory, PACKAGER_MANIFEST);
		json_decref(root);
		return EXIT_FAILED;
	}
	h->pkg_version = NEURON_NEFF_PKG_VERSION;
	h->version_major = NEURON_NEFF_VERSION_MAJOR;
	h->version_minor = NEURON_NEFF_VERSION_MINOR;
	h->num_tpb = 1;
	h->requested_tpb_count = 1;
	snprintf(h->name, sizeof(h->name), "%s", name);
	snprintf((char *)h->build_version, sizeof(h->build_version), "%s", compiler ? compiler : "");
	if (json_object_get(root, "isa_version"))
		h->feature_bits = NEURON_NEFF_FEATURE_OPEN_ISA;
	count_nodes(h, json_object_get(root, "nodes"));
	json_decref(root);
	return EXIT_OK;
}

int packager_header_load(const char *directory, const struct neff_body *body,
			 struct packager_header *result)
{
	char path[4096];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", directory, PACKAGER_MANIFEST);
	if (!lstat(path, &st))
		return load_manifest(path, result);
	return make_header(directory, body, &result->raw);
}

/* A number, decimal or 0x hexadecimal; *@wrong becomes @what if it is none. */
static unsigned long long number(const char *text, unsigned long long max, const char *what,
				 const char **wrong)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (*text < '0' || *text > '9' || *end || errno || value > max)
		*wrong = what;
	return value;
}

/* "1,0,1" */
static void set_cores(uint8_t *cores, size_t size, const char *text, const char **wrong)
{
	size_t i = 0;

	memset(cores, 0, size);
	while (*text && i < size) {
		char *end;
		unsigned long n = strtoul(text, &end, 10);

		if (end == text || n > UINT8_MAX || (*end && *end != ','))
			break;
		cores[i++] = (uint8_t)n;
		text = *end ? end + 1 : end;
	}
	if (*text)
		*wrong = "tpb_per_node";
}

/* Each field whose text is not NULL; the name of one that is wrong, or NULL. */
static const char *set_fields(struct neuron_neff_header *h, const struct packager_options *o)
{
	const char *wrong = NULL;
	char *end;

	if (o->name && set_text(h->name, sizeof(h->name), o->name))
		return "name";
	if (o->build_version &&
	    set_text(h->build_version, sizeof(h->build_version), o->build_version))
		return "build_version";
	if (o->uuid && from_hex(o->uuid, h->uuid, sizeof(h->uuid)))
		return "uuid";
	if (o->neff_version) {
		h->version_major = strtoul(o->neff_version, &end, 10);
		if (end == o->neff_version || *end != '.')
			return "neff_version";
		h->version_minor = number(end + 1, UINT32_MAX, "neff_version", &wrong);
	}
	if (o->num_tpb)
		h->num_tpb = (__u32)number(o->num_tpb, UINT32_MAX, "num_tpb", &wrong);
	if (o->requested_tpb_count)
		h->requested_tpb_count = (__u32)number(o->requested_tpb_count, UINT32_MAX,
						       "requested_tpb_count", &wrong);
	if (o->tpb_per_node)
		set_cores(h->tpb_per_node, sizeof(h->tpb_per_node), o->tpb_per_node, &wrong);
	if (o->feature_bits)
		h->feature_bits = number(o->feature_bits, UINT64_MAX, "feature_bits", &wrong);
	if (o->lnc_size)
		h->lnc_size = (__u32)number(o->lnc_size, UINT32_MAX, "lnc_size", &wrong);
	return wrong;
}

/* A field of the manifest as an option would have it, in @text if it is no string. */
static const char *field(json_t *fields, const char *key, char text[32])
{
	json_t *value = json_object_get(fields, key);

	if (!json_is_integer(value))
		return json_string_value(value);
	snprintf(text, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	return text;
}

static void list_text(json_t *list, char *text, size_t size)
{
	json_t *value;
	size_t i, n = 0;

	*text = 0;
	json_array_foreach(list, i, value)
		if (n < size)
			n += (size_t)snprintf(text + n, size - n, "%s%" JSON_INTEGER_FORMAT,
					      i ? "," : "", json_integer_value(value));
}

int packager_header_edit(struct neuron_neff_header *h, json_t *fields,
			 const struct packager_options *o)
{
	char number[4][32], cores[1024];
	struct packager_options edited = {
		.name = field(fields, "name", number[0]),
		.build_version = field(fields, "build_version", number[0]),
		.uuid = field(fields, "uuid", number[0]),
		.neff_version = field(fields, "neff_version", number[0]),
		.feature_bits = field(fields, "feature_bits", number[0]),
		.num_tpb = field(fields, "num_tpb", number[1]),
		.requested_tpb_count = field(fields, "requested_tpb_count", number[2]),
		.lnc_size = field(fields, "lnc_size", number[3]),
	};
	const char *wrong;

	if (json_is_array(json_object_get(fields, "tpb_per_node"))) {
		list_text(json_object_get(fields, "tpb_per_node"), cores, sizeof(cores));
		edited.tpb_per_node = cores;
	}
	wrong = set_fields(h, &edited);
	if (wrong) {
		cli_error("%s/%s: \"%s\" is not what the header has room for; write it as 'neuron-packager unpack' did",
			  o->from, PACKAGER_MANIFEST, wrong);
		return EXIT_FAILED;
	}
	wrong = set_fields(h, o);
	return wrong ? cli_usage("the option for %s: not a value that the header has room for", wrong) :
	       EXIT_OK;
}
