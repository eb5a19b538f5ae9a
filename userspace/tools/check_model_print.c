// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-check-model: tables for people.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "check_model.h"
#include "table.h"

static const char *text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static json_int_t int_of(json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static const char *answer(json_t *line)
{
	return json_is_true(json_object_get(line, "supported")) ? "Yes" : "No";
}

static int print_operators(json_t *operators)
{
	struct table t = { .columns = 3, .bars = true, .left = ~0u };
	json_t *line;
	size_t i;

	table_add(&t, "Op Type");
	table_add(&t, "Num Instances");
	table_add(&t, "Neuron Supported ?");
	json_array_foreach(operators, i, line) {
		table_add(&t, "%s", text_of(line, "op_type"));
		table_add(&t, "%" JSON_INTEGER_FORMAT, int_of(line, "instances"));
		table_add(&t, "%s", answer(line));
	}
	return table_print(&t);
}

/* Nodes by name: all, or those of subgraph @part. */
static int print_names(json_t *nodes, const char *part)
{
	struct table t = { .columns = 3, .bars = true, .left = ~0u };
	json_t *node;
	size_t i;

	table_add(&t, "Op Type");
	table_add(&t, "Op Name");
	table_add(&t, "Neuron Supported ?");
	json_array_foreach(nodes, i, node) {
		if (part && strcmp(part, text_of(node, "subgraph")))
			continue;
		table_add(&t, "%s", text_of(node, "op_type"));
		table_add(&t, "%s", text_of(node, "name"));
		table_add(&t, "%s", answer(node));
	}
	return table_print(&t);
}

/* Text of the model that the compiler did not clean. */
static void print_clean(const char *text)
{
	for (; *text; text++)
		putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

static void print_reasons(json_t *operators)
{
	json_t *line, *reason;
	bool first = true;
	size_t i, k;

	json_array_foreach(operators, i, line)
		json_array_foreach(json_object_get(line, "reasons"), k, reason) {
			if (first)
				printf("\nWhy not:\n");
			first = false;
			printf("  ");
			print_clean(text_of(line, "op_type"));
			printf(": ");
			print_clean(json_string_value(reason));
			putchar('\n');
		}
}

static void print_percent(const char *label, json_t *value)
{
	if (json_is_real(value))
		printf("%s: %.1f\n", label, json_real_value(value));
}

static void print_totals(json_t *root)
{
	json_int_t compiled = int_of(root, "computed_by_compiler");

	printf("\n* Total inference operations: %" JSON_INTEGER_FORMAT "\n",
	       int_of(root, "total_operations"));
	printf("* Total Neuron supported inference operations: %" JSON_INTEGER_FORMAT "\n",
	       int_of(root, "supported_operations"));
	print_percent("* Percent of total inference operations supported by Neuron",
		      json_object_get(root, "percent_supported"));
	print_percent("* Percent of the arithmetic that they do",
		      json_object_get(root, "percent_arithmetic"));
	if (compiled)
		printf("* Operations that the compiler computes or leaves out: %" JSON_INTEGER_FORMAT "\n",
		       compiled);
}

static int print_subgraphs(json_t *subgraphs)
{
	struct table t = { .columns = 4, .bars = true, .left = ~0u };
	json_t *s;
	size_t i;

	table_add(&t, "Subgraph");
	table_add(&t, "Executor");
	table_add(&t, "Num Operations");
	table_add(&t, "Min NeuronCores");
	json_array_foreach(subgraphs, i, s) {
		table_add(&t, "%s", text_of(s, "name"));
		table_add(&t, "%s", strcmp(text_of(s, "executor"), "CPU") ? "Neuron Core" : "CPU");
		table_add(&t, "%" JSON_INTEGER_FORMAT, int_of(s, "operations"));
		table_add(&t, "%" JSON_INTEGER_FORMAT, int_of(s, "min_neuroncores"));
	}
	putchar('\n');
	return table_print(&t);
}

static int print_expanded(json_t *root, bool names)
{
	json_t *s;
	size_t i;
	int rc = 0;

	json_array_foreach(json_object_get(root, "subgraphs"), i, s) {
		printf("\nSubgraph %s:\n\n", text_of(s, "name"));
		rc |= names ? print_names(json_object_get(root, "nodes"), text_of(s, "name")) :
		      print_operators(json_object_get(s, "operators"));
	}
	return rc;
}

int check_model_print(json_t *root, bool names, bool expand)
{
	json_t *operators = json_object_get(root, "operators");
	int rc;

	printf("The following table shows the supported and unsupported operations within this model.\n\n");
	rc = names && !expand ? print_names(json_object_get(root, "nodes"), NULL) :
	     print_operators(operators);
	print_totals(root);
	rc |= print_subgraphs(json_object_get(root, "subgraphs"));
	printf("\n* Minimum NeuronCores: %" JSON_INTEGER_FORMAT "\n", int_of(root, "min_neuroncores"));
	if (expand)
		rc |= print_expanded(root, names);
	print_reasons(operators);
	return rc ? -ENOMEM : 0;
}
