/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: a unix stream, one command a line. An answer is lines of text, then
 * a line "ok" or "error: TEXT". docs/faults.md has the commands. One thread of its own;
 * clients are served in turns, each has up to 5 s to take an answer.
 */
#ifndef EMU_CONTROL_H
#define EMU_CONTROL_H

#include "emu.h"

struct control;

/* Listen at @path (-EADDRINUSE and so on) and serve until control_stop(). */
int control_start(struct emu_chip *chip, const char *path, struct control **control);
void control_stop(struct control *control);

#endif
