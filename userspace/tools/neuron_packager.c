// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-packager: take NEFFs apart, put them together, look at them, check them.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "packager.h"

static const char help[] =
"Usage: neuron-packager COMMAND [OPTION]... FILE\n"
"Take compiled models (NEFFs) apart and put them together, look at them, check them.\n"
"\n"
"  neuron-packager info FILE.neff                 header, nodes and variables\n"
"  neuron-packager verify FILE.neff               hash, structure and programs\n"
"  neuron-packager unpack FILE.neff [DIRECTORY]   the files of the body, and the header\n"
"  neuron-packager pack DIRECTORY [FILE.neff]     a NEFF of them\n"
"\n"
"  --max-size MB      refuse what unpacks to more (default 4096)\n"
"  --max-members N    refuse more files (default 4096)\n"
"  -h, --help         this text; after a command, what it does\n"
"  -V, --version      version\n"
"\n"
"info, unpack and pack also work on NEFFs of other compilers, whose instructions are not public\n"
"and which cannot be loaded here.\n"
"\n"
"Exit status: 0 done, 1 file refused or wrong, 2 wrong usage.\n";

static const char help_info[] =
"Usage: neuron-packager info [OPTION]... FILE.neff\n"
"Show the header, the nodes and their variables.\n"
"\n"
"  -a, --all     weights and memory between operators are listed, too\n"
"  -j, --json    JSON instead of text; lists the members, too\n"
"  -h, --help    this text\n";

static const char help_verify[] =
"Usage: neuron-packager verify [OPTION]... FILE.neff\n"
"Check all that can be checked without running it: the container, its hash, the graph, that the\n"
"header speaks for the body, and that each instruction has a meaning.\n"
"\n"
"  -j, --json    JSON instead of text\n"
"  -h, --help    this text\n";

static const char help_unpack[] =
"Usage: neuron-packager unpack [OPTION]... FILE.neff [DIRECTORY]\n"
"Write the files of the body into a directory, by default one named as the file; the header\n"
"becomes " PACKAGER_MANIFEST " there. Nothing is written outside of it.\n"
"\n"
"  -f, --force   into a directory that exists; files in it are replaced\n"
"  -h, --help    this text\n";

static const char help_pack[] =
"Usage: neuron-packager pack [OPTION]... DIRECTORY [FILE.neff]\n"
"Make a NEFF of the files in a directory, by default DIRECTORY.neff. The header is that of\n"
PACKAGER_MANIFEST ", which may be edited; without that file one is made from neff.json. Size and\n"
"hash are always computed. What 'unpack' took apart is put together bit for bit the same, if\n"
"neuron-cc or 'pack' wrote it. What could not be loaded is not packed.\n"
"\n"
"  --compress                 compress the body\n"
"  --plain                    do not, for fast loading; default: as it was\n"
"  -f, --force                replace the file; pack also what could not be loaded\n"
"  --name TEXT                name of the network in the header\n"
"  --build-version TEXT       what compiled it\n"
"  --uuid HEX                 32 hexadecimal digits\n"
"  --neff-version M.N         version of the format\n"
"  --num-tpb N                NeuronCores with which each node has its own\n"
"  --requested-tpb-count N    NeuronCores that were asked for at compile time\n"
"  --tpb-per-node LIST        NeuronCores of each node, with commas between\n"
"  --feature-bits N           what the body makes use of\n"
"  --lnc-size N               NeuronCores in a logical one\n"
"  -h, --help                 this text\n";

/* Options without a letter. */
enum {
	OPT_COMPRESS = 256,
	OPT_PLAIN,
	OPT_NAME,
	OPT_BUILD,
	OPT_UUID,
	OPT_VERSION,
	OPT_NUM_TPB,
	OPT_REQUESTED,
	OPT_PER_NODE,
	OPT_FEATURES,
	OPT_LNC,
	OPT_MAX_SIZE,
	OPT_MAX_MEMBERS,
};

