// SPDX-License-Identifier: Apache-2.0
/*
 * Command line of neuron-run.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "cli_nrt.h"
#include "run_options.h"

#define GO_ON (-1)

static const char help[] =
"Usage: neuron-run MODEL.neff [--input [NAME=]FILE]... [OPTION]...\n"
"Run a compiled model on a NeuronCore and print its outputs.\n"
"\n"
"  -i, --input [NAME=]FILE       for input NAME; without NAME if there is one input. An array\n"
"                                of NumPy (.npy) of the model's type and shape, a picture\n"
"                                (PNG, JPEG, PPM, PGM), or bare bytes (.bin, .raw). Needed\n"
"                                for each input\n"
"  -o, --output [NAME=]FILE.npy  write output NAME to a file\n"
"  -e, --each                    the first axis of the inputs is a list of inferences; the\n"
"                                outputs are written as such lists\n"
"  -l, --labels FILE             text: names of the output's elements, one a line, printed\n"
"                                beside the largest. Array (.npy), with --each: right answers;\n"
"                                tells how often the output's largest element is at that index\n"
"  -d, --device DEVICE           'emulator': a chip inside this process; N: /dev/neuronN.\n"
"                                Default: NEURON_RT_DEVICE, else all of /dev/neuron*\n"
"  -r, --repeat N                run the inference N times\n"
"  -t, --top K                   elements to print of an output that is a list (default 5)\n"
"  -j, --json                    print one JSON object\n"
"  -h, --help                    this text\n"
"  -V, --version                 version\n"
"\n"
"Pictures become (pixel * scale - mean) / std in the model's size:\n"
"\n"
"      --resize stretch|crop|pad|off  to the model's width and height (default); the middle;\n"
"                                black around; or refuse another size\n"
"      --scale X                 default: 1/255 for models of floats, 1 for integers\n"
"      --mean X[,X,X]            one for all channels, or one each (default 0)\n"
"      --std X[,X,X]             the same (default 1)\n"
"      --layout nchw|nhwc        default: by where the shape has its 1 or 3\n"
"      --channel-order rgb|bgr   default rgb. A model of one channel gets grey\n"
"\n"
"Times are of the host. Cycles are those of a model of the NeuronCore, not a measurement\n"
"of silicon.\n"
"\n"
"Files are NumPy's: numpy.save('x.npy', a). With --each, a model input of shape (B, ...) takes\n"
"an array (N, B, ...), or (N * B, ...) for N inferences. Runs of more than a second show on a\n"
"terminal how far they are.\n"
"\n"
"One NeuronCore is taken, the first that is free, or one for each stage of a model that was compiled for\n"
"several (if so many are free), unless NEURON_RT_VISIBLE_CORES or NEURON_RT_NUM_CORES says otherwise. NEURON_RT_LOG_LEVEL=INFO shows more.\n"
"\n"
"Exit status: 0 done, 1 failed, 2 wrong usage.\n"
"\n"
"Examples:\n"
"  neuron-run mnist.neff --input image.npy --device emulator\n"
"  neuron-run resnet.neff --input cat.jpg --resize crop --labels classes.txt \\\n"
"      --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225\n";

enum {
	OPT_RESIZE = 256,
	OPT_SCALE,
	OPT_MEAN,
	OPT_STD,
	OPT_LAYOUT,
	OPT_CHANNEL_ORDER,
};

static const struct option long_options[] = {
	{ "input", required_argument, NULL, 'i' },
	{ "output", required_argument, NULL, 'o' },
	{ "each", no_argument, NULL, 'e' },
	{ "labels", required_argument, NULL, 'l' },
	{ "device", required_argument, NULL, 'd' },
	{ "repeat", required_argument, NULL, 'r' },
	{ "top", required_argument, NULL, 't' },
	{ "resize", required_argument, NULL, OPT_RESIZE },
	{ "scale", required_argument, NULL, OPT_SCALE },
	{ "mean", required_argument, NULL, OPT_MEAN },
	{ "std", required_argument, NULL, OPT_STD },
	{ "layout", required_argument, NULL, OPT_LAYOUT },
	{ "channel-order", required_argument, NULL, OPT_CHANNEL_ORDER },
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
		return cli_usage("'%s=%s': not NAME=FILE", file.name ? file.name : "", file.path);
	for (i = 0; i < *count; i++)
		if (!file.name || !files[i].name || !strcmp(file.name, files[i].name))
			return cli_usage("two files for %s: name each as NAME=FILE",
					 file.name ? file.name : "one tensor");
	if (*count == RUN_MAX_FILES)
		return cli_usage("more than %d files", RUN_MAX_FILES);
	files[(*count)++] = file;
	return GO_ON;
}

/* "0.5" or "0.485,0.456,0.406". */
static int parse_channels(const char *option, const char *text, double values[3])
{
	const char *p = text;
	char *end;
	int n = 0;

	for (;; p = end + 1) {
		values[n] = strtod(p, &end);
		if (end == p || !isfinite(values[n]) || (*end && *end != ','))
			break;
		n++;
		if (!*end || n == 3)
			break;
	}
	if (n == 1 && !*end) {
		values[1] = values[2] = values[0];
		return GO_ON;
	}
	if (n == 3 && !*end)
		return GO_ON;
	return cli_usage("--%s '%s': neither one number nor three with commas", option, text);
}

