// SPDX-License-Identifier: Apache-2.0
/*
 * The management core's peripherals: interrupt bits, time, copy engine, register port,
 * dispatch blocks of the NeuronCores. Registers are documented in <neuron/mgmt.h>.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <neuron/ext.h>
#include <neuron/fw.h>
#include <neuron/regs.h>
#include "fw_image.h"
#include "mgmt.h"
#include "rv32.h"

#define CONSOLE_LINE	160
#define NOT_ARMED	UINT64_MAX
#define CSR_MEPC	0x341
#define CSR_MCAUSE	0x342
#define CSR_MTVAL	0x343

/**
 * struct mgmt_nc - dispatch block of one NeuronCore
 * @state: NEURON_MGMT_NC_IDLE/RUNNING/DONE. The core's thread turns RUNNING into DONE and
 *	writes @result before; everything else is the service thread's
 */
struct mgmt_nc {
	uint32_t table_lo, table_hi, segments, owner, job;
	atomic_uint state;
	struct neuron_completion result;
};

struct emu_mgmt {
	struct emu_mgmt_ops ops;
	void *opaque;
	struct emu_rv32 *cpu;
	uint8_t *sram;
	uint64_t time_base;	/* ns */

	atomic_bool running;	/* firmware is loaded and not halted */
	atomic_bool asleep;	/* in WFI */
	atomic_uint pending;
	atomic_uint enable;
	atomic_uint sensors;	/* NEURON_EVENT_* */
	_Atomic uint64_t timer;	/* us, NOT_ARMED */

	uint32_t boot_error;
	uint32_t time_hi, timer_lo;
	uint32_t dma_lo, dma_hi, dma_local, dma_length, dma_status;
	uint32_t reg_lo, reg_hi, reg_status;
	uint32_t error_arg;
	struct mgmt_nc nc[NEURON_CORES];
	unsigned int line_length;
	char line[CONSOLE_LINE];
};

static uint64_t now_us(const struct emu_mgmt *m)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * 1000000000u + ts.tv_nsec - m->time_base) / 1000;
}

static bool timer_due(const struct emu_mgmt *m)
{
	uint64_t timer = atomic_load(&m->timer);

	return timer != NOT_ARMED && now_us(m) >= timer;
}

static void timer_check(struct emu_mgmt *m)
{
	if (timer_due(m)) {
		atomic_store(&m->timer, NOT_ARMED);
		atomic_fetch_or(&m->pending, NEURON_MGMT_IRQ_TIMER);
	}
}

static void console_flush(struct emu_mgmt *m)
{
	if (!m->line_length)
		return;
	m->line[m->line_length] = 0;
	m->line_length = 0;
	m->ops.console(m->opaque, m->line);
}

static void console_put(struct emu_mgmt *m, char c)
{
	if (c == '\n' || m->line_length == CONSOLE_LINE - 1)
		console_flush(m);
	/* what firmware prints may come from a host: keep lines plain text */
	if (c != '\n')
		m->line[m->line_length++] = c >= ' ' && c < 0x7f ? c : '?';
}

static void set_state(struct emu_mgmt *m, uint32_t fw_state)
{
	m->ops.state(m->opaque, fw_state, m->boot_error);
}

/* The host must not take a core without firmware for a ready one. */
static void set_not_ready(struct emu_mgmt *m)
{
	m->ops.misc_write(m->opaque, NEURON_MISC_FW_STATUS, 0);
}

static uint32_t bus_status(int err)
{
	return err ? NEURON_MGMT_BUS_UNMAPPED : NEURON_MGMT_BUS_OK;
}

static void dma_start(struct emu_mgmt *m, uint32_t direction)
{
	uint64_t addr = m->dma_lo | (uint64_t)m->dma_hi << 32;
	uint32_t off = m->dma_local - NEURON_MGMT_SRAM;

	if (off >= NEURON_MGMT_SRAM_SIZE || m->dma_length > NEURON_MGMT_SRAM_SIZE - off) {
		m->dma_status = NEURON_MGMT_BUS_LOCAL;
		return;
	}
	if (direction == NEURON_MGMT_DMA_READ) {
		m->dma_status = bus_status(m->ops.bus_read(m->opaque, addr, m->sram + off,
							   m->dma_length));
		emu_rv32_invalidate(m->cpu, m->dma_local, m->dma_length);
	} else {
		m->dma_status = bus_status(m->ops.bus_write(m->opaque, addr, m->sram + off,
							    m->dma_length));
	}
}

