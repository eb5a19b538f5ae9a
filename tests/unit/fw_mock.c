// SPDX-License-Identifier: Apache-2.0
/*
 * The mock chip: <neuron/mgmt.h> in C, without time or threads of its own.
 */
#include "fw_mock.h"
#include "hw.h"
#include "main.h"

struct mock mock;

static struct {
	uint32_t size, put;
} rings[NEURON_QUEUES];

static uint32_t reg_lo, reg_hi, reg_status, timer_lo, error_arg;

static void did(enum did what, uint64_t a, uint64_t b)
{
	assert_true(mock.logged < LOG_SIZE);
	mock.log[mock.logged++] = (struct did_log){ what, a, b };
}

static uint8_t *host_at(uint64_t addr, uint32_t len)
{
	uint64_t off = (addr & ~NEURON_ADDR_HOST) - HOST_BASE;

	if ((addr & NEURON_ADDR_SPACE_MASK) != NEURON_ADDR_HOST || off >= mock.host_limit ||
	    len > mock.host_limit - off)
		return NULL;
	return mock.host + off;
}

uint32_t fw_dma_read(uint64_t addr, void *buf, uint32_t len)
{
	uint8_t *p = host_at(addr, len);

	did(DID_READ, addr & ~NEURON_ADDR_HOST, len);
	if (!p)
		return NEURON_MGMT_BUS_UNMAPPED;
	memcpy(buf, p, len);
	return NEURON_MGMT_BUS_OK;
}

uint32_t fw_dma_write(uint64_t addr, const void *buf, uint32_t len)
{
	uint8_t *p = host_at(addr, len);

	if (!p)
		return NEURON_MGMT_BUS_UNMAPPED;
	did(DID_WRITE, addr & ~NEURON_ADDR_HOST, len);
	memcpy(p, buf, len);
	return NEURON_MGMT_BUS_OK;
}

/* Registers of the chip for FWIO: misc RAM, and words whose value is their address. */
static uint32_t port_read(void)
{
	uint64_t addr = reg_lo | (uint64_t)reg_hi << 32;

	reg_status = NEURON_MGMT_BUS_OK;
	if (addr >= NEURON_ADDR_MISC && addr < NEURON_ADDR_MISC + NEURON_MISC_SIZE)
		return mock.misc[(addr - NEURON_ADDR_MISC) / 4];
	if (addr % 4 || (addr < NEURON_ADDR_APB && !(addr & NEURON_ADDR_SPACE_MASK))) {
		reg_status = NEURON_MGMT_BUS_UNMAPPED;
		return 0xdead;
	}
	return reg_lo;
}

static uint32_t nc_reg_read(unsigned int n, uint32_t reg)
{
	struct mock_nc *nc = &mock.nc[n];

	switch (reg) {
	case NEURON_MGMT_NC_STATE: return nc->state;
	case NEURON_MGMT_NC_STATUS: return nc->result.status;
	case NEURON_MGMT_NC_ENGINE: return nc->result.engine;
	case NEURON_MGMT_NC_FLAGS: return nc->result.flags;
	case NEURON_MGMT_NC_PC: return nc->result.pc;
	case NEURON_MGMT_NC_DETAIL_LO: return nc->result.detail;
	case NEURON_MGMT_NC_DETAIL_HI: return nc->result.detail >> 32;
	case NEURON_MGMT_NC_CYCLES_LO: return nc->result.cycles;
	case NEURON_MGMT_NC_CYCLES_HI: return nc->result.cycles >> 32;
	}
	fail_msg("firmware reads register %#x of core %u", reg, n);
	return 0;
}

void nc_finish(unsigned int n, enum neuron_job_status status, uint64_t cycles)
{
	struct mock_nc *nc = &mock.nc[n];

	assert_int_equal(nc->state, NEURON_MGMT_NC_RUNNING);
	nc->result = (struct neuron_completion){
		.status = status, .engine = 2, .flags = 1, .pc = 77, .detail = 0x1122334455667788, .cycles = cycles,
	};
	nc->state = NEURON_MGMT_NC_DONE;
	mock.pending |= NEURON_MGMT_IRQ_NC;
}

