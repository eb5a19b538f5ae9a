// SPDX-License-Identifier: Apache-2.0
/*
 * Firmware: the FWIO mailbox, from doorbell to response.
 */
#include <neuron/fwio.h>
#include "fw_mock.h"

#define REQ_OFF	0x1000u
#define RSP_OFF	0x40000u

struct request {
	struct neuron_fwio_request head;
	uint64_t addr[8191];
};

static struct request *req;
static struct neuron_fwio_response *rsp;

/* Bit by bit: not the firmware's table. */
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

static int setup(void **state)
{
	mock_boot();
	req = host_ptr(REQ_OFF);
	rsp = host_ptr(RSP_OFF);
	return 0;
}

static void prepare(uint8_t seq, uint8_t cmd, uint16_t size)
{
	req->head = (struct neuron_fwio_request){ .seq = seq, .cmd = cmd, .size = size };
	req->head.crc = crc32c(req, size);
	memset(rsp, 0xee, 4096);
}

static void send_to(uint64_t request, uint64_t response)
{
	misc_set(NEURON_MISC_FWIO_REQ_LO, (uint32_t)request);
	misc_set(NEURON_MISC_FWIO_REQ_HI, request >> 32);
	misc_set(NEURON_MISC_FWIO_RSP_LO, (uint32_t)response);
	misc_set(NEURON_MISC_FWIO_RSP_HI, response >> 32);
	mock_raise(NEURON_MGMT_IRQ_DOORBELL);
}

static void send(void)
{
	send_to(HOST(REQ_OFF) | NEURON_ADDR_HOST, HOST(RSP_OFF) | NEURON_ADDR_HOST);
}

static const uint32_t *values(void)
{
	return (const uint32_t *)(rsp + 1);
}

static void expect_response(uint8_t seq, uint8_t error, uint32_t count)
{
	assert_int_equal(rsp->seq, seq);
	assert_int_equal(rsp->error, error);
	assert_int_equal(rsp->size, sizeof(*rsp) + 4 * count);
	/* and not a byte more */
	assert_int_equal(((uint8_t *)rsp)[rsp->size], 0xee);
}

static void test_crc_of_the_standard(void **state)
{
	assert_int_equal(crc32c("123456789", 9), 0xe3069283);
}

static void test_read(void **state)
{
	misc_set(NEURON_MISC_DEVICE_ID, 0x1234);
	req->addr[0] = NEURON_ADDR_MISC + NEURON_MISC_DEVICE_ID;
	req->addr[1] = NEURON_ADDR_APB + 0x1034;
	req->addr[2] = NEURON_ADDR_EAST | (NEURON_ADDR_MISC + NEURON_MISC_DEVICE_ID);
	prepare(7, NEURON_FWIO_READ, 8 + 24);
	send();
	expect_response(7, NEURON_FWIO_OK, 3);
	assert_int_equal(values()[0], 0x1234);
	assert_int_equal(values()[1], (uint32_t)(NEURON_ADDR_APB + 0x1034));
	assert_int_equal(values()[2], (uint32_t)(NEURON_ADDR_MISC + NEURON_MISC_DEVICE_ID));
	assert_int_equal(log_count(DID_ERROR), 0);
}

/* Whoever sees seq must see the rest. */
static void test_seq_is_written_last(void **state)
{
	int body, seq;

	req->addr[0] = NEURON_ADDR_APB;
	prepare(200, NEURON_FWIO_READ, 16);
	send();
	body = log_find(DID_WRITE, HOST(RSP_OFF) + 1, 0);
	seq = log_find(DID_WRITE, HOST(RSP_OFF), 0);
	assert_true(body >= 0 && seq > body);
	assert_int_equal(mock.log[body].b, 7);
	assert_int_equal(mock.log[seq].b, 1);
	assert_int_equal(log_count(DID_WRITE), 2);
}

static void test_hundred_reads(void **state)
{
	for (int i = 0; i < 101; i++)
		req->addr[i] = NEURON_ADDR_APB + 4 * i;
	prepare(1, NEURON_FWIO_READ, 8 + 800);
	send();
	expect_response(1, NEURON_FWIO_OK, 100);
	for (int i = 0; i < 100; i++)
		assert_int_equal(values()[i], (uint32_t)(NEURON_ADDR_APB + 4 * i));
	prepare(2, NEURON_FWIO_READ, 8 + 808);
	send();
	expect_response(2, NEURON_FWIO_FAIL, 0);
	assert_true(log_error(NEURON_MGMT_ERROR_FWIO_SIZE));
}

static void test_bad_crc_is_not_acted_on(void **state)
{
	req->addr[0] = NEURON_ADDR_APB;
	prepare(9, NEURON_FWIO_READ, 16);
	req->addr[0] = NEURON_ADDR_APB + 4;
	send();
	expect_response(9, NEURON_FWIO_FAIL, 0);
	assert_true(log_error(NEURON_MGMT_ERROR_FWIO_CRC));
	prepare(10, 99, 8);
	req->head.crc ^= 1;
	send();
	/* an unknown command with a bad CRC is no command */
	expect_response(10, NEURON_FWIO_FAIL, 0);
}

