/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of neuron-cc.
 */
#ifndef NCC_OPTIONS_H
#define NCC_OPTIONS_H

#include "ncc.h"

enum ncc_command { NCC_CMD_HELP, NCC_CMD_VERSION, NCC_CMD_COMPILE, NCC_CMD_LIST_OPERATORS };

/**
 * struct ncc_command_line - what was asked for
 * @help: text to print for NCC_CMD_HELP
 * @ignored: options that were accepted but change nothing here, for a note; may be empty
 */
struct ncc_command_line {
	enum ncc_command command;
	enum ncc_level verbose;
	struct ncc_options compile;
	const char *help;
	char ignored[512];
	char *io_text;		/* owns compile.io_config */
	struct ncc_dump dump[NCC_PASS_COUNT * 2];
	size_t ndump;
};

/* 0, or -EINVAL with one line of explanation in @error. */
int ncc_options_parse(struct ncc_command_line *cmd, int argc, char **argv, char *error, size_t size);
void ncc_options_free(struct ncc_command_line *cmd);

#endif
