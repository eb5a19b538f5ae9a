/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How firmware reaches the chip: registers, misc RAM, extension block, copy engine. On
 * the management core these are loads and stores; a unit test (FW_MOCK) supplies them.
 */
#ifndef FW_HW_H
#define FW_HW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <neuron/ext.h>
#include <neuron/job.h>
#include <neuron/mgmt.h>
#include <neuron/regs.h>

#ifdef FW_MOCK

uint32_t fw_reg_read(uint32_t off);
void fw_reg_write(uint32_t off, uint32_t value);
uint32_t fw_misc_read(uint32_t off);
void fw_misc_write(uint32_t off, uint32_t value);
uint32_t fw_ext_read(uint32_t off);
void fw_ext_write(uint32_t off, uint32_t value);
uint32_t fw_dma_read(uint64_t addr, void *buf, uint32_t len);
uint32_t fw_dma_write(uint64_t addr, const void *buf, uint32_t len);
void fw_nc_set_job(unsigned int core, const struct neuron_job *job);
void fw_wfi(void);

#else

static inline volatile uint32_t *fw_mmio(uint32_t addr)
{
	return (volatile uint32_t *)addr;
}

static inline uint32_t fw_reg_read(uint32_t off)
{
	return *fw_mmio(NEURON_MGMT_REGS + off);
}

static inline void fw_reg_write(uint32_t off, uint32_t value)
{
	*fw_mmio(NEURON_MGMT_REGS + off) = value;
}

static inline uint32_t fw_misc_read(uint32_t off)
{
	return *fw_mmio(NEURON_MGMT_MISC + off);
}

static inline void fw_misc_write(uint32_t off, uint32_t value)
{
	*fw_mmio(NEURON_MGMT_MISC + off) = value;
}

static inline uint32_t fw_ext_read(uint32_t off)
{
	return *fw_mmio(NEURON_MGMT_EXT + off);
}

static inline void fw_ext_write(uint32_t off, uint32_t value)
{
	*fw_mmio(NEURON_MGMT_EXT + off) = value;
}

static inline uint32_t fw_dma(uint64_t addr, const void *buf, uint32_t len, uint32_t direction)
{
	fw_reg_write(NEURON_MGMT_DMA_ADDR_LO, addr);
	fw_reg_write(NEURON_MGMT_DMA_ADDR_HI, addr >> 32);
	fw_reg_write(NEURON_MGMT_DMA_LOCAL, (uint32_t)buf);
	fw_reg_write(NEURON_MGMT_DMA_LENGTH, len);
	/* the engine reads and writes memory behind the compiler's back */
	__asm__ volatile("" ::: "memory");
	fw_reg_write(NEURON_MGMT_DMA_CTRL, direction);
	__asm__ volatile("" ::: "memory");
	return fw_reg_read(NEURON_MGMT_DMA_STATUS);
}

/* Copy between SRAM and a device address. Returns NEURON_MGMT_BUS_*. */
static inline uint32_t fw_dma_read(uint64_t addr, void *buf, uint32_t len)
{
	return fw_dma(addr, buf, len, NEURON_MGMT_DMA_READ);
}

static inline uint32_t fw_dma_write(uint64_t addr, const void *buf, uint32_t len)
{
	return fw_dma(addr, buf, len, NEURON_MGMT_DMA_WRITE);
}

static inline void fw_nc_set_job(unsigned int core, const struct neuron_job *job)
{
	fw_reg_write(NEURON_MGMT_NC(core) + NEURON_MGMT_NC_JOB, (uint32_t)job);
	/* the core reads the job when it is started */
	__asm__ volatile("" ::: "memory");
}

/* Sleep until PENDING & ENABLE is not 0. */
static inline void fw_wfi(void)
{
	__asm__ volatile("wfi" ::: "memory");
}

#endif

static inline uint64_t fw_time(void)
{
	uint32_t lo = fw_reg_read(NEURON_MGMT_TIME_LO);	/* latches HI */

	return lo | (uint64_t)fw_reg_read(NEURON_MGMT_TIME_HI) << 32;
}

static inline uint32_t fw_nc_read(unsigned int core, uint32_t reg)
{
	return fw_reg_read(NEURON_MGMT_NC(core) + reg);
}

static inline void fw_nc_write(unsigned int core, uint32_t reg, uint32_t value)
{
	fw_reg_write(NEURON_MGMT_NC(core) + reg, value);
}

/* Tell the chip about a mistake of the host: an enum neuron_mgmt_error. */
static inline void fw_report(uint32_t error, uint32_t arg)
{
	fw_reg_write(NEURON_MGMT_ERROR_ARG, arg);
	fw_reg_write(NEURON_MGMT_ERROR, error);
}

/* NEURON_EVENT_* bits for the driver, and the interrupt that makes it look. */
static inline void fw_event(uint32_t events)
{
	fw_ext_write(NEURON_EXT_EVENTS, events);
	fw_reg_write(NEURON_MGMT_MSIX, NEURON_VECTOR_FW);
}

#endif
