// SPDX-License-Identifier: Apache-2.0
/*
 * The fake chip of the management core's tests.
 */
#include <errno.h>
#include <openssl/evp.h>
#include "mgmt_fake.h"

static uint8_t *host_at(struct fake *f, uint64_t addr, size_t len)
{
	uint64_t off = (addr & ~NEURON_ADDR_HOST) - FAKE_HOST;

	if ((addr & NEURON_ADDR_SPACE_MASK) != NEURON_ADDR_HOST || off >= FAKE_HOST_SIZE || len > FAKE_HOST_SIZE - off)
		return NULL;
	return f->host + off;
}

static int bus_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
	struct fake *f = opaque;
	uint8_t *p = host_at(f, addr, len);
	uint64_t misc = addr - NEURON_ADDR_MISC;

	if (!p && misc < NEURON_MISC_SIZE && len == 4 && misc % 4 == 0)
		p = (uint8_t *)&f->misc[misc / 4];
	if (!p)
		return -EFAULT;
	memcpy(buf, p, len);
	return 0;
}

static int bus_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
	uint8_t *p = host_at(opaque, addr, len);

	if (!p)
		return -EFAULT;
	memcpy(p, buf, len);
	return 0;
}

static uint32_t misc_read(void *opaque, uint32_t off)
{
	return ((struct fake *)opaque)->misc[off / 4];
}

static void misc_write(void *opaque, uint32_t off, uint32_t value)
{
	((struct fake *)opaque)->misc[off / 4] = value;
}

static uint32_t ext_read(void *opaque, uint32_t off)
{
	return ((struct fake *)opaque)->ext[off / 4];
}

static void ext_write(void *opaque, uint32_t off, uint32_t value)
{
	((struct fake *)opaque)->ext[off / 4] = value;
}

static void reset(void *opaque, uint32_t what)
{
	((struct fake *)opaque)->reset = what;
}

static void irq(void *opaque, unsigned int vector)
{
	((struct fake *)opaque)->irqs[vector % 32]++;
}

static void error(void *opaque, uint32_t error, uint32_t arg)
{
	struct fake *f = opaque;

	f->error = error;
	f->error_arg = arg;
	f->errors++;
}

static void console(void *opaque, const char *line)
{
	struct fake *f = opaque;

	snprintf(f->console, sizeof(f->console), "%s", line);
}

/* Below any critical temperature: this chip never gets too hot. */
static int32_t temperature(void *opaque)
{
	(void)opaque;
	return -100000;
}

static uint32_t links(void *opaque)
{
	return NEURON_FW_STATUS_EAST;
}

static uint64_t queue_ctrl(void *opaque, uint64_t clear)
{
	struct fake *f = opaque;

	return f->queue_ctrl &= ~clear;
}

static uint64_t queue_tail(void *opaque, uint64_t clear)
{
	struct fake *f = opaque;

	return f->queue_tail &= ~clear;
}

static void nc_start(void *opaque, unsigned int nc, uint64_t table, uint32_t segments, uint32_t owner,
		     const struct neuron_job *job)
{
	static const struct neuron_completion ok = { .cycles = 4711 };
	struct fake *f = opaque;

	f->started++;
	f->job = *job;
	f->table = table;
	f->segments = segments;
	f->owner = owner;
	if (f->finish_at_once)
		emu_mgmt_nc_done(f->mgmt, nc, &ok);
}

static void nc_abort(void *opaque, unsigned int nc)
{
	((struct fake *)opaque)->aborted++;
}

static void state(void *opaque, uint32_t fw_state, uint32_t boot_error)
{
	struct fake *f = opaque;

	f->state = fw_state;
	f->boot_error = boot_error;
	f->states |= 1u << fw_state;
}

struct fake *fake_new(void)
{
	static const struct emu_mgmt_ops ops = {
		.bus_read = bus_read, .bus_write = bus_write,
		.misc_read = misc_read, .misc_write = misc_write,
		.ext_read = ext_read, .ext_write = ext_write,
		.reset = reset, .irq = irq, .error = error, .console = console, .links = links, .temperature = temperature,
		.queue_ctrl = queue_ctrl, .queue_tail = queue_tail,
		.nc_start = nc_start, .nc_abort = nc_abort, .state = state,
	};
	struct fake *f = calloc(1, sizeof(*f));

	f->ext[NEURON_EXT_GEOMETRY / 4] = NEURON_CORES | NEURON_QUEUES_PER_CORE << 8 | 16 << 16;
	assert_int_equal(emu_mgmt_create(&ops, f, &f->mgmt), 0);
	return f;
}

void fake_free(struct fake *f)
{
	emu_mgmt_destroy(f->mgmt);
	free(f);
}

uint64_t fake_run(struct fake *f, uint64_t budget)
{
	uint64_t next;

	return emu_mgmt_run(f->mgmt, budget, &next);
}

void *read_file(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	void *buf = malloc(1 << 20);

	if (!file)
		fail_msg("cannot open %s", path);
	*size = fread(buf, 1, 1 << 20, file);
	fclose(file);
	return buf;
}

void *make_image(const void *code, size_t size, uint32_t load, size_t *image_size)
{
	struct neuron_fw_header header = {
		.magic = NEURON_FW_MAGIC,
		.header_size = sizeof(header),
		.api = NEURON_FW_API_MAJOR << 16,
		.payload_size = size,
		.load = load,
		.entry = load,
	};
	uint8_t *image = malloc(sizeof(header) + size);

	EVP_Digest(code, size, header.sha256, NULL, EVP_sha256(), NULL);
	memcpy(image, &header, sizeof(header));
	memcpy(image + sizeof(header), code, size);
	*image_size = sizeof(header) + size;
	return image;
}
