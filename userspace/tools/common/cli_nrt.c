// SPDX-License-Identifier: Apache-2.0
/*
 * Starts libnrt for a tool.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nrt/nrt_open.h>

#include "cli.h"
#include "cli_nrt.h"

int cli_nrt_failed(const char *what, NRT_STATUS status)
{
	const char *text = nrt_open_last_error();

	cli_error("%s: %s (%s)", what, *text ? text : "failed", nrt_get_status_as_str(status));
	return EXIT_FAILED;
}

int cli_nrt_check_device(const char *text)
{
	uint64_t n;

	if (!strcmp(text, "emulator") || !cli_number(text, 0, 65535, &n))
		return EXIT_OK;
	return cli_usage("--device '%s': neither 'emulator' nor the N of /dev/neuronN", text);
}

void cli_nrt_set_environment(const char *device)
{
	char text[64];

	/* Errors are printed by the tool, with the file's name. */
	setenv("NEURON_RT_LOG_LEVEL", "QUIET", 0);
	setenv("NEURON_RT_VALIDATE_HASH", "1", 1);
	if (!device)
		return;
	snprintf(text, sizeof(text), "/dev/neuron%s", device);
	setenv("NEURON_RT_DEVICE", strcmp(device, "emulator") ? text : device, 1);
}

uint32_t cli_nrt_least_cores(const struct neuron_neff_header *h)
{
	uint32_t cores = 1, i;

	for (i = 0; i < sizeof(h->tpb_per_node); i++)
		if (h->tpb_per_node[i] > cores)
			cores = h->tpb_per_node[i];
	return cores;
}

static bool cores_are_chosen(void)
{
	return getenv("NEURON_RT_VISIBLE_CORES") || getenv("NEURON_RT_NUM_CORES");
}

NRT_STATUS cli_nrt_init(uint32_t cores)
{
	char text[16];

	if (!cores_are_chosen()) {
		snprintf(text, sizeof(text), "%u", cores);
		setenv("NEURON_RT_NUM_CORES", text, 1);
	}
	return nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", "");
}

NRT_STATUS cli_nrt_init_for(const struct neuron_neff_header *h)
{
	uint32_t least = cli_nrt_least_cores(h), most = h->num_tpb > least ? h->num_tpb : least;
	bool chosen = cores_are_chosen();
	NRT_STATUS status = cli_nrt_init(most);

	if (!status || chosen || most == least)
		return status;
	unsetenv("NEURON_RT_NUM_CORES");
	return cli_nrt_init(least);
}
