// SPDX-License-Identifier: Apache-2.0
/*
 * The command line: the documented options of neuron-cc, those that frameworks pass, and
 * our own (--dump).
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <neuron/isa.h>

#include "options.h"

#define MAX_CORES	64	/* of the largest instance; also as many nodes as a NEFF may have */

#define HELP_PASS(id, name, text)	"      " name "\t" text "\n"

static const char help[] =
"usage: neuron-cc [--verbose LEVEL] COMMAND [parameters]\n"
"\n"
"Compiles neural networks to NEFFs for AWS Inferentia.\n"
"\n"
"  neuron-cc compile MODEL.onnx [options]            compile a model\n"
"  neuron-cc list-operators --framework ONNX         operators that can be compiled\n"
"  neuron-cc COMMAND --help\n"
"  neuron-cc --version\n"
"\n"
"  --verbose LEVEL    DEBUG, INFO, WARN (default) or ERROR\n"
"\n"
"Exit status: 0 if all went well, 1 if the model could not be compiled, 2 for wrong usage.\n";

static const char help_compile[] =
"usage: neuron-cc compile MODEL.onnx [options]\n"
"\n"
"  --framework ONNX   format of the model (default: by its suffix)\n"
"  --output FILE      the NEFF to write (default: out.neff)\n"
"  --io-config JSON   text or file: sizes of inputs that the model leaves open, and its outputs\n"
"                     {\"inputs\": {\"x\": [[1, 3, 224, 224], \"float32\"]}, \"outputs\": [\"y\"]}\n"
"  --fast-math WORDS  all (default) = fp32-cast-all fast-relayout, none = fp32-cast-matmult-bf16\n"
"                     no-fast-relayout, or one of the casts\n"
"                       fp32-cast-all           tensors between operators become bf16\n"
"                       fp32-cast-all-fp16      the same with fp16\n"
"                       fp32-cast-matmult       operands of matrix products become bf16\n"
"                       fp32-cast-matmult-bf16  the same\n"
"                       fp32-cast-matmult-fp16  the same with fp16\n"
"                     and fast-relayout or no-fast-relayout (relayouts are always exact here)\n"
"  --neuroncore-pipeline-cores N\n"
"                     cut the model into N stages, each for a NeuronCore of its own: more inferences\n"
"                     at a time, each with its weights in place (default 1: one program)\n"
"  --enable-fast-loading-neuron-binaries\n"
"                     do not compress the NEFF\n"
"  --enable-saturate-infinity\n"
"                     infinities become the largest numbers where they might make a NaN; may cost time\n"
"  --enable-fast-context-switch\n"
"                     accepted, but changes nothing here: all models that are loaded are in device memory\n"
"  --report[=FILE]    say of each operator where it runs, and why; FILE gets it as JSON\n"
"  --allow-no-ops-on-neuron\n"
"                     compile a model of which nothing runs on the chip, too\n"
"  --minimum-segment-size N\n"
"                     fewer operators in a row than N run on the CPU, if others do (default 1)\n"
"  --cpu-operators LIST\n"
"                     operators for the CPU: names with commas between, or all\n"
"  --partition HOW    cost (default): the CPU runs what the chip cannot, and what is not worth the\n"
"                     transfers; greedy: only what the chip cannot; off: nothing, such models are\n"
"                     refused\n"
"  --dump=after:PASS[:FILE]\n"
"                     print what PASS made (several allowed), as ONNX if FILE ends in .onnx; passes\n"
"                     in their order:\n"
NCC_PASSES(HELP_PASS)
"  --verbose LEVEL    DEBUG, INFO, WARN (default) or ERROR, or a number of Python's logging\n"
"\n"
"Options that frameworks pass, such as --pipeline compile SaveTemps or -O2, are accepted with a note.\n";

static const char help_list[] =
"usage: neuron-cc list-operators --framework ONNX\n"
"\n"
"Prints the names of the operators that can be compiled, one per line.\n";

/* What --fast-math may say about types, weakest first. */
struct cast {
	const char *name;
	uint8_t half;
	bool all;
};

static const struct cast casts[] = {
	{ "all", NEURON_BF16, true },
	{ "none", NEURON_BF16, false },
	{ "fp32-cast-all", NEURON_BF16, true },
	{ "fp32-cast-all-fp16", NEURON_FP16, true },
	{ "fp32-cast-matmult", NEURON_BF16, false },
	{ "fp32-cast-matmult-bf16", NEURON_BF16, false },
	{ "fp32-cast-matmult-fp16", NEURON_FP16, false },
};

