// SPDX-License-Identifier: Apache-2.0
/*
 * NEFF graph: neff.json and sgNN/def.json, checked against each other, against the
 * members that they name and against the instruction set.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "dtype.h"
#include "neff.h"

/* What is being read, for messages. */
struct place {
	struct neff *neff;
	struct neff_error *error;
	const char *file;
};

#define FAIL(place, format, ...) \
	neff_fail((place)->error, "NEFF %s: " format, (place)->file, ##__VA_ARGS__)

static int load_json(const struct place *at, json_t **root)
{
	const struct neff_member *m = neff_body_find(&at->neff->body, at->file);
	json_error_t e;

	if (!m)
		return neff_fail(at->error, "NEFF has no member %s", at->file);
	if (m->size > NEFF_MAX_JSON)
		return FAIL(at, "%zu bytes, more than %u", m->size, NEFF_MAX_JSON);
	*root = json_loadb((const char *)m->data, m->size, JSON_REJECT_DUPLICATES, &e);
	if (!*root)
		return FAIL(at, "line %d: %s", e.line, e.text);
	if (!json_is_object(*root))
		return FAIL(at, "not a JSON object");
	return 0;
}

static int printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return 0;
	return 1;
}

/* A string that may be printed. */
static const char *get_string(const struct place *at, json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);
	const char *text = json_string_value(value);

	if (!text || !*text || json_string_length(value) > NEFF_MAX_NAME) {
		FAIL(at, "\"%s\" is missing, empty or no short string", key);
		return NULL;
	}
	if (!printable(text)) {
		FAIL(at, "\"%s\" has a control character", key);
		return NULL;
	}
	return text;
}

static int get_uint(const struct place *at, json_t *object, const char *what, const char *key,
		    uint64_t max, uint64_t *result)
{
	json_t *value = json_object_get(object, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    (uint64_t)json_integer_value(value) > max)
		return FAIL(at, "%s: \"%s\" is missing or not an integer from 0 to %" PRIu64, what,
			    key, max);
	*result = json_integer_value(value);
	return 0;
}

static json_t *get_array(const struct place *at, json_t *object, const char *key, size_t max)
{
	json_t *value = json_object_get(object, key);

	if (!json_is_array(value) || json_array_size(value) > max) {
		FAIL(at, "\"%s\" is missing or not an array of at most %zu", key, max);
		return NULL;
	}
	return value;
}

/* dtype and shape, and so the size. @cpu: a tensor of the CPU, which may be empty or dynamic. */
static int read_type(const struct place *at, json_t *object, struct neff_tensor *t, bool cpu)
{
	const char *dtype = get_string(at, object, "dtype");
	json_t *shape = json_object_get(object, "shape"), *dim;
	bool any = cpu && json_is_null(shape);
	size_t i;

	/* No array has no elements to go through. */
	if (!any)
		shape = get_array(at, object, "shape", NEFF_MAX_DIMS);

	if (!dtype || !shape)
		return -EINVAL;
	t->dtype = nrt_dtype_parse(dtype);
	if (t->dtype == NRT_DTYPE_UNKNOWN)
		return FAIL(at, "tensor %s: unknown dtype %s", t->name, dtype);
	t->size = nrt_dtype_size(t->dtype);
	t->ndim = json_array_size(shape);
	json_array_foreach(shape, i, dim) {
		json_int_t n = json_integer_value(dim);

		if (json_is_integer(dim) && n == -1 && cpu) {
			t->dynamic = true;
			continue;
		}
		if (!json_is_integer(dim) || n < !cpu || n > UINT32_MAX ||
		    (n && t->size > NEFF_MAX_BYTES / (uint64_t)n))
			return FAIL(at, "tensor %s: dimension %zu is not positive or too large",
				    t->name, i);
		t->shape[i] = n;
		t->size *= n;
	}
	t->dynamic |= any;
	if (t->dynamic)
		t->size = 0;
	return 0;
}

static int find_tensor(const struct neff *neff, const char *name)
{
	uint32_t i;

	for (i = 0; i < neff->tensor_count; i++)
		if (!strcmp(neff->tensors[i].name, name))
			return i;
	return -1;
}

