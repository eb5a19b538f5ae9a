// SPDX-License-Identifier: Apache-2.0
/* The chip under the fuzz targets. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <neuron/ext.h>
#include <neuron/regs.h>

#include "chip.h"

#define IMAGE_MAX	0x80000
#define BOOT_TURNS	2000

uint8_t fuzz_host[FUZZ_HOST_SIZE];

int LLVMFuzzerInitialize(int *argc, char ***argv);

static char firmware_path[4096];

bool fuzz_take(struct fuzz_input *in, void *value, size_t size)
{
	size_t n = in->size < size ? in->size : size;

	memset(value, 0, size);
	memcpy(value, in->data, n);
	in->data += n;
	in->size -= n;
	return n == size;
}

static void *at(uint64_t addr, size_t len)
{
	if (addr < FUZZ_HOST || addr - FUZZ_HOST > FUZZ_HOST_SIZE ||
	    len > FUZZ_HOST_SIZE - (addr - FUZZ_HOST))
		return NULL;
	return fuzz_host + (addr - FUZZ_HOST);
}

static int dma_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
	void *from = at(addr, len);

	(void)opaque;
	if (!from)
		return -EFAULT;
	memcpy(buf, from, len);
	return 0;
}

static int dma_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
	void *to = at(addr, len);

	(void)opaque;
	if (!to)
		return -EFAULT;
	memcpy(to, buf, len);
	return 0;
}

static void irq(void *opaque, unsigned int vector)
{
	(void)opaque;
	if (vector >= NEURON_VECTORS)
		abort();
}

/* Formatting is part of what is tested. */
static void message(void *opaque, const char *category, const char *text)
{
	(void)opaque;
	if (!*category || strchr(text, '\n'))
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char *slash;

	(void)argc;
	snprintf(firmware_path, sizeof(firmware_path) - 64, "%s", (*argv)[0]);
	slash = strrchr(firmware_path, '/');
	strcpy(slash ? slash + 1 : firmware_path, "../firmware/inferentia.bin");
	return 0;
}

static size_t read_firmware(void *image)
{
	FILE *f = fopen(firmware_path, "rb");
	size_t size = f ? fread(image, 1, IMAGE_MAX, f) : 0;

	if (f)
		fclose(f);
	if (!size) {
		fprintf(stderr, "fuzz: no firmware at %s; run make fuzz\n", firmware_path);
		exit(1);
	}
	return size;
}

static struct emu_chip *create(bool firmware)
{
	static uint8_t image[IMAGE_MAX];
	struct emu_config config = {
		.revision = NEURON_PCI_REV_QEMU,
		.vectors = NEURON_VECTORS,
		.dma_read = dma_read,
		.dma_write = dma_write,
		.irq = irq,
		.guest_error = message,
		.trace = message,
	};
	struct emu_chip *chip;

	if (firmware) {
		config.flash = image;
		config.flash_size = read_firmware(image);
	}
	if (emu_create(&config, &chip)) {
		fputs("fuzz: no memory for a chip\n", stderr);
		exit(1);
	}
	return chip;
}

void fuzz_run(struct emu_chip *chip, unsigned int turns)
{
	unsigned int n;
	int ran;

	do {
		ran = emu_run_service(chip, 0);
		for (n = 0; n < NEURON_CORES; n++)
			ran |= emu_run_core(chip, n, 0);
	} while (ran > 0 && --turns);
}

static bool is_ready(struct emu_chip *chip)
{
	uint32_t status;

	emu_bar_read(chip, NEURON_BAR_APB, NEURON_MISC_BASE + NEURON_MISC_FW_STATUS, &status, 4);
	return status & NEURON_FW_STATUS_READY;
}

struct emu_chip *fuzz_chip(bool firmware)
{
	static struct emu_chip *chip;
	const uint16_t command = 6;
	unsigned int turns;

	if (!chip)
		chip = create(firmware);
	emu_fault_clear(chip, "all");
	emu_reset(chip, EMU_RESET_FUNCTION);
	memset(fuzz_host, 0, sizeof(fuzz_host));
	emu_config_write(chip, 4, &command, sizeof(command));
	for (turns = 0; firmware && !is_ready(chip); turns++) {
		if (turns == BOOT_TURNS)
			abort();
		emu_run_service(chip, 0);
	}
	return chip;
}
