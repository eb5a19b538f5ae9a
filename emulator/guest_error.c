// SPDX-License-Identifier: Apache-2.0
/* Named reports of host mistakes, and trace lines, to the chip's owner. */
#include <stdarg.h>
#include <stdio.h>

#include "chip.h"
#include "guest_error.h"

static const struct {
	const char *name;
	const char *meaning;
} errors[EMU_GE_COUNT] = {
#define EMU_GE_ENTRY(e, name, meaning) [EMU_GE_##e] = { name, meaning },
	EMU_GUEST_ERRORS(EMU_GE_ENTRY)
#undef EMU_GE_ENTRY
};

const char *emu_guest_error_name(enum emu_guest_error error)
{
	return error < EMU_GE_COUNT ? errors[error].name : NULL;
}

const char *emu_guest_error_meaning(enum emu_guest_error error)
{
	return error < EMU_GE_COUNT ? errors[error].meaning : NULL;
}

void emu_guest_error(struct emu_chip *chip, enum emu_guest_error error, const char *format, ...)
{
	char text[256];
	va_list args;

	atomic_fetch_add(&chip->guest_errors[error], 1);
	/* nothing that a chip off the bus does reaches anybody */
	if (!chip->config.guest_error || emu_fault_dead(chip))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	chip->config.guest_error(chip->config.opaque, errors[error].name, text);
}

void emu_trace_enable(struct emu_chip *chip, bool on)
{
	atomic_store(&chip->tracing, on && chip->config.trace);
}

void emu_trace_line(struct emu_chip *chip, const char *category, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	chip->config.trace(chip->config.opaque, category, text);
}
