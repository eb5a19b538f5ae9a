/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The misc RAM doorbell: resets and FWIO requests share it.
 */
#ifndef FW_MAILBOX_H
#define FW_MAILBOX_H

/*
 * Before firmware says that it is ready: from then on hosts write addresses, and none may
 * be wiped that firmware has not taken.
 */
void fw_mailbox_init(void);
/* Do what a host may have asked for before this firmware ran. */
void fw_mailbox_start(void);
/* The doorbell was rung. */
void fw_mailbox_ring(void);
/* Do what the doorbell asks for, once nothing stands in its way. */
void fw_mailbox_run(void);

#endif
