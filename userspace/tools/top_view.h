/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neuron-top's screen as lines of text, whatever shows them.
 */
#ifndef TOP_VIEW_H
#define TOP_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "mon_sample.h"

enum top_look {
	TOP_NORMAL,
	TOP_TITLE,
	TOP_SELECTED,
};

struct top_line {
	enum top_look look;
	char text[240];
};

#define TOP_MAX_FOLDED 256

/** struct top_folded - a model whose subgraphs are the other way round than top_view.folded says */
struct top_folded {
	pid_t pid;
	uint32_t id;
};

/**
 * struct top_view - what the user has chosen
 * @tab: 0 = all processes, n = the n-th
 * @latency: latencies and rates in place of per cent
 * @folded: models without their subgraphs
 * @except: models that are not as @folded says
 * @selected: number of the model that the cursor is on
 * @models: how many there are to choose from
 * @selected_line: the line that has to be seen
 */
struct top_view {
	unsigned int tab;
	bool latency;
	bool folded;
	struct top_folded except[TOP_MAX_FOLDED];
	unsigned int except_count;
	unsigned int selected;
	unsigned int models;
	struct top_folded current;
	size_t selected_line;
};

/**
 * struct top_screen - the lines
 * @failed: out of memory, lines are missing
 */
struct top_screen {
	struct top_line *lines;
	size_t count;
	bool failed;
};

/* Fill the screen; @view is brought into the range of what there is. */
void top_draw(struct top_screen *screen, const struct monitor *m, struct top_view *view);
void top_clear(struct top_screen *screen);
/* The bar of tabs. */
void top_tabs(const struct monitor *m, const struct top_view *view, char *text, size_t size);
/* Turn the model under the cursor round. */
void top_fold(struct top_view *view);

#endif
