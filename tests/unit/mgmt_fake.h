/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chip around the management core: what struct emu_mgmt_ops needs and no more. Jobs
 * end when the test says so, or at once.
 */
#ifndef MGMT_FAKE_H
#define MGMT_FAKE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <neuron/ext.h>
#include <neuron/fw.h>
#include <neuron/job.h>
#include <neuron/regs.h>
#include "mgmt.h"

#define FAKE_HOST	0x200000000ull	/* bus address of the host memory */
#define FAKE_HOST_SIZE	0x40000u

struct fake {
	struct emu_mgmt *mgmt;
	uint8_t host[FAKE_HOST_SIZE];
	uint32_t misc[NEURON_MISC_SIZE / 4];
	uint32_t ext[NEURON_EXT_SIZE / 4];
	uint64_t queue_ctrl, queue_tail;
	uint32_t state, boot_error, states;
	uint32_t error, error_arg, errors;
	uint32_t reset;
	unsigned int irqs[32];
	unsigned int started, aborted;
	bool finish_at_once;
	struct neuron_job job;
	uint64_t table;
	uint32_t segments, owner;
	char console[512];
};

struct fake *fake_new(void);
void fake_free(struct fake *f);
/* Run until the core sleeps or @budget is used up. Returns the instructions executed. */
uint64_t fake_run(struct fake *f, uint64_t budget);

/* The file @path; fails the test if it cannot be read. The caller frees. */
void *read_file(const char *path, size_t *size);
/* Put a right header before @size bytes of @code, to be loaded at @load. The caller frees. */
void *make_image(const void *code, size_t size, uint32_t load, size_t *image_size);

#endif
