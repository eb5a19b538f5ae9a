// SPDX-License-Identifier: Apache-2.0
/*
 * Reads the statistics that processes publish. Files are copied, never mapped: whoever owns
 * one may write and truncate it at any time.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stats_dir.h"
#include "stats_read.h"

/* A writer is between two sequence numbers for microseconds, unless it never was a writer. */
#define MAX_TRIES	1000

static int read_at(int fd, void *to, size_t size, size_t offset)
{
	return pread(fd, to, size, offset) == (ssize_t)size ? 0 : -EINVAL;
}

/* @size bytes at @offset that belong together according to the number at @seq. */
static int read_stable(int fd, void *to, size_t size, size_t offset, size_t seq)
{
	uint32_t before, after;
	int i, rc;

	for (i = 0; i < MAX_TRIES; i++) {
		rc = read_at(fd, &before, sizeof(before), seq);
		/* The number first, then what it guards ... */
		atomic_thread_fence(memory_order_seq_cst);
		if (!rc)
			rc = read_at(fd, to, size, offset);
		/* ... then the number again. */
		atomic_thread_fence(memory_order_seq_cst);
		if (!rc)
			rc = read_at(fd, &after, sizeof(after), seq);
		if (rc)
			return rc;
		if (before == after && !(before & 1))
			return 0;
		if (i > 10)
			usleep(10);
	}
	return -EAGAIN;
}

static void clean_text(char *text, size_t size)
{
	size_t i;

	text[size - 1] = 0;
	for (i = 0; text[i]; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			text[i] = '?';
}

#define CLEAN(text) clean_text(text, sizeof(text))

static int read_cores(int fd, struct nrt_stats_file *copy)
{
	uint32_t i;
	int rc = 0;

	if (copy->core_count > NRT_STATS_CORES)
		return -EINVAL;
	for (i = 0; !rc && i < copy->core_count; i++) {
		size_t at = offsetof(struct nrt_stats_file, cores) + i * sizeof(copy->cores[0]);

		rc = read_stable(fd, &copy->cores[i], sizeof(copy->cores[i]), at,
				 at + offsetof(struct nrt_stats_core, seq));
		if (rc == -EAGAIN) {
			copy->cores[i].busy_ns = copy->cores[i].since_ns = 0;
			rc = 0;
		}
	}
	return rc;
}

static int read_models(int fd, struct nrt_stats_file *copy)
{
	static const size_t counts = offsetof(struct nrt_stats_file, model_count);
	static const size_t tables = offsetof(struct nrt_stats_file, models);
	/* Counts and tables in one go: the cores are between them. */
	size_t size = offsetof(struct nrt_stats_file, total) - counts;
	char *bytes = malloc(size);
	uint32_t i;
	int rc;

	if (!bytes)
		return -ENOMEM;
	rc = read_stable(fd, bytes, size, counts, offsetof(struct nrt_stats_file, seq));
	if (!rc) {
		memcpy(&copy->model_count, bytes, 3 * sizeof(uint32_t));
		memcpy(copy->models, bytes + tables - counts, size - (tables - counts));
	}
	free(bytes);
	if (rc == -EAGAIN) {
		copy->model_count = copy->subgraph_count = 0;
		return 0;
	}
	if (rc || copy->model_count > NRT_STATS_MODELS ||
	    copy->subgraph_count > NRT_STATS_SUBGRAPHS)
		return -EINVAL;
	for (i = 0; i < copy->subgraph_count; i++)
		CLEAN(copy->subgraphs[i].name);
	for (i = 0; i < copy->model_count; i++) {
		struct nrt_stats_model *m = &copy->models[i];

		CLEAN(m->name);
		CLEAN(m->uuid);
		if (m->first > copy->subgraph_count || m->count > copy->subgraph_count - m->first)
			return -EINVAL;
	}
	return 0;
}

int nrt_stats_read(const struct nrt_stats_source *source, struct nrt_stats_file *copy, bool *alive)
{
	int rc;

	/* First, so that a file without holder is complete. */
	*alive = nrt_stats_is_held(source->fd);
	rc = read_at(source->fd, copy, sizeof(*copy), 0);
	if (rc || copy->magic != NRT_STATS_MAGIC || copy->version != NRT_STATS_VERSION ||
	    copy->size != sizeof(*copy) || copy->pid != source->pid ||
	    copy->start_time != source->start_time)
		return -EINVAL;
	CLEAN(copy->framework_version);
	CLEAN(copy->fal_version);
	CLEAN(copy->runtime_version);
	CLEAN(copy->tag);
	rc = read_cores(source->fd, copy);
	return rc ? rc : read_models(source->fd, copy);
}

uint64_t nrt_stats_busy(const struct nrt_stats_core *core, uint64_t now)
{
	uint64_t since = core->since_ns;

	return core->busy_ns + (since && now > since ? now - since : 0);
}

/* Whether user @uid has process @pid. */
static bool is_users(pid_t pid, uid_t uid)
{
	unsigned int ids[4];
	char path[64], line[256];
	bool result = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "Uid: %u %u %u %u", &ids[0], &ids[1], &ids[2], &ids[3]) == 4)
			result = ids[0] == uid || ids[1] == uid || ids[2] == uid || ids[3] == uid;
	fclose(f);
	return result;
}

