// SPDX-License-Identifier: Apache-2.0
/*
 * The wire reader never reads behind its bytes, and refuses what is no message.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "onnx_wire.h"

static struct ncc_wire wire(const uint8_t *data, size_t n)
{
	return (struct ncc_wire){ .at = data, .end = data + n };
}

static void test_varint(void **state)
{
	static const uint8_t most[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01 };
	static const uint8_t more[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02 };
	static const uint8_t word[] = { 0xac, 0x02 };
	struct ncc_wire w = wire(word, 2);
	uint64_t v;

	assert_int_equal(ncc_wire_varint(&w, &v), 1);
	assert_int_equal(v, 300);
	assert_int_equal(ncc_wire_varint(&w, &v), 0);
	w = wire(most, sizeof(most));
	assert_int_equal(ncc_wire_varint(&w, &v), 1);
	assert_true(v == UINT64_MAX);
	w = wire(more, sizeof(more));
	assert_int_equal(ncc_wire_varint(&w, &v), -EBADMSG);
	for (size_t n = 1; n < sizeof(most); n++) {
		w = wire(most, n);
		assert_int_equal(ncc_wire_varint(&w, &v), -EBADMSG);
	}
}

static void test_fields(void **state)
{
	static const uint8_t data[] = {
		0x08, 0x96, 0x01,				/* 1: varint 150 */
		0x12, 0x03, 'a', 'b', 'c',			/* 2: bytes */
		0x1d, 0x00, 0x00, 0x80, 0x3f,			/* 3: 1.0f */
		0x21, 0x01, 0, 0, 0, 0, 0, 0, 0x80,		/* 4: fixed64 */
	};
	struct ncc_wire w = wire(data, sizeof(data));
	struct ncc_wire_field f;

	assert_int_equal(ncc_wire_next(&w, &f), 1);
	assert_int_equal(f.number, 1);
	assert_int_equal(f.value, 150);
	assert_int_equal(ncc_wire_next(&w, &f), 1);
	assert_int_equal(f.type, NCC_WIRE_BYTES);
	assert_int_equal(ncc_wire_size(&f.bytes), 3);
	assert_memory_equal(f.bytes.at, "abc", 3);
	assert_int_equal(ncc_wire_next(&w, &f), 1);
	assert_int_equal(f.value, 0x3f800000);
	assert_int_equal(ncc_wire_next(&w, &f), 1);
	assert_true(f.value == 0x8000000000000001u);
	assert_int_equal(ncc_wire_next(&w, &f), 0);
}

/* Every prefix that ends inside a field is refused; whole fields before it are given. */
static void test_truncated(void **state)
{
	static const uint8_t data[] = {
		0x08, 0x96, 0x01, 0x12, 0x03, 'a', 'b', 'c', 0x1d, 0, 0, 0x80, 0x3f,
	};
	static const size_t whole[] = { 0, 3, 8, 13 };

	for (size_t n = 0; n <= sizeof(data); n++) {
		struct ncc_wire w = wire(data, n);
		struct ncc_wire_field f;
		bool ends = false;
		int err;

		for (size_t i = 0; i < 4; i++)
			ends |= whole[i] == n;
		while ((err = ncc_wire_next(&w, &f)) == 1)
			;
		assert_int_equal(err, ends ? 0 : -EBADMSG);
	}
}

static void test_refused(void **state)
{
	static const uint8_t bad[][6] = {
		{ 0x00, 0x00 },				/* field 0 */
		{ 0x0b, 0x0c },				/* group */
		{ 0x0e, 0x00 },				/* type 6 */
		{ 0x12, 0xff, 0xff, 0xff, 0xff, 0x7f },	/* longer than the message */
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ncc_wire w = wire(bad[i], sizeof(bad[i]));
		struct ncc_wire_field f;

		assert_int_equal(ncc_wire_next(&w, &f), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_varint),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