static int read_tensors(const struct place *at, json_t *list)
{
	struct neff *neff = at->neff;
	bool cpu = neff->header.feature_bits & NEURON_NEFF_FEATURE_CPU_NODES;
	json_t *object;
	size_t i;

	json_array_foreach(list, i, object) {
		struct neff_tensor *t = &neff->tensors[neff->tensor_count];
		int rc;

		t->name = get_string(at, object, "name");
		if (!t->name)
			return -EINVAL;
		if (find_tensor(neff, t->name) >= 0)
			return FAIL(at, "tensor %s is listed twice", t->name);
		rc = read_type(at, object, t, cpu);
		if (rc)
			return rc;
		neff->tensor_count++;
	}
	return 0;
}

/* Callers have to know how much to give. */
static int check_inputs(const struct place *at)
{
	uint32_t i;

	for (i = 0; i < at->neff->input_count; i++)
		if (at->neff->tensors[i].dynamic)
			return FAIL(at, "input %s has no fixed shape", at->neff->tensors[i].name);
	return 0;
}

/* Is it one of the public types that this runtime has no use for? */
static bool foreign_var_type(const char *type)
{
	static const char *const known[] = { "state-buffer", "virtual", "pointer", "dge-table" };
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(type, known[i]))
			return true;
	return false;
}

static int parse_var_type(const struct place *at, json_t *object, struct neff_variable *v)
{
	const char *type = get_string(at, object, "type");
	unsigned int i;

	if (!type)
		return -EINVAL;
	for (i = NEFF_VAR_INPUT; i <= NEFF_VAR_TMP; i++)
		if (!strcmp(type, neff_var_type_name(i))) {
			v->type = i;
			return 0;
		}
	FAIL(at, "variable %s: type %s is not supported; input, output, file and tmp-buf are", v->name,
	     type);
	return foreign_var_type(type) ? -ENOTSUP : -EINVAL;
}

static const struct neff_member *find_file(const struct place *at, const char *node,
					   const char *file)
{
	char path[2 * NEFF_MAX_NAME + 2];
	const struct neff_member *m;

	snprintf(path, sizeof(path), "%s/%s", node, file);
	m = neff_body_find(&at->neff->body, path);
	if (!m)
		FAIL(at, "there is no member %s", path);
	return m;
}

static int ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && !strcmp(text + n - m, end);
}

/* Contents of a variable of type "file". */
static int read_contents(const struct place *at, const struct neff_node *node, json_t *object,
			 struct neff_variable *v)
{
	const char *file = get_string(at, object, "file_name"), *why;

	v->file = file ? find_file(at, node->name, file) : NULL;
	if (!v->file)
		return -EINVAL;
	v->data = v->file->data;
	if (ends_with(file, ".npy")) {
		if (neff_npy_data(v->file, v->size, &v->data, &why))
			return FAIL(at, "variable %s of %" PRIu64 " bytes: its file %s %s", v->name,
				    v->size, file, why);
		return 0;
	}
	if (v->file->size != v->size)
		return FAIL(at, "variable %s has %" PRIu64 " bytes, but its file %s has %zu", v->name,
			    v->size, file, v->file->size);
	return 0;
}

static int read_variable(const struct place *at, const struct neff_node *node, json_t *object,
			 struct neff_variable *v)
{
	uint64_t segment, alignment;
	int rc = parse_var_type(at, object, v);

	if (rc)
		return rc;
	if (get_uint(at, object, v->name, "segment", NEFF_MAX_SEGMENTS - 1, &segment) ||
	    get_uint(at, object, v->name, "size", NEFF_MAX_BYTES, &v->size) ||
	    get_uint(at, object, v->name, "alignment", NEFF_MAX_ALIGNMENT, &alignment))
		return -EINVAL;
	if (!v->size)
		return FAIL(at, "variable %s has no size", v->name);
	if (!alignment || alignment & (alignment - 1))
		return FAIL(at,
			    "address of variable %s must be %" PRIu64 " byte aligned: not a power of two",
			    v->name, alignment);
	v->segment = segment;
	v->alignment = alignment;
	v->tensor.name = v->name;
	if (v->type == NEFF_VAR_FILE) {
		return read_contents(at, node, object, v);
	} else if (v->type == NEFF_VAR_INPUT || v->type == NEFF_VAR_OUTPUT) {
		if (read_type(at, object, &v->tensor, false))
			return -EINVAL;
		if (v->tensor.size != v->size)
			return FAIL(at, "variable %s has %" PRIu64 " bytes, its shape %" PRIu64,
				    v->name, v->size, v->tensor.size);
	}
	return 0;
}

