/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The misc RAM doorbell: resets and FWIO requests share it.
 */
#ifndef FW_MAILBOX_H
#define FW_MAILBOX_H

/* Do what a host may have asked for before this firmware ran. */
void fw_mailbox_init(void);
/* The doorbell was rung. */
void fw_mailbox_ring(void);
/* Do what the doorbell asks for, once nothing stands in its way. */
void fw_mailbox_run(void);

#endif
