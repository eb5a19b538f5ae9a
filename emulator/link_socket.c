// SPDX-License-Identifier: Apache-2.0
/* Links over Unix sockets: connection, accesses to the neighbour, service to it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <neuron/regs.h>

#include "link_socket.h"
#include "link_wire.h"
#include "vfu_dma.h"
#include "vfu_socket.h"

#define COPY_MAX	(1u << 20)	/* with the memory's lock held */
#define RETRY_MS	20		/* between two calls; longer and longer */
#define RETRY_MAX_MS	200

struct link {
	struct link_config config;
	char *path;
	int listen_fd;			/* -1 at the west end */
	int kick_fd;			/* eventfd: stop or blocked has changed */
	pthread_t thread;
	atomic_bool stop;
	atomic_bool blocked;

	pthread_rwlock_t memory_lock;
	uint8_t *memory;		/* the neighbour's DRAM; NULL: down */

	pthread_mutex_t call_lock;
	pthread_mutex_t lock;
	pthread_cond_t news;		/* an answer, or the end of the connection */
	int fd;				/* connection whose HELLOs are said; -1: down */
	uint32_t id;			/* of the newest request */
	bool waiting;			/* for its answer */
	struct link_message *answer;	/* where it goes */
};

static void note(struct link *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct link *l, const char *format, ...)
{
	char text[256];
	va_list args;
	int n;

	if (!l->config.note)
		return;
	n = snprintf(text, sizeof(text), "%s: ",
		     l->config.side == EMU_LINK_EAST ? "east" : "west");
	va_start(args, format);
	vsnprintf(text + n, sizeof(text) - n, format, args);
	va_end(args);
	l->config.note(l->config.opaque, text);
}

/* ---- accesses to the neighbour ---- */

/* The neighbour is no more: who waits for it is told at once. */
static void down_locked(struct link *l)
{
	if (l->fd < 0)
		return;
	/* The link's thread, and the neighbour, see an end; the thread closes it. */
	shutdown(l->fd, SHUT_RDWR);
	l->fd = -1;
	emu_link_set(l->config.chip, l->config.side, false);
	pthread_cond_broadcast(&l->news);
}

static void deadline(struct timespec *ts)
{
	clock_gettime(CLOCK_MONOTONIC, ts);
	ts->tv_sec += LINK_TIMEOUT_MS / 1000;
	ts->tv_nsec += LINK_TIMEOUT_MS % 1000 * 1000000;
	if (ts->tv_nsec >= 1000000000) {
		ts->tv_sec++;
		ts->tv_nsec -= 1000000000;
	}
}

static int wait_locked(struct link *l)
{
	struct timespec ts;

	deadline(&ts);
	while (l->waiting && l->fd >= 0)
		if (pthread_cond_timedwait(&l->news, &l->lock, &ts) == ETIMEDOUT)
			break;
	if (!l->waiting)
		return 0;
	l->waiting = false;
	if (l->fd < 0)
		return -ENOLINK;
	note(l, "the neighbour did not answer within %u ms: given up", LINK_TIMEOUT_MS);
	down_locked(l);
	return -ETIMEDOUT;
}

/* Send a request; its answer replaces it. Under call_lock. */
static int call(struct link *l, struct link_message *m)
{
	uint32_t type = m->type, len = m->len;
	int err = -ENOLINK;

	pthread_mutex_lock(&l->lock);
	if (l->fd >= 0) {
		if (!++l->id)
			l->id = 1;
		m->id = l->id;
		m->err = 0;
		l->waiting = true;
		l->answer = m;
		/* One request at a time: there is always room for it. */
		if (link_send(l->fd, m, -1))
			down_locked(l);
		err = wait_locked(l);
	}
	pthread_mutex_unlock(&l->lock);
	if (err)
		return err;
	if (m->err)
		return m->err == -EINVAL ? -EINVAL : -EFAULT;
	/* Too little is an answer to something else. */
	return type == LINK_READ && m->len != len ? -EFAULT : 0;
}

/* Registers, in pieces that fit into a packet. */
static int ask(struct link *l, uint32_t type, uint64_t addr, uint8_t *buf, size_t len)
{
	struct link_message m;
	int err = 0;

	pthread_mutex_lock(&l->call_lock);
	while (len && !err) {
		uint32_t part = len < LINK_DATA ? len : LINK_DATA;

		m.type = type;
		m.addr = addr;
		m.len = part;
		if (type == LINK_WRITE)
			memcpy(m.data, buf, part);
		err = call(l, &m);
		if (!err && type == LINK_READ)
			memcpy(buf, m.data, part);
		addr += part;
		buf += part;
		len -= part;
	}
	pthread_mutex_unlock(&l->call_lock);
	return err;
}

static int copy(struct link *l, uint64_t off, uint8_t *buf, size_t len, bool write)
{
	int err = 0;
	size_t part;

	for (; len && !err; off += part, buf += part, len -= part) {
		part = len < COPY_MAX ? len : COPY_MAX;
		pthread_rwlock_rdlock(&l->memory_lock);
		if (!l->memory)
			err = -ENOLINK;
		else if (write)
			err = vfu_dma_copy(l->memory + off, buf, part);
		else
			err = vfu_dma_copy(buf, l->memory + off, part);
		pthread_rwlock_unlock(&l->memory_lock);
	}
	return err;
}

