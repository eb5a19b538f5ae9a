/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket: listens, serves one client after the other, moves bytes and descriptors.
 * Waits only in poll(), with the stop descriptor in the set.
 */
#ifndef EMU_VFU_SOCKET_H
#define EMU_VFU_SOCKET_H

#include "vfu_server.h"

/* A listening socket of @type, or -errno. Replaces a socket file that nobody listens on. */
int vfu_socket_listen(const char *path, int type);

/* Serve clients until @stop_fd becomes readable. 0, or -errno if the listener fails. */
int vfu_socket_serve(struct vfu *vfu, int listen_fd, int stop_fd);

#endif
