// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-check-model: sums over the compiler's report.
 */
#include <string.h>

#include "check_model.h"

static const char *text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* Is it computed when the model runs, not by the compiler or by nobody? */
static bool runs(json_t *node)
{
	const char *place = text_of(node, "place");

	return !strcmp(place, "chip") || !strcmp(place, "cpu");
}

static bool supported(json_t *node)
{
	return !strcmp(text_of(node, "place"), "chip");
}

static void add_reason(json_t *reasons, const char *reason)
{
	json_t *known;
	size_t i;

	if (!*reason)
		return;
	json_array_foreach(reasons, i, known)
		if (!strcmp(json_string_value(known), reason))
			return;
	json_array_append_new(reasons, json_string(reason));
}

/* Count @node in the line of its type and place. */
static void count_node(json_t *operators, json_t *node)
{
	json_t *line, *found = NULL;
	size_t i;

	json_array_foreach(operators, i, line)
		if (!strcmp(text_of(line, "op_type"), text_of(node, "op_type")) &&
		    json_is_true(json_object_get(line, "supported")) == supported(node))
			found = line;
	if (!found) {
		found = json_pack("{s:s, s:i, s:b, s:[]}", "op_type", text_of(node, "op_type"),
				  "instances", 0, "supported", supported(node), "reasons");
		json_array_append_new(operators, found);
	}
	json_object_set_new(found, "instances",
			    json_integer(json_integer_value(json_object_get(found, "instances")) + 1));
	add_reason(json_object_get(found, "reasons"), text_of(node, "reason"));
}

/* Lines of all nodes, or of those in subgraph @part. */
static json_t *operators_json(json_t *nodes, const char *part)
{
	json_t *operators = json_array(), *node;
	size_t i;

	json_array_foreach(nodes, i, node)
		if (runs(node) && (!part || !strcmp(part, text_of(node, "part"))))
			count_node(operators, node);
	return operators;
}

static json_int_t count(json_t *operators, bool only_supported)
{
	json_int_t n = 0;
	json_t *line;
	size_t i;

	json_array_foreach(operators, i, line)
		if (!only_supported || json_is_true(json_object_get(line, "supported")))
			n += json_integer_value(json_object_get(line, "instances"));
	return n;
}

static json_t *subgraphs_json(json_t *report, json_int_t *cores)
{
	json_t *list = json_array(), *part;
	size_t i;

	*cores = 0;
	json_array_foreach(json_object_get(report, "parts"), i, part) {
		json_t *operators = operators_json(json_object_get(report, "nodes"),
						   text_of(part, "name"));
		json_int_t n = json_integer_value(json_object_get(part, "cores"));

		json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I, s:o}", "name",
						      text_of(part, "name"), "executor",
						      text_of(part, "executor"), "operations",
						      count(operators, false), "min_neuroncores", n,
						      "operators", operators));
		if (n > *cores)
			*cores = n;
	}
	return list;
}

static json_t *nodes_json(json_t *nodes)
{
	json_t *list = json_array(), *node;
	size_t i;

	json_array_foreach(nodes, i, node)
		if (runs(node))
			json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b, s:s}", "name",
							      text_of(node, "name"), "op_type",
							      text_of(node, "op_type"), "subgraph",
							      text_of(node, "part"), "supported",
							      supported(node), "reason",
							      text_of(node, "reason")));
	return list;
}

/* Null if there is nothing to have a share of. */
static json_t *percent(double part, double whole)
{
	return whole > 0 ? json_real(100 * part / whole) : json_null();
}

json_t *check_model_json(json_t *report)
{
	json_t *nodes = json_object_get(report, "nodes"), *subgraphs;
	json_t *operators = operators_json(nodes, NULL);
	json_int_t all = count(operators, false), good = count(operators, true), cores;

	subgraphs = subgraphs_json(report, &cores);
	return json_pack("{s:s, s:o, s:I, s:I, s:o, s:o, s:I, s:I, s:o, s:o}",
			 "model", text_of(report, "model"), "operators", operators,
			 "total_operations", all, "supported_operations", good,
			 "percent_supported", percent((double)good, (double)all),
			 "percent_arithmetic",
			 percent(json_number_value(json_object_get(report, "flops_on_chip")),
				 json_number_value(json_object_get(report, "flops"))),
			 "computed_by_compiler", (json_int_t)json_array_size(nodes) - all,
			 "min_neuroncores", cores, "subgraphs", subgraphs, "nodes", nodes_json(nodes));
}
