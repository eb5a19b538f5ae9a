// SPDX-License-Identifier: Apache-2.0
/*
 * The firmware image as it is built, on the interpreter: boot, mailbox, jobs, crash and
 * reboot, and what a job costs in instructions.
 */
#include <time.h>
#include <neuron/fwio.h>
#include "crash.h"
#include "mgmt_fake.h"

#define REQ	0x0800u
#define RSP	0x1000u
#define RING	0x4000u
#define PAGE	0x14000u
#define CTXDIR	0x20000u
#define SIZE	256u

static struct fake *f;
static void *image;
static size_t image_size;
static uint32_t put;

static void set_ext(uint32_t off, uint32_t value)
{
	f->ext[off / 4] = value;
}

static uint32_t get_ext(uint32_t off)
{
	return f->ext[off / 4];
}

static int setup(void **state)
{
	f = fake_new();
	put = 0;
	assert_int_equal(emu_mgmt_boot(f->mgmt, image, image_size), NEURON_FW_BOOT_OK);
	fake_run(f, 1000000);
	return 0;
}

static int teardown(void **state)
{
	fake_free(f);
	return 0;
}

static void test_boot(void **state)
{
	assert_int_equal(f->state, NEURON_FW_STATE_RUNNING);
	assert_true(f->states & 1u << NEURON_FW_STATE_BOOTING);
	assert_int_equal(f->misc[NEURON_MISC_FW_STATUS / 4], NEURON_FW_STATUS_READY | NEURON_FW_STATUS_EAST);
	assert_true(f->misc[NEURON_MISC_API_VERSION / 4] >= 3);
	assert_int_equal(get_ext(NEURON_EXT_FW_VERSION), ((struct neuron_fw_header *)image)->version);
	assert_non_null(strstr(f->console, "management firmware " NEURON_VERSION));
	assert_int_equal(f->errors, 0);
	assert_false(emu_mgmt_pending(f->mgmt));
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

static void put_request(uint8_t seq, uint8_t cmd, uint16_t size, uint32_t crc_error)
{
	struct neuron_fwio_request *req = (void *)(f->host + REQ);

	*req = (struct neuron_fwio_request){ .seq = seq, .cmd = cmd, .size = size };
	req->crc = crc32c(req, size) ^ crc_error;
	memset(f->host + RSP, 0, 1024);
	f->misc[NEURON_MISC_FWIO_REQ_LO / 4] = (uint32_t)(FAKE_HOST + REQ);
	f->misc[NEURON_MISC_FWIO_REQ_HI / 4] = ((FAKE_HOST + REQ) | NEURON_ADDR_HOST) >> 32;
	f->misc[NEURON_MISC_FWIO_RSP_LO / 4] = (uint32_t)(FAKE_HOST + RSP);
	f->misc[NEURON_MISC_FWIO_RSP_HI / 4] = ((FAKE_HOST + RSP) | NEURON_ADDR_HOST) >> 32;
	emu_mgmt_raise(f->mgmt, NEURON_MGMT_IRQ_DOORBELL);
}

/* Returns the instructions that the answer took. */
static uint64_t fwio(uint8_t seq, uint8_t cmd, uint16_t size, uint32_t crc_error)
{
	put_request(seq, cmd, size, crc_error);
	return fake_run(f, 1000000);
}

/* A host that was faster than the firmware: both of its wishes, one answer each. */
static void test_asked_before_boot(void **state)
{
	f->misc[NEURON_MISC_RESET / 4] = NEURON_RESET_DEVICE;
	put_request(12, NEURON_FWIO_POST, 8, 0);
	assert_int_equal(emu_mgmt_boot(f->mgmt, image, image_size), NEURON_FW_BOOT_OK);
	fake_run(f, 1000000);
	assert_int_equal(f->host[RSP], 12);
	assert_int_equal(f->misc[NEURON_MISC_RESET / 4], 0);
	assert_int_equal(f->errors, 0);
	fwio(13, NEURON_FWIO_POST, 8, 0);
	assert_int_equal(f->host[RSP], 13);
	assert_int_equal(f->errors, 0);
}

static void test_fwio(void **state)
{
	const struct neuron_fwio_response *rsp = (void *)(f->host + RSP);
	uint64_t *addr = (uint64_t *)(f->host + REQ + 8), spent;

	for (int i = 0; i < 100; i++) {
		addr[i] = NEURON_ADDR_MISC + 4 * i;
		if (i > 0x5c / 4)
			f->misc[i] = 0x5a000000u + i;
	}
	spent = fwio(1, NEURON_FWIO_READ, 8 + 800, 0);
	print_message("# FWIO, 100 registers: %llu instructions\n", (unsigned long long)spent);
	assert_int_equal(rsp->seq, 1);
	assert_int_equal(rsp->error, NEURON_FWIO_OK);
	assert_int_equal(rsp->size, 404);
	assert_int_equal(((uint32_t *)(rsp + 1))[99], 0x5a000063);
	assert_int_equal(((uint32_t *)(rsp + 1))[NEURON_MISC_FW_STATUS / 4], f->misc[NEURON_MISC_FW_STATUS / 4]);
	fwio(2, NEURON_FWIO_READ, 8 + 800, 1);
	assert_int_equal(rsp->error, NEURON_FWIO_FAIL);
	assert_int_equal(f->error, NEURON_MGMT_ERROR_FWIO_CRC);
	fwio(3, 77, 8, 0);
	assert_int_equal(rsp->seq, 3);
	assert_int_equal(rsp->error, NEURON_FWIO_UNKNOWN);
}

static void test_reset(void **state)
{
	f->misc[NEURON_MISC_DEVICE_ID / 4] = 3;
	f->misc[NEURON_MISC_RESET / 4] = NEURON_RESET_DEVICE;
	emu_mgmt_raise(f->mgmt, NEURON_MGMT_IRQ_DOORBELL);
	fake_run(f, 1000000);
	assert_int_equal(f->misc[NEURON_MISC_RESET / 4], 0);
	assert_int_equal(f->misc[NEURON_MISC_DEVICE_ID / 4], 0);
	assert_int_equal(f->reset, NEURON_MGMT_RESET_UDMA | 0xf00);
}

static void enable(unsigned int q)
{
	struct neuron_context_entry *ctx = (void *)(f->host + CTXDIR);

	*ctx = (struct neuron_context_entry){ .table = FAKE_HOST + 0x30000, .segments = 4, .owner = 1 };
	set_ext(NEURON_EXT_CTXDIR_LO, (uint32_t)(FAKE_HOST + CTXDIR));
	set_ext(NEURON_EXT_CTXDIR_HI, FAKE_HOST >> 32);
	set_ext(NEURON_EXT_CTXDIR_COUNT, 1);
	set_ext(NEURON_EXT_QUEUE(q) + NEURON_Q_RING_LO, (uint32_t)(FAKE_HOST + RING));
	set_ext(NEURON_EXT_QUEUE(q) + NEURON_Q_RING_HI, FAKE_HOST >> 32);
	set_ext(NEURON_EXT_QUEUE(q) + NEURON_Q_RING_SIZE, SIZE);
	set_ext(NEURON_EXT_QUEUE(q) + NEURON_Q_CPL_LO, (uint32_t)(FAKE_HOST + PAGE));
	set_ext(NEURON_EXT_QUEUE(q) + NEURON_Q_CPL_HI, FAKE_HOST >> 32);
	set_ext(NEURON_EXT_QUEUE(q) + NEURON_Q_CONFIG, NEURON_Q_CONFIG_IRQ | 2);
	set_ext(NEURON_EXT_QUEUE(q) + NEURON_Q_CTRL, NEURON_Q_CTRL_ENABLE);
	f->queue_ctrl = 1ull << q;
	emu_mgmt_raise(f->mgmt, NEURON_MGMT_IRQ_QUEUE_CTRL);
	fake_run(f, 1000000);
	assert_int_equal(get_ext(NEURON_EXT_QUEUE(q) + NEURON_Q_STATE), NEURON_Q_STATE_ENABLED);
}

/* Submit @count jobs, ring once, run. Returns the instructions. */
static uint64_t submit(unsigned int q, uint8_t op, uint32_t count)
{
	struct neuron_job *ring = (void *)(f->host + RING);

	while (count--) {
		ring[put % SIZE] = (struct neuron_job){ .op = op, .seq = put + 1 };
		put++;
	}
	set_ext(NEURON_EXT_DOORBELL + 4 * q, put);
	f->queue_tail = 1ull << q;
	emu_mgmt_raise(f->mgmt, NEURON_MGMT_IRQ_QUEUE_TAIL);
	return fake_run(f, 10000000);
}

static uint64_t seq(void)
{
	return ((struct neuron_completion_page *)(f->host + PAGE))->seq;
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec + 1e-9 * ts.tv_nsec;
}

static void test_jobs(void **state)
{
	struct neuron_completion_page *page = (void *)(f->host + PAGE);

	f->finish_at_once = true;
	enable(0);
	submit(0, NEURON_JOB_NOP, 1);
	assert_int_equal(seq(), 1);
	submit(0, NEURON_JOB_EXEC, 3);
	assert_int_equal(seq(), 4);
	assert_int_equal(f->started, 3);
	assert_true(f->table == FAKE_HOST + 0x30000);
	assert_int_equal(page->record[3].seq, 4);
	assert_int_equal(page->record[3].cycles, 4711);
	assert_int_equal(f->irqs[2], 4);
	assert_int_equal(f->errors, 0);
}

/* Latency of the firmware: a bound, so that the hot path stays lean. */
static void test_instructions_per_job(void **state)
{
	uint64_t nop, exec, batch;
	double time;

	f->finish_at_once = true;
	enable(0);
	submit(0, NEURON_JOB_EXEC, 1);
	nop = submit(0, NEURON_JOB_NOP, 1);
	exec = submit(0, NEURON_JOB_EXEC, 1);
	time = seconds();
	batch = 0;
	for (int i = 0; i < 40; i++)
		batch += submit(0, NEURON_JOB_EXEC, 250);
	time = seconds() - time;
	assert_int_equal(seq(), 3 + 40 * 250);
	print_message("# instructions a job: NOP %llu, EXEC %llu, EXEC in batches of 250 %llu (%.2f us, %.0f MIPS)\n",
		      (unsigned long long)nop, (unsigned long long)exec, (unsigned long long)batch / 10000,
		      time * 100, batch / time / 1e6);
	assert_in_range(nop, 1, 1500);
	assert_in_range(exec, 1, 2000);
	assert_in_range(batch / 10000, 1, 1500);
}

/* A firmware whose first wfi is no instruction: it crashes once it has nothing to do. */
static void *broken_image(size_t *size)
{
	const struct neuron_fw_header *h = image;
	uint8_t *code = malloc(h->payload_size);
	uint32_t wfi = 0x10500073;
	void *broken;

	memcpy(code, (uint8_t *)image + sizeof(*h), h->payload_size);
	/* the main loop's, not the trap handler's, which is wfi; j .-4 */
	for (uint32_t i = 0; i < h->payload_size - 6; i += 2)
		if (!memcmp(code + i, &wfi, 4) && memcmp(code + i + 4, "\xf5\xbf", 2))
			memset(code + i, 0, 2);
	broken = make_image(code, h->payload_size, h->load, size);
	free(code);
	return broken;
}

static void test_crash_and_reboot(void **state)
{
	struct neuron_fw_crash crash;
	size_t size;
	void *broken = broken_image(&size);

	assert_int_equal(emu_mgmt_boot(f->mgmt, broken, size), NEURON_FW_BOOT_OK);
	fake_run(f, 1000000);
	free(broken);
	assert_int_equal(f->state, NEURON_FW_STATE_CRASHED);
	assert_int_equal(f->error, NEURON_MGMT_ERROR_CRASH);
	assert_int_equal(f->error_arg, 2);
	assert_int_equal(f->misc[NEURON_MISC_FW_STATUS / 4], 0);
	assert_non_null(strstr(f->console, "crash: cause 2 "));
	memcpy(&crash, f->ext + NEURON_EXT_CRASH / 4, sizeof(crash));
	assert_int_equal(crash.magic, NEURON_FW_CRASH_MAGIC);
	assert_int_equal(crash.cause, 2);
	assert_in_range(crash.epc, NEURON_MGMT_SRAM, NEURON_MGMT_SRAM + NEURON_MGMT_SRAM_SIZE);
	assert_int_equal(crash.version, get_ext(NEURON_EXT_FW_VERSION));
	assert_int_equal(crash.regs[0], 0);
	assert_in_range(crash.regs[2], NEURON_MGMT_SRAM, NEURON_MGMT_SRAM + NEURON_MGMT_SRAM_SIZE);
	assert_false(emu_mgmt_pending(f->mgmt));
	emu_mgmt_raise(f->mgmt, ~0u);
	assert_false(emu_mgmt_pending(f->mgmt));

	assert_int_equal(emu_mgmt_boot(f->mgmt, image, image_size), NEURON_FW_BOOT_OK);
	fake_run(f, 1000000);
	assert_int_equal(f->state, NEURON_FW_STATE_RUNNING);
	fwio(9, NEURON_FWIO_POST, 8, 0);
	assert_int_equal(f->host[RSP], 9);
}

/* The job of the firmware before is not the new one's, but its core is waited for. */
static void test_reboot_while_a_job_runs(void **state)
{
	const struct neuron_completion aborted = { .status = NEURON_JOB_ABORTED };

	enable(0);
	submit(0, NEURON_JOB_EXEC, 1);
	assert_int_equal(f->started, 1);
	assert_int_equal(emu_mgmt_boot(f->mgmt, image, image_size), NEURON_FW_BOOT_OK);
	assert_true(f->aborted > 0);
	fake_run(f, 1000000);
	assert_int_equal(get_ext(NEURON_EXT_QUEUE(0) + NEURON_Q_STATE), NEURON_Q_STATE_DISABLED);
	put = 0;
	enable(0);
	submit(0, NEURON_JOB_EXEC, 1);
	assert_int_equal(f->started, 1);
	emu_mgmt_nc_done(f->mgmt, 0, &aborted);
	f->finish_at_once = true;
	fake_run(f, 1000000);
	assert_int_equal(f->started, 2);
	assert_int_equal(seq(), 1);
	assert_int_equal(f->state, NEURON_FW_STATE_RUNNING);
}

static void test_heartbeat(void **state)
{
	uint64_t next = 0, start = 0;
	uint32_t beat = get_ext(NEURON_EXT_FW_HEARTBEAT);
	struct timespec ts = { .tv_nsec = 10000000 };

	emu_mgmt_run(f->mgmt, 1, &start);
	assert_in_range(start, 0, NEURON_FW_HEARTBEAT_MS * 1000);
	for (int i = 0; i < 100 && get_ext(NEURON_EXT_FW_HEARTBEAT) == beat; i++) {
		nanosleep(&ts, NULL);
		emu_mgmt_run(f->mgmt, 100000, &next);
	}
	assert_int_equal(get_ext(NEURON_EXT_FW_HEARTBEAT), beat + 1);
	assert_int_equal(f->misc[NEURON_MISC_POWER / 4] >> 16, 1);
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest all[] = {
		T(test_boot), T(test_asked_before_boot), T(test_fwio), T(test_reset), T(test_jobs), T(test_instructions_per_job),
		T(test_crash_and_reboot), T(test_reboot_while_a_job_runs), T(test_heartbeat),
	};
	char path[4096], *slash;
	int err;

	/* the image lies beside the tests: OUT/tests/unit/x and OUT/firmware */
	snprintf(path, sizeof(path) - 64, "%s", argv[0]);
	slash = strrchr(path, '/');
	strcpy(slash ? slash : path, slash ? "/../../firmware/inferentia.bin" : "../../firmware/inferentia.bin");
	image = read_file(path, &image_size);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	err = cmocka_run_group_tests(all, NULL, NULL);
	free(image);
	return err;
}
