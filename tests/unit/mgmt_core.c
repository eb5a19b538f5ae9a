// SPDX-License-Identifier: Apache-2.0
/*
 * The management core: what its loader refuses, and its peripherals, tried by small
 * programs of its own.
 */
#include "mgmt_fake.h"

#define SRAM	NEURON_MGMT_SRAM

static struct fake *f;

static int setup(void **state)
{
	f = fake_new();
	return 0;
}

static int teardown(void **state)
{
	fake_free(f);
	return 0;
}

/* A little assembler: enough to move words about. */
enum { T0 = 5, T1 = 6, T2 = 7, A0 = 10 };

static uint32_t program[256];
static unsigned int length;

static void emit(uint32_t word)
{
	program[length++] = word;
}

static void li(unsigned int rd, uint32_t value)
{
	uint32_t low = value & 0xfff;

	emit(((value + 0x800) & 0xfffff000u) | rd << 7 | 0x37);
	emit(low << 20 | rd << 15 | rd << 7 | 0x13);
}

static void store(uint32_t addr, uint32_t value)
{
	li(T0, addr);
	li(T1, value);
	emit(0x0062a023);	/* sw t1, 0(t0) */
}

/* Copy the word at @from to @to, in SRAM. */
static void copy(uint32_t to, uint32_t from)
{
	li(T0, from);
	emit(0x0002a303);	/* lw t1, 0(t0) */
	li(T0, to);
	emit(0x0062a023);
}

static void wfi(void)
{
	emit(0x10500073);
}

static void boot(void)
{
	size_t size;
	void *image = make_image(program, length * 4, SRAM, &size);

	assert_int_equal(emu_mgmt_boot(f->mgmt, image, size), NEURON_FW_BOOT_OK);
	free(image);
	length = 0;
}

#define REG(off)	(NEURON_MGMT_REGS + (off))

/* Results go where the host looks: misc RAM from word 64 on. */
#define OUT(i)		(NEURON_MGMT_MISC + 0x100 + 4 * (i))
#define GOT(i)		(f->misc[64 + (i)])

static void test_loader_refuses(void **state)
{
	struct neuron_fw_header *h;
	uint32_t code[4] = { 0x10500073 };
	size_t size;
	uint8_t *image = make_image(code, sizeof(code), SRAM, &size);

#define REFUSED(change, undo, error) do { \
		change; \
		assert_int_equal(emu_mgmt_boot(f->mgmt, image, size), error); \
		assert_int_equal(f->boot_error, error); \
		assert_int_equal(f->state, NEURON_FW_STATE_RESET); \
		assert_false(emu_mgmt_pending(f->mgmt)); \
		undo; \
	} while (0)

	h = (struct neuron_fw_header *)image;
	assert_int_equal(emu_mgmt_boot(f->mgmt, NULL, 0), NEURON_FW_BOOT_NO_IMAGE);
	REFUSED(h->magic++, h->magic--, NEURON_FW_BOOT_MAGIC);
	REFUSED(h->header_size = 64, h->header_size = 128, NEURON_FW_BOOT_SIZE);
	REFUSED(h->payload_size = 0, h->payload_size = 16, NEURON_FW_BOOT_SIZE);
	REFUSED(h->payload_size = 17, h->payload_size = 16, NEURON_FW_BOOT_SIZE);
	REFUSED(h->payload_size = ~0u, h->payload_size = 16, NEURON_FW_BOOT_SIZE);
	REFUSED(h->load = SRAM - 4, h->load = SRAM, NEURON_FW_BOOT_SIZE);
	REFUSED(h->load = h->entry = SRAM + NEURON_MGMT_SRAM_SIZE - 12, h->load = h->entry = SRAM, NEURON_FW_BOOT_SIZE);
	REFUSED(h->entry = SRAM + 16, h->entry = SRAM, NEURON_FW_BOOT_SIZE);
	REFUSED(h->entry = SRAM + 1, h->entry = SRAM, NEURON_FW_BOOT_SIZE);
	REFUSED(h->entry = SRAM - 2, h->entry = SRAM, NEURON_FW_BOOT_SIZE);
	REFUSED(h->api += 1 << 16, h->api -= 1 << 16, NEURON_FW_BOOT_API);
	REFUSED(image[size - 1] ^= 1, image[size - 1] ^= 1, NEURON_FW_BOOT_HASH);
	REFUSED(h->sha256[31] ^= 0x80, h->sha256[31] ^= 0x80, NEURON_FW_BOOT_HASH);
	REFUSED(size = 3, size = 144, NEURON_FW_BOOT_SIZE);
	REFUSED(size = 127, size = 144, NEURON_FW_BOOT_SIZE);
	REFUSED(size = 143, size = 144, NEURON_FW_BOOT_SIZE);
	/* a minor version more, and padding behind, do no harm */
	h->api++;
	image = realloc(image, size + 100);
	assert_int_equal(emu_mgmt_boot(f->mgmt, image, size + 100), NEURON_FW_BOOT_OK);
	assert_int_equal(f->state, NEURON_FW_STATE_BOOTING);
	free(image);
}

