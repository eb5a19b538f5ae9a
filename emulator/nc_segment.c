// SPDX-License-Identifier: Apache-2.0
/* Access to the segments of the running job. All of a job's memory traffic goes through here. */

#include <errno.h>
#include <string.h>
#include "nc_core.h"

int emu_nc_segment_check(struct emu_nc *nc, unsigned int seg, uint32_t perm, int64_t low,
			 int64_t high)
{
	const struct neuron_segment *s;

	nc->detail = seg;
	if (seg >= nc->segment_count || seg == NEURON_ISA_NO_SEG)
		return NEURON_JOB_SEGMENT;
	s = &nc->segments[seg];
	if (!s->length || (s->flags & perm) != perm)
		return NEURON_JOB_SEGMENT;
	if (low < 0 || high < low || (uint64_t)high > s->length)
		return NEURON_JOB_SEGMENT;
	return NEURON_JOB_OK;
}

uint8_t *emu_nc_segment_map(struct emu_nc *nc, unsigned int seg)
{
	const struct neuron_segment *s = &nc->segments[seg];
	struct emu_nc_segmem *m = &nc->segmem[seg];

	if (atomic_load_explicit(&nc->remap, memory_order_relaxed) &&
	    atomic_exchange(&nc->remap, false))
		memset(nc->segmem, 0, sizeof(nc->segmem));
	if (!m->resolved) {
		bool wraps = s->base + s->length < s->base;

		m->host = wraps ? NULL : nc->bus.map(nc->bus.opaque, s->base, s->length);
		m->resolved = true;
	}
	return m->host;
}

static int bus_error(struct emu_nc *nc, unsigned int seg, int err)
{
	nc->detail = seg;
	return err == -EIO ? NEURON_JOB_ECC : NEURON_JOB_BUS;
}

int emu_nc_segment_read(struct emu_nc *nc, unsigned int seg, uint64_t off, void *buf, size_t len)
{
	uint64_t addr = nc->segments[seg].base + off;

	int err = addr + len < addr ? -EFAULT : nc->bus.read(nc->bus.opaque, addr, buf, len);

	return err ? bus_error(nc, seg, err) : NEURON_JOB_OK;
}

int emu_nc_segment_write(struct emu_nc *nc, unsigned int seg, uint64_t off, const void *buf,
			 size_t len)
{
	uint64_t addr = nc->segments[seg].base + off;

	int err = addr + len < addr ? -EFAULT : nc->bus.write(nc->bus.opaque, addr, buf, len);

	return err ? bus_error(nc, seg, err) : NEURON_JOB_OK;
}
