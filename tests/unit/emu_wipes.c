// SPDX-License-Identifier: Apache-2.0
/*
 * What each reset wipes and what it keeps: the table of docs/hardware.md ("Resets"), row by
 * row. The chip runs with its firmware, on this thread.
 */
#include <linux/pci_regs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include <neuron/ext.h>
#include <neuron/fw.h>
#include <neuron/notify.h>
#include <neuron/udma.h>

#include "chip.h"
#include "misc.h"
#include "nc_core.h"

#define BUS		0x40000000ull
#define HOST_SIZE	0x40000u
#define IMAGE		0x10000u	/* in host memory */
#define NC		2		/* the core that is reset */
#define OTHER		1
#define MARK		0x5a5au

enum reset { POWER, FUNCTION, DEVICE, CORE, BOOT, RESETS };
static const char *const reset_names[] = { "power", "function", "device", "core", "boot" };

static struct emu_chip *chip;
static uint8_t *host, *image;
static size_t image_size;

static void *at(uint64_t addr, size_t len)
{
	return addr >= BUS && addr - BUS < HOST_SIZE && len <= HOST_SIZE - (addr - BUS) ?
	       host + (addr - BUS) : NULL;
}

static int dma_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
	void *p = at(addr, len);

	if (!p)
		return -14;
	memcpy(buf, p, len);
	return 0;
}

static int dma_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
	void *p = at(addr, len);

	if (!p)
		return -14;
	memcpy(p, buf, len);
	return 0;
}

static uint32_t get(unsigned int bar, uint64_t off)
{
	uint32_t value = 0;

	assert_int_equal(emu_bar_read(chip, bar, off, &value, 4), 0);
	return value;
}

static void set(unsigned int bar, uint64_t off, uint32_t value)
{
	assert_int_equal(emu_bar_write(chip, bar, off, &value, 4), 0);
}

static uint32_t ext(uint32_t off)
{
	return get(0, NEURON_EXT_BASE + off);
}

static void run_until(uint64_t off, uint32_t mask, uint32_t value)
{
	unsigned int i;

	for (i = 0; i < 20000; i++) {
		emu_run_service(chip, 1000);
		if ((get(0, off) & mask) == value)
			return;
	}
	fail_msg("BAR0 + 0x%llx does not become 0x%x", (unsigned long long)off, value);
}

static void run_until_ready(void)
{
	run_until(NEURON_MISC_BASE + NEURON_MISC_FW_STATUS, NEURON_FW_STATUS_READY,
		  NEURON_FW_STATUS_READY);
}

static void bus_master(void)
{
	uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;

	assert_int_equal(emu_config_write(chip, PCI_COMMAND, &command, 2), 0);
}

/* ---- what there is: a place that takes MARK, and what is read there afterwards ---- */

static uint64_t ring(unsigned int n)
{
	return NEURON_APB_UDMA(n, 1) + NEURON_UDMA_S2M + NEURON_UDMA_QUEUE(3);
}

static void put_word(unsigned int n, uint64_t off)
{
	set(0, off, MARK);
}

#define WORD(name, off)									\
	static void put_##name(unsigned int n) { put_word(n, off); }			\
	static uint32_t get_##name(unsigned int n) { return get(0, off); }

WORD(udma_length, ring(n) + NEURON_UDMA_Q_LENGTH)
WORD(udma_global, NEURON_APB_UDMA(n, 0) + NEURON_UDMA_GEN + 0x10)
WORD(tdma, NEURON_APB_TDMA(n, 2) + NEURON_TDMA_REORDER)
WORD(device_id, NEURON_MISC_BASE + NEURON_MISC_DEVICE_ID)
WORD(metrics, NEURON_MISC_BASE + NEURON_MISC_METRICS + 4)
WORD(ctxdir, NEURON_EXT_BASE + NEURON_EXT_CTXDIR_LO)
WORD(msix, NEURON_EXT_BASE + NEURON_EXT_MSIX_TABLE + 8)

static void put_sem(unsigned int n)
{
	set(2, NEURON_NC_WINDOW(n) + NEURON_NC_SEM_SET + 4 * 7, MARK);
}

