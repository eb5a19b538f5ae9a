// SPDX-License-Identifier: Apache-2.0
/*
 * The extension block: registers, queue files, and the doorbell protocol with a service
 * thread on the other side. Firmware's part is played through its view of the block.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "chip.h"
#include "emu_harness.h"

#define EXT(off)	(NEURON_EXT_BASE + (off))

static uint32_t ext_read(struct harness *h, uint32_t off)
{
	return bar_read(h, 0, EXT(off));
}

static void ext_write(struct harness *h, uint32_t off, uint32_t value)
{
	bar_write(h, 0, EXT(off), value);
}

static void identity(void **state)
{
	struct harness h;

	harness_open(&h, 9);
	assert_int_equal(ext_read(&h, NEURON_EXT_MAGIC), NEURON_EXT_MAGIC_VALUE);
	assert_int_equal(ext_read(&h, NEURON_EXT_VERSION), NEURON_EXT_VERSION_VALUE);
	assert_int_equal(ext_read(&h, NEURON_EXT_FEATURES), NEURON_EXT_FEATURE_COMPUTE |
			 NEURON_EXT_FEATURE_CANCEL | NEURON_EXT_FEATURE_TELEMETRY | NEURON_EXT_FEATURE_LOG |
			 NEURON_EXT_FEATURE_TRACE);
	assert_int_equal(ext_read(&h, NEURON_EXT_GEOMETRY), 4 | 16 << 8 | 9 << 16);
	assert_int_equal(ext_read(&h, NEURON_EXT_FW_STATE), NEURON_FW_STATE_RESET);
	assert_int_equal(h.errors, 0);
	ext_read(&h, 0x5c);
	expect_error(&h, "mmio-unknown");
	ext_read(&h, NEURON_EXT_QUEUE(3) + 0x2c);
	expect_error(&h, "mmio-unknown");
	ext_write(&h, NEURON_EXT_FW_CTRL, 9);
	expect_error(&h, "fw-ctrl");
	ext_write(&h, NEURON_EXT_STATUS, 1);
	expect_error(&h, "mmio-access");
	harness_close(&h);
}

static void write_one_to_clear(void **state)
{
	struct harness h;

	harness_open(&h, 16);
	ext_write(&h, NEURON_EXT_EVENTS, 0xffffffff);
	emu_ext_poke(h.chip, NEURON_EXT_EVENTS, NEURON_EVENT_QUEUE);
	emu_ext_poke(h.chip, NEURON_EXT_EVENTS, NEURON_EVENT_RESET);
	assert_int_equal(ext_read(&h, NEURON_EXT_EVENTS), NEURON_EVENT_QUEUE | NEURON_EVENT_RESET);
	ext_write(&h, NEURON_EXT_EVENTS, NEURON_EVENT_QUEUE);
	assert_int_equal(ext_read(&h, NEURON_EXT_EVENTS), NEURON_EVENT_RESET);
	harness_close(&h);
}

static void boot_without_image(void **state)
{
	struct harness h;

	harness_open(&h, 16);
	ext_write(&h, NEURON_EXT_IRQ_STATUS, 0xffff);
	ext_write(&h, NEURON_EXT_FW_CTRL, NEURON_FW_CTRL_BOOT_FLASH);
	drain(&h);
	assert_int_equal(ext_read(&h, NEURON_EXT_FW_BOOT_ERROR), 1);
	assert_int_equal(ext_read(&h, NEURON_EXT_IRQ_STATUS), 1u << NEURON_VECTOR_FW);
	assert_int_equal(h.irqs[NEURON_VECTOR_FW], 1);
	/* An image that is nowhere, too small, or garbage. */
	ext_write(&h, NEURON_EXT_FW_IMAGE_SIZE, 4096);
	ext_write(&h, NEURON_EXT_FW_CTRL, NEURON_FW_CTRL_HALT);
	assert_int_equal(ext_read(&h, NEURON_EXT_FW_BOOT_ERROR), 1);
	/* Whoever polls for the end must not see the error of the boot before. */
	ext_write(&h, NEURON_EXT_FW_CTRL, NEURON_FW_CTRL_BOOT_IMAGE);
	assert_int_equal(ext_read(&h, NEURON_EXT_FW_BOOT_ERROR), 0);
	drain(&h);
	assert_int_equal(ext_read(&h, NEURON_EXT_FW_BOOT_ERROR), 6);
	expect_error(&h, "dma-unmapped");
	ext_write(&h, NEURON_EXT_FW_IMAGE_LO, (uint32_t)HOST_BASE);
	ext_write(&h, NEURON_EXT_FW_CTRL, NEURON_FW_CTRL_BOOT_IMAGE);
	drain(&h);
	assert_int_equal(ext_read(&h, NEURON_EXT_FW_BOOT_ERROR), 2);
	ext_write(&h, NEURON_EXT_FW_IMAGE_SIZE, 8);
	ext_write(&h, NEURON_EXT_FW_CTRL, NEURON_FW_CTRL_BOOT_IMAGE);
	drain(&h);
	assert_int_equal(ext_read(&h, NEURON_EXT_FW_BOOT_ERROR), 3);
	assert_int_equal(h.errors, 0);
	harness_close(&h);
}

