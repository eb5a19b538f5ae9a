// SPDX-License-Identifier: Apache-2.0
/*
 * What run_recovery.py runs in the guest while it breaks chips:
 *
 *   client innocent DEVICE CORE        computes, copies and compares until SIGTERM or an error
 *   client victim DEVICE CORE JOBS     waits for jobs that run for ever, then looks what is left of its file
 *   client short DEVICE CORE JOBS      the same with short jobs that may take half a second, for chips that are stuck
 *   client quick DEVICE CORE JOBS      jobs of some hundred milliseconds, one after the other
 *   client uevents                     prints the events of neuron devices until SIGTERM
 *
 * Each prints a line for what happens, as it happens.
 */
#include "../kselftest/util.h"
#include "../kselftest/uevents.h"

static volatile sig_atomic_t stop;

static void on_term(int number)
{
	(void)number;
	stop = 1;
}

/* Its mappings went before a call told it: as good an end as an error. */
static void on_lost_mapping(int number)
{
	static const char text[] = "error -5 from a mapping\n";

	(void)number;
	(void)!write(STDOUT_FILENO, text, sizeof(text) - 1);
	_exit(1);
}

static int setup(struct rig *r, char **argv, uint32_t entries)
{
	int ret;

	r->fd = open(argv[0], O_RDWR | O_CLOEXEC);
	ret = r->fd < 0 ? -errno : rig_make(r, atoi(argv[1]), entries);
	if (ret)
		printf("error %d at the start\n", ret);
	return ret;
}

/* Also over signals: freezing for sleep is one. */
static int wait_all(const struct rig *r, uint64_t seq, uint64_t timeout_ns, struct neuron_ioctl_wait *w)
{
	int ret;

	do {
		ret = wait_job(r->fd, r->queue.id, seq, timeout_ns, w);
	} while (ret == -EINTR);
	return ret;
}

static int innocent(char **argv)
{
	struct neuron_ioctl_wait w;
	struct neuron_submit job;
	unsigned long rounds = 0;
	uint64_t seq;
	struct rig r;
	int ret;

	if (setup(&r, argv, 4))
		return 1;
	signal(SIGBUS, on_lost_mapping);
	r.code[0] = insn_copy(2, 128, 1, 0, 1);
	job = rig_job(&r, NEURON_DMA, 0, 1);
	for (; !stop; rounds++) {
		memset(r.host, rounds, 64);
		memset(r.host + 128, ~rounds, 64);
		ret = copy(r.fd, r.data_mem.id, 0, r.host_mem.id, 0, 64);
		ret = ret ? ret : submit(r.fd, r.queue.id, &job, 1, &seq);
		ret = ret ? ret : wait_all(&r, seq, 20 * SECOND, &w);
		ret = ret ? ret : (int)w.status;
		if (ret || memcmp(r.host, r.host + 128, 64)) {
			printf("error %d after %lu rounds\n", ret, rounds);
			return 1;
		}
		if (!rounds)
			printf("running\n");
	}
	printf("done %lu rounds\n", rounds);
	return 0;
}

static int victim(char **argv, bool endless)
{
	int jobs = atoi(argv[2]), ret;
	struct neuron_submit job;
	struct neuron_ioctl_wait w;
	uint64_t begin, seq;
	struct rig r;

	if (setup(&r, argv, 16))
		return 1;
	r.code[0] = insn_copy(2, 128, 1, 0, 1);
	job = endless ? rig_long_job(&r) : rig_job(&r, NEURON_DMA, 0, 1);
	if (!endless)
		job.timeout_ms = 500;
	r.data[0] = r.host[0] = 1;
	for (int i = 0; i < jobs; i++)
		if (submit(r.fd, r.queue.id, &job, 1, &seq))
			return 1;
	ret = wait_all(&r, 1, SECOND / 5, &w);
	printf(ret == -ETIMEDOUT ? "running\n" : "error %d at the first look\n", ret);
	begin = now_ns();
	for (int i = 1; i <= jobs; i++) {
		ret = wait_all(&r, i, 60 * SECOND, &w);
		printf("job %d: %s %d\n", i, ret ? "error" : "status", ret ? ret : (int)w.status);
	}
	printf("waited %llu ms\n", (unsigned long long)(now_ns() - begin) / 1000000);
	/* The wait may end before everything has been taken away. */
	for (int i = 0; ret && !bus_error(r.data) && i < 50; i++)
		usleep(100000);
	printf("mappings: device %s, host %s\n", bus_error(r.data) ? "gone" : "live",
	       bus_error(r.host) ? "gone" : "live");
	/* The reset that ended the jobs may not have come to its end: it takes what comes meanwhile, too. */
	for (int i = 0; i < 50; i++) {
		ret = submit_nop(r.fd, r.queue.id, &seq);
		ret = ret ? ret : wait_all(&r, seq, 10 * SECOND, &w);
		if (ret || w.status != NEURON_JOB_ABORTED)
			break;
		usleep(100000);
	}
	printf("reuse: %s %d\n", ret ? "error" : "status", ret ? ret : (int)w.status);
	return 0;
}

#define QUICK_INSNS 8

static int quick(char **argv)
{
	int jobs = atoi(argv[2]), ret = 0;
	struct neuron_ioctl_wait w;
	struct neuron_submit job;
	uint64_t begin, longest = 0, seq;
	struct rig r;

	if (setup(&r, argv, 4))
		return 1;
	/* Long enough that the wait sleeps. */
	for (int i = 0; i < QUICK_INSNS; i++)
		r.code[i] = insn_slow(1, 1);
	job = rig_job(&r, NEURON_DMA, 0, QUICK_INSNS);
	for (int i = 0; i < jobs && !ret; i++) {
		begin = now_ns();
		ret = submit(r.fd, r.queue.id, &job, 1, &seq);
		ret = ret ? ret : wait_all(&r, seq, 30 * SECOND, &w);
		ret = ret ? ret : (int)w.status;
		if (now_ns() - begin > longest)
			longest = now_ns() - begin;
	}
	printf("result %d longest %llu ms\n", ret, (unsigned long long)longest / 1000000);
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_term };

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &sa, NULL);
	if (argc == 4 && !strcmp(argv[1], "innocent"))
		return innocent(argv + 2);
	if (argc == 5 && !strcmp(argv[1], "victim"))
		return victim(argv + 2, true);
	if (argc == 5 && !strcmp(argv[1], "short"))
		return victim(argv + 2, false);
	if (argc == 5 && !strcmp(argv[1], "quick"))
		return quick(argv + 2);
	if (argc == 2 && !strcmp(argv[1], "uevents"))
		return print_uevents("running", &stop);
	fprintf(stderr, "usage: see the source\n");
	return 2;
}
