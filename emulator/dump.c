// SPDX-License-Identifier: Apache-2.0
/* The chip's state as text, for people and for tests. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <neuron/ext.h>

#include "chip.h"
#include "mgmt.h"
#include "nc.h"

#define LOG_TAIL	2048

struct dump {
	void (*line)(void *opaque, const char *text);
	void *opaque;
};

static void put(struct dump *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct dump *d, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	d->line(d->opaque, text);
}

void emu_get_status(struct emu_chip *chip, struct emu_status *status)
{
	unsigned int i;

	*status = (struct emu_status){
		.fw_state = emu_ext_peek(chip, NEURON_EXT_FW_STATE),
		.heartbeat = emu_ext_peek(chip, NEURON_EXT_FW_HEARTBEAT),
		.temperature = atomic_load(&chip->sensors.temperature),
	};
	for (i = 0; i < NEURON_CORES; i++) {
		pthread_mutex_lock(&chip->core[i].lock);
		status->jobs_running += chip->core[i].state != EMU_CORE_IDLE;
		pthread_mutex_unlock(&chip->core[i].lock);
	}
	for (i = 0; i < EMU_GE_COUNT; i++)
		status->guest_errors += atomic_load(&chip->guest_errors[i]);
}

static void dump_chip(struct emu_chip *chip, struct dump *d)
{
	unsigned int i;

	put(d, "chip.index = %u", chip->config.index);
	put(d, "chip.revision = 0x%02x", chip->config.revision);
	put(d, "chip.vectors = %u", chip->config.vectors);
	put(d, "chip.bus_master = %d", atomic_load(&chip->pci.bus_master));
	put(d, "chip.links = 0x%x", atomic_load(&chip->links));
	put(d, "chip.off_the_bus = %d", emu_fault_dead(chip) ? 1 : 0);
	put(d, "sensors.temperature = %d", atomic_load(&chip->sensors.temperature));
	for (i = 0; i < NEURON_DRAM_CHANNELS; i++) {
		put(d, "sensors.ecc_corrected[%u] = %u", i,
		    atomic_load(&chip->sensors.corrected[i]));
		put(d, "sensors.ecc_uncorrected[%u] = %u", i,
		    atomic_load(&chip->sensors.uncorrected[i]));
	}
	put(d, "sensors.ecc_address = 0x%" PRIx64, atomic_load(&chip->sensors.address));
	put(d, "sensors.lost_lines = %u", atomic_load(&chip->sensors.lost));
}

static void dump_config(struct emu_chip *chip, struct dump *d)
{
	uint32_t copy[EMU_PCI_CONFIG_SIZE / 4];
	unsigned int i;

	pthread_mutex_lock(&chip->pci.lock);
	memcpy(copy, chip->pci.config, sizeof(copy));
	pthread_mutex_unlock(&chip->pci.lock);
	for (i = 0; i < sizeof(copy) / 4; i++)
		if (copy[i])
			put(d, "config.0x%03x = 0x%08x", i * 4, copy[i]);
}

static void dump_misc(struct emu_chip *chip, struct dump *d)
{
	uint32_t off, value;

	for (off = 0; off < NEURON_MISC_SIZE; off += 4) {
		value = emu_misc_peek(chip, off);
		if (value)
			put(d, "misc.0x%03x = 0x%08x", off, value);
	}
}

/* Without the log and the crash record, which are text of the management core's. */
static void dump_ext(struct emu_chip *chip, struct dump *d)
{
	uint32_t off, value;

	for (off = 0; off < NEURON_EXT_CRASH; off += 4) {
		value = emu_ext_peek(chip, off);
		if (value)
			put(d, "ext.0x%04x = 0x%08x", off, value);
	}
	for (off = 0; off < 3 * 4; off += 4)
		put(d, "ext.status.0x%02x = 0x%08x", off,
		    emu_ext_peek(chip, NEURON_EXT_STATUS + off));
}