static int nc_start(struct emu_mgmt *m, unsigned int n)
{
	struct mgmt_nc *nc = &m->nc[n];
	uint32_t off = nc->job - NEURON_MGMT_SRAM;
	struct neuron_job job;

	if (atomic_load(&nc->state) != NEURON_MGMT_NC_IDLE)
		return -EFAULT;
	atomic_store(&nc->state, NEURON_MGMT_NC_RUNNING);
	if (off >= NEURON_MGMT_SRAM_SIZE || sizeof(job) > NEURON_MGMT_SRAM_SIZE - off) {
		struct neuron_completion bad = { .status = NEURON_JOB_DESCRIPTOR };

		emu_mgmt_nc_done(m, n, &bad);
		return 0;
	}
	memcpy(&job, m->sram + off, sizeof(job));
	m->ops.nc_start(m->opaque, n, nc->table_lo | (uint64_t)nc->table_hi << 32, nc->segments,
			nc->owner, &job);
	return 0;
}

static int nc_ctrl(struct emu_mgmt *m, unsigned int n, uint32_t value)
{
	unsigned int state = atomic_load(&m->nc[n].state);

	switch (value) {
	case NEURON_MGMT_NC_START:
		return nc_start(m, n);
	case NEURON_MGMT_NC_ABORT:
		if (state == NEURON_MGMT_NC_RUNNING)
			m->ops.nc_abort(m->opaque, n);
		return 0;
	case NEURON_MGMT_NC_ACK:
		if (state == NEURON_MGMT_NC_DONE)
			atomic_store(&m->nc[n].state, NEURON_MGMT_NC_IDLE);
		return 0;
	default:
		return -EFAULT;
	}
}

static int nc_read(struct emu_mgmt *m, unsigned int n, uint32_t reg, uint32_t *value)
{
	struct mgmt_nc *nc = &m->nc[n];
	/* the result belongs to the core's thread until DONE */
	static const struct neuron_completion none;
	unsigned int state = atomic_load(&nc->state);
	const struct neuron_completion *r = state == NEURON_MGMT_NC_DONE ? &nc->result : &none;

	switch (reg) {
	case NEURON_MGMT_NC_TABLE_LO: *value = nc->table_lo; break;
	case NEURON_MGMT_NC_TABLE_HI: *value = nc->table_hi; break;
	case NEURON_MGMT_NC_SEGMENTS: *value = nc->segments; break;
	case NEURON_MGMT_NC_OWNER: *value = nc->owner; break;
	case NEURON_MGMT_NC_JOB: *value = nc->job; break;
	case NEURON_MGMT_NC_STATE: *value = state; break;
	case NEURON_MGMT_NC_STATUS: *value = r->status; break;
	case NEURON_MGMT_NC_ENGINE: *value = r->engine; break;
	case NEURON_MGMT_NC_FLAGS: *value = r->flags; break;
	case NEURON_MGMT_NC_PC: *value = r->pc; break;
	case NEURON_MGMT_NC_DETAIL_LO: *value = r->detail; break;
	case NEURON_MGMT_NC_DETAIL_HI: *value = r->detail >> 32; break;
	case NEURON_MGMT_NC_CYCLES_LO: *value = r->cycles; break;
	case NEURON_MGMT_NC_CYCLES_HI: *value = r->cycles >> 32; break;
	default: return -EFAULT;
	}
	return 0;
}

static int nc_write(struct emu_mgmt *m, unsigned int n, uint32_t reg, uint32_t value)
{
	struct mgmt_nc *nc = &m->nc[n];

	switch (reg) {
	case NEURON_MGMT_NC_TABLE_LO: nc->table_lo = value; break;
	case NEURON_MGMT_NC_TABLE_HI: nc->table_hi = value; break;
	case NEURON_MGMT_NC_SEGMENTS: nc->segments = value; break;
	case NEURON_MGMT_NC_OWNER: nc->owner = value; break;
	case NEURON_MGMT_NC_JOB: nc->job = value; break;
	case NEURON_MGMT_NC_CTRL: return nc_ctrl(m, n, value);
	default: return -EFAULT;
	}
	return 0;
}