static void queue_file(void **state)
{
	const uint32_t q = NEURON_EXT_QUEUE(37);
	struct harness h;

	harness_open(&h, 16);
	ext_write(&h, q + NEURON_Q_RING_LO, 0x1000);
	ext_write(&h, q + NEURON_Q_CONFIG, 0x312);
	assert_int_equal(ext_read(&h, q + NEURON_Q_RING_LO), 0x1000);
	assert_int_equal(ext_read(&h, q + NEURON_Q_CONFIG), 0x312);
	ext_write(&h, q + NEURON_Q_CTRL, NEURON_Q_CTRL_ENABLE);
	assert_int_equal(ext_read(&h, q + NEURON_Q_STATE), NEURON_Q_STATE_PENDING);
	assert_true(atomic_load(&h.chip->ext.queue_ctrl) == 1ull << 37);
	/* CANCEL must not take the place of what firmware has yet to do */
	ext_write(&h, q + NEURON_Q_CTRL, NEURON_Q_CTRL_CANCEL);
	assert_int_equal(emu_ext_peek(h.chip, q + NEURON_Q_CTRL), NEURON_Q_CTRL_ENABLE);
	ext_write(&h, q + NEURON_Q_HEAD, 1);
	expect_error(&h, "mmio-access");
	ext_write(&h, q + NEURON_Q_RUNNING, 1);
	expect_error(&h, "mmio-access");
	emu_ext_poke(h.chip, q + NEURON_Q_STATE, NEURON_Q_STATE_ENABLED);
	assert_true(atomic_load(&h.chip->ext.enabled) == 1ull << 37);
	/* and leaves the state alone */
	atomic_store(&h.chip->ext.queue_ctrl, 0);
	ext_write(&h, q + NEURON_Q_CTRL, NEURON_Q_CTRL_CANCEL);
	assert_int_equal(ext_read(&h, q + NEURON_Q_STATE), NEURON_Q_STATE_ENABLED);
	assert_true(atomic_load(&h.chip->ext.queue_ctrl) == 1ull << 37);
	emu_ext_poke(h.chip, q + NEURON_Q_STATE, NEURON_Q_STATE_DISABLED);
	assert_true(atomic_load(&h.chip->ext.enabled) == 0);
	harness_close(&h);
}

static void read_log(struct harness *h, uint32_t from, char *text, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		text[i] = ext_read(h, NEURON_EXT_LOG + (from + i) % NEURON_EXT_LOG_SIZE / 4 * 4) >>
			  (from + i) % 4 * 8;
	text[len] = 0;
}

