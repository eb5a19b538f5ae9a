// SPDX-License-Identifier: Apache-2.0
/*
 * What run_matrix.py runs in the guest while it makes chips fail:
 *
 *   fault-client MODE DEVICE CORE TAG [rounds=N] [limit=SECONDS] [timeout=MS] [peer=DEVICE]
 *   fault-client uevents
 *
 * idle holds a queue and memory, sleeps in poll(), and uses them when it is told to end; copy moves
 * data to, on and from the device by COPY and by rings, with peer= also over the link to that chip; compute
 * runs jobs; both does both. Each result is compared. A line is printed for each change:
 *
 *   ok N              N rounds were good (at most four lines a second)
 *   error CALL ERRNO  the call failed
 *   status N          a job or a batch ended so
 *   sigbus            a mapping was taken away while it was used
 *   wrong WHAT        data was reported as good and is not
 *   reopened          the file was lost, a new one works
 *   slow CALL         took longer than the limit, and was sent a signal
 *   hang CALL         did not return after that, either
 *   done ...          the summary, after SIGTERM or the N-th round
 *
 * The kept buffer begins with TAG and is only read: who can look into the chip's memory finds and
 * spoils it. The client writes it anew when it reads wrong.
 */
#include "../kselftest/util.h"
#include "../kselftest/uevents.h"

#define LENGTH		(256u << 10)
#define KEPT		8192u
#define SEEN		4096u	/* of the kept buffer, what jobs read; a multiple of 64 */
#define PAUSE_US	5000
#define NAP_US		50000

enum mode {
	IDLE = 0,
	COPY = 1,
	COMPUTE = 2,
	BOTH = COPY | COMPUTE,
};

struct mem {
	struct neuron_ioctl_mem_create arg;
	uint8_t *map;
};

static struct {
	enum mode mode;
	const char *device, *peer, *tag;
	unsigned int core;
	unsigned long rounds;	/* 0 = until SIGTERM */
	uint64_t limit;
	uint32_t timeout_ms;	/* of jobs; 0 = the driver's */
} options = { .limit = 30 * SECOND };

/* All that goes with an open file. */
static struct {
	int fd, peer_fd, dmabuf;
	struct mem host, kept_host, kept, a, b;
	struct neuron_ioctl_mem_create far, import;
	struct neuron_ioctl_queue_create queue;
	uint32_t context, ring;
	struct mem code;
} my;

static struct {
	unsigned long rounds, errors, wrong, reopened, slow;
	uint64_t longest;
	char state[64];
	uint64_t told;
} seen;

static volatile sig_atomic_t stop;

/* --- what is told --- */

static void tell(const char *fmt, ...)
{
	char text[sizeof(seen.state)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	/* The same trouble again and again is one line. */
	if (strcmp(text, seen.state))
		printf("%s\n", text);
	strcpy(seen.state, text);
}

static int failed(const char *name, int ret)
{
	seen.errors++;
	tell("error %s %d", name, -ret);
	return ret;
}

static void good(void)
{
	uint64_t now = now_ns();

	seen.rounds++;
	if (!strcmp(seen.state, "ok") && now - seen.told < SECOND / 4)
		return;
	strcpy(seen.state, "ok");
	seen.told = now;
	printf("ok %lu\n", seen.rounds);
}

static void wrong(const char *what, const uint8_t *is, const uint8_t *want, size_t n)
{
	size_t i = 0;

	while (i < n - 1 && is[i] == want[i])
		i++;
	seen.wrong++;
	tell("wrong %s at %zu: %#x, not %#x", what, i, is[i], want[i]);
}

/* --- calls, and the thread that looks whether they return --- */

static pthread_t main_thread;
static pthread_mutex_t watch_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	const char *name;
	uint64_t since;
	int warned;
} watch;

static void watch_begin(const char *name)
{
	pthread_mutex_lock(&watch_lock);
	watch.name = name;
	watch.since = now_ns();
	watch.warned = 0;
	pthread_mutex_unlock(&watch_lock);
}

static void watch_end(void)
{
	uint64_t took = watch.name ? now_ns() - watch.since : 0;

	pthread_mutex_lock(&watch_lock);
	watch.name = NULL;
	pthread_mutex_unlock(&watch_lock);
	if (took > seen.longest)
		seen.longest = took;
}