static void test_interrupt_bits(void **state)
{
	store(REG(NEURON_MGMT_ENABLE), NEURON_MGMT_IRQ_NC);
	wfi();
	copy(OUT(0), REG(NEURON_MGMT_PENDING));
	store(REG(NEURON_MGMT_PENDING), NEURON_MGMT_IRQ_NC);
	copy(OUT(1), REG(NEURON_MGMT_PENDING));
	wfi();
	boot();
	fake_run(f, 1000);
	emu_mgmt_raise(f->mgmt, NEURON_MGMT_IRQ_DOORBELL);
	assert_false(emu_mgmt_pending(f->mgmt));
	assert_int_equal(fake_run(f, 1000), 0);
	emu_mgmt_raise(f->mgmt, NEURON_MGMT_IRQ_NC);
	assert_true(emu_mgmt_pending(f->mgmt));
	fake_run(f, 1000);
	assert_int_equal(GOT(0), NEURON_MGMT_IRQ_NC | NEURON_MGMT_IRQ_DOORBELL);
	assert_int_equal(GOT(1), NEURON_MGMT_IRQ_DOORBELL);
	assert_false(emu_mgmt_pending(f->mgmt));
}

static void test_timer(void **state)
{
	uint64_t next = 0;

	store(REG(NEURON_MGMT_ENABLE), NEURON_MGMT_IRQ_TIMER);
	copy(OUT(0), REG(NEURON_MGMT_TIME_LO));
	copy(OUT(1), REG(NEURON_MGMT_TIME_HI));
	store(REG(NEURON_MGMT_TIMER_LO), 20000);
	store(REG(NEURON_MGMT_TIMER_HI), 0);
	wfi();
	copy(OUT(2), REG(NEURON_MGMT_TIME_LO));
	store(REG(NEURON_MGMT_PENDING), NEURON_MGMT_IRQ_TIMER);
	wfi();
	boot();
	emu_mgmt_run(f->mgmt, 1000, &next);
	assert_in_range(next, 1, 20000);
	assert_int_equal(GOT(1), 0);
	while (!emu_mgmt_pending(f->mgmt))
		;
	emu_mgmt_run(f->mgmt, 1000, &next);
	assert_true(GOT(2) >= 20000 && GOT(2) > GOT(0));
	assert_true(next == UINT64_MAX);
}

