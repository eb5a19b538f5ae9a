// SPDX-License-Identifier: Apache-2.0
/* BARs and the 48-bit device address map: the same things seen from both sides. */
#include <errno.h>
#include <string.h>

#include "bus.h"
#include "emu_harness.h"

static void dram(void **state)
{
	struct harness h;
	uint32_t value = 0x12345678, got = 0;

	harness_open(&h, 16);
	/* Channel 1 begins at 4 GiB of BAR4 and at 64 GiB of the device's addresses. */
	assert_int_equal(emu_bar_write(h.chip, 4, 0x100000040ull, &value, 4), 0);
	assert_int_equal(emu_bus_read(h.chip, NEURON_ADDR_DRAM1 + 0x40, &got, 4), 0);
	assert_int_equal(got, value);
	assert_int_equal(emu_bus_read(h.chip, NEURON_ADDR_AXI1 | (NEURON_ADDR_DRAM1 + 0x40), &got,
				      4), 0);
	assert_int_equal(got, value);
	assert_memory_equal((uint8_t *)emu_dram(h.chip, 1) + 0x40, &value, 4);
	assert_null(emu_dram(h.chip, 2));
	assert_ptr_equal(emu_bus_map(h.chip, 0x40, 4), (uint8_t *)emu_dram(h.chip, 0) + 0x40);
	/* A range may not leave its channel. */
	assert_null(emu_bus_map(h.chip, NEURON_DRAM_CHANNEL_SIZE - 4, 8));
	assert_int_equal(emu_bus_read(h.chip, NEURON_DRAM_CHANNEL_SIZE - 4, &got, 4), 0);
	assert_int_equal(emu_bus_read(h.chip, NEURON_DRAM_CHANNEL_SIZE - 2, &got, 4), -EFAULT);
	harness_close(&h);
}

static void holes(void **state)
{
	static const uint64_t nothing[] = {
		NEURON_DRAM_CHANNEL_SIZE, NEURON_ADDR_DRAM1 + NEURON_DRAM_CHANNEL_SIZE,
		0x0fffb0000000ull,
		NEURON_ADDR_APB + NEURON_BAR_APB_SIZE, 1ull << 48, UINT64_MAX - 3, NEURON_ADDR_HOST,
		NEURON_ADDR_HOST | (HOST_BASE + HOST_SIZE), NEURON_ADDR_HOST | 0x3fffffffffffull,
	};
	struct harness h;
	uint32_t value;
	unsigned int i;

	harness_open(&h, 16);
	for (i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
		assert_int_equal(emu_bus_read(h.chip, nothing[i], &value, 4), -EFAULT);
		assert_int_equal(emu_bus_write(h.chip, nothing[i], &value, 4), -EFAULT);
		assert_null(emu_bus_map(h.chip, nothing[i], 4));
	}
	harness_close(&h);
}

static void host(void **state)
{
	struct harness h;
	uint32_t value = 5;

	harness_open(&h, 16);
	h.host[16] = 0xab;
	assert_int_equal(emu_bus_read(h.chip, NEURON_ADDR_HOST | (HOST_BASE + 16), &value, 4), 0);
	assert_int_equal(value, 0xab);
	assert_int_equal(emu_bus_write(h.chip, NEURON_ADDR_HOST | HOST_RO, &value, 4), -EPERM);
	bus_master(&h, false);
	assert_int_equal(emu_bus_read(h.chip, NEURON_ADDR_HOST | (HOST_BASE + 16), &value, 4),
			 -EACCES);
	assert_int_equal(emu_bus_read_embedded(h.chip, NEURON_ADDR_HOST | (HOST_BASE + 16), &value,
					       4), 0);
	harness_close(&h);
}