static int read_variables(const struct place *at, struct neff_node *node, json_t *vars)
{
	uint8_t used[NEURON_SEGMENTS] = { 0 };
	json_t *object;
	const char *name;

	if (!json_is_object(vars) || json_object_size(vars) >= NEFF_MAX_SEGMENTS)
		return FAIL(at, "\"var\" is missing or not an object of less than %d variables",
			    NEFF_MAX_SEGMENTS);
	node->variables = calloc(json_object_size(vars) + 1, sizeof(*node->variables));
	if (!node->variables)
		return -ENOMEM;
	used[node->code_segment] = 1;
	node->segments = node->code_segment + 1;
	json_object_foreach(vars, name, object) {
		struct neff_variable *v = &node->variables[node->variable_count];
		int rc;

		if (!*name || strlen(name) > NEFF_MAX_NAME || !printable(name))
			return FAIL(at, "a variable's name is empty, overlong or not printable");
		v->name = name;
		rc = read_variable(at, node, object, v);
		if (rc)
			return rc;
		if (used[v->segment]++)
			return FAIL(at, "variable %s: segment %u is used twice", name, v->segment);
		if (v->segment >= node->segments)
			node->segments = v->segment + 1;
		node->variable_count++;
	}
	return 0;
}

static int read_queue(const struct place *at, json_t *object, struct neff_queue *q)
{
	static const char *const types[] = { "in", "out", "data" };
	json_t *pinned = json_object_get(object, "pinned");
	uint64_t queues;
	size_t i;

	if (!*q->name || strlen(q->name) > NEFF_MAX_NAME || !printable(q->name))
		return FAIL(at, "a DMA queue's name is empty, overlong or not printable");
	q->type = get_string(at, object, "type");
	q->owner = q->type ? get_string(at, object, "owner") : NULL;
	if (!q->owner || get_uint(at, object, q->name, "num_queues", UINT32_MAX, &queues))
		return -EINVAL;
	if (pinned && !json_is_boolean(pinned))
		return FAIL(at, "%s: \"pinned\" is neither true nor false", q->name);
	q->pinned = json_is_true(pinned);
	if (queues != 1) {
		FAIL(at, "DMA queue %s: %" PRIu64 " queues in one, this chip has 1", q->name, queues);
		return -ENOTSUP;
	}
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(q->type, types[i]))
			return 0;
	FAIL(at, "DMA queue %s: type %s is not supported; in, out and data are", q->name, q->type);
	return -ENOTSUP;
}

static int read_queues(const struct place *at, struct neff_node *node, json_t *queues)
{
	json_t *object;
	const char *name;

	if (!queues)
		return 0;
	if (!json_is_object(queues) || json_object_size(queues) > NEFF_MAX_QUEUES)
		return FAIL(at, "\"dma_queue\" is not an object of at most %d queues",
			    NEFF_MAX_QUEUES);
	node->queues = calloc(json_object_size(queues) + 1, sizeof(*node->queues));
	if (!node->queues)
		return -ENOMEM;
	json_object_foreach(queues, name, object) {
		struct neff_queue *q = &node->queues[node->queue_count++];
		int rc;

		q->name = name;
		rc = read_queue(at, object, q);
		if (rc)
			return rc;
	}
	return 0;
}

/* Opcode -> mask of the engines that have it; 0: no such instruction. */
static unsigned int engines_of(unsigned int op)
{
	switch (op) {
#define CASE(code, id, name, engines) case code: return engines;
	NEURON_ISA_OPS(CASE)
#undef CASE
	}
	return 0;
}

static int check_stream(const struct place *at, const struct neff_member *m, unsigned int engine)
{
	const struct neuron_insn *insn = (const void *)m->data;
	size_t i;

	if (m->size % NEURON_INSN_SIZE || m->size > UINT32_MAX / NEURON_ENGINES)
		return FAIL(at, "%s has %zu bytes, not a multiple of an instruction's %d", m->name,
			    m->size, NEURON_INSN_SIZE);
	for (i = 0; i < m->size / NEURON_INSN_SIZE; i++)
		if (!(engines_of(insn[i].op) & 1u << engine))
			return FAIL(at, "%s: instruction %zu: opcode %#x is not one of engine %s",
				    m->name, i, insn[i].op, neff_engine_name(engine));
	return 0;
}