static void nc_ctrl(unsigned int n, uint32_t value)
{
	struct mock_nc *nc = &mock.nc[n];

	switch (value) {
	case NEURON_MGMT_NC_START:
		assert_int_equal(nc->state, NEURON_MGMT_NC_IDLE);
		did(DID_START, n, nc->job.seq);
		nc->state = NEURON_MGMT_NC_RUNNING;
		break;
	case NEURON_MGMT_NC_ABORT:
		did(DID_ABORT, n, 0);
		if (nc->state == NEURON_MGMT_NC_RUNNING && !nc->deaf)
			nc_finish(n, NEURON_JOB_ABORTED, 0);
		break;
	case NEURON_MGMT_NC_ACK:
		assert_int_equal(nc->state, NEURON_MGMT_NC_DONE);
		nc->state = NEURON_MGMT_NC_IDLE;
		break;
	default:
		fail_msg("firmware writes %u to CTRL of core %u", value, n);
	}
}

static void nc_reg_write(unsigned int n, uint32_t reg, uint32_t value)
{
	struct mock_nc *nc = &mock.nc[n];

	switch (reg) {
	case NEURON_MGMT_NC_TABLE_LO: nc->table_lo = value; break;
	case NEURON_MGMT_NC_TABLE_HI: nc->table_hi = value; break;
	case NEURON_MGMT_NC_SEGMENTS: nc->segments = value; break;
	case NEURON_MGMT_NC_OWNER: nc->owner = value; break;
	case NEURON_MGMT_NC_CTRL: nc_ctrl(n, value); break;
	default: fail_msg("firmware writes register %#x of core %u", reg, n);
	}
}

void fw_nc_set_job(unsigned int core, const struct neuron_job *job)
{
	mock.nc[core].job = *job;
}

static void timer_check(void)
{
	if (mock.time >= mock.timer) {
		mock.timer = UINT64_MAX;
		mock.pending |= NEURON_MGMT_IRQ_TIMER;
	}
}

uint32_t fw_reg_read(uint32_t off)
{
	if (off >= NEURON_MGMT_NC(0))
		return nc_reg_read((off - NEURON_MGMT_NC(0)) / 0x80, (off - NEURON_MGMT_NC(0)) % 0x80);
	switch (off) {
	case NEURON_MGMT_PENDING: timer_check(); return mock.pending;
	case NEURON_MGMT_TIME_LO: return mock.time;
	case NEURON_MGMT_TIME_HI: return mock.time >> 32;
	case NEURON_MGMT_REG_DATA: return port_read();
	case NEURON_MGMT_REG_STATUS: return reg_status;
	case NEURON_MGMT_LINKS: return mock.links;
	case NEURON_MGMT_TEMPERATURE: return (uint32_t)mock.temperature;
	case NEURON_MGMT_SENSORS: return mock.sensors;
	case NEURON_MGMT_RESET_US: return mock.reset_us;
	case NEURON_MGMT_QCTRL_LO: return mock.queue_ctrl;
	case NEURON_MGMT_QCTRL_HI: return mock.queue_ctrl >> 32;
	case NEURON_MGMT_QTAIL_LO: return mock.queue_tail;
	case NEURON_MGMT_QTAIL_HI: return mock.queue_tail >> 32;
	}
	fail_msg("firmware reads register %#x", off);
	return 0;
}

static void console_put(char c)
{
	static unsigned int at;

	if (c == '\n') {
		mock.console[at] = 0;
		at = 0;
	} else if (at < sizeof(mock.console) - 1) {
		mock.console[at++] = c;
	}
}

