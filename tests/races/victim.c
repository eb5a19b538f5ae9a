// SPDX-License-Identifier: Apache-2.0
/*
 * A chip whose process is killed from outside while the load and this program use it:
 * race-victim CHIP PCI-ADDRESS leave|remove|unbind
 *
 * On the chip CHIP there are, besides the load: a job that runs on, who waits for it, who polls, who copies without
 * end, and who writes to a mapping. On the first chip somebody computes. Prints "victim: kill" when all of them are
 * at it and the load has got something done there; then the chip has to die, and this program looks how each of them
 * ends, that the first chip's user notices nothing, that user space is told, and that the driver lets go of the dead
 * function. Prints "victim: ..." lines; code 1 if something went wrong.
 */
#include "races.h"
#include <linux/netlink.h>
#include <sys/socket.h>

/* Calls of the load that work on the chip before it dies. */
#define PROGRESS 10
/* A guest that checks everything, on a busy host; longer than a hang is for the load. */
#define LIMIT_NS (120 * SECOND)
#define COPY_BYTES (256 << 10)
#define COPY_OPS 16

static struct race_page *page;
static int chip, failures;
static char device[32];
static uint64_t died;
static atomic_bool stop;
static __thread sigjmp_buf jump;
static __thread volatile bool jumping;

static void fail(const char *what, int detail)
{
	printf("victim: FAILED: %s (%d)\n", what, detail);
	failures++;
}

static void check(bool good, const char *what, int detail)
{
	if (!good)
		fail(what, detail);
}

/* How calls end on a chip that is no more. */
static bool gone(int ret)
{
	return ret == -ENODEV || ret == -EIO;
}

static void on_bus(int number)
{
	if (!jumping) {
		signal(number, SIG_DFL);
		raise(number);
	}
	siglongjmp(jump, 1);
}

/* Counts writes to @p in @count until memory is taken away under it. */
static void touch_until_gone(volatile uint8_t *p, _Atomic uint64_t *count)
{
	if (!sigsetjmp(jump, 1)) {
		jumping = true;
		while (!stop) {
			p[*count % 4096] = *count;
			atomic_fetch_add(count, 1);
			usleep(500);
		}
	}
	jumping = false;
}

/* --- those who are at the chip when it dies --- */

static struct rig rig;
static struct neuron_submit long_job;
static uint64_t job_seq;

struct party {
	const char *name;
	void *(*run)(void *arg);
	pthread_t thread;
	_Atomic uint64_t rounds;
	/* How it ended. */
	int ret;
	uint64_t at;
};

static void *end_of(struct party *p, int ret)
{
	p->ret = ret;
	p->at = now_ns();
	return NULL;
}

static void *waiter(void *arg)
{
	struct party *p = arg;
	struct neuron_ioctl_wait w;
	int ret;

	do {
		ret = submit(rig.fd, rig.queue.id, &long_job, 1, &job_seq);
		p->rounds += !ret;
		ret = ret ? ret : wait_job(rig.fd, rig.queue.id, job_seq, 2 * LIMIT_NS, &w);
		/* On a busy host it takes so long until all are at it that it is over before. */
	} while (!ret && !stop && (w.status == NEURON_JOB_OK || w.status == NEURON_JOB_TIMEOUT));
	return end_of(p, ret ? ret : (int)w.status);
}

static void *poller(void *arg)
{
	struct pollfd pfd = { .fd = rig.fd };
	struct party *p = arg;

	p->rounds = 1;
	poll(&pfd, 1, 2 * LIMIT_NS / 1000000);
	return end_of(p, pfd.revents & POLLHUP ? -ENODEV : pfd.revents);
}

static void *copier(void *arg)
{
	struct neuron_ioctl_mem_create a, b;
	struct neuron_dma_op op[COPY_OPS];
	struct party *p = arg;
	uint32_t ring;
	uint64_t seq;
	int ret;

	ret = mem_of(rig.fd, NEURON_MEM_DEVICE, 0, COPY_BYTES, &a);
	ret = ret ? ret : mem_of(rig.fd, NEURON_MEM_HOST, 0, COPY_BYTES, &b);
	ret = ret ? ret : ring_create(rig.fd, 4, -1, &ring);
	for (int i = 0; !ret && i < COPY_OPS; i++)
		op[i] = i % 2 ? op_copy(a.id, 0, b.id, 0, COPY_BYTES) : op_copy(b.id, 0, a.id, 0, COPY_BYTES);
	while (!ret && !stop) {
		ret = ring_submit(rig.fd, ring, op, COPY_OPS, &seq);
		ret = ret ? ret : ring_wait(rig.fd, ring, seq);
		p->rounds += !ret;
	}
	return end_of(p, ret);
}

