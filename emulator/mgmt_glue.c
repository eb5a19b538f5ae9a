// SPDX-License-Identifier: Apache-2.0
/* What the management core sees of the chip. Runs on the service thread only. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <neuron/fw.h>
#include <neuron/mgmt.h>

#include "bus.h"
#include "chip.h"
#include "link.h"
#include "mgmt.h"
#include "mgmt_glue.h"

#define WRITE_MAX	1024	/* what firmware writes to the host at once is less */

static const struct {
	enum emu_guest_error error;
	const char *text;
} mgmt_errors[] = {
	[NEURON_MGMT_ERROR_FWIO_CRC] = { EMU_GE_FWIO_CRC, "request has CRC" },
	[NEURON_MGMT_ERROR_FWIO_SIZE] = { EMU_GE_FWIO_SIZE, "request has size" },
	[NEURON_MGMT_ERROR_FWIO_COMMAND] = { EMU_GE_FWIO_COMMAND, "request has command" },
	[NEURON_MGMT_ERROR_FWIO_ADDRESS] = { EMU_GE_FWIO_ADDRESS,
					    "not reachable, low word of its address" },
	[NEURON_MGMT_ERROR_FWIO_READ] = { EMU_GE_FWIO_READ,
					 "no register, low word of its address" },
	[NEURON_MGMT_ERROR_RESET_TYPE] = { EMU_GE_RESET_TYPE, "RESET is" },
	[NEURON_MGMT_ERROR_QUEUE_CONFIG] = { EMU_GE_QUEUE_CONFIG, "queue" },
	[NEURON_MGMT_ERROR_QUEUE_TAIL] = { EMU_GE_QUEUE_TAIL, "queue" },
	[NEURON_MGMT_ERROR_JOB_DESCRIPTOR] = { EMU_GE_JOB_DESCRIPTOR, "queue" },
	[NEURON_MGMT_ERROR_JOB_CONTEXT] = { EMU_GE_JOB_CONTEXT, "context" },
	[NEURON_MGMT_ERROR_FWIO_SEQ] = { EMU_GE_FWIO_SEQ, "request has seq" },
	[NEURON_MGMT_ERROR_JOB_TIMEOUT] = { EMU_GE_JOB_TIMEOUT, "queue" },
	[NEURON_MGMT_ERROR_CRASH] = { EMU_GE_FW_CRASH, "firmware trapped, cause" },
};

static int bus_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
	struct emu_chip *chip = opaque;

	emu_guard(chip, addr, len, false, "management core");
	return emu_bus_report(chip, emu_bus_read(chip, addr, buf, len), "read", addr, len);
}

static int bus_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
	struct emu_chip *chip = opaque;
	uint8_t copy[WRITE_MAX];

	emu_guard(chip, addr, len, true, "management core");
	/* What firmware wrote before, such as a completion record, is visible before this. */
	atomic_thread_fence(memory_order_release);
	if ((emu_fault_set_any(chip, EMU_FAULT_WRITES) || chip->faults.late) && len <= sizeof(copy)) {
		memcpy(copy, buf, len);
		if (emu_fault_fw_write(chip, addr, copy, len))
			return 0;
		buf = copy;
	}
	return emu_bus_report(chip, emu_bus_write(chip, addr, buf, len), "write", addr, len);
}

static uint32_t misc_read(void *opaque, uint32_t off)
{
	return emu_misc_peek(opaque, off);
}

static void misc_write(void *opaque, uint32_t off, uint32_t value)
{
	emu_misc_poke(opaque, off, value);
}

static uint32_t ext_read(void *opaque, uint32_t off)
{
	return emu_ext_peek(opaque, off);
}

static void ext_write(void *opaque, uint32_t off, uint32_t value)
{
	struct emu_chip *chip = opaque;

	if ((atomic_load_explicit(&chip->faults.mask, memory_order_relaxed) || chip->faults.late) &&
	    emu_fault_fw_ext(chip, off, &value))
		return;
	emu_ext_poke(chip, off, value);
}

static void reset(void *opaque, uint32_t what)
{
	struct emu_chip *chip = opaque;
	unsigned int n;

	emu_trace(chip, "reset", "firmware resets 0x%x", what);
	if (what & NEURON_MGMT_RESET_UDMA) {
		emu_udma_reset(chip);
		emu_misc_poke(chip, NEURON_MISC_DEVICE_ID, 0);
	}
	for (n = 0; n < NEURON_CORES; n++) {
		if (what & NEURON_MGMT_RESET_CORE(n))
			emu_core_reset(&chip->core[n]);
		/* Also of a core that does not stop. */
		if (what & (NEURON_MGMT_RESET_CORE(n) | NEURON_MGMT_RESET_UDMA))
			emu_notify_reset(chip, n);
	}
}

static void irq(void *opaque, unsigned int vector)
{
	struct emu_chip *chip = opaque;

	if (!chip->faults.late || !emu_fault_fw_irq(chip, vector))
		emu_chip_irq(chip, vector);
}

static void error(void *opaque, uint32_t error, uint32_t arg)
{
	struct emu_chip *chip = opaque;

	if (error == NEURON_MGMT_ERROR_JOB_TIMEOUT && arg < NEURON_QUEUES)
		emu_core_expire(&chip->core[arg / NEURON_QUEUES_PER_CORE]);
	if (error < sizeof(mgmt_errors) / sizeof(mgmt_errors[0]) && mgmt_errors[error].text)
		emu_guest_error(opaque, mgmt_errors[error].error, "%s 0x%x",
				mgmt_errors[error].text, arg);
	else
		emu_guest_error(opaque, EMU_GE_FW_CRASH, "firmware reports error %u, 0x%x", error,
				arg);
}

