// SPDX-License-Identifier: Apache-2.0
/*
 * The extension block. Registers are atomics: hosts, firmware and the service thread
 * meet here without a lock. The two mapped pages belong to whoever maps them, so that
 * nothing the chip decides depends on what it reads back from them but the doorbells.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include <neuron/fw.h>
#include <neuron/regs.h>

#include "chip.h"
#include "link.h"
#include "mgmt.h"

enum kind {
	UNKNOWN,
	RO,		/* firmware or chip writes it */
	RW,
	W1C,
	STROBE,		/* a write starts something */
};

static enum kind kind_of(uint32_t off)
{
	if (off >= NEURON_EXT_QUEUE(0) && off < NEURON_EXT_QUEUE(NEURON_QUEUES)) {
		switch ((off - NEURON_EXT_QUEUE(0)) % NEURON_EXT_QUEUE_SIZE) {
		case NEURON_Q_RING_LO ... NEURON_Q_CONFIG:
			return RW;
		case NEURON_Q_CTRL:
			return STROBE;
		case NEURON_Q_STATE ... NEURON_Q_RUNNING:
			return RO;
		}
		return UNKNOWN;
	}
	switch (off) {
	case NEURON_EXT_MAGIC ... NEURON_EXT_GEOMETRY:
	case NEURON_EXT_FW_VERSION ... NEURON_EXT_FW_HEARTBEAT:
	case NEURON_EXT_FW_BOOT_ERROR:
	case NEURON_EXT_TEMPERATURE ... NEURON_EXT_TEMP_CRIT:
	case NEURON_EXT_LINKS:
	case NEURON_EXT_ECC_CORRECTED(0) ... NEURON_EXT_ECC_ADDR_HI:
	case NEURON_EXT_LOG_HEAD:
	case NEURON_EXT_CRASH ... NEURON_EXT_CRASH + NEURON_EXT_CRASH_SIZE - 4:
	case NEURON_EXT_LOG ... NEURON_EXT_LOG + NEURON_EXT_LOG_SIZE - 4:
		return RO;
	case NEURON_EXT_FW_IMAGE_LO ... NEURON_EXT_FW_IMAGE_SIZE:
	case NEURON_EXT_CTXDIR_LO ... NEURON_EXT_CTXDIR_COUNT:
		return RW;
	case NEURON_EXT_FW_CTRL:
	case NEURON_EXT_KICK:
		return STROBE;
	case NEURON_EXT_IRQ_STATUS:
	case NEURON_EXT_EVENTS:
		return W1C;
	}
	return UNKNOWN;
}

static bool in_pages(uint32_t off)
{
	return off >= EMU_EXT_PAGES && off - EMU_EXT_PAGES < EMU_EXT_PAGES_SIZE;
}

static bool in_msix(uint32_t off)
{
	return off >= NEURON_EXT_MSIX_TABLE && off - NEURON_EXT_MSIX_TABLE < NEURON_VECTORS * 16;
}

static _Atomic uint32_t *page_word(struct emu_chip *chip, uint32_t off)
{
	return &chip->ext.pages[(off - EMU_EXT_PAGES) / 4];
}

int emu_ext_init(struct emu_chip *chip)
{
	struct emu_ext *ext = &chip->ext;
	void *pages;
	int err;

	ext->fd = emu_memfd("neuron-apb", NEURON_BAR_APB_SIZE);
	if (ext->fd < 0)
		return ext->fd;
	pages = mmap(NULL, EMU_EXT_PAGES_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, ext->fd,
		     NEURON_EXT_BASE + EMU_EXT_PAGES);
	if (pages == MAP_FAILED) {
		err = -errno;
		close(ext->fd);
		return err;
	}
	ext->pages = pages;
	emu_ext_reset(chip, true);
	return 0;
}

void emu_ext_fini(struct emu_chip *chip)
{
	if (!chip->ext.pages)
		return;
	munmap(chip->ext.pages, EMU_EXT_PAGES_SIZE);
	close(chip->ext.fd);
	chip->ext.pages = NULL;
}

