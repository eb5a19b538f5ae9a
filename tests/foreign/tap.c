// SPDX-License-Identifier: Apache-2.0
/* TAP 13 on stdout: one line a test, diagnostics before it. */
#include "tap.h"

#include <stdarg.h>
#include <stdio.h>

static int ran;
static int failed;

void tap_begin(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n");
}

void tap_diag(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("# ", stdout);
	vprintf(fmt, ap);
	putchar('\n');
	va_end(ap);
}

void tap_result(bool ok, const char *name)
{
	ran++;
	failed += !ok;
	printf("%sok %d - %s\n", ok ? "" : "not ", ran, name);
}

int tap_end(void)
{
	printf("1..%d\n", ran);
	if (failed)
		tap_diag("%d of %d failed", failed, ran);
	return failed || !ran;
}