static void console(void *opaque, const char *line)
{
	struct emu_chip *chip = opaque;

	emu_trace(chip, "firmware", "%s", line);
	emu_ext_log(chip, line);
}

static uint32_t links(void *opaque)
{
	return emu_link_status(opaque);
}

static uint32_t reset_us(void *opaque)
{
	struct emu_chip *chip = opaque;

	return emu_chip_silicon(chip) ? EMU_SILICON_RESET_US : 0;
}

static int32_t temperature(void *opaque)
{
	struct emu_chip *chip = opaque;

	return atomic_load(&chip->sensors.temperature);
}

static uint64_t queue_ctrl(void *opaque, uint64_t clear)
{
	struct emu_chip *chip = opaque;

	return atomic_fetch_and(&chip->ext.queue_ctrl, ~clear) & ~clear;
}

static uint64_t queue_tail(void *opaque, uint64_t clear)
{
	struct emu_chip *chip = opaque;

	return atomic_fetch_and(&chip->ext.queue_tail, ~clear) & ~clear;
}

static void nc_start(void *opaque, unsigned int nc, uint64_t table, uint32_t segments,
		     uint32_t owner,
		     const struct neuron_job *job)
{
	struct emu_chip *chip = opaque;

	if (nc < NEURON_CORES)
		emu_core_start(&chip->core[nc], table, segments, owner, job);
}

static void nc_abort(void *opaque, unsigned int nc)
{
	struct emu_chip *chip = opaque;

	if (nc < NEURON_CORES)
		emu_core_abort(&chip->core[nc]);
}

static void state(void *opaque, uint32_t fw_state, uint32_t boot_error)
{
	emu_ext_fw_state(opaque, fw_state, boot_error);
}

int emu_mgmt_glue_init(struct emu_chip *chip)
{
	static const struct emu_mgmt_ops ops = {
		.bus_read = bus_read,
		.bus_write = bus_write,
		.misc_read = misc_read,
		.misc_write = misc_write,
		.ext_read = ext_read,
		.ext_write = ext_write,
		.reset = reset,
		.irq = irq,
		.error = error,
		.console = console,
		.links = links,
		.temperature = temperature,
		.reset_us = reset_us,
		.queue_ctrl = queue_ctrl,
		.queue_tail = queue_tail,
		.nc_start = nc_start,
		.nc_abort = nc_abort,
		.state = state,
	};

	return emu_mgmt_create(&ops, chip, &chip->mgmt);
}

/* An image that the host loads: copied before anything in it is believed. */
static void boot_image(struct emu_chip *chip)
{
	uint32_t size = emu_ext_peek(chip, NEURON_EXT_FW_IMAGE_SIZE);
	uint64_t addr = emu_ext_peek(chip, NEURON_EXT_FW_IMAGE_LO) |
			(uint64_t)emu_ext_peek(chip, NEURON_EXT_FW_IMAGE_HI) << 32;
	uint32_t max = sizeof(struct neuron_fw_header) + NEURON_MGMT_SRAM_SIZE;
	void *image;
	int err = -ENOMEM;

	emu_mgmt_halt(chip->mgmt);
	if (size < sizeof(struct neuron_fw_header) || size > max) {
		emu_ext_fw_state(chip, NEURON_FW_STATE_RESET, NEURON_FW_BOOT_SIZE);
		return;
	}
	image = malloc(size);
	if (image && !(addr & ~(NEURON_ADDR_HOST - 1))) {
		emu_guard(chip, addr | NEURON_ADDR_HOST, size, false, "firmware image");
		err = emu_bus_report(chip, emu_bus_read(chip, addr | NEURON_ADDR_HOST, image, size),
				     "firmware image read", addr | NEURON_ADDR_HOST, size);
	}
	if (err)
		emu_ext_fw_state(chip, NEURON_FW_STATE_RESET, NEURON_FW_BOOT_DMA);
	else
		emu_mgmt_boot(chip->mgmt, image, size);
	free(image);
}

bool emu_mgmt_glue_boot(struct emu_chip *chip)
{
	uint32_t what;

	if (!atomic_load(&chip->ext.boot) || emu_fault_slow(chip))
		return false;
	what = atomic_exchange(&chip->ext.boot, 0);
	emu_fault_booted(chip);
	switch (what) {
	case 0:
		return false;
	case NEURON_FW_CTRL_BOOT_IMAGE:
		boot_image(chip);
		break;
	case NEURON_FW_CTRL_BOOT_FLASH:
		emu_mgmt_halt(chip->mgmt);
		if (chip->config.flash)
			emu_mgmt_boot(chip->mgmt, chip->config.flash, chip->config.flash_size);
		else
			emu_ext_fw_state(chip, NEURON_FW_STATE_RESET, NEURON_FW_BOOT_NO_IMAGE);
		break;
	case NEURON_FW_CTRL_HALT:
		emu_mgmt_halt(chip->mgmt);
		break;
	}
	return true;
}

bool emu_mgmt_glue_collect(struct emu_chip *chip)
{
	struct neuron_completion completion;
	bool any = false;
	unsigned int n;

	for (n = 0; n < NEURON_CORES; n++) {
		if (!emu_core_collect(&chip->core[n], &completion))
			continue;
		emu_mgmt_nc_done(chip->mgmt, n, &completion);
		any = true;
	}
	return any;
}
