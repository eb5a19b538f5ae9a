// SPDX-License-Identifier: Apache-2.0
/*
 * The whole chip from its host's side: flash boots, the mailbox answers, a queue takes
 * jobs and reports them, resets and reloads work; with threads as neuron-emu has them.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <neuron/fwio.h>
#include <neuron/isa.h>
#include "emu.h"
#include "mgmt_fake.h"

#define BUS	0x300000000ull	/* bus address of the host's memory */
#define MEM	0x100000u
#define REQ	0x00000u
#define RSP	0x01000u
#define IMAGE	0x20000u
#define CTXDIR	0x80000u
#define TABLE	0x81000u
#define RING(q)	(0x90000u + (q) * 0x8000u)
#define PAGE(q)	(RING(q) + 0x4000u)
#define SIZE	64u

static struct emu_chip *chip;
static uint8_t *mem;
static atomic_uint irqs[16];
static atomic_uint errors;
static char last_error[64];
static pthread_t threads[1 + NEURON_CORES];
static void *image;
static size_t image_size;
static uint32_t put[8];

static void *mem_at(uint64_t addr, size_t len)
{
	return addr >= BUS && addr - BUS < MEM && len <= MEM - (addr - BUS) ? mem + (addr - BUS) : NULL;
}

static int dma_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
	void *p = mem_at(addr, len);

	if (!p)
		return -EFAULT;
	memcpy(buf, p, len);
	return 0;
}

/* What the host polls is one word or byte, written last: store it so that it is seen last. */
static int dma_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
	void *p = mem_at(addr, len);

	if (!p)
		return -EFAULT;
	if (len == 8)
		__atomic_store_n((uint64_t *)p, *(const uint64_t *)buf, __ATOMIC_RELEASE);
	else if (len == 1)
		__atomic_store_n((uint8_t *)p, *(const uint8_t *)buf, __ATOMIC_RELEASE);
	else
		memcpy(p, buf, len);
	return 0;
}

static void irq(void *opaque, unsigned int vector)
{
	atomic_fetch_add(&irqs[vector], 1);
}

static void guest_error(void *opaque, const char *category, const char *text)
{
	snprintf(last_error, sizeof(last_error), "%s", category);
	atomic_fetch_add(&errors, 1);
}

static void *service(void *arg)
{
	while (emu_run_service(chip, 1000000) >= 0)
		;
	return NULL;
}

static void *core(void *arg)
{
	while (emu_run_core(chip, (uintptr_t)arg, 1000000) >= 0)
		;
	return NULL;
}

static uint32_t bar_get(uint32_t off)
{
	uint32_t v = 0;

	assert_int_equal(emu_bar_read(chip, NEURON_BAR_APB, off, &v, 4), 0);
	return v;
}

static void bar_set(uint32_t off, uint32_t value)
{
	assert_int_equal(emu_bar_write(chip, NEURON_BAR_APB, off, &value, 4), 0);
}

static uint32_t ext_get(uint32_t off)
{
	return bar_get(NEURON_EXT_BASE + off);
}

static void ext_set(uint32_t off, uint32_t value)
{
	bar_set(NEURON_EXT_BASE + off, value);
}

static uint32_t misc_get(uint32_t off)
{
	return bar_get(NEURON_MISC_BASE + off);
}

static void misc_set(uint32_t off, uint32_t value)
{
	bar_set(NEURON_MISC_BASE + off, value);
}

/* Wait up to five seconds for @condition. */
#define WAIT(condition) do { \
		struct timespec nap = { 0, 100000 }; \
		int left = 50000; \
		while (!(condition) && left--) \
			nanosleep(&nap, NULL); \
		if (left < 0) \
			fail_msg("%s does not become true", #condition); \
	} while (0)

static void set_command(uint16_t value)
{
	assert_int_equal(emu_config_write(chip, 4, &value, 2), 0);
}

