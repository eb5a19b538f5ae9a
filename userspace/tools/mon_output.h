/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports on their way to standard output, which may be a pipe that nobody reads for a while:
 * never blocks, and what was begun is written to its end before the next.
 */
#ifndef MON_OUTPUT_H
#define MON_OUTPUT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

/**
 * struct mon_output - what is not written yet
 * @text: a report with its line end; NULL = nothing waits
 */
struct mon_output {
	char *text;
	size_t size, written;
};

static inline bool mon_output_waits(const struct mon_output *out)
{
	return out->text;
}

/* Take over @text, from malloc() and without a line end, as nothing waits. -ENOMEM. */
int mon_output_take(struct mon_output *out, char *text);
/* Write what fits without waiting. -errno if nobody will ever get it. */
int mon_output_write(struct mon_output *out);
/* What to wait for. */
struct pollfd mon_output_poll(const struct mon_output *out);
void mon_output_drop(struct mon_output *out);

#endif
