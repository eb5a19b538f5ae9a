// SPDX-License-Identifier: Apache-2.0
/*
 * The console: formats lines, a character at a time.
 */
#include <stdarg.h>
#include "hw.h"
#include "log.h"

static void put(char c)
{
	fw_reg_write(NEURON_MGMT_CONSOLE, (uint8_t)c);
}

static void put_string(const char *s)
{
	while (*s)
		put(*s++);
}

static void put_number(uint32_t v, uint32_t base)
{
	char digits[10];
	int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	while (n)
		put(digits[--n]);
}

void fw_log(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	for (; *format; format++) {
		if (*format != '%') {
			put(*format);
			continue;
		}
		switch (*++format) {
		case 'u':
			put_number(va_arg(args, unsigned int), 10);
			break;
		case 'x':
			put_number(va_arg(args, unsigned int), 16);
			break;
		case 's':
			put_string(va_arg(args, const char *));
			break;
		default:
			put(*format);
			break;
		}
	}
	va_end(args);
	put('\n');
}
