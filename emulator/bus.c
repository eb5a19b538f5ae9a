// SPDX-License-Identifier: Apache-2.0
/* Device address decode. */
#include <errno.h>
#include <string.h>

#include "apb.h"
#include "bus.h"
#include "chip.h"
#include "link.h"
#include "ncwin.h"

struct target {
	enum { NOTHING, DRAM, NC, APB, HOST, NEIGHBOUR } kind;
	uint64_t off;
};

static bool inside(uint64_t addr, uint64_t len, uint64_t base, uint64_t size)
{
	return addr >= base && addr - base < size && len <= size - (addr - base);
}

static struct target decode_local(uint64_t addr, uint64_t len)
{
	struct target t = { NOTHING, 0 };

	addr &= ~NEURON_ADDR_AXI1;
	if (inside(addr, len, NEURON_ADDR_DRAM0, NEURON_DRAM_CHANNEL_SIZE)) {
		t.kind = DRAM;
		t.off = addr - NEURON_ADDR_DRAM0;
	} else if (inside(addr, len, NEURON_ADDR_DRAM1, NEURON_DRAM_CHANNEL_SIZE)) {
		t.kind = DRAM;
		t.off = addr - NEURON_ADDR_DRAM1 + NEURON_DRAM_CHANNEL_SIZE;
	} else if (inside(addr, len, NEURON_ADDR_NC, NEURON_BAR_NC_SIZE)) {
		t.kind = NC;
		t.off = addr - NEURON_ADDR_NC;
	} else if (inside(addr, len, NEURON_ADDR_APB, NEURON_BAR_APB_SIZE)) {
		t.kind = APB;
		t.off = addr - NEURON_ADDR_APB;
	}
	return t;
}

static struct target decode(uint64_t addr, uint64_t len)
{
	struct target t = { NOTHING, 0 };

	if (addr & ~NEURON_ADDR_MASK)
		return t;
	switch (addr & NEURON_ADDR_SPACE_MASK) {
	case 0:
		return decode_local(addr, len);
	case NEURON_ADDR_HOST:
		t.kind = HOST;
		t.off = addr & ~NEURON_ADDR_HOST;
		if (len > NEURON_ADDR_HOST - t.off)
			t.kind = NOTHING;
		break;
	default:
		t.kind = NEIGHBOUR;
		t.off = addr;
	}
	return t;
}

static int register_access(struct emu_chip *chip, const struct target *t, uint8_t *buf, size_t len,
			   bool write)
{
	uint32_t value;
	size_t done;
	int err;

	if (t->off % 4 || len % 4)
		return -EINVAL;
	for (done = 0; done < len; done += 4) {
		memcpy(&value, buf + done, 4);
		if (t->kind == APB)
			err = write ? emu_apb_write(chip, t->off + done, value) :
				      emu_apb_read(chip, t->off + done, &value);
		else
			err = write ? emu_ncwin_write(chip, t->off + done, value) :
				      emu_ncwin_read(chip, t->off + done, &value);
		if (err)
			return -EFAULT;
		if (!write)
			memcpy(buf + done, &value, 4);
	}
	return 0;
}

static int host_access(struct emu_chip *chip, uint64_t addr, void *buf, size_t len, bool write,
		       bool embedded)
{
	const struct emu_config *config = &chip->config;

	if (emu_fault_dead(chip))
		return -EFAULT;
	emu_trace(chip, "dma", "%s of %zu bytes at bus address 0x%llx", write ? "write" : "read",
		  len, (unsigned long long)addr);
	if (!embedded && !atomic_load(&chip->pci.bus_master))
		return -EACCES;
	if (!(write ? !!config->dma_write : !!config->dma_read))
		return -EFAULT;
	if (write)
		return config->dma_write(config->opaque, addr, buf, len);
	return config->dma_read(config->opaque, addr, buf, len);
}

static void write_dram(struct emu_chip *chip, uint64_t off, const void *buf, size_t len)
{
	emu_dram_copy(chip->dram.base + off, buf, len);
	emu_dram_changed(&chip->dram, off, len);
}

static int local_access(struct emu_chip *chip, const struct target *t, void *buf, size_t len,
			bool write)
{
	if (t->kind == NOTHING)
		return -EFAULT;
	if (t->kind != DRAM)
		return register_access(chip, t, buf, len, write);
	if (write)
		write_dram(chip, t->off, buf, len);
	else if (emu_sensors_lost(chip, t->off, len, true))
		return -EIO;
	else
		emu_dram_copy(buf, chip->dram.base + t->off, len);
	return 0;
}

static int access_bus(struct emu_chip *chip, uint64_t addr, void *buf, size_t len, bool write,
		      bool embedded)
{
	struct target t = decode(addr, len);

	if (t.kind == HOST)
		return host_access(chip, t.off, buf, len, write, embedded);
	if (t.kind == NEIGHBOUR)
		return emu_link_access(chip, t.off, buf, len, write);
	return local_access(chip, &t, buf, len, write);
}