static uint32_t get_sem(unsigned int n)
{
	return get(2, NEURON_NC_WINDOW(n) + NEURON_NC_SEM_READ + 4 * 7);
}

static void put_event(unsigned int n)
{
	set(2, NEURON_NC_WINDOW(n) + NEURON_NC_EVENTS + 4 * 9, MARK);
}

static uint32_t get_event(unsigned int n)
{
	return get(2, NEURON_NC_WINDOW(n) + NEURON_NC_EVENTS + 4 * 9);
}

static void put_sbuf(unsigned int n)
{
	/* as the job that leaves something there does */
	chip->core[n].nc->used = true;
	chip->core[n].nc->mem.sbuf[77][5] = MARK;
}

static uint32_t get_sbuf(unsigned int n)
{
	return chip->core[n].nc->mem.sbuf[77][5];
}

static void put_psum(unsigned int n)
{
	chip->core[n].nc->used = true;
	chip->core[n].nc->mem.psum[1000][127] = MARK;
}

static uint32_t get_psum(unsigned int n)
{
	return chip->core[n].nc->mem.psum[1000][127];
}

static uint64_t notify(unsigned int n)
{
	return NEURON_PUTILS(n) + NEURON_NOTIFY_EVENT;
}

/* MARK while it runs; an entry says so. */
static void put_notify(unsigned int n)
{
	set(0, notify(n), (uint32_t)(BUS + 4096 * n));
	set(0, notify(n) + NEURON_NOTIFY_BASE_HI, NEURON_ADDR_HOST >> 32);
	set(0, notify(n) + NEURON_NOTIFY_SIZE, 4096);
}

static uint32_t get_notify(unsigned int n)
{
	uint32_t *entry = (uint32_t *)(host + 4096 * n);

	entry[0] = 0;
	set(2, NEURON_NC_WINDOW(n) + NEURON_NC_EVENTS + 4 * 10, 0);
	set(0, notify(n) + NEURON_NOTIFY_SIZE, get(0, notify(n) + NEURON_NOTIFY_SIZE));
	set(2, NEURON_NC_WINDOW(n) + NEURON_NC_EVENTS + 4 * 10, 1);
	return entry[0] ? MARK : 0;
}

static uint32_t queue(unsigned int n)
{
	return NEURON_EXT_BASE + NEURON_EXT_QUEUE(n * NEURON_QUEUES_PER_CORE + 3);
}

/* A NeuronCore queue that is enabled; its ring's address is a row of its own. */
static void put_queue(unsigned int n)
{
	set(0, queue(n) + NEURON_Q_RING_LO, (uint32_t)BUS + 0x8000 + n * 0x800);
	set(0, queue(n) + NEURON_Q_RING_SIZE, 16);
	set(0, queue(n) + NEURON_Q_CPL_LO, (uint32_t)BUS + 0xc000 + n * 0x800);
	set(0, queue(n) + NEURON_Q_CTRL, NEURON_Q_CTRL_ENABLE);
	run_until(queue(n) + NEURON_Q_STATE, ~0u, NEURON_Q_STATE_ENABLED);
}

static uint32_t get_queue(unsigned int n)
{
	return get(0, queue(n) + NEURON_Q_STATE) == NEURON_Q_STATE_ENABLED ? MARK : 0;
}

static void put_nothing(unsigned int n)
{
}

static uint32_t get_queue_ring(unsigned int n)
{
	return get(0, queue(n) + NEURON_Q_RING_LO) ? MARK : 0;
}

static void put_doorbell(unsigned int n)
{
	/* Of a queue that is off, and stays so. */
	set(0, NEURON_EXT_BASE + NEURON_EXT_DOORBELL + 4 * 60, MARK);
}

static uint32_t get_doorbell(unsigned int n)
{
	return ext(NEURON_EXT_DOORBELL + 4 * 60);
}

static void put_dram(unsigned int n)
{
	set(4, 0x123456780ull % NEURON_BAR_DRAM_SIZE, MARK);
}

static uint32_t get_dram(unsigned int n)
{
	return get(4, 0x123456780ull % NEURON_BAR_DRAM_SIZE);
}

