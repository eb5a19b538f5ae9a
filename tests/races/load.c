// SPDX-License-Identifier: Apache-2.0
/*
 * Load for races: race-load PROCESSES SEED
 *
 * Processes that do everything that a file can do to whatever chips there are, in a random order, until SIGTERM.
 * Errors are part of the game: somebody takes the chips away. Not tolerated: a result that is wrong although every
 * call said that it worked, a call that does not return within a minute, a process that ends by itself.
 *
 * Each process has two threads that share their files: one makes things, the other polls, waits and reads what
 * the driver tells in sysfs, debugfs and fdinfo. Says "load: complete" when each kind of call has worked and a result
 * was compared. Ends with "load: ..." lines; code 1 if there was trouble.
 */
#include "races.h"
#include <dirent.h>
#include <linux/udmabuf.h>

#define HANG_NS (60 * SECOND)
#define MEMS 6
#define DMABUFS 3
#define CHIPS 3
#define PAGE 4096u

static struct race_page *page;
static volatile sig_atomic_t stop;
static __thread struct race_slot *me;
static __thread sigjmp_buf jump;
static __thread volatile bool jumping;
static __thread uint64_t random_state;

struct memory {
	struct neuron_ioctl_mem_create mem;
	uint8_t *map, *pages;
};

/* What a process has; its second thread only uses numbers in it, which may be wrong by then. */
struct state {
	int fd, chip, buffers[DMABUFS];
	uint32_t target;
	struct memory memory[MEMS];
	uint32_t core, context, queue, ring;
	uint64_t seq, ring_seq;
};

static uint32_t rnd(uint32_t n)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(random_state >> 33) % n;
}

/* --- calls --- */

static uint32_t find_op(const char *name)
{
	uint32_t i;

	for (i = 0; i < page->op_count; i++)
		if (!strcmp(page->op[i].name, name))
			return i;
	return 0;
}

static void enter(const char *name)
{
	atomic_store(&me->op, find_op(name));
	atomic_store(&me->since, now_ns());
}

static int leave(int chip, int ret)
{
	struct race_op *op = &page->op[me->op];

	atomic_store(&me->since, 0);
	atomic_fetch_add(&me->calls, 1);
	atomic_fetch_add(ret < 0 ? &op->failed : &op->good, 1);
	if (ret >= 0) {
		atomic_fetch_add(&me->good, 1);
		atomic_fetch_add(&page->good[chip], 1);
	}
	return ret;
}

/* The value of @what, which is counted, and watched while it runs. */
#define CALL(s, name, what) ({ enter(name); leave((s)->chip, (what)); })

static void on_bus(int number)
{
	if (!jumping) {
		signal(number, SIG_DFL);
		raise(number);
	}
	siglongjmp(jump, 1);
}

/* Runs @what; false: the memory was taken away under it. */
#define GUARD(what) ({ \
	bool there_ = false; \
	if (!sigsetjmp(jump, 1)) { \
		jumping = true; \
		what; \
		there_ = true; \
	} \
	jumping = false; \
	there_; \
})

static void trouble(const char *text, int detail)
{
	printf("load: TROUBLE: process %d, slot %ld: %s (%d)\n", getpid(), (long)(me - page->slot), text, detail);
	fflush(stdout);
	atomic_fetch_add(&page->trouble, 1);
}

static const char *const ops[] = {
	"open", "close", "info", "mem-device", "mem-host", "mem-user", "mem-dmabuf", "export", "mmap", "touch", "copy",
	"cores", "group", "queue", "context", "bind", "submit", "wait", "cancel", "ring", "ring-submit", "ring-wait",
	"destroy", "poll", "fdinfo", "sysfs", "rig", "run",
};

/* --- what a process does --- */

static void drop_memory(struct state *s, struct memory *m)
{
	if (m->map)
		munmap(m->map, m->mem.length);
	if (m->mem.id)
		CALL(s, "destroy", destroy(s->fd, m->mem.id));
	if (m->pages)
		munmap(m->pages, m->mem.length);
	memset(m, 0, sizeof(*m));
}