static void dump_queue(struct emu_chip *chip, struct dump *d, unsigned int q)
{
	static const struct {
		uint32_t reg;
		const char *name;
	} regs[] = {
		{ NEURON_Q_STATE, "state" }, { NEURON_Q_ERROR, "error" },
		{ NEURON_Q_HEAD, "head" }, { NEURON_Q_RUNNING, "running" },
		{ NEURON_Q_RING_SIZE, "ring_size" }, { NEURON_Q_CONFIG, "config" },
		{ NEURON_Q_CTRL, "ctrl" },
	};
	uint32_t base = NEURON_EXT_QUEUE(q), tail = emu_ext_peek(chip, NEURON_EXT_DOORBELL + 4 * q);
	uint32_t any = tail;
	unsigned int i;

	for (i = 0; i < NEURON_EXT_QUEUE_SIZE; i += 4)
		any |= emu_ext_peek(chip, base + i);
	if (!any)
		return;
	for (i = 0; i < sizeof(regs) / sizeof(regs[0]); i++)
		put(d, "queue[%u].%s = %u", q, regs[i].name, emu_ext_peek(chip, base + regs[i].reg));
	put(d, "queue[%u].doorbell = %u", q, tail);
	put(d, "queue[%u].ring = 0x%08x%08x", q, emu_ext_peek(chip, base + NEURON_Q_RING_HI),
	    emu_ext_peek(chip, base + NEURON_Q_RING_LO));
	put(d, "queue[%u].completion_page = 0x%08x%08x", q,
	    emu_ext_peek(chip, base + NEURON_Q_CPL_HI), emu_ext_peek(chip, base + NEURON_Q_CPL_LO));
}

static void dump_ring(struct emu_chip *chip, struct dump *d, unsigned int engine,
		      enum emu_udma_half half, unsigned int q)
{
	struct emu_udma_engine *e = &chip->udma.engine[engine];
	struct emu_udma_view view;
	const char *name = half == EMU_M2S ? "m2s" : "s2m";

	pthread_mutex_lock(&e->lock);
	emu_udma_view_locked(e, half, q, &view);
	pthread_mutex_unlock(&e->lock);
	if (!view.base && !view.length && !view.running && !view.ring.status)
		return;
	put(d, "udma[%u].%s[%u].base = 0x%" PRIx64, engine, name, q, view.base);
	put(d, "udma[%u].%s[%u].length = %u", engine, name, q, view.length);
	put(d, "udma[%u].%s[%u].running = %d", engine, name, q, view.running);
	put(d, "udma[%u].%s[%u].head = %u", engine, name, q, view.ring.head);
	put(d, "udma[%u].%s[%u].pending = %u", engine, name, q, view.ring.pending);
	put(d, "udma[%u].%s[%u].ring_id = %u", engine, name, q, view.ring.ring_id);
	put(d, "udma[%u].%s[%u].status = 0x%x", engine, name, q, view.ring.status);
	put(d, "udma[%u].%s[%u].stalled = %d", engine, name, q,
	    atomic_load(&chip->faults.stalled[engine]) >> q & 1);
}

static void dump_udma(struct emu_chip *chip, struct dump *d)
{
	unsigned int engine, half, q;

	for (engine = 0; engine < NEURON_UDMA_ENGINES; engine++)
		for (half = 0; half < EMU_UDMA_HALVES; half++)
			for (q = 0; q < NEURON_UDMA_QUEUES; q++)
				dump_ring(chip, d, engine, half, q);
}

static void dump_notify(struct emu_chip *chip, struct dump *d, unsigned int core)
{
	struct emu_notify_core *n = &chip->notify.core[core];
	struct emu_notify_queue queue;
	unsigned int i;

	for (i = 0; i < EMU_NOTIFY_QUEUES; i++) {
		pthread_mutex_lock(&n->lock);
		queue = n->queue[i];
		pthread_mutex_unlock(&n->lock);
		if (queue.size)
			put(d, "core[%u].notify[%u] = base 0x%" PRIx64 ", size %u, next %u, lap %d",
			    core, i, queue.base, queue.size, queue.next, queue.lap);
	}
}

