// SPDX-License-Identifier: Apache-2.0
/* The vfio-user server without a socket: framing, commands, the client's memory, interrupts. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <neuron/ext.h>
#include <neuron/regs.h>

#include "vfu_frame.h"
#include "vfu_server.h"

#define PAGE	4096u

struct bench {
	struct vfu vfu;
	uint8_t request[PAGE];
	uint8_t payload[VFU_MAX_MESSAGE];
	struct vfu_reply reply;
	int fd;			/* to send along, or -1 */
	bool kept;
};

static int call(struct bench *b, uint16_t command, const void *request, size_t size)
{
	struct vfu_message m = { .header = { .command = command }, .payload = b->request,
				.size = size };
	int err;

	memcpy(b->request, request, size);
	if (b->fd >= 0) {
		m.fds[0] = b->fd;
		m.nfds = 1;
	}
	b->reply.payload = b->payload;
	err = vfu_handle(&b->vfu, &m, &b->reply);
	b->kept = m.nfds && m.fds[0] < 0;
	return err;
}

static struct bench *bench_open(void)
{
	struct emu_config config = { .revision = 0xff, .vectors = 16 };
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->fd = -1;
	assert_int_equal(vfu_init(&b->vfu, 16), 0);
	config.opaque = b;
	assert_int_equal(emu_create(&config, &b->vfu.chip), 0);
	return b;
}

static void negotiate(struct bench *b)
{
	struct vfu_version v = { 0, 0 };

	assert_int_equal(call(b, VFU_VERSION, &v, sizeof(v)), 0);
}

static void bench_close(struct bench *b)
{
	emu_destroy(b->vfu.chip);
	vfu_fini(&b->vfu);
	free(b);
}

static int memory_file(size_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	return fd;
}

/* A message that comes byte by byte is the same message. */
static void frame_pieces(void **state)
{
	const struct vfu_header h = { .id = 3, .command = VFU_GET_INFO, .size = sizeof(h) + 16 };
	uint8_t stream[sizeof(h) + 16];
	struct vfu_frame frame;
	struct vfu_message m;
	size_t want, i;

	memcpy(stream, &h, sizeof(h));
	for (i = sizeof(h); i < sizeof(stream); i++)
		stream[i] = i;
	assert_int_equal(vfu_frame_init(&frame), 0);
	for (i = 0; i < sizeof(stream); i++) {
		uint8_t *to = vfu_frame_next(&frame, &want);

		assert_int_equal(want, i < sizeof(h) ? sizeof(h) - i : sizeof(stream) - i);
		*to = stream[i];
		assert_int_equal(vfu_frame_got(&frame, 1), 0);
	}
	vfu_frame_next(&frame, &want);
	assert_int_equal(want, 0);
	vfu_frame_message(&frame, &m);
	assert_int_equal(m.header.id, 3);
	assert_int_equal(m.size, 16);
	assert_memory_equal(m.payload, stream + sizeof(h), 16);
	vfu_frame_next(&frame, &want);
	assert_int_equal(want, sizeof(h));
	vfu_frame_fini(&frame);
}

static int push_header(uint32_t size)
{
	const struct vfu_header h = { .size = size };
	struct vfu_frame frame;
	size_t want;
	int err;

	assert_int_equal(vfu_frame_init(&frame), 0);
	memcpy(vfu_frame_next(&frame, &want), &h, sizeof(h));
	err = vfu_frame_got(&frame, sizeof(h));
	vfu_frame_fini(&frame);
	return err;
}

static void frame_sizes(void **state)
{
	assert_int_equal(push_header(0), -EPROTO);
	assert_int_equal(push_header(sizeof(struct vfu_header) - 1), -EPROTO);
	assert_int_equal(push_header(sizeof(struct vfu_header)), 0);
	assert_int_equal(push_header(sizeof(struct vfu_header) + VFU_MAX_MESSAGE), 0);
	assert_int_equal(push_header(sizeof(struct vfu_header) + VFU_MAX_MESSAGE + 1), -EMSGSIZE);
	assert_int_equal(push_header(UINT32_MAX), -EMSGSIZE);
}