static void *watch_thread(void *unused)
{
	for (;;) {
		usleep(100000);
		pthread_mutex_lock(&watch_lock);
		if (watch.name && now_ns() - watch.since > options.limit * (watch.warned + 1)) {
			if (watch.warned < 2)
				printf("%s %s\n", watch.warned ? "hang" : "slow", watch.name);
			seen.slow++;
			watch.warned++;
			pthread_kill(main_thread, SIGUSR1);
		}
		pthread_mutex_unlock(&watch_lock);
	}
	return unused;
}

/* An ioctl that was not interrupted on purpose starts again. */
static int try(const char *name, int fd, unsigned long cmd, void *arg)
{
	int ret;

	watch_begin(name);
	do {
		ret = call(fd, cmd, arg);
	} while (ret == -EINTR && stop && !watch.warned);
	watch_end();
	return ret ? failed(name, ret) : 0;
}

static int open_one(const char *device)
{
	int fd;

	watch_begin("open");
	fd = open(device, O_RDWR | O_CLOEXEC);
	watch_end();
	return fd < 0 ? failed("open", -errno) : fd;
}

/* --- a file and its objects --- */

static int make_mem(struct mem *m, uint32_t type, uint64_t length, bool map)
{
	int ret;

	m->arg = (struct neuron_ioctl_mem_create) {
		.size = sizeof(m->arg),
		.type = type,
		.channel = type == NEURON_MEM_DEVICE ? NEURON_MEM_ANY_CHANNEL : 0,
		.length = length,
	};
	ret = try("MEM_CREATE", my.fd, NEURON_IOCTL_MEM_CREATE, &m->arg);
	if (ret || !map)
		return ret;
	m->map = mem_map(my.fd, &m->arg);
	return m->map == MAP_FAILED ? failed("mmap", -errno) : 0;
}

static void drop_map(struct mem *m)
{
	if (m->map && m->map != MAP_FAILED)
		munmap(m->map, m->arg.length);
	m->map = NULL;
}

static int copy_all(struct neuron_copy *c, uint32_t count)
{
	struct neuron_ioctl_copy arg = { .size = sizeof(arg), .count = count, .copies = (uintptr_t)c };

	return try("COPY", my.fd, NEURON_IOCTL_COPY, &arg);
}

static int copy_one(const struct mem *dst, uint64_t dst_offset, const struct mem *src, uint64_t length)
{
	struct neuron_copy c = {
		.src = src->arg.id,
		.dst = dst->arg.id,
		.dst_offset = dst_offset,
		.length = length,
	};

	return copy_all(&c, 1);
}

/* Host memory "kept_host": the kept bytes, and behind them room for what is read. */
static int write_kept(void)
{
	fill(my.kept_host.map, KEPT, options.core);
	memset(my.kept_host.map, 0, 64);
	strncpy((char *)my.kept_host.map, options.tag, 63);
	return copy_one(&my.kept, 0, &my.kept_host, KEPT);
}

static int make_peer(void)
{
	struct neuron_ioctl_mem_export export = { .size = sizeof(export) };
	int ret;

	my.peer_fd = open_one(options.peer);
	if (my.peer_fd < 0)
		return my.peer_fd;
	my.far = (struct neuron_ioctl_mem_create) {
		.size = sizeof(my.far),
		.type = NEURON_MEM_DEVICE,
		.channel = NEURON_MEM_ANY_CHANNEL,
		.length = LENGTH,
	};
	ret = try("MEM_CREATE", my.peer_fd, NEURON_IOCTL_MEM_CREATE, &my.far);
	export.id = my.far.id;
	ret = ret ? ret : try("MEM_EXPORT", my.peer_fd, NEURON_IOCTL_MEM_EXPORT, &export);
	if (ret)
		return ret;
	my.dmabuf = export.fd;
	my.import = (struct neuron_ioctl_mem_create) {
		.size = sizeof(my.import),
		.type = NEURON_MEM_DMABUF,
		.fd = my.dmabuf,
	};
	return try("MEM_IMPORT", my.fd, NEURON_IOCTL_MEM_CREATE, &my.import);
}

