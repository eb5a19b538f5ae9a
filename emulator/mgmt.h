/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The management core: RV32IMC interpreter, SRAM, image loader and the peripherals of
 * <neuron/mgmt.h>. Reaches the rest of the chip only through struct emu_mgmt_ops.
 *
 * Not thread-safe but for emu_mgmt_raise(), emu_mgmt_sense() and emu_mgmt_pending(): the service
 * thread runs it.
 */
#ifndef EMU_MGMT_H
#define EMU_MGMT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <neuron/job.h>
#include <neuron/mgmt.h>
#include <neuron/regs.h>

struct emu_mgmt;

/**
 * struct emu_mgmt_ops - the chip around the management core
 * @bus_read, @bus_write: any device address, host memory included; -EFAULT where nothing answers
 * @misc_read, @misc_write: misc RAM at a byte offset, 32 bits, without side effects
 * @ext_read, @ext_write: extension block at a byte offset, as firmware sees it (no side effects
 *	of host writes, such as CTRL strobes); doorbell and status pages included
 * @reset: NEURON_MGMT_RESET_* bits
 * @irq: raise an MSI-X vector
 * @error: enum neuron_mgmt_error and its argument
 * @console: a line that firmware printed
 * @links: NEURON_MGMT_LINKS; @temperature: NEURON_MGMT_TEMPERATURE
 * @reset_us: NEURON_MGMT_RESET_US; NULL: 0
 * @queue_ctrl, @queue_tail: bitmaps of queues with news; @clear bits are cleared first
 * @nc_start: run @job on core @nc; emu_mgmt_nc_done() later, from any thread
 * @nc_abort: end the job that runs on core @nc
 * @state: FW_STATE or BOOT_ERROR changed
 */
struct emu_mgmt_ops {
	int (*bus_read)(void *opaque, uint64_t addr, void *buf, size_t len);
	int (*bus_write)(void *opaque, uint64_t addr, const void *buf, size_t len);
	uint32_t (*misc_read)(void *opaque, uint32_t off);
	void (*misc_write)(void *opaque, uint32_t off, uint32_t value);
	uint32_t (*ext_read)(void *opaque, uint32_t off);
	void (*ext_write)(void *opaque, uint32_t off, uint32_t value);
	void (*reset)(void *opaque, uint32_t what);
	void (*irq)(void *opaque, unsigned int vector);
	void (*error)(void *opaque, uint32_t error, uint32_t arg);
	void (*console)(void *opaque, const char *line);
	uint32_t (*links)(void *opaque);
	int32_t (*temperature)(void *opaque);
	uint32_t (*reset_us)(void *opaque);
	uint64_t (*queue_ctrl)(void *opaque, uint64_t clear);
	uint64_t (*queue_tail)(void *opaque, uint64_t clear);
	void (*nc_start)(void *opaque, unsigned int nc, uint64_t table, uint32_t segments,
			 uint32_t owner, const struct neuron_job *job);
	void (*nc_abort)(void *opaque, unsigned int nc);
	void (*state)(void *opaque, uint32_t fw_state, uint32_t boot_error);
};

int emu_mgmt_create(const struct emu_mgmt_ops *ops, void *opaque, struct emu_mgmt **mgmt);
void emu_mgmt_destroy(struct emu_mgmt *mgmt);

/*
 * Check an image (header and payload) and start it. On a bad image the core stays in
 * reset, ops->state() tells the NEURON_FW_BOOT_* error, which is returned too (0 = booted).
 */
int emu_mgmt_boot(struct emu_mgmt *mgmt, const void *image, size_t size);
void emu_mgmt_halt(struct emu_mgmt *mgmt);

/* Set NEURON_MGMT_IRQ_* bits in PENDING. Any thread. */
void emu_mgmt_raise(struct emu_mgmt *mgmt, uint32_t irqs);
/* NEURON_EVENT_* bits for SENSORS, and IRQ_SENSOR. Any thread. */
void emu_mgmt_sense(struct emu_mgmt *mgmt, uint32_t events);
/* Forget what is pending: what raised it is gone. While the core is halted. */
void emu_mgmt_forget(struct emu_mgmt *mgmt);
/**
 * struct emu_mgmt_view - the management core at rest
 * @x: x0 .. x31
 * @nc_state: NEURON_MGMT_NC_* of each dispatch block
 */
struct emu_mgmt_view {
	bool running, asleep;
	uint32_t pending, enable;
	uint32_t pc;
	uint32_t x[32];
	uint32_t nc_state[NEURON_CORES];
};

/* While emu_mgmt_run() is not at work. */
void emu_mgmt_look(struct emu_mgmt *mgmt, struct emu_mgmt_view *view);
/* Would emu_mgmt_run() do anything now? Any thread. */
bool emu_mgmt_pending(struct emu_mgmt *mgmt);
/* A core has finished. Any thread. */
void emu_mgmt_nc_done(struct emu_mgmt *mgmt, unsigned int nc, const struct neuron_completion *result);

/*
 * Interpret until WFI with nothing pending, halt, or @budget instructions. Returns the
 * instructions executed. @next_us: microseconds until its timer wants to run, UINT64_MAX if not armed.
 */
uint64_t emu_mgmt_run(struct emu_mgmt *mgmt, uint64_t budget, uint64_t *next_us);

#endif
