// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-ls: the table that users know, to the letter, and the JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <jansson.h>

#include "ls_print.h"

static struct ls_process two[] = {
	{ 23518, "neuron-app01 infer --input-data-directory ~/my_input_data --inference-count 500 -v", "2.0.0" },
	{ 77, "cat", "" },
};

static const struct ls_device devices[] = {
	{
		.found = { .index = 0, .bdf = "0000:00:1c.0", .numa_node = 0, .cpus = "0-3",
			   .connected = "1" },
		.cores = 4, .memory = 8ULL << 30, .processes = two, .process_count = 2,
	}, {
		.found = { .index = 1, .bdf = "0000:00:1d.0", .numa_node = -1, .connected = "2, 0" },
		.cores = 4, .first_core = 4, .memory = 8ULL << 30,
	}, {
		.found = { .index = 12 },
	},
};

static char *print(int (*function)(FILE *out))
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(function(out), 0);
	fclose(out);
	return text;
}

static int narrow(FILE *out)
{
	return ls_print_table(out, devices, 3, false);
}

static int wide(FILE *out)
{
	return ls_print_table(out, devices, 1, true);
}

static int json(FILE *out)
{
	return ls_print_json(out, devices, 3);
}

static void table(void **state)
{
	static const char want[] =
"+--------+--------+--------+-----------+--------------+-------+------------------------------------------+---------+\n"
"| NEURON | NEURON | NEURON | CONNECTED |     PCI      |  PID  |                 COMMAND                  | RUNTIME |\n"
"| DEVICE | CORES  | MEMORY |  DEVICES  |     BDF      |       |                                          | VERSION |\n"
"+--------+--------+--------+-----------+--------------+-------+------------------------------------------+---------+\n"
"| 0      | 4      | 8 GB   | 1         | 0000:00:1c.0 | 23518 | neuron-app01 infer --input-data-direc... | 2.0.0   |\n"
"|        |        |        |           |              | 77    | cat                                      | NA      |\n"
"+--------+--------+--------+-----------+--------------+-------+------------------------------------------+---------+\n"
"| 1      | 4      | 8 GB   | 2, 0      | 0000:00:1d.0 | NA    | NA                                       | NA      |\n"
"+--------+--------+--------+-----------+--------------+-------+------------------------------------------+---------+\n"
"| 12     | NA     | NA     | None      | NA           | NA    | NA                                       | NA      |\n"
"+--------+--------+--------+-----------+--------------+-------+------------------------------------------+---------+\n";
	char *text = print(narrow);

	assert_string_equal(text, want);
	free(text);
	text = print(wide);
	assert_non_null(strstr(text,
		"| neuron-app01 infer --input-data-directory ~/my_input_data --inference-count 5... |"));
	free(text);
}

#define LINK "\xe2\x97\x84\xe2\x80\x93\xe2\x80\x93\xe2\x96\xba"

static int chain(FILE *out)
{
	struct ls_device d[4] = { 0 };
	int i;

	for (i = 0; i < 4; i++) {
		d[i] = devices[0];
		d[i].found.index = i;
		snprintf(d[i].found.bdf, sizeof(d[i].found.bdf), "0000:00:1%c.0", "cdef"[i]);
		snprintf(d[i].found.connected, sizeof(d[i].found.connected), i == 3 ? "2" : i ? "%d, %d" : "1",
			 i + 1, i - 1);
	}
	return ls_print_topology(out, d, 4);
}

static int ring(FILE *out)
{
	static const char *const connected[] = { "3, 1", "0, 3", "", "1, 0", "9" };
	struct ls_device d[5] = { 0 };
	int i;

	for (i = 0; i < 5; i++) {
		d[i].found.index = i;
		snprintf(d[i].found.connected, sizeof(d[i].found.connected), "%s", connected[i]);
	}
	return ls_print_topology(out, d, 5);
}

/* The documented sample, and shapes that it does not have. */
static void topology(void **state)
{
	static const char want[] =
"+--------+--------+--------+-----------+---------+\n"
"| NEURON | NEURON | NEURON | CONNECTED |   PCI   |\n"
"| DEVICE | CORES  | MEMORY |  DEVICES  |   BDF   |\n"
"+--------+--------+--------+-----------+---------+\n"
"| 0      | 4      | 8 GB   | 1         | 00:1c.0 |\n"
"| 1      | 4      | 8 GB   | 2, 0      | 00:1d.0 |\n"
"| 2      | 4      | 8 GB   | 3, 1      | 00:1e.0 |\n"
"| 3      | 4      | 8 GB   | 2         | 00:1f.0 |\n"
"+--------+--------+--------+-----------+---------+\n"
"\n"
"Neuron Device Topology\n"
"\n"
"  [ 0 ]" LINK "[ 1 ]" LINK "[ 2 ]" LINK "[ 3 ]\n";
	char *text = print(chain);

	assert_string_equal(text, want);
	free(text);
	text = print(ring);
	assert_non_null(strstr(text, "Topology\n\n  [ 2 ]\n  [ 4 ]\n  [ 0 ]" LINK "[ 3 ]" LINK "[ 1 ]" LINK
			       "[ 0 ]\n"));
	free(text);
}

static void json_output(void **state)
{
	char *text = print(json);
	json_t *root = json_loads(text, 0, NULL), *d;
	const char *bdf, *cpus, *command, *version;
	int index, numa, cores, pid, second;
	json_int_t memory;

	assert_non_null(root);
	assert_int_equal(json_array_size(root), 3);
	assert_int_equal(json_unpack(json_array_get(root, 0),
				     "{s:i s:s s:s s:i s:[i] s:i s:I s:[i,i,i,i] s:[{s:i s:s s:s},{}]}",
				     "neuron_device", &index, "bdf", &bdf, "cpu_affinity", &cpus,
				     "numa_node", &numa, "connected_to", &second, "nc_count", &cores,
				     "memory_size", &memory, "neuroncore_ids", &second, &second,
				     &second, &second, "neuron_processes", "pid", &pid, "command",
				     &command, "neuron_runtime_version", &version), 0);
	assert_int_equal(memory, 8ULL << 30);
	assert_string_equal(bdf, "0000:00:1c.0");
	/* In full length. */
	assert_string_equal(command, two[0].command);
	d = json_array_get(root, 1);
	assert_int_equal(json_array_size(json_object_get(d, "connected_to")), 2);
	assert_int_equal(json_integer_value(json_array_get(json_object_get(d, "neuroncore_ids"), 0)), 4);
	json_decref(root);
	free(text);
}

static void version(void **state)
{
	static const char library[] = "\0x@(#)libnrt 12.3.4\0more";
	char text[24];

	ls_find_version(library, sizeof(library), text, sizeof(text));
	assert_string_equal(text, "12.3.4");
	ls_find_version(library, 15, text, sizeof(text));
	assert_string_equal(text, "12");
	ls_find_version("nothing", 7, text, sizeof(text));
	assert_string_equal(text, "");
	ls_find_version(library, sizeof(library), text, 4);
	assert_string_equal(text, "12.");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(topology),
		cmocka_unit_test(json_output),
		cmocka_unit_test(version),
	};

	return cmocka_run_group_tests_name("ls", tests, NULL, NULL);
}
