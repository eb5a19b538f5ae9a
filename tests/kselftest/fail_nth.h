/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lets the kernel's n-th allocation of a thread fail, of those that the driver asks for. Needs a kernel with fault
 * injection.
 */
#ifndef KSELFTEST_FAIL_NTH_H
#define KSELFTEST_FAIL_NTH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "write_file.h"

#define FAIL_NTH "/proc/thread-self/fail-nth"
#define DEBUGFS "/sys/kernel/debug/"

struct code_range {
	uint64_t start, end;
};

/*
 * Only what the driver asks for: there its code is on the stack.
 *
 * Not what DMA-API debugging notes down: without that it would switch itself off.
 */
static inline bool find_ranges(struct code_range *driver, struct code_range *spared)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	char line[256], *name;
	uint64_t address;

	*driver = *spared = (struct code_range) {};
	while (f && fgets(line, sizeof(line), f)) {
		address = strtoull(line, &name, 16);
		if (spared->start && !spared->end && address > spared->start)
			spared->end = address;
		if ((name[1] | 0x20) != 't')
			continue;
		if (!strcmp(name + 3, "add_dma_entry\n"))
			spared->start = address;
		if (!strstr(name, "\t[neuron]\n"))
			continue;
		if (!driver->start || address < driver->start)
			driver->start = address;
		/* Of the last function only the start is known; what follows in its page is nobody's. */
		if (driver->end <= address)
			driver->end = (address | 0xfff) + 1;
	}
	if (f)
		fclose(f);
	return driver->end;
}

static inline int set_number(const char *attribute, const char *name, uint64_t value)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), DEBUGFS "%s/%s", attribute, name);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	return write_file(path, text);
}

/* Allocations are to fail, and with @copies also those from and to user space. False on a kernel that cannot. */
static inline bool prepare_faults(bool copies)
{
	static const char *const kinds_of_faults[3] = { "failslab", "fail_page_alloc", "fail_usercopy" };
	struct code_range driver, spared;

	/* Also allocations that may sleep: they are the ones there are. */
	if (write_file(DEBUGFS "failslab/ignore-gfp-wait", "N") ||
	    write_file(DEBUGFS "fail_page_alloc/ignore-gfp-wait", "N") || !find_ranges(&driver, &spared))
		return false;
	set_number("fail_page_alloc", "min-order", 0);
	for (size_t i = 0; i < 3; i++) {
		/* Nobody's code lies at 1. */
		bool none = i == 2 && !copies;

		set_number(kinds_of_faults[i], "verbose", 0);
		if (set_number(kinds_of_faults[i], "require-start", none ? 1 : driver.start) ||
		    set_number(kinds_of_faults[i], "require-end", none ? 1 : driver.end) ||
		    set_number(kinds_of_faults[i], "reject-start", spared.start) ||
		    set_number(kinds_of_faults[i], "reject-end", spared.end))
			return false;
	}
	return true;
}

static inline void set_fail_nth(int fd, int n)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", n);

	(void)!pwrite(fd, text, length, 0);
}

/* Ends the injection. Whether the fault was injected, or waited for an allocation that did not come. */
static inline bool injected(int fd)
{
	char text[16] = "";
	bool hit = pread(fd, text, sizeof(text) - 1, 0) > 0 && !atoi(text);

	set_fail_nth(fd, 0);
	return hit;
}

#endif
