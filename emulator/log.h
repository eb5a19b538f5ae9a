/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines for stderr from threads that must not wait for whoever reads it. A writer
 * thread prints them in order; when it cannot keep up by LOG_LINES, lines are dropped
 * and their number is printed.
 */
#ifndef EMU_LOG_H
#define EMU_LOG_H

#define LOG_LINES	65536

int log_start(const char *prefix);
/* Print what is left and end the writer. */
void log_stop(void);
/* Returns when all lines of before are printed, or after a second: whoever reads them may have stopped. */
void log_flush(void);
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
