/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The FWIO mailbox: hosts read registers by messages.
 */
#ifndef FW_FWIO_H
#define FW_FWIO_H

#include <stdint.h>

/* Misc RAM's request and response addresses. */
struct fw_fwio_addresses {
	uint64_t request;
	uint64_t response;
};

/* Answer the request at @at, whatever is there. */
void fw_fwio_serve(const struct fw_fwio_addresses *at);

#endif
