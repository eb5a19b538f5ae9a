// SPDX-License-Identifier: Apache-2.0
/* Device DRAM. Sparse: 8 GiB of address space, pages only where somebody wrote. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
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

int emu_dram_init(struct emu_dram *dram, bool told)
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
	dram->stamp = calloc(NEURON_BAR_DRAM_SIZE / EMU_DRAM_GRANULE, sizeof(*dram->stamp));
	if (!dram->stamp) {
		munmap(base, NEURON_BAR_DRAM_SIZE);
		close(fd);
		return -ENOMEM;
	}
	dram->fd = fd;
	dram->base = base;
	atomic_store(&dram->told, told);
	return 0;
}

void emu_dram_fini(struct emu_dram *dram)
{
	if (!dram->base)
		return;
	munmap(dram->base, NEURON_BAR_DRAM_SIZE);
	close(dram->fd);
	free(dram->stamp);
	dram->base = NULL;
}

void emu_dram_copy(void *to, const void *from, size_t len)
{
	memmove(to, from, len);
}

void emu_dram_changed(struct emu_dram *dram, uint64_t offset, uint64_t len)
{
	uint64_t first = offset / EMU_DRAM_GRANULE, last;

	if (!len || !atomic_load_explicit(&dram->told, memory_order_relaxed))
		return;
	last = (offset + len - 1) / EMU_DRAM_GRANULE;
	/* release: who sees the new stamp sees what was written */
	for (uint64_t g = first; g <= last; g++)
		atomic_fetch_add_explicit(&dram->stamp[g], 1, memory_order_release);
}

uint64_t emu_dram_stamp(struct emu_dram *dram, uint64_t offset, uint64_t len)
{
	uint64_t first = offset / EMU_DRAM_GRANULE, last, sum = 1;

	if (!len || !atomic_load_explicit(&dram->told, memory_order_relaxed))
		return 0;
	last = (offset + len - 1) / EMU_DRAM_GRANULE;
	/* None ever goes down: so the sum is another one if one is. acquire: see above */
	for (uint64_t g = first; g <= last; g++)
		sum += atomic_load_explicit(&dram->stamp[g], memory_order_acquire);
	return sum;
}

void emu_dram_written(struct emu_chip *chip, unsigned int channel, uint64_t offset, uint64_t len)
{
	uint64_t size = NEURON_DRAM_CHANNEL_SIZE;

	if (channel < NEURON_DRAM_CHANNELS && offset < size && len <= size - offset)
		emu_dram_changed(&chip->dram, channel * size + offset, len);
}

void *emu_dram(struct emu_chip *chip, unsigned int channel)
{
	if (channel >= NEURON_DRAM_CHANNELS)
		return NULL;
	return chip->dram.base + channel * NEURON_DRAM_CHANNEL_SIZE;
}
