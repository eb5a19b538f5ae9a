/* SPDX-License-Identifier: Apache-2.0 */
/* TAP 13 on stdout: one line a test, diagnostics before it. */
#ifndef FOREIGN_TAP_H
#define FOREIGN_TAP_H

#include <stdbool.h>

void tap_begin(void);
void tap_diag(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void tap_result(bool ok, const char *name);
/* Prints the plan; returns the exit code. */
int tap_end(void);

/* Fails the running test (a function that returns 0 or -1), saying where. */
#define CHECK(cond, fmt, ...)						\
	do {								\
		if (!(cond)) {						\
			tap_diag("%s:%d: %s: " fmt, __FILE__, __LINE__,	\
				 #cond, ##__VA_ARGS__);			\
			return -1;					\
		}							\
	} while (0)

#endif
