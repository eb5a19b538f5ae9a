// SPDX-License-Identifier: Apache-2.0
/*
 * The log of allocations: a ring that grows up to its limit.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "memlog.h"

#define FIRST_ENTRIES	256

/**
 * struct entry - an event
 * @occupied: bytes that this process has of the device's memory after it
 */
struct entry {
	uint64_t time_ns;
	uint64_t size;
	uint64_t occupied;
	const char *what;
	char name[32];
	uint32_t thread;
	uint16_t device;
	uint8_t event;
	uint8_t type;
};

/**
 * struct memlog - the log
 * @room: entries that there is memory for
 * @next: that the next event goes to
 * @count: of those that are in use
 */
static struct {
	pthread_mutex_t lock;
	struct entry *entries;
	uint32_t limit, room, next, count;
	char path[256];
} memlog = { .lock = PTHREAD_MUTEX_INITIALIZER };

static _Thread_local const char *purpose = "runtime";
static _Thread_local char purpose_name[sizeof(((struct entry *)0)->name)];

void nrt_memlog_configure(uint32_t entries)
{
	pthread_mutex_lock(&memlog.lock);
	free(memlog.entries);
	memlog.entries = NULL;
	memlog.limit = entries;
	memlog.room = memlog.next = memlog.count = 0;
	memlog.path[0] = 0;
	pthread_mutex_unlock(&memlog.lock);
}

void nrt_memlog_forked(void)
{
	static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;

	/* What is in there is the parent's, and perhaps half written. */
	memlog.lock = fresh;
	memlog.entries = NULL;
	memlog.limit = memlog.room = memlog.next = memlog.count = 0;
	memlog.path[0] = 0;
}

void nrt_memlog_purpose(const char *what, const char *name)
{
	purpose = what ? what : "runtime";
	snprintf(purpose_name, sizeof(purpose_name), "%s", name ? name : "");
}

/* Where the next event goes; NULL if there is no memory at all. With the lock held. */
static struct entry *next_entry(void)
{
	if (memlog.next == memlog.room && memlog.room < memlog.limit) {
		uint32_t room = memlog.room ? 2 * memlog.room : FIRST_ENTRIES;
		struct entry *entries;

		if (room > memlog.limit)
			room = memlog.limit;
		entries = realloc(memlog.entries, room * sizeof(*entries));
		/* Without more memory the log is a shorter one. */
		if (!entries)
			memlog.limit = memlog.room;
		else
			memlog.entries = entries;
		memlog.room = entries ? room : memlog.room;
	}
	if (!memlog.room)
		return NULL;
	if (memlog.next == memlog.room)
		memlog.next = 0;
	if (memlog.count < memlog.room)
		memlog.count++;
	return &memlog.entries[memlog.next++];
}

void nrt_memlog_add(enum nrt_memlog_event event, const struct nrt_mem *mem)
{
	struct timespec now;
	struct entry *e;

	clock_gettime(CLOCK_REALTIME, &now);
	pthread_mutex_lock(&memlog.lock);
	e = next_entry();
	if (e) {
		e->time_ns = now.tv_sec * 1000000000ULL + now.tv_nsec;
		e->size = mem->size;
		e->occupied = mem->dev->used;
		e->what = purpose;
		memcpy(e->name, purpose_name, sizeof(e->name));
		e->thread = syscall(SYS_gettid);
		e->device = mem->dev->index;
		e->event = event;
		e->type = mem->type;
	}
	pthread_mutex_unlock(&memlog.lock);
}

/* A name with nothing in it that CSV or a terminal could take for something else. */
static void write_name(FILE *f, const char *name)
{
	for (; *name; name++)
		fputc(*name < ' ' || *name == '"' || *name == 0x7f ? '_' : *name, f);
}

static void write_entry(FILE *f, const struct entry *e)
{
	static const char *const event[] = { "allocate", "free", "fail" };
	static const char *const type[] = { "device", "host", "dma-buf", "pinned" };

	fprintf(f, "%" PRIu64 ".%09" PRIu64 ",%u,%s,%u,%s,%" PRIu64 ",%" PRIu64 ",%s,\"",
		e->time_ns / 1000000000, e->time_ns % 1000000000, e->thread, event[e->event],
		e->device, type[e->type], e->size, e->occupied,
		e->what);
	write_name(f, e->name);
	fputs("\"\n", f);
}

static int open_file(void)
{
	const char *folder = getenv("TMPDIR");
	int fd;

	/* Ours since the first time: nobody else may have put something else in its place. */
	if (memlog.path[0])
		return open(memlog.path, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);
	snprintf(memlog.path, sizeof(memlog.path), "%s/neuron-memlog-%d-XXXXXX.csv",
		 folder && *folder ? folder : "/tmp", getpid());
	fd = mkostemps(memlog.path, 4, O_CLOEXEC);
	if (fd < 0)
		memlog.path[0] = 0;
	return fd;
}

/* With the lock held. */
static bool write_file(void)
{
	uint32_t first = memlog.next < memlog.count ? memlog.next : 0, i;
	int fd = open_file();
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	fputs("time,thread,event,neuron_device,placement,size,occupied,used_for,name\n", f);
	for (i = 0; i < memlog.count; i++)
		write_entry(f, &memlog.entries[(first + i) % memlog.count]);
	return !fclose(f);
}

const char *nrt_memlog_dump(void)
{
	bool written;

	pthread_mutex_lock(&memlog.lock);
	written = memlog.count && write_file();
	pthread_mutex_unlock(&memlog.lock);
	return written ? memlog.path : NULL;
}