static int make_ring(void)
{
	struct neuron_ioctl_ring_create arg = { .size = sizeof(arg), .entries = 4, .eventfd = -1 };
	int ret = call(my.fd, NEURON_IOCTL_RING_CREATE, &arg);

	my.ring = arg.id;
	return ret == -ENOTTY ? 0 : ret ? failed("RING_CREATE", ret) : 0;
}

static int bind_mem(uint32_t segment, const struct mem *m, uint32_t access)
{
	struct neuron_bind b = { .segment = segment, .mem = m->arg.id, .length = m->arg.length, .access = access };
	struct neuron_ioctl_context_bind arg = {
		.size = sizeof(arg),
		.context = my.context,
		.count = 1,
		.binds = (uintptr_t)&b,
	};

	return try("CONTEXT_BIND", my.fd, NEURON_IOCTL_CONTEXT_BIND, &arg);
}

static int make_queue(void)
{
	struct neuron_ioctl_context_create context = { .size = sizeof(context), .segments = 4 };
	struct neuron_ioctl_cores cores = { .size = sizeof(cores), .mask = 1u << options.core };
	int ret;

	ret = try("CORES_ACQUIRE", my.fd, NEURON_IOCTL_CORES_ACQUIRE, &cores);
	my.queue = (struct neuron_ioctl_queue_create) {
		.size = sizeof(my.queue),
		.core = options.core,
		.entries = 4,
		.eventfd = -1,
	};
	ret = ret ? ret : try("QUEUE_CREATE", my.fd, NEURON_IOCTL_QUEUE_CREATE, &my.queue);
	ret = ret ? ret : try("CONTEXT_CREATE", my.fd, NEURON_IOCTL_CONTEXT_CREATE, &context);
	my.context = context.id;
	ret = ret ? ret : make_mem(&my.code, NEURON_MEM_DEVICE, 4096, true);
	ret = ret ? ret : bind_mem(0, &my.code, NEURON_ACCESS_EXEC);
	ret = ret ? ret : bind_mem(1, &my.kept, NEURON_ACCESS_READ);
	ret = ret ? ret : bind_mem(2, &my.kept_host, NEURON_ACCESS_READ | NEURON_ACCESS_WRITE);
	ret = ret ? ret : bind_mem(3, &my.a, NEURON_ACCESS_READ | NEURON_ACCESS_WRITE);
	return ret;
}

static int open_all(void)
{
	int ret;

	memset(&my, 0, sizeof(my));
	my.peer_fd = my.dmabuf = -1;
	my.fd = open_one(options.device);
	if (my.fd < 0)
		return my.fd;
	ret = make_mem(&my.host, NEURON_MEM_HOST, 2 * LENGTH, true);
	ret = ret ? ret : make_mem(&my.kept_host, NEURON_MEM_HOST, 3 * KEPT, true);
	ret = ret ? ret : make_mem(&my.kept, NEURON_MEM_DEVICE, KEPT, false);
	ret = ret ? ret : make_mem(&my.a, NEURON_MEM_DEVICE, LENGTH, false);
	ret = ret ? ret : make_mem(&my.b, NEURON_MEM_DEVICE, LENGTH, false);
	ret = ret ? ret : write_kept();
	ret = ret ? ret : make_ring();
	if (!ret && options.mode != COPY)
		ret = make_queue();
	if (!ret && options.peer)
		ret = make_peer();
	return ret;
}

static void close_all(void)
{
	watch_begin("close");
	drop_map(&my.host);
	drop_map(&my.kept_host);
	drop_map(&my.code);
	if (my.dmabuf >= 0)
		close(my.dmabuf);
	if (my.fd >= 0)
		close(my.fd);
	if (my.peer_fd >= 0)
		close(my.peer_fd);
	my.fd = my.peer_fd = my.dmabuf = -1;
	watch_end();
}

/* --- rounds: 0, or why the round is no good --- */

