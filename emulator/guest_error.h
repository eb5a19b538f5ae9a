/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hosts do wrong, by name. The names are an interface: tests and people filter
 * by them, so a name is never changed, only added. Reporting never changes what the
 * chip does next.
 */
#ifndef EMU_GUEST_ERROR_H
#define EMU_GUEST_ERROR_H

struct emu_chip;

/* X(enumerator, name, meaning) */
#define EMU_GUEST_ERRORS(X) \
	X(UDMA_RING_ID, "udma-ring-id", \
	  "descriptor carries another ring id than its lap of the ring") \
	X(UDMA_DMA_UNMAPPED, "udma-dma-unmapped", "ring, source or destination is not reachable") \
	X(UDMA_LENGTH, "udma-length", \
	  "M2S and S2M descriptors of a packet differ in total length") \
	X(UDMA_PACKET, "udma-packet", "FIRST and LAST do not enclose 1 .. 128 descriptors") \
	X(UDMA_TRANSFER, "udma-transfer", \
	  "M2S descriptor asks for more than a copy: checksums, swapping of bytes or bits") \
	X(UDMA_QUEUE_STATE, "udma-queue-state", \
	  "doorbell of a queue that is disabled, stopped or has no ring") \
	X(UDMA_RING_CONFIG, "udma-ring-config", \
	  "ring unaligned, of length 0, or changed under descriptors") \
	X(UDMA_TAIL, "udma-tail", "doorbell rings for more descriptors than the ring has free") \
	X(FWIO_CRC, "fwio-crc", "CRC-32C of a request is wrong") \
	X(FWIO_SIZE, "fwio-size", "size field of a request is out of range") \
	X(FWIO_COMMAND, "fwio-command", "unknown command") \
	X(FWIO_ADDRESS, "fwio-address", "request or response is not reachable") \
	X(FWIO_READ, "fwio-read", "register to read does not exist") \
	X(FWIO_SEQ, "fwio-seq", "seq of a request is 0") \
	X(RESET_TYPE, "reset-type", "unknown reset type") \
	X(MMIO_UNKNOWN, "mmio-unknown", "no register at this address") \
	X(MMIO_ACCESS, "mmio-access", \
	  "size or alignment that the register does not take, or read-only") \
	X(PE_FIFO, "pe-fifo", "instruction FIFO of the silicon: its format is not public") \
	X(NOTIFY_CONFIG, "notify-config", \
	  "notification queue whose size is no power of two, or whose base is not aligned") \
	X(NOTIFY_DMA, "notify-dma", \
	  "notification queue in memory that does not answer: it is halted") \
	X(QUEUE_CONFIG, "queue-config", "NeuronCore queue configured wrongly") \
	X(QUEUE_TAIL, "queue-tail", "doorbell more than the ring ahead of HEAD") \
	X(JOB_DESCRIPTOR, "job-descriptor", \
	  "unknown op, reserved field not 0, stream out of range") \
	X(JOB_CONTEXT, "job-context", "no such context, or its segment table is not reachable") \
	X(JOB_SEGMENT, "job-segment", "access outside a segment, or not permitted") \
	X(JOB_INSTRUCTION, "job-instruction", \
	  "unknown opcode, wrong engine or operand out of range") \
	X(JOB_SEMAPHORE, "job-semaphore", \
	  "all engines wait for semaphores that nothing can signal") \
	X(JOB_TIMEOUT, "job-timeout", "job ran longer than it may") \
	X(JOB_BUS, "job-bus", "memory of a segment is not reachable") \
	X(PCI_CONFIG, "pci-config", "access outside configuration space") \
	X(DMA_UNMAPPED, "dma-unmapped", \
	  "management core's access to host memory that is not mapped") \
	X(DMA_BUS_MASTER, "dma-bus-master", "management core's access to host memory while bus mastering is off") \
	X(FW_CTRL, "fw-ctrl", "unknown value for the management core's control register") \
	X(FW_CRASH, "fw-crash", "firmware trapped") \
	X(GUARD, "guard", "access to memory that a test has put out of bounds")

enum emu_guest_error {
#define EMU_GE_ENUM(e, name, meaning) EMU_GE_##e,
	EMU_GUEST_ERRORS(EMU_GE_ENUM)
#undef EMU_GE_ENUM
	EMU_GE_COUNT,
};

const char *emu_guest_error_name(enum emu_guest_error error);
const char *emu_guest_error_meaning(enum emu_guest_error error);

/* Not with a lock held that emu_bar_read() or emu_bar_write() takes. */
void emu_guest_error(struct emu_chip *chip, enum emu_guest_error error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Does somebody listen? Keeps the cost of formatting off the fast paths. */
#define emu_trace(chip, ...) \
	do { \
		if (atomic_load_explicit(&(chip)->tracing, memory_order_relaxed)) \
			emu_trace_line(chip, __VA_ARGS__); \
	} while (0)
void emu_trace_line(struct emu_chip *chip, const char *category, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
