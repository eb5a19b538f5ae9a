// SPDX-License-Identifier: Apache-2.0
/*
 * Command line of neuron-bench.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "cli.h"
#include "cli_nrt.h"

#define GO_ON (-1)

static const char help[] =
"Usage: neuron-bench MODEL.neff... [OPTION]...\n"
"Measure latency and throughput of compiled models. Several models run side by side.\n"
"\n"
"  -s, --seconds S       how long (default 5)\n"
"  -n, --count N         so many inferences of each model instead\n"
"  -w, --warmup N        inferences of each thread before that (default 5)\n"
"  -T, --threads N       threads of each model (default: one an instance)\n"
"  -I, --instances N     instances of each model, on NeuronCores of their own (default 1)\n"
"  -b, --batch N         items in an inference, for items/s (default: the first dimension, if\n"
"                        all inputs have the same)\n"
"  -d, --device DEVICE   'emulator': a chip inside this process; N: /dev/neuronN.\n"
"                        Default: NEURON_RT_DEVICE, else all of /dev/neuron*\n"
"  -j, --json            print one JSON object\n"
"  -h, --help            this text\n"
"  -V, --version         version\n"
"\n"
"Latency is the time of nrt_execute() on the host: p0 is the fastest, p50 the median, p100 the\n"
"slowest. Inputs are random numbers between -1 and 1, or 0 for types that are not floats.\n"
"Cycles are those of a model of the NeuronCore, not a measurement of silicon; busy is the part of\n"
"the time in which jobs were with the device, per core.\n"
"\n"
"As many NeuronCores are taken as the models need, unless NEURON_RT_VISIBLE_CORES or\n"
"NEURON_RT_NUM_CORES says otherwise.\n"
"\n"
"Exit status: 0 done, 1 failed, 2 wrong usage.\n"
"\n"
"Example:\n"
"  neuron-bench resnet.neff --device emulator --instances 4 --seconds 10\n";

static const struct option long_options[] = {
	{ "seconds", required_argument, NULL, 's' },
	{ "count", required_argument, NULL, 'n' },
	{ "warmup", required_argument, NULL, 'w' },
	{ "threads", required_argument, NULL, 'T' },
	{ "instances", required_argument, NULL, 'I' },
	{ "batch", required_argument, NULL, 'b' },
	{ "device", required_argument, NULL, 'd' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static int parse_count(const char *option, const char *text, uint64_t min, uint64_t max,
		       uint64_t *value)
{
	if (!cli_number(text, min, max, value))
		return GO_ON;
	return cli_usage("--%s '%s': not a number from %llu to %llu", option, text,
			 (unsigned long long)min, (unsigned long long)max);
}

static int parse_seconds(const char *text, double *seconds)
{
	char *end;

	*seconds = strtod(text, &end);
	if (end != text && !*end && isfinite(*seconds) && *seconds > 0 && *seconds <= 1e6)
		return GO_ON;
	return cli_usage("--seconds '%s': not a time", text);
}

static int parse_option(struct bench_options *o, int option, char *value)
{
	switch (option) {
	case 's':
		return parse_seconds(value, &o->seconds);
	case 'n':
		return parse_count("count", value, 1, 1000000000, &o->count);
	case 'w':
		return parse_count("warmup", value, 0, 1000000000, &o->warmup);
	case 'T':
		return parse_count("threads", value, 1, 256, &o->threads);
	case 'I':
		return parse_count("instances", value, 1, 64, &o->instances);
	case 'b':
		return parse_count("batch", value, 1, 1000000000, &o->batch);
	case 'd':
		if (cli_nrt_check_device(value))
			return EXIT_USAGE;
		o->device = value;
		return GO_ON;
	case 'j':
		o->json = true;
		return GO_ON;
	default:
		return cli_other_option(option, help);
	}
}

int bench_options_parse(struct bench_options *options, int argc, char **argv)
{
	int option, rc;

	*options = (struct bench_options) { .seconds = 5, .warmup = 5, .instances = 1 };
	while ((option = getopt_long(argc, argv, "s:n:w:T:I:b:d:jhV", long_options, NULL)) != -1) {
		rc = parse_option(options, option, optarg);
		if (rc != GO_ON)
			return rc;
	}
	for (; optind < argc; optind++) {
		if (options->model_count == BENCH_MAX_MODELS)
			return cli_usage("more than %d models", BENCH_MAX_MODELS);
		options->models[options->model_count++] = argv[optind];
	}
	return options->model_count ? GO_ON : cli_usage("no MODEL.neff");
}