static void put_config(unsigned int n)
{
	uint8_t mark = 0x5a;

	assert_int_equal(emu_config_write(chip, PCI_INTERRUPT_LINE, &mark, 1), 0);
}

static uint32_t get_config(unsigned int n)
{
	uint8_t value;

	assert_int_equal(emu_config_read(chip, PCI_INTERRUPT_LINE, &value, 1), 0);
	return value == 0x5a ? MARK : value;
}

/* The firmware has written there when it booted; a crash record would lie beside it. */
static void put_crash(unsigned int n)
{
	emu_ext_poke(chip, NEURON_EXT_CRASH + 0x10, MARK);
}

static uint32_t get_crash(unsigned int n)
{
	return ext(NEURON_EXT_CRASH + 0x10);
}

static uint32_t log_head;

static void put_log(unsigned int n)
{
	log_head = ext(NEURON_EXT_LOG_HEAD);
	assert_true(log_head > 0);
}

static uint32_t get_log(unsigned int n)
{
	return ext(NEURON_EXT_LOG_HEAD) >= log_head ? MARK : 0;
}

static void put_ecc(unsigned int n)
{
	atomic_store(&chip->ext.reg[NEURON_EXT_ECC_UNCORRECTED(1) / 4], MARK);
}

static uint32_t get_ecc(unsigned int n)
{
	return atomic_load(&chip->ext.reg[NEURON_EXT_ECC_UNCORRECTED(1) / 4]);
}

/* @kept: bits of enum reset that leave it. @core: it belongs to a core. */
#define R(r)	(1u << (r))
#define ITEM(name, core, kept) { #name, put_##name, get_##name, core, kept }
static const struct item {
	const char *name;
	void (*put)(unsigned int n);
	uint32_t (*get)(unsigned int n);
	bool core;
	unsigned int kept;
} items[] = {
	ITEM(udma_length, false, R(CORE) | R(BOOT)),
	ITEM(udma_global, false, R(CORE) | R(BOOT)),
	ITEM(tdma, false, R(CORE) | R(BOOT)),
	ITEM(device_id, false, R(CORE) | R(BOOT)),
	ITEM(metrics, false, R(DEVICE) | R(CORE) | R(BOOT)),
	ITEM(sem, true, R(BOOT)),
	ITEM(event, true, R(BOOT)),
	ITEM(sbuf, true, R(BOOT)),
	ITEM(psum, true, R(BOOT)),
	ITEM(notify, true, R(BOOT)),
	ITEM(queue, false, R(CORE)),
	{ "queue_ring", put_nothing, get_queue_ring, false, R(DEVICE) | R(CORE) | R(BOOT) },
	ITEM(ctxdir, false, R(DEVICE) | R(CORE) | R(BOOT)),
	ITEM(doorbell, false, R(DEVICE) | R(CORE) | R(BOOT)),
	ITEM(msix, false, R(DEVICE) | R(CORE) | R(BOOT)),
	ITEM(config, false, R(DEVICE) | R(CORE) | R(BOOT)),
	ITEM(dram, false, R(POWER) | R(FUNCTION) | R(DEVICE) | R(CORE) | R(BOOT)),
	ITEM(log, false, R(FUNCTION) | R(DEVICE) | R(CORE) | R(BOOT)),
	ITEM(crash, false, R(FUNCTION) | R(DEVICE) | R(CORE) | R(BOOT)),
	ITEM(ecc, false, R(FUNCTION) | R(DEVICE) | R(CORE) | R(BOOT)),
};

static void ask_reset(uint32_t type)
{
	set(0, NEURON_MISC_BASE + NEURON_MISC_RESET_MAP, 1u << NC);
	set(0, NEURON_MISC_BASE + NEURON_MISC_RESET, type);
	set(0, NEURON_MISC_BASE + NEURON_MISC_DOORBELL, 1);
	run_until(NEURON_MISC_BASE + NEURON_MISC_RESET, ~0u, 0);
	run_until_ready();
}

