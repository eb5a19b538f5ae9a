// SPDX-License-Identifier: Apache-2.0
/*
 * The victim of all attacks: memory of every kind on two chips, between that of others, which nothing may touch
 * while the attacks go on, and whose addresses the chips are told as guards.
 *
 * Prints the physical ranges of its pages and of the kernel's, "BASE LENGTH NAME" a line; device memory and
 * host memory are in the segments of a job that it runs on each chip, "objects N" of them. Then "ready". At each SIGUSR1 it touches all
 * that it has, by copies, rings and a job, and prints "touched". At SIGTERM it ends: with 0 if its secrets are as they
 * were.
 */
#include "attack_pages.h"
#include "../kselftest/mem.h"

#define OBJECTS		8		/* of a kind; as many holes lie between them */
#define DEVICE_BYTES	0x8000
#define HOST_BYTES	0x4000
#define PAGES_BYTES	(64 * PAGE)
#define TOUCHED		256

struct thing {
	struct neuron_ioctl_mem_create mem;
	uint8_t *map;
	uint64_t bytes;
};

struct chip {
	struct rig rig;
	struct thing device[2][OBJECTS], host[OBJECTS];
	uint32_t context;
};

static struct chip chips[2];
static struct thing pinned_pages, dmabuf, neighbour;
static uint32_t ring;

static void must(int ret, const char *what)
{
	if (!ret)
		return;
	printf("FAILED: %s: %d\n", what, ret);
	exit(1);
}

static void keep_secret(struct thing *t)
{
	must(t->map == MAP_FAILED, "mmap");
	secret_fill(t->map, t->bytes);
}

/* Objects of the victim's, and holes of the same size between them for those who come later. */
static void interleave(int fd, uint32_t type, uint32_t channel, uint64_t bytes, struct thing things[OBJECTS])
{
	struct neuron_ioctl_mem_create hole[OBJECTS];

	for (int i = 0; i < OBJECTS; i++) {
		must(mem_of(fd, type, channel, bytes, &things[i].mem), "memory");
		must(mem_of(fd, type, channel, bytes, &hole[i]), "memory between");
		things[i].bytes = bytes;
		things[i].map = mem_map(fd, &things[i].mem);
		keep_secret(&things[i]);
	}
	for (int i = 0; i < OBJECTS; i++)
		must(destroy(fd, hole[i].id), "destroy");
}

static void bind_things(struct chip *c, struct thing things[OBJECTS], uint32_t segment)
{
	const uint32_t rw = NEURON_ACCESS_READ | NEURON_ACCESS_WRITE;

	for (int i = 0; i < OBJECTS; i++)
		must(bind_one(c->rig.fd, c->context, segment + i, things[i].mem.id, 0, things[i].bytes, rw), "bind");
}

/* A job that has all as segments; a copy between two of them, or nothing but to be seen. */
static void run_job(struct chip *c, uint32_t instructions)
{
	struct neuron_submit job = rig_job(&c->rig, NEURON_DMA, 0, instructions);
	struct neuron_ioctl_wait w;

	job.context = c->context;
	c->rig.code[0] = insn_copy(1, 0, 1 + OBJECTS, 0, TOUCHED / 64);
	must(rig_run(&c->rig, &job, &w), "job");
}

static void leave_core(struct chip *c)
{
	must(destroy(c->rig.fd, c->rig.queue.id), "destroy");
	must(cores_release(c->rig.fd, 1u << VICTIM_CORE), "release");
}

static void open_chip(struct chip *c, const char *path)
{
	c->rig.fd = open(path, O_RDWR | O_CLOEXEC);
	must(c->rig.fd < 0, path);
	must(rig_make(&c->rig, VICTIM_CORE, 16), "rig");
	for (int channel = 0; channel < 2; channel++)
		interleave(c->rig.fd, NEURON_MEM_DEVICE, channel, DEVICE_BYTES, c->device[channel]);
	interleave(c->rig.fd, NEURON_MEM_HOST, 0, HOST_BYTES, c->host);
	/* Code stays out of it: it is no segment of the job that shows the others. */
	must(context_create(c->rig.fd, 1 + 3 * OBJECTS, &c->context), "context");
	for (int channel = 0; channel < 2; channel++)
		bind_things(c, c->device[channel], 1 + channel * OBJECTS);
	bind_things(c, c->host, 1 + 2 * OBJECTS);
	run_job(c, 0);
	must(bind_one(c->rig.fd, c->context, 0, c->rig.code_mem.id, 0, c->rig.code_mem.length, NEURON_ACCESS_EXEC), "code");
	leave_core(c);
}

