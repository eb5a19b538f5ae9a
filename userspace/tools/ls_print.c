// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-ls's table and JSON. Columns and fields are those that users' scripts read.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "ls_print.h"

#define COMMAND_WIDTH	40
#define WIDE_WIDTH	80
#define COLUMNS		8
/* What the table of the topology has of them. */
#define DEVICE_COLUMNS	5
#define MAX_NEIGHBOURS	8

static const char *const heads[2][COLUMNS] = {
	{ "NEURON", "NEURON", "NEURON", "CONNECTED", "PCI", "PID", "COMMAND", "RUNTIME" },
	{ "DEVICE", "CORES", "MEMORY", "DEVICES", "BDF", "", "", "VERSION" },
};

/** struct row - a line of the table; texts are the row's */
struct row {
	char *cell[COLUMNS];
};

/**
 * struct table - lines
 * @columns: how many are shown
 * @dense: no rules between devices
 */
struct table {
	struct row *rows;
	size_t count;
	int columns;
	bool dense;
};

static int add_row(struct table *t, char *const cells[COLUMNS])
{
	struct row *rows = realloc(t->rows, (t->count + 1) * sizeof(*rows));
	int i, rc = 0;

	if (!rows)
		return -ENOMEM;
	t->rows = rows;
	for (i = 0; i < COLUMNS; i++) {
		rows[t->count].cell[i] = strdup(cells[i]);
		if (!rows[t->count].cell[i])
			rc = -ENOMEM;
	}
	t->count++;
	return rc;
}

static void free_table(struct table *t)
{
	size_t i;
	int k;

	for (i = 0; i < t->count; i++)
		for (k = 0; k < COLUMNS; k++)
			free(t->rows[i].cell[k]);
	free(t->rows);
}

static void memory_text(uint64_t bytes, char *text, size_t size)
{
	if (!bytes)
		snprintf(text, size, "NA");
	else if (bytes >> 30)
		snprintf(text, size, "%" PRIu64 " GB", bytes >> 30);
	else
		snprintf(text, size, "%" PRIu64 " MB", bytes >> 20);
}

/* Numbers in @text, whatever is between them, as "2, 0". Returns how many. */
static int parse_connected(const char *text, int *numbers, int max)
{
	int n = 0;

	while (*text && n < max) {
		char *end;

		text += strcspn(text, "0123456789");
		if (!*text)
			break;
		numbers[n++] = strtol(text, &end, 10);
		text = end;
	}
	return n;
}

static void connected_text(const char *connected, char *text, size_t size)
{
	int numbers[8], n = parse_connected(connected, numbers, 8), i;
	size_t used = 0;

	snprintf(text, size, "None");
	for (i = 0; i < n && used < size; i++)
		used += snprintf(text + used, size - used, "%s%d", i ? ", " : "", numbers[i]);
}

/* Cut to the documented width, the last three characters being dots. */
static void cut_command(char *text, bool wide)
{
	size_t width = wide ? WIDE_WIDTH : COMMAND_WIDTH;

	if (strlen(text) > width)
		strcpy(text + width - 3, "...");
}

static int add_process_row(struct table *t, char *cells[COLUMNS], const struct ls_process *p,
			   bool wide)
{
	char pid[16], *command = strdup(p->command);
	char *version = (char *)(*p->version ? p->version : "NA");
	int rc;

	if (!command)
		return -ENOMEM;
	snprintf(pid, sizeof(pid), "%d", p->pid);
	cut_command(command, wide);
	cells[5] = pid;
	cells[6] = command;
	cells[7] = version;
	rc = add_row(t, cells);
	free(command);
	return rc;
}

