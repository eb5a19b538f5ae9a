/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which physical pages are behind memory of this process, and which are the kernel's for good: lines of
 * "BASE LENGTH NAME" for the program that boots the guest. For the superuser.
 */
#ifndef ATTACK_PAGES_H
#define ATTACK_PAGES_H

#include "attack.h"

#define PAGE			4096ull
#define PAGEMAP_PRESENT		(1ull << 63)
#define PAGEMAP_FRAME		((1ull << 55) - 1)
#define KPAGE_RESERVED		(1ull << 32)	/* in /proc/kpageflags */
#define KPAGE_NONE		(1ull << 20)

struct pages {
	FILE *out;
	const char *name;
	uint64_t first, count;		/* the run that has not been told */
};

static inline void pages_end(struct pages *p)
{
	if (p->count)
		fprintf(p->out, "%#llx %#llx %s\n", (unsigned long long)(p->first * PAGE),
			(unsigned long long)(p->count * PAGE), p->name);
	p->count = 0;
}

static inline void pages_add(struct pages *p, uint64_t frame)
{
	if (frame != p->first + p->count)
		pages_end(p);
	if (!p->count)
		p->first = frame;
	p->count++;
}

/* Of @bytes at @memory, whole pages that have been touched; false: it cannot be told. */
static inline bool tell_pages(FILE *out, const void *memory, uint64_t bytes, const char *name)
{
	struct pages pages = { .out = out, .name = name };
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t page = (uintptr_t)memory / PAGE, end = page + bytes / PAGE, entry = 0;

	for (; fd >= 0 && page < end; page++) {
		if (pread(fd, &entry, 8, page * 8) != 8 || !(entry & PAGEMAP_PRESENT) || !(entry & PAGEMAP_FRAME))
			break;
		pages_add(&pages, entry & PAGEMAP_FRAME);
	}
	pages_end(&pages);
	close(fd);
	return page == end;
}

/*
 * Pages that the kernel has kept since it booted, and never gives to anybody: its text and data, the array of
 * struct page.
 */
static inline bool tell_kernel(FILE *out, const char *name)
{
	struct pages pages = { .out = out, .name = name };
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	static uint64_t flags[8192];
	uint64_t frame = 0, told = 0;
	ssize_t n;

	while (fd >= 0 && (n = pread(fd, flags, sizeof(flags), frame * 8)) > 0)
		for (ssize_t i = 0; i < n / 8; i++, frame++)
			if ((flags[i] & (KPAGE_RESERVED | KPAGE_NONE)) == KPAGE_RESERVED) {
				pages_add(&pages, frame);
				told++;
			}
	pages_end(&pages);
	close(fd);
	return told;
}

#endif
