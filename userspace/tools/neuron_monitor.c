// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-monitor: reports on the processes that use Neuron devices, and on the system, as JSON
 * lines and to Prometheus.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "mon_http.h"
#include "mon_output.h"
#include "mon_prometheus.h"
#include "mon_report.h"

#define NS_PER_MS	1000000ULL
#define MAX_WAIT_MS	60000

static const char help[] =
"Usage: neuron-monitor [OPTION]...\n"
"Report on the processes that use Neuron devices, and on the system: one JSON object a line.\n"
"\n"
"  -c, --config-file=FILE   groups of metrics and their periods, as JSON; by default all\n"
"                           groups of all processes, every 5 s\n"
"  -n, --count=N            end after N reports; by default never\n"
"      --prometheus=[ADDRESS:]PORT\n"
"                           also serve http://ADDRESS:PORT/metrics; ADDRESS is 127.0.0.1\n"
"                           unless given; [ADDRESS]:PORT for IPv6\n"
"      --verbose=LEVEL      0 (default) to 4: what is told on standard error\n"
"  -h, --help               this text\n"
"  -V, --version            version\n"
"\n"
"FILE: {\"period\": \"1s\", \"neuron_runtimes\": [{\"tag_filter\": \".*\", \"metrics\": [{\"type\":\n"
"\"neuroncore_counters\"}, {\"type\": \"memory_used\"}, {\"type\": \"inference_stats\"},\n"
"{\"type\": \"neuron_runtime_vcpu_usage\"}]}], \"system_metrics\": [{\"type\": \"vcpu_usage\"},\n"
"{\"type\": \"memory_info\"}, {\"type\": \"neuron_hw_counters\", \"period\": \"2s\"}]}\n"
"Processes are told apart by NEURON_PROCESS_TAG, else by pid.\n"
"\n"
"Exit status: 0 done, 1 an error, 2 wrong usage.\n";

enum {
	OPT_PROMETHEUS = 256,
	OPT_VERBOSE,
};

static const struct option long_options[] = {
	{ "config-file", required_argument, NULL, 'c' },
	{ "count", required_argument, NULL, 'n' },
	{ "prometheus", required_argument, NULL, OPT_PROMETHEUS },
	{ "verbose", required_argument, NULL, OPT_VERBOSE },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

/**
 * struct options - the command line
 * @count: 0 = no end
 */
struct options {
	const char *config;
	const char *prometheus;
	uint64_t count;
	uint64_t verbose;
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	stopped = signal;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = stop };

	/* Without SA_RESTART: poll() ends. */
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
}