static void log_window(void **state)
{
	char text[64], line[64];
	struct harness h;
	unsigned int i;

	harness_open(&h, 16);
	assert_int_equal(ext_read(&h, NEURON_EXT_LOG_HEAD), 0);
	emu_ext_log(h.chip, "first");
	emu_ext_log(h.chip, "second line");
	assert_int_equal(ext_read(&h, NEURON_EXT_LOG_HEAD), 18);
	read_log(&h, 0, text, 18);
	assert_string_equal(text, "first\nsecond line\n");
	/* round the ring, not aligned to its end */
	for (i = 0; i < 200; i++) {
		snprintf(line, sizeof(line), "line %u of many", i);
		emu_ext_log(h.chip, line);
	}
	i = ext_read(&h, NEURON_EXT_LOG_HEAD);
	assert_true(i > NEURON_EXT_LOG_SIZE);
	read_log(&h, i - 34, text, 34);
	assert_string_equal(text, "line 198 of many\nline 199 of many\n");
	ext_write(&h, NEURON_EXT_LOG + 8, 1);
	expect_error(&h, "mmio-access");
	ext_write(&h, NEURON_EXT_LOG_HEAD, 0);
	expect_error(&h, "mmio-access");
	ext_read(&h, NEURON_EXT_LOG - 4);
	expect_error(&h, "mmio-unknown");
	ext_read(&h, NEURON_EXT_LOG + NEURON_EXT_LOG_SIZE);
	expect_error(&h, "mmio-unknown");
	harness_close(&h);
}

/* Log and crash record are there to be read after the reset that firmware's end made necessary. */
static void windows_outlive_resets(void **state)
{
	struct harness h;

	harness_open(&h, 16);
	emu_ext_poke(h.chip, NEURON_EXT_CRASH, 0x12345678);
	emu_ext_poke(h.chip, NEURON_EXT_CRASH + NEURON_EXT_CRASH_SIZE - 4, 77);
	emu_ext_log(h.chip, "last words");
	emu_ext_poke(h.chip, NEURON_EXT_FW_HEARTBEAT, 9);
	emu_reset(h.chip, EMU_RESET_FUNCTION);
	assert_int_equal(ext_read(&h, NEURON_EXT_FW_HEARTBEAT), 0);
	assert_int_equal(ext_read(&h, NEURON_EXT_CRASH), 0x12345678);
	assert_int_equal(ext_read(&h, NEURON_EXT_CRASH + NEURON_EXT_CRASH_SIZE - 4), 77);
	assert_int_equal(ext_read(&h, NEURON_EXT_LOG_HEAD), 11);
	assert_int_equal(ext_read(&h, NEURON_EXT_LOG), 'l' | 'a' << 8 | 's' << 16 | 't' << 24);
	ext_write(&h, NEURON_EXT_CRASH, 0);
	expect_error(&h, "mmio-access");
	emu_reset(h.chip, EMU_RESET_POWER);
	assert_int_equal(ext_read(&h, NEURON_EXT_CRASH), 0);
	assert_int_equal(ext_read(&h, NEURON_EXT_LOG_HEAD), 0);
	assert_int_equal(ext_read(&h, NEURON_EXT_LOG), 0);
	harness_close(&h);
}

struct pages {
	_Atomic uint32_t *doorbell;
	_Atomic uint32_t *polling;
};

/* As QEMU maps them. */
static struct pages map_pages(struct harness *h)
{
	struct emu_bar_area area;
	struct pages p;
	uint8_t *memory;
	int fd;

	assert_int_equal(emu_bar_memory(h->chip, 0, &fd, &area, 1), 1);
	assert_int_equal(area.offset, EXT(NEURON_EXT_DOORBELL));
	assert_int_equal(area.size, 0x2000);
	memory = mmap(NULL, area.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, area.offset);
	assert_ptr_not_equal(memory, MAP_FAILED);
	p.doorbell = (_Atomic uint32_t *)memory;
	p.polling = (_Atomic uint32_t *)(memory + 0x1000 + NEURON_STATUS_POLLING);
	return p;
}

static void *service(void *arg)
{
	struct harness *h = arg;

	while (emu_run_service(h->chip, 60000000) >= 0)
		;
	return NULL;
}