static void frame_fds(void **state)
{
	int fds[VFU_MAX_FDS + 1], i;
	struct vfu_frame frame;
	struct vfu_message m;

	assert_int_equal(vfu_frame_init(&frame), 0);
	for (i = 0; i <= VFU_MAX_FDS; i++)
		fds[i] = eventfd(0, 0);
	assert_int_equal(vfu_frame_fds(&frame, fds, VFU_MAX_FDS), 0);
	assert_int_equal(vfu_frame_fds(&frame, fds + VFU_MAX_FDS, 1), -E2BIG);
	assert_int_equal(fcntl(fds[VFU_MAX_FDS], F_GETFD), -1);
	vfu_frame_message(&frame, &m);
	assert_int_equal(m.nfds, VFU_MAX_FDS);
	/* They are the message's now. */
	vfu_frame_reset(&frame);
	assert_int_not_equal(fcntl(fds[0], F_GETFD), -1);
	for (i = 0; i < VFU_MAX_FDS; i++)
		close(fds[i]);
	vfu_frame_fini(&frame);
}

/* Every command at every length shorter than it needs: refused, with nothing done. */
static void truncated(void **state)
{
	static const struct { uint16_t command; size_t need; } table[] = {
		{ VFU_DMA_MAP, 32 }, { VFU_DMA_UNMAP, 24 }, { VFU_GET_INFO, 16 },
		{ VFU_GET_REGION_INFO, 32 },
		{ VFU_GET_IRQ_INFO, 16 }, { VFU_SET_IRQS, 20 }, { VFU_REGION_READ, 16 },
		{ VFU_REGION_WRITE, 16 },
	};
	struct bench *b = bench_open();
	const uint8_t zero[64] = { 0 };
	size_t i, len;

	assert_int_equal(call(b, VFU_GET_INFO, zero, 16), -EPROTO);
	for (len = 0; len < 4; len++)
		assert_int_equal(call(b, VFU_VERSION, zero, len), -EINVAL);
	negotiate(b);
	assert_true(b->reply.size > 4 && b->reply.size <= 4 + 194);
	assert_int_equal(b->payload[b->reply.size - 1], 0);
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (len = 0; len < table[i].need; len++)
			assert_int_equal(call(b, table[i].command, zero, len), -EINVAL);
	assert_int_equal(call(b, VFU_GET_REGION_IO_FDS, zero, 32), -ENOTSUP);
	assert_int_equal(call(b, 999, zero, 32), -ENOTSUP);
	bench_close(b);
}

static void regions(void **state)
{
	struct vfu_region_info_msg info = { .argsz = sizeof(info), .index = 0 };
	struct bench *b = bench_open();
	struct vfu_region_info_msg got;
	struct vfu_sparse_cap cap;
	uint64_t area[2];

	negotiate(b);
	/* Too little room: no fd, but the size that is needed, and an offset that clients check. */
	assert_int_equal(call(b, VFU_GET_REGION_INFO, &info, sizeof(info)), 0);
	memcpy(&got, b->payload, sizeof(got));
	assert_int_equal(b->reply.size, sizeof(info));
	assert_int_equal(b->reply.fd, -1);
	assert_int_equal(got.cap_offset, sizeof(info));
	assert_int_equal(got.argsz, sizeof(info) + sizeof(cap) + sizeof(area));
	info.argsz = got.argsz;
	assert_int_equal(call(b, VFU_GET_REGION_INFO, &info, sizeof(info)), 0);
	assert_true(b->reply.fd >= 0);
	assert_int_equal(b->reply.size, got.argsz);
	memcpy(&cap, b->payload + sizeof(info), sizeof(cap));
	memcpy(area, b->payload + sizeof(info) + sizeof(cap), sizeof(area));
	assert_int_equal(cap.areas, 1);
	assert_int_equal(area[0], NEURON_EXT_BASE + NEURON_EXT_DOORBELL);
	assert_int_equal(area[1], 2 * PAGE);
	info.index = 4;
	assert_int_equal(call(b, VFU_GET_REGION_INFO, &info, sizeof(info)), 0);
	memcpy(&got, b->payload, sizeof(got));
	assert_int_equal(got.size, 8ull << 30);
	assert_int_equal(got.flags, 7);
	assert_true(b->reply.fd >= 0);
	info.index = 2;
	assert_int_equal(call(b, VFU_GET_REGION_INFO, &info, sizeof(info)), 0);
	assert_int_equal(b->reply.fd, -1);
	info.index = 9;
	assert_int_equal(call(b, VFU_GET_REGION_INFO, &info, sizeof(info)), -EINVAL);
	bench_close(b);
}