/* What the last firmware left for those who look for the reason of its end. */
static bool outlives_resets(uint32_t off)
{
	return off - NEURON_EXT_ECC_CORRECTED(0) <= NEURON_EXT_ECC_ADDR_HI -
	       NEURON_EXT_ECC_CORRECTED(0) || off == NEURON_EXT_LOG_HEAD || off - NEURON_EXT_CRASH < NEURON_EXT_CRASH_SIZE ||
	       off - NEURON_EXT_LOG < NEURON_EXT_LOG_SIZE;
}

void emu_ext_reset(struct emu_chip *chip, bool power)
{
	struct emu_ext *ext = &chip->ext;
	unsigned int i;

	for (i = 0; i < NEURON_EXT_QUEUE(NEURON_QUEUES) / 4; i++)
		if (power || !outlives_resets(i * 4))
			atomic_store(&ext->reg[i], 0);
	for (i = 0; i < NEURON_VECTORS * 4; i++)
		atomic_store(&ext->msix[i], i % 4 == 3);	/* vector control: masked */
	for (i = 0; i < EMU_EXT_PAGES_SIZE / 4; i++)
		atomic_store(&ext->pages[i], 0);
	for (i = 0; i < NEURON_QUEUES; i++)
		atomic_store(&ext->tail[i], 0);
	atomic_store(&ext->queue_ctrl, 0);
	atomic_store(&ext->queue_tail, 0);
	atomic_store(&ext->enabled, 0);
	atomic_store(&ext->boot, 0);
	atomic_store(&ext->reg[NEURON_EXT_MAGIC / 4], NEURON_EXT_MAGIC_VALUE);
	atomic_store(&ext->reg[NEURON_EXT_VERSION / 4], NEURON_EXT_VERSION_VALUE);
	atomic_store(&ext->reg[NEURON_EXT_FEATURES / 4],
		     NEURON_EXT_FEATURE_COMPUTE | NEURON_EXT_FEATURE_CANCEL | NEURON_EXT_FEATURE_TRACE |
		     NEURON_EXT_FEATURE_TELEMETRY | NEURON_EXT_FEATURE_LOG);
	atomic_store(&ext->reg[NEURON_EXT_TEMP_CRIT / 4], EMU_TEMP_CRIT);
	atomic_store(&ext->reg[NEURON_EXT_GEOMETRY / 4],
		     NEURON_CORES | NEURON_QUEUES_PER_CORE << 8 |
		     (uint32_t)chip->config.vectors << 16);
}

int emu_ext_read(struct emu_chip *chip, uint32_t off, uint32_t *value)
{
	*value = 0;
	if (emu_sensors_read(chip, off, value))
		return 0;
	if (in_pages(off)) {
		*value = atomic_load(page_word(chip, off));
	} else if (in_msix(off)) {
		*value = atomic_load(&chip->ext.msix[(off - NEURON_EXT_MSIX_TABLE) / 4]);
	} else if (off == NEURON_EXT_MSIX_PBA || off == NEURON_EXT_MSIX_PBA + 4) {
		*value = 0;	/* vectors are delivered at once, none is ever pending */
	} else {
		if (kind_of(off) == UNKNOWN)
			return -ENXIO;
		*value = emu_ext_peek(chip, off);
	}
	return 0;
}

static void queue_ctrl(struct emu_chip *chip, unsigned int q, uint32_t value)
{
	struct emu_ext *ext = &chip->ext;
	_Atomic uint32_t *ctrl = &ext->reg[(NEURON_EXT_QUEUE(q) + NEURON_Q_CTRL) / 4];
	_Atomic uint32_t *state = &ext->reg[(NEURON_EXT_QUEUE(q) + NEURON_Q_STATE) / 4];

	emu_trace(chip, "queue", "queue %u: ctrl %u", q, value);
	if (value != NEURON_Q_CTRL_ENABLE)
		emu_fault_order(chip, EMU_ORDER_ABORT, 1u << q / NEURON_QUEUES_PER_CORE);
	if (value == NEURON_Q_CTRL_CANCEL) {
		/* ENABLE or DISABLE that firmware has not acted upon: no job is left after either */
		if (atomic_load(state) == NEURON_Q_STATE_PENDING)
			return;
		atomic_store(ctrl, value);
	} else {
		atomic_store(ctrl, value);
		atomic_store(state, NEURON_Q_STATE_PENDING);
	}
	atomic_fetch_or(&ext->queue_ctrl, 1ull << q);
	emu_mgmt_raise(chip->mgmt, NEURON_MGMT_IRQ_QUEUE_CTRL);
	emu_service_wake(chip);
}