static void test_copy_engine(void **state)
{
	uint64_t from = FAKE_HOST | NEURON_ADDR_HOST;

	memcpy(f->host, "from the host", 14);
	store(REG(NEURON_MGMT_DMA_ADDR_LO), (uint32_t)from);
	store(REG(NEURON_MGMT_DMA_ADDR_HI), from >> 32);
	store(REG(NEURON_MGMT_DMA_LOCAL), SRAM + 0x1001);
	store(REG(NEURON_MGMT_DMA_LENGTH), 13);
	store(REG(NEURON_MGMT_DMA_CTRL), NEURON_MGMT_DMA_READ);
	copy(OUT(0), REG(NEURON_MGMT_DMA_STATUS));
	store(REG(NEURON_MGMT_DMA_ADDR_LO), (uint32_t)from + 0x101);
	store(REG(NEURON_MGMT_DMA_CTRL), NEURON_MGMT_DMA_WRITE);
	/* beyond what answers, then beyond SRAM */
	store(REG(NEURON_MGMT_DMA_ADDR_LO), (uint32_t)from + FAKE_HOST_SIZE - 12);
	store(REG(NEURON_MGMT_DMA_CTRL), NEURON_MGMT_DMA_READ);
	copy(OUT(1), REG(NEURON_MGMT_DMA_STATUS));
	store(REG(NEURON_MGMT_DMA_LOCAL), SRAM + NEURON_MGMT_SRAM_SIZE - 12);
	store(REG(NEURON_MGMT_DMA_CTRL), NEURON_MGMT_DMA_READ);
	copy(OUT(2), REG(NEURON_MGMT_DMA_STATUS));
	store(REG(NEURON_MGMT_DMA_LOCAL), SRAM - 1);
	store(REG(NEURON_MGMT_DMA_CTRL), NEURON_MGMT_DMA_WRITE);
	copy(OUT(3), REG(NEURON_MGMT_DMA_STATUS));
	wfi();
	boot();
	fake_run(f, 1000);
	assert_string_equal((char *)f->host + 0x101, "from the host");
	assert_int_equal(GOT(0), NEURON_MGMT_BUS_OK);
	assert_int_equal(GOT(1), NEURON_MGMT_BUS_UNMAPPED);
	assert_int_equal(GOT(2), NEURON_MGMT_BUS_LOCAL);
	assert_int_equal(GOT(3), NEURON_MGMT_BUS_LOCAL);
}

static void test_register_port(void **state)
{
	uint64_t addr = NEURON_ADDR_MISC + 0x24;

	f->misc[0x24 / 4] = 0xabcd1234;
	store(REG(NEURON_MGMT_REG_LO), (uint32_t)addr);
	store(REG(NEURON_MGMT_REG_HI), addr >> 32);
	copy(OUT(0), REG(NEURON_MGMT_REG_DATA));
	copy(OUT(1), REG(NEURON_MGMT_REG_STATUS));
	store(REG(NEURON_MGMT_REG_LO), (uint32_t)addr + 1);
	copy(OUT(2), REG(NEURON_MGMT_REG_DATA));
	copy(OUT(3), REG(NEURON_MGMT_REG_STATUS));
	wfi();
	boot();
	fake_run(f, 1000);
	assert_int_equal(GOT(0), 0xabcd1234);
	assert_int_equal(GOT(1), NEURON_MGMT_BUS_OK);
	assert_int_equal(GOT(2), 0);
	assert_int_equal(GOT(3), NEURON_MGMT_BUS_UNMAPPED);
}

