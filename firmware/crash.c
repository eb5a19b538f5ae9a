// SPDX-License-Identifier: Apache-2.0
/*
 * The end of a firmware that trapped: tell the host what is known and stand still, so
 * that the driver can see it and load firmware anew.
 */
#include "crash.h"
#include "hw.h"
#include "log.h"

struct fw_crash_record fw_crash_record __attribute__((section(".crash")));

_Static_assert(offsetof(struct fw_crash_record, regs) == FW_CRASH_REGS, "start.S stores registers");

void fw_crash(uint32_t cause, uint32_t epc, uint32_t tval)
{
	struct fw_crash_record *r = &fw_crash_record;

	fw_reg_write(NEURON_MGMT_ENABLE, 0);
	r->cause = cause;
	r->epc = epc;
	r->tval = tval;
	r->time = fw_time();
	r->version = FW_VERSION;
	r->magic = FW_CRASH_MAGIC;
	fw_log("crash: cause %u at %x, value %x, ra %x, sp %x", (unsigned int)cause, (unsigned int)epc,
	       (unsigned int)tval, (unsigned int)r->regs[1], (unsigned int)r->regs[2]);
	fw_misc_write(NEURON_MISC_FW_STATUS, 0);
	fw_report(NEURON_MGMT_ERROR_CRASH, cause);
	fw_ext_write(NEURON_EXT_FW_STATE, NEURON_FW_STATE_CRASHED);
}