static const struct option long_options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "all", no_argument, NULL, 'a' },
	{ "force", no_argument, NULL, 'f' },
	{ "compress", no_argument, NULL, OPT_COMPRESS },
	{ "plain", no_argument, NULL, OPT_PLAIN },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "build-version", required_argument, NULL, OPT_BUILD },
	{ "uuid", required_argument, NULL, OPT_UUID },
	{ "neff-version", required_argument, NULL, OPT_VERSION },
	{ "num-tpb", required_argument, NULL, OPT_NUM_TPB },
	{ "requested-tpb-count", required_argument, NULL, OPT_REQUESTED },
	{ "tpb-per-node", required_argument, NULL, OPT_PER_NODE },
	{ "feature-bits", required_argument, NULL, OPT_FEATURES },
	{ "lnc-size", required_argument, NULL, OPT_LNC },
	{ "max-size", required_argument, NULL, OPT_MAX_SIZE },
	{ "max-members", required_argument, NULL, OPT_MAX_MEMBERS },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static const struct {
	const char *name;
	int (*run)(const struct packager_options *o);
	int files;
	const char *help;
} commands[] = {
	{ "info", packager_info, 1, help_info },
	{ "verify", packager_verify, 1, help_verify },
	{ "unpack", packager_unpack, 2, help_unpack },
	{ "pack", packager_pack, 2, help_pack },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int parse_limit(struct packager_options *o, int option)
{
	uint64_t value;

	if (option == OPT_MAX_SIZE) {
		if (cli_number(optarg, 1, 1 << 20, &value))
			return cli_usage("--max-size '%s': not a number of megabytes", optarg);
		o->limits.bytes = value << 20;
	} else {
		if (cli_number(optarg, 1, 1 << 16, &value))
			return cli_usage("--max-members '%s': not a number from 1 to %d", optarg, 1 << 16);
		o->limits.members = (uint32_t)value;
	}
	return -1;
}

/* Where the text of a header's field goes; NULL for other options. */
static const char **text_option(struct packager_options *o, int option)
{
	switch (option) {
	case OPT_NAME:
		return &o->name;
	case OPT_BUILD:
		return &o->build_version;
	case OPT_UUID:
		return &o->uuid;
	case OPT_VERSION:
		return &o->neff_version;
	case OPT_NUM_TPB:
		return &o->num_tpb;
	case OPT_REQUESTED:
		return &o->requested_tpb_count;
	case OPT_PER_NODE:
		return &o->tpb_per_node;
	case OPT_FEATURES:
		return &o->feature_bits;
	case OPT_LNC:
		return &o->lnc_size;
	default:
		return NULL;
	}
}

/* -1: go on; else an exit code. */
static int parse_option(struct packager_options *o, int option)
{
	const char **text = text_option(o, option);

	if (text) {
		*text = optarg;
		return -1;
	}
	switch (option) {
	case 'j':
		o->json = true;
		return -1;
	case 'a':
		o->all = true;
		return -1;
	case 'f':
		o->force = true;
		return -1;
	case OPT_COMPRESS:
		o->compression = PACKAGER_GZIP;
		return -1;
	case OPT_PLAIN:
		o->compression = PACKAGER_PLAIN;
		return -1;
	case OPT_MAX_SIZE:
	case OPT_MAX_MEMBERS:
		return parse_limit(o, option);
	case 'h':
		o->help = true;
		return -1;
	default:
		return cli_other_option(option, NULL);
	}
}

static int run_command(struct packager_options *o, char **words, int count)
{
	size_t i;

	for (i = 0; i < COMMANDS && strcmp(commands[i].name, words[0]); i++)
		;
	if (i == COMMANDS)
		return cli_usage("'%s': none of info, verify, unpack, pack", words[0]);
	if (o->help) {
		fputs(commands[i].help, stdout);
		return cli_finish();
	}
	if (count < 2)
		return cli_usage("%s: no %s", words[0], commands[i].run == packager_pack ?
				 "DIRECTORY" : "FILE.neff");
	if (count > 1 + commands[i].files)
		return cli_usage("'%s': one file at a time", words[1 + commands[i].files]);
	o->from = words[1];
	o->to = count > 2 ? words[2] : NULL;
	return commands[i].run(o);
}

int main(int argc, char **argv)
{
	struct packager_options o = { .limits = { NEFF_MAX_BYTES, NEFF_MAX_MEMBERS } };
	int option, rc;

	cli_init("neuron-packager");
	while ((option = getopt_long(argc, argv, "jafhV", long_options, NULL)) != -1) {
		rc = parse_option(&o, option);
		if (rc >= 0)
			return rc;
	}
	if (optind == argc && o.help) {
		fputs(help, stdout);
		return cli_finish();
	}
	if (optind == argc)
		return cli_usage("no command: info, verify, unpack or pack");
	return run_command(&o, argv + optind, argc - optind);
}