static void test_dispatch_block(void **state)
{
	const struct neuron_completion done = {
		.status = NEURON_JOB_SEGMENT, .engine = 3, .flags = 1, .pc = 9, .detail = 0x1234567890ull, .cycles = 1ull << 33,
	};
	uint32_t nc = REG(NEURON_MGMT_NC(3));

	store(REG(NEURON_MGMT_ENABLE), NEURON_MGMT_IRQ_NC);
	store(nc + NEURON_MGMT_NC_TABLE_LO, 0x1000);
	store(nc + NEURON_MGMT_NC_TABLE_HI, 2);
	store(nc + NEURON_MGMT_NC_SEGMENTS, 5);
	store(nc + NEURON_MGMT_NC_OWNER, 6);
	store(nc + NEURON_MGMT_NC_JOB, SRAM + 0x2000);
	store(SRAM + 0x2000, NEURON_JOB_EXEC | 7 << 8);
	store(nc + NEURON_MGMT_NC_CTRL, NEURON_MGMT_NC_START);
	copy(OUT(0), nc + NEURON_MGMT_NC_STATE);
	store(nc + NEURON_MGMT_NC_CTRL, NEURON_MGMT_NC_ABORT);
	store(nc + NEURON_MGMT_NC_CTRL, NEURON_MGMT_NC_ACK);
	wfi();
	copy(OUT(1), nc + NEURON_MGMT_NC_STATE);
	copy(OUT(2), nc + NEURON_MGMT_NC_STATUS);
	copy(OUT(3), nc + NEURON_MGMT_NC_ENGINE);
	copy(OUT(4), nc + NEURON_MGMT_NC_PC);
	copy(OUT(5), nc + NEURON_MGMT_NC_DETAIL_HI);
	copy(OUT(6), nc + NEURON_MGMT_NC_CYCLES_HI);
	store(nc + NEURON_MGMT_NC_CTRL, NEURON_MGMT_NC_ACK);
	copy(OUT(7), nc + NEURON_MGMT_NC_STATE);
	store(REG(NEURON_MGMT_PENDING), NEURON_MGMT_IRQ_NC);
	wfi();
	boot();
	fake_run(f, 1000);
	assert_int_equal(f->started, 1);
	assert_int_equal(f->aborted, 1);
	assert_true(f->table == 0x200001000ull);
	assert_int_equal(f->segments, 5);
	assert_int_equal(f->owner, 6);
	assert_int_equal(f->job.op, NEURON_JOB_EXEC);
	assert_int_equal(f->job.code, 7);
	assert_int_equal(GOT(0), NEURON_MGMT_NC_RUNNING);
	emu_mgmt_nc_done(f->mgmt, 3, &done);
	emu_mgmt_nc_done(f->mgmt, 3, &done);	/* nobody's */
	emu_mgmt_nc_done(f->mgmt, 2, &done);
	fake_run(f, 1000);
	assert_int_equal(GOT(1), NEURON_MGMT_NC_DONE);
	assert_int_equal(GOT(2), NEURON_JOB_SEGMENT);
	assert_int_equal(GOT(3), 3);
	assert_int_equal(GOT(4), 9);
	assert_int_equal(GOT(5), 0x12);
	assert_int_equal(GOT(6), 2);
	assert_int_equal(GOT(7), NEURON_MGMT_NC_IDLE);
}

static void test_console_and_errors(void **state)
{
	for (const char *c = "hello\x01\x7f!\n"; *c; c++)
		store(REG(NEURON_MGMT_CONSOLE), (uint8_t)*c);
	store(REG(NEURON_MGMT_ERROR_ARG), 0x77);
	store(REG(NEURON_MGMT_ERROR), NEURON_MGMT_ERROR_RESET_TYPE);
	store(REG(NEURON_MGMT_MSIX), 9);
	store(REG(NEURON_MGMT_RESET), 0x501);
	copy(OUT(0), REG(NEURON_MGMT_LINKS));
	store(NEURON_MGMT_EXT + NEURON_EXT_FW_STATE, NEURON_FW_STATE_RUNNING);
	wfi();
	boot();
	fake_run(f, 1000);
	assert_string_equal(f->console, "hello?" "?!");
	assert_int_equal(f->error, NEURON_MGMT_ERROR_RESET_TYPE);
	assert_int_equal(f->error_arg, 0x77);
	assert_int_equal(f->irqs[9], 1);
	assert_int_equal(f->reset, 0x501);
	assert_int_equal(GOT(0), NEURON_FW_STATUS_EAST);
	assert_int_equal(f->state, NEURON_FW_STATE_RUNNING);
}

