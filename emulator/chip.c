// SPDX-License-Identifier: Apache-2.0
/* A chip's life: create, reset, stop, destroy. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <neuron/fw.h>

#include "chip.h"
#include "mgmt.h"
#include "mgmt_glue.h"

/* A message is a memory write: none without bus mastering. */
static bool can_signal(struct emu_chip *chip)
{
	return chip->config.irq && atomic_load(&chip->pci.bus_master) && !emu_fault_dead(chip);
}

void emu_chip_irq(struct emu_chip *chip, unsigned int vector)
{
	struct emu_fault_where where = { -1, -1, (int)vector, -1 };
	struct emu_fault_args args;

	if (vector >= chip->config.vectors)
		return;
	atomic_fetch_or(&chip->ext.reg[NEURON_EXT_IRQ_STATUS / 4], 1u << vector);
	if (!can_signal(chip) || emu_fault(chip, EMU_FAULT_NO_IRQ, &where, NULL))
		return;
	emu_chip_message(chip, vector);
	if (emu_fault(chip, EMU_FAULT_DOUBLE_IRQ, &where, &args))
		emu_fault_irq_again(chip, vector, args.value[EMU_FAULT_MS]);
}

void emu_chip_message(struct emu_chip *chip, unsigned int vector)
{
	if (vector >= chip->config.vectors || !can_signal(chip))
		return;
	emu_trace(chip, "irq", "vector %u", vector);
	chip->config.irq(chip->config.opaque, vector);
}

static int copy_flash(struct emu_chip *chip)
{
	void *copy;

	if (!chip->config.flash)
		return 0;
	copy = malloc(chip->config.flash_size + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, chip->config.flash, chip->config.flash_size);
	chip->config.flash = copy;
	return 0;
}

static int init_blocks(struct emu_chip *chip)
{
	unsigned int n;
	int err;

	emu_notify_init(chip);
	err = emu_dram_init(&chip->dram, chip->config.dram_told);
	if (!err)
		err = emu_ext_init(chip);
	if (!err)
		err = emu_udma_init(chip);
	for (n = 0; n < NEURON_CORES && !err; n++)
		err = emu_core_init(chip, n);
	if (!err)
		err = emu_mgmt_glue_init(chip);
	return err;
}

static void boot_from_flash(struct emu_chip *chip)
{
	if (chip->config.flash)
		atomic_store(&chip->ext.boot, NEURON_FW_CTRL_BOOT_FLASH);
	else
		emu_ext_fw_state(chip, NEURON_FW_STATE_RESET, NEURON_FW_BOOT_NO_IMAGE);
}

int emu_create(const struct emu_config *config, struct emu_chip **out)
{
	struct emu_chip *chip;
	int err;

	if (!config || !out || config->vectors > NEURON_VECTORS ||
	    (config->flash && !config->flash_size))
		return -EINVAL;
	chip = calloc(1, sizeof(*chip));
	if (!chip)
		return -ENOMEM;
	chip->config = *config;
	if (emu_chip_silicon(chip))
		chip->config.vectors = 0;
	err = copy_flash(chip);
	if (err) {
		free(chip);
		return err;
	}
	pthread_mutex_init(&chip->reset_lock, NULL);
	atomic_store(&chip->tracing, config->trace != NULL);
	emu_fault_init(chip);
	emu_guard_init(chip);
	emu_sensors_init(chip);
	emu_service_init(chip);
	emu_pci_init(chip);
	err = init_blocks(chip);
	if (err) {
		emu_destroy(chip);
		return err;
	}
	boot_from_flash(chip);
	*out = chip;
	return 0;
}

void emu_destroy(struct emu_chip *chip)
{
	unsigned int n;

	if (!chip)
		return;
	if (chip->mgmt)
		emu_mgmt_destroy(chip->mgmt);
	for (n = 0; n < NEURON_CORES; n++)
		emu_core_fini(&chip->core[n]);
	emu_notify_fini(chip);
	emu_udma_fini(chip);
	emu_ext_fini(chip);
	emu_dram_fini(&chip->dram);
	emu_pci_fini(chip);
	emu_service_fini(chip);
	emu_sensors_fini(chip);
	emu_guard_fini(chip);
	emu_fault_fini(chip);
	pthread_mutex_destroy(&chip->reset_lock);
	free((void *)chip->config.flash);
	free(chip);
}

/*
 * When this returns, nothing that was going on before is going on any more: no DMA, no
 * job, no interrupt. Waits for a slice of the service thread and an instruction of each
 * core. DRAM keeps its contents; firmware's log and crash record are lost at power-on only.
 */
void emu_reset(struct emu_chip *chip, enum emu_reset kind)
{
	static const struct neuron_completion aborted = { .status = NEURON_JOB_ABORTED };
	unsigned int n;

	pthread_mutex_lock(&chip->reset_lock);
	emu_trace(chip, "reset", "%s", kind == EMU_RESET_POWER ? "power" : "function");
	emu_service_stop(chip);
	emu_fault_late_drop(chip);
	emu_fault_resetting(chip);
	emu_mgmt_halt(chip->mgmt);
	for (n = 0; n < NEURON_CORES; n++) {
		emu_core_reset(&chip->core[n]);
		/* The firmware that boots now would wait for the old one's job for ever. */
		emu_mgmt_nc_done(chip->mgmt, n, &aborted);
	}
	/* A doorbell of before the reset is not the new firmware's. */
	emu_mgmt_forget(chip->mgmt);
	emu_pci_reset(chip);
	emu_udma_reset(chip);
	for (n = 0; n < NEURON_CORES; n++)
		emu_notify_reset(chip, n);
	emu_misc_reset(chip);
	emu_ext_reset(chip, kind == EMU_RESET_POWER);
	chip->service.timer_ns = UINT64_MAX;
	boot_from_flash(chip);
	emu_service_resume(chip);
	pthread_mutex_unlock(&chip->reset_lock);
}

void emu_stop(struct emu_chip *chip)
{
	unsigned int n;

	atomic_store(&chip->stop, true);
	emu_service_wake(chip);
	for (n = 0; n < NEURON_CORES; n++) {
		emu_core_abort(&chip->core[n]);
		emu_core_wake(&chip->core[n]);
	}
}
