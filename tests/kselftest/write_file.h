/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes what a file of the kernel's wants to be told.
 */
#ifndef KSELFTEST_WRITE_FILE_H
#define KSELFTEST_WRITE_FILE_H

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static inline int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

#endif