/* State of the parser. */
struct parser {
	struct ncc_command_line *cmd;
	int argc;
	char **argv;
	int at;
	char *error;
	size_t size;
	const char *framework;
	/* the choices of type, each stronger than the one before */
	const struct cast *general, *explicit, *deprecated;
	int relayout;	/* 1: fast, -1: not, 0: not said */
};

static int __attribute__((format(printf, 2, 3))) wrong(struct parser *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(p->error, p->size, format, args);
	va_end(args);
	return -EINVAL;
}

/* If the current argument is @name, or @name=value: true, with its value in *@value. */
static bool option(struct parser *p, const char *name, const char **value)
{
	const char *arg = p->argv[p->at];
	size_t n = strlen(name);

	if (strncmp(arg, name, n) || (arg[n] && arg[n] != '='))
		return false;
	*value = arg[n] ? arg + n + 1 : p->at + 1 < p->argc ? p->argv[++p->at] : NULL;
	return true;
}

static bool flag(struct parser *p, const char *name)
{
	return !strcmp(p->argv[p->at], name);
}

/* The path in a URI of a file. */
static const char *local(const char *path)
{
	return strncmp(path, "file://", 7) ? path : path + 7;
}

static int set_verbose(struct parser *p, const char *value)
{
	static const char *const names[] = { "DEBUG", "INFO", "WARN", "ERROR" };
	char *end;
	long n;

	if (!value)
		return wrong(p, "--verbose needs a level: DEBUG, INFO, WARN or ERROR");
	for (int i = 0; i < 4; i++)
		if (!strcasecmp(value, names[i])) {
			p->cmd->verbose = i;
			return 0;
		}
	/* Frameworks pass the numbers of Python's logging. */
	n = strtol(value, &end, 10);
	if (!*value || *end)
		return wrong(p, "--verbose: '%s' is none of DEBUG, INFO, WARN, ERROR", value);
	p->cmd->verbose = n <= 10 ? NCC_DEBUG : n <= 20 ? NCC_INFO : n <= 30 ? NCC_WARN : NCC_ERROR;
	return 0;
}

static const struct cast *find_cast(const char *prefix, const char *word, size_t n)
{
	size_t skip = strlen(prefix);

	for (size_t i = 0; i < sizeof(casts) / sizeof(casts[0]); i++) {
		const char *name = casts[i].name;

		if (!strncmp(name, prefix, skip) && strlen(name + skip) == n &&
		    !strncmp(name + skip, word, n))
			return &casts[i];
	}
	return NULL;
}

/* 1 for fast-relayout, -1 for no-fast-relayout, 0 for other words */
static int relayout_of(const char *word, size_t n)
{
	if (n == 13 && !strncmp(word, "fast-relayout", n))
		return 1;
	return n == 16 && !strncmp(word, "no-fast-relayout", n) ? -1 : 0;
}

/* One argument of --fast-math: words between blanks or commas. */
static int fast_math(struct parser *p, const char *value)
{
	size_t n;

	for (const char *word = value; *word; word += n) {
		const struct cast *c;
		int relayout;

		n = strspn(word, " ,");
		word += n;
		n = strcspn(word, " ,");
		relayout = relayout_of(word, n);
		if (relayout && p->relayout && p->relayout != relayout)
			return wrong(p, "--fast-math: 'fast-relayout' and 'no-fast-relayout' exclude each other");
		p->relayout = relayout ? relayout : p->relayout;
		if (!n || relayout)
			continue;
		c = find_cast("", word, n);
		if (!c)
			return wrong(p, "--fast-math: '%.*s' is unknown; all, none, fp32-cast-all, "
				     "fp32-cast-all-fp16, fp32-cast-matmult, fp32-cast-matmult-bf16, "
				     "fp32-cast-matmult-fp16, fast-relayout and no-fast-relayout are "
				     "supported", (int)n, word);
		if (c < &casts[2]) {
			if (p->general && p->general != c)
				return wrong(p, "--fast-math: 'all' and 'none' exclude each other");
			p->general = c;
			continue;
		}
		if (p->explicit && p->explicit != c)
			return wrong(p, "--fast-math: '%s' and '%s' exclude each other", p->explicit->name,
				     c->name);
		p->explicit = c;
	}
	return 0;
}

