/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chip as firmware sees it, for firmware that runs on the host: host memory, registers
 * and a log of what firmware did, in order. Time stands still unless a test moves it.
 */
#ifndef FW_MOCK_H
#define FW_MOCK_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <neuron/ext.h>
#include <neuron/job.h>
#include <neuron/mgmt.h>
#include <neuron/regs.h>

#define HOST_BASE	0x120000000ull	/* bus address of the mock's host memory */
#define HOST_SIZE	0x100000u
#define LOG_SIZE	8192

enum did { DID_WRITE, DID_READ, DID_MSIX, DID_START, DID_ABORT, DID_RESET, DID_ERROR };

/* WRITE, READ: a = bus address, b = length; ERROR: a = error, b = argument; else a */
struct did_log {
	enum did what;
	uint64_t a, b;
};

struct mock_nc {
	uint32_t table_lo, table_hi, segments, owner, state;
	struct neuron_job job;
	struct neuron_completion result;
	bool deaf;	/* does not stop when it is told to */
};

struct mock {
	uint8_t host[HOST_SIZE];
	uint32_t host_limit;	/* bytes of it that answer */
	uint32_t misc[NEURON_MISC_SIZE / 4];
	uint32_t ext[NEURON_EXT_SIZE / 4];
	uint64_t time, timer;
	int32_t temperature;
	uint32_t pending, enable, links, sensors, reset_us;
	uint64_t queue_ctrl, queue_tail;
	struct mock_nc nc[NEURON_CORES];
	struct did_log log[LOG_SIZE];
	unsigned int logged;
	unsigned int msix[32];
	char console[256];
};

extern struct mock mock;

/* Power-on: a chip of 16 vectors, firmware initialised, log empty. */
void mock_boot(void);
/* Let firmware run until it sleeps. */
void mock_run(void);
/* Time goes on by @us; timers that are due go off. */
void mock_advance(uint64_t us);
/* Raise interrupt bits and run. */
void mock_raise(uint32_t irqs);

/* Pointer to host memory at offset @off, and its bus address. */
void *host_ptr(uint32_t off);
#define HOST(off)	(HOST_BASE + (off))

/* How often @what is in the log, and the index of its n-th (0 ..) occurrence or -1. */
unsigned int log_count(enum did what);
int log_find(enum did what, uint64_t a, unsigned int n);
/* Was this enum neuron_mgmt_error reported since mock_boot() or log_clear()? */
bool log_error(uint32_t error);
void log_clear(void);

uint32_t misc_get(uint32_t off);
void misc_set(uint32_t off, uint32_t value);
uint32_t ext_get(uint32_t off);
void ext_set(uint32_t off, uint32_t value);

/* Queues of a test: ring and completion page of queue @q are at fixed host offsets. */
#define RING_OFF(q)	(0x10000u + (q) * 0x3000u)
#define PAGE_OFF(q)	(RING_OFF(q) + 0x1000u)
#define CTXDIR_OFF	0x8000u
#define CTX_COUNT	4

uint32_t queue_get(unsigned int q, uint32_t reg);
void queue_set(unsigned int q, uint32_t reg, uint32_t value);
/* Write the configuration, without CTRL. */
void queue_configure(unsigned int q, uint32_t size, uint32_t config);
void queue_control(unsigned int q, uint32_t ctrl);
/* Configure and enable; fails the test if the queue does not come up. */
void queue_enable(unsigned int q, uint32_t size, uint32_t config);
/* Put a job into the ring: seq = its number from 1. Returns it for changes. */
struct neuron_job *queue_put(unsigned int q, uint8_t op);
/* Ring the doorbell for all that was put. */
void queue_ring(unsigned int q);
/* queue_put() and queue_ring(), then run. */
void queue_submit(unsigned int q, uint8_t op);
uint64_t queue_seq(unsigned int q);
struct neuron_completion *queue_record(unsigned int q, uint32_t index);

/* Core @n finishes its job. */
void nc_finish(unsigned int n, enum neuron_job_status status, uint64_t cycles);

#endif
