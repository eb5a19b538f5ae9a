/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What jobs reach: while "reach" is traced, every access of a job to memory outside its core
 * is held against the job's segments a second time, by address, apart from the checks of the
 * executor; the job's segments and what it touched of each are told at its end. Of UDMA queues,
 * which know nobody's memory, each piece of a copy is told. Traced or not, guards are asked (guard.h).
 */
#ifndef EMU_WATCH_H
#define EMU_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <neuron/job.h>

struct emu_chip;
struct emu_core;

/* Bytes [low, high) that a job touched; none while low >= high. */
struct emu_watch_range {
	uint64_t low;
	uint64_t high;
};

/* One job's; owned by who runs it. */
struct emu_watch {
	bool on;
	const struct neuron_segment *segment;
	unsigned int segments;
	uint32_t owner;
	uint64_t job;
	struct emu_watch_range read[NEURON_SEGMENTS];
	struct emu_watch_range written[NEURON_SEGMENTS];
};

/* Around a job. @segments must stay until emu_watch_end(). */
void emu_watch_begin(struct emu_core *core, const struct neuron_segment *segments,
		     unsigned int count, uint32_t owner, uint64_t job);
void emu_watch_end(struct emu_core *core);
/* An access of the job, at a device address, before it is carried out. */
void emu_watch_access(struct emu_core *core, uint64_t addr, size_t len, bool write);

/* A piece of a packet: what one descriptor of each half have in common. */
struct emu_watch_piece {
	unsigned int engine;
	unsigned int queue;
	unsigned int m2s;	/* indices in the rings */
	unsigned int s2m;
	uint64_t dst;
	uint64_t src;
	size_t len;
};

/* Before it is carried out. */
void emu_watch_copy(struct emu_chip *chip, const struct emu_watch_piece *p);

#endif
