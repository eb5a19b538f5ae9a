// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-objdump: show what is in a NEFF.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "cli_json.h"
#include "objdump.h"

static const char help[] =
"Usage: neuron-objdump [OPTION]... FILE.neff\n"
"Show what is in a compiled model. Without options that name parts, all of it.\n"
"\n"
"  -H, --header          the file's header\n"
"  -m, --members         files of the body\n"
"  -g, --graph           inputs, outputs and nodes\n"
"  -v, --variables       memory of each node: segments\n"
"  -d, --disassemble     instructions\n"
"  -e, --engine ENGINE   instructions of pe, act, pool or dma only\n"
"  -n, --node NODE       instructions of that node only\n"
"  -j, --json            print JSON\n"
"  -h, --help            this text\n"
"  -V, --version         version\n"
"\n"
"The body's SHA-256 is checked. A file that is damaged or of another version is refused;\n"
"'neuron-packager info' shows what is in one of another version.\n"
"\n"
"Instructions are shown as engine, index, text; the node of the graph that they belong to is\n"
"named where it changes.\n"
"\n"
"Exit status: 0 done, 1 file refused, 2 wrong usage.\n";

static const struct option long_options[] = {
	{ "header", no_argument, NULL, 'H' },
	{ "members", no_argument, NULL, 'm' },
	{ "graph", no_argument, NULL, 'g' },
	{ "variables", no_argument, NULL, 'v' },
	{ "disassemble", no_argument, NULL, 'd' },
	{ "engine", required_argument, NULL, 'e' },
	{ "node", required_argument, NULL, 'n' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

struct options {
	unsigned int parts;
	unsigned int engine;
	bool json;
	const char *node;
	const char *file;
};

static int dump_json(const struct neff *neff, const struct options *o)
{
	json_t *root = objdump_json(neff, o->parts, o->node, o->engine);
	int rc = cli_print_json(root);
	json_decref(root);
	return rc;
}

static void dump(const struct neff *neff, const struct options *o)
{
	printf("%s: NEFF of %s\n", o->file, neff->name);
	if (o->parts & OBJDUMP_HEADER)
		objdump_header(neff);
	if (o->parts & OBJDUMP_MEMBERS)
		objdump_members(neff);
	if (o->parts & OBJDUMP_GRAPH)
		objdump_graph(neff);
	if (o->parts & OBJDUMP_VARIABLES)
		objdump_variables(neff);
	if (o->parts & OBJDUMP_CODE)
		objdump_code(neff, o->node, o->engine);
}

static int dump_file(const struct options *o)
{
	struct neff_error error;
	struct neff *neff;
	size_t size;
	void *data = cli_read_file(o->file, &size);
	int rc;

	if (!data)
		return EXIT_FAILED;
	rc = neff_open(data, size, NEFF_VERIFY_HASH, NULL, &neff, &error);
	free(data);
	if (rc) {
		cli_error("%s: %s", o->file, error.text);
		return EXIT_FAILED;
	}
	if (o->node && !objdump_has_node(neff, o->node)) {
		rc = EXIT_FAILED;
	} else if (o->json) {
		rc = dump_json(neff, o);
	} else {
		dump(neff, o);
		rc = cli_finish();
	}
	neff_close(neff);
	return rc;
}

static int parse_engine(const char *name, unsigned int *engine)
{
	for (*engine = 0; *engine < NEURON_ENGINES; (*engine)++)
		if (!strcmp(name, neff_engine_name(*engine)))
			return 0;
	return -1;
}

static int parse_option(struct options *o, int option)
{
	switch (option) {
	case 'H':
		o->parts |= OBJDUMP_HEADER;
		return -1;
	case 'm':
		o->parts |= OBJDUMP_MEMBERS;
		return -1;
	case 'g':
		o->parts |= OBJDUMP_GRAPH;
		return -1;
	case 'v':
		o->parts |= OBJDUMP_VARIABLES;
		return -1;
	case 'd':
		o->parts |= OBJDUMP_CODE;
		return -1;
	case 'e':
		o->parts |= OBJDUMP_CODE;
		return parse_engine(optarg, &o->engine) ?
		       cli_usage("--engine '%s': none of pe, act, pool, dma", optarg) : -1;
	case 'n':
		o->parts |= OBJDUMP_CODE;
		o->node = optarg;
		return -1;
	case 'j':
		o->json = true;
		return -1;
	default:
		return cli_other_option(option, help);
	}
}

int main(int argc, char **argv)
{
	struct options o = { .engine = OBJDUMP_ALL_ENGINES };
	int option, rc;

	cli_init("neuron-objdump");
	while ((option = getopt_long(argc, argv, "Hmgvde:n:jhV", long_options, NULL)) != -1) {
		rc = parse_option(&o, option);
		if (rc >= 0)
			return rc;
	}
	if (optind == argc)
		return cli_usage("no FILE.neff");
	if (optind + 1 < argc)
		return cli_usage("'%s': one file at a time", argv[optind + 1]);
	o.file = argv[optind];
	if (!o.parts)
		o.parts = OBJDUMP_ALL;
	return dump_file(&o);
}