static bool seen(struct harness *h, unsigned int q, unsigned int ms)
{
	const struct timespec step = { 0, 100000 };
	unsigned int i;

	for (i = 0; i < ms * 10; i++) {
		if (atomic_load(&h->chip->ext.queue_tail) & 1ull << q)
			return true;
		nanosleep(&step, NULL);
	}
	return false;
}

/* As the driver rings: store, full barrier, look, kick. */
static void ring(struct harness *h, struct pages *p, unsigned int q, uint32_t tail,
		 unsigned int *kicks)
{
	atomic_store(&p->doorbell[q], tail);
	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load(p->polling)) {
		ext_write(h, NEURON_EXT_KICK, 1);
		(*kicks)++;
	}
}

/* No doorbell may be lost, wherever the chip is between polling and sleeping. */
static void doorbells(void **state)
{
	static const unsigned int pauses_us[] = { 0, 20, 60, 300, 600, 2000, 6000, 9000 };
	unsigned int i, kicks = 0;
	struct harness h;
	struct pages p;
	pthread_t thread;

	harness_open(&h, 16);
	p = map_pages(&h);
	emu_ext_poke(h.chip, NEURON_EXT_QUEUE(5) + NEURON_Q_STATE, NEURON_Q_STATE_ENABLED);
	assert_int_equal(pthread_create(&thread, NULL, service, &h), 0);
	for (i = 1; i <= 200; i++) {
		usleep(pauses_us[i % 8]);
		ring(&h, &p, 5, i, &kicks);
		assert_true(seen(&h, 5, 2000));
		atomic_fetch_and(&h.chip->ext.queue_tail, ~(1ull << 5));
		assert_int_equal(atomic_load(&h.chip->ext.tail[5]), i);
	}
	/* It polled sometimes, and slept sometimes. */
	assert_in_range(kicks, 1, 199);
	usleep(30000);
	assert_int_equal(atomic_load(p.polling), 0);
	emu_stop(h.chip);
	pthread_join(thread, NULL);
	assert_int_equal(emu_run_service(h.chip, 0), -ESHUTDOWN);
	munmap((void *)p.doorbell, 0x2000);
	harness_close(&h);
}

/* ENABLE zeroes the doorbell, which is no ring; a store through the trapped page is one. */
static void doorbell_reset(void **state)
{
	struct harness h;

	harness_open(&h, 16);
	ext_write(&h, NEURON_EXT_DOORBELL + 4 * 9, 77);
	drain(&h);
	assert_true(atomic_load(&h.chip->ext.queue_tail) == 1ull << 9);
	atomic_store(&h.chip->ext.queue_tail, 0);
	emu_ext_poke(h.chip, NEURON_EXT_DOORBELL + 4 * 9, 0);
	drain(&h);
	assert_true(atomic_load(&h.chip->ext.queue_tail) == 0);
	assert_int_equal(ext_read(&h, NEURON_EXT_DOORBELL + 4 * 9), 0);
	harness_close(&h);
}

static void msix_table(void **state)
{
	struct harness h;

	harness_open(&h, 16);
	assert_int_equal(ext_read(&h, NEURON_EXT_MSIX_TABLE + 12), 1);
	ext_write(&h, NEURON_EXT_MSIX_TABLE + 16 * 15, 0xfee00000);
	assert_int_equal(ext_read(&h, NEURON_EXT_MSIX_TABLE + 16 * 15), 0xfee00000);
	assert_int_equal(ext_read(&h, NEURON_EXT_MSIX_PBA), 0);
	assert_int_equal(h.errors, 0);
	ext_read(&h, NEURON_EXT_MSIX_TABLE + 16 * 16);
	expect_error(&h, "mmio-unknown");
	harness_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identity),
		cmocka_unit_test(write_one_to_clear),
		cmocka_unit_test(boot_without_image),
		cmocka_unit_test(queue_file),
		cmocka_unit_test(log_window),
		cmocka_unit_test(windows_outlive_resets),
		cmocka_unit_test(doorbells),
		cmocka_unit_test(doorbell_reset),
		cmocka_unit_test(msix_table),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("emu_ext", tests, NULL, NULL);
}