void fw_reg_write(uint32_t off, uint32_t value)
{
	if (off >= NEURON_MGMT_NC(0)) {
		nc_reg_write((off - NEURON_MGMT_NC(0)) / 0x80, (off - NEURON_MGMT_NC(0)) % 0x80, value);
		return;
	}
	switch (off) {
	case NEURON_MGMT_PENDING: mock.pending &= ~value; break;
	case NEURON_MGMT_ENABLE: mock.enable = value; break;
	case NEURON_MGMT_TIMER_LO: timer_lo = value; break;
	case NEURON_MGMT_TIMER_HI: mock.timer = timer_lo | (uint64_t)value << 32; break;
	case NEURON_MGMT_REG_LO: reg_lo = value; break;
	case NEURON_MGMT_SENSORS: mock.sensors &= ~value; break;
	case NEURON_MGMT_REG_HI: reg_hi = value; break;
	case NEURON_MGMT_MSIX: did(DID_MSIX, value, 0); mock.msix[value]++; break;
	case NEURON_MGMT_RESET: did(DID_RESET, value, 0); break;
	case NEURON_MGMT_CONSOLE: console_put(value); break;
	case NEURON_MGMT_ERROR_ARG: error_arg = value; break;
	case NEURON_MGMT_ERROR: did(DID_ERROR, value, error_arg); break;
	case NEURON_MGMT_QCTRL_LO: mock.queue_ctrl &= ~(uint64_t)value; break;
	case NEURON_MGMT_QCTRL_HI: mock.queue_ctrl &= ~((uint64_t)value << 32); break;
	case NEURON_MGMT_QTAIL_LO: mock.queue_tail &= ~(uint64_t)value; break;
	case NEURON_MGMT_QTAIL_HI: mock.queue_tail &= ~((uint64_t)value << 32); break;
	default: fail_msg("firmware writes register %#x", off);
	}
}

uint32_t fw_misc_read(uint32_t off)
{
	return misc_get(off);
}

void fw_misc_write(uint32_t off, uint32_t value)
{
	misc_set(off, value);
}

uint32_t fw_ext_read(uint32_t off)
{
	return ext_get(off);
}

/* As in the chip: firmware adds events, the host takes them away. */
void fw_ext_write(uint32_t off, uint32_t value)
{
	ext_set(off, off == NEURON_EXT_EVENTS ? ext_get(off) | value : value);
}

void fw_wfi(void)
{
	fail_msg("fw_main() is not what tests call");
}

void mock_run(void)
{
	for (int i = 0; i < 10000; i++) {
		timer_check();
		if (!fw_step() && !(mock.pending & mock.enable))
			return;
	}
	fail_msg("firmware does not go to sleep");
}

void mock_advance(uint64_t us)
{
	mock.time += us;
	mock_run();
}

void mock_raise(uint32_t irqs)
{
	mock.pending |= irqs;
	mock_run();
}

void mock_boot(void)
{
	struct neuron_context_entry *entry;

	memset(&mock, 0, sizeof(mock));
	memset(rings, 0, sizeof(rings));
	mock.host_limit = HOST_SIZE;
	mock.timer = UINT64_MAX;
	mock.time = 5000000000ull;
	ext_set(NEURON_EXT_GEOMETRY, NEURON_CORES | NEURON_QUEUES_PER_CORE << 8 | 16 << 16);
	mock.temperature = 45000;
	ext_set(NEURON_EXT_TEMP_CRIT, 100000);
	ext_set(NEURON_EXT_CTXDIR_LO, (uint32_t)HOST(CTXDIR_OFF));
	ext_set(NEURON_EXT_CTXDIR_HI, HOST(CTXDIR_OFF) >> 32);
	ext_set(NEURON_EXT_CTXDIR_COUNT, CTX_COUNT);
	entry = host_ptr(CTXDIR_OFF);
	for (int i = 0; i < CTX_COUNT - 1; i++)
		entry[i] = (struct neuron_context_entry){ .table = HOST(0x9000 + i * 0x100), .segments = 3 + i, .owner = 10 + i };
	fw_init();
	mock_run();
	log_clear();
}

void *host_ptr(uint32_t off)
{
	return mock.host + off;
}

unsigned int log_count(enum did what)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < mock.logged; i++)
		n += mock.log[i].what == what;
	return n;
}

int log_find(enum did what, uint64_t a, unsigned int n)
{
	for (unsigned int i = 0; i < mock.logged; i++)
		if (mock.log[i].what == what && mock.log[i].a == a && !n--)
			return i;
	return -1;
}