static void do_close(struct state *s)
{
	int fd = s->fd;

	if (fd < 0)
		return;
	/* Sometimes the mappings and the pinned pages go after the file. */
	for (int i = 0; i < MEMS; i++)
		if (rnd(2))
			drop_memory(s, &s->memory[i]);
	s->fd = -1;
	CALL(s, "close", close(fd));
	for (int i = 0; i < MEMS; i++) {
		s->memory[i].mem.id = 0;
		drop_memory(s, &s->memory[i]);
	}
	s->queue = s->ring = s->context = 0;
}

/* Another chip than the first: the one that somebody wants to see at work, or any that may be there. */
static uint32_t other_chip(void)
{
	uint32_t target = page->target;

	return target ? target : rnd(CHIPS);
}

static void do_open(struct state *s)
{
	char name[32];

	do_close(s);
	/* The first chip is always there, or soon again. A new target is waited for. */
	if (s->target != page->target)
		s->chip = s->target = page->target;
	else
		s->chip = rnd(2) ? 0 : (int)other_chip();
	snprintf(name, sizeof(name), "/dev/neuron%d", s->chip);
	if (s->chip && access(name, F_OK))
		s->chip = 0;
	snprintf(name, sizeof(name), "/dev/neuron%d", s->chip);
	s->fd = CALL(s, "open", ({ int fd = open(name, O_RDWR | O_CLOEXEC); fd < 0 ? -errno : fd; }));
	if (s->fd < 0)
		usleep(2000);
}

static void do_info(struct state *s)
{
	struct neuron_ioctl_info info;

	CALL(s, "info", get_info(s->fd, &info));
}

static int make_user(struct state *s, struct memory *m)
{
	m->mem.length = PAGE * (1 + rnd(16));
	m->pages = mmap(NULL, m->mem.length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->pages == MAP_FAILED) {
		m->pages = NULL;
		return -ENOMEM;
	}
	m->mem.size = sizeof(m->mem);
	m->mem.type = NEURON_MEM_USER;
	m->mem.address = (uintptr_t)m->pages;
	return CALL(s, "mem-user", call(s->fd, NEURON_IOCTL_MEM_CREATE, &m->mem));
}