static int fast_math_words(struct parser *p, const char *value)
{
	int err;

	if (!value)
		return wrong(p, "--fast-math needs a value: all or none, see neuron-cc compile --help");
	err = fast_math(p, value);
	/* Further words may be arguments of their own. */
	while (!err && p->at + 1 < p->argc) {
		const char *next = p->argv[p->at + 1];

		if (!find_cast("", next, strlen(next)) && !relayout_of(next, strlen(next)))
			break;
		p->at++;
		err = fast_math(p, next);
	}
	return err;
}

static int fp32_cast(struct parser *p, const char *value)
{
	p->deprecated = value ? find_cast("fp32-cast-", value, strlen(value)) : NULL;
	if (!p->deprecated)
		return wrong(p, "--fp32-cast: '%s' is unknown; all, all-fp16, matmult, matmult-bf16 and "
			     "matmult-fp16 are supported", value ? value : "");
	return 0;
}

static int read_file(struct parser *p, const char *path)
{
	FILE *f = fopen(path, "r");
	size_t n, cap = 1 << 20;
	int failed;

	if (!f)
		return wrong(p, "--io-config: cannot read '%s': %s", path, strerror(errno));
	p->cmd->io_text = malloc(cap);
	if (!p->cmd->io_text) {
		fclose(f);
		return wrong(p, "out of memory");
	}
	n = fread(p->cmd->io_text, 1, cap, f);
	failed = ferror(f) ? errno : 0;
	fclose(f);
	if (failed)
		return wrong(p, "--io-config: cannot read '%s': %s", path, strerror(failed));
	if (n == cap)
		return wrong(p, "--io-config: '%s' is larger than 1 MiB; it should be a few lines of JSON", path);
	p->cmd->io_text[n] = 0;
	return 0;
}

static int io_config(struct parser *p, const char *value)
{
	int err;

	if (!value)
		return wrong(p, "--io-config needs JSON text or the name of a file with it");
	free(p->cmd->io_text);
	p->cmd->io_text = NULL;
	p->cmd->compile.io_config = value;
	if (value[strspn(value, " \t\n")] == '{')
		return 0;
	err = read_file(p, local(value));
	p->cmd->compile.io_config = p->cmd->io_text;
	return err;
}

/* after:PASS[:FILE] */
static int dump(struct parser *p, const char *value)
{
	struct ncc_command_line *cmd = p->cmd;
	struct ncc_dump *d = &cmd->dump[cmd->ndump];
	size_t n;

	if (!value || strncmp(value, "after:", 6))
		return wrong(p, "--dump must be after:PASS or after:PASS:FILE");
	value += 6;
	n = strcspn(value, ":");
	if (cmd->ndump == sizeof(cmd->dump) / sizeof(cmd->dump[0]))
		return wrong(p, "--dump: at most %zu dumps", cmd->ndump);
	for (int pass = 0; pass < NCC_PASS_COUNT; pass++) {
		const char *name = ncc_pass_name(pass);

		if (strlen(name) != n || strncmp(name, value, n))
			continue;
		*d = (struct ncc_dump){ .after = pass, .file = value[n] ? value + n + 1 : NULL };
		d->next = cmd->compile.dumps;
		cmd->compile.dumps = d;
		cmd->ndump++;
		return 0;
	}
	return wrong(p, "--dump: there is no pass '%.*s'; neuron-cc compile --help lists them", (int)n,
		     value);
}

static int pipeline_cores(struct parser *p, const char *value)
{
	char *end = "?";
	long n = value ? strtol(value, &end, 10) : 0;

	if (!value || !*value || *end || n < 1 || n > MAX_CORES)
		return wrong(p, "--neuroncore-pipeline-cores needs a number of NeuronCores, 1 to %d, not '%s'",
			     MAX_CORES, value ? value : "");
	p->cmd->compile.cores = (int)n;
	return 0;
}

static int partition(struct parser *p, const char *value)
{
	static const char *const names[] = {
		[NCC_PARTITION_OFF] = "off", [NCC_PARTITION_COST] = "cost", [NCC_PARTITION_GREEDY] = "greedy",
	};

	for (size_t i = 0; value && i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(value, names[i])) {
			p->cmd->compile.partition = (enum ncc_partition_mode)i;
			return 0;
		}
	return wrong(p, "--partition: '%s' is unknown; cost, greedy and off are supported",
		     value ? value : "");
}

