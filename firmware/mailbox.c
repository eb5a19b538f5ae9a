// SPDX-License-Identifier: Apache-2.0
/*
 * Which of its two users rang the misc RAM doorbell. RESET is not 0 for one; the request
 * addresses, which hosts write before each request and firmware clears when it takes one,
 * are for the other. Two rings may be seen as one.
 */
#include "fwio.h"
#include "hw.h"
#include "mailbox.h"
#include "reset.h"

static struct {
	bool rung;
	/* the ring may have been for something else: take only what is surely complete */
	bool doubtful;
	/* a ring that belongs to what was already taken may follow */
	bool echo;
} mailbox;

static uint64_t address(uint32_t lo, uint32_t hi)
{
	return fw_misc_read(lo) | (uint64_t)fw_misc_read(hi) << 32;
}

static bool half_written(uint64_t addr)
{
	return !(uint32_t)addr || !(addr >> 32);
}

static void take_request(void)
{
	struct fw_fwio_addresses at = {
		.request = address(NEURON_MISC_FWIO_REQ_LO, NEURON_MISC_FWIO_REQ_HI),
		.response = address(NEURON_MISC_FWIO_RSP_LO, NEURON_MISC_FWIO_RSP_HI),
	};
	bool doubtful = mailbox.doubtful;

	mailbox.doubtful = false;
	if (doubtful && (half_written(at.request) || half_written(at.response)))
		return;
	if (!at.request && !at.response && mailbox.echo) {
		mailbox.echo = false;
		return;
	}
	mailbox.echo = doubtful;

	/* before the answer, after which the host may write the next ones */
	fw_misc_write(NEURON_MISC_FWIO_REQ_LO, 0);
	fw_misc_write(NEURON_MISC_FWIO_REQ_HI, 0);
	fw_misc_write(NEURON_MISC_FWIO_RSP_LO, 0);
	fw_misc_write(NEURON_MISC_FWIO_RSP_HI, 0);
	fw_fwio_serve(&at);
}

void fw_mailbox_run(void)
{
	if (!mailbox.rung)
		return;
	if (fw_misc_read(NEURON_MISC_RESET) && !fw_reset_busy()) {
		mailbox.doubtful = true;
		mailbox.echo = true;
		fw_reset_begin();
	}
	/* a host that asks during a reset gets its answer after it, as from silicon */
	if (fw_reset_busy())
		return;
	mailbox.rung = false;
	take_request();
}

void fw_mailbox_ring(void)
{
	mailbox.rung = true;
	fw_mailbox_run();
}

void fw_mailbox_init(void)
{
	mailbox.rung = true;
	mailbox.doubtful = true;
	mailbox.echo = true;
}
