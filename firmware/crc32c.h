/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C as FWIO uses it.
 */
#ifndef FW_CRC32C_H
#define FW_CRC32C_H

#include <stdint.h>

/* Build the table. Before the first fw_crc32c(). */
void fw_crc32c_init(void);
/* Go on from @crc, which begins as ~0; the result is its complement. */
uint32_t fw_crc32c(uint32_t crc, const void *data, uint32_t len);

#endif