static int access_region(struct bench *b, uint16_t command, uint32_t region, uint64_t off,
			 uint32_t count,
			 size_t data)
{
	uint8_t request[64] = { 0 };
	struct vfu_region_rw_msg rw = { off, region, count };

	memcpy(request, &rw, sizeof(rw));
	memset(request + sizeof(rw), 0x5a, sizeof(request) - sizeof(rw));
	return call(b, command, request, sizeof(rw) + data);
}

static void accesses(void **state)
{
	const uint64_t scratch = NEURON_MISC_BASE + NEURON_MISC_METRICS;
	struct bench *b = bench_open();

	negotiate(b);
	assert_int_equal(access_region(b, VFU_REGION_WRITE, 0, scratch, 4, 4), 0);
	assert_int_equal(b->reply.size, 16);
	assert_int_equal(access_region(b, VFU_REGION_READ, 0, scratch, 4, 0), 0);
	assert_int_equal(b->reply.size, 20);
	assert_int_equal(b->payload[16], 0x5a);
	/* Less data than announced, outside the region, no such region, too much. */
	assert_int_equal(access_region(b, VFU_REGION_WRITE, 0, scratch, 8, 7), -EINVAL);
	assert_int_equal(access_region(b, VFU_REGION_READ, 0, NEURON_BAR_APB_SIZE, 4, 0), -EINVAL);
	assert_int_equal(access_region(b, VFU_REGION_READ, 0, UINT64_MAX, 4, 0), -EINVAL);
	assert_int_equal(access_region(b, VFU_REGION_READ, 7, 4094, 4, 0), -EINVAL);
	assert_int_equal(access_region(b, VFU_REGION_READ, 1, 0, 4, 0), -EINVAL);
	assert_int_equal(access_region(b, VFU_REGION_READ, 100, 0, 4, 0), -EINVAL);
	assert_int_equal(access_region(b, VFU_REGION_READ, 4, 0, VFU_MAX_DATA + 1, 0), -EINVAL);
	assert_int_equal(access_region(b, VFU_REGION_READ, 4, 0, VFU_MAX_DATA, 0), 0);
	assert_int_equal(b->reply.size, 16 + VFU_MAX_DATA);
	bench_close(b);
}

static int dma_map(struct bench *b, uint64_t address, uint64_t size, uint64_t offset,
		   uint32_t flags, int fd)
{
	struct vfu_dma_map_msg map = { sizeof(map), flags, offset, address, size };
	int err;

	b->fd = fd;
	err = call(b, VFU_DMA_MAP, &map, sizeof(map));
	b->fd = -1;
	return err;
}

static int dma_unmap(struct bench *b, uint64_t address, uint64_t size, uint32_t flags)
{
	struct vfu_dma_unmap_msg unmap = { sizeof(unmap), flags, address, size };

	return call(b, VFU_DMA_UNMAP, &unmap, sizeof(unmap));
}