static int wait_for(uint32_t queue, uint64_t seq)
{
	struct neuron_ioctl_wait w = {
		.size = sizeof(w),
		.queue = queue,
		.seq = seq,
		.deadline_ns = now_ns() + options.limit,
	};
	int ret = try("WAIT", my.fd, NEURON_IOCTL_WAIT, &w);

	if (!ret && w.status) {
		seen.errors++;
		tell("status %u", w.status);
		ret = -ECANCELED;
	}
	return ret;
}

static int run_ring(const struct neuron_copy *c, uint32_t count)
{
	struct neuron_dma_op ops[4] = { 0 };
	struct neuron_ioctl_ring_submit arg = {
		.size = sizeof(arg),
		.ring = my.ring,
		.count = count,
		.ops = (uintptr_t)ops,
	};
	int ret;

	for (uint32_t i = 0; i < count; i++)
		ops[i] = (struct neuron_dma_op) {
			.op = NEURON_DMA_COPY,
			.src = c[i].src,
			.dst = c[i].dst,
			.src_offset = c[i].src_offset,
			.dst_offset = c[i].dst_offset,
			.length = c[i].length,
		};
	ret = try("RING_SUBMIT", my.fd, NEURON_IOCTL_RING_SUBMIT, &arg);
	return ret ? ret : wait_for(my.ring, arg.seq);
}

/* The kept bytes have come to @is. */
static int check_kept(const uint8_t *is, size_t n)
{
	if (same(is, my.kept_host.map, n))
		return 0;
	wrong("kept", is, my.kept_host.map, n);
	return -EBADMSG;
}

/* To the device, on to other memory of it or of the neighbour, and back. */
static int copy_round(void)
{
	uint32_t far = options.peer ? my.import.id : my.b.arg.id;
	struct neuron_copy c[] = {
		{ .src = my.host.arg.id, .dst = my.a.arg.id, .length = LENGTH },
		{ .src = my.a.arg.id, .dst = far, .length = LENGTH },
		{ .src = far, .dst = my.host.arg.id, .dst_offset = LENGTH, .length = LENGTH },
		{ .src = my.kept.arg.id, .dst = my.kept_host.arg.id, .dst_offset = KEPT, .length = KEPT },
	};
	int ret;

	/* Other bytes each time, and nothing where they are to come: what is left of a round before is wrong. */
	fill(my.host.map, LENGTH, seen.rounds * 4 + options.core);
	memset(my.host.map + LENGTH, 0, LENGTH);
	memset(my.kept_host.map + KEPT, 0, KEPT);
	ret = my.ring && seen.rounds % 2 ? run_ring(c, 4) : copy_all(c, 4);
	if (ret)
		return ret;
	if (!same(my.host.map, my.host.map + LENGTH, LENGTH)) {
		wrong("copy", my.host.map + LENGTH, my.host.map, LENGTH);
		return -EBADMSG;
	}
	return check_kept(my.kept_host.map + KEPT, KEPT);
}

/* Kept bytes to device memory and from there to the host, by the core's own DMA engine. */
static int compute_round(void)
{
	struct neuron_insn *code = (struct neuron_insn *)my.code.map;
	struct neuron_submit job = { .op = NEURON_SUBMIT_EXEC, .context = my.context,
				     .timeout_ms = options.timeout_ms };
	struct neuron_ioctl_submit arg = {
		.size = sizeof(arg),
		.queue = my.queue.id,
		.count = 1,
		.jobs = (uintptr_t)&job,
	};
	uint8_t *result = my.kept_host.map + 2 * KEPT;
	int ret;

	code[0] = insn_copy(3, 0, 1, 0, SEEN / 64);
	code[1] = insn_copy(2, 2 * KEPT, 3, 0, SEEN / 64);
	job.stream[NEURON_DMA].count = 2;
	memset(result, 0, SEEN);
	ret = try("SUBMIT", my.fd, NEURON_IOCTL_SUBMIT, &arg);
	ret = ret ? ret : wait_for(my.queue.id, arg.seq);
	return ret ? ret : check_kept(result, SEEN);
}

static int do_round(enum mode mode)
{
	int ret = 0;

	if (mode & COPY)
		ret = copy_round();
	if (!ret && mode & COMPUTE)
		ret = compute_round();
	return ret;
}

