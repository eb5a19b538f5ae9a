// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-check-model: which operators of a model would run on the chip, without writing a NEFF.
 * The passes of neuron-cc decide; so its options count, too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_model.h"
#include "cli.h"
#include "cli_json.h"
#include "ncc.h"
#include "options.h"

static const char help[] =
"Usage: neuron-check-model [OPTION]... MODEL.onnx\n"
"Say which operators of a model would run on NeuronCores and which on the CPU, without compiling\n"
"it to a file.\n"
"\n"
"  --show_names        each operator by name, instead of how many of each type\n"
"  --expand_subgraph   the operators of each subgraph, too\n"
"  --model_path MODEL  the model; the same as MODEL alone\n"
"  -j, --json          JSON instead of text\n"
"  -h, --help          this text\n"
"  -V, --version       version\n"
"\n"
"Options that change where operators run are those of neuron-cc compile, and mean the same:\n"
"  --io-config JSON    sizes of inputs that the model leaves open\n"
"  --framework ONNX    format of the model (default: by its suffix)\n"
"  --partition HOW     cost (default), greedy or off\n"
"  --minimum-segment-size N\n"
"                      fewer operators in a row than N run on the CPU\n"
"  --cpu-operators LIST\n"
"                      operators for the CPU: names with commas between, or all\n"
"  --neuroncore-pipeline-cores N\n"
"                      stages, each for a NeuronCore of its own\n"
"\n"
"Other options of neuron-cc compile are taken, too.\n"
"\n"
"A subgraph is what runs in one go on one NeuronCore, or on the CPU. 'No' is an operator that the\n"
"chip cannot run, or not faster than the CPU with what it takes to get there; why is said below\n"
"the tables.\n"
"\n"
"Exit status: 0 done, 1 the model is refused, 2 wrong usage.\n";

/**
 * struct options - the command line
 * @rest: what is left for the compiler's parser, after its name and "compile"
 */
struct options {
	bool names, expand, json;
	char **rest;
	int count;
};

static void report(void *opaque, enum ncc_level level, const char *text)
{
	if (level == NCC_ERROR)
		cli_error("%s", text);
	else if (level == NCC_WARN)
		cli_error("warning: %s", text);
}

/* "--show_names", "--show-names" */
static bool is_option(const char *arg, const char *name)
{
	for (; *arg && (*arg == *name || (*arg == '-' && *name == '_')); arg++)
		name++;
	return !*arg && !*name;
}

/* -1: go on; else an exit code. */
static int parse(struct options *o, int argc, char **argv)
{
	int i;

	o->rest[o->count++] = "neuron-cc";
	o->rest[o->count++] = "compile";
	for (i = 1; i < argc; i++) {
		if (is_option(argv[i], "--show_names")) {
			o->names = true;
		} else if (is_option(argv[i], "--expand_subgraph")) {
			o->expand = true;
		} else if (!strcmp(argv[i], "--json") || !strcmp(argv[i], "-j")) {
			o->json = true;
		} else if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			fputs(help, stdout);
			return cli_finish();
		} else if (!strcmp(argv[i], "--version") || !strcmp(argv[i], "-V")) {
			return cli_version();
		} else if (!is_option(argv[i], "--model_path")) {
			o->rest[o->count++] = argv[i];
		}
	}
	return -1;
}

static int print(json_t *compiled, const struct options *o)
{
	json_t *root = check_model_json(compiled);
	int rc;

	if (o->json || !root) {
		rc = cli_print_json(root);
	} else if (check_model_print(root, o->names, o->expand)) {
		cli_error("out of memory");
		rc = EXIT_FAILED;
	} else {
		rc = cli_finish();
	}
	json_decref(root);
	return rc;
}

static int check(const struct options *o)
{
	struct ncc_command_line cmd;
	json_t *compiled = NULL;
	char error[512];
	int rc;

	if (ncc_options_parse(&cmd, o->count, o->rest, error, sizeof(error))) {
		rc = cli_usage("%s", error);
	} else {
		cmd.compile.output = NULL;
		cmd.compile.allow_no_ops = true;
		cmd.compile.report_json = &compiled;
		rc = ncc_compile(&cmd.compile, report, NULL) ? EXIT_FAILED : print(compiled, o);
	}
	json_decref(compiled);
	ncc_options_free(&cmd);
	return rc;
}

int main(int argc, char **argv)
{
	struct options o = { .rest = calloc((size_t)argc + 2, sizeof(char *)) };
	int rc;

	cli_init("neuron-check-model");
	if (!o.rest) {
		cli_error("out of memory");
		return EXIT_FAILED;
	}
	rc = parse(&o, argc, argv);
	if (rc < 0)
		rc = check(&o);
	free(o.rest);
	return rc;
}
