// SPDX-License-Identifier: GPL-2.0
/* Firmware images of every length up to a header, and each field that the driver judges. */
#include <kunit/test.h>

#include "neuron_fw_image.c"

#define PAYLOAD	16

struct image {
	struct neuron_fw_header header;
	u8 payload[PAYLOAD];
};

static const struct image good = {
	.header = {
		.magic = NEURON_FW_MAGIC,
		.header_size = sizeof(struct neuron_fw_header),
		.api = NEURON_FW_API_MAJOR << 16 | 0xffff,
		.payload_size = PAYLOAD,
	},
};

static void good_one(struct kunit *test)
{
	const char *why = NULL;

	KUNIT_EXPECT_EQ(test, neuron_fw_image_check(&good, sizeof(good), &why), 0);
	KUNIT_EXPECT_NULL(test, why);
}

/* Each in memory of just its size: KASAN sees a read beyond it. */
static void every_truncation(struct kunit *test)
{
	const char *why;
	size_t size;

	for (size = 0; size < sizeof(good); size++) {
		void *copy = kunit_kmalloc(test, size, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, copy);
		memcpy(copy, &good, size);
		why = NULL;
		KUNIT_EXPECT_EQ(test, neuron_fw_image_check(copy, size, &why), -ENOEXEC);
		KUNIT_EXPECT_NOT_NULL(test, why);
	}
}

static void each_field(struct kunit *test)
{
	struct image bad;
	const char *why;

	bad = good;
	bad.header.magic ^= 1;
	KUNIT_EXPECT_EQ(test, neuron_fw_image_check(&bad, sizeof(bad), &why), -ENOEXEC);
	bad = good;
	bad.header.header_size -= 4;
	KUNIT_EXPECT_EQ(test, neuron_fw_image_check(&bad, sizeof(bad), &why), -ENOEXEC);
	bad = good;
	bad.header.payload_size++;
	KUNIT_EXPECT_EQ(test, neuron_fw_image_check(&bad, sizeof(bad), &why), -ENOEXEC);
	bad.header.payload_size = (u32)-sizeof(bad.header);
	KUNIT_EXPECT_EQ(test, neuron_fw_image_check(&bad, sizeof(bad), &why), -ENOEXEC);
	bad = good;
	bad.header.api += 1 << 16;
	KUNIT_EXPECT_EQ(test, neuron_fw_image_check(&bad, sizeof(bad), &why), -ENOEXEC);
	bad.header.api = 0xffff;
	KUNIT_EXPECT_EQ(test, neuron_fw_image_check(&bad, sizeof(bad), &why), -ENOEXEC);
}

static struct kunit_case neuron_fw_image_cases[] = {
	KUNIT_CASE(good_one),
	KUNIT_CASE(every_truncation),
	KUNIT_CASE(each_field),
	{}
};

static struct kunit_suite neuron_fw_image_suite = {
	.name = "neuron_fw_image",
	.test_cases = neuron_fw_image_cases,
};

kunit_test_suite(neuron_fw_image_suite);
