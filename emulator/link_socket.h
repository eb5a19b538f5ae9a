/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One link of a chip to a neighbour in another process. The east end listens, the west
 * end of the neighbour calls and keeps calling, so that either may be started first and
 * a neighbour that dies is found again when it is back. DRAM of the neighbour is mapped
 * and copied directly; its registers are asked for, one request at a time, which a thread
 * of the neighbour's own answers. A neighbour that does not answer within LINK_TIMEOUT_MS
 * is given up, one that closes its end is gone at once; the link is then down until the
 * two have said HELLO again.
 *
 * Locks: call_lock (one request at a time) > lock (the connection and the answer) >
 * innermost locks of the chip. memory_lock stands alone. The link's thread, which serves
 * the neighbour, holds none of them while it does so, and never waits for an answer.
 */
#ifndef EMU_LINK_SOCKET_H
#define EMU_LINK_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "emu.h"

#define LINK_TIMEOUT_MS	1000

struct link;

/**
 * struct link_config - what a link is between
 * @chip: the chip at this end; outlives the link
 * @side: EMU_LINK_EAST listens at @path, EMU_LINK_WEST calls there
 * @path: of the Unix socket
 * @index: of the chip, for the neighbour's messages
 * @note: a line about what happens to the link; any thread. May be NULL
 */
struct link_config {
	struct emu_chip *chip;
	enum emu_link side;
	const char *path;
	unsigned int index;
	void *opaque;
	void (*note)(void *opaque, const char *text);
};

/* Start; *@link is set before the chip may see its neighbour. -EADDRINUSE, -ENAMETOOLONG ... */
int link_open(const struct link_config *config, struct link **link);
/* Take the link down for good. No access may be going on. NULL is allowed. */
void link_close(struct link *link);
/*
 * Take the link down, for both chips, and leave it there until unblocked. On return it is down for
 * this chip; the neighbour learns of it a moment later.
 */
void link_block(struct link *link, bool blocked);

/* As emu_config.link_read and .link_write. */
int link_read(struct link *link, uint64_t addr, void *buf, size_t len);
int link_write(struct link *link, uint64_t addr, const void *buf, size_t len);

#endif
