/* SPDX-License-Identifier: Apache-2.0 */
/* Which categories of trace lines are wanted; may change while the chip runs. */
#ifndef EMU_TRACE_H
#define EMU_TRACE_H

#include <stdbool.h>

struct emu_chip;

/* Names, separated by ", ". */
const char *trace_names(void);
/* Is @category wanted now? Any thread. */
bool trace_wanted(const char *category);
/* Have @chip make the lines that are wanted now. */
void trace_apply(struct emu_chip *chip);
/*
 * Want the categories of @list, separated by commas; "all", "none". On a mistake nothing
 * changes, and @bad points to the unknown name.
 */
bool trace_select(const char *list, char *bad, unsigned int size);

#endif