static int udmabuf(uint64_t length)
{
	struct udmabuf_create u = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = length };
	int fd = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), buffer = -1;

	u.memfd = memfd_create("race", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if (fd >= 0 && (int)u.memfd >= 0 && !ftruncate(u.memfd, length) &&
	    !fcntl(u.memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		buffer = ioctl(fd, UDMABUF_CREATE, &u);
	close(fd);
	close(u.memfd);
	return buffer;
}

/* From a chip, this one or another, or from system memory. */
static int make_dmabuf(struct state *s, struct memory *m)
{
	int fd = dup(s->buffers[rnd(DMABUFS)]), ret;

	if (fd < 0)
		fd = udmabuf(4 * PAGE);
	if (fd < 0)
		return fd;
	m->mem.size = sizeof(m->mem);
	m->mem.type = NEURON_MEM_DMABUF;
	m->mem.length = lseek(fd, 0, SEEK_END);
	m->mem.fd = fd;
	ret = CALL(s, "mem-dmabuf", call(s->fd, NEURON_IOCTL_MEM_CREATE, &m->mem));
	close(fd);
	return ret;
}

static void do_memory(struct state *s)
{
	struct memory *m = &s->memory[rnd(MEMS)];
	int ret;

	drop_memory(s, m);
	switch (rnd(6)) {
	case 0:
	case 1:
		ret = CALL(s, "mem-device", mem_create(s->fd, NEURON_MEM_DEVICE, PAGE * (1 + rnd(32)), &m->mem));
		break;
	case 2:
	case 3:
		ret = CALL(s, "mem-host", mem_create(s->fd, NEURON_MEM_HOST, PAGE * (1 + rnd(32)), &m->mem));
		break;
	case 4:
		ret = make_user(s, m);
		break;
	default:
		ret = make_dmabuf(s, m);
		break;
	}
	if (ret) {
		m->mem.id = 0;
		drop_memory(s, m);
	}
}

static void do_map(struct state *s)
{
	struct memory *m = &s->memory[rnd(MEMS)];
	uint8_t *p;

	if (!m->mem.id || m->mem.type == NEURON_MEM_USER || m->mem.type == NEURON_MEM_DMABUF)
		return;
	if (!m->map) {
		CALL(s, "mmap", ({ p = mem_map(s->fd, &m->mem); p == MAP_FAILED ? -errno : 0; }));
		m->map = p == MAP_FAILED ? NULL : p;
	}
	/* Not this process's results: a write that hits nothing is none. */
	if (m->map)
		CALL(s, "touch", GUARD(for (uint64_t i = 0; i < m->mem.length; i += PAGE) m->map[i + rnd(PAGE)]++) ? 0 : -EFAULT);
	if (m->map && !rnd(4)) {
		munmap(m->map, m->mem.length);
		m->map = NULL;
	}
}

static void do_export(struct state *s)
{
	struct neuron_ioctl_mem_export e = { .size = sizeof(e), .id = s->memory[rnd(MEMS)].mem.id };
	int *buffer = &s->buffers[rnd(DMABUFS)];

	if (!e.id)
		return;
	close(*buffer);
	*buffer = CALL(s, "export", call(s->fd, NEURON_IOCTL_MEM_EXPORT, &e)) ? -1 : e.fd;
}

static uint64_t shorter(const struct memory *a, const struct memory *b)
{
	return a->mem.length < b->mem.length ? a->mem.length : b->mem.length;
}

static void do_copy(struct state *s)
{
	struct memory *a = &s->memory[rnd(MEMS)], *b = &s->memory[rnd(MEMS)];

	if (a->mem.id && b->mem.id && a != b)
		CALL(s, "copy", copy(s->fd, a->mem.id, 0, b->mem.id, 0, shorter(a, b)));
}

static void do_ring(struct state *s)
{
	struct memory *a = &s->memory[rnd(MEMS)], *b = &s->memory[rnd(MEMS)];
	struct neuron_ioctl_ring_create r = { .size = sizeof(r), .entries = 4, .eventfd = -1 };
	struct neuron_dma_op op[2] = {
		{ .op = NEURON_DMA_COPY, .src = a->mem.id, .dst = b->mem.id, .length = shorter(a, b) },
		{ .op = NEURON_DMA_FILL, .dst = b->mem.id, .length = PAGE, .pattern = 0x5a5a5a5a },
	};
	struct neuron_ioctl_ring_submit sub = { .size = sizeof(sub), .count = 2, .ops = (uintptr_t)op };
	struct neuron_ioctl_wait w;

	if (!s->ring && !CALL(s, "ring", call(s->fd, NEURON_IOCTL_RING_CREATE, &r)))
		s->ring = r.id;
	if (!s->ring || !a->mem.id || !b->mem.id || a == b)
		return;
	sub.ring = s->ring;
	for (int i = 0; i < 3; i++)
		if (!CALL(s, "ring-submit", call(s->fd, NEURON_IOCTL_RING_SUBMIT, &sub)))
			s->ring_seq = sub.seq;
	if (rnd(2))
		CALL(s, "ring-wait", wait_job(s->fd, s->ring, s->ring_seq, SECOND / 2, &w));
	if (!rnd(4)) {
		CALL(s, "destroy", destroy(s->fd, s->ring));
		s->ring = 0;
	}
}

/* On one chip or two, whatever there is. */
static void do_group(struct state *s)
{
	struct neuron_group_member m[2] = { { .fd = s->fd, .mask = 1u << s->core }, { .fd = -1, .mask = 1 } };
	char name[32];

	snprintf(name, sizeof(name), "/dev/neuron%u", s->chip ? 0 : page->target ? page->target : 1);
	m[1].fd = open(name, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	CALL(s, "group", group_acquire(s->fd, m, m[1].fd < 0 ? 1 : 2));
	close(m[1].fd);
}

static void do_queue(struct state *s)
{
	struct neuron_ioctl_queue_create q;

	if (s->queue) {
		CALL(s, "destroy", destroy(s->fd, s->queue));
		s->queue = 0;
	}
	s->core = rnd(RACES_LOAD_CORES);
	if (rnd(2))
		do_group(s);
	else
		CALL(s, "cores", cores_acquire(s->fd, 1u << s->core));
	if (!CALL(s, "queue", queue_create(s->fd, s->core, 4, -1, &q)))
		s->queue = q.id;
	if (!s->context)
		CALL(s, "context", context_create(s->fd, 4, &s->context));
}

static void do_bind(struct state *s)
{
	struct memory *m = &s->memory[rnd(MEMS)];

	if (s->context && m->mem.id)
		CALL(s, "bind", bind_one(s->fd, s->context, rnd(4), m->mem.id, 0, PAGE, NEURON_ACCESS_READ));
}

static void do_submit(struct state *s)
{
	struct neuron_submit job = { .op = NEURON_SUBMIT_NOP };
	struct neuron_ioctl_wait w;

	if (!s->queue)
		return;
	for (int i = 0; i < 3; i++)
		CALL(s, "submit", submit(s->fd, s->queue, &job, 1, &s->seq));
	if (!rnd(3))
		CALL(s, "cancel", cancel(s->fd, s->queue, s->seq, rnd(2) ? NEURON_CANCEL_ALL : 0));
	if (rnd(2))
		CALL(s, "wait", wait_job(s->fd, s->queue, s->seq, SECOND / 2, &w));
}

/* A file of its own computes; the result must be right if everybody said so. */
static void do_run(struct state *s)
{
	struct state own = { .chip = s->chip };
	struct neuron_ioctl_wait w = {};
	struct neuron_submit job;
	uint32_t seed = rnd(256);
	bool right = true;
	struct rig r = { .code = MAP_FAILED, .data = MAP_FAILED, .host = MAP_FAILED };
	char name[32];
	int ret;

	snprintf(name, sizeof(name), "/dev/neuron%d", own.chip);
	r.fd = open(name, O_RDWR | O_CLOEXEC);
	if (r.fd < 0)
		return;
	ret = CALL(&own, "rig", rig_make(&r, rnd(RACES_LOAD_CORES), 4));
	if (!ret && !GUARD(r.code[0] = insn_copy(2, 8192, 1, 0, 64); fill(r.host, PAGE, seed)))
		ret = -EIO;
	ret = ret ? ret : CALL(&own, "copy", copy(r.fd, r.data_mem.id, 0, r.host_mem.id, 0, PAGE));
	job = rig_job(&r, NEURON_DMA, 0, 1);
	if (!ret && !rnd(16) && GUARD(job = rig_long_job(&r))) {
		/* Nobody waits for this one: the file goes, or the chip. */
		CALL(&own, "submit", submit(r.fd, r.queue.id, &job, 1, NULL));
		usleep(rnd(100000));
	} else if (!ret) {
		ret = CALL(&own, "run", rig_run(&r, &job, &w));
		if (ret > 0 && ret != NEURON_JOB_ABORTED)
			trouble("a job ended with a status that nobody caused", ret);
		if (!ret && GUARD(right = same(r.host, r.host + 8192, PAGE))) {
			atomic_fetch_add(&page->checks, right);
			if (!right)
				trouble("a job's result is wrong", seed);
		}
	}
	rig_close(&r);
}

/* There and back. */
static void do_check_copy(struct state *s)
{
	struct memory h = {}, d = {};
	uint32_t seed = rnd(256);
	bool right = true;
	int ret;

	ret = CALL(s, "mem-host", mem_create(s->fd, NEURON_MEM_HOST, 2 * PAGE, &h.mem));
	ret = ret ? ret : CALL(s, "mem-device", mem_create(s->fd, NEURON_MEM_DEVICE, PAGE, &d.mem));
	if (!ret)
		h.map = mem_map(s->fd, &h.mem);
	if (h.map == MAP_FAILED)
		h.map = NULL;
	if (h.map && GUARD(fill(h.map, PAGE, seed))) {
		ret = CALL(s, "copy", copy(s->fd, d.mem.id, 0, h.mem.id, 0, PAGE));
		ret = ret ? ret : CALL(s, "copy", copy(s->fd, h.mem.id, PAGE, d.mem.id, 0, PAGE));
		if (!ret && GUARD(right = same(h.map, h.map + PAGE, PAGE))) {
			atomic_fetch_add(&page->checks, right);
			if (!right)
				trouble("what was copied there and back differs", seed);
		}
	}
	drop_memory(s, &h);
	drop_memory(s, &d);
}

static void maker(struct state *s)
{
	static void (*const act[])(struct state *s) = {
		do_info, do_memory, do_memory, do_memory, do_map, do_map, do_export, do_copy, do_ring, do_ring, do_queue,
		do_bind, do_submit, do_submit, do_submit, do_run, do_check_copy,
	};

	while (!stop) {
		/* Who takes the chip away has to get a turn on a slow guest, too. */
		usleep(rnd(4000));
		if (s->fd < 0 || s->target != page->target || !rnd(40))
			do_open(s);
		if (s->fd >= 0)
			act[rnd(sizeof(act) / sizeof(act[0]))](s);
		/* What was lost stays so until the file is opened anew. */
		if (s->fd >= 0 && !rnd(4)) {
			struct pollfd p = { .fd = s->fd };

			poll(&p, 1, 0);
			if (p.revents & POLLHUP)
				do_close(s);
		}
	}
}

/* --- who only looks --- */

static void read_all(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char text[1024];

	if (fd < 0)
		return;
	while (read(fd, text, sizeof(text)) > 0)
		;
	close(fd);
}

static void read_tree(const char *path, int depth)
{
	DIR *d = opendir(path);
	struct dirent *e;
	char name[600];

	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.' || rnd(4))
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		if (e->d_type == DT_DIR && depth)
			read_tree(name, depth - 1);
		/* Those of the PCI core, and what wakes writers only. */
		else if (e->d_type == DT_REG && !strstr(name, "/power/"))
			read_all(name);
	}
	if (d)
		closedir(d);
}

static void *watcher(void *arg)
{
	struct state *s = arg;
	struct neuron_ioctl_wait w;
	struct pollfd p;
	char name[64];

	me++;
	while (!stop) {
		p = (struct pollfd) { .fd = s->fd, .events = POLLIN };
		CALL(s, "poll", poll(&p, 1, rnd(20)));
		snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", s->fd);
		CALL(s, "fdinfo", (read_all(name), 0));
		CALL(s, "wait", wait_job(s->fd, s->queue, s->seq, SECOND / 10, &w));
		snprintf(name, sizeof(name), "/sys/class/neuron_device/neuron%u", rnd(2) ? 0 : other_chip());
		CALL(s, "sysfs", (read_tree(name, 4), 0));
		snprintf(name, sizeof(name), "/sys/kernel/debug/neuron/neuron%u", rnd(2) ? 0 : other_chip());
		CALL(s, "sysfs", (read_tree(name, 1), 0));
		usleep(rnd(50000));
	}
	return NULL;
}

struct thread_start {
	struct state *state;
	struct race_slot *slot;
	uint64_t seed;
};

static void *watcher_start(void *arg)
{
	struct thread_start *t = arg;

	me = t->slot;
	random_state = t->seed;
	return watcher(t->state);
}

static void worker(uint32_t slot, uint64_t seed)
{
	struct state s = { .fd = -1, .buffers = { -1, -1, -1 } };
	struct thread_start t = { &s, &page->slot[slot], seed + 1 };
	struct sigaction sa = { .sa_handler = on_bus };
	pthread_t thread;

	me = &page->slot[slot];
	random_state = seed;
	sigaction(SIGBUS, &sa, NULL);
	if (pthread_create(&thread, NULL, watcher_start, &t))
		_exit(4);
	maker(&s);
	pthread_join(thread, NULL);
	do_close(&s);
	_exit(0);
}

/* --- the process that looks after them --- */

static void on_term(int number)
{
	(void)number;
	stop = 1;
}

static void start_worker(uint32_t slot, uint64_t seed)
{
	int pid;

	for (int i = 0; i < 2; i++)
		atomic_store(&page->slot[slot + i].since, 0);
	pid = fork();
	if (!pid)
		worker(slot, seed);
	for (int i = 0; i < 2; i++) {
		atomic_store(&page->slot[slot + i].pid, pid);
		atomic_fetch_add(&page->slot[slot + i].lives, 1);
	}
}

static void show_stack(int pid)
{
	char path[64], line[256];
	DIR *d;
	struct dirent *e;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%.16s/stack", pid, e->d_name);
		f = fopen(path, "re");
		while (f && fgets(line, sizeof(line), f))
			printf("load:   %s: %s", e->d_name, line);
		if (f)
			fclose(f);
	}
	if (d)
		closedir(d);
	fflush(stdout);
}

static void look_for_hangs(void)
{
	uint64_t now = now_ns(), since;

	for (uint32_t i = 0; i < page->slots; i++) {
		since = atomic_load(&page->slot[i].since);
		if (!since || now < since || now - since < HANG_NS)
			continue;
		me = &page->slot[i];
		trouble(page->op[me->op].name, (int)((now - since) / SECOND));
		show_stack(me->pid);
		/* Once. */
		atomic_store(&me->since, now);
	}
}

static void reap(uint64_t seed, bool again)
{
	int status, pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (uint32_t i = 0; i < page->slots; i += 2) {
			if (page->slot[i].pid != pid)
				continue;
			me = &page->slot[i];
			if (!(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) && again)
				trouble("a process of the load ended by itself, status", status);
			atomic_store(&me->pid, 0);
			if (again)
				start_worker(i, seed + 1000003ull * me->lives + i);
		}
}

static int end_workers(void)
{
	uint64_t limit = now_ns() + HANG_NS;
	uint32_t left;

	do {
		left = 0;
		for (uint32_t i = 0; i < page->slots; i += 2)
			if (page->slot[i].pid) {
				kill(page->slot[i].pid, SIGTERM);
				left++;
			}
		usleep(20000);
		reap(0, false);
	} while (left && now_ns() < limit);
	look_for_hangs();
	for (uint32_t i = 0; i < page->slots && left; i += 2)
		if (page->slot[i].pid) {
			me = &page->slot[i];
			trouble("does not end", me->pid);
			show_stack(me->pid);
		}
	return left;
}

static bool complete(void)
{
	for (uint32_t i = 0; i < page->op_count; i++)
		if (!page->op[i].good)
			return false;
	return page->checks;
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_term };
	bool told = false;
	uint64_t seed;

	if (argc != 3 || atoi(argv[1]) < 1 || atoi(argv[1]) > RACES_SLOTS / 2) {
		fprintf(stderr, "usage: race-load PROCESSES SEED\n");
		return 2;
	}
	seed = strtoull(argv[2], NULL, 0);
	page = races_page(true);
	if (!page) {
		perror("race-load: " RACES_PAGE);
		return 2;
	}
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		snprintf(page->op[page->op_count++].name, sizeof(page->op[0].name), "%s", ops[i]);
	sigaction(SIGTERM, &sa, NULL);
	(void)!nice(10);
	page->slots = 2 * atoi(argv[1]);
	for (uint32_t i = 0; i < page->slots; i += 2)
		start_worker(i, seed * 7919 + i);
	printf("load: running\n");
	fflush(stdout);
	while (!stop) {
		usleep(10000);
		reap(seed, true);
		look_for_hangs();
		if (!told && complete()) {
			told = true;
			printf("load: complete\n");
			fflush(stdout);
		}
	}
	end_workers();
	for (uint32_t i = 0; i < page->op_count; i++)
		printf("load: op %s good %llu failed %llu\n", page->op[i].name, (unsigned long long)page->op[i].good,
		       (unsigned long long)page->op[i].failed);
	printf("load: checks %llu trouble %u\n", (unsigned long long)page->checks, page->trouble);
	return page->trouble ? 1 : 0;
}
