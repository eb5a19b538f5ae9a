// SPDX-License-Identifier: Apache-2.0
/* Configuration space: what a host finds, what it may change, function level reset. */
#include <errno.h>
#include <linux/pci_regs.h>

#include "emu_harness.h"

static unsigned int find_cap(struct harness *h, unsigned int id)
{
	unsigned int at = config_read(h, PCI_CAPABILITY_LIST, 1), n = 0;

	while (at && n++ < 48) {
		if (config_read(h, at, 1) == id)
			return at;
		at = config_read(h, at + PCI_CAP_LIST_NEXT, 1);
	}
	return 0;
}

static unsigned int find_ext_cap(struct harness *h, unsigned int id)
{
	unsigned int at = 0x100;

	while (at) {
		uint32_t header = config_read(h, at, 4);

		if (PCI_EXT_CAP_ID(header) == id)
			return at;
		at = PCI_EXT_CAP_NEXT(header);
	}
	return 0;
}

static void header(void **state)
{
	struct harness h;

	harness_open(&h, 16);
	assert_int_equal(config_read(&h, PCI_VENDOR_ID, 2), 0x1d0f);
	assert_int_equal(config_read(&h, PCI_DEVICE_ID, 2), 0x7064);
	assert_int_equal(config_read(&h, PCI_REVISION_ID, 1), 0xff);
	assert_int_equal(config_read(&h, PCI_CLASS_REVISION, 4) >> 8, 0x120000);
	/* Read-only: stays. */
	config_write(&h, PCI_VENDOR_ID, 0, 4);
	assert_int_equal(config_read(&h, PCI_VENDOR_ID, 2), 0x1d0f);
	assert_int_equal(h.errors, 0);
	harness_close(&h);
}

static uint64_t size_bar(struct harness *h, unsigned int bar)
{
	unsigned int off = PCI_BASE_ADDRESS_0 + 4 * bar;
	uint64_t mask;

	config_write(h, off, 0xffffffff, 4);
	config_write(h, off + 4, 0xffffffff, 4);
	assert_int_equal(config_read(h, off, 4) & 0xf, 0xc);
	mask = (config_read(h, off, 4) & ~0xfu) | (uint64_t)config_read(h, off + 4, 4) << 32;
	return ~mask + 1;
}

static void bars(void **state)
{
	struct harness h;
	unsigned int bar;

	harness_open(&h, 16);
	for (bar = 0; bar <= 4; bar += 2)
		assert_int_equal(size_bar(&h, bar), emu_bar_size(h.chip, bar));
	assert_int_equal(size_bar(&h, 4), 8ull << 30);
	assert_int_equal(emu_bar_size(h.chip, 1), 0);
	assert_int_equal(emu_bar_size(h.chip, 6), 0);
	harness_close(&h);
}

static void capabilities(void **state)
{
	struct harness h;
	unsigned int at;

	harness_open(&h, 5);
	assert_int_not_equal(find_cap(&h, PCI_CAP_ID_PM), 0);
	at = find_cap(&h, PCI_CAP_ID_EXP);
	assert_int_not_equal(at, 0);
	assert_int_not_equal(config_read(&h, at + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR, 0);
	at = find_cap(&h, PCI_CAP_ID_MSIX);
	assert_int_not_equal(at, 0);
	assert_int_equal(config_read(&h, at + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE, 4);
	assert_int_equal(config_read(&h, at + PCI_MSIX_TABLE, 4),
			 NEURON_EXT_BASE + NEURON_EXT_MSIX_TABLE);
	config_write(&h, at + PCI_MSIX_FLAGS, 0xffff, 2);
	assert_int_equal(config_read(&h, at + PCI_MSIX_FLAGS, 2), 0xc004);
	assert_int_not_equal(find_ext_cap(&h, PCI_EXT_CAP_ID_ERR), 0);
	at = find_ext_cap(&h, PCI_EXT_CAP_ID_DSN);
	assert_int_equal(config_read(&h, at + 4, 4), 7);
	at = find_ext_cap(&h, PCI_EXT_CAP_ID_VNDR);
	assert_int_not_equal(at, 0);
	assert_int_equal(config_read(&h, at + 4, 2), NEURON_VSEC_ID);
	assert_int_equal(config_read(&h, at + NEURON_VSEC_BAR, 4), NEURON_EXT_BAR);
	assert_int_equal(config_read(&h, at + NEURON_VSEC_OFFSET, 4), NEURON_EXT_BASE);
	assert_int_equal(config_read(&h, at + NEURON_VSEC_LENGTH, 4), NEURON_EXT_SIZE);
	harness_close(&h);
}

static void no_msix(void **state)
{
	struct harness h;

	harness_open(&h, 0);
	assert_int_equal(find_cap(&h, PCI_CAP_ID_MSIX), 0);
	assert_int_not_equal(find_cap(&h, PCI_CAP_ID_EXP), 0);
	assert_int_equal(bar_read(&h, 0, NEURON_EXT_BASE + NEURON_EXT_GEOMETRY) >> 16, 0);
	harness_close(&h);
}

static void outside(void **state)
{
	struct harness h;
	uint8_t buf[8] = { 0 };

	harness_open(&h, 16);
	assert_int_equal(emu_config_read(h.chip, 4092, buf, 8), -EINVAL);
	expect_error(&h, "pci-config");
	assert_int_equal(emu_config_write(h.chip, 4096, buf, 1), -EINVAL);
	expect_error(&h, "pci-config");
	assert_int_equal(emu_config_read(h.chip, 4092, buf, 4), 0);
	assert_int_equal(h.errors, 0);
	harness_close(&h);
}

static void flr(void **state)
{
	const uint64_t device_id = NEURON_MISC_BASE + NEURON_MISC_DEVICE_ID;
	const uint64_t queue = NEURON_APB_UDMA(1, 2) + NEURON_UDMA_QUEUE(4);
	struct harness h;
	unsigned int exp;

	harness_open(&h, 16);
	exp = find_cap(&h, PCI_CAP_ID_EXP);
	bar_write(&h, 0, device_id, 3);
	bar_write(&h, 0, queue + NEURON_UDMA_Q_LENGTH, 100);
	config_write(&h, PCI_INTERRUPT_LINE, 11, 1);
	config_write(&h, exp + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_BCR_FLR, 2);
	assert_int_equal(config_read(&h, PCI_COMMAND, 2), 0);
	assert_int_equal(config_read(&h, PCI_INTERRUPT_LINE, 1), 0);
	assert_int_equal(config_read(&h, exp + PCI_EXP_DEVCTL, 2) & PCI_EXP_DEVCTL_BCR_FLR, 0);
	assert_int_equal(bar_read(&h, 0, device_id), 0);
	assert_int_equal(bar_read(&h, 0, queue + NEURON_UDMA_Q_LENGTH), 0);
	assert_int_equal(bar_read(&h, 0, queue + NEURON_UDMA_Q_CFG), NEURON_UDMA_Q_CFG_RESET_VALUE);
	harness_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header),
		cmocka_unit_test(bars),
		cmocka_unit_test(capabilities),
		cmocka_unit_test(no_msix),
		cmocka_unit_test(outside),
		cmocka_unit_test(flr),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("emu_pci", tests, NULL, NULL);
}
