/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Framing: bytes and file descriptors from a stream become messages. Pure functions on
 * memory; a frame asks for exactly the bytes it needs next, so that descriptors can
 * never belong to a later message.
 */
#ifndef EMU_VFU_FRAME_H
#define EMU_VFU_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "vfu_proto.h"
#include "vfu_server.h"

struct vfu_frame {
	struct vfu_header header;
	uint8_t *payload;		/* VFU_MAX_MESSAGE bytes */
	size_t have;			/* bytes of header and payload */
	int fds[VFU_MAX_FDS];
	unsigned int nfds;
};

int vfu_frame_init(struct vfu_frame *frame);
void vfu_frame_fini(struct vfu_frame *frame);
/* Forget a message in progress; closes descriptors. */
void vfu_frame_reset(struct vfu_frame *frame);

/* Where the next bytes go, and how many: @want is 0 when the message is complete. */
uint8_t *vfu_frame_next(struct vfu_frame *frame, size_t *want);
/* @got bytes arrived there. -EPROTO, -EMSGSIZE: the stream is beyond repair. */
int vfu_frame_got(struct vfu_frame *frame, size_t got);
/* Takes the descriptors over; -E2BIG (and closes them) if they are too many. */
int vfu_frame_fds(struct vfu_frame *frame, const int *fds, unsigned int nfds);
/* The complete message; the frame gives up its descriptors. */
void vfu_frame_message(struct vfu_frame *frame, struct vfu_message *message);

/* Header of the reply to @request: @size payload bytes, or @err (0 or -errno). */
void vfu_frame_reply(const struct vfu_header *request, int err, size_t size,
		     struct vfu_header *reply);

#endif