static uint32_t time_read(struct emu_mgmt *m)
{
	uint64_t now = now_us(m);

	m->time_hi = now >> 32;
	return now;
}

static uint32_t port_read(struct emu_mgmt *m)
{
	uint32_t value = 0;
	uint64_t addr = m->reg_lo | (uint64_t)m->reg_hi << 32;

	m->reg_status = bus_status(m->ops.bus_read(m->opaque, addr, &value, sizeof(value)));
	return m->reg_status ? 0 : value;
}

static uint32_t pending_read(struct emu_mgmt *m)
{
	timer_check(m);
	return atomic_load(&m->pending);
}

static int regs_read(struct emu_mgmt *m, uint32_t off, uint32_t *value)
{
	if (off >= NEURON_MGMT_NC(0) && off < NEURON_MGMT_NC(NEURON_CORES))
		return nc_read(m, (off - NEURON_MGMT_NC(0)) / NEURON_MGMT_NC_SIZE,
			(off - NEURON_MGMT_NC(0)) % NEURON_MGMT_NC_SIZE, value);

	switch (off) {
	case NEURON_MGMT_PENDING: *value = pending_read(m); break;
	case NEURON_MGMT_ENABLE: *value = atomic_load(&m->enable); break;
	case NEURON_MGMT_TIME_LO: *value = time_read(m); break;
	case NEURON_MGMT_TIME_HI: *value = m->time_hi; break;
	case NEURON_MGMT_TIMER_LO: *value = m->timer_lo; break;
	case NEURON_MGMT_TIMER_HI: *value = atomic_load(&m->timer) >> 32; break;
	case NEURON_MGMT_DMA_ADDR_LO: *value = m->dma_lo; break;
	case NEURON_MGMT_DMA_ADDR_HI: *value = m->dma_hi; break;
	case NEURON_MGMT_DMA_LOCAL: *value = m->dma_local; break;
	case NEURON_MGMT_DMA_LENGTH: *value = m->dma_length; break;
	case NEURON_MGMT_DMA_STATUS: *value = m->dma_status; break;
	case NEURON_MGMT_REG_LO: *value = m->reg_lo; break;
	case NEURON_MGMT_REG_HI: *value = m->reg_hi; break;
	case NEURON_MGMT_REG_DATA: *value = port_read(m); break;
	case NEURON_MGMT_REG_STATUS: *value = m->reg_status; break;
	case NEURON_MGMT_ERROR_ARG: *value = m->error_arg; break;
	case NEURON_MGMT_LINKS: *value = m->ops.links(m->opaque); break;
	case NEURON_MGMT_RESET_US:
		*value = m->ops.reset_us ? m->ops.reset_us(m->opaque) : 0;
		break;
	case NEURON_MGMT_TEMPERATURE: *value = (uint32_t)m->ops.temperature(m->opaque); break;
	case NEURON_MGMT_SENSORS: *value = atomic_load(&m->sensors); break;
	case NEURON_MGMT_QCTRL_LO: *value = m->ops.queue_ctrl(m->opaque, 0); break;
	case NEURON_MGMT_QCTRL_HI: *value = m->ops.queue_ctrl(m->opaque, 0) >> 32; break;
	case NEURON_MGMT_QTAIL_LO: *value = m->ops.queue_tail(m->opaque, 0); break;
	case NEURON_MGMT_QTAIL_HI: *value = m->ops.queue_tail(m->opaque, 0) >> 32; break;
	default: return -EFAULT;
	}
	return 0;
}

static void timer_arm(struct emu_mgmt *m, uint32_t hi)
{
	uint64_t timer = m->timer_lo | (uint64_t)hi << 32;

	atomic_store(&m->timer, timer);
}