static int strobe(struct emu_chip *chip, uint32_t off, uint32_t value)
{
	struct emu_ext *ext = &chip->ext;

	if (off == NEURON_EXT_KICK) {
		emu_service_wake(chip);
		return 0;
	}
	if (off == NEURON_EXT_FW_CTRL) {
		if (value < NEURON_FW_CTRL_BOOT_IMAGE || value > NEURON_FW_CTRL_HALT) {
			emu_guest_error(chip, EMU_GE_FW_CTRL, "FW_CTRL = 0x%x", value);
			return 0;
		}
		/* Before the order: a host that polls must not take an old error for this boot's. */
		if (value != NEURON_FW_CTRL_HALT)
			atomic_store(&ext->reg[NEURON_EXT_FW_BOOT_ERROR / 4], NEURON_FW_BOOT_OK);
		atomic_store(&ext->reg[off / 4], value);
		atomic_store(&ext->boot, value);
		emu_service_wake(chip);
		return 0;
	}
	queue_ctrl(chip, (off - NEURON_EXT_QUEUE(0)) / NEURON_EXT_QUEUE_SIZE, value);
	return 0;
}

int emu_ext_write(struct emu_chip *chip, uint32_t off, uint32_t value)
{
	struct emu_ext *ext = &chip->ext;

	if (in_pages(off)) {
		if (off >= NEURON_EXT_STATUS)
			return -EACCES;
		atomic_store(page_word(chip, off), value);
		emu_service_wake(chip);
		return 0;
	}
	if (in_msix(off)) {
		atomic_store(&ext->msix[(off - NEURON_EXT_MSIX_TABLE) / 4], value);
		return 0;
	}
	switch (kind_of(off)) {
	case UNKNOWN:
		return -ENXIO;
	case RO:
		return -EACCES;
	case RW:
		atomic_store(&ext->reg[off / 4], value);
		return 0;
	case W1C:
		atomic_fetch_and(&ext->reg[off / 4], ~value);
		return 0;
	case STROBE:
		return strobe(chip, off, value);
	}
	return -ENXIO;
}

uint32_t emu_ext_peek(struct emu_chip *chip, uint32_t off)
{
	if (in_pages(off))
		return atomic_load(page_word(chip, off));
	if (off == NEURON_EXT_LINKS)
		return emu_link_status(chip);
	if (off < NEURON_EXT_QUEUE(NEURON_QUEUES))
		return atomic_load(&chip->ext.reg[off / 4]);
	return 0;
}

static void poke_state(struct emu_chip *chip, unsigned int q, uint32_t state)
{
	uint64_t bit = 1ull << q;

	emu_trace(chip, "queue", "queue %u: state %u", q, state);
	if (state == NEURON_Q_STATE_ENABLED)
		atomic_fetch_or(&chip->ext.enabled, bit);
	else
		atomic_fetch_and(&chip->ext.enabled, ~bit);
}