static int setup(void **state)
{
	const struct emu_config config = {
		.revision = NEURON_PCI_REV_QEMU, .vectors = 16, .flash = image, .flash_size = image_size,
		.dma_read = dma_read, .dma_write = dma_write, .irq = irq, .guest_error = guest_error,
	};

	mem = calloc(1, MEM);
	memset(put, 0, sizeof(put));
	for (int i = 0; i < 16; i++)
		atomic_store(&irqs[i], 0);
	atomic_store(&errors, 0);
	assert_int_equal(emu_create(&config, &chip), 0);
	pthread_create(&threads[0], NULL, service, NULL);
	for (uintptr_t n = 0; n < NEURON_CORES; n++)
		pthread_create(&threads[1 + n], NULL, core, (void *)n);
	set_command(6);
	WAIT(misc_get(NEURON_MISC_FW_STATUS) & NEURON_FW_STATUS_READY);
	return 0;
}

static int teardown(void **state)
{
	emu_stop(chip);
	for (int n = 0; n < 1 + NEURON_CORES; n++)
		pthread_join(threads[n], NULL);
	emu_destroy(chip);
	free(mem);
	return 0;
}

static void test_boot(void **state)
{
	WAIT(ext_get(NEURON_EXT_FW_STATE) == NEURON_FW_STATE_RUNNING);
	assert_int_equal(ext_get(NEURON_EXT_FW_BOOT_ERROR), NEURON_FW_BOOT_OK);
	assert_int_equal(ext_get(NEURON_EXT_FW_VERSION), ((struct neuron_fw_header *)image)->version);
	assert_true(misc_get(NEURON_MISC_API_VERSION) >= 3);
	WAIT(ext_get(NEURON_EXT_FW_HEARTBEAT) >= 2);
	assert_true(ext_get(NEURON_EXT_STATUS + NEURON_STATUS_HEARTBEAT) >= 2);
	WAIT(misc_get(NEURON_MISC_POWER) >> 16 >= 2);
}

static uint32_t crc32c(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t c = ~0u;

	for (size_t i = 0; i < len * 8; i++) {
		c ^= p[i / 8] >> i % 8 & 1;
		c = c >> 1 ^ (c & 1 ? 0x82f63b78u : 0);
	}
	return ~c;
}

static void fwio(uint8_t seq, uint8_t cmd, uint16_t size)
{
	struct neuron_fwio_request *req = (void *)(mem + REQ);
	uint64_t to = (BUS + RSP) | NEURON_ADDR_HOST, from = (BUS + REQ) | NEURON_ADDR_HOST;

	*req = (struct neuron_fwio_request){ .seq = seq, .cmd = cmd, .size = size };
	req->crc = crc32c(req, size);
	mem[RSP] = 0;
	misc_set(NEURON_MISC_FWIO_REQ_LO, (uint32_t)from);
	misc_set(NEURON_MISC_FWIO_REQ_HI, from >> 32);
	misc_set(NEURON_MISC_FWIO_RSP_LO, (uint32_t)to);
	misc_set(NEURON_MISC_FWIO_RSP_HI, to >> 32);
	misc_set(NEURON_MISC_DOORBELL, 1);
	WAIT(__atomic_load_n(&mem[RSP], __ATOMIC_ACQUIRE) == seq);
}

