// SPDX-License-Identifier: Apache-2.0
/*
 * CRC-32C, a byte at a time from a table.
 */
#include <neuron/fwio.h>
#include "crc32c.h"

static uint32_t table[256];

void fw_crc32c_init(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ NEURON_FWIO_CRC_POLY : c >> 1;
		table[i] = c;
	}
}

uint32_t fw_crc32c(uint32_t crc, const void *data, uint32_t len)
{
	const uint8_t *p = data;

	while (len--)
		crc = crc >> 8 ^ table[(uint8_t)(crc ^ *p++)];
	return crc;
}