static int add_device(struct table *t, const struct ls_device *d, bool wide)
{
	char index[16], cores[16], memory[32], connected[64];
	char *na = "NA", *none = "";
	char *cells[COLUMNS] = {
		index, cores, memory, connected, (char *)d->found.bdf, na, na, na,
	};
	uint32_t i, k;
	int rc = 0;

	snprintf(index, sizeof(index), "%u", d->found.index);
	snprintf(cores, sizeof(cores), "%u", d->cores);
	memory_text(d->memory, memory, sizeof(memory));
	connected_text(d->found.connected, connected, sizeof(connected));
	if (!d->cores)
		cells[1] = na;
	if (!*d->found.bdf)
		cells[4] = na;
	if (!d->process_count)
		return add_row(t, cells);
	for (i = 0; !rc && i < d->process_count; i++) {
		rc = add_process_row(t, cells, &d->processes[i], wide);
		/* Further processes are under the first, without the device again. */
		for (k = 0; k < 5; k++)
			cells[k] = none;
	}
	return rc;
}

static void print_line(FILE *out, const struct table *t, const size_t *width)
{
	int k;
	size_t i;

	for (k = 0; k < t->columns; k++) {
		fputc('+', out);
		for (i = 0; i < width[k] + 2; i++)
			fputc('-', out);
	}
	fputs("+\n", out);
}

static void print_cells(FILE *out, const struct table *t, const size_t *width, char *const *cells)
{
	int k;

	for (k = 0; k < t->columns; k++)
		fprintf(out, "| %-*s ", (int)width[k], cells[k]);
	fputs("|\n", out);
}

/* In the middle of their columns. */
static void print_heads(FILE *out, const struct table *t, const size_t *width,
			const char *const *cells)
{
	int k;

	for (k = 0; k < t->columns; k++) {
		int room = width[k] - strlen(cells[k]);

		fprintf(out, "| %*s%s%*s ", room / 2, "", cells[k], room - room / 2, "");
	}
	fputs("|\n", out);
}

static void print_table(FILE *out, const struct table *t)
{
	size_t width[COLUMNS] = { 0 }, i;
	int k;

	for (k = 0; k < COLUMNS; k++) {
		for (i = 0; i < 2; i++)
			if (strlen(heads[i][k]) > width[k])
				width[k] = strlen(heads[i][k]);
		for (i = 0; i < t->count; i++)
			if (strlen(t->rows[i].cell[k]) > width[k])
				width[k] = strlen(t->rows[i].cell[k]);
	}
	print_line(out, t, width);
	for (i = 0; i < 2; i++)
		print_heads(out, t, width, heads[i]);
	print_line(out, t, width);
	for (i = 0; i < t->count; i++) {
		print_cells(out, t, width, t->rows[i].cell);
		if (i + 1 == t->count || (*t->rows[i + 1].cell[0] && !t->dense))
			print_line(out, t, width);
	}
}

int ls_print_table(FILE *out, const struct ls_device *devices, int count, bool wide)
{
	struct table t = { .columns = COLUMNS };
	int rc = 0, i;

	for (i = 0; !rc && i < count; i++)
		rc = add_device(&t, &devices[i], wide);
	if (!rc)
		print_table(out, &t);
	free_table(&t);
	return rc;
}

/* The row of a device without what is of processes, and without a PCI domain that is 0. */
static int add_node(struct table *t, const struct ls_device *d)
{
	struct ls_device bare = *d;

	bare.process_count = 0;
	if (!strncmp(bare.found.bdf, "0000:", 5))
		memmove(bare.found.bdf, bare.found.bdf + 5, strlen(bare.found.bdf) - 4);
	return add_device(t, &bare, false);
}

static int find_device(const struct ls_device *devices, int count, int number)
{
	int i;

	for (i = 0; i < count; i++)
		if ((int)devices[i].found.index == number)
			return i;
	return -1;
}

/* Neighbours of device @i that are in the list and that no line has yet; how many. */
static int neighbours(const struct ls_device *devices, int count, int i, const bool *drawn,
		      int *next)
{
	int numbers[MAX_NEIGHBOURS], n, k, found = 0;

	n = parse_connected(devices[i].found.connected, numbers, MAX_NEIGHBOURS);
	for (k = 0; k < n; k++) {
		int other = find_device(devices, count, numbers[k]);

		if (other >= 0 && other != i && !drawn[other]) {
			if (!found++)
				*next = other;
		}
	}
	return found;
}

