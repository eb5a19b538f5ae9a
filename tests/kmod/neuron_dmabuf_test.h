/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/neuron_dmabuf_test: what tests ask of another driver that shares its memory, or that
 * takes memory of the chip. Not a contract: module and tests are built together.
 */
#ifndef NEURON_DMABUF_TEST_H
#define NEURON_DMABUF_TEST_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* What old places of a buffer are filled with. */
#define NEURON_DMABUF_TEST_POISON	0xa5

/**
 * struct neuron_dmabuf_test_export - make a dma-buf
 * @pages: of it, each apart from the others
 * @fd: out
 */
struct neuron_dmabuf_test_export {
	__u32 pages;
	__s32 fd;
};

/**
 * struct neuron_dmabuf_test_move - move a buffer to other pages
 * @fd: dma-buf of this module
 * @flags: NEURON_DMABUF_TEST_*
 *
 * The old pages are poisoned and kept. -EBUSY: it is pinned.
 */
struct neuron_dmabuf_test_move {
	__s32 fd;
	__u32 flags;
};

/* Also when it is pinned, as one does whose device has gone. */
#define NEURON_DMABUF_TEST_FORCE	1
/* For good: it cannot be mapped any more. */
#define NEURON_DMABUF_TEST_GONE		2

/**
 * struct neuron_dmabuf_test_state - what has become of a buffer
 * @fd: dma-buf of this module
 * @attached: attachments
 * @mapped: mappings
 * @pinned: pins
 * @spoilt: out: bytes of old pages that somebody has written
 */
struct neuron_dmabuf_test_state {
	__s32 fd;
	__u32 attached;
	__u32 mapped;
	__u32 pinned;
	__u64 spoilt;
};

/**
 * struct neuron_dmabuf_test_access - read or write a buffer where it is now
 * @fd: dma-buf of this module
 * @write: else read
 * @data: as many bytes as it has
 */
struct neuron_dmabuf_test_access {
	__s32 fd;
	__u32 write;
	__u64 data;
};

/**
 * struct neuron_dmabuf_test_attach - attach a PCI device to a dma-buf; one for each open file
 * @fd: any dma-buf
 * @flags: NEURON_DMABUF_TEST_*
 * @device: "0000:01:00.0"; empty: a device that is no PCI device
 */
struct neuron_dmabuf_test_attach {
	__s32 fd;
	__u32 flags;
	char device[24];
};

/* It can follow a move. */
#define NEURON_DMABUF_TEST_DYNAMIC	1
/* It can reach a BAR. */
#define NEURON_DMABUF_TEST_PEER		2
/* It lets go of its mapping when it is asked to unmap, not in the notification. */
#define NEURON_DMABUF_TEST_LAZY		4

/**
 * struct neuron_dmabuf_test_map - map what is attached
 * @address: out: of the first run
 * @length: out: of all runs
 * @runs: out
 * @moves: out: notifications so far
 */
struct neuron_dmabuf_test_map {
	__u64 address;
	__u64 length;
	__u32 runs;
	__u32 moves;
};

#define NEURON_DMABUF_TEST_EXPORT	_IOWR('T', 0, struct neuron_dmabuf_test_export)
#define NEURON_DMABUF_TEST_MOVE		_IOW('T', 1, struct neuron_dmabuf_test_move)
#define NEURON_DMABUF_TEST_STATE	_IOWR('T', 2, struct neuron_dmabuf_test_state)
#define NEURON_DMABUF_TEST_ACCESS	_IOW('T', 3, struct neuron_dmabuf_test_access)
#define NEURON_DMABUF_TEST_ATTACH	_IOW('T', 4, struct neuron_dmabuf_test_attach)
#define NEURON_DMABUF_TEST_MAP		_IOR('T', 5, struct neuron_dmabuf_test_map)
#define NEURON_DMABUF_TEST_UNMAP	_IOR('T', 6, struct neuron_dmabuf_test_map)
#define NEURON_DMABUF_TEST_DETACH	_IO('T', 7)
/* dma_buf_pin() of what is attached. */
#define NEURON_DMABUF_TEST_PIN		_IO('T', 8)
/* The notifications so far, mapped or not. */
#define NEURON_DMABUF_TEST_MOVES	_IO('T', 9)

#endif
