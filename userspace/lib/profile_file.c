// SPDX-License-Identifier: Apache-2.0
/*
 * Files of profiles. Written with write(), not stdio: a child of fork() must not write the
 * parent's buffers again.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "profile.h"
#include "runtime.h"

struct nrt_profile_file {
	pthread_mutex_t lock;
	int fd;
	int error;		/* of the first write that failed; nothing is written after it */
	uint64_t lost;
	char *path;
};

uint64_t nrt_profile_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static int write_all(int fd, const void *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			data = (const char *)data + n;
			size -= n;
		}
	}
	return 0;
}

static int write_header(int fd)
{
	struct profile_header header = {
		.version = PROFILE_VERSION,
		.header_size = sizeof(header),
		.clock_hz = PROFILE_CLOCK_HZ,
		.pid = getpid(),
		.start_ns = nrt_profile_clock(),
		.cores = nrt_runtime.core_count,
	};
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	header.real_ns = t.tv_sec * 1000000000ULL + t.tv_nsec;
	memcpy(header.magic, PROFILE_MAGIC, sizeof(header.magic));
	return write_all(fd, &header, sizeof(header));
}

static int open_nameless(void)
{
	char path[] = "/tmp/nrt-trace-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

int nrt_profile_file_open(const char *path, struct nrt_profile_file **result)
{
	struct nrt_profile_file *file = calloc(1, sizeof(*file));
	int rc;

	if (!file)
		return -ENOMEM;
	pthread_mutex_init(&file->lock, NULL);
	file->path = strdup(path ? path : "a temporary file");
	if (path) {
		file->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		rc = file->fd < 0 ? -errno : 0;
	} else {
		file->fd = open_nameless();
		rc = file->fd < 0 ? file->fd : 0;
	}
	if (!rc && !file->path)
		rc = -ENOMEM;
	if (!rc)
		rc = write_header(file->fd);
	if (rc) {
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, "nrt_profile_start", "cannot write %s: %s",
			path ? path : "a temporary file in /tmp", strerror(-rc));
		nrt_profile_file_forget(file);
		return rc;
	}
	*result = file;
	return 0;
}

void nrt_profile_file_put(struct nrt_profile_file *file, struct profile_record *head,
			  enum profile_type type, size_t head_size, const void *data, size_t size)
{
	head->type = type;
	head->reserved = 0;
	head->size = head_size + size;
	pthread_mutex_lock(&file->lock);
	if (!file->error)
		file->error = write_all(file->fd, head, head_size);
	if (!file->error)
		file->error = write_all(file->fd, data, size);
	file->lost += !!file->error;
	pthread_mutex_unlock(&file->lock);
}

static int copy_to(int from, const char *path)
{
	int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	static const size_t piece = 1 << 16;
	char *buf = malloc(piece);
	int rc = to < 0 ? -errno : buf ? 0 : -ENOMEM;
	off_t at = 0;

	while (!rc) {
		ssize_t n = pread(from, buf, piece, at);

		if (n <= 0) {
			rc = n ? -errno : 0;
			break;
		}
		rc = write_all(to, buf, n);
		at += n;
	}
	free(buf);
	if (to >= 0 && close(to) && !rc)
		rc = -errno;
	return rc;
}

int nrt_profile_file_close(struct nrt_profile_file *file, const char *path, uint64_t executions)
{
	struct profile_end end = {
		.end_ns = nrt_profile_clock(),
		.executions = executions,
		.lost = file->lost,
	};
	int rc;

	nrt_profile_file_put(file, &end.record, PROFILE_END, sizeof(end), NULL, 0);
	rc = file->error;
	if (!rc && path)
		rc = copy_to(file->fd, path);
	if (rc)
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, "nrt_profile_stop", "cannot write %s: %s",
			path ? path : file->path, strerror(-rc));
	nrt_profile_file_forget(file);
	return rc;
}

void nrt_profile_file_forget(struct nrt_profile_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	pthread_mutex_destroy(&file->lock);
	free(file->path);
	free(file);
}
