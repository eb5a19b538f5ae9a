/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libneuronemu: the emulated Inferentia chip as a library with a flat interface.
 *
 * A caller gives the library threads: one in emu_run_service() (management core and DMA
 * engines) and one per NeuronCore in emu_run_core(); or none, and runs single jobs with
 * emu_core_exec(). The only ones of its own help with big instructions of running jobs and sleep
 * otherwise; they take no signals and call nothing of the caller's (NEURON_EMU_THREADS=1 in the
 * environment: none). All functions may be called from any thread; emu_destroy() needs the
 * others to have returned.
 *
 * Functions return 0 or -errno unless stated otherwise. Nothing here prints: what the
 * host does wrong goes to emu_config.guest_error by category.
 */
#ifndef EMU_H
#define EMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <neuron/job.h>

#define EMU_API __attribute__((visibility("default")))

struct emu_chip;

/* Kinds of reset: what the PCI function sees. */
enum emu_reset {
	EMU_RESET_POWER,	/* everything, DRAM contents undefined (kept); firmware boots */
	EMU_RESET_FUNCTION,	/* FLR, bus reset, DEVICE_RESET: config space too; firmware boots */
};

/* A chip's links: device address bits [47:46] are 10 and 11. */
enum emu_link {
	EMU_LINK_EAST,
	EMU_LINK_WEST,
	EMU_LINKS,
};

/**
 * struct emu_config - what a chip is made of and how it reaches its host
 * @revision: PCI revision ID; 0xff = emulated (the default that tools should use), 0xf0 = slow
 *	emulator. Any other is silicon's: no extension block, no MSI-X, slower device resets
 * @index: serial number of this chip, shown in the device serial number capability
 * @vectors: MSI-X vectors, 1 .. 16; 0 = a function without MSI-X; silicon has none
 * @flash: firmware image; copied. NULL: management core stays in reset (no FWIO answers)
 * @flash_size: bytes of @flash
 * @opaque: first argument of the callbacks
 * @dma_read: host memory at bus address @addr -> @buf. -EFAULT: not mapped, -EPERM
 * @dma_write: @buf -> host memory
 * @link_read: the neighbour's local address @addr -> @buf, by its emu_link_read(). May
 *	block for a bounded time. -EFAULT, -EINVAL as there; -ENOLINK the neighbour has gone;
 *	-ETIMEDOUT it does not answer. Called only while emu_link_set() says that it is there
 * @link_write: @buf -> the neighbour
 * @link_block: take the link down and keep it so, or let it come up again: a fault
 * @irq: raise MSI-X vector @vector
 * @guest_error: the host did something wrong. @category is a stable kebab-case name
 *	("udma-ring-id"), @text one line without newline that names register or address
 * @trace: one line of @category; NULL = no tracing
 * @dram_told: who writes through emu_dram() calls emu_dram_written() after each write; lets
 *	cores keep what they made of constants. Ends where emu_bar_memory() gives DRAM away
 *
 * Callbacks may come from any thread that runs the chip, never with a lock of the chip
 * held that emu_bar_read() or emu_bar_write() takes; but for dma_*, which must not access
 * the BARs. Any may be NULL; what it would reach then answers like an unmapped address.
 */
struct emu_config {
	uint8_t revision;
	uint8_t vectors;
	bool dram_told;
	uint32_t index;
	const void *flash;
	size_t flash_size;
	void *opaque;
	int (*dma_read)(void *opaque, uint64_t addr, void *buf, size_t len);
	int (*dma_write)(void *opaque, uint64_t addr, const void *buf, size_t len);
	int (*link_read)(void *opaque, enum emu_link link, uint64_t addr, void *buf, size_t len);
	int (*link_write)(void *opaque, enum emu_link link, uint64_t addr, const void *buf,
			  size_t len);
	void (*link_block)(void *opaque, enum emu_link link, bool blocked);
	void (*irq)(void *opaque, unsigned int vector);
	void (*guest_error)(void *opaque, const char *category, const char *text);
	void (*trace)(void *opaque, const char *category, const char *text);
};

EMU_API int emu_create(const struct emu_config *config, struct emu_chip **chip);
EMU_API void emu_destroy(struct emu_chip *chip);
EMU_API void emu_reset(struct emu_chip *chip, enum emu_reset kind);