void emu_ext_poke(struct emu_chip *chip, uint32_t off, uint32_t value)
{
	struct emu_ext *ext = &chip->ext;

	if (in_pages(off)) {
		/* ENABLE zeroes the doorbell: that is not a ring. */
		if (off - NEURON_EXT_DOORBELL < NEURON_QUEUES * 4)
			atomic_store(&ext->tail[(off - NEURON_EXT_DOORBELL) / 4], value);
		atomic_store(page_word(chip, off), value);
		return;
	}
	if (off >= NEURON_EXT_QUEUE(NEURON_QUEUES))
		return;
	if (kind_of(off) == W1C) {
		atomic_fetch_or(&ext->reg[off / 4], value);
		return;
	}
	/* What an enabled queue needs is watched before the host can see that it is enabled. */
	if (off >= NEURON_EXT_QUEUE(0) &&
	    (off - NEURON_EXT_QUEUE(0)) % NEURON_EXT_QUEUE_SIZE == NEURON_Q_STATE)
		poke_state(chip, (off - NEURON_EXT_QUEUE(0)) / NEURON_EXT_QUEUE_SIZE, value);
	atomic_store(&ext->reg[off / 4], value);
}

bool emu_ext_rung(struct emu_chip *chip)
{
	struct emu_ext *ext = &chip->ext;
	unsigned int q;

	if (emu_fault_dead(chip))
		return false;
	for (q = 0; q < NEURON_QUEUES; q++)
		if (atomic_load_explicit(&ext->pages[q], memory_order_relaxed) !=
		    atomic_load_explicit(&ext->tail[q], memory_order_relaxed))
			return true;
	return false;
}

bool emu_ext_scan(struct emu_chip *chip)
{
	struct emu_ext *ext = &chip->ext;
	uint64_t news = 0;
	unsigned int q;

	for (q = 0; q < NEURON_QUEUES; q++) {
		/* Acquire: the jobs that the doorbell announces are read after it. */
		uint32_t tail = atomic_load_explicit(&ext->pages[q], memory_order_acquire);

		if (tail == atomic_load_explicit(&ext->tail[q], memory_order_relaxed))
			continue;
		atomic_store_explicit(&ext->tail[q], tail, memory_order_relaxed);
		news |= 1ull << q;
		emu_trace(chip, "queue", "queue %u: doorbell %u", q, tail);
	}
	if (!news)
		return false;
	atomic_fetch_or(&ext->queue_tail, news);
	emu_mgmt_raise(chip->mgmt, NEURON_MGMT_IRQ_QUEUE_TAIL);
	return true;
}

void emu_ext_status(struct emu_chip *chip, uint32_t off, uint32_t value)
{
	atomic_store(page_word(chip, off), value);
}

void emu_ext_set_polling(struct emu_chip *chip, bool polling)
{
	atomic_store(page_word(chip, NEURON_EXT_STATUS + NEURON_STATUS_POLLING), polling);
}

static void log_put(struct emu_ext *ext, uint32_t at, char c)
{
	uint32_t shift = at % 4 * 8;
	_Atomic uint32_t *word = &ext->reg[(NEURON_EXT_LOG + at % NEURON_EXT_LOG_SIZE) / 4];

	atomic_store(word, (atomic_load(word) & ~(0xffu << shift)) | (uint32_t)(uint8_t)c << shift);
}

void emu_ext_log(struct emu_chip *chip, const char *line)
{
	struct emu_ext *ext = &chip->ext;
	uint32_t head = atomic_load(&ext->reg[NEURON_EXT_LOG_HEAD / 4]);

	while (*line)
		log_put(ext, head++, *line++);
	log_put(ext, head++, '\n');
	atomic_store(&ext->reg[NEURON_EXT_LOG_HEAD / 4], head);
}

void emu_ext_fw_state(struct emu_chip *chip, uint32_t state, uint32_t boot_error)
{
	struct emu_ext *ext = &chip->ext;

	emu_trace(chip, "firmware", "state %u, boot error %u", state, boot_error);
	atomic_store(&ext->reg[NEURON_EXT_FW_BOOT_ERROR / 4], boot_error);
	atomic_store(&ext->reg[NEURON_EXT_FW_STATE / 4], state);
	atomic_store(page_word(chip, NEURON_EXT_STATUS + NEURON_STATUS_FW_STATE), state);
	atomic_fetch_or(&ext->reg[NEURON_EXT_EVENTS / 4], NEURON_EVENT_FW_STATE);
	emu_chip_irq(chip, NEURON_VECTOR_FW);
}