int emu_bus_access_local(struct emu_chip *chip, uint64_t addr, void *buf, size_t len, bool write)
{
	struct target t;

	/* What arrives over a link stays here: neither the host's memory nor the next chip. */
	if (addr & ~(NEURON_ADDR_HOST - 1))
		return -EFAULT;
	t = decode_local(addr, len);
	return local_access(chip, &t, buf, len, write);
}

bool emu_link_dram(uint64_t addr, uint64_t len, uint64_t *offset)
{
	struct target t;

	if (addr & ~(NEURON_ADDR_HOST - 1))
		return false;
	t = decode_local(addr, len);
	*offset = t.off;
	return t.kind == DRAM;
}

int emu_bus_is_host(uint64_t addr)
{
	return (addr & NEURON_ADDR_SPACE_MASK) == NEURON_ADDR_HOST;
}

void *emu_bus_map(struct emu_chip *chip, uint64_t addr, uint64_t len)
{
	struct target t = decode(addr, len);

	return t.kind == DRAM ? chip->dram.base + t.off : NULL;
}

int emu_bus_read(struct emu_chip *chip, uint64_t addr, void *buf, size_t len)
{
	return access_bus(chip, addr, buf, len, false, false);
}

int emu_bus_write(struct emu_chip *chip, uint64_t addr, const void *buf, size_t len)
{
	return access_bus(chip, addr, (void *)buf, len, true, false);
}

int emu_bus_read_embedded(struct emu_chip *chip, uint64_t addr, void *buf, size_t len)
{
	return access_bus(chip, addr, buf, len, false, true);
}

int emu_bus_write_embedded(struct emu_chip *chip, uint64_t addr, const void *buf, size_t len)
{
	return access_bus(chip, addr, (void *)buf, len, true, true);
}

int emu_bus_copy(struct emu_chip *chip, uint64_t dst, uint64_t src, size_t len, void *bounce,
		 enum emu_bus_side *side)
{
	uint8_t *from = emu_bus_map(chip, src, len);
	uint8_t *to = emu_bus_map(chip, dst, len);
	int err;

	if (from && to && !emu_sensors_lost(chip, from - chip->dram.base, len, false)) {
		write_dram(chip, to - chip->dram.base, from, len);
		return 0;
	}
	*side = EMU_BUS_SOURCE;
	if (from && emu_sensors_lost(chip, from - chip->dram.base, len, true))
		return -EIO;
	*side = EMU_BUS_DESTINATION;
	if (from)
		return emu_bus_write(chip, dst, from, len);
	*side = EMU_BUS_SOURCE;
	if (to) {
		err = emu_bus_read(chip, src, to, len);
		emu_dram_changed(&chip->dram, to - chip->dram.base, len);
		return err;
	}
	err = emu_bus_read(chip, src, bounce, len);
	if (err)
		return err;
	*side = EMU_BUS_DESTINATION;
	return emu_bus_write(chip, dst, bounce, len);
}

int emu_bus_report(struct emu_chip *chip, int err, const char *what, uint64_t addr, size_t len)
{
	if (!err)
		return 0;
	if (err == -EACCES)
		emu_guest_error(chip, EMU_GE_DMA_BUS_MASTER, "%s of %zu bytes at 0x%llx", what, len,
				(unsigned long long)addr);
	else if (emu_bus_is_host(addr))
		emu_guest_error(chip, EMU_GE_DMA_UNMAPPED, "%s of %zu bytes at bus address 0x%llx",
				what, len, (unsigned long long)(addr & ~NEURON_ADDR_HOST));
	return -EFAULT;
}

const char *emu_bus_reason(int err, enum emu_bus_side side)
{
	bool source = side == EMU_BUS_SOURCE;

	switch (err) {
	case -EPERM:
		return source ? "source may not be read" : "destination may not be written";
	case -EACCES:
		return source ? "source is host memory, but bus mastering is off" :
				"destination is host memory, but bus mastering is off";
	case -EIO:
		return "source has an uncorrectable error";
	case -EINVAL:
		return source ? "source is registers, which take aligned words" :
				"destination is registers, which take aligned words";
	case -ENOLINK:
		return source ? "source is on a neighbour, and there is no link to it" :
				"destination is on a neighbour, and there is no link to it";
	case -ETIMEDOUT:
		return source ? "source is on a neighbour, which does not answer" :
				"destination is on a neighbour, which does not answer";
	case -ENXIO:
		return source ? "source is memory that the client shares no file for" :
				"destination is memory that the client shares no file for";
	}
	return source ? "source is not mapped" : "destination is not mapped";
}