static int read_streams(const struct place *at, struct neff_node *node, json_t *def)
{
	json_t *engines = json_object_get(def, "engines");
	unsigned int e;
	size_t total = 0;

	for (e = 0; e < NEURON_ENGINES; e++) {
		const char *file = get_string(at, engines, neff_engine_name(e));
		int rc;

		node->stream[e] = file ? find_file(at, node->name, file) : NULL;
		if (!node->stream[e])
			return -EINVAL;
		rc = check_stream(at, node->stream[e], e);
		if (rc)
			return rc;
		total += node->stream[e]->size;
	}
	return total ? 0 : FAIL(at, "no engine has an instruction");
}

static int find_variable(const struct neff_node *node, const char *name, enum neff_var_type type)
{
	uint32_t i;

	for (i = 0; i < node->variable_count; i++)
		if (node->variables[i].type == type && !strcmp(node->variables[i].name, name))
			return i;
	return -1;
}

static int count_variables(const struct neff_node *node, enum neff_var_type type)
{
	uint32_t i, n = 0;

	for (i = 0; i < node->variable_count; i++)
		n += node->variables[i].type == type;
	return n;
}

/* Connect tensor @name to the variable of that name. */
static int link_tensor(const struct place *at, struct neff_node *node, const char *name,
		       enum neff_var_type type, struct neff_link *link)
{
	int variable = find_variable(node, name, type), tensor = find_tensor(at->neff, name);
	struct neff *neff = at->neff;

	if (variable < 0)
		return FAIL(at, "node %s: tensor %s has no variable of type %s in def.json",
			    node->name, name, neff_var_type_name(type));
	if (tensor < 0) {
		if (type == NEFF_VAR_INPUT)
			return FAIL(at, "node %s: input %s is not computed by an earlier node",
				    node->name, name);
		tensor = neff->tensor_count++;
		neff->tensors[tensor] = node->variables[variable].tensor;
	}
	if (neff->tensors[tensor].size != node->variables[variable].size)
		return FAIL(at, "node %s: tensor %s has %" PRIu64 " bytes, its variable %" PRIu64,
			    node->name, name, neff->tensors[tensor].size,
			    node->variables[variable].size);
	link->tensor = tensor;
	link->variable = variable;
	return 0;
}

static int read_links(const struct place *at, struct neff_node *node, json_t *list,
		      enum neff_var_type type, uint8_t *computed, struct neff_link **result,
		      uint32_t *count)
{
	struct neff_link *links;
	json_t *value;
	size_t i, k;

	if (json_array_size(list) != (size_t)count_variables(node, type))
		return FAIL(at, "node %s: %zu %ss, but def.json has %d", node->name,
			    json_array_size(list), neff_var_type_name(type),
			    count_variables(node, type));
	*result = links = calloc(json_array_size(list) + 1, sizeof(*links));
	if (!links)
		return -ENOMEM;
	json_array_foreach(list, i, value) {
		const char *name = json_string_value(value);
		int rc;

		if (!name)
			return FAIL(at, "node %s: \"%ss\" has an element that is no string",
				    node->name, neff_var_type_name(type));
		rc = link_tensor(at, node, name, type, &links[i]);
		if (rc)
			return rc;
		for (k = 0; k < i; k++)
			if (links[k].tensor == links[i].tensor)
				return FAIL(at, "node %s: tensor %s is listed twice", node->name,
					    name);
		if (type == NEFF_VAR_INPUT && !computed[links[i].tensor])
			return FAIL(at, "node %s: input %s is not computed by an earlier node",
				    node->name, name);
		if (type == NEFF_VAR_OUTPUT && computed[links[i].tensor]++)
			return FAIL(at, "node %s: output %s is computed already", node->name, name);
		*count = i + 1;
	}
	return 0;
}