static void memory(void **state)
{
	struct bench *b = bench_open();
	int fd = memory_file(4 * PAGE);
	uint8_t buf[2 * PAGE], got[2 * PAGE];
	unsigned int i;

	negotiate(b);
	for (i = 0; i < sizeof(buf); i++)
		buf[i] = i * 3;
	/* Two neighbours in the wrong order of the file. */
	assert_int_equal(dma_map(b, 0x10000, PAGE, PAGE, 3, fd), 0);
	assert_int_equal(dma_map(b, 0x11000, PAGE, 0, 3, fd), 0);
	assert_int_equal(dma_map(b, 0x20000, PAGE, 2 * PAGE, 1, fd), 0);
	assert_int_equal(dma_map(b, 0x30000, PAGE, 0, 3, -1), 0);
	assert_int_equal(vfu_dma_write(&b->vfu.dma, 0x10100, buf, PAGE + 512), 0);
	assert_int_equal(vfu_dma_read(&b->vfu.dma, 0x10100, got, PAGE + 512), 0);
	assert_memory_equal(got, buf, PAGE + 512);
	assert_int_equal(pread(fd, got, 256, PAGE + 0x100), 256);
	assert_memory_equal(got, buf, 256);
	assert_int_equal(vfu_dma_write(&b->vfu.dma, 0x11ff0, buf, 32), -EFAULT);
	assert_int_equal(vfu_dma_read(&b->vfu.dma, 0xffff, got, 1), -EFAULT);
	assert_int_equal(vfu_dma_read(&b->vfu.dma, 0x20000, got, 8), 0);
	assert_int_equal(vfu_dma_write(&b->vfu.dma, 0x20000, buf, 8), -EPERM);
	assert_int_equal(vfu_dma_read(&b->vfu.dma, 0x30000, got, 8), -ENXIO);
	/* Overlaps, empty, past the end of the address space or of the file, not a file. */
	assert_int_equal(dma_map(b, 0x10800, PAGE, 0, 3, fd), -EEXIST);
	assert_int_equal(dma_map(b, 0xf000, 0x100000, 0, 3, -1), -EEXIST);
	assert_int_equal(dma_map(b, 0x40000, 0, 0, 3, fd), -EINVAL);
	assert_int_equal(dma_map(b, UINT64_MAX - PAGE + 2, PAGE, 0, 3, fd), -EINVAL);
	assert_int_equal(dma_map(b, 0x40000, 5 * PAGE, 0, 3, fd), -EINVAL);
	assert_int_equal(dma_map(b, 0x40000, PAGE, UINT64_MAX - 10, 3, fd), -EINVAL);
	assert_int_equal(dma_map(b, 0x40000, PAGE, 12, 3, fd), -EINVAL);
	assert_int_equal(dma_map(b, 0x40000, PAGE, 0, 7, fd), -EINVAL);
	assert_int_equal(dma_unmap(b, 0x10000, 0x800, 0), -EINVAL);
	assert_int_equal(dma_unmap(b, 0x50000, PAGE, 0), -ENOENT);
	assert_int_equal(dma_unmap(b, 0x10000, 2 * PAGE, 0), 0);
	assert_int_equal(vfu_dma_read(&b->vfu.dma, 0x10000, got, 1), -EFAULT);
	assert_int_equal(vfu_dma_read(&b->vfu.dma, 0x20000, got, 1), 0);
	assert_int_equal(dma_unmap(b, 0, 0, VFU_UNMAP_ALL), 0);
	assert_int_equal(b->vfu.dma.count, 0);
	close(fd);
	bench_close(b);
}

/* The last page of the address space, and the order of the table. */
static void many_maps(void **state)
{
	struct bench *b = bench_open();
	int fd = memory_file(PAGE);
	unsigned int i;
	uint8_t byte;

	negotiate(b);
	assert_int_equal(dma_map(b, UINT64_MAX - PAGE + 1, PAGE, 0, 3, fd), 0);
	for (i = 0; i < 500; i++)
		assert_int_equal(dma_map(b, (i * 379 % 500 + 1) * 0x10000ull, PAGE, 0, 3, fd), 0);
	for (i = 0; i < 500; i++)
		assert_int_equal(vfu_dma_read(&b->vfu.dma, (i + 1) * 0x10000ull + 7, &byte, 1), 0);
	assert_int_equal(vfu_dma_read(&b->vfu.dma, UINT64_MAX, &byte, 1), 0);
	assert_int_equal(dma_unmap(b, 0x10000, 500 * 0x10000ull, 0), 0);
	assert_int_equal(b->vfu.dma.count, 1);
	close(fd);
	bench_close(b);
}

static void shrunk_file(void **state)
{
	struct bench *b = bench_open();
	int fd = memory_file(2 * PAGE);
	uint8_t byte = 1;

	negotiate(b);
	assert_int_equal(vfu_dma_catch_sigbus(), 0);
	assert_int_equal(dma_map(b, 0, 2 * PAGE, 0, 3, fd), 0);
	assert_int_equal(ftruncate(fd, PAGE), 0);
	assert_int_equal(vfu_dma_write(&b->vfu.dma, PAGE, &byte, 1), -EFAULT);
	assert_int_equal(vfu_dma_read(&b->vfu.dma, PAGE, &byte, 1), -EFAULT);
	assert_int_equal(vfu_dma_read(&b->vfu.dma, PAGE - 1, &byte, 1), 0);
	assert_int_equal(vfu_dma_write(&b->vfu.dma, 0, &byte, 1), 0);
	close(fd);
	bench_close(b);
}