/* PCI configuration space, 4096 bytes. A write may reset the function (FLR). */
EMU_API int emu_config_read(struct emu_chip *chip, uint32_t off, void *buf, size_t len);
EMU_API int emu_config_write(struct emu_chip *chip, uint32_t off, const void *buf, size_t len);

/* BAR access of any size and alignment; -EINVAL outside the BAR. Never blocks. */
EMU_API uint64_t emu_bar_size(struct emu_chip *chip, unsigned int bar);
EMU_API int emu_bar_read(struct emu_chip *chip, unsigned int bar, uint64_t off, void *buf,
			 size_t len);
EMU_API int emu_bar_write(struct emu_chip *chip, unsigned int bar, uint64_t off, const void *buf,
			  size_t len);

/**
 * struct emu_bar_area - part of a BAR that is plain memory and may be mapped by a host
 * @offset: in the BAR, page-aligned
 * @size: bytes, page-aligned
 */
struct emu_bar_area {
	uint64_t offset;
	uint64_t size;
};

/*
 * The memory behind a BAR: a memfd in which BAR offset x is at file offset x, and the
 * areas of it that may be mapped. Returns the number of areas (0: none), at most @max.
 * The fd stays the chip's.
 */
EMU_API int emu_bar_memory(struct emu_chip *chip, unsigned int bar, int *fd,
			   struct emu_bar_area *areas, int max);

/* There is a neighbour at @link from now on, or no more. Firmware tells the host. */
EMU_API void emu_link_set(struct emu_chip *chip, enum emu_link link, bool up);
/*
 * A neighbour's access to this chip's local map: DRAM, BAR0's registers, BAR2's windows.
 * Never waits for anything outside this chip. -EFAULT nothing answers there, which host
 * memory and this chip's own neighbours never do: nothing is forwarded; -EINVAL
 * registers reached with anything but aligned words.
 */
EMU_API int emu_link_read(struct emu_chip *chip, uint64_t addr, void *buf, size_t len);
EMU_API int emu_link_write(struct emu_chip *chip, uint64_t addr, const void *buf, size_t len);
/* Where the local address @addr lies in the memory behind BAR4; false if it is no DRAM. */
EMU_API bool emu_link_dram(uint64_t addr, uint64_t len, uint64_t *offset);

/*
 * Carry out what is due: firmware, DMA rings, doorbells. Sleeps up to @timeout_us when
 * there is nothing to do, then returns 1 if it did something, 0 if not, -ESHUTDOWN after
 * emu_stop(). One thread a chip.
 */
EMU_API int emu_run_service(struct emu_chip *chip, uint64_t timeout_us);
/* The same for jobs that firmware dispatched to NeuronCore @core. One thread a core. */
EMU_API int emu_run_core(struct emu_chip *chip, unsigned int core, uint64_t timeout_us);
/* Make the two above return -ESHUTDOWN from now on. */
EMU_API void emu_stop(struct emu_chip *chip);

/*
 * Run one job on a core without firmware, queues or host: the embedded default.
 * @segments: @count entries; bases are device addresses (DRAM), host memory by @dma_read.
 * Returns 0 and fills @completion, also when the job faulted (see completion->status);
 * -EBUSY while firmware runs a job on that core. Serialised per core by the library.
 */
EMU_API int emu_core_exec(struct emu_chip *chip, unsigned int core,
			  const struct neuron_segment *segments, unsigned int count,
			  uint32_t owner, const struct neuron_job *job,
			  struct neuron_completion *completion);

/*
 * End the job that emu_core_exec() runs on a core, as NEURON_JOB_ABORTED. Any thread. Nothing
 * happens if there is none, which a caller who has just started one cannot know.
 */
EMU_API void emu_core_stop(struct emu_chip *chip, unsigned int core);

/*
 * Fault injection. @spec is KIND[:key=value[,key=value...]]; docs/faults.md has the kinds. A fault
 * stays, over resets too, until it is cleared; one of the same kind for the same place replaces it.
 * @error (may be NULL) gets a message that names the way out. @chip NULL: only check @spec. Not from a callback.
 */
EMU_API int emu_fault_set(struct emu_chip *chip, const char *spec, char *error, size_t size);
/* @kind: its name or "all"; -EINVAL: there is no such kind. */
EMU_API int emu_fault_clear(struct emu_chip *chip, const char *kind);

