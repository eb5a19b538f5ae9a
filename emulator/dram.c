// SPDX-License-Identifier: Apache-2.0
/* Device DRAM. Sparse: 8 GiB of address space, pages only where somebody wrote. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "chip.h"

int emu_memfd(const char *name, uint64_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, size) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int emu_dram_init(struct emu_dram *dram)
{
	int fd = emu_memfd("neuron-dram", NEURON_BAR_DRAM_SIZE);
	void *base;
	int err;

	if (fd < 0)
		return fd;
	base = mmap(NULL, NEURON_BAR_DRAM_SIZE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (base == MAP_FAILED) {
		err = -errno;
		close(fd);
		return err;
	}
	dram->fd = fd;
	dram->base = base;
	return 0;
}

void emu_dram_fini(struct emu_dram *dram)
{
	if (!dram->base)
		return;
	munmap(dram->base, NEURON_BAR_DRAM_SIZE);
	close(dram->fd);
	dram->base = NULL;
}

void emu_dram_copy(void *to, const void *from, size_t len)
{
	memmove(to, from, len);
}

void *emu_dram(struct emu_chip *chip, unsigned int channel)
{
	if (channel >= NEURON_DRAM_CHANNELS)
		return NULL;
	return chip->dram.base + channel * NEURON_DRAM_CHANNEL_SIZE;
}
