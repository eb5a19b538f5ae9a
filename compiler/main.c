// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-cc: the only part of the compiler that prints and exits.
 */
#include <stdio.h>

#include "ops.h"
#include "options.h"

#define EXIT_USAGE	2

/* Information goes to standard output, problems to standard error. */
static void report(void *opaque, enum ncc_level level, const char *text)
{
	static const char *const names[] = { "DEBUG", "INFO", "WARN", "ERROR" };
	const struct ncc_command_line *cmd = opaque;

	if (level == NCC_RESULT)
		puts(text);
	else if (level >= cmd->verbose)
		fprintf(level >= NCC_WARN ? stderr : stdout, "%s: %s\n", names[level], text);
}

static int list_operators(void)
{
	for (int op = 1; op < NCC_OP_COUNT; op++)
		if (ncc_op_listed(op))
			puts(ncc_op_info(op)->name);
	return 0;
}

static int compile(struct ncc_command_line *cmd)
{
	if (*cmd->ignored && cmd->verbose <= NCC_WARN)
		printf("Note: these options change nothing here: %s\n", cmd->ignored);
	if (ncc_compile(&cmd->compile, report, cmd)) {
		fprintf(stderr, "Compiler status ERROR\n");
		return 1;
	}
	printf("Compiler status PASS\n");
	return 0;
}

static int run(struct ncc_command_line *cmd)
{
	switch (cmd->command) {
	case NCC_CMD_HELP:
		fputs(cmd->help, stdout);
		return 0;
	case NCC_CMD_VERSION:
		printf("neuron-cc %s\n", NEURON_VERSION);
		return 0;
	case NCC_CMD_LIST_OPERATORS:
		return list_operators();
	default:
		return compile(cmd);
	}
}

int main(int argc, char **argv)
{
	struct ncc_command_line cmd;
	char error[512];
	int status;

	if (ncc_options_parse(&cmd, argc, argv, error, sizeof(error))) {
		fprintf(stderr, "neuron-cc: %s\n", error);
		status = EXIT_USAGE;
	} else {
		status = run(&cmd);
	}
	ncc_options_free(&cmd);
	if (fflush(stdout))
		status = status ? status : 1;
	return status;
}