static int print_report(const struct monitor *m, struct mon_output *out)
{
	json_t *report = mon_report(m);
	char *text = report ? json_dumps(report, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;

	json_decref(report);
	if (text && !mon_output_take(out, text))
		return EXIT_OK;
	cli_error("out of memory");
	return EXIT_FAILED;
}

static void tell(const struct monitor *m, const struct options *o)
{
	unsigned int i;

	if (o->verbose >= 2)
		cli_error("%u processes, %d devices", m->processes.count, m->device_count);
	for (i = 0; o->verbose >= 3 && i < m->processes.count; i++) {
		const struct process *p = m->processes.list[i];

		cli_error("process %d (%s): %u cores, %u models%s", p->source.pid, p->file.tag,
			  p->file.core_count, p->file.model_count, p->over ? ", has ended" : "");
	}
}

static char *make_page(void *opaque, size_t *size)
{
	return mon_prometheus(opaque, size);
}

/* Wait until @due, serving clients and whoever reads the reports. */
static int wait_until(struct http *h, struct mon_output *out, uint64_t due)
{
	struct pollfd fds[HTTP_CLIENTS + 2];
	uint64_t now = proc_now_ns(), deadline = due, ms;
	int n = h ? http_prepare(h, fds, &deadline) : 0, rc;

	fds[n] = mon_output_poll(out);
	ms = deadline > now ? (deadline - now) / NS_PER_MS + 1 : 0;
	if (poll(fds, n + 1, ms < MAX_WAIT_MS ? ms : MAX_WAIT_MS) >= 0 && h)
		http_handle(h, fds);
	rc = mon_output_write(out);
	if (!rc)
		return EXIT_OK;
	cli_error("standard output: %s", strerror(-rc));
	return EXIT_FAILED;
}

/*
 * A reader who is slow holds up reports; but not those for Prometheus, for whose sake reports
 * are left out then.
 */
static int run(struct monitor *m, struct http *h, struct mon_output *out, const struct options *o)
{
	uint64_t reports = 0;
	int rc;

	while (!stopped && (!o->count || reports < o->count || mon_output_waits(out))) {
		bool full = mon_output_waits(out), over = o->count && reports == o->count;

		if (proc_now_ns() < mon_next(m) || (full && !h)) {
			rc = wait_until(h, out, full && !h ? UINT64_MAX : mon_next(m));
			if (rc)
				return rc;
			continue;
		}
		if (mon_collect(m)) {
			cli_error("out of memory");
			return EXIT_FAILED;
		}
		tell(m, o);
		if (full) {
			if (o->verbose && !over)
				cli_error("standard output is full: a report is left out");
			continue;
		}
		rc = print_report(m, out);
		if (!rc)
			rc = wait_until(h, out, 0);
		if (rc)
			return rc;
		reports++;
	}
	return EXIT_OK;
}

static int serve(struct monitor *m, struct mon_output *out, const struct options *o)
{
	struct http h = { .page = make_page, .opaque = m };
	char bound[128];
	int rc;

	rc = http_listen(&h, o->prometheus, bound, sizeof(bound));
	if (rc == -EINVAL)
		return cli_usage("--prometheus=%s: has to be [ADDRESS:]PORT, ADDRESS a number",
				 o->prometheus);
	if (rc) {
		cli_error("--prometheus=%s: %s; choose another port, or end what has it",
			  o->prometheus, strerror(-rc));
		return EXIT_FAILED;
	}
	if (o->verbose)
		cli_error("listening on http://%s/metrics", bound);
	rc = run(m, &h, out, o);
	http_close(&h);
	return rc;
}

static int start(const struct options *o)
{
	struct mon_output out = { 0 };
	struct mon_config config;
	struct monitor *m;
	int rc;

	if (o->config ? mon_config_read(&config, o->config) : mon_config_default(&config))
		return EXIT_FAILED;
	m = malloc(sizeof(*m));
	if (!m || mon_start(m, &config)) {
		cli_error("out of memory");
		return EXIT_FAILED;
	}
	if (o->verbose >= 2 && *m->instance.error)
		cli_error("instance: %s", m->instance.error);
	catch_signals();
	rc = o->prometheus ? serve(m, &out, o) : run(m, NULL, &out, o);
	mon_output_drop(&out);
	mon_stop(m);
	free(m);
	return rc;
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	int option;

	cli_init("neuron-monitor");
	while ((option = getopt_long(argc, argv, "c:n:hV", long_options, NULL)) != -1) {
		switch (option) {
		case 'c':
			o.config = optarg;
			break;
		case 'n':
			if (cli_number(optarg, 1, UINT32_MAX, &o.count))
				return cli_usage("--count=%s is not a number from 1 on", optarg);
			break;
		case OPT_PROMETHEUS:
			o.prometheus = optarg;
			break;
		case OPT_VERBOSE:
			if (cli_number(optarg, 0, 4, &o.verbose))
				return cli_usage("--verbose=%s is not a number from 0 to 4", optarg);
			break;
		default:
			return cli_other_option(option, help);
		}
	}
	if (optind < argc)
		return cli_usage("unexpected argument '%s'", argv[optind]);
	return start(&o);
}
