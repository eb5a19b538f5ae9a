/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the driver tells user space, as lines of text.
 */
#ifndef KSELFTEST_UEVENTS_H
#define KSELFTEST_UEVENTS_H

#include "util.h"
#include <linux/netlink.h>
#include <sys/socket.h>

/* Prints @ready, then a line for each event of a neuron device, its variables in their order, until @stop. */
static inline int print_uevents(const char *ready, const volatile sig_atomic_t *stop)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	char text[8192];
	ssize_t n;

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return 1;
	printf("%s\n", ready);
	while (!*stop) {
		n = recv(fd, text, sizeof(text) - 1, 0);
		text[n > 0 ? n : 0] = 0;
		if (n <= 0 || !memmem(text, n, "NEURON_EVENT", 12))
			continue;
		for (char *p = text; p < text + n; p += strlen(p) + 1)
			if (!strncmp(p, "NEURON_", 7) || !strncmp(p, "DEVNAME=", 8))
				printf("%s ", p);
		printf("\n");
	}
	return 0;
}

#endif
