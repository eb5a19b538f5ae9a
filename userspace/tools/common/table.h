/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of text: cells are collected, columns become as wide as their widest cell.
 */
#ifndef TOOL_TABLE_H
#define TOOL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#define TABLE_MAX_COLUMNS	16

/**
 * struct table - rows of @columns cells; the first row is the heading
 * @bars: "| a | b |" with a rule under the heading, instead of spaces between columns
 * @left: bit n: column n is flush left, else right
 */
struct table {
	unsigned int columns;
	bool bars;
	unsigned int left;
	char **cell;
	size_t count, room;
	bool failed;
};

/* Append the next cell; control characters become '?'. */
__attribute__((format(printf, 2, 3)))
void table_add(struct table *t, const char *format, ...);

/* Print to standard output, and free. -ENOMEM if a cell got lost. */
int table_print(struct table *t);

#endif