static void test_fwio(void **state)
{
	const struct neuron_fwio_response *rsp = (void *)(mem + RSP);
	const uint32_t *values = (const uint32_t *)(rsp + 1);
	uint64_t *addr = (uint64_t *)(mem + REQ + 8);

	misc_set(NEURON_MISC_DEVICE_ID, 5);
	addr[0] = NEURON_ADDR_MISC + NEURON_MISC_DEVICE_ID;
	addr[1] = NEURON_ADDR_MISC + NEURON_MISC_FW_STATUS;
	addr[2] = NEURON_ADDR_APB + NEURON_APB_UDMA(1, 2) + 0x1020;
	addr[3] = NEURON_ADDR_NC + NEURON_NC_WINDOW(3) + NEURON_NC_SEM_READ;
	fwio(1, NEURON_FWIO_READ, 8 + 32);
	assert_int_equal(rsp->error, NEURON_FWIO_OK);
	assert_int_equal(rsp->size, 4 + 16);
	assert_int_equal(values[0], 5);
	assert_int_equal(values[1], NEURON_FW_STATUS_READY);
	assert_int_equal(values[2], bar_get(NEURON_APB_UDMA(1, 2) + 0x1020));
	assert_int_equal(values[3], 0);
	assert_int_equal(atomic_load(&errors), 0);

	addr[3] = NEURON_ADDR_APB + 0x7ffffc;
	fwio(2, NEURON_FWIO_READ, 8 + 32);
	assert_int_equal(rsp->error, NEURON_FWIO_FAIL);
	fwio(3, 9, 8);
	assert_int_equal(rsp->error, NEURON_FWIO_UNKNOWN);
	assert_string_equal(last_error, "fwio-command");
	fwio(4, NEURON_FWIO_POST, 8);
	assert_int_equal(rsp->error, NEURON_FWIO_OK);
}

static void enable(unsigned int q)
{
	struct neuron_context_entry *ctx = (void *)(mem + CTXDIR);
	struct neuron_segment *seg = (void *)(mem + TABLE);
	uint32_t r = NEURON_EXT_QUEUE(q);

	*ctx = (struct neuron_context_entry){ .table = BUS + TABLE, .segments = 1, .owner = 1 };
	*seg = (struct neuron_segment){ .base = 0x1000, .length = 0x1000, .flags = NEURON_SEG_READ | NEURON_SEG_EXEC };
	memset(mem + PAGE(q), 0, 0x1000);
	put[q] = 0;
	ext_set(NEURON_EXT_CTXDIR_LO, (uint32_t)(BUS + CTXDIR));
	ext_set(NEURON_EXT_CTXDIR_HI, BUS >> 32);
	ext_set(NEURON_EXT_CTXDIR_COUNT, 1);
	ext_set(r + NEURON_Q_RING_LO, (uint32_t)(BUS + RING(q)));
	ext_set(r + NEURON_Q_RING_HI, BUS >> 32);
	ext_set(r + NEURON_Q_RING_SIZE, SIZE);
	ext_set(r + NEURON_Q_CPL_LO, (uint32_t)(BUS + PAGE(q)));
	ext_set(r + NEURON_Q_CPL_HI, BUS >> 32);
	ext_set(r + NEURON_Q_CONFIG, NEURON_Q_CONFIG_IRQ | (2 + q));
	ext_set(r + NEURON_Q_CTRL, NEURON_Q_CTRL_ENABLE);
	WAIT(ext_get(r + NEURON_Q_STATE) == NEURON_Q_STATE_ENABLED);
}

static struct neuron_completion_page *page(unsigned int q)
{
	return (void *)(mem + PAGE(q));
}

static uint64_t seq(unsigned int q)
{
	return __atomic_load_n(&page(q)->seq, __ATOMIC_ACQUIRE);
}

static void submit(unsigned int q, uint8_t op, uint32_t instructions)
{
	struct neuron_job *job = (struct neuron_job *)(mem + RING(q)) + put[q] % SIZE;

	*job = (struct neuron_job){ .op = op, .seq = ++put[q], .stream = { { 0, instructions } } };
	ext_set(NEURON_EXT_DOORBELL + 4 * q, put[q]);
	ext_set(NEURON_EXT_KICK, 1);
}

static void test_nop_job(void **state)
{
	enable(0);
	submit(0, NEURON_JOB_NOP, 0);
	WAIT(seq(0) == 1);
	assert_int_equal(page(0)->record[0].seq, 1);
	assert_int_equal(page(0)->record[0].status, NEURON_JOB_OK);
	WAIT(atomic_load(&irqs[2]) == 1);
	assert_true(ext_get(NEURON_EXT_IRQ_STATUS) & 1 << 2);
	assert_int_equal(ext_get(NEURON_EXT_QUEUE(0) + NEURON_Q_HEAD), 1);
	assert_int_equal(atomic_load(&errors), 0);
}