static int set_irqs(struct bench *b, uint32_t flags, uint32_t index, uint32_t start,
		    uint32_t count, int fd)
{
	struct vfu_irq_set_msg set = { sizeof(set), flags, index, start, count };
	int err;

	b->fd = fd;
	err = call(b, VFU_SET_IRQS, &set, sizeof(set));
	b->fd = -1;
	return err;
}

static void interrupts(void **state)
{
	const uint32_t give = VFU_IRQ_DATA_EVENTFD | VFU_IRQ_ACTION_TRIGGER;
	const uint32_t none = VFU_IRQ_DATA_NONE | VFU_IRQ_ACTION_TRIGGER;
	struct bench *b = bench_open();
	int fd = eventfd(0, EFD_NONBLOCK), other = eventfd(0, EFD_NONBLOCK);
	const uint64_t full = UINT64_MAX - 1;
	uint64_t count;

	negotiate(b);
	assert_int_equal(set_irqs(b, give, VFU_IRQ_MSIX, 15, 1, dup(fd)), 0);
	assert_true(b->kept);
	vfu_irq_raise(&b->vfu.irq, 15);
	vfu_irq_raise(&b->vfu.irq, 14);
	vfu_irq_raise(&b->vfu.irq, 99);
	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, 1);
	/* A client that fills the counter blocks nobody. */
	assert_int_equal(write(fd, &full, sizeof(full)), sizeof(full));
	vfu_irq_raise(&b->vfu.irq, 15);
	assert_int_equal(set_irqs(b, give, VFU_IRQ_MSIX, 16, 1, other), -EINVAL);
	assert_int_equal(set_irqs(b, give, VFU_IRQ_MSIX, 0, 17, other), -EINVAL);
	assert_int_equal(set_irqs(b, give, VFU_IRQ_MSIX, 0, 2, other), -EINVAL);
	assert_int_equal(set_irqs(b, give, VFU_IRQ_INTX, 0, 1, other), -EINVAL);
	assert_int_equal(set_irqs(b, give, 5, 0, 0, other), -EINVAL);
	assert_int_equal(set_irqs(b, VFU_IRQ_DATA_BOOL | VFU_IRQ_ACTION_TRIGGER, VFU_IRQ_MSIX, 0,
				  1, -1), -EINVAL);
	assert_int_equal(set_irqs(b, VFU_IRQ_DATA_NONE | VFU_IRQ_ACTION_MASK, VFU_IRQ_MSIX, 0, 1,
				  -1), -EINVAL);
	assert_false(b->kept);
	assert_int_equal(set_irqs(b, none, VFU_IRQ_MSIX, 0, 0, -1), 0);
	assert_int_equal(b->vfu.irq.fd[VFU_IRQ_MSIX][15], -1);
	close(fd);
	close(other);
	bench_close(b);
}

static void disconnects(void **state)
{
	struct bench *b = bench_open();
	int fd = memory_file(PAGE);

	negotiate(b);
	assert_int_equal(dma_map(b, 0, PAGE, 0, 3, fd), 0);
	assert_int_equal(access_region(b, VFU_REGION_WRITE, 0,
				       NEURON_MISC_BASE + NEURON_MISC_DEVICE_ID, 4, 4), 0);
	vfu_disconnect(&b->vfu);
	assert_int_equal(b->vfu.dma.count, 0);
	assert_int_equal(call(b, VFU_DEVICE_RESET, "", 0), -EPROTO);
	negotiate(b);
	assert_int_equal(access_region(b, VFU_REGION_READ, 0,
				       NEURON_MISC_BASE + NEURON_MISC_DEVICE_ID, 4, 0), 0);
	assert_int_equal(b->payload[16], 0);
	assert_int_equal(call(b, VFU_DEVICE_RESET, "", 0), 0);
	close(fd);
	bench_close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frame_pieces),
		cmocka_unit_test(frame_sizes),
		cmocka_unit_test(frame_fds),
		cmocka_unit_test(truncated),
		cmocka_unit_test(regions),
		cmocka_unit_test(accesses),
		cmocka_unit_test(memory),
		cmocka_unit_test(many_maps),
		cmocka_unit_test(shrunk_file),
		cmocka_unit_test(interrupts),
		cmocka_unit_test(disconnects),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("emu_vfu", tests, NULL, NULL);
}
