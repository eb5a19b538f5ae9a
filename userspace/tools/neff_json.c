// SPDX-License-Identifier: Apache-2.0
/*
 * NEFFs as JSON, for neuron-packager and neuron-objdump.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dtype.h"
#include "neff_json.h"

json_t *neff_json_text(const void *text, size_t size)
{
	char copy[NEURON_NEFF_HEADER_SIZE + 1];
	size_t n = strnlen(text, size), i;
	json_t *value;

	if (n >= sizeof(copy))
		n = sizeof(copy) - 1;
	memcpy(copy, text, n);
	copy[n] = 0;
	value = json_string(copy);
	for (i = 0; !value && i < n; i++)
		if (copy[i] & 0x80)
			copy[i] = '?';
	return value ? value : json_string(copy);
}

json_t *neff_json_hex(const uint8_t *data, size_t size)
{
	char text[2 * NEURON_NEFF_HEADER_SIZE + 1];
	size_t i;

	for (i = 0; i < size && i < NEURON_NEFF_HEADER_SIZE; i++)
		sprintf(text + 2 * i, "%02x", data[i]);
	return json_string(text);
}

static json_t *tpb_json(const struct neuron_neff_header *h)
{
	json_t *list = json_array();
	size_t i, n = sizeof(h->tpb_per_node);

	while (n && !h->tpb_per_node[n - 1])
		n--;
	for (i = 0; i < n; i++)
		json_array_append_new(list, json_integer(h->tpb_per_node[i]));
	return list;
}

json_t *neff_json_header(const struct neuron_neff_header *h)
{
	return json_pack("{s:I, s:I, s:I, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:I, s:o, s:o}",
			 "package_version", (json_int_t)h->pkg_version,
			 "header_size", (json_int_t)h->header_size,
			 "data_size", (json_int_t)h->data_size,
			 "neff_version", json_sprintf("%llu.%llu", h->version_major, h->version_minor),
			 "build_version", neff_json_text(h->build_version, sizeof(h->build_version)),
			 "name", neff_json_text(h->name, sizeof(h->name)),
			 "num_tpb", (json_int_t)h->num_tpb,
			 "requested_tpb_count", (json_int_t)h->requested_tpb_count,
			 "tpb_per_node", tpb_json(h),
			 "feature_bits", json_sprintf("%#llx", h->feature_bits),
			 "lnc_size", (json_int_t)h->lnc_size,
			 "uuid", neff_json_hex(h->uuid, sizeof(h->uuid)),
			 "hash", neff_json_hex(h->hash, sizeof(h->hash)));
}

/* -1 where a size is not known; null without a shape. */
static json_t *shape_json(const struct neff_tensor *t)
{
	json_t *list;
	uint32_t i;

	if (t->dynamic && !t->ndim)
		return json_null();
	list = json_array();
	for (i = 0; i < t->ndim; i++)
		json_array_append_new(list, json_integer(t->dynamic && !t->shape[i] ? -1 :
							 (json_int_t)t->shape[i]));
	return list;
}

static json_t *tensor_json(const struct neff_tensor *t)
{
	return json_pack("{s:o, s:s, s:o, s:o}", "name", neff_json_text(t->name, NEFF_MAX_NAME),
			 "dtype", nrt_dtype_name(t->dtype), "shape", shape_json(t), "size",
			 t->dynamic ? json_null() : json_integer((json_int_t)t->size));
}

json_t *neff_json_tensors(const struct neff_tensor *tensors, uint32_t count)
{
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < count; i++)
		json_array_append_new(list, tensor_json(&tensors[i]));
	return list;
}

static void add_cpu_variables(json_t *list, const struct neff *neff, const struct neff_link *links,
			      uint32_t count, enum neff_var_type type)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		json_t *v = tensor_json(&neff->tensors[links[i].tensor]);

		json_object_set_new(v, "type", json_string(neff_var_type_name(type)));
		json_array_append_new(list, v);
	}
}

static json_t *variable_json(const struct neff_variable *v)
{
	json_t *j = json_pack("{s:o, s:s, s:I, s:I, s:I}", "name",
			      neff_json_text(v->name, NEFF_MAX_NAME), "type",
			      neff_var_type_name(v->type), "size", (json_int_t)v->size, "segment",
			      (json_int_t)v->segment, "alignment", (json_int_t)v->alignment);

	if (v->tensor.dtype) {
		json_object_set_new(j, "dtype", json_string(nrt_dtype_name(v->tensor.dtype)));
		json_object_set_new(j, "shape", shape_json(&v->tensor));
	}
	if (v->file)
		json_object_set_new(j, "file", neff_json_text(v->file->name, NEFF_MAX_NAME));
	return j;
}

static uint64_t bytes_of(const struct neff_node *n, enum neff_var_type type)
{
	uint64_t bytes = 0;
	uint32_t i;

	for (i = 0; i < n->variable_count; i++)
		if (n->variables[i].type == type)
			bytes += n->variables[i].size;
	return bytes;
}