static int min_segment(struct parser *p, const char *value)
{
	char *end = "?";
	long n = value ? strtol(value, &end, 10) : 0;

	if (!value || !*value || *end || n < 0 || n > 1000000)
		return wrong(p, "--minimum-segment-size needs a number of operators, not '%s'",
			     value ? value : "");
	p->cmd->compile.min_segment = (int)n;
	return 0;
}

/* 1 if the current argument is about the partition, 0 if not, or an error. */
static int partition_option(struct parser *p)
{
	struct ncc_options *c = &p->cmd->compile;
	const char *value;
	int err = 0;

	if (!strncmp(p->argv[p->at], "--report=", 9)) {
		c->report_file = p->argv[p->at] + 9;
		return *c->report_file ? 1 : wrong(p, "--report= needs the name of a file");
	}
	if (flag(p, "--report"))
		c->report = true;
	else if (flag(p, "--allow-no-ops-on-neuron"))
		c->allow_no_ops = true;
	else if (option(p, "--partition", &value))
		err = partition(p, value);
	else if (option(p, "--minimum-segment-size", &value))
		err = min_segment(p, value);
	else if (option(p, "--cpu-operators", &value))
		err = (c->cpu_ops = value) && *value ? 0 :
		      wrong(p, "--cpu-operators needs names of operators, with commas between, or all");
	else
		return 0;
	return err ? err : 1;
}

static void ignore(struct parser *p, const char *arg)
{
	size_t n = strlen(p->cmd->ignored);

	snprintf(p->cmd->ignored + n, sizeof(p->cmd->ignored) - n, "%s%s", n ? " " : "", arg);
}

/* Options of frameworks and of other versions that change nothing here. 1 if it is one, else 0 or an error. */
static int ignored(struct parser *p)
{
	static const char *const flags[] = {
		"--enable-fast-context-switch", "--batching_en",
		"--rematerialization_en", "--spill_dis", "--static-weights", "-O0", "-O1", "-O2",
		"--enable-experimental-tensorized-scheduler", "--dynamic-batch-size",
	};
	static const char *const valued[] = {
		"--sb_size", "--enable-replication", "--tensorizer-options", "--workdir",
		"--extract-weights",
	};
	const char *value, *arg = p->argv[p->at];

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (flag(p, flags[i])) {
			ignore(p, arg);
			return 1;
		}
	for (size_t i = 0; i < sizeof(valued) / sizeof(valued[0]); i++)
		if (option(p, valued[i], &value)) {
			ignore(p, arg);
			return value ? 1 : wrong(p, "%s needs a value", arg);
		}
	/* Always followed by the stages: "compile", "SaveTemps". */
	if (!flag(p, "--pipeline"))
		return 0;
	ignore(p, arg);
	while (p->at + 1 < p->argc && (!strcmp(p->argv[p->at + 1], "compile") ||
				       !strcmp(p->argv[p->at + 1], "SaveTemps")))
		p->at++;
	return 1;
}

static int compile_option(struct parser *p)
{
	struct ncc_command_line *cmd = p->cmd;
	const char *value;
	int known;

	if (option(p, "--framework", &value)) {
		p->framework = value;
		return value ? 0 : wrong(p, "--framework needs a value: ONNX");
	}
	if (option(p, "--output", &value) || option(p, "-o", &value)) {
		cmd->compile.output = value ? local(value) : NULL;
		return value && *value ? 0 : wrong(p, "--output needs the name of a file");
	}
	if (option(p, "--io-config", &value))
		return io_config(p, value);
	if (option(p, "--fast-math", &value))
		return fast_math_words(p, value);
	if (option(p, "--fp32-cast", &value))
		return fp32_cast(p, value);
	if (option(p, "--dump", &value))
		return dump(p, value);
	if (option(p, "--neuroncore-pipeline-cores", &value) || option(p, "--num-neuroncores", &value))
		return pipeline_cores(p, value);
	if (flag(p, "--enable-fast-loading-neuron-binaries")) {
		cmd->compile.plain_tar = true;
		return 0;
	}
	if (flag(p, "--enable-saturate-infinity")) {
		cmd->compile.saturate = true;
		return 0;
	}
	known = partition_option(p);
	if (!known)
		known = ignored(p);
	if (known)
		return known > 0 ? 0 : known;
	return wrong(p, "'%s' is no option of neuron-cc %s; see neuron-cc compile --help", p->argv[p->at],
		     "compile");
}

