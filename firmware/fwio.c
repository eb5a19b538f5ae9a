// SPDX-License-Identifier: Apache-2.0
/*
 * FWIO requests. A request is answered once and never acted on before its CRC is right;
 * what cannot be answered (addresses that lead nowhere) is reported to the chip.
 */
#include <neuron/fwio.h>
#include "crc32c.h"
#include "fwio.h"
#include "hw.h"

static union {
	struct neuron_fwio_request head;
	uint8_t byte[NEURON_FWIO_MAX_SIZE];
	uint32_t word[(NEURON_FWIO_MAX_SIZE + 3) / 4];
} request;

static struct {
	struct neuron_fwio_response head;
	uint32_t value[NEURON_FWIO_MAX_READS];
} response;

_Static_assert(sizeof(response.head) == 4, "the response's values follow its header");

/* The body first: a host that sees its seq must find the rest in place. */
static void answer(uint64_t to, uint8_t error, uint32_t values)
{
	uint32_t size = sizeof(response.head) + values * sizeof(response.value[0]), status;
	const uint8_t *bytes = (const uint8_t *)&response;

	response.head.seq = request.head.seq;
	response.head.error = error;
	response.head.size = size;
	status = fw_dma_write(to + 1, bytes + 1, size - 1);
	if (!status)
		status = fw_dma_write(to, bytes, 1);
	if (status)
		fw_report(NEURON_MGMT_ERROR_FWIO_ADDRESS, to);
}

static void fail(uint64_t to, uint32_t error, uint32_t arg)
{
	fw_report(error, arg);
	answer(to, error == NEURON_MGMT_ERROR_FWIO_COMMAND ? NEURON_FWIO_UNKNOWN : NEURON_FWIO_FAIL, 0);
}

static bool crc_right(uint32_t crc)
{
	request.head.crc = 0;
	return (uint32_t)~fw_crc32c(~0u, &request, request.head.size) == crc;
}

static void serve_read(uint64_t to)
{
	uint32_t bytes = request.head.size - sizeof(request.head), count = bytes / 8;
	const uint32_t *addr = &request.word[sizeof(request.head) / 4];

	if (bytes % 8 || count > NEURON_FWIO_MAX_READS) {
		fail(to, NEURON_MGMT_ERROR_FWIO_SIZE, request.head.size);
		return;
	}
	for (uint32_t i = 0; i < count; i++, addr += 2) {
		fw_reg_write(NEURON_MGMT_REG_LO, addr[0]);
		fw_reg_write(NEURON_MGMT_REG_HI, addr[1]);
		response.value[i] = fw_reg_read(NEURON_MGMT_REG_DATA);
		if (fw_reg_read(NEURON_MGMT_REG_STATUS)) {
			fail(to, NEURON_MGMT_ERROR_FWIO_READ, addr[0]);
			return;
		}
	}
	answer(to, NEURON_FWIO_OK, count);
}

static bool is_host(uint64_t addr)
{
	return (addr & NEURON_ADDR_SPACE_MASK) == NEURON_ADDR_HOST && !(addr & ~NEURON_ADDR_MASK);
}

/* Fetch the request in two steps: its buffer may end where its size says. */
static bool fetch(const struct fw_fwio_addresses *at)
{
	uint32_t size;

	if (!is_host(at->request) || !is_host(at->response)) {
		fw_report(NEURON_MGMT_ERROR_FWIO_ADDRESS,
			  is_host(at->request) ? at->response : at->request);
		return false;
	}
	if (fw_dma_read(at->request, &request, sizeof(request.head))) {
		fw_report(NEURON_MGMT_ERROR_FWIO_ADDRESS, at->request);
		return false;
	}
	size = request.head.size;
	if (size > sizeof(request.head) &&
	    fw_dma_read(at->request + sizeof(request.head), request.byte + sizeof(request.head),
			size - sizeof(request.head))) {
		fw_report(NEURON_MGMT_ERROR_FWIO_ADDRESS, at->request + sizeof(request.head));
		return false;
	}
	return true;
}

void fw_fwio_serve(const struct fw_fwio_addresses *at)
{
	uint32_t crc;

	if (!fetch(at))
		return;
	crc = request.head.crc;
	if (request.head.size < sizeof(request.head)) {
		fail(at->response, NEURON_MGMT_ERROR_FWIO_SIZE, request.head.size);
		return;
	}
	if (!crc_right(crc)) {
		fail(at->response, NEURON_MGMT_ERROR_FWIO_CRC, crc);
		return;
	}
	if (!request.head.seq) {
		fail(at->response, NEURON_MGMT_ERROR_FWIO_SEQ, request.head.seq);
		return;
	}
	switch (request.head.cmd) {
	case NEURON_FWIO_READ:
		serve_read(at->response);
		break;
	case NEURON_FWIO_POST:
		answer(at->response, NEURON_FWIO_OK, 0);
		break;
	default:
		fail(at->response, NEURON_MGMT_ERROR_FWIO_COMMAND, request.head.cmd);
		break;
	}
}
