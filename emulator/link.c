// SPDX-License-Identifier: Apache-2.0
/* Links to the neighbour chips. */
#include <errno.h>

#include "bus.h"
#include "chip.h"
#include "link.h"
#include "mgmt.h"

static const struct {
	uint32_t bit;
	const char *name;
} links[EMU_LINKS] = {
	[EMU_LINK_EAST] = { NEURON_FW_STATUS_EAST, "east" },
	[EMU_LINK_WEST] = { NEURON_FW_STATUS_WEST, "west" },
};

uint32_t emu_link_status(struct emu_chip *chip)
{
	return atomic_load(&chip->links);
}

void emu_link_set(struct emu_chip *chip, enum emu_link link, bool up)
{
	uint32_t bit, old;

	if (link >= EMU_LINKS)
		return;
	bit = links[link].bit;
	old = up ? atomic_fetch_or(&chip->links, bit) : atomic_fetch_and(&chip->links, ~bit);
	if (!!(old & bit) == up)
		return;
	emu_trace(chip, "link", "%s is %s", links[link].name, up ? "up" : "down");
	emu_mgmt_sense(chip->mgmt, NEURON_EVENT_LINK);
	emu_service_wake(chip);
}

int emu_link_access(struct emu_chip *chip, uint64_t addr, void *buf, size_t len, bool write)
{
	const struct emu_config *config = &chip->config;
	enum emu_link link = (addr & NEURON_ADDR_SPACE_MASK) == NEURON_ADDR_EAST ?
		EMU_LINK_EAST : EMU_LINK_WEST;

	if (!(emu_link_status(chip) & links[link].bit) ||
	    !(write ? !!config->link_write : !!config->link_read))
		return -ENOLINK;
	addr &= ~NEURON_ADDR_SPACE_MASK;
	if (write)
		return config->link_write(config->opaque, link, addr, buf, len);
	return config->link_read(config->opaque, link, addr, buf, len);
}

int emu_link_read(struct emu_chip *chip, uint64_t addr, void *buf, size_t len)
{
	emu_guard(chip, addr, len, false, "neighbour");
	return emu_bus_access_local(chip, addr, buf, len, false);
}

int emu_link_write(struct emu_chip *chip, uint64_t addr, const void *buf, size_t len)
{
	emu_guard(chip, addr, len, true, "neighbour");
	return emu_bus_access_local(chip, addr, (void *)buf, len, true);
}
