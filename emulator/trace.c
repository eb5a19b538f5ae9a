// SPDX-License-Identifier: Apache-2.0
/* The categories of the chip's trace and of the front-end's. */
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "emu.h"
#include "trace.h"

static const char *const names[] = {
	"pci", "mmio", "misc", "udma", "dma", "queue", "job", "irq", "notify", "firmware",
	"reset", "link", "fault", "vfio", "reach",
};

#define COUNT	(sizeof(names) / sizeof(names[0]))

static _Atomic uint32_t wanted;

const char *trace_names(void)
{
	static char text[160];
	unsigned int i;

	text[0] = 0;
	for (i = 0; i < COUNT; i++) {
		strcat(text, i ? ", " : "");
		strcat(text, names[i]);
	}
	return text;
}

static unsigned int find(const char *name, size_t len)
{
	unsigned int i;

	for (i = 0; i < COUNT; i++)
		if (strlen(names[i]) == len && !memcmp(names[i], name, len))
			break;
	return i;
}

bool trace_wanted(const char *category)
{
	uint32_t mask = atomic_load_explicit(&wanted, memory_order_relaxed);
	unsigned int i;

	if (mask == UINT32_MAX)
		return true;
	i = mask ? find(category, strlen(category)) : COUNT;
	return i < COUNT && mask & 1u << i;
}

void trace_apply(struct emu_chip *chip)
{
	emu_watch_enable(chip, trace_wanted("reach"));
	emu_trace_enable(chip, atomic_load(&wanted) != 0);
}

bool trace_select(const char *list, char *bad, unsigned int size)
{
	uint32_t mask = 0;
	const char *at;
	size_t len;

	for (at = list; *at; at += len + (at[len] == ',')) {
		unsigned int i;

		len = strcspn(at, ",");
		i = find(at, len);
		if (len == 3 && !memcmp(at, "all", 3)) {
			mask = UINT32_MAX;
		} else if (i < COUNT) {
			mask |= 1u << i;
		} else if (len != 4 || memcmp(at, "none", 4)) {
			snprintf(bad, size, "%.*s", (int)len, at);
			return false;
		}
	}
	atomic_store(&wanted, mask);
	return true;
}