/* Room for the tensors between nodes: each of the node's outputs may be one. */
static int grow_tensors(struct neff *neff, size_t more, uint8_t **computed)
{
	size_t n = neff->tensor_count + more;
	struct neff_tensor *t = realloc(neff->tensors, n * sizeof(*t));
	uint8_t *c;

	if (!t)
		return -ENOMEM;
	neff->tensors = t;
	c = realloc(*computed, n);
	if (!c)
		return -ENOMEM;
	*computed = c;
	memset(c + neff->tensor_count, 0, more);
	return 0;
}

static int read_def(const struct place *graph, struct neff_node *node)
{
	char file[NEFF_MAX_NAME + 16];
	struct place at = { graph->neff, graph->error, file };
	json_t *def = NULL;
	uint64_t segment;
	int rc;

	snprintf(file, sizeof(file), "%s/def.json", node->name);
	rc = load_json(&at, &def);
	node->def = def;
	if (rc)
		return rc;
	rc = get_uint(&at, def, node->name, "code_segment", NEFF_MAX_SEGMENTS - 1, &segment);
	if (rc)
		return rc;
	node->code_segment = segment;
	rc = read_streams(&at, node, def);
	if (!rc)
		rc = read_queues(&at, node, json_object_get(def, "dma_queue"));
	if (!rc)
		rc = read_variables(&at, node, json_object_get(def, "var"));
	return rc;
}

/* Tensors of a node on the CPU, which have no variables. */
static int read_cpu_links(const struct place *at, struct neff_node *node, json_t *list, bool input,
			  uint8_t *computed, struct neff_link **result, uint32_t *count)
{
	struct neff_link *links;
	json_t *value;
	size_t i, k;

	*result = links = calloc(json_array_size(list) + 1, sizeof(*links));
	if (!links)
		return -ENOMEM;
	json_array_foreach(list, i, value) {
		const char *name = json_string_value(value);
		int tensor = name ? find_tensor(at->neff, name) : -1;

		if (tensor < 0)
			return FAIL(at, "node %s: an %s is no tensor of the graph", node->name,
				    input ? "input" : "output");
		links[i].tensor = tensor;
		for (k = 0; k < i; k++)
			if (links[k].tensor == links[i].tensor)
				return FAIL(at, "node %s: tensor %s is listed twice", node->name,
					    name);
		if (input && !computed[tensor])
			return FAIL(at, "node %s: input %s is not computed by an earlier node",
				    node->name, name);
		if (!input && computed[tensor]++)
			return FAIL(at, "node %s: output %s is computed already", node->name, name);
		*count = i + 1;
	}
	return 0;
}

static int read_cpu_node(const struct place *at, json_t *object, struct neff_node *node,
			 uint8_t *computed)
{
	const char *file = get_string(at, object, "model");
	uint64_t cores;
	int rc = get_uint(at, object, node->name, "cores", 0, &cores);

	node->operators = get_string(at, object, "operators");
	if (rc || !file || !node->operators)
		return -EINVAL;
	if (!(at->neff->header.feature_bits & NEURON_NEFF_FEATURE_CPU_NODES))
		return FAIL(at, "node %s runs on the CPU, but the header's features %#llx lack %#llx",
			    node->name, at->neff->header.feature_bits, NEURON_NEFF_FEATURE_CPU_NODES);
	node->model = find_file(at, node->name, file);
	if (!node->model)
		return -EINVAL;
	rc = read_cpu_links(at, node, json_object_get(object, "inputs"), true, computed, &node->inputs,
			    &node->input_count);
	if (!rc)
		rc = read_cpu_links(at, node, json_object_get(object, "outputs"), false, computed,
				    &node->outputs, &node->output_count);
	return rc;
}

static int read_node(const struct place *at, json_t *object, struct neff_node *node,
		     uint8_t **computed)
{
	const char *executor = get_string(at, object, "executor");
	json_t *inputs = get_array(at, object, "inputs", NEURON_SEGMENTS);
	json_t *outputs = get_array(at, object, "outputs", NEURON_SEGMENTS);
	uint64_t cores;
	int rc;

	node->name = get_string(at, object, "name");
	if (!node->name || !executor || !inputs || !outputs)
		return -EINVAL;
	if (!strcmp(executor, "CPU"))
		return read_cpu_node(at, object, node, *computed);
	if (strcmp(executor, "NeuronCore")) {
		FAIL(at, "node %s: executor %s is not supported; this runtime has NeuronCore and CPU only",
		     node->name, executor);
		return -ENOTSUP;
	}
	rc = get_uint(at, object, node->name, "cores", UINT8_MAX, &cores);
	if (rc)
		return rc;
	if (cores != 1)
		return FAIL(at, "node %s: a subgraph runs on 1 NeuronCore, not on %" PRIu64,
			    node->name, cores);
	node->cores = cores;
	rc = read_def(at, node);
	if (!rc)
		rc = grow_tensors(at->neff, json_array_size(outputs), computed);
	if (!rc)
		rc = read_links(at, node, inputs, NEFF_VAR_INPUT, *computed, &node->inputs,
				&node->input_count);
	if (!rc)
		rc = read_links(at, node, outputs, NEFF_VAR_OUTPUT, *computed, &node->outputs,
				&node->output_count);
	return rc;
}

