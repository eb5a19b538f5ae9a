// SPDX-License-Identifier: Apache-2.0
/*
 * foreign-host: host software that knows only the public register contract of
 * Inferentia 1, run against neuron-emu. TAP 13 on stdout.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests.h"

static const struct test *const suites[] = {
	vfio_tests, bringup_tests, fwio_tests, copy_tests, packet_tests, sync_tests, reset_tests,
	error_tests, contract_tests, notify_tests,
	personality_tests, garbage_tests, link_tests, fault_tests,
};

static const char usage[] =
	"usage: foreign-host --emu PATH [--firmware FILE] [--revision HEX] [--only WORD] [--list]\n"
	"                    [--fuzz N [--seed S]] [-- NEURON-EMU-ARGUMENT...]\n"
	"Starts neuron-emu and drives it over vfio-user as foreign host software would.\n"
	"  --only WORD   run the tests whose names contain WORD\n"
	"  --fuzz N      no tests: N rounds of structured fuzzing, from seed S (default 1)\n";

struct options {
	const char *only;
	unsigned long fuzz;
	uint32_t seed;
	bool list;
	bool verbose;
};

/* Brings the host to where the test may start. */
static int before(struct host *h, const struct test *t)
{
	int e = host_alive(h) ? 0 : host_reconnect(h);

	if (!e && t->flags & NEED_READY && !h->ready)
		e = host_recover(h);
	if (e)
		tap_diag("set-up: %s", strerror(-e));
	return e;
}

static bool after(struct host *h, const struct test *t, long mark, unsigned long refused)
{
	char line[512];
	bool ok = true;
	int n;

	if (!host_alive(h)) {
		tap_diag("the emulator or its connection did not survive the test");
		ok = false;
	}
	if (h->write_errors != refused) {
		tap_diag("%lu valid MMIO writes were refused", h->write_errors - refused);
		ok = false;
	}
	n = t->flags & CLEAN ? emu_log_count(&h->emu, mark, line, sizeof(line)) : 0;
	if (n) {
		tap_diag("valid use, but %d guest errors: %s", n, line);
		ok = false;
	}
	return ok;
}

static void run(struct host *h, const struct test *t, const struct options *o)
{
	uint64_t ram = h->ram.next, start = vu_now_ms();
	unsigned long refused = h->write_errors;
	bool ok = !before(h, t);
	long mark = emu_log_mark(&h->emu);

	if (ok) {
		ok = !t->run(h);
		ok = after(h, t, mark, refused) && ok;
	}
	if (!ok || t->flags & DIRTY)
		h->ready = false;
	/* Old descriptors may still be on their way to the buffers: reset before reuse. */
	if (!ok && !h->vu.dead && !vu_reset(&h->vu))
		host_enable(h);
	h->ram.next = ram;
	if (o->verbose)
		tap_diag("%llu ms", (unsigned long long)(vu_now_ms() - start));
	tap_result(ok, t->name);
}

static void run_suites(struct host *h, const struct options *o)
{
	const struct test *t;
	size_t i;

	for (i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		for (t = suites[i]; t->name; t++) {
			if (o->only && !strstr(t->name, o->only))
				continue;
			if (o->list)
				puts(t->name);
			else
				run(h, t, o);
		}
	}
}

static bool parse(int argc, char **argv, struct host *h, struct options *o)
{
	static const struct option longs[] = {
		{ "emu", required_argument, NULL, 'e' },
		{ "firmware", required_argument, NULL, 'f' },
		{ "revision", required_argument, NULL, 'r' },
		{ "only", required_argument, NULL, 'o' },
		{ "fuzz", required_argument, NULL, 'z' },
		{ "seed", required_argument, NULL, 's' },
		{ "list", no_argument, NULL, 'l' },
		{ "verbose", no_argument, NULL, 'v' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'e':
			h->emu.path = optarg;
			break;
		case 'f':
			h->emu.firmware = optarg;
			break;
		case 'r':
			h->revision = strtoul(optarg, NULL, 16);
			h->emu.extra[h->emu.nextra++] = "--revision";
			h->emu.extra[h->emu.nextra++] = optarg;
			break;
		case 'o':
			o->only = optarg;
			break;
		case 'z':
			o->fuzz = strtoul(optarg, NULL, 0);
			break;
		case 's':
			o->seed = strtoul(optarg, NULL, 0);
			break;
		case 'l':
			o->list = true;
			break;
		case 'v':
			o->verbose = true;
			break;
		default:
			return false;
		}
	}
	for (; optind < argc; optind++) {
		if (h->emu.nextra == EMU_MAX_EXTRA)
			return false;
		h->emu.extra[h->emu.nextra++] = argv[optind];
	}
	return h->emu.path || o->list;
}

static void finish(struct host *h)
{
	char line[512];

	if (emu_alive(&h->emu))
		tap_result(!emu_stop(&h->emu), "end: neuron-emu goes on SIGTERM");
	else
		tap_result(false, "end: neuron-emu is still there");
	if (emu_log_has_crash(&h->emu, line, sizeof(line))) {
		tap_diag("%s", line);
		tap_result(false, "end: no sanitizer report, no assertion in the log");
	} else {
		tap_result(true, "end: no sanitizer report, no assertion in the log");
	}
	emu_log_summary(&h->emu);
}

int main(int argc, char **argv)
{
	static struct host host = { .revision = INF_REV_QEMU };
	struct options o = { .seed = 1 };
	int e;

	if (!parse(argc, argv, &host, &o)) {
		fputs(usage, stderr);
		return 2;
	}
	if (o.list) {
		run_suites(&host, &o);
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	tap_begin();
	if (access(host.emu.path, X_OK)) {
		printf("Bail out! cannot run %s: %s\n", host.emu.path, strerror(errno));
		return 1;
	}
	e = host_create(&host);
	if (e) {
		tap_diag("guest memory: %s", strerror(-e));
		printf("Bail out! no guest memory\n");
		return 1;
	}
	if (o.fuzz)
		tap_result(!fuzz(&host, o.fuzz, o.seed), "fuzz: the server survives");
	else
		run_suites(&host, &o);
	finish(&host);
	host_disconnect(&host);
	e = tap_end();
	if (getenv("FOREIGN_KEEP_LOG"))
		tap_diag("log: %s", host.emu.log);
	else
		emu_cleanup(&host.emu);
	return e;
}