static json_t *queues_json(const struct neff_node *n)
{
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < n->queue_count; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b}", "name", n->queues[i].name,
						      "type", n->queues[i].type, "owner",
						      n->queues[i].owner, "pinned",
						      n->queues[i].pinned));
	return list;
}

static void add_core_node(json_t *j, const struct neff_node *n)
{
	json_t *engines = json_object(), *variables = json_object_get(j, "variables");
	uint64_t code = 0;
	unsigned int e;
	uint32_t i;

	for (e = 0; e < NEURON_ENGINES; e++) {
		code += n->stream[e]->size;
		json_object_set_new(engines, neff_engine_name(e),
				    json_integer((json_int_t)(n->stream[e]->size / NEURON_INSN_SIZE)));
	}
	for (i = 0; i < n->variable_count; i++)
		json_array_append_new(variables, variable_json(&n->variables[i]));
	json_object_set_new(j, "dma_queues", queues_json(n));
	json_object_set_new(j, "engines", engines);
	json_object_set_new(j, "code_bytes", json_integer((json_int_t)code));
	json_object_set_new(j, "weights_bytes",
			    json_integer((json_int_t)bytes_of(n, NEFF_VAR_FILE)));
	json_object_set_new(j, "scratch_bytes", json_integer((json_int_t)bytes_of(n, NEFF_VAR_TMP)));
}

static json_t *node_json(const struct neff *neff, const struct neff_node *n, int number)
{
	json_t *variables = json_array();
	json_t *j = json_pack("{s:i, s:s, s:o, s:i, s:o}", "node", number, "executor",
			      n->model ? "CPU" : "NeuronCore", "name",
			      neff_json_text(n->name, NEFF_MAX_NAME), "cores", (int)n->cores,
			      "variables", variables);

	if (!n->model) {
		add_core_node(j, n);
		return j;
	}
	add_cpu_variables(variables, neff, n->inputs, n->input_count, NEFF_VAR_INPUT);
	add_cpu_variables(variables, neff, n->outputs, n->output_count, NEFF_VAR_OUTPUT);
	json_object_set_new(j, "model", neff_json_text(n->model->name, NEFF_MAX_NAME));
	json_object_set_new(j, "model_bytes", json_integer((json_int_t)n->model->size));
	json_object_set_new(j, "operators", json_string(n->operators));
	return j;
}

json_t *neff_json_nodes(const struct neff *neff)
{
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < neff->node_count; i++)
		json_array_append_new(list, node_json(neff, &neff->nodes[i], (int)i + 1));
	return list;
}

/* Copy what has the expected type, under our name for it. */
static void copy_field(json_t *to, const char *name, json_t *from, const char *key, json_type type)
{
	json_t *value = json_object_get(from, key);

	if (value && json_typeof(value) == type)
		json_object_set(to, name, value);
}

static json_t *foreign_variables(json_t *vars)
{
	json_t *list = json_array(), *v;
	const char *name;

	json_object_foreach(vars, name, v) {
		json_t *j = json_pack("{s:s}", "name", name);

		copy_field(j, "type", v, "type", JSON_STRING);
		copy_field(j, "size", v, "size", JSON_INTEGER);
		copy_field(j, "alignment", v, "alignment", JSON_INTEGER);
		copy_field(j, "format", v, "format", JSON_STRING);
		copy_field(j, "shape", v, "shape", JSON_ARRAY);
		copy_field(j, "dtype", v, "dtype", JSON_STRING);
		copy_field(j, "file", v, "file_name", JSON_STRING);
		json_array_append_new(list, j);
	}
	return list;
}

json_t *neff_json_foreign_nodes(const struct neff_body *body)
{
	json_t *list = json_array(), *def;
	uint32_t i;

	for (i = 0; i < body->count; i++) {
		const struct neff_member *m = &body->members[i];
		const char *slash = strchr(m->name, '/');

		if (!slash || strcmp(slash, "/def.json") || m->size > NEFF_MAX_JSON)
			continue;
		def = json_loadb((const char *)m->data, m->size, 0, NULL);
		json_array_append_new(list, json_pack("{s:i, s:s, s:o, s:o}", "node",
						      (int)json_array_size(list) + 1, "executor",
						      "NeuronCore", "name",
						      neff_json_text(m->name, slash - m->name),
						      "variables",
						      foreign_variables(json_object_get(def, "var"))));
		json_decref(def);
	}
	return list;
}

json_t *neff_json_members(const struct neff_body *body)
{
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < body->count; i++)
		json_array_append_new(list, json_pack("{s:o, s:I}", "name",
						      neff_json_text(body->members[i].name,
								     NEFF_MAX_NAME),
						      "size", (json_int_t)body->members[i].size));
	return list;
}

uint64_t neff_unpacked_size(const struct neff_body *body)
{
	uint64_t size = 0;
	uint32_t i;

	for (i = 0; i < body->count; i++)
		size += body->members[i].size;
	return size;
}