static void open_pages(void)
{
	struct thing *t = &pinned_pages;

	t->bytes = PAGES_BYTES;
	t->map = mmap(NULL, t->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(t->map == MAP_FAILED || madvise(t->map, t->bytes, MADV_NOHUGEPAGE), "pages");
	/* In such an order that neighbours in memory are none here. */
	for (uint64_t page = 0; page < 64; page++)
		t->map[page * 37 % 64 * PAGE] = 1;
	keep_secret(t);
	must(user_create(chips[0].rig.fd, t->map, t->bytes, 0, &t->mem), "pin");
	must(!tell_pages(stdout, t->map, t->bytes, "pinned"), "pagemap");
}

/* Memory of another driver; not all kernels have that one. */
static void open_dmabuf(void)
{
	struct thing *t = &dmabuf;
	int fd = has_dmabuf(chips[0].rig.fd) ? make_udmabuf(&t->map, PAGES_BYTES) : -EOPNOTSUPP;

	if (fd < 0)
		return;
	t->bytes = PAGES_BYTES;
	keep_secret(t);
	must(import_at(chips[0].rig.fd, fd, 0, 0, &t->mem), "import");
	must(!tell_pages(stdout, t->map, t->bytes, "dmabuf"), "pagemap");
}

/* The second chip's memory, for the first. */
static void open_neighbour(void)
{
	struct thing *t = &chips[1].device[0][0];
	int fd = has_dmabuf(chips[0].rig.fd) ? export_of(chips[1].rig.fd, t->mem.id) : -EOPNOTSUPP;

	if (fd < 0)
		return;
	neighbour.bytes = t->bytes;
	must(import_at(chips[0].rig.fd, fd, 0, 0, &neighbour.mem), "import of the neighbour's");
}

/* Both ways, by COPY and by a ring; all have the same at the same place. */
static void touch(int fd, struct thing *t, struct thing *other)
{
	struct neuron_dma_op op = op_copy(t->mem.id, 0, other->mem.id, 0, TOUCHED);
	uint64_t seq;

	if (!t->bytes)
		return;
	must(copy(fd, other->mem.id, 0, t->mem.id, 0, TOUCHED), "copy");
	if (fd != chips[0].rig.fd) {
		must(copy(fd, t->mem.id, 0, other->mem.id, 0, TOUCHED), "copy");
		return;
	}
	must(ring_submit(fd, ring, &op, 1, &seq), "submit");
	must(ring_wait(fd, ring, seq), "batch");
}

static void touch_all(void)
{
	struct chip *c = &chips[0];

	for (int i = 0; i < OBJECTS; i++) {
		touch(c->rig.fd, &c->device[0][i], &c->device[1][i]);
		touch(c->rig.fd, &c->host[i], &c->device[1][i]);
		touch(chips[1].rig.fd, &chips[1].device[0][i], &chips[1].host[i]);
	}
	touch(c->rig.fd, &pinned_pages, &c->device[0][0]);
	touch(c->rig.fd, &dmabuf, &c->device[0][0]);
	touch(c->rig.fd, &neighbour, &c->device[0][0]);
	must(cores_acquire(c->rig.fd, 1u << VICTIM_CORE), "acquire");
	must(queue_create(c->rig.fd, VICTIM_CORE, 16, -1, &c->rig.queue), "queue");
	run_job(c, 1);
	leave_core(c);
}

static bool kept(const struct thing *t)
{
	return !t->map || secret_kept(t->map, t->bytes);
}

static bool all_kept(void)
{
	bool good = kept(&pinned_pages) && kept(&dmabuf);

	for (int c = 0; c < 2; c++)
		for (int i = 0; i < OBJECTS; i++)
			good &= kept(&chips[c].device[0][i]) && kept(&chips[c].device[1][i]) && kept(&chips[c].host[i]);
	return good;
}

int main(void)
{
	sigset_t orders;
	int order;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&orders);
	sigaddset(&orders, SIGUSR1);
	sigaddset(&orders, SIGTERM);
	sigprocmask(SIG_BLOCK, &orders, NULL);
	open_chip(&chips[0], "/dev/neuron0");
	open_chip(&chips[1], "/dev/neuron1");
	must(ring_create(chips[0].rig.fd, 16, -1, &ring), "ring");
	open_pages();
	open_dmabuf();
	open_neighbour();
	must(!tell_kernel(stdout, "kernel"), "kpageflags");
	must(setresgid(VICTIM_UID, VICTIM_UID, VICTIM_UID) || setresuid(VICTIM_UID, VICTIM_UID, VICTIM_UID), "setresuid");
	printf("objects %d\nready\n", 3 * OBJECTS);
	while (!sigwait(&orders, &order) && order == SIGUSR1) {
		touch_all();
		puts("touched");
	}
	return !all_kept();
}