static double micros(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

/* Jobs through the core, with the ring going round; one that faults in between. */
static void test_exec_jobs(void **state)
{
	double time;

	enable(0);
	for (int i = 0; i < 200; i++) {
		submit(0, NEURON_JOB_EXEC, 0);
		if (i % 40 == 39)
			WAIT(seq(0) == put[0]);
	}
	for (uint32_t i = 0; i < SIZE; i++)
		assert_int_equal(page(0)->record[i].status, NEURON_JOB_OK);
	/* DRAM is zero, which is no instruction */
	submit(0, NEURON_JOB_EXEC, 1);
	WAIT(seq(0) == 201);
	assert_int_equal(page(0)->record[200 % SIZE].status, NEURON_JOB_INSTRUCTION);
	submit(0, NEURON_JOB_NOP, 0);
	WAIT(seq(0) == 202);
	assert_int_equal(page(0)->record[201 % SIZE].status, NEURON_JOB_OK);

	time = micros();
	for (int i = 0; i < 2000; i++) {
		submit(0, NEURON_JOB_EXEC, 0);
		while (seq(0) != put[0])
			;
	}
	print_message("# submit to completion of an empty job: %.1f us\n", (micros() - time) / 2000);
}

static void test_four_queues(void **state)
{
	for (unsigned int q = 0; q < 4; q++)
		enable(q);
	for (int i = 0; i < 50; i++)
		for (unsigned int q = 0; q < 4; q++)
			submit(q, i % 3 ? NEURON_JOB_EXEC : NEURON_JOB_NOP, 0);
	for (unsigned int q = 0; q < 4; q++) {
		WAIT(seq(q) == 50);
		for (uint32_t i = 0; i < 50; i++)
			assert_int_equal(page(q)->record[i].seq, i + 1);
		/* the interrupt follows the sequence number */
		WAIT(atomic_load(&irqs[2 + q]) == 50);
	}
}

static void test_disable(void **state)
{
	enable(1);
	submit(1, NEURON_JOB_NOP, 0);
	WAIT(seq(1) == 1);
	ext_set(NEURON_EXT_QUEUE(1) + NEURON_Q_CTRL, NEURON_Q_CTRL_DISABLE);
	WAIT(ext_get(NEURON_EXT_QUEUE(1) + NEURON_Q_STATE) == NEURON_Q_STATE_DISABLED);
	enable(1);
	submit(1, NEURON_JOB_NOP, 0);
	WAIT(seq(1) == 1);
}

static void test_device_reset(void **state)
{
	enable(0);
	submit(0, NEURON_JOB_NOP, 0);
	WAIT(seq(0) == 1);
	misc_set(NEURON_MISC_DEVICE_ID, 9);
	misc_set(NEURON_MISC_RESET, NEURON_RESET_DEVICE);
	misc_set(NEURON_MISC_DOORBELL, 1);
	/* a host at revision 0xff asks at once */
	((uint64_t *)(mem + REQ))[1] = NEURON_ADDR_MISC + NEURON_MISC_FW_STATUS;
	fwio(1, NEURON_FWIO_READ, 16);
	assert_int_equal(*(uint32_t *)(mem + RSP + 4), NEURON_FW_STATUS_READY);
	assert_int_equal(misc_get(NEURON_MISC_RESET), 0);
	assert_int_equal(misc_get(NEURON_MISC_DEVICE_ID), 0);
	assert_int_equal(ext_get(NEURON_EXT_QUEUE(0) + NEURON_Q_STATE), NEURON_Q_STATE_DISABLED);
	assert_true(ext_get(NEURON_EXT_EVENTS) & NEURON_EVENT_RESET);
	assert_int_equal(atomic_load(&errors), 0);
}

static void boot_image(size_t size)
{
	ext_set(NEURON_EXT_FW_IMAGE_LO, (uint32_t)(BUS + IMAGE));
	ext_set(NEURON_EXT_FW_IMAGE_HI, BUS >> 32);
	ext_set(NEURON_EXT_FW_IMAGE_SIZE, size);
	ext_set(NEURON_EXT_EVENTS, ~0u);
	ext_set(NEURON_EXT_FW_CTRL, NEURON_FW_CTRL_BOOT_IMAGE);
}

/* The driver loads another firmware; a broken one is refused and flash still works. */
static void test_load_image(void **state)
{
	memcpy(mem + IMAGE, image, image_size);
	((struct neuron_fw_header *)(mem + IMAGE))->sha256[0] ^= 1;
	boot_image(image_size);
	WAIT(ext_get(NEURON_EXT_FW_STATE) == NEURON_FW_STATE_RESET);
	assert_int_equal(ext_get(NEURON_EXT_FW_BOOT_ERROR), NEURON_FW_BOOT_HASH);
	assert_int_equal(misc_get(NEURON_MISC_FW_STATUS), 0);
	((struct neuron_fw_header *)(mem + IMAGE))->sha256[0] ^= 1;
	boot_image(image_size);
	WAIT(ext_get(NEURON_EXT_FW_STATE) == NEURON_FW_STATE_RUNNING);
	assert_true(ext_get(NEURON_EXT_EVENTS) & NEURON_EVENT_FW_STATE);
	ext_set(NEURON_EXT_FW_CTRL, NEURON_FW_CTRL_HALT);
	WAIT(ext_get(NEURON_EXT_FW_STATE) == NEURON_FW_STATE_HALTED);
	ext_set(NEURON_EXT_FW_CTRL, NEURON_FW_CTRL_BOOT_FLASH);
	WAIT(ext_get(NEURON_EXT_FW_STATE) == NEURON_FW_STATE_RUNNING);
	fwio(7, NEURON_FWIO_POST, 8);
	enable(0);
	submit(0, NEURON_JOB_NOP, 0);
	WAIT(seq(0) == 1);
}

/* A doorbell that a reset overtakes: the new firmware must not take it for a request to it. */
static void test_doorbell_before_reset(void **state)
{
	for (int i = 0; i < 20; i++) {
		misc_set(NEURON_MISC_DOORBELL, 1);
		emu_reset(chip, EMU_RESET_FUNCTION);
		/* the old firmware may have been faster than the reset, and found no request */
		atomic_store(&errors, 0);
		set_command(6);
		WAIT(misc_get(NEURON_MISC_FW_STATUS) & NEURON_FW_STATUS_READY);
		fwio(1 + i, NEURON_FWIO_POST, 8);
		assert_int_equal(atomic_load(&errors), 0);
	}
}

static void test_function_reset(void **state)
{
	enable(0);
	for (int i = 0; i < 20; i++)
		submit(0, NEURON_JOB_EXEC, 0);
	emu_reset(chip, EMU_RESET_FUNCTION);
	set_command(6);
	WAIT(misc_get(NEURON_MISC_FW_STATUS) & NEURON_FW_STATUS_READY);
	WAIT(ext_get(NEURON_EXT_FW_STATE) == NEURON_FW_STATE_RUNNING);
	fwio(1, NEURON_FWIO_POST, 8);
	enable(0);
	submit(0, NEURON_JOB_EXEC, 0);
	WAIT(seq(0) == 1);
	assert_int_equal(page(0)->record[0].status, NEURON_JOB_OK);
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest all[] = {
		T(test_boot), T(test_fwio), T(test_nop_job), T(test_exec_jobs), T(test_four_queues),
		T(test_disable), T(test_device_reset), T(test_load_image), T(test_doorbell_before_reset),
		T(test_function_reset),
	};
	char path[4096], *slash;
	int err;

	snprintf(path, sizeof(path) - 64, "%s", argv[0]);
	slash = strrchr(path, '/');
	strcpy(slash ? slash : path, slash ? "/../../firmware/inferentia.bin" : "../../firmware/inferentia.bin");
	image = read_file(path, &image_size);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	err = cmocka_run_group_tests(all, NULL, NULL);
	free(image);
	return err;
}
