/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vfio-user commands on a chip. Works on messages in memory; sockets are
 * vfu_socket.c's. One thread, the control thread, calls all but the DMA and interrupt
 * functions, which the chip's threads use.
 */
#ifndef EMU_VFU_SERVER_H
#define EMU_VFU_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "emu.h"
#include "vfu_dma.h"
#include "vfu_irq.h"
#include "vfu_proto.h"

struct vfu {
	struct emu_chip *chip;
	bool negotiated;		/* VERSION was exchanged */
	struct vfu_dma dma;
	struct vfu_irq irq;
	void *opaque;
	/* A line about what the client does wrong, or what is worth a trace; may be NULL. */
	void (*note)(void *opaque, const char *text);
};

/**
 * struct vfu_message - one message from the client
 * @payload: @size bytes, aligned for any type
 * @fds: @nfds descriptors; vfu_handle() sets those that it keeps to -1
 */
struct vfu_message {
	struct vfu_header header;
	const uint8_t *payload;
	size_t size;
	int fds[VFU_MAX_FDS];
	unsigned int nfds;
};

/**
 * struct vfu_reply - what to send back
 * @payload: room for VFU_MAX_MESSAGE bytes, the caller's
 * @fd: to be sent along, not to be closed; -1 = none
 */
struct vfu_reply {
	uint8_t *payload;
	size_t size;
	int fd;
};

int vfu_init(struct vfu *vfu, unsigned int vectors);
void vfu_fini(struct vfu *vfu);
/* Carry out a command. 0 and @reply, or -errno for an error reply. */
int vfu_handle(struct vfu *vfu, struct vfu_message *message, struct vfu_reply *reply);
/* The client has gone: reset the chip, forget its memory and interrupts. */
void vfu_disconnect(struct vfu *vfu);

#endif
