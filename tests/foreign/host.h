/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host machine: one emulator process, a link to it, guest memory, BAR
 * access, and the bring-up sequence of host software for the real chip.
 */
#ifndef FOREIGN_HOST_H
#define FOREIGN_HOST_H

#include "contract.h"
#include "emu_proc.h"
#include "guest_ram.h"
#include "ring.h"
#include "vfio_user_client.h"

#define NREGIONS	9
#define MAX_AREAS	32

struct area {
	uint64_t off;
	uint64_t size;
	uint8_t *ptr;
};

struct region {
	uint64_t size;
	uint32_t flags;
	bool has_fd;
	int nareas;
	struct area areas[MAX_AREAS];
};

struct host {
	struct emu emu;
	uint32_t revision;		/* that the emulator was started with */
	struct vu vu;
	struct ram ram;
	struct region region[NREGIONS];
	uint64_t req;			/* FWIO buffers, bus addresses */
	uint64_t resp;
	uint8_t seq;
	unsigned long fwio_calls;
	unsigned long fwio_retries;
	unsigned long bar0_writes;
	unsigned long write_errors;	/* MMIO writes that the server refused */
	struct ring h2d[NCORES];
	uint32_t rng;
	bool ready;			/* brought up, as far as we know */
};

enum bring_up_how {
	BRING_UP_NO_RESET,	/* only wait for the firmware, as after power-on */
	BRING_UP_RESET,		/* RESET + doorbell, no fixed delays */
	BRING_UP_SILICON,	/* and poll RESET until it reads 0 */
};

int host_create(struct host *h);
/* Starts the emulator where it does not run, connects, maps memory and BARs. */
int host_connect(struct host *h);
void host_disconnect(struct host *h);
/* A fresh connection; where the server takes none, to a fresh server. */
int host_reconnect(struct host *h);
/* Memory decoding and bus master on, BARs programmed. */
int host_enable(struct host *h);
int host_bring_up(struct host *h, enum bring_up_how how, uint32_t device_id);
int host_init_engine(struct host *h, unsigned int core, unsigned int engine);
/* Function-level reset by way of config space. */
int host_flr(struct host *h);
/* Whatever state things are in: a device that has been brought up afterwards. */
int host_recover(struct host *h);
/* Copies len bytes out and back by each ring and compares. */
int host_self_check(struct host *h, uint64_t len);
/* The process lives and answers on the socket. */
bool host_alive(struct host *h);

uint32_t host_random(struct host *h);
void host_fill(struct host *h, void *buf, size_t n);

/* Between two looks at memory that the device writes; i counts from 0. */
void host_pause(struct host *h, unsigned int *i);

/* BARs: through the server's mmap where it offers one, else by message. */
int bar_write(struct host *h, int bar, uint64_t off, const void *buf, uint32_t n);
int bar_read(struct host *h, int bar, uint64_t off, void *buf, uint32_t n);
void bar_w32(struct host *h, int bar, uint64_t off, uint32_t val);
/* Device DRAM by its device address, through BAR4. */
int dram_write(struct host *h, uint64_t addr, const void *buf, size_t n);
int dram_read(struct host *h, uint64_t addr, void *buf, size_t n);

/* Config space; ~0 when the access failed. */
uint32_t cfg_read(struct host *h, uint32_t off, uint32_t n);
int cfg_write(struct host *h, uint32_t off, uint32_t val, uint32_t n);
/* Offset of a capability, 0 when there is none. */
uint32_t cfg_find_cap(struct host *h, uint8_t id);

#endif