static void *toucher(void *arg)
{
	struct party *p = arg;

	touch_until_gone(rig.data + 8192, &p->rounds);
	return end_of(p, stop ? 0 : -EIO);
}

/* Before the chip dies and when that has been dealt with, on the first chip. */
static void *innocent(void *arg)
{
	struct party *p = arg;
	struct neuron_ioctl_wait w;
	struct neuron_submit job;
	struct rig r;
	int ret;

	r.fd = open_device();
	ret = r.fd < 0 ? r.fd : rig_make(&r, RACES_LOAD_CORES, 4);
	if (ret)
		return end_of(p, ret);
	r.code[0] = insn_copy(2, 8192, 1, 0, 64);
	job = rig_job(&r, NEURON_DMA, 0, 1);
	while (!ret && !stop) {
		memset(r.host, p->rounds, 4096);
		ret = copy(r.fd, r.data_mem.id, 0, r.host_mem.id, 0, 4096);
		ret = ret ? ret : rig_run(&r, &job, &w);
		if (!ret && memcmp(r.host, r.host + 8192, 4096))
			ret = -EBADMSG;
		p->rounds += !ret;
		usleep(2000);
	}
	rig_close(&r);
	return end_of(p, ret);
}

static struct party parties[] = {
	{ .name = "the wait for a job", .run = waiter },
	{ .name = "poll", .run = poller },
	{ .name = "copies by a ring", .run = copier },
	{ .name = "a mapping", .run = toucher },
	{ .name = "the first chip's user", .run = innocent },
};

#define PARTIES (sizeof(parties) / sizeof(parties[0]))
#define INNOCENT (PARTIES - 1)

static bool wait_until(bool (*condition)(uint64_t arg), uint64_t arg)
{
	uint64_t limit = now_ns() + LIMIT_NS;
	bool met;

	while (!(met = condition(arg)) && now_ns() < limit)
		usleep(2000);
	return met;
}

static bool can_be_opened(uint64_t arg)
{
	(void)arg;
	return !access(device, R_OK | W_OK);
}

static int start_parties(void)
{
	int ret;

	/* A moment after its directory in sysfs, which is what the caller has seen. */
	wait_until(can_be_opened, 0);
	rig.fd = open(device, O_RDWR | O_CLOEXEC);
	ret = rig.fd < 0 ? -errno : rig_make(&rig, RACES_LOAD_CORES, 4);
	if (ret)
		return ret;
	long_job = rig_long_job(&rig);
	/* Like the load, which they must not keep from working; who looks at them is in a hurry. */
	(void)!nice(20);
	for (size_t i = 0; i < PARTIES && !ret; i++)
		ret = -pthread_create(&parties[i].thread, NULL, parties[i].run, &parties[i]);
	(void)!nice(-20);
	return ret;
}

static bool all_at_it(uint64_t before)
{
	for (size_t i = 0; i < PARTIES; i++)
		if (!parties[i].rounds)
			return false;
	return page->good[chip] >= before + PROGRESS;
}

static void join_parties(void)
{
	struct timespec limit;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += LIMIT_NS / SECOND;
	for (size_t i = 0; i < PARTIES; i++)
		if (pthread_timedjoin_np(parties[i].thread, NULL, &limit)) {
			fail(parties[i].name, -ETIMEDOUT);
			/* It hangs, and all of us with it. */
			exit(1);
		}
}

/* --- what user space is told --- */

static int events_open(void)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	return fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ? -errno : fd;
}

/* Whether the chip's end was told; other chips may only lose a neighbour. */
static bool read_events(int fd)
{
	char text[8192], name[32];
	bool told = false;
	ssize_t n;

	snprintf(name, sizeof(name), "/neuron%d", chip);
	while ((n = recv(fd, text, sizeof(text) - 1, 0)) > 0) {
		const char *event, *path = strchr(text, '/');

		text[n] = 0;
		event = memmem(text, n, "NEURON_EVENT=", 13);
		if (!event || !path)
			continue;
		event += 13;
		path = strrchr(path, '/');
		if (!strcmp(path, name))
			told |= !strcmp(event, "broken");
		else if (strncmp(event, "link", 4))
			printf("victim: %s: %s\n", path, event), fail("an event of another chip", 0);
	}
	return told;
}