static int read_nodes(const struct place *at, json_t *nodes)
{
	struct neff *neff = at->neff;
	uint8_t *computed = calloc(neff->tensor_count + 1, 1);
	json_t *object;
	int rc = 0;
	size_t i;

	neff->nodes = calloc(json_array_size(nodes) + 1, sizeof(*neff->nodes));
	if (!neff->nodes || !computed) {
		free(computed);
		return -ENOMEM;
	}
	memset(computed, 1, neff->input_count);
	json_array_foreach(nodes, i, object) {
		neff->node_count++;
		rc = read_node(at, object, &neff->nodes[i], &computed);
		if (rc)
			break;
	}
	for (i = neff->input_count; !rc && i < neff->input_count + neff->output_count; i++)
		if (!computed[i])
			rc = FAIL(at, "output %s is not computed by any node",
				  neff->tensors[i].name);
	free(computed);
	return rc;
}

static int check_isa(const struct place *at, json_t *root)
{
	uint64_t version;
	int rc = get_uint(at, root, "graph", "isa_version", UINT32_MAX, &version);

	if (rc)
		return rc;
	if (version != NEURON_ISA_VERSION) {
		FAIL(at, "instruction set version %" PRIu64 ", this runtime has %d; compile the model again",
		     version, NEURON_ISA_VERSION);
		return -ENOTSUP;
	}
	return 0;
}

int neff_graph_read(struct neff *neff, struct neff_error *error)
{
	struct place at = { neff, error, "neff.json" };
	json_t *root = NULL, *inputs, *outputs, *nodes, *between;
	int rc;

	rc = load_json(&at, &root);
	neff->graph = root;
	if (!rc)
		rc = check_isa(&at, root);
	if (rc)
		return rc;
	neff->name = get_string(&at, root, "name");
	neff->compiler = get_string(&at, root, "compiler");
	inputs = get_array(&at, root, "inputs", NEURON_SEGMENTS);
	outputs = get_array(&at, root, "outputs", NEURON_SEGMENTS);
	nodes = get_array(&at, root, "nodes", NEFF_MAX_NODES);
	if (!neff->name || !neff->compiler || !inputs || !outputs || !nodes)
		return -EINVAL;
	if (!json_array_size(nodes) || !json_array_size(outputs))
		return FAIL(&at, "the graph has no nodes or no outputs");
	between = json_object_get(root, "tensors");
	if (between && !get_array(&at, root, "tensors", NEFF_MAX_TENSORS))
		return -EINVAL;
	neff->tensors = calloc(json_array_size(inputs) + json_array_size(outputs) +
			       json_array_size(between) + 1, sizeof(*neff->tensors));
	if (!neff->tensors)
		return -ENOMEM;
	rc = read_tensors(&at, inputs);
	neff->input_count = neff->tensor_count;
	if (!rc)
		rc = read_tensors(&at, outputs);
	neff->output_count = neff->tensor_count - neff->input_count;
	if (!rc)
		rc = read_tensors(&at, between);
	if (!rc)
		rc = check_inputs(&at);
	if (!rc)
		rc = read_nodes(&at, nodes);
	return rc;
}

void neff_graph_free(struct neff *neff)
{
	uint32_t i;

	for (i = 0; i < neff->node_count; i++) {
		struct neff_node *node = &neff->nodes[i];

		free(node->variables);
		free(node->queues);
		free(node->inputs);
		free(node->outputs);
		json_decref(node->def);
	}
	free(neff->nodes);
	free(neff->tensors);
	json_decref(neff->graph);
}