bool log_error(uint32_t error)
{
	return log_find(DID_ERROR, error, 0) >= 0;
}

void log_clear(void)
{
	mock.logged = 0;
	memset(mock.msix, 0, sizeof(mock.msix));
}

uint32_t misc_get(uint32_t off)
{
	assert_true(off % 4 == 0 && off < NEURON_MISC_SIZE);
	return mock.misc[off / 4];
}

void misc_set(uint32_t off, uint32_t value)
{
	assert_true(off % 4 == 0 && off < NEURON_MISC_SIZE);
	mock.misc[off / 4] = value;
}

uint32_t ext_get(uint32_t off)
{
	assert_true(off % 4 == 0 && off < NEURON_EXT_SIZE);
	return mock.ext[off / 4];
}

void ext_set(uint32_t off, uint32_t value)
{
	assert_true(off % 4 == 0 && off < NEURON_EXT_SIZE);
	mock.ext[off / 4] = value;
}

uint32_t queue_get(unsigned int q, uint32_t reg)
{
	return ext_get(NEURON_EXT_QUEUE(q) + reg);
}

void queue_set(unsigned int q, uint32_t reg, uint32_t value)
{
	ext_set(NEURON_EXT_QUEUE(q) + reg, value);
}

void queue_configure(unsigned int q, uint32_t size, uint32_t config)
{
	queue_set(q, NEURON_Q_RING_LO, (uint32_t)HOST(RING_OFF(q)));
	queue_set(q, NEURON_Q_RING_HI, HOST(RING_OFF(q)) >> 32);
	queue_set(q, NEURON_Q_RING_SIZE, size);
	queue_set(q, NEURON_Q_CPL_LO, (uint32_t)HOST(PAGE_OFF(q)));
	queue_set(q, NEURON_Q_CPL_HI, HOST(PAGE_OFF(q)) >> 32);
	queue_set(q, NEURON_Q_CONFIG, config);
	rings[q].size = size;
	rings[q].put = 0;
}

void queue_control(unsigned int q, uint32_t ctrl)
{
	queue_set(q, NEURON_Q_CTRL, ctrl);
	queue_set(q, NEURON_Q_STATE, NEURON_Q_STATE_PENDING);
	if (ctrl == NEURON_Q_CTRL_ENABLE)
		rings[q].put = 0;
	mock.queue_ctrl |= 1ull << q;
	mock_raise(NEURON_MGMT_IRQ_QUEUE_CTRL);
}

void queue_enable(unsigned int q, uint32_t size, uint32_t config)
{
	queue_configure(q, size, config);
	memset(host_ptr(PAGE_OFF(q)), 0, 0x2000);
	queue_control(q, NEURON_Q_CTRL_ENABLE);
	assert_int_equal(queue_get(q, NEURON_Q_STATE), NEURON_Q_STATE_ENABLED);
}

struct neuron_job *queue_put(unsigned int q, uint8_t op)
{
	struct neuron_job *ring = host_ptr(RING_OFF(q));
	struct neuron_job *job = &ring[rings[q].put % rings[q].size];

	*job = (struct neuron_job){ .op = op, .seq = ++rings[q].put, .stream = { { 64, 1 } } };
	return job;
}

void queue_ring(unsigned int q)
{
	ext_set(NEURON_EXT_DOORBELL + 4 * q, rings[q].put);
	mock.queue_tail |= 1ull << q;
	mock.pending |= NEURON_MGMT_IRQ_QUEUE_TAIL;
}

void queue_submit(unsigned int q, uint8_t op)
{
	queue_put(q, op);
	queue_ring(q);
	mock_run();
}

uint64_t queue_seq(unsigned int q)
{
	struct neuron_completion_page *page = host_ptr(PAGE_OFF(q));

	return page->seq;
}

struct neuron_completion *queue_record(unsigned int q, uint32_t index)
{
	struct neuron_completion_page *page = host_ptr(PAGE_OFF(q));

	return &page->record[index % rings[q].size];
}
