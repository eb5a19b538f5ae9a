/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/*
 * FWIO: the mailbox through which a host reads registers without an MMIO read.
 * Public contract. Request and response lie in host memory; misc RAM holds their
 * addresses, NEURON_MISC_DOORBELL starts a request. The response's seq is written
 * last; the host polls it.
 */
#ifndef _NEURON_FWIO_H
#define _NEURON_FWIO_H

#include "types.h"

#define NEURON_FWIO_READ	1	/* data: u64 device addresses; answer: u32 values */
#define NEURON_FWIO_POST	2	/* the metric blob in misc RAM was posted */

#define NEURON_FWIO_OK		0
#define NEURON_FWIO_FAIL	1
#define NEURON_FWIO_UNKNOWN	2

#define NEURON_FWIO_MAX_SIZE	65535
#define NEURON_FWIO_MAX_READS	100
/* CRC-32C, reflected; init and xorout ~0; over the whole request with crc = 0. */
#define NEURON_FWIO_CRC_POLY	0x82f63b78u

/**
 * struct neuron_fwio_request - header of a request
 * @seq: 1..255, never 0
 * @cmd: NEURON_FWIO_READ or NEURON_FWIO_POST
 * @size: bytes, this header included
 * @crc: CRC-32C of the request with this field 0
 */
struct neuron_fwio_request {
	__u8 seq;
	__u8 cmd;
	__u16 size;
	__u32 crc;
};

/**
 * struct neuron_fwio_response - header of a response
 * @seq: the request's; written last
 * @error: NEURON_FWIO_OK, _FAIL or _UNKNOWN
 * @size: bytes, this header included
 */
struct neuron_fwio_response {
	__u8 seq;
	__u8 error;
	__u16 size;
};

#endif
