/* SPDX-License-Identifier: Apache-2.0 */
/* The test tables, one per concern; each ends with a null name. */
#ifndef FOREIGN_TESTS_H
#define FOREIGN_TESTS_H

#include "host.h"
#include "tap.h"

#define NEED_LINK	0x1	/* a connection */
#define NEED_READY	0x2	/* and a device that has been brought up */
#define CLEAN		0x4	/* valid use throughout: no guest error may be logged */
#define DIRTY		0x8	/* leaves the device in a state that nobody knows */

struct test {
	const char *name;
	int (*run)(struct host *h);
	unsigned int flags;
};

extern const struct test vfio_tests[];
extern const struct test bringup_tests[];
extern const struct test fwio_tests[];
extern const struct test copy_tests[];
extern const struct test packet_tests[];
extern const struct test sync_tests[];
extern const struct test reset_tests[];
extern const struct test error_tests[];
extern const struct test contract_tests[];
extern const struct test notify_tests[];
extern const struct test personality_tests[];
extern const struct test garbage_tests[];
extern const struct test link_tests[];
extern const struct test fault_tests[];

/*
 * Each documented register of @owner's chip, as the mailbox of @h reads it in address @space, is what
 * @owner's BARs read. @mark: 1..255, is written where it may be.
 */
int contract_sweep(struct host *h, struct host *owner, uint64_t space, uint32_t mark);

/* n rounds of hostile messages, MMIO and DMA; 0 when the server survived. */
int fuzz(struct host *h, unsigned long n, uint32_t seed);

#endif
