// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target: what a vfio-user client sends. The first byte says whether VERSION was
 * exchanged; the rest is the stream. A message with an odd id carries a file descriptor for
 * its command: memory for DMA_MAP, eventfds for SET_IRQS.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "chip.h"
#include "vfu_frame.h"
#include "vfu_server.h"

#define MEMORY	0x10000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vfu vfu;
static struct vfu_frame frame;
static uint8_t *reply_room;

static void note(void *opaque, const char *text)
{
	(void)opaque;
	if (strchr(text, '\n'))
		abort();
}

static void setup(void)
{
	if (reply_room)
		return;
	reply_room = malloc(VFU_MAX_MESSAGE);
	if (!reply_room || vfu_init(&vfu, VFU_MAX_VECTORS) || vfu_frame_init(&frame) ||
	    vfu_dma_catch_sigbus())
		exit(1);
	vfu.note = note;
}

static int memory(void)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd >= 0 && ftruncate(fd, MEMORY)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void attach(void)
{
	int fds[4];
	unsigned int n = 0, want = frame.header.id >> 1 & 3;

	if (!(frame.header.id & 1))
		return;
	if (frame.header.command == VFU_DMA_MAP)
		fds[n++] = memory();
	else if (frame.header.command == VFU_SET_IRQS)
		for (n = 0; n <= want; n++)
			fds[n] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	vfu_frame_fds(&frame, fds, n);
}

static void handle(void)
{
	struct vfu_reply reply = { .payload = reply_room, .fd = -1 };
	struct vfu_message message;
	struct vfu_header header;
	unsigned int i;
	int err;

	attach();
	vfu_frame_message(&frame, &message);
	err = vfu_handle(&vfu, &message, &reply);
	for (i = 0; i < message.nfds; i++)
		if (message.fds[i] >= 0)
			close(message.fds[i]);
	if (err > 0 || reply.size > VFU_MAX_MESSAGE - sizeof(header))
		abort();
	vfu_frame_reply(&message.header, err, reply.size, &header);
	fuzz_run(vfu.chip, 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	uint8_t flags, *to;
	size_t want;

	setup();
	vfu.chip = fuzz_chip(false);
	vfu_frame_reset(&frame);
	fuzz_take(&in, &flags, 1);
	vfu.negotiated = flags & 1;
	while (in.size) {
		to = vfu_frame_next(&frame, &want);
		if (!want) {
			handle();
			continue;
		}
		if (want > in.size)
			want = in.size;
		fuzz_take(&in, to, want);
		if (vfu_frame_got(&frame, want))
			break;
	}
	vfu_frame_next(&frame, &want);
	if (!want)
		handle();
	vfu_disconnect(&vfu);
	return 0;
}
