// SPDX-License-Identifier: Apache-2.0
/*
 * The end of a firmware that trapped: tell the host what is known and stand still, so
 * that the driver can see it and load firmware anew.
 */
#include <neuron/fw.h>
#include "crash.h"
#include "hw.h"
#include "log.h"

struct neuron_fw_crash fw_crash_record __attribute__((section(".crash")));

_Static_assert(offsetof(struct neuron_fw_crash, regs) == FW_CRASH_REGS, "start.S stores registers");
_Static_assert(sizeof(struct neuron_fw_crash) <= NEURON_EXT_CRASH_SIZE, "the window has room");

/* A record that is there counts once its magic does: that is taken away first, and put last. */
static void publish(const struct neuron_fw_crash *r)
{
	const uint32_t *word = (const uint32_t *)r;

	fw_ext_write(NEURON_EXT_CRASH, 0);
	for (unsigned int i = 1; i < sizeof(*r) / sizeof(*word); i++)
		fw_ext_write(NEURON_EXT_CRASH + i * sizeof(*word), word[i]);
	fw_ext_write(NEURON_EXT_CRASH, r->magic);
}

void fw_crash(uint32_t cause, uint32_t epc, uint32_t tval)
{
	struct neuron_fw_crash *r = &fw_crash_record;

	fw_reg_write(NEURON_MGMT_ENABLE, 0);
	r->cause = cause;
	r->epc = epc;
	r->tval = tval;
	r->time = fw_time();
	r->version = FW_VERSION;
	r->magic = NEURON_FW_CRASH_MAGIC;
	publish(r);
	fw_log("crash: cause %u at %x, value %x, ra %x, sp %x", (unsigned int)cause, (unsigned int)epc,
	       (unsigned int)tval, (unsigned int)r->regs[1], (unsigned int)r->regs[2]);
	fw_misc_write(NEURON_MISC_FW_STATUS, 0);
	fw_report(NEURON_MGMT_ERROR_CRASH, cause);
	fw_ext_write(NEURON_EXT_FW_STATE, NEURON_FW_STATE_CRASHED);
}