static bool ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && !strcasecmp(s + n - m, suffix);
}

static int check_framework(struct parser *p, const char *model)
{
	static const char *const planned[] = { "TENSORFLOW", "MXNET", "XLA" };

	if (!p->framework && (!model || ends_with(model, ".onnx")))
		return 0;
	if (!p->framework)
		return wrong(p, "%s'%s' does not end in .onnx: say --framework ONNX if it is an ONNX model",
			     access(model, F_OK) ? "no such file, and " : "", model);
	if (!strcasecmp(p->framework, "ONNX"))
		return 0;
	for (int i = 0; i < 3; i++)
		if (!strcasecmp(p->framework, planned[i]))
			return wrong(p, "--framework %s is not supported; convert the model to ONNX",
				     p->framework);
	return wrong(p, "--framework '%s' is unknown; ONNX is supported", p->framework);
}

static int parse_compile(struct parser *p)
{
	struct ncc_command_line *cmd = p->cmd;
	const struct cast *c;
	int err = 0;

	cmd->compile.output = "out.neff";
	cmd->compile.partition = NCC_PARTITION_COST;
	cmd->compile.min_segment = 1;
	for (p->at++; p->at < p->argc && !err; p->at++) {
		const char *value, *arg = p->argv[p->at];

		if (flag(p, "--help") || flag(p, "-h")) {
			cmd->command = NCC_CMD_HELP;
			cmd->help = help_compile;
			return 0;
		}
		if (option(p, "--verbose", &value) || option(p, "--log-level", &value))
			err = set_verbose(p, value);
		else if (arg[0] == '-' && arg[1])
			err = compile_option(p);
		else if (cmd->compile.model)
			err = wrong(p, "two models, '%s' and '%s': one is compiled at a time",
				    cmd->compile.model, arg);
		else
			cmd->compile.model = local(arg);
	}
	if (err)
		return err;
	if (!cmd->compile.model)
		return wrong(p, "compile needs a model: neuron-cc compile MODEL.onnx");
	c = p->deprecated ? p->deprecated : p->explicit ? p->explicit : p->general ? p->general : casts;
	cmd->compile.precision = (struct ncc_precision){ c->half, c->all, c->name };
	return check_framework(p, cmd->compile.model);
}

static int parse_list(struct parser *p)
{
	const char *value;

	for (p->at++; p->at < p->argc; p->at++) {
		if (flag(p, "--help") || flag(p, "-h")) {
			p->cmd->command = NCC_CMD_HELP;
			p->cmd->help = help_list;
			return 0;
		}
		if (!option(p, "--framework", &value))
			return wrong(p, "'%s' is no option of neuron-cc list-operators", p->argv[p->at]);
		p->framework = value ? value : "";
	}
	if (!p->framework)
		return wrong(p, "list-operators needs --framework ONNX");
	return check_framework(p, NULL);
}

int ncc_options_parse(struct ncc_command_line *cmd, int argc, char **argv, char *error, size_t size)
{
	struct parser p = {
		.cmd = cmd, .argc = argc, .argv = argv, .error = error, .size = size,
	};
	const char *value;
	int err;

	memset(cmd, 0, sizeof(*cmd));
	cmd->verbose = NCC_WARN;
	cmd->help = help;
	for (p.at = 1; p.at < argc; p.at++) {
		if (flag(&p, "--help") || flag(&p, "-h"))
			return 0;
		if (flag(&p, "--version")) {
			cmd->command = NCC_CMD_VERSION;
			return 0;
		}
		if (flag(&p, "compile")) {
			cmd->command = NCC_CMD_COMPILE;
			return parse_compile(&p);
		}
		if (flag(&p, "list-operators")) {
			cmd->command = NCC_CMD_LIST_OPERATORS;
			return parse_list(&p);
		}
		if (!option(&p, "--verbose", &value) && !option(&p, "--log-level", &value))
			return wrong(&p, "'%s' is neither an option nor a command; see neuron-cc --help",
				     argv[p.at]);
		err = set_verbose(&p, value);
		if (err)
			return err;
	}
	return wrong(&p, "no command: compile or list-operators; see neuron-cc --help");
}

void ncc_options_free(struct ncc_command_line *cmd)
{
	free(cmd->io_text);
	cmd->io_text = NULL;
}