static void registers(void **state)
{
	const uint64_t device_id = NEURON_MISC_BASE + NEURON_MISC_DEVICE_ID;
	struct harness h;
	uint32_t value = 9;

	harness_open(&h, 16);
	bar_write(&h, 0, device_id, 42);
	assert_int_equal(emu_bus_read(h.chip, NEURON_ADDR_MISC + NEURON_MISC_DEVICE_ID, &value, 4),
			 0);
	assert_int_equal(value, 42);
	assert_int_equal(emu_bus_read(h.chip, NEURON_ADDR_MISC + NEURON_MISC_DEVICE_ID + 1, &value,
				      4), -EINVAL);
	assert_int_equal(emu_bus_read(h.chip, NEURON_ADDR_APB + 0x700000, &value, 4), -EFAULT);
	assert_int_equal(h.errors, 0);
	/* putils, and instances of queues that do not exist */
	bar_write(&h, 0, NEURON_PUTILS(3) + 0x1bc0, 1);
	assert_int_equal(bar_read(&h, 0, NEURON_PUTILS(3) + 0x1bc0), 1);
	bar_write(&h, 0, NEURON_APB_TDMA(3, 2) + NEURON_TDMA_WRITE_ORDER, ~1u);
	assert_int_equal(bar_read(&h, 0, NEURON_APB_TDMA(3, 2) + NEURON_TDMA_WRITE_ORDER), ~1u);
	assert_int_equal(h.errors, 0);
	harness_close(&h);
}

static void semaphores(void **state)
{
	const uint64_t win = NEURON_NC_WINDOW(2);
	struct harness h;
	uint32_t one = 1;

	harness_open(&h, 16);
	bar_write(&h, 2, win + NEURON_NC_SEM_SET + 4 * 31, 10);
	bar_write(&h, 2, win + NEURON_NC_SEM_INC + 4 * 31, 1);
	bar_write(&h, 2, win + NEURON_NC_SEM_DEC + 4 * 31, 2);
	assert_int_equal(bar_read(&h, 2, win + NEURON_NC_SEM_READ + 4 * 31), 9);
	assert_int_equal(bar_read(&h, 2, NEURON_NC_WINDOW(1) + NEURON_NC_SEM_READ + 4 * 31), 0);
	assert_int_equal(emu_bus_write(h.chip, NEURON_ADDR_NC + win + NEURON_NC_SEM_INC + 4 * 31,
				       &one, 4), 0);
	assert_int_equal(bar_read(&h, 2, win + NEURON_NC_SEM_READ + 4 * 31), 10);
	bar_write(&h, 2, win + NEURON_NC_EVENTS + 4 * 255, 1);
	assert_int_equal(bar_read(&h, 2, win + NEURON_NC_EVENTS + 4 * 255), 1);
	assert_int_equal(h.errors, 0);
	bar_write(&h, 2, win + NEURON_NC_SEM_READ, 1);
	expect_error(&h, "mmio-access");
	bar_write(&h, 2, win + NEURON_NC_PE_FIFO, 1);
	expect_error(&h, "pe-fifo");
	harness_close(&h);
}

static void mistakes(void **state)
{
	struct harness h;
	uint64_t value = 0;

	harness_open(&h, 16);
	assert_int_equal(bar_read(&h, 0, 0x500000), 0);
	expect_error(&h, "mmio-unknown");
	bar_write(&h, 2, 0, 1);
	expect_error(&h, "mmio-unknown");
	assert_int_equal(emu_bar_write(h.chip, 0, NEURON_MISC_BASE + 2, &value, 4), 0);
	expect_error(&h, "mmio-access");
	assert_int_equal(emu_bar_read(h.chip, 0, NEURON_MISC_BASE, &value, 1), 0);
	expect_error(&h, "mmio-access");
	bar_write(&h, 0, NEURON_EXT_BASE + NEURON_EXT_MAGIC, 1);
	expect_error(&h, "mmio-access");
	assert_int_equal(emu_bar_read(h.chip, 0, NEURON_BAR_APB_SIZE - 4, &value, 8), -EINVAL);
	assert_int_equal(emu_bar_read(h.chip, 1, 0, &value, 4), -EINVAL);
	assert_int_equal(emu_bar_read(h.chip, 4, UINT64_MAX, &value, 4), -EINVAL);
	/* A double word is two registers, the lower first. */
	value = 0x0000000200000001ull;
	assert_int_equal(emu_bar_write(h.chip, 0, NEURON_MISC_BASE + 0x100, &value, 8), 0);
	assert_int_equal(bar_read(&h, 0, NEURON_MISC_BASE + 0x104), 2);
	assert_int_equal(h.errors, 0);
	harness_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dram),
		cmocka_unit_test(holes),
		cmocka_unit_test(host),
		cmocka_unit_test(registers),
		cmocka_unit_test(semaphores),
		cmocka_unit_test(mistakes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("emu_bus", tests, NULL, NULL);
}
