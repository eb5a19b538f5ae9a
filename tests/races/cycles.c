// SPDX-License-Identifier: Apache-2.0
/*
 * Takes the first chip away from race-load again and again: race-cycles KIND COUNT SEED PCI-ADDRESS
 *
 *   unbind   driver off and on        remove   function off the bus, and a new look at it
 *   flr, bus reset of the function, of the bus behind its port       device   reset by the driver's recovery
 *   kill     SIGKILL to a process of the load
 *
 * Each cycle begins when the load has got something done since the one before, and ends when the chip computes
 * for who opens it now. Prints "cycles: ..." lines; code 1 if something went wrong.
 */
#include "races.h"
#include <limits.h>

/* Calls that work between two cycles, so that there is something to race with. */
#define PROGRESS 15
#define LIMIT_NS (60 * SECOND)
/* The driver resets a chip so often within minutes; a reset by the administrator starts anew. */
#define RESETS_IN_A_ROW 2

static struct race_page *page;
static char pci[32];
static uint64_t random_state;

static uint32_t rnd(uint32_t n)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(random_state >> 33) % n;
}

static int fail(const char *what, int detail)
{
	printf("cycles: FAILED: %s (%d)\n", what, detail);
	return detail ? detail : -EIO;
}

static int pci_write(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), PCI "devices/%s/%s", pci, name);
	return write_file(path, text);
}

static int wait_progress(void)
{
	uint64_t before = page->good[0], limit = now_ns() + LIMIT_NS;

	while (page->good[0] < before + PROGRESS && now_ns() < limit)
		usleep(2000);
	return page->good[0] < before + PROGRESS ? fail("the load gets nothing done", page->good[0] - before) : 0;
}

/* --- kinds --- */

static int cycle_unbind(uint32_t n)
{
	int ret = driver_write("unbind", pci);

	(void)n;
	if (ret)
		return fail("unbind", ret);
	usleep(rnd(5000));
	ret = driver_write("bind", pci);
	return ret ? fail("bind", ret) : 0;
}

static int cycle_remove(uint32_t n)
{
	char path[PATH_MAX], link[64];
	int ret;

	(void)n;
	/* Of the bus behind its port: a new look at everything takes seconds where everything is checked. */
	snprintf(link, sizeof(link), PCI "devices/%s/..", pci);
	if (!realpath(link, path))
		return fail("its port", -errno);
	snprintf(path + strlen(path), sizeof(path) - strlen(path), "/pci_bus/%.7s/rescan", pci);
	ret = pci_write("remove", "1");
	if (ret)
		return fail("remove", ret);
	usleep(rnd(5000));
	ret = write_file(path, "1");
	return ret ? fail("rescan", ret) : 0;
}

static int reset_by(const char *method)
{
	int ret = pci_write("reset_method", method);

	if (ret)
		return fail("reset_method", ret);
	ret = pci_write("reset", "1");
	return ret ? fail(method, ret) : 0;
}

static int cycle_flr(uint32_t n)
{
	(void)n;
	return reset_by("flr");
}

static int cycle_bus(uint32_t n)
{
	(void)n;
	return reset_by("bus");
}

static uint64_t resets(void)
{
	char text[32];

	read_line("/sys/kernel/debug/neuron/neuron0/generation", text, sizeof(text));
	return strtoull(text, NULL, 0);
}

static int cycle_device(uint32_t n)
{
	uint64_t before, limit = now_ns() + LIMIT_NS;
	int ret;

	if (n % RESETS_IN_A_ROW == 0) {
		ret = reset_by("flr");
		ret = ret ? ret : wait_progress();
		if (ret)
			return ret;
	}
	before = resets();
	ret = write_file("/sys/kernel/debug/neuron/neuron0/recover", "device");
	if (ret)
		return fail("recover", ret);
	while (resets() == before && now_ns() < limit)
		usleep(1000);
	return resets() == before ? fail("the chip is not reset", 0) : 0;
}

static int cycle_kill(uint32_t n)
{
	struct race_slot *slot = &page->slot[2 * rnd(page->slots / 2)];
	uint64_t limit = now_ns() + LIMIT_NS;
	uint32_t lives = slot->lives;
	int pid = slot->pid;

	(void)n;
	if (!pid || kill(pid, SIGKILL))
		return fail("kill", -errno);
	while (slot->lives == lives && now_ns() < limit)
		usleep(1000);
	return slot->lives == lives ? fail("a killed process does not end", pid) : 0;
}

static const struct kind {
	const char *name;
	int (*cycle)(uint32_t n);
} kinds[] = {
	{ "unbind", cycle_unbind },
	{ "remove", cycle_remove },
	{ "flr", cycle_flr },
	{ "bus", cycle_bus },
	{ "device", cycle_device },
	{ "kill", cycle_kill },
};

/* --- what must be so after a cycle --- */

static int compute(void)
{
	struct neuron_ioctl_wait w;
	struct neuron_submit job;
	struct rig r;
	int ret, fd = wait_for_device();

	if (fd < 0)
		return fail("the chip does not come back", fd);
	r.fd = fd;
	ret = rig_make(&r, RACES_LOAD_CORES, 4);
	if (ret) {
		close(fd);
		return fail("nothing can be made on the chip", ret);
	}
	r.code[0] = insn_copy(2, 8192, 1, 0, 64);
	fill(r.host, 4096, rnd(256));
	ret = copy(fd, r.data_mem.id, 0, r.host_mem.id, 0, 4096);
	job = rig_job(&r, NEURON_DMA, 0, 1);
	ret = ret ? ret : rig_run(&r, &job, &w);
	if (ret)
		ret = fail("a job on the chip", ret);
	else if (!same(r.host, r.host + 8192, 4096))
		ret = fail("a wrong result", 0);
	rig_close(&r);
	return ret;
}

static int run(const struct kind *kind, uint32_t count)
{
	uint64_t at[4], ms[3] = {}, longest = 0;
	uint32_t n, done = 0;
	int ret = 0;

	for (n = 0; n < count && !ret; n++) {
		at[0] = now_ns();
		ret = wait_progress();
		usleep(rnd(20000));
		at[1] = now_ns();
		ret = ret ? ret : kind->cycle(n);
		at[2] = now_ns();
		ret = ret ? ret : compute();
		at[3] = now_ns();
		for (int i = 0; i < 3; i++)
			ms[i] += (at[i + 1] - at[i]) / 1000000;
		longest = at[2] - at[1] > longest ? at[2] - at[1] : longest;
		if (page->trouble)
			ret = fail("the load is in trouble", page->trouble);
		done += !ret;
	}
	printf("cycles: %u of %u %s; ms: load %llu, cycles %llu (longest %llu), results %llu\n", done, count, kind->name,
	       (unsigned long long)ms[0], (unsigned long long)ms[1], (unsigned long long)longest / 1000000,
	       (unsigned long long)ms[2]);
	return ret ? 1 : 0;
}

int main(int argc, char **argv)
{
	if (argc == 5) {
		(void)!nice(-10);
		random_state = strtoull(argv[3], NULL, 0);
		snprintf(pci, sizeof(pci), "%s", argv[4]);
		page = races_page(false);
		if (!page) {
			perror("race-cycles: " RACES_PAGE);
			return 2;
		}
		setvbuf(stdout, NULL, _IOLBF, 0);
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			if (!strcmp(argv[1], kinds[i].name))
				return run(&kinds[i], atoi(argv[2]));
	}
	fprintf(stderr, "usage: race-cycles unbind|remove|flr|bus|device|kill COUNT SEED PCI-ADDRESS\n");
	return 2;
}
