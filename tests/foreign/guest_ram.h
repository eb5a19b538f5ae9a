/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory as a VMM lays it out: two memfds, mapped to the device in pieces
 * with holes between them. Bus addresses are the guest's physical addresses.
 */
#ifndef FOREIGN_GUEST_RAM_H
#define FOREIGN_GUEST_RAM_H

#include "vfio_user_client.h"

/* The pieces in their final places. */
#define RAM_LOW0		0x0ull
#define RAM_LOW0_SIZE		0xa0000ull
#define RAM_ROM			0xc0000ull	/* the device may only read it */
#define RAM_ROM_SIZE		0x20000ull
#define RAM_MAIN		0x100000ull
#define RAM_MAIN_SIZE		(0x20000000ull - RAM_MAIN)
#define RAM_HIGH		0x100000000ull
#define RAM_HIGH_SIZE		(128ull << 20)
#define RAM_SPLIT_A		0x110000000ull	/* A and B touch, but are different files */
#define RAM_SPLIT_A_SIZE	(64ull << 20)
#define RAM_SPLIT_B		(RAM_SPLIT_A + RAM_SPLIT_A_SIZE)
#define RAM_SPLIT_B_SIZE	(16ull << 20)
#define RAM_HOLE		0x180000000ull	/* nothing is ever mapped here */

struct ram {
	int fd[2];
	uint8_t *ptr[2];
	uint64_t next;		/* of ram_alloc(), a bus address in RAM_MAIN */
};

int ram_create(struct ram *ram);
/* Maps all pieces; rehearse = first the to and fro of a firmware that shadows its ROM. */
int ram_map(struct ram *ram, struct vu *vu, bool rehearse);
/* The host's pointer to a bus range that lies in one piece, or NULL. */
uint8_t *ram_at(struct ram *ram, uint64_t bus, uint64_t len);
/* The same for the device's view: also NULL when it may not write there. */
uint8_t *ram_translate(void *ram, uint64_t bus, uint64_t len, bool write);
/* Bus address of fresh memory; 0 when there is no more. Freed by restoring ->next. */
uint64_t ram_alloc(struct ram *ram, uint64_t len, uint64_t align);

#endif
