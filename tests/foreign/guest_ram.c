// SPDX-License-Identifier: Apache-2.0
/* Guest memory as a VMM lays it out and maps it to the device. */
#include "guest_ram.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define RW (VU_DMA_READABLE | VU_DMA_WRITABLE)
#define FD0_SIZE	0x29000000ull
#define FD1_SIZE	(96ull << 20)
#define ALLOC_START	0x1000000ull

static const struct piece {
	uint64_t bus;
	uint64_t size;
	int file;
	uint64_t off;
	uint32_t flags;
} pieces[] = {
	{ RAM_LOW0, RAM_LOW0_SIZE, 0, 0, RW },
	{ RAM_ROM, RAM_ROM_SIZE, 0, RAM_ROM, VU_DMA_READABLE },
	{ RAM_MAIN, RAM_MAIN_SIZE, 0, RAM_MAIN, RW },
	{ RAM_HIGH, RAM_HIGH_SIZE, 0, 0x20000000, RW },
	{ RAM_SPLIT_A, RAM_SPLIT_A_SIZE, 1, 0x100000, RW },
	{ RAM_SPLIT_B, RAM_SPLIT_B_SIZE, 0, 0x28000000, RW },
};

#define NPIECES (sizeof(pieces) / sizeof(pieces[0]))

int ram_create(struct ram *ram)
{
	static const uint64_t sizes[2] = { FD0_SIZE, FD1_SIZE };
	int i;

	for (i = 0; i < 2; i++) {
		ram->fd[i] = memfd_create("guest-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (ram->fd[i] < 0 || ftruncate(ram->fd[i], sizes[i]))
			return -errno;
		ram->ptr[i] = mmap(NULL, sizes[i], PROT_READ | PROT_WRITE, MAP_SHARED,
				   ram->fd[i], 0);
		if (ram->ptr[i] == MAP_FAILED)
			return -errno;
	}
	ram->next = ALLOC_START;
	return 0;
}

static int map_piece(struct ram *ram, struct vu *vu, const struct piece *p)
{
	return vu_map(vu, p->bus, p->size, ram->fd[p->file], p->off, p->flags);
}

/*
 * What SeaBIOS makes QEMU do: all low memory is one piece, then the area below
 * 1 MiB is cut out of it, made read-only, writable again, and so on.
 */
static int rehearse_boot(struct ram *ram, struct vu *vu)
{
	const uint64_t low = RAM_MAIN + RAM_MAIN_SIZE;
	int e, i;

	for (i = 0; i < 3; i++) {
		e = vu_map(vu, 0, low, ram->fd[0], 0, RW);
		e = e ? e : map_piece(ram, vu, &pieces[3]);
		e = e ? e : vu_unmap(vu, 0, low);
		e = e ? e : vu_map(vu, 0, 0xc0000, ram->fd[0], 0, RW);
		e = e ? e : vu_map(vu, 0xc0000, 0x1000, ram->fd[0], 0xc0000, VU_DMA_READABLE);
		e = e ? e : vu_map(vu, 0xc1000, low - 0xc1000, ram->fd[0], 0xc1000, RW);
		e = e ? e : vu_unmap(vu, 0xc0000, 0x1000);
		e = e ? e : vu_unmap(vu, 0xc1000, low - 0xc1000);
		e = e ? e : vu_unmap(vu, 0, 0xc0000);
		e = e ? e : vu_unmap(vu, pieces[3].bus, pieces[3].size);
		if (e)
			return e;
	}
	return 0;
}

int ram_map(struct ram *ram, struct vu *vu, bool rehearse)
{
	size_t i;
	int e = rehearse ? rehearse_boot(ram, vu) : 0;

	for (i = 0; !e && i < NPIECES; i++)
		e = map_piece(ram, vu, &pieces[i]);
	return e;
}

static const struct piece *find(uint64_t bus, uint64_t len)
{
	size_t i;

	for (i = 0; i < NPIECES; i++) {
		const struct piece *p = &pieces[i];

		if (bus >= p->bus && bus - p->bus < p->size && len <= p->size - (bus - p->bus))
			return p;
	}
	return NULL;
}

uint8_t *ram_at(struct ram *ram, uint64_t bus, uint64_t len)
{
	const struct piece *p = find(bus, len);

	return p ? ram->ptr[p->file] + p->off + (bus - p->bus) : NULL;
}

uint8_t *ram_translate(void *ctx, uint64_t bus, uint64_t len, bool write)
{
	const struct piece *p = find(bus, len);

	if (!p || (write && !(p->flags & VU_DMA_WRITABLE)))
		return NULL;
	return ram_at(ctx, bus, len);
}

uint64_t ram_alloc(struct ram *ram, uint64_t len, uint64_t align)
{
	uint64_t at = (ram->next + align - 1) & ~(align - 1);

	if (at + len > RAM_MAIN + RAM_MAIN_SIZE)
		return 0;
	ram->next = at + len;
	return at;
}