/* Index of @text in @words, which end with NULL; -1. */
static int word_of(const char *text, const char * const words[])
{
	int i;

	for (i = 0; words[i]; i++)
		if (!strcmp(text, words[i]))
			return i;
	return -1;
}

static int parse_std(const char *text, double values[3])
{
	int rc = parse_channels("std", text, values), i;

	for (i = 0; rc == GO_ON && i < 3; i++)
		if (!values[i])
			return cli_usage("--std '%s': 0 cannot be divided by", text);
	return rc;
}

/* Options about pictures. */
static int parse_image_option(struct image_options *o, int option, const char *value)
{
	static const char * const resizes[] = { "stretch", "crop", "pad", "off", NULL };
	static const char * const layouts[] = { "nchw", "nhwc", NULL };
	static const char * const orders[] = { "rgb", "bgr", NULL };
	double scale[3];
	int word, rc;

	switch (option) {
	case OPT_RESIZE:
		word = word_of(value, resizes);
		o->resize = word;
		return word >= 0 ? GO_ON : cli_usage("--resize '%s': not stretch, crop, pad or off", value);
	case OPT_LAYOUT:
		word = word_of(value, layouts);
		o->layout = word ? IMAGE_LAYOUT_NHWC : IMAGE_LAYOUT_NCHW;
		return word >= 0 ? GO_ON : cli_usage("--layout '%s': not nchw or nhwc", value);
	case OPT_CHANNEL_ORDER:
		word = word_of(value, orders);
		o->bgr = word == 1;
		return word >= 0 ? GO_ON : cli_usage("--channel-order '%s': not rgb or bgr", value);
	case OPT_MEAN:
		return parse_channels("mean", value, o->mean);
	case OPT_STD:
		return parse_std(value, o->std);
	default:
		rc = parse_channels("scale", value, scale);
		o->scale = scale[0];
		if (rc == GO_ON && (strchr(value, ',') || !o->scale))
			return cli_usage("--scale '%s': not one number other than 0", value);
		return rc;
	}
}

/* An array of right answers, or a text of names. */
static void set_labels(struct run_options *o, const char *path)
{
	size_t n = strlen(path);

	if (n >= 4 && !strcmp(path + n - 4, ".npy"))
		o->labels = path;
	else
		o->class_names = path;
}

static int parse_option(struct run_options *o, int option, char *value)
{
	switch (option) {
	case 'i':
		return add_file(o->inputs, &o->input_count, value);
	case 'o':
		return add_file(o->outputs, &o->output_count, value);
	case 'e':
		o->each = true;
		return GO_ON;
	case 'l':
		set_labels(o, value);
		return GO_ON;
	case 'd':
		if (cli_nrt_check_device(value))
			return EXIT_USAGE;
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
	case OPT_RESIZE ... OPT_CHANNEL_ORDER:
		return parse_image_option(&o->image, option, value);
	default:
		return cli_other_option(option, help);
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
		return cli_usage("--labels with right answers (.npy) needs --each");
	return GO_ON;
}

int run_options_parse(struct run_options *options, int argc, char **argv)
{
	int option, rc;

	*options = (struct run_options) { .repeat = 1, .top = 5, .image.std = { 1, 1, 1 } };
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