/**
 * struct emu_fault_info - a fault that is set
 * @spec: as it was given
 * @seen: opportunities that it had
 * @fired: those that it took
 */
struct emu_fault_info {
	char spec[128];
	uint64_t seen;
	uint64_t fired;
};

/* Fault number @i of those that are set; false if there are fewer. */
EMU_API bool emu_fault_get(struct emu_chip *chip, unsigned int i, struct emu_fault_info *info);
/* Kind number @i; false if there are fewer. @keys: the options that it takes. */
EMU_API bool emu_fault_describe(unsigned int i, const char **name, const char **meaning, char *keys,
				size_t size);

/**
 * struct emu_status - the chip in a few numbers
 * @fw_state: NEURON_FW_STATE_*
 * @heartbeat: of firmware
 * @temperature: 1/1000 degree Celsius
 * @jobs_running: cores at work
 * @guest_errors: mistakes of the host since the chip was created
 */
struct emu_status {
	uint32_t fw_state;
	uint32_t heartbeat;
	int32_t temperature;
	unsigned int jobs_running;
	uint64_t guest_errors;
};

EMU_API void emu_get_status(struct emu_chip *chip, struct emu_status *status);

/*
 * The whole state but for the memories, as lines of "block.name = value"; what is as after
 * power-on may be left out. Firmware and UDMA stand still meanwhile, cores do not. @line
 * must not call the chip.
 */
EMU_API void emu_dump(struct emu_chip *chip, void (*line)(void *opaque, const char *text),
		      void *opaque);

/* Call emu_config.trace from now on, or no more. On from the start if there is one. */
EMU_API void emu_trace_enable(struct emu_chip *chip, bool on);
/*
 * Look at every access of jobs to memory, for the trace category "reach": slow. Counts from the
 * next job on; off at first.
 */
EMU_API void emu_watch_enable(struct emu_chip *chip, bool on);

/*
 * Guards: @len bytes at device address @addr - a host's memory with NEURON_ADDR_HOST, a neighbour's as this chip
 * addresses it - that nothing in the chip may touch until the guard is cleared. An access is carried out, counted,
 * and told as guest error "guard" with its maker, address, direction and @name (up to 31 characters). Of a neighbour's
 * accesses to this chip's DRAM over a socket only that neighbour knows: guard there, too.
 * -EINVAL: empty, not within one space, or @name too long; -EEXIST: meets another guard; -ENOSPC, -ENOMEM.
 */
EMU_API int emu_guard_set(struct emu_chip *chip, uint64_t addr, uint64_t len, const char *name);
/* Those called @name, or "all"; how many. */
EMU_API unsigned int emu_guard_clear(struct emu_chip *chip, const char *name);

/**
 * struct emu_guard_info - a guard
 * @base: device address of the first byte
 * @length: bytes
 * @reads: accesses that touched it
 * @writes: the same
 * @name: as it was given
 */
struct emu_guard_info {
	uint64_t base;
	uint64_t length;
	uint64_t reads;
	uint64_t writes;
	char name[32];
};

/* Guard number @i in the order of addresses; false if there are fewer. */
EMU_API bool emu_guard_get(struct emu_chip *chip, unsigned int i, struct emu_guard_info *info);

/* Device DRAM of @channel as memory of this process, NEURON_DRAM_CHANNEL_SIZE bytes, sparse. */
EMU_API void *emu_dram(struct emu_chip *chip, unsigned int channel);
/* With emu_config.dram_told: [offset, offset + len) of @channel has been written. Any thread. */
EMU_API void emu_dram_written(struct emu_chip *chip, unsigned int channel, uint64_t offset,
			      uint64_t len);

struct neuron_insn;

/*
 * Would the chip decode @count instructions of @engine, in a context of these segments (whose
 * bases do not matter)? Nothing is executed, there need not be a chip. NEURON_JOB_OK; else the
 * status that a job would have, *@index of the instruction, and *@detail as in a completion; or
 * -ENOMEM.
 */
EMU_API int emu_check_stream(const struct neuron_segment *segments, unsigned int segment_count,
			     unsigned int engine, const struct neuron_insn *insn, uint32_t count,
			     uint32_t *index, uint64_t *detail);

#endif
