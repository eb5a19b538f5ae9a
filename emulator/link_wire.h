/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What two chips say to each other over the socket of a link: packets that are checked
 * whole before anything in them is believed. Both say HELLO first, which carries the
 * memory behind BAR4; then either may send READ and WRITE, one at a time, and gets a
 * REPLY with the request's id. What breaks these rules ends the connection.
 */
#ifndef EMU_LINK_WIRE_H
#define EMU_LINK_WIRE_H

#include <stddef.h>
#include <stdint.h>

#define LINK_MAGIC	0x4b4e4c4eu	/* "NLNK" */
#define LINK_VERSION	1
#define LINK_DATA	4096		/* bytes that a READ or WRITE may be about */

enum link_type {
	LINK_HELLO = 1,
	LINK_READ,
	LINK_WRITE,
	LINK_REPLY,
};

/**
 * struct link_message - one packet; its length is that of the fields that it needs
 * @type: enum link_type
 * @id: a request's number, not 0; HELLO: LINK_MAGIC
 * @addr: local address of the chip that is asked; HELLO: enum emu_link of the sender
 * @len: bytes to read or write, 1 .. LINK_DATA; REPLY: bytes of @data; HELLO: LINK_VERSION
 * @err: REPLY: 0, -EFAULT or -EINVAL; HELLO: the sender's index; else 0
 * @data: WRITE; REPLY to a READ that went well
 */
struct link_message {
	uint32_t type;
	uint32_t id;
	uint64_t addr;
	uint32_t len;
	int32_t err;
	uint8_t data[LINK_DATA];
};

#define LINK_HEAD	offsetof(struct link_message, data)

/*
 * Send without waiting; @fd goes along unless it is -1. -EAGAIN: the peer does not read;
 * -errno: it has gone.
 */
int link_send(int sock, const struct link_message *m, int fd);
/*
 * Receive one packet without waiting. A HELLO's descriptor goes to *@fd, the caller's;
 * else that is -1. -EAGAIN nothing there; -ECONNRESET the peer has gone; -EPROTO what it
 * sent makes no sense, and *@why says what.
 */
int link_receive(int sock, struct link_message *m, int *fd, const char **why);

#endif