int link_read(struct link *l, uint64_t addr, void *buf, size_t len)
{
	uint64_t off;

	if (emu_link_dram(addr, len, &off))
		return copy(l, off, buf, len, false);
	return ask(l, LINK_READ, addr, buf, len);
}

int link_write(struct link *l, uint64_t addr, const void *buf, size_t len)
{
	uint64_t off;

	if (emu_link_dram(addr, len, &off))
		return copy(l, off, (void *)buf, len, true);
	return ask(l, LINK_WRITE, addr, (void *)buf, len);
}

/* ---- the link's thread ---- */

/* 1: @fd (-1: nothing) is ready; 0: time-out; -1: there was a kick. */
static int wait_for(struct link *l, int fd, int timeout_ms)
{
	struct pollfd p[] = { { l->kick_fd, POLLIN, 0 }, { fd, POLLIN, 0 } };
	uint64_t count;
	int n;

	do
		n = poll(p, 2, timeout_ms);
	while (n < 0 && errno == EINTR);
	if (p[0].revents)
		return read(l->kick_fd, &count, sizeof(count)) < 0 ? 0 : -1;
	return n > 0;
}

static int call_neighbour(struct link *l)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(addr.sun_path, l->path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* A connection, or -1 to look around and try again. */
static int connection(struct link *l, unsigned int *retry_ms)
{
	int fd;

	if (atomic_load(&l->blocked)) {
		wait_for(l, -1, -1);
		return -1;
	}
	if (l->listen_fd >= 0) {
		if (wait_for(l, l->listen_fd, -1) <= 0)
			return -1;
		return accept4(l->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	}
	fd = call_neighbour(l);
	if (fd < 0) {
		wait_for(l, -1, *retry_ms);
		if (*retry_ms < RETRY_MAX_MS)
			*retry_ms *= 2;
	}
	return fd;
}

/* The neighbour's DRAM, if its file is what a chip's is. */
static uint8_t *map_memory(int fd, const char **why)
{
	const int want = F_SEAL_SHRINK | F_SEAL_GROW;
	struct stat st;
	void *memory;

	*why = "its memory is not a sealed file of a chip's size";
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size != NEURON_BAR_DRAM_SIZE ||
	    (fcntl(fd, F_GET_SEALS) & want) != want)
		return NULL;
	memory = mmap(NULL, NEURON_BAR_DRAM_SIZE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (memory != MAP_FAILED)
		return memory;
	*why = "its memory cannot be mapped";
	return NULL;
}

static int say_hello(struct link *l, int fd)
{
	struct link_message m = {
		.type = LINK_HELLO,
		.id = LINK_MAGIC,
		.addr = l->config.side,
		.len = LINK_VERSION,
		.err = (int32_t)l->config.index,
	};
	struct emu_bar_area area;
	int memory;

	if (emu_bar_memory(l->config.chip, NEURON_BAR_DRAM, &memory, &area, 1) != 1)
		return -ENODEV;
	return link_send(fd, &m, memory);
}

/* Both say HELLO before either waits. The neighbour's memory, or NULL. */
static uint8_t *handshake(struct link *l, int fd)
{
	uint8_t *memory = NULL;
	const char *why = NULL;
	struct link_message m;
	int err, theirs = -1;

	if (say_hello(l, fd))
		return NULL;
	err = wait_for(l, fd, LINK_TIMEOUT_MS) <= 0 ? -ETIMEDOUT :
		link_receive(fd, &m, &theirs, &why);
	if (!err && m.type != LINK_HELLO)
		why = "it did not say HELLO first";
	else if (!err && m.addr == l->config.side)
		why = "two ends of the same side";
	else if (!err)
		memory = map_memory(theirs, &why);
	if (theirs >= 0)
		close(theirs);
	if (memory)
		note(l, "up, the neighbour is chip %d", m.err);
	else if (why)
		note(l, "refused a neighbour: %s", why);
	return memory;
}

static void set_memory(struct link *l, uint8_t *memory)
{
	uint8_t *old;

	/* Waits for copies in flight. */
	pthread_rwlock_wrlock(&l->memory_lock);
	old = l->memory;
	l->memory = memory;
	pthread_rwlock_unlock(&l->memory_lock);
	if (old)
		munmap(old, NEURON_BAR_DRAM_SIZE);
}

static const char *serve(struct link *l, int fd, struct link_message *m)
{
	struct emu_chip *chip = l->config.chip;

	if (m->type == LINK_READ)
		m->err = emu_link_read(chip, m->addr, m->data, m->len);
	else
		m->err = emu_link_write(chip, m->addr, m->data, m->len);
	if (m->type == LINK_WRITE || m->err)
		m->len = 0;
	m->type = LINK_REPLY;
	/* It asks one thing at a time: if there is no room it does not read its answers. */
	return link_send(fd, m, -1) == -EAGAIN ? "it does not read its answers" : NULL;
}

static const char *answered(struct link *l, const struct link_message *m)
{
	const char *why = NULL;

	pthread_mutex_lock(&l->lock);
	if (!l->waiting || m->id != l->id) {
		/* given up a moment ago, or never asked for */
		why = l->fd < 0 ? NULL : "an answer to nothing";
	} else {
		memcpy(l->answer, m, LINK_HEAD + m->len);
		l->waiting = false;
		pthread_cond_broadcast(&l->news);
	}
	pthread_mutex_unlock(&l->lock);
	return why;
}

/* Until one of the two goes. */
static void converse(struct link *l, int fd)
{
	const char *why = NULL;
	struct link_message m;
	int err, none;

	while (!why && !atomic_load(&l->stop) && !atomic_load(&l->blocked)) {
		if (wait_for(l, fd, -1) <= 0)
			continue;
		err = link_receive(fd, &m, &none, &why);
		if (err == -EAGAIN)
			continue;
		if (err == -ECONNRESET)
			break;
		if (none >= 0)
			close(none);
		if (err)
			continue;
		if (m.type == LINK_HELLO)
			why = "it said HELLO again";
		else
			why = m.type == LINK_REPLY ? answered(l, &m) : serve(l, fd, &m);
	}
	if (why)
		note(l, "ended the connection: %s", why);
}

static void *link_thread(void *arg)
{
	unsigned int retry_ms = RETRY_MS;
	struct link *l = arg;
	uint8_t *memory;
	bool up;
	int fd;

	while (!atomic_load(&l->stop)) {
		fd = connection(l, &retry_ms);
		if (fd < 0)
			continue;
		memory = handshake(l, fd);
		if (memory) {
			retry_ms = RETRY_MS;
			set_memory(l, memory);
			pthread_mutex_lock(&l->lock);
			up = !atomic_load(&l->blocked);
			if (up) {
				l->fd = fd;
				emu_link_set(l->config.chip, l->config.side, true);
			}
			pthread_mutex_unlock(&l->lock);
			if (up)
				converse(l, fd);
			pthread_mutex_lock(&l->lock);
			down_locked(l);
			pthread_mutex_unlock(&l->lock);
			set_memory(l, NULL);
			note(l, "down");
		} else if (l->listen_fd < 0) {
			wait_for(l, -1, RETRY_MAX_MS);
		}
		close(fd);
	}
	return NULL;
}

/* ---- life ---- */

static void kick(struct link *l)
{
	const uint64_t one = 1;

	/* The counter cannot overflow: the thread takes it all each time. */
	while (write(l->kick_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void init_locks(struct link *l)
{
	pthread_rwlockattr_t rw;
	pthread_condattr_t cond;

	pthread_rwlockattr_init(&rw);
	/* Copies follow one another closely: a neighbour that has gone must not stay mapped. */
	pthread_rwlockattr_setkind_np(&rw, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&l->memory_lock, &rw);
	pthread_rwlockattr_destroy(&rw);
	pthread_mutex_init(&l->call_lock, NULL);
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&cond);
	pthread_condattr_setclock(&cond, CLOCK_MONOTONIC);
	pthread_cond_init(&l->news, &cond);
	pthread_condattr_destroy(&cond);
}

static void release(struct link *l)
{
	if (l->listen_fd >= 0) {
		close(l->listen_fd);
		unlink(l->path);
	}
	if (l->kick_fd >= 0)
		close(l->kick_fd);
	pthread_cond_destroy(&l->news);
	pthread_mutex_destroy(&l->lock);
	pthread_mutex_destroy(&l->call_lock);
	pthread_rwlock_destroy(&l->memory_lock);
	free(l->path);
	free(l);
}

static int set_up(struct link *l)
{
	l->path = strdup(l->config.path);
	l->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!l->path)
		return -ENOMEM;
	if (l->kick_fd < 0)
		return -errno;
	if (strlen(l->path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return -ENAMETOOLONG;
	if (l->config.side == EMU_LINK_EAST) {
		l->listen_fd = vfu_socket_listen(l->path, SOCK_SEQPACKET | SOCK_NONBLOCK);
		if (l->listen_fd < 0)
			return l->listen_fd;
	}
	return 0;
}

int link_open(const struct link_config *config, struct link **out)
{
	struct link *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return -ENOMEM;
	l->config = *config;
	l->listen_fd = -1;
	l->kick_fd = -1;
	l->fd = -1;
	init_locks(l);
	err = set_up(l);
	if (!err) {
		*out = l;
		err = -pthread_create(&l->thread, NULL, link_thread, l);
	}
	if (err) {
		*out = NULL;
		release(l);
	}
	return err;
}

void link_close(struct link *l)
{
	if (!l)
		return;
	atomic_store(&l->stop, true);
	kick(l);
	pthread_join(l->thread, NULL);
	release(l);
}

void link_block(struct link *l, bool blocked)
{
	pthread_mutex_lock(&l->lock);
	atomic_store(&l->blocked, blocked);
	if (blocked)
		down_locked(l);
	pthread_mutex_unlock(&l->lock);
	kick(l);
}