/* Whether the file is lost, and with which error. */
static int file_error(void)
{
	struct neuron_ioctl_info info = { .size = sizeof(info) };
	struct pollfd p = { .fd = my.fd, .events = POLLIN };

	if (my.fd < 0)
		return -EBADF;
	if (poll(&p, 1, 0) <= 0 || !(p.revents & POLLERR))
		return 0;
	return try("INFO", my.fd, NEURON_IOCTL_INFO, &info);
}

/* A reset takes mappings away while they are used, too. */
static int guarded(int (*work)(enum mode mode), enum mode mode)
{
	if (sigsetjmp(bus_jump, 1)) {
		watch_end();
		tell("sigbus");
		return -EFAULT;
	}
	return work(mode);
}

static int repair(enum mode unused)
{
	return write_kept();
}

static int open_again(enum mode unused)
{
	return open_all();
}

/* Until there is a file again, or the end. */
static void reopen(void)
{
	close_all();
	while (!stop && guarded(open_again, IDLE)) {
		close_all();
		usleep(NAP_US);
	}
	if (my.fd < 0)
		return;
	seen.reopened++;
	tell("reopened");
}

static void one_turn(void)
{
	int ret = options.mode ? guarded(do_round, options.mode) : 0;
	int lost = file_error();

	if (lost) {
		reopen();
	} else if (ret) {
		usleep(NAP_US);
		/* Lost lines are healed by writing them. */
		if (guarded(repair, IDLE) && file_error())
			reopen();
	} else {
		good();
	}
}

static void rest(void)
{
	struct pollfd p = { .fd = my.fd, .events = POLLIN };

	if (options.mode)
		usleep(PAUSE_US);
	else
		poll(&p, 1, 100);
}

static void summary(void)
{
	printf("done rounds=%lu errors=%lu wrong=%lu reopened=%lu slow=%lu longest=%llu state=%s\n", seen.rounds,
	       seen.errors, seen.wrong, seen.reopened, seen.slow, (unsigned long long)(seen.longest / 1000000),
	       seen.state);
}

static int run(void)
{
	pthread_t thread;

	main_thread = pthread_self();
	if (pthread_create(&thread, NULL, watch_thread, NULL))
		return 1;
	if (open_all()) {
		summary();
		return 1;
	}
	while (!stop && (!options.rounds || seen.rounds < options.rounds)) {
		one_turn();
		rest();
		/* A client with a number of rounds is a check: nothing may go wrong. */
		if (options.rounds && seen.errors + seen.wrong)
			break;
	}
	/* What has slept all the time must be usable at its end. */
	if (options.mode == IDLE && my.fd >= 0 &&
	    (!guarded(do_round, BOTH) || (!guarded(repair, IDLE) && !guarded(do_round, BOTH))))
		good();
	close_all();
	summary();
	return seen.errors + seen.wrong ? 1 : 0;
}

static void on_term(int number)
{
	stop = number == SIGTERM ? 1 : stop;
}

static bool option(const char *text)
{
	unsigned long long n;

	if (sscanf(text, "rounds=%llu", &n) == 1)
		options.rounds = n;
	else if (sscanf(text, "limit=%llu", &n) == 1)
		options.limit = n * SECOND;
	else if (sscanf(text, "timeout=%llu", &n) == 1)
		options.timeout_ms = n;
	else if (!strncmp(text, "peer=", 5))
		options.peer = text + 5;
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	static const char *const modes[] = { "idle", "copy", "compute", "both" };
	struct sigaction sa = { .sa_handler = on_term };
	int mode = -1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	sa.sa_handler = on_sigbus;
	sigaction(SIGBUS, &sa, NULL);
	if (argc == 2 && !strcmp(argv[1], "uevents"))
		return print_uevents("ok 0", &stop);
	for (int i = 0; argc > 4 && i < 4; i++)
		if (!strcmp(argv[1], modes[i]))
			mode = i;
	for (int i = 5; i < argc; i++)
		if (!option(argv[i]))
			mode = -1;
	if (mode < 0) {
		fprintf(stderr, "usage: see the source\n");
		return 2;
	}
	options.mode = mode;
	options.device = argv[2];
	options.core = atoi(argv[3]);
	options.tag = argv[4];
	return run();
}