static void port_write(struct emu_mgmt *m, uint32_t value)
{
	uint64_t addr = m->reg_lo | (uint64_t)m->reg_hi << 32;

	m->reg_status = bus_status(m->ops.bus_write(m->opaque, addr, &value, sizeof(value)));
}

static int dma_ctrl(struct emu_mgmt *m, uint32_t value)
{
	if (value != NEURON_MGMT_DMA_READ && value != NEURON_MGMT_DMA_WRITE)
		return -EFAULT;
	dma_start(m, value);
	return 0;
}

static int regs_write(struct emu_mgmt *m, uint32_t off, uint32_t value)
{
	if (off >= NEURON_MGMT_NC(0) && off < NEURON_MGMT_NC(NEURON_CORES))
		return nc_write(m, (off - NEURON_MGMT_NC(0)) / NEURON_MGMT_NC_SIZE,
			(off - NEURON_MGMT_NC(0)) % NEURON_MGMT_NC_SIZE, value);

	switch (off) {
	case NEURON_MGMT_PENDING: atomic_fetch_and(&m->pending, ~value); break;
	case NEURON_MGMT_ENABLE: atomic_store(&m->enable, value); break;
	case NEURON_MGMT_TIMER_LO: m->timer_lo = value; break;
	case NEURON_MGMT_TIMER_HI: timer_arm(m, value); break;
	case NEURON_MGMT_DMA_ADDR_LO: m->dma_lo = value; break;
	case NEURON_MGMT_DMA_ADDR_HI: m->dma_hi = value; break;
	case NEURON_MGMT_DMA_LOCAL: m->dma_local = value; break;
	case NEURON_MGMT_DMA_LENGTH: m->dma_length = value; break;
	case NEURON_MGMT_DMA_CTRL: return dma_ctrl(m, value);
	case NEURON_MGMT_REG_LO: m->reg_lo = value; break;
	case NEURON_MGMT_REG_HI: m->reg_hi = value; break;
	case NEURON_MGMT_REG_DATA: port_write(m, value); break;
	case NEURON_MGMT_MSIX: m->ops.irq(m->opaque, value); break;
	case NEURON_MGMT_RESET: m->ops.reset(m->opaque, value); break;
	case NEURON_MGMT_CONSOLE: console_put(m, value); break;
	case NEURON_MGMT_ERROR_ARG: m->error_arg = value; break;
	case NEURON_MGMT_ERROR: m->ops.error(m->opaque, value, m->error_arg); break;
	case NEURON_MGMT_SENSORS: atomic_fetch_and(&m->sensors, ~value); break;
	case NEURON_MGMT_QCTRL_LO: m->ops.queue_ctrl(m->opaque, value); break;
	case NEURON_MGMT_QCTRL_HI: m->ops.queue_ctrl(m->opaque, (uint64_t)value << 32); break;
	case NEURON_MGMT_QTAIL_LO: m->ops.queue_tail(m->opaque, value); break;
	case NEURON_MGMT_QTAIL_HI: m->ops.queue_tail(m->opaque, (uint64_t)value << 32); break;
	default: return -EFAULT;
	}
	return 0;
}

static int core_read(void *opaque, uint32_t addr, uint32_t *value)
{
	struct emu_mgmt *m = opaque;

	if (addr - NEURON_MGMT_REGS < NEURON_MGMT_REGS_SIZE)
		return regs_read(m, addr - NEURON_MGMT_REGS, value);
	if (addr - NEURON_MGMT_MISC < NEURON_MISC_SIZE)
		*value = m->ops.misc_read(m->opaque, addr - NEURON_MGMT_MISC);
	else if (addr - NEURON_MGMT_EXT < NEURON_EXT_SIZE)
		*value = m->ops.ext_read(m->opaque, addr - NEURON_MGMT_EXT);
	else
		return -EFAULT;
	return 0;
}

