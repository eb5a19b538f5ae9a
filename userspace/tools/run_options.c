// SPDX-License-Identifier: Apache-2.0
/*
 * Command line of neuron-run.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "run_options.h"

#define GO_ON (-1)

static const char help[] =
"Usage: neuron-run MODEL.neff [--input [NAME=]FILE.npy]... [OPTION]...\n"
"Run a compiled model on a NeuronCore and print its outputs.\n"
"\n"
"  -i, --input [NAME=]FILE.npy   array for input NAME; without NAME if there is one input.\n"
"                                Type and shape have to be the model's; needed for each\n"
"                                input\n"
"  -o, --output [NAME=]FILE.npy  write output NAME to a file\n"
"  -e, --each                    the first axis of the inputs is a list of inferences; the\n"
"                                outputs are written as such lists\n"
"  -l, --labels FILE.npy         with --each: right answers; tells how often the output's\n"
"                                largest element is at that index\n"
"  -d, --device DEVICE           'emulator': a chip inside this process; N: /dev/neuronN.\n"
"                                Default: NEURON_RT_DEVICE, else all of /dev/neuron*\n"
"  -r, --repeat N                run the inference N times\n"
"  -t, --top K                   elements to print of an output that is a list (default 5)\n"
"  -j, --json                    print one JSON object\n"
"  -h, --help                    this text\n"
"  -V, --version                 version\n"
"\n"
"Times are of the host. Cycles are those of a model of the NeuronCore, not a measurement\n"
"of silicon.\n"
"\n"
"Files are NumPy's: numpy.save('x.npy', a). With --each, a model input of shape (B, ...) takes\n"
"an array (N, B, ...), or (N * B, ...) for N inferences.\n"
"\n"
"One NeuronCore is taken, the first that is free, or one for each stage of a model that was compiled for\n"
"several (if so many are free), unless NEURON_RT_VISIBLE_CORES or NEURON_RT_NUM_CORES says otherwise. NEURON_RT_LOG_LEVEL=INFO shows more.\n"
"\n"
"Exit status: 0 done, 1 failed, 2 wrong usage.\n"
"\n"
"Example:\n"
"  neuron-run mnist.neff --input image.npy --device emulator\n";

static const struct option long_options[] = {
	{ "input", required_argument, NULL, 'i' },
	{ "output", required_argument, NULL, 'o' },
	{ "each", no_argument, NULL, 'e' },
	{ "labels", required_argument, NULL, 'l' },
	{ "device", required_argument, NULL, 'd' },
	{ "repeat", required_argument, NULL, 'r' },
	{ "top", required_argument, NULL, 't' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

/* "NAME=FILE" or "FILE". A file whose name has a '=' needs the NAME. */
static int add_file(struct run_file *files, uint32_t *count, char *text)
{
	char *equals = strchr(text, '=');
	struct run_file file = { NULL, text };
	uint32_t i;

	if (equals) {
		*equals = 0;
		file = (struct run_file) { text, equals + 1 };
	}
	if (!*file.path || (file.name && !*file.name))
		return cli_usage("'%s=%s': not NAME=FILE.npy", file.name ? file.name : "", file.path);
	for (i = 0; i < *count; i++)
		if (!file.name || !files[i].name || !strcmp(file.name, files[i].name))
			return cli_usage("two files for %s: name each as NAME=FILE.npy",
					 file.name ? file.name : "one tensor");
	if (*count == RUN_MAX_FILES)
		return cli_usage("more than %d files", RUN_MAX_FILES);
	files[(*count)++] = file;
	return GO_ON;
}

static int parse_option(struct run_options *o, int option, char *value)
{
	uint64_t n;

	switch (option) {
	case 'i':
		return add_file(o->inputs, &o->input_count, value);
	case 'o':
		return add_file(o->outputs, &o->output_count, value);
	case 'e':
		o->each = true;
		return GO_ON;
	case 'l':
		o->labels = value;
		return GO_ON;
	case 'd':
		if (strcmp(value, "emulator") && cli_number(value, 0, 65535, &n))
			return cli_usage("--device '%s': neither 'emulator' nor the N of /dev/neuronN",
					 value);
		o->device = value;
		return GO_ON;
	case 'r':
		if (cli_number(value, 1, 1000000000, &o->repeat))
			return cli_usage("--repeat '%s': not a number from 1 on", value);
		return GO_ON;
	case 't':
		if (cli_number(value, 1, 1000000, &o->top))
			return cli_usage("--top '%s': not a number from 1 on", value);
		return GO_ON;
	case 'j':
		o->json = true;
		return GO_ON;
	case 'h':
		fputs(help, stdout);
		return cli_finish();
	case 'V':
		return cli_version();
	default:
		/* getopt_long() has said what is wrong. */
		fputs("Try 'neuron-run --help'.\n", stderr);
		return EXIT_USAGE;
	}
}

static int check(const struct run_options *o)
{
	if (!o->model)
		return cli_usage("no MODEL.neff");
	if (o->each && o->repeat > 1)
		return cli_usage("--each and --repeat exclude each other");
	if (o->each && !o->input_count)
		return cli_usage("--each needs an --input");
	if (o->labels && !o->each)
		return cli_usage("--labels needs --each");
	return GO_ON;
}

int run_options_parse(struct run_options *options, int argc, char **argv)
{
	int option, rc;

	*options = (struct run_options) { .repeat = 1, .top = 5 };
	while ((option = getopt_long(argc, argv, "i:o:el:d:r:t:jhV", long_options, NULL)) != -1) {
		rc = parse_option(options, option, optarg);
		if (rc != GO_ON)
			return rc;
	}
	if (optind < argc)
		options->model = argv[optind++];
	if (optind < argc)
		return cli_usage("'%s': one model at a time", argv[optind]);
	return check(options);
}
