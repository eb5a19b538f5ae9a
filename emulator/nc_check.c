// SPDX-License-Identifier: Apache-2.0
/*
 * Programs that are only looked at: the decoder of a core that executes nothing.
 */
#include <errno.h>

#include "emu.h"
#include "nc_core.h"

int emu_check_stream(const struct neuron_segment *segments, unsigned int segment_count,
		     unsigned int engine, const struct neuron_insn *insn, uint32_t count,
		     uint32_t *index, uint64_t *detail)
{
	static const struct emu_nc_bus no_bus;
	struct emu_nc_dec dec;
	struct emu_nc *nc;
	int ret = emu_nc_create(&no_bus, &nc);

	if (ret)
		return ret;
	nc->segments = segments;
	nc->segment_count = segment_count < NEURON_SEGMENTS ? segment_count : NEURON_SEGMENTS;
	for (*index = 0; *index < count; (*index)++) {
		dec.insn = insn[*index];
		ret = emu_nc_decode(nc, engine, &dec);
		if (ret)
			break;
	}
	*detail = nc->detail;
	emu_nc_destroy(nc);
	return ret;
}