/* Devices are in a row or in a ring: a line from @i to the end. */
static void draw_chain(FILE *out, const struct ls_device *devices, int count, int i, bool *drawn)
{
	int first = devices[i].found.index, last, numbers[MAX_NEIGHBOURS], n, k, length = 1;

	fprintf(out, "  [ %d ]", first);
	drawn[i] = true;
	while (neighbours(devices, count, i, drawn, &i)) {
		fprintf(out, "\xe2\x97\x84\xe2\x80\x93\xe2\x80\x93\xe2\x96\xba[ %u ]",
			devices[i].found.index);
		drawn[i] = true;
		length++;
	}
	last = i;
	n = parse_connected(devices[last].found.connected, numbers, MAX_NEIGHBOURS);
	for (k = 0; length > 2 && k < n; k++)
		if (numbers[k] == first)
			fprintf(out, "\xe2\x97\x84\xe2\x80\x93\xe2\x80\x93\xe2\x96\xba[ %d ]", first);
	fputc('\n', out);
}

int ls_print_topology(FILE *out, const struct ls_device *devices, int count)
{
	struct table t = { .columns = DEVICE_COLUMNS, .dense = true };
	bool drawn[LS_MAX_DEVICES] = { 0 };
	int rc = 0, most, i, next;

	for (i = 0; !rc && i < count; i++)
		rc = add_node(&t, &devices[i]);
	if (!rc)
		print_table(out, &t);
	free_table(&t);
	if (rc)
		return rc;
	fputs("\nNeuron Device Topology\n\n", out);
	/* From their ends; what is left are rings. */
	for (most = 1; most <= MAX_NEIGHBOURS; most++)
		for (i = 0; i < count; i++)
			if (!drawn[i] && neighbours(devices, count, i, drawn, &next) <= most)
				draw_chain(out, devices, count, i, drawn);
	return 0;
}

static json_t *numbers_json(const int *numbers, int count)
{
	json_t *array = json_array();
	int i;

	for (i = 0; i < count; i++)
		json_array_append_new(array, json_integer(numbers[i]));
	return array;
}

static json_t *processes_json(const struct ls_device *d)
{
	json_t *array = json_array();
	uint32_t i;

	for (i = 0; i < d->process_count; i++) {
		const struct ls_process *p = &d->processes[i];
		json_t *command = json_string(p->command);

		/* Command lines need not be UTF-8. */
		if (!command)
			command = json_string("?");
		json_array_append_new(array, json_pack("{s:i, s:o, s:s}", "pid", p->pid, "command",
						       command, "neuron_runtime_version",
						       *p->version ? p->version : "NA"));
	}
	return array;
}

static json_t *device_json(const struct ls_device *d)
{
	int connected[8], cores[64], n, i;

	n = parse_connected(d->found.connected, connected, 8);
	for (i = 0; i < (int)d->cores && i < 64; i++)
		cores[i] = d->first_core + i;
	return json_pack("{s:i, s:s, s:s, s:i, s:o, s:i, s:I, s:o, s:o}", "neuron_device",
			 d->found.index, "bdf", d->found.bdf, "cpu_affinity", d->found.cpus,
			 "numa_node", d->found.numa_node, "connected_to", numbers_json(connected, n),
			 "nc_count", d->cores, "memory_size", (json_int_t)d->memory,
			 "neuroncore_ids", numbers_json(cores, i), "neuron_processes",
			 processes_json(d));
}

int ls_print_json(FILE *out, const struct ls_device *devices, int count)
{
	json_t *array = json_array();
	int rc = 0, i;

	for (i = 0; i < count; i++)
		if (json_array_append_new(array, device_json(&devices[i])))
			rc = -ENOMEM;
	if (!rc && json_dumpf(array, out, JSON_INDENT(4)))
		rc = -ENOMEM;
	if (!rc)
		fputc('\n', out);
	json_decref(array);
	return rc;
}