static void test_sizes(void **state)
{
	static const uint16_t bad[] = { 0, 1, 7, 9, 12, 15, 17 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		log_clear();
		prepare(3, NEURON_FWIO_READ, bad[i]);
		send();
		expect_response(3, NEURON_FWIO_FAIL, 0);
		assert_true(log_error(NEURON_MGMT_ERROR_FWIO_SIZE));
	}
	log_clear();
	prepare(4, NEURON_FWIO_READ, 8);
	send();
	expect_response(4, NEURON_FWIO_OK, 0);
	assert_int_equal(log_count(DID_ERROR), 0);
}

static void test_post(void **state)
{
	prepare(5, NEURON_FWIO_POST, 8);
	send();
	expect_response(5, NEURON_FWIO_OK, 0);
	memset(req->addr, 0x5a, sizeof(req->addr));
	prepare(255, NEURON_FWIO_POST, 65535);
	send();
	expect_response(255, NEURON_FWIO_OK, 0);
	assert_int_equal(log_count(DID_ERROR), 0);
}

static void test_unknown_command(void **state)
{
	prepare(6, 3, 8);
	send();
	expect_response(6, NEURON_FWIO_UNKNOWN, 0);
	assert_true(log_error(NEURON_MGMT_ERROR_FWIO_COMMAND));
	prepare(7, 0, 8);
	send();
	expect_response(7, NEURON_FWIO_UNKNOWN, 0);
}

static void test_seq_zero(void **state)
{
	prepare(0, NEURON_FWIO_POST, 8);
	send();
	assert_true(log_error(NEURON_MGMT_ERROR_FWIO_SEQ));
	expect_response(0, NEURON_FWIO_FAIL, 0);
}

static void test_register_that_does_not_exist(void **state)
{
	static const uint64_t bad[] = { 0, NEURON_ADDR_APB + 2, 0x123456789a, ~0ull >> 2 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		log_clear();
		req->addr[0] = NEURON_ADDR_APB;
		req->addr[1] = bad[i];
		prepare(8, NEURON_FWIO_READ, 24);
		send();
		expect_response(8, NEURON_FWIO_FAIL, 0);
		assert_true(log_error(NEURON_MGMT_ERROR_FWIO_READ));
	}
}

static void test_unreachable_addresses(void **state)
{
	const uint64_t good_req = HOST(REQ_OFF) | NEURON_ADDR_HOST, good_rsp = HOST(RSP_OFF) | NEURON_ADDR_HOST;
	const uint64_t bad[] = { 0, HOST(REQ_OFF), 0x1000 | NEURON_ADDR_HOST, NEURON_ADDR_EAST, 1ull << 60 | good_req };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		prepare(11, NEURON_FWIO_POST, 8);
		log_clear();
		send_to(bad[i], good_rsp);
		assert_true(log_error(NEURON_MGMT_ERROR_FWIO_ADDRESS));
		log_clear();
		send_to(good_req, bad[i]);
		assert_true(log_error(NEURON_MGMT_ERROR_FWIO_ADDRESS));
		assert_int_equal(rsp->seq, 0xee);
	}
	/* a request that claims to be longer than its memory */
	log_clear();
	mock.host_limit = RSP_OFF + 4096;
	memcpy(host_ptr(RSP_OFF + 4096 - 16), req, 8);
	req = host_ptr(RSP_OFF + 4096 - 16);
	req->head.size = 64;
	send_to(HOST(RSP_OFF + 4096 - 16) | NEURON_ADDR_HOST, good_rsp);
	assert_true(log_error(NEURON_MGMT_ERROR_FWIO_ADDRESS));
	assert_int_equal(rsp->seq, 0xee);
}

/* Ringing again without writing the addresses must not repeat the old request. */
static void test_request_is_taken_once(void **state)
{
	prepare(12, NEURON_FWIO_POST, 8);
	send();
	assert_int_equal(misc_get(NEURON_MISC_FWIO_REQ_HI) | misc_get(NEURON_MISC_FWIO_RSP_HI), 0);
	log_clear();
	mock_raise(NEURON_MGMT_IRQ_DOORBELL);
	mock_raise(NEURON_MGMT_IRQ_DOORBELL);
	assert_int_equal(log_count(DID_WRITE), 0);
	assert_true(log_error(NEURON_MGMT_ERROR_FWIO_ADDRESS));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest all[] = {
		T(test_crc_of_the_standard), T(test_read), T(test_seq_is_written_last), T(test_hundred_reads),
		T(test_bad_crc_is_not_acted_on), T(test_sizes), T(test_post), T(test_unknown_command),
		T(test_seq_zero), T(test_register_that_does_not_exist), T(test_unreachable_addresses),
		T(test_request_is_taken_once),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(all, NULL, NULL);
}
