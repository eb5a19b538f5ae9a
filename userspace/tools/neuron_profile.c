// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-profile: record executions of a model, and look at the recording.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "cli_nrt.h"
#include "profile.h"

#define MAX_NEFFS 64

static const char help[] =
"Usage: neuron-profile capture -n NEFF [-s NTFF] [OPTION]...\n"
"       neuron-profile view -s NTFF [-n NEFF]... [--output-format FORMAT]\n"
"Where the time of a model goes: in a model of the NeuronCore's timing, not on silicon.\n"
"\n"
"capture: run a model, and record each of its instructions\n"
"  -n, --neff-path FILE          the model\n"
"  -s, --session-file FILE       the profile (default: profile.ntff)\n"
"  -d, --device DEVICE           'emulator': a chip inside this process; N: /dev/neuronN.\n"
"                                Default: NEURON_RT_DEVICE, else all of /dev/neuron*\n"
"  -i, --input NAME=FILE         an input: a .npy file, or its elements as they are; inputs\n"
"                                without are zeros: they do not change the modelled time\n"
"  -e, --num-executions N        how often (default: 1); the first 16 are traced\n"
"\n"
"view: what a profile says. Programs make others: nrt_profile_start(), NEURON_PROFILE\n"
"  -s, --session-file FILE       the profile\n"
"  -n, --neff-path FILE          a model in it, for the names of operators\n"
"      --output-format FORMAT    summary (default): engines, roofline, the ten operators that\n"
"                                take longest; table: all operators; json: the same for\n"
"                                programs; chrome: a trace for ui.perfetto.dev\n"
"  -j, --json                    --output-format json\n"
"\n"
"  -h, --help                    this text\n"
"  -V, --version                 version\n"
"\n"
"Exit status: 0 done, 1 failed, 2 wrong usage.\n";

enum { OPTION_FORMAT = 256 };

static const struct option long_options[] = {
	{ "neff-path", required_argument, NULL, 'n' },
	{ "session-file", required_argument, NULL, 's' },
	{ "device", required_argument, NULL, 'd' },
	{ "input", required_argument, NULL, 'i' },
	{ "num-executions", required_argument, NULL, 'e' },
	{ "output-format", required_argument, NULL, OPTION_FORMAT },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

enum format { FORMAT_SUMMARY, FORMAT_TABLE, FORMAT_JSON, FORMAT_CHROME, FORMATS };

static const char *const formats[] = { "summary", "table", "json", "chrome" };

struct options {
	struct prof_capture capture;
	const char *session;
	const char *neffs[MAX_NEFFS];
	int neff_count;
	enum format format;
	bool formatted, captures;	/* options of view, of capture were given */
};

/* NEFFs to the models that they are of; each must be of one. */
static int find_names(const struct options *o, struct prof_view *view)
{
	const struct prof_list *models = &view->file->models;
	int i;

	for (i = 0; i < o->neff_count; i++) {
		struct prof_names *names;
		bool used = false;
		size_t k;

		if (prof_names_read(o->neffs[i], &names))
			return EXIT_FAILED;
		for (k = 0; k < models->count && !used; k++)
			if (!view->names[k] && prof_names_match(names, models->at[k])) {
				view->names[k] = names;
				used = true;
			}
		if (used)
			continue;
		prof_names_free(names);
		cli_error("%s: not a model of this profile%s%s: give the NEFF that was profiled",
			  o->neffs[i], models->count ? ", which is of " : "", models->count ?
			  ((const struct profile_model *)models->at[0])->name : "");
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

static int show(const struct options *o, const struct prof_view *view)
{
	switch (o->format) {
	case FORMAT_JSON:
		return prof_print_json(view);
	case FORMAT_CHROME:
		return prof_print_chrome(view);
	default:
		return prof_print(view, o->format == FORMAT_TABLE);
	}
}

static int view_file(const struct options *o)
{
	struct prof_file file;
	struct prof_view view = { .file = &file };
	size_t i;
	int rc = prof_read(o->session, &file);

	if (rc)
		return rc;
	view.names = calloc(file.models.count + 1, sizeof(*view.names));
	if (view.names) {
		rc = find_names(o, &view);
	} else {
		cli_error("out of memory");
		rc = EXIT_FAILED;
	}
	if (!rc)
		rc = show(o, &view);
	for (i = 0; view.names && i < file.models.count; i++)
		prof_names_free(view.names[i]);
	free(view.names);
	prof_free(&file);
	return rc;
}

static int parse_format(struct options *o, const char *name)
{
	o->formatted = true;
	for (o->format = 0; o->format < FORMATS; o->format++)
		if (!strcmp(name, formats[o->format]))
			return -1;
	return cli_usage("--output-format '%s': none of summary, table, json, chrome", name);
}

static int parse_capture(struct options *o, int option)
{
	struct prof_capture *c = &o->capture;
	o->captures = true;
	switch (option) {
	case 'd':
		if (cli_nrt_check_device(optarg))
			return EXIT_USAGE;
		c->device = optarg;
		return -1;
	case 'i':
		if (!strchr(optarg, '='))
			return cli_usage("--input '%s': not NAME=FILE", optarg);
		if (c->input_count == sizeof(c->inputs) / sizeof(c->inputs[0]))
			return cli_usage("more than %d times --input", c->input_count);
		c->inputs[c->input_count++] = optarg;
		return -1;
	default:
		if (cli_number(optarg, 1, 1000000, &c->executions))
			return cli_usage("--num-executions '%s': not a number from 1 to 1000000",
					 optarg);
		return -1;
	}
}

static int parse_option(struct options *o, int option)
{
	switch (option) {
	case 'n':
		if (o->neff_count == MAX_NEFFS)
			return cli_usage("more than %d times --neff-path", MAX_NEFFS);
		o->neffs[o->neff_count++] = optarg;
		return -1;
	case 's':
		o->session = optarg;
		return -1;
	case 'd':
	case 'i':
	case 'e':
		return parse_capture(o, option);
	case OPTION_FORMAT:
		return parse_format(o, optarg);
	case 'j':
		return parse_format(o, "json");
	default:
		return cli_other_option(option, help);
	}
}

static int run(struct options *o, const char *command)
{
	if (!strcmp(command, "capture")) {
		if (o->neff_count != 1)
			return cli_usage("capture: give one model with --neff-path");
		if (o->formatted)
			return cli_usage("capture: --output-format is for view");
		o->capture.neff = o->neffs[0];
		o->capture.out = o->session ? o->session : "profile.ntff";
		return prof_capture(&o->capture);
	}
	if (strcmp(command, "view"))
		return cli_usage("'%s': neither capture nor view", command);
	if (!o->session)
		return cli_usage("view: no --session-file");
	if (o->captures)
		return cli_usage("view: --device, --input and --num-executions are for capture");
	return view_file(o);
}

int main(int argc, char **argv)
{
	struct options o = { .capture.executions = 1 };
	int option, rc;

	cli_init("neuron-profile");
	while ((option = getopt_long(argc, argv, "n:s:d:i:e:jhV", long_options, NULL)) != -1) {
		rc = parse_option(&o, option);
		if (rc >= 0)
			return rc;
	}
	if (optind == argc)
		return cli_usage("neither capture nor view");
	if (optind + 1 < argc)
		return cli_usage("unexpected argument '%s'", argv[optind + 1]);
	return run(&o, argv[optind]);
}