static int core_write(void *opaque, uint32_t addr, uint32_t value)
{
	struct emu_mgmt *m = opaque;

	if (addr - NEURON_MGMT_REGS < NEURON_MGMT_REGS_SIZE)
		return regs_write(m, addr - NEURON_MGMT_REGS, value);
	if (addr - NEURON_MGMT_MISC < NEURON_MISC_SIZE)
		m->ops.misc_write(m->opaque, addr - NEURON_MGMT_MISC, value);
	else if (addr == NEURON_MGMT_EXT + NEURON_EXT_FW_STATE)
		set_state(m, value);
	else if (addr - NEURON_MGMT_EXT < NEURON_EXT_SIZE)
		m->ops.ext_write(m->opaque, addr - NEURON_MGMT_EXT, value);
	else
		return -EFAULT;
	return 0;
}

static void abort_jobs(struct emu_mgmt *m)
{
	for (unsigned int n = 0; n < NEURON_CORES; n++)
		if (atomic_load(&m->nc[n].state) == NEURON_MGMT_NC_RUNNING)
			m->ops.nc_abort(m->opaque, n);
}

/* Peripherals as after power-on, but for cores that still run an old firmware's job. */
static void reset_peripherals(struct emu_mgmt *m)
{
	atomic_store(&m->enable, 0);
	atomic_store(&m->timer, NOT_ARMED);
	atomic_store(&m->asleep, false);
	m->time_hi = m->timer_lo = 0;
	m->dma_lo = m->dma_hi = m->dma_local = m->dma_length = m->dma_status = 0;
	m->reg_lo = m->reg_hi = m->reg_status = 0;
	m->error_arg = 0;
	console_flush(m);
}

void emu_mgmt_halt(struct emu_mgmt *m)
{
	if (!atomic_load(&m->running))
		return;
	atomic_store(&m->running, false);
	abort_jobs(m);
	console_flush(m);
	set_not_ready(m);
	set_state(m, NEURON_FW_STATE_HALTED);
}

int emu_mgmt_boot(struct emu_mgmt *m, const void *image, size_t size)
{
	struct neuron_fw_header header;

	atomic_store(&m->running, false);
	abort_jobs(m);
	reset_peripherals(m);
	set_not_ready(m);
	m->boot_error = emu_fw_image_check(image, size, &header);
	if (m->boot_error) {
		set_state(m, NEURON_FW_STATE_RESET);
		return m->boot_error;
	}
	memset(m->sram, 0, NEURON_MGMT_SRAM_SIZE);
	memcpy(m->sram + (header.load - NEURON_MGMT_SRAM), (const uint8_t *)image + sizeof(header),
	       header.payload_size);
	emu_rv32_reset(m->cpu, header.entry);
	set_state(m, NEURON_FW_STATE_BOOTING);
	atomic_store(&m->running, true);
	return NEURON_FW_BOOT_OK;
}

void emu_mgmt_raise(struct emu_mgmt *m, uint32_t irqs)
{
	atomic_fetch_or(&m->pending, irqs);
}

void emu_mgmt_sense(struct emu_mgmt *m, uint32_t events)
{
	/* before the interrupt: firmware that takes it finds out why */
	atomic_fetch_or(&m->sensors, events);
	emu_mgmt_raise(m, NEURON_MGMT_IRQ_SENSOR);
}

void emu_mgmt_forget(struct emu_mgmt *m)
{
	atomic_store(&m->sensors, 0);
	atomic_store(&m->pending, 0);
}

void emu_mgmt_look(struct emu_mgmt *m, struct emu_mgmt_view *view)
{
	unsigned int i;

	view->running = atomic_load(&m->running);
	view->asleep = atomic_load(&m->asleep);
	view->pending = atomic_load(&m->pending);
	view->enable = atomic_load(&m->enable);
	view->pc = emu_rv32_get(m->cpu, EMU_RV32_PC);
	for (i = 0; i < 32; i++)
		view->x[i] = emu_rv32_get(m->cpu, i);
	for (i = 0; i < NEURON_CORES; i++)
		view->nc_state[i] = atomic_load(&m->nc[i].state);
}

bool emu_mgmt_pending(struct emu_mgmt *m)
{
	if (!atomic_load(&m->running))
		return false;
	return !atomic_load(&m->asleep) || (atomic_load(&m->pending) & atomic_load(&m->enable)) ||
	       timer_due(m);
}