static void test_queue_bitmaps(void **state)
{
	f->queue_ctrl = 0x8000000000000001ull;
	f->queue_tail = 0x3000000060ull;
	copy(OUT(0), REG(NEURON_MGMT_QCTRL_LO));
	copy(OUT(1), REG(NEURON_MGMT_QCTRL_HI));
	copy(OUT(2), REG(NEURON_MGMT_QTAIL_LO));
	copy(OUT(3), REG(NEURON_MGMT_QTAIL_HI));
	store(REG(NEURON_MGMT_QCTRL_HI), 0x80000000);
	store(REG(NEURON_MGMT_QTAIL_LO), 0x20);
	wfi();
	boot();
	fake_run(f, 1000);
	assert_int_equal(GOT(0), 1);
	assert_int_equal(GOT(1), 0x80000000u);
	assert_int_equal(GOT(2), 0x60);
	assert_int_equal(GOT(3), 0x30);
	assert_true(f->queue_ctrl == 1);
	assert_true(f->queue_tail == 0x3000000040ull);
}

/* A trap without a handler: the chip tells, since the firmware cannot. */
static void expect_lockup(void)
{
	struct neuron_fw_crash crash;

	boot();
	f->misc[NEURON_MISC_FW_STATUS / 4] = NEURON_FW_STATUS_READY;
	fake_run(f, 1000);
	assert_int_equal(f->state, NEURON_FW_STATE_CRASHED);
	assert_int_equal(f->error, NEURON_MGMT_ERROR_CRASH);
	assert_in_range(f->error_arg, 5, 7);
	assert_int_equal(f->misc[NEURON_MISC_FW_STATUS / 4], 0);
	assert_false(emu_mgmt_pending(f->mgmt));
	/* and leaves the record that a handler would have left */
	memcpy(&crash, f->ext + NEURON_EXT_CRASH / 4, sizeof(crash));
	assert_int_equal(crash.magic, NEURON_FW_CRASH_MAGIC);
	assert_int_equal(crash.cause, f->error_arg);
	f->ext[NEURON_EXT_CRASH / 4] = 0;
}

static void test_lockup(void **state)
{
	static const uint32_t bad[] = {
		REG(0x0fc), REG(NEURON_MGMT_NC(3) + 0x3c), REG(0x300), NEURON_MGMT_MISC + NEURON_MISC_SIZE,
		NEURON_MGMT_EXT + NEURON_EXT_SIZE, NEURON_MGMT_SRAM + NEURON_MGMT_SRAM_SIZE, 0,
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		store(bad[i], 1);
		expect_lockup();
		copy(OUT(0), bad[i]);
		expect_lockup();
	}
	/* a core that runs is not started again */
	store(REG(NEURON_MGMT_NC(0)) + NEURON_MGMT_NC_JOB, SRAM);
	store(REG(NEURON_MGMT_NC(0)) + NEURON_MGMT_NC_CTRL, NEURON_MGMT_NC_START);
	store(REG(NEURON_MGMT_NC(0)) + NEURON_MGMT_NC_CTRL, NEURON_MGMT_NC_START);
	expect_lockup();
	assert_int_equal(f->started, 1);
	assert_int_equal(f->aborted, 1);
}

static void test_halt(void **state)
{
	emit(0x0000006f);	/* j . */
	boot();
	f->misc[NEURON_MISC_FW_STATUS / 4] = NEURON_FW_STATUS_READY;
	assert_int_equal(fake_run(f, 5000), 5000);
	emu_mgmt_halt(f->mgmt);
	assert_int_equal(f->state, NEURON_FW_STATE_HALTED);
	assert_int_equal(f->misc[NEURON_MISC_FW_STATUS / 4], 0);
	assert_int_equal(fake_run(f, 5000), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest all[] = {
		T(test_loader_refuses), T(test_interrupt_bits), T(test_timer), T(test_copy_engine),
		T(test_register_port), T(test_dispatch_block), T(test_console_and_errors),
		T(test_queue_bitmaps), T(test_lockup), T(test_halt),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(all, NULL, NULL);
}