static void boot(void)
{
	set(0, NEURON_EXT_BASE + NEURON_EXT_FW_IMAGE_LO, (uint32_t)BUS + IMAGE);
	set(0, NEURON_EXT_BASE + NEURON_EXT_FW_IMAGE_HI, 0);
	set(0, NEURON_EXT_BASE + NEURON_EXT_FW_IMAGE_SIZE, image_size);
	set(0, NEURON_EXT_BASE + NEURON_EXT_FW_CTRL, NEURON_FW_CTRL_HALT);
	run_until(NEURON_EXT_BASE + NEURON_EXT_FW_STATE, ~0u, NEURON_FW_STATE_HALTED);
	set(0, NEURON_EXT_BASE + NEURON_EXT_FW_CTRL, NEURON_FW_CTRL_BOOT_IMAGE);
	run_until(NEURON_EXT_BASE + NEURON_EXT_FW_STATE, ~0u, NEURON_FW_STATE_RUNNING);
}

static void carry_out(enum reset reset)
{
	switch (reset) {
	case POWER:
	case FUNCTION:
		emu_reset(chip, reset == POWER ? EMU_RESET_POWER : EMU_RESET_FUNCTION);
		run_until_ready();
		break;
	case DEVICE:
		ask_reset(NEURON_RESET_DEVICE);
		break;
	case CORE:
		ask_reset(NEURON_RESET_CORES);
		break;
	default:
		boot();
	}
}

static void look(const struct item *item, enum reset reset, unsigned int n)
{
	bool kept = item->kept & R(reset) || (reset == CORE && item->core && n != NC);
	uint32_t value;

	/* The firmware that boots says so in the log: of the old one's, nothing is left. */
	if (reset == POWER && !strcmp(item->name, "log"))
		return;
	value = item->get(n);
	if ((value == MARK) != kept)
		fail_msg("%s reset: %s of core %u reads 0x%x", reset_names[reset], item->name, n,
			 value);
}

static void wipes(enum reset reset)
{
	unsigned int i;

	bus_master();
	for (i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		items[i].put(NC);
		items[i].put(OTHER);
	}
	for (i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		assert_int_equal(items[i].get(NC), MARK);
		assert_int_equal(items[i].get(OTHER), MARK);
	}
	carry_out(reset);
	for (i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		/* Nobody could write to host memory after a reset of the function. */
		if (reset == POWER || reset == FUNCTION)
			bus_master();
		look(&items[i], reset, NC);
		look(&items[i], reset, OTHER);
	}
}

#define TEST(name, reset) static void name(void **state) { wipes(reset); }
TEST(power_on, POWER)
TEST(function_reset, FUNCTION)
TEST(device_reset, DEVICE)
TEST(core_reset, CORE)
TEST(firmware_boot, BOOT)

static int setup(void **state)
{
	struct emu_config config = {
		.revision = NEURON_PCI_REV_QEMU, .vectors = 16, .flash = image,
		.flash_size = image_size, .dma_read = dma_read, .dma_write = dma_write,
	};

	host = calloc(1, HOST_SIZE);
	memcpy(host + IMAGE, image, image_size);
	if (emu_create(&config, &chip))
		return -1;
	run_until_ready();
	return 0;
}

static int teardown(void **state)
{
	emu_destroy(chip);
	free(host);
	return 0;
}

static int load_image(const char *path)
{
	FILE *f = fopen(path, "rb");

	image = malloc(HOST_SIZE - IMAGE);
	if (!f || !image)
		return -1;
	image_size = fread(image, 1, HOST_SIZE - IMAGE, f);
	fclose(f);
	return image_size ? 0 : -1;
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(power_on), T(function_reset), T(device_reset), T(core_reset), T(firmware_boot),
	};
	char path[4096], *slash;
	int failed;

	/* The build's own: this program is two directories below it. */
	snprintf(path, sizeof(path) - 64, "%s", argv[0]);
	slash = strrchr(path, '/');
	strcpy(slash ? slash : path, slash ? "/../../firmware/inferentia.bin" :
	       "../../firmware/inferentia.bin");
	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (load_image(path)) {
		printf("Bail out! no firmware image %s\n", path);
		return 1;
	}
	failed = cmocka_run_group_tests_name("emu_wipes", tests, NULL, NULL);
	free(image);
	return failed;
}