void emu_mgmt_nc_done(struct emu_mgmt *m, unsigned int n, const struct neuron_completion *result)
{
	struct mgmt_nc *nc = &m->nc[n];

	if (n >= NEURON_CORES || atomic_load(&nc->state) != NEURON_MGMT_NC_RUNNING)
		return;
	nc->result = *result;
	/* publishes the result to nc_read() */
	atomic_store(&nc->state, NEURON_MGMT_NC_DONE);
	emu_mgmt_raise(m, NEURON_MGMT_IRQ_NC);
}

/* As firmware's own trap handler would have left it: the magic last. */
static void record_crash(struct emu_mgmt *m)
{
	struct neuron_fw_crash crash = {
		.cause = emu_rv32_csr(m->cpu, CSR_MCAUSE),
		.epc = emu_rv32_csr(m->cpu, CSR_MEPC),
		.tval = emu_rv32_csr(m->cpu, CSR_MTVAL),
		.time = now_us(m),
		.version = m->ops.ext_read(m->opaque, NEURON_EXT_FW_VERSION),
	};
	uint32_t word[sizeof(crash) / 4];
	unsigned int i;

	for (i = 0; i < 32; i++)
		crash.regs[i] = emu_rv32_get(m->cpu, i);
	memcpy(word, &crash, sizeof(crash));
	m->ops.ext_write(m->opaque, NEURON_EXT_CRASH, 0);
	for (i = 1; i < sizeof(crash) / 4; i++)
		m->ops.ext_write(m->opaque, NEURON_EXT_CRASH + i * 4, word[i]);
	m->ops.ext_write(m->opaque, NEURON_EXT_CRASH, NEURON_FW_CRASH_MAGIC);
}

/* No trap handler could be entered, so that the firmware cannot report it itself. */
static void locked_up(struct emu_mgmt *m)
{
	atomic_store(&m->running, false);
	abort_jobs(m);
	console_flush(m);
	set_not_ready(m);
	record_crash(m);
	m->ops.error(m->opaque, NEURON_MGMT_ERROR_CRASH, emu_rv32_csr(m->cpu, CSR_MCAUSE));
	set_state(m, NEURON_FW_STATE_CRASHED);
}

uint64_t emu_mgmt_run(struct emu_mgmt *m, uint64_t budget, uint64_t *next_us)
{
	uint64_t total = 0, done, timer, now;

	while (total < budget && emu_mgmt_pending(m)) {
		timer_check(m);
		atomic_store(&m->asleep, false);
		switch (emu_rv32_run(m->cpu, budget - total, &done)) {
		case EMU_RV32_WFI:
			atomic_store(&m->asleep, true);
			break;
		case EMU_RV32_LOCKUP:
			locked_up(m);
			break;
		case EMU_RV32_BUDGET:
			break;
		}
		total += done;
	}

	timer = atomic_load(&m->timer);
	now = now_us(m);
	if (!atomic_load(&m->running) || timer == NOT_ARMED)
		*next_us = UINT64_MAX;
	else
		*next_us = timer > now ? timer - now : 0;
	return total;
}

int emu_mgmt_create(const struct emu_mgmt_ops *ops, void *opaque, struct emu_mgmt **out)
{
	struct emu_mgmt *m = calloc(1, sizeof(*m));
	struct emu_rv32_bus bus = {
		.base = NEURON_MGMT_SRAM,
		.size = NEURON_MGMT_SRAM_SIZE,
		.read = core_read,
		.write = core_write,
	};
	int err;

	if (!m)
		return -ENOMEM;
	m->ops = *ops;
	m->opaque = opaque;
	m->time_base = now_us(m) * 1000;
	atomic_store(&m->timer, NOT_ARMED);
	m->sram = calloc(1, NEURON_MGMT_SRAM_SIZE);
	bus.ram = m->sram;
	bus.opaque = m;
	err = m->sram ? emu_rv32_create(&bus, &m->cpu) : -ENOMEM;
	if (err) {
		free(m->sram);
		free(m);
		return err;
	}
	*out = m;
	return 0;
}

void emu_mgmt_destroy(struct emu_mgmt *m)
{
	if (!m)
		return;
	emu_rv32_destroy(m->cpu);
	free(m->sram);
	free(m);
}
