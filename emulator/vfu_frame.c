// SPDX-License-Identifier: Apache-2.0
/* Framing of vfio-user messages. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vfu_frame.h"

int vfu_frame_init(struct vfu_frame *frame)
{
	memset(frame, 0, sizeof(*frame));
	frame->payload = malloc(VFU_MAX_MESSAGE);
	return frame->payload ? 0 : -ENOMEM;
}

void vfu_frame_fini(struct vfu_frame *frame)
{
	vfu_frame_reset(frame);
	free(frame->payload);
	frame->payload = NULL;
}

void vfu_frame_reset(struct vfu_frame *frame)
{
	unsigned int i;

	for (i = 0; i < frame->nfds; i++)
		close(frame->fds[i]);
	frame->nfds = 0;
	frame->have = 0;
}

uint8_t *vfu_frame_next(struct vfu_frame *frame, size_t *want)
{
	size_t in_payload;

	if (frame->have < sizeof(frame->header)) {
		*want = sizeof(frame->header) - frame->have;
		return (uint8_t *)&frame->header + frame->have;
	}
	in_payload = frame->have - sizeof(frame->header);
	*want = frame->header.size - frame->have;
	return frame->payload + in_payload;
}

int vfu_frame_got(struct vfu_frame *frame, size_t got)
{
	frame->have += got;
	if (frame->have != sizeof(frame->header))
		return 0;
	if (frame->header.size < sizeof(frame->header))
		return -EPROTO;
	if (frame->header.size - sizeof(frame->header) > VFU_MAX_MESSAGE)
		return -EMSGSIZE;
	return 0;
}

int vfu_frame_fds(struct vfu_frame *frame, const int *fds, unsigned int nfds)
{
	unsigned int i;

	if (nfds > VFU_MAX_FDS - frame->nfds) {
		for (i = 0; i < nfds; i++)
			close(fds[i]);
		return -E2BIG;
	}
	memcpy(frame->fds + frame->nfds, fds, nfds * sizeof(fds[0]));
	frame->nfds += nfds;
	return 0;
}

void vfu_frame_message(struct vfu_frame *frame, struct vfu_message *message)
{
	message->header = frame->header;
	message->payload = frame->payload;
	message->size = frame->have - sizeof(frame->header);
	memcpy(message->fds, frame->fds, frame->nfds * sizeof(frame->fds[0]));
	message->nfds = frame->nfds;
	frame->nfds = 0;
	frame->have = 0;
}

void vfu_frame_reply(const struct vfu_header *request, int err, size_t size,
		     struct vfu_header *reply)
{
	memset(reply, 0, sizeof(*reply));
	reply->id = request->id;
	reply->command = request->command;
	reply->flags = VFU_TYPE_REPLY | (err ? VFU_ERROR : 0);
	reply->error = err ? -err : 0;
	reply->size = sizeof(*reply) + (err ? 0 : size);
}
