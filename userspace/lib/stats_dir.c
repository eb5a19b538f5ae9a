// SPDX-License-Identifier: Apache-2.0
/*
 * Finds the directories of statistics and removes what dead processes left there.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stats_dir.h"

#define SYSTEM		"/run/neuron"
#define SHARED		"/dev/shm"
#define PREFIX		"neuron-"

static const char *from_environment(void)
{
	const char *path = getenv("NEURON_RT_STATS_DIR");

	return path && *path ? path : NULL;
}

static int copy_path(char *path, size_t size, const char *from)
{
	return (size_t)snprintf(path, size, "%s", from) < size ? 0 : -ENAMETOOLONG;
}

/* A directory of user @uid that nobody else writes to. */
static int check_owner(const char *path, uid_t uid)
{
	struct stat st;

	if (lstat(path, &st))
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	return st.st_uid == uid && !(st.st_mode & (S_IWGRP | S_IWOTH)) ? 0 : -EPERM;
}

/* Where this process may write, and another user may not take away what it wrote. */
static bool is_usable(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && S_ISDIR(st.st_mode) &&
	       (st.st_mode & S_ISVTX || !(st.st_mode & (S_IWGRP | S_IWOTH))) &&
	       !access(path, W_OK | X_OK);
}

static int make_users_directory(char *path, size_t size)
{
	snprintf(path, size, SHARED "/" PREFIX "%u", geteuid());
	if (!mkdir(path, 0755)) {
		/* For monitors of other users, whatever the umask. */
		if (chmod(path, 0755))
			return -errno;
	} else if (errno != EEXIST) {
		return -errno;
	}
	return check_owner(path, geteuid());
}

int nrt_stats_own_directory(unsigned int number, char *path, size_t size)
{
	const char *given = from_environment();

	if (given) {
		if (number)
			return -ENOENT;
		if (mkdir(given, 0755) && errno != EEXIST)
			return -errno;
		return copy_path(path, size, given);
	}
	if (is_usable(SYSTEM) && !number--)
		return copy_path(path, size, SYSTEM);
	return number ? -ENOENT : make_users_directory(path, size);
}

/* The @number-th directory of a user below SHARED. */
static int users_directory(unsigned int number, char *path, size_t size)
{
	DIR *dir = opendir(SHARED);
	struct dirent *e;
	int rc = -ENOENT;

	if (!dir)
		return -ENOENT;
	while (rc && (e = readdir(dir))) {
		unsigned int uid;
		char rest;

		if (sscanf(e->d_name, PREFIX "%u%c", &uid, &rest) != 1)
			continue;
		snprintf(path, size, SHARED "/%s", e->d_name);
		if (!check_owner(path, uid) && !number--)
			rc = 0;
	}
	closedir(dir);
	return rc;
}

int nrt_stats_directory(unsigned int number, char *path, size_t size)
{
	const char *given = from_environment();

	if (given)
		return number ? -ENOENT : copy_path(path, size, given);
	if (!number)
		return copy_path(path, size, SYSTEM);
	return users_directory(number - 1, path, size);
}

uint64_t nrt_stats_start_time(pid_t pid)
{
	char path[64], text[1024], *p;
	uint64_t value = 0;
	size_t n;
	FILE *f;
	int i;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = 0;
	/* Field 2, the name, may have blanks and parentheses of its own. */
	p = strrchr(text, ')');
	for (i = 3; p && i <= 22; i++)
		p = strchr(p + 1, ' ');
	if (p)
		value = strtoull(p + 1, NULL, 10);
	return value;
}

int nrt_stats_parse_name(const char *name, pid_t *pid, uint64_t *start_time)
{
	char again[64];

	if (sscanf(name, "%d.%" SCNu64, pid, start_time) != 2 || *pid <= 0)
		return -EINVAL;
	snprintf(again, sizeof(again), "%d.%" PRIu64, *pid, *start_time);
	return strcmp(again, name) ? -EINVAL : 0;
}

int nrt_stats_is_held(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return !fcntl(fd, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK;
}

void nrt_stats_reap(const char *directory)
{
	DIR *dir = opendir(directory);
	uint64_t start_time;
	struct dirent *e;
	struct stat st;
	pid_t pid;
	int fd;

	if (!dir)
		return;
	while ((e = readdir(dir))) {
		if (nrt_stats_parse_name(e->d_name, &pid, &start_time))
			continue;
		fd = openat(dirfd(dir), e->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (!fstat(fd, &st) && S_ISREG(st.st_mode) && !nrt_stats_is_held(fd))
			unlinkat(dirfd(dir), e->d_name, 0);
		close(fd);
	}
	closedir(dir);
}