static int events;

static bool told(uint64_t arg)
{
	(void)arg;
	return read_events(events);
}

/* --- what is left --- */

static bool cannot_be_opened(uint64_t arg)
{
	int fd = open(device, O_RDWR | O_CLOEXEC);

	(void)arg;
	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == ENODEV;
}

static bool hangs_up(uint64_t arg)
{
	(void)arg;
	return parties[1].at;
}

static void look_at_ends(void)
{
	struct neuron_ioctl_info info;
	struct neuron_ioctl_wait w;
	uint64_t longest = 0;

	for (size_t i = 0; i < INNOCENT; i++) {
		check(gone(parties[i].ret), parties[i].name, parties[i].ret);
		if (parties[i].at > died + longest)
			longest = parties[i].at - died;
	}
	check(!parties[INNOCENT].ret, parties[INNOCENT].name, parties[INNOCENT].ret);
	printf("victim: all ended within %llu ms\n", (unsigned long long)longest / 1000000);
	check(get_info(rig.fd, &info) == -ENODEV, "a call on a file of before", 0);
	check(wait_job(rig.fd, rig.queue.id, job_seq, SECOND, &w) == -ENODEV, "a wait on a file of before", 0);
	check(mmap(NULL, 4096, PROT_READ, MAP_SHARED, rig.fd, rig.data_mem.mmap_offset) == MAP_FAILED,
	      "a new mapping", 0);
}

static int let_go(const char *how, const char *pci)
{
	char path[128];
	uint64_t begin = now_ns();
	int ret = 0;

	if (!strcmp(how, "remove")) {
		snprintf(path, sizeof(path), PCI "devices/%s/remove", pci);
		ret = write_file(path, "1");
	} else if (!strcmp(how, "unbind")) {
		ret = driver_write("unbind", pci);
	} else {
		return 0;
	}
	printf("victim: %s took %llu ms\n", how, (unsigned long long)(now_ns() - begin) / 1000000);
	snprintf(path, sizeof(path), "/sys/class/neuron_device/neuron%d", chip);
	return ret ? ret : access(path, F_OK) ? 0 : -EEXIST;
}

static int die(const char *pci, const char *how)
{
	uint64_t rounds;
	int ret = start_parties();

	if (ret) {
		fail("the start", ret);
		return 1;
	}
	if (!wait_until(all_at_it, page->good[chip])) {
		for (size_t i = 0; i < PARTIES; i++)
			printf("victim: %s: %llu rounds\n", parties[i].name, (unsigned long long)parties[i].rounds);
		fail("not all get to work", page->good[chip]);
		return 1;
	}
	read_events(events);
	died = now_ns();
	printf("victim: kill\n");

	check(wait_until(hangs_up, 0), "poll tells nobody", 0);
	check(wait_until(cannot_be_opened, 0), "the dead chip can be opened", 0);
	check(wait_until(told, 0), "user space is not told", 0);
	ret = let_go(how, pci);
	check(!ret, how, ret);
	rounds = parties[INNOCENT].rounds + 3;
	while (parties[INNOCENT].rounds < rounds && !parties[INNOCENT].at && now_ns() < died + 2 * LIMIT_NS)
		usleep(2000);
	check(parties[INNOCENT].rounds >= rounds, "the first chip's user does not get on", parties[INNOCENT].ret);
	/* Who is at the dead chip has to end by itself. */
	for (size_t i = 0; i < INNOCENT; i++)
		for (uint64_t limit = now_ns() + LIMIT_NS; !parties[i].at && now_ns() < limit;)
			usleep(2000);
	stop = true;
	join_parties();
	look_at_ends();
	check(!page->trouble, "the load is in trouble", page->trouble);
	close(rig.fd);
	return failures ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_bus };

	if (argc != 4) {
		fprintf(stderr, "usage: race-victim CHIP PCI-ADDRESS leave|remove|unbind\n");
		return 2;
	}
	chip = atoi(argv[1]);
	snprintf(device, sizeof(device), "/dev/neuron%d", chip);
	page = races_page(false);
	events = events_open();
	if (!page || events < 0 || chip < 1 || chip >= RACES_CHIPS) {
		fprintf(stderr, "race-victim: no load, no events, or no such chip\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	(void)!nice(-10);
	sigaction(SIGBUS, &sa, NULL);
	page->target = chip;
	return die(argv[2], argv[3]);
}