/* Of another pid namespace is a process that has another meaning of its pid. */
static bool in_our_namespace(int fd)
{
	uint64_t namespace;
	struct stat st;

	return !stat("/proc/self/ns/pid", &st) &&
	       !read_at(fd, &namespace, sizeof(namespace),
			offsetof(struct nrt_stats_file, pid_namespace)) && namespace == st.st_ino;
}

static int check_file(struct nrt_stats_source *s)
{
	struct stat st;

	if (fstat(s->fd, &st) || !S_ISREG(st.st_mode) ||
	    st.st_size != sizeof(struct nrt_stats_file) || !nrt_stats_is_held(s->fd) ||
	    !in_our_namespace(s->fd) || nrt_stats_start_time(s->pid) != s->start_time ||
	    !is_users(s->pid, st.st_uid))
		return -EINVAL;
	s->device = st.st_dev;
	s->inode = st.st_ino;
	return 0;
}

static int add_source(struct nrt_stats_source **list, int *count, const struct nrt_stats_source *s)
{
	struct nrt_stats_source *more = realloc(*list, (*count + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	*list = more;
	more[(*count)++] = *s;
	return 0;
}

static int scan(const char *directory, struct nrt_stats_source **list, int *count)
{
	DIR *dir = opendir(directory);
	struct nrt_stats_source s;
	struct dirent *e;
	int rc = 0;

	if (!dir)
		return 0;
	while (!rc && (e = readdir(dir))) {
		if (nrt_stats_parse_name(e->d_name, &s.pid, &s.start_time))
			continue;
		s.fd = openat(dirfd(dir), e->d_name,
			      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (s.fd < 0)
			continue;
		if (!check_file(&s))
			rc = add_source(list, count, &s);
		else
			rc = -EINVAL;
		if (rc)
			close(s.fd);
		if (rc == -EINVAL)
			rc = 0;
	}
	closedir(dir);
	return rc;
}

static int by_pid(const void *a, const void *b)
{
	const struct nrt_stats_source *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

int nrt_stats_find(struct nrt_stats_source **list)
{
	char directory[NRT_STATS_PATH];
	int count = 0, rc = 0;
	unsigned int i;

	*list = NULL;
	for (i = 0; !rc && !nrt_stats_directory(i, directory, sizeof(directory)); i++) {
		nrt_stats_reap(directory);
		rc = scan(directory, list, &count);
	}
	if (rc) {
		while (count)
			nrt_stats_source_close(&(*list)[--count]);
		free(*list);
		*list = NULL;
		return rc;
	}
	if (count)
		qsort(*list, count, sizeof(**list), by_pid);
	return count;
}

void nrt_stats_source_close(struct nrt_stats_source *source)
{
	close(source->fd);
	source->fd = -1;
}

static const char *pick(const char *const *names, unsigned int count, unsigned int i)
{
	return i < count ? names[i] : "unknown";
}

const char *nrt_stats_outcome_name(unsigned int outcome)
{
	static const char *const names[] = {
		"completed", "completed_with_err", "completed_with_num_err", "timed_out",
		"incorrect_input", "failed_to_queue",
	};

	return pick(names, NRT_STATS_OUTCOMES, outcome);
}

const char *nrt_stats_error_name(unsigned int error)
{
	static const char *const names[] = {
		"generic", "numerical", "transient", "model", "runtime", "hardware",
	};

	return pick(names, NRT_STATS_ERRORS, error);
}

const char *nrt_stats_framework_name(unsigned int framework)
{
	static const char *const names[] = {
		"unknown", "none", "tensorflow", "pytorch", "mxnet", "precheck",
	};

	return pick(names, 6, framework);
}
