// SPDX-License-Identifier: Apache-2.0
/*
 * Tables of text: cells are collected, columns become as wide as their widest cell.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

void table_add(struct table *t, const char *format, ...)
{
	va_list args;
	char *text, *p;
	int n;

	if (t->count == t->room) {
		size_t room = t->room ? 2 * t->room : 64;
		char **more = realloc(t->cell, room * sizeof(*more));

		if (!more) {
			t->failed = true;
			return;
		}
		t->cell = more;
		t->room = room;
	}
	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0) {
		t->failed = true;
		return;
	}
	for (p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	t->cell[t->count++] = text;
}

/* Characters, not bytes, of UTF-8. */
static int width_of(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

/* @last: nothing follows in its row, so there is no need for spaces after it. */
static void print_cell(const struct table *t, unsigned int column, const char *text, int width,
		       bool last)
{
	int pad = width - width_of(text);
	bool left = t->left & 1u << column;

	if (t->bars)
		fputs(column ? " | " : "| ", stdout);
	else if (column)
		fputs("    ", stdout);
	if (!left)
		printf("%*s", pad, "");
	fputs(text, stdout);
	if (left && (t->bars || !last))
		printf("%*s", pad, "");
	if (last)
		fputs(t->bars ? " |\n" : "\n", stdout);
}

/* Cells of the row that begins at @row, without empty ones at its end. */
static unsigned int used_cells(const struct table *t, char *const *row)
{
	unsigned int n = t->columns;

	while (!t->bars && n > 1 && !*row[n - 1])
		n--;
	return n;
}

static void print_rule(const struct table *t, const int *width)
{
	unsigned int c;
	int i;

	for (c = 0; c < t->columns; c++) {
		fputs(c ? " | " : "| ", stdout);
		for (i = 0; i < width[c]; i++)
			putchar('-');
	}
	puts(" |");
}

int table_print(struct table *t)
{
	int width[TABLE_MAX_COLUMNS] = { 0 };
	bool failed = t->failed;
	size_t i;

	for (i = 0; i < t->count; i++)
		if (width_of(t->cell[i]) > width[i % t->columns])
			width[i % t->columns] = width_of(t->cell[i]);
	for (i = 0; i + t->columns <= t->count; i += t->columns) {
		unsigned int n = used_cells(t, t->cell + i), c;

		for (c = 0; c < n; c++)
			print_cell(t, c, t->cell[i + c], width[c], c + 1 == n);
		if (t->bars && !i)
			print_rule(t, width);
	}
	for (i = 0; i < t->count; i++)
		free(t->cell[i]);
	free(t->cell);
	t->cell = NULL;
	t->count = t->room = 0;
	return failed ? -ENOMEM : 0;
}