static void dump_core(struct emu_chip *chip, struct dump *d, unsigned int n)
{
	static const char *const states[] = { "idle", "running", "embedded", "stuck" };
	static const char *const engines[NEURON_STREAMS] = { "pe", "act", "pool", "dma" };
	struct emu_core *core = &chip->core[n];
	unsigned int i;

	pthread_mutex_lock(&core->lock);
	put(d, "core[%u].state = %s", n, states[core->state]);
	put(d, "core[%u].queued = %d", n, core->queued);
	put(d, "core[%u].owner = %u", n, core->owner);
	if (core->queued || core->state == EMU_CORE_RUNNING) {
		put(d, "core[%u].job.seq = %" PRIu64, n, (uint64_t)core->job.seq);
		put(d, "core[%u].job.context = %u", n, core->job.context);
		put(d, "core[%u].job.segments = %u", n, core->segments);
	}
	pthread_mutex_unlock(&core->lock);
	for (i = 0; i < NEURON_STREAMS; i++)
		put(d, "core[%u].pc.%s = %u", n, engines[i], emu_nc_pc(core->nc, i));
	for (i = 0; i < NEURON_NC_SEM_COUNT; i++)
		if (emu_nc_sem_read(core->nc, i))
			put(d, "core[%u].semaphore[%u] = %u", n, i, emu_nc_sem_read(core->nc, i));
	for (i = 0; i < NEURON_NC_EVENT_COUNT; i++)
		if (emu_nc_event_read(core->nc, i))
			put(d, "core[%u].event[%u] = %u", n, i, emu_nc_event_read(core->nc, i));
	dump_notify(chip, d, n);
}

/* The newest characters of the console, a line each. */
static void dump_log(struct emu_chip *chip, struct dump *d)
{
	uint32_t head = emu_ext_peek(chip, NEURON_EXT_LOG_HEAD), at, len = 0;
	char line[161];

	at = head > LOG_TAIL ? head - LOG_TAIL : 0;
	for (; at != head; at++) {
		uint32_t off = NEURON_EXT_LOG + at % NEURON_EXT_LOG_SIZE;
		char c = emu_ext_peek(chip, off & ~3u) >> off % 4 * 8;

		if (c != '\n' && len < sizeof(line) - 1)
			line[len++] = c >= ' ' && c < 0x7f ? c : '?';
		if (c != '\n' && at + 1 != head)
			continue;
		line[len] = 0;
		put(d, "mgmt.log = %s", line);
		len = 0;
	}
}

/* While the service thread stands still. */
static void dump_mgmt(struct emu_chip *chip, struct dump *d)
{
	struct emu_mgmt_view view;
	unsigned int i;

	emu_mgmt_look(chip->mgmt, &view);
	put(d, "mgmt.running = %d", view.running);
	put(d, "mgmt.asleep = %d", view.asleep);
	put(d, "mgmt.hung = %d", emu_fault_fw_hung(chip) ? 1 : 0);
	put(d, "mgmt.pending = 0x%x", view.pending);
	put(d, "mgmt.enable = 0x%x", view.enable);
	put(d, "mgmt.pc = 0x%08x", view.pc);
	for (i = 1; i < 32; i++)
		put(d, "mgmt.x%u = 0x%08x", i, view.x[i]);
	for (i = 0; i < NEURON_CORES; i++)
		put(d, "mgmt.nc[%u].state = %u", i, view.nc_state[i]);
	dump_log(chip, d);
}

static void dump_faults(struct emu_chip *chip, struct dump *d)
{
	struct emu_fault_info info;
	unsigned int i;

	for (i = 0; emu_fault_get(chip, i, &info); i++)
		put(d, "fault[%u] = %s, fired %" PRIu64 " of %" PRIu64, i, info.spec, info.fired,
		    info.seen);
	for (i = 0; i < EMU_GE_COUNT; i++)
		if (atomic_load(&chip->guest_errors[i]))
			put(d, "guest_error.%s = %" PRIu64, emu_guest_error_name(i),
			    atomic_load(&chip->guest_errors[i]));
}

void emu_dump(struct emu_chip *chip, void (*line)(void *opaque, const char *text), void *opaque)
{
	struct dump d = { line, opaque };
	unsigned int i;

	emu_service_stop(chip);
	dump_chip(chip, &d);
	dump_config(chip, &d);
	dump_misc(chip, &d);
	dump_ext(chip, &d);
	for (i = 0; i < NEURON_QUEUES; i++)
		dump_queue(chip, &d, i);
	dump_udma(chip, &d);
	for (i = 0; i < NEURON_CORES; i++)
		dump_core(chip, &d, i);
	dump_mgmt(chip, &d);
	dump_faults(chip, &d);
	emu_service_resume(chip);
}
