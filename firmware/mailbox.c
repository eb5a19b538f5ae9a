// SPDX-License-Identifier: Apache-2.0
/*
 * Which of its two users rang the misc RAM doorbell. RESET is not 0 for one; the request
 * addresses are for the other: hosts write them before each request, and firmware wipes
 * them when it takes one. Two rings may be seen as one, and a host may be writing the
 * addresses when firmware looks at them because of an earlier ring.
 */
#include "fwio.h"
#include "hw.h"
#include "mailbox.h"
#include "reset.h"

/* Wiped halves of an address: no buffer begins there, and host addresses have bit 46. */
#define WIPED_LO	0xffffffffu
#define WIPED_HI	0

static struct {
	bool rung;
	/* the ring may have been for something else: take only what is surely complete */
	bool doubtful;
	/* nothing was wiped yet: a low half of 0 may mean that it was not written */
	bool booting;
	/* a ring that belongs to what was already taken may follow */
	bool echo;
} mailbox;

static uint64_t address(uint32_t lo, uint32_t hi)
{
	return fw_misc_read(lo) | (uint64_t)fw_misc_read(hi) << 32;
}

static bool half_written(uint64_t addr)
{
	uint32_t lo = addr;

	return lo == WIPED_LO || addr >> 32 == WIPED_HI || (mailbox.booting && !lo);
}

static void wipe(void)
{
	fw_misc_write(NEURON_MISC_FWIO_REQ_LO, WIPED_LO);
	fw_misc_write(NEURON_MISC_FWIO_REQ_HI, WIPED_HI);
	fw_misc_write(NEURON_MISC_FWIO_RSP_LO, WIPED_LO);
	fw_misc_write(NEURON_MISC_FWIO_RSP_HI, WIPED_HI);
}

static struct fw_fwio_addresses addresses(void)
{
	return (struct fw_fwio_addresses){
		.request = address(NEURON_MISC_FWIO_REQ_LO, NEURON_MISC_FWIO_REQ_HI),
		.response = address(NEURON_MISC_FWIO_RSP_LO, NEURON_MISC_FWIO_RSP_HI),
	};
}

static void take_request(void)
{
	struct fw_fwio_addresses at = addresses();
	bool complete = !half_written(at.request) && !half_written(at.response);

	if (!complete && mailbox.doubtful) {
		mailbox.doubtful = false;
		return;
	}
	if (!complete && mailbox.echo) {
		mailbox.echo = false;
		return;
	}
	/* taken before its own ring? Then that is still to come. */
	mailbox.echo = mailbox.doubtful || mailbox.echo;
	mailbox.doubtful = false;
	/* before the answer, after which the host may write the next ones */
	wipe();
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
	struct fw_fwio_addresses at = addresses();

	mailbox.booting = at.request || at.response;
	mailbox.doubtful = mailbox.booting;
	mailbox.echo = mailbox.booting;
	mailbox.rung = mailbox.booting || fw_misc_read(NEURON_MISC_RESET);
	if (!mailbox.booting)
		wipe();
}

void fw_mailbox_start(void)
{
	fw_mailbox_run();
	mailbox.booting = false;
}
