// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-ls: list the Neuron devices of the host.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "ls_print.h"

static const char help[] =
"Usage: neuron-ls [OPTION]...\n"
"List the Neuron devices of this host and the processes that use them.\n"
"\n"
"  -w, --wide            80 characters of command lines in place of 40\n"
"  -a, --show-all-procs  all processes that have a device open, not only those that have\n"
"                        NeuronCores of it through libnrt\n"
"  -t, --topology        devices and how they are connected\n"
"  -j, --json-output     print JSON, with command lines in full length; also --json\n"
"  -h, --help            this text\n"
"  -V, --version         version\n"
"\n"
"Processes of other users are seen by root only, unless they use libnrt. NA: not available,\n"
"or none.\n"
"\n"
"Exit status: 0 done, 1 no device, 2 wrong usage.\n";

static const struct option long_options[] = {
	{ "wide", no_argument, NULL, 'w' },
	{ "show-all-procs", no_argument, NULL, 'a' },
	{ "topology", no_argument, NULL, 't' },
	{ "json-output", no_argument, NULL, 'j' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static int no_device(int rc)
{
	int functions = nrt_discover_pci();

	if (rc < 0)
		cli_error("cannot enumerate devices: %s", strerror(-rc));
	else if (functions)
		cli_error("%d Neuron device(s) on the PCI bus, but the driver is not loaded: modprobe neuron",
			  functions);
	else
		cli_error("no Neuron device: there is no /dev/neuron* and no such function on the PCI bus; neuron-top shows processes that use the emulator");
	return EXIT_FAILED;
}

static int list(bool all, bool wide, bool topology, bool json)
{
	struct ls_device devices[LS_MAX_DEVICES];
	int count = ls_devices_get(devices, all), rc;

	if (count <= 0)
		return no_device(count);
	rc = json ? ls_print_json(stdout, devices, count) :
	     topology ? ls_print_topology(stdout, devices, count) :
	     ls_print_table(stdout, devices, count, wide);
	ls_devices_free(devices, count);
	if (rc) {
		cli_error("%s", strerror(-rc));
		return EXIT_FAILED;
	}
	return cli_finish();
}

int main(int argc, char **argv)
{
	bool all = false, wide = false, topology = false, json = false;
	int option;

	cli_init("neuron-ls");
	while ((option = getopt_long(argc, argv, "watjhV", long_options, NULL)) != -1) {
		switch (option) {
		case 'w':
			wide = true;
			break;
		case 'a':
			all = true;
			break;
		case 't':
			topology = true;
			break;
		case 'j':
			json = true;
			break;
		default:
			return cli_other_option(option, help);
		}
	}
	if (optind < argc)
		return cli_usage("unexpected argument '%s'", argv[optind]);
	return list(all, wide, topology, json);
}
