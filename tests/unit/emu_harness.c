// SPDX-License-Identifier: Apache-2.0
/* The host side of the emulator's unit tests. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "emu_harness.h"

static bool inside(uint64_t addr, size_t len)
{
	return addr >= HOST_BASE && addr - HOST_BASE <= HOST_SIZE &&
	len <= HOST_SIZE - (addr - HOST_BASE);
}

static int dma_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
	struct harness *h = opaque;

	if (!inside(addr, len))
		return -EFAULT;
	memcpy(buf, h->host + (addr - HOST_BASE), len);
	return 0;
}

static int dma_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
	struct harness *h = opaque;

	if (!inside(addr, len))
		return -EFAULT;
	if (addr + len > HOST_RO)
		return -EPERM;
	memcpy(h->host + (addr - HOST_BASE), buf, len);
	return 0;
}

static int link_read(void *opaque, enum emu_link link, uint64_t addr, void *buf, size_t len)
{
	struct harness *h = ((struct harness *)opaque)->neighbour[link];

	return h ? emu_link_read(h->chip, addr, buf, len) : -ENOLINK;
}

static int link_write(void *opaque, enum emu_link link, uint64_t addr, const void *buf, size_t len)
{
	struct harness *h = opaque;

	if (h->link_write)
		return h->link_write(h, addr, buf, len);
	if (!h->neighbour[link])
		return -ENOLINK;
	return emu_link_write(h->neighbour[link]->chip, addr, buf, len);
}

static void irq(void *opaque, unsigned int vector)
{
	struct harness *h = opaque;

	h->irqs[vector]++;
}

static void guest_error(void *opaque, const char *category, const char *text)
{
	struct harness *h = opaque;

	assert_null(strchr(text, '\n'));
	h->errors++;
	strncpy(h->error, category, sizeof(h->error) - 1);
}

void harness_open(struct harness *h, unsigned int vectors)
{
	harness_boot(h, vectors, NULL, 0);
}

static void link_block(void *opaque, enum emu_link link, bool blocked)
{
	struct harness *h = opaque;

	h->blocked[link] = blocked;
}

static void trace(void *opaque, const char *category, const char *text)
{
	struct harness *h = opaque;

	if (!strcmp(category, "fault") && strstr(text, " fires"))
		__atomic_fetch_add(&h->fired, 1, __ATOMIC_RELAXED);
}

void harness_boot(struct harness *h, unsigned int vectors, const void *flash, size_t size)
{
	struct emu_config config = {
		.revision = NEURON_PCI_REV_QEMU,
		.vectors = vectors,
		.index = 7,
		.opaque = h,
		.dma_read = dma_read,
		.dma_write = dma_write,
		.link_read = link_read,
		.link_write = link_write,
		.irq = irq,
		.guest_error = guest_error,
		.flash = flash,
		.flash_size = size,
		.link_block = link_block,
		.trace = trace,
	};

	memset(h, 0, sizeof(*h));
	h->host = calloc(1, HOST_SIZE);
	assert_non_null(h->host);
	assert_int_equal(emu_create(&config, &h->chip), 0);
	bus_master(h, true);
	drain(h);
}

void harness_close(struct harness *h)
{
	emu_destroy(h->chip);
	free(h->host);
}

void bus_master(struct harness *h, bool on)
{
	config_write(h, PCI_COMMAND,
		     on ? PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER : PCI_COMMAND_MEMORY, 2);
}

void drain(struct harness *h)
{
	while (emu_run_service(h->chip, 0) > 0)
		;
}

void expect_error(struct harness *h, const char *category)
{
	assert_string_equal(h->error, category);
	assert_int_equal(h->errors, 1);
	h->errors = 0;
	h->error[0] = 0;
}

uint32_t bar_read(struct harness *h, unsigned int bar, uint64_t off)
{
	uint32_t value;

	assert_int_equal(emu_bar_read(h->chip, bar, off, &value, 4), 0);
	return value;
}

void bar_write(struct harness *h, unsigned int bar, uint64_t off, uint32_t value)
{
	assert_int_equal(emu_bar_write(h->chip, bar, off, &value, 4), 0);
}

uint32_t config_read(struct harness *h, uint32_t off, unsigned int bytes)
{
	uint32_t value = 0;

	assert_int_equal(emu_config_read(h->chip, off, &value, bytes), 0);
	return value;
}

void config_write(struct harness *h, uint32_t off, uint32_t value, unsigned int bytes)
{
	assert_int_equal(emu_config_write(h->chip, off, &value, bytes), 0);
}
