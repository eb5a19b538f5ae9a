// SPDX-License-Identifier: Apache-2.0
/*
 * Parses the NEURON_RT_* environment variables.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "env.h"

#define DEFAULT_TIMEOUT_S	30
#define MAX_TIMEOUT_S		86400
#define DEFAULT_MEMLOG		(1024 * 1024)
#define MAX_MEMLOG		(16 * 1024 * 1024)
#define MAX_STATUS		9999

/* A decimal number without sign or blanks; leaves @end behind it. */
static int parse_number(const char *text, uint32_t max, uint32_t *value, const char **end)
{
	uint64_t n = 0;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	for (; *text >= '0' && *text <= '9'; text++) {
		n = n * 10 + (*text - '0');
		if (n > max)
			return -EINVAL;
	}
	*value = n;
	*end = text;
	return 0;
}

int nrt_env_parse_cores(const char *text, uint32_t *first, uint32_t *count)
{
	uint32_t next = 0, n = 0;

	for (;;) {
		uint32_t low, high;

		if (parse_number(text, NRT_ENV_MAX_CORES - 1, &low, &text))
			return -EINVAL;
		high = low;
		if (*text == '-' && parse_number(text + 1, NRT_ENV_MAX_CORES - 1, &high, &text))
			return -EINVAL;
		if (high < low || (n && low != next))
			return -EINVAL;
		if (!n)
			*first = low;
		n += high - low + 1;
		next = high + 1;
		if (!*text)
			break;
		if (*text++ != ',')
			return -EINVAL;
	}
	*count = n;
	return 0;
}

int nrt_env_parse_groups(const char *text, struct nrt_env_group *groups, uint32_t *count)
{
	uint32_t n = 0, cores = 0;

	for (;;) {
		struct nrt_env_group g = { .instances = 1 };

		if (n == NRT_ENV_MAX_GROUPS ||
		    parse_number(text, NRT_ENV_MAX_CORES, &g.cores, &text))
			return -EINVAL;
		if (*text == 'x') {
			g.instances = g.cores;
			if (parse_number(text + 1, NRT_ENV_MAX_CORES, &g.cores, &text))
				return -EINVAL;
		}
		cores += g.instances * g.cores;
		if (!g.instances || !g.cores || cores > NRT_ENV_MAX_CORES)
			return -EINVAL;
		groups[n++] = g;
		if (!*text)
			break;
		if (*text++ != ',')
			return -EINVAL;
		text += *text == ' ';
	}
	*count = n;
	return 0;
}

uint32_t nrt_env_cores(const struct nrt_env *env, uint32_t total)
{
	uint32_t cores = 0, i;

	if (env->visible_cores)
		return env->visible_cores;
	if (env->num_cores)
		return env->num_cores;
	for (i = 0; i < env->group_count; i++)
		cores += env->groups[i].instances * env->groups[i].cores;
	return cores ? cores : total;
}

/* Value of a variable, NULL when unset or empty. */
static const char *get(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static int get_number(const char *name, uint32_t max, uint32_t *value, char *error, size_t size)
{
	const char *text = get(name), *end;
	uint32_t n;

	if (!text)
		return 0;
	if (parse_number(text, max, &n, &end) || *end) {
		snprintf(error, size, "%s=%s is not a number from 0 to %u", name, text, max);
		return -EINVAL;
	}
	*value = n;
	return 0;
}

static int get_bool(const char *name, bool *value, char *error, size_t size)
{
	const char *text = get(name);

	if (!text)
		return 0;
	if (!strcmp(text, "1") || !strcasecmp(text, "true")) {
		*value = true;
	} else if (!strcmp(text, "0") || !strcasecmp(text, "false")) {
		*value = false;
	} else {
		snprintf(error, size, "%s=%s is neither true nor false", name, text);
		return -EINVAL;
	}
	return 0;
}

static int parse_level(const char *text, enum nrt_log_level *level)
{
	static const struct {
		const char *name;
		enum nrt_log_level level;
	} levels[] = {
		{ "QUIET", NRT_LOG_QUIET }, { "ERROR", NRT_LOG_ERROR }, { "WARN", NRT_LOG_WARN },
		{ "WARNING", NRT_LOG_WARN }, { "INFO", NRT_LOG_INFO }, { "DEBUG", NRT_LOG_DEBUG },
		{ "TRACE", NRT_LOG_TRACE },
	};
	size_t i;

	for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (!strcasecmp(text, levels[i].name)) {
			*level = levels[i].level;
			return 0;
		}
	return -EINVAL;
}

/* Value of PREFIX_MODULE, else of PREFIX; @name becomes the variable's. */
static const char *get_for_module(const char *prefix, const char *module, char *name, size_t size)
{
	const char *value;

	snprintf(name, size, "%s_%s", prefix, module);
	value = get(name);
	if (!value) {
		snprintf(name, size, "%s", prefix);
		value = get(name);
	}
	return value;
}

static int get_log(struct nrt_log_config *log, char *error, size_t size)
{
	static const char *const module[] = { "NRT", "TDRV", "NMGR" };
	char name[64];
	int rc = 0, i;

	for (i = 0; i < NRT_LOG_MODULES; i++) {
		const char *where = get_for_module("NEURON_RT_LOG_LOCATION", module[i], name,
						   sizeof(name));
		const char *level;

		log->syslog[i] = where && !strcasecmp(where, "syslog");
		if (where && !log->syslog[i] && strcasecmp(where, "console")) {
			snprintf(error, size, "%s=%s is neither console nor syslog", name, where);
			rc = -EINVAL;
		}
		log->level[i] = log->syslog[i] ? NRT_LOG_INFO : NRT_LOG_ERROR;
		level = get_for_module("NEURON_RT_LOG_LEVEL", module[i], name, sizeof(name));
		if (level && parse_level(level, &log->level[i])) {
			snprintf(error, size,
				 "%s=%s is none of QUIET, ERROR, WARN, INFO, DEBUG, TRACE", name,
				 level);
			rc = -EINVAL;
		}
	}
	return rc;
}

static int get_device(struct nrt_env *env, char *error, size_t size)
{
	const char *text = get("NEURON_RT_DEVICE"), *end;
	uint32_t n;

	if (!text || !strcmp(text, "kernel"))
		return 0;
	if (!strcmp(text, "emulator")) {
		env->device = NRT_DEVICE_EMULATOR;
		return 0;
	}
	if (!strncmp(text, "emulator:", 9) &&
	    !parse_number(text + 9, NRT_ENV_MAX_CHIPS, &n, &end) && !*end && n) {
		env->device = NRT_DEVICE_EMULATOR;
		env->chips = n;
		return 0;
	}
	if (!strncmp(text, "/dev/neuron", 11) && !parse_number(text + 11, 65535, &n, &end) &&
	    !*end) {
		env->only_device = n;
		return 0;
	}
	snprintf(error, size,
		 "NEURON_RT_DEVICE=%s is none of kernel, /dev/neuronN, emulator, emulator:N (N = 1..%u)",
		 text, NRT_ENV_MAX_CHIPS);
	return -EINVAL;
}

static int get_groups(struct nrt_env *env, char *error, size_t size)
{
	const char *text = get("NEURONCORE_GROUP_SIZES");

	/* Those that came later win. */
	if (!text || env->visible_cores || env->num_cores)
		return 0;
	if (!nrt_env_parse_groups(text, env->groups, &env->group_count))
		return 0;
	snprintf(error, size,
		 "NEURONCORE_GROUP_SIZES=%s is not a list of group sizes, such as 2,4,3,4 or 4x1", text);
	env->group_count = 0;
	return -EINVAL;
}

static int get_dump(struct nrt_env *env, char *error, size_t size)
{
	static const char name[] = "NEURON_RT_DBG_DUMP_INPUTS_ON_ERR";
	const char *text = get(name);
	uint32_t status = NRT_DUMP_NEVER;
	int rc = 0;

	if (text && !strcasecmp(text, "true"))
		status = NRT_DUMP_ALWAYS;
	else if (text && strcasecmp(text, "false"))
		rc = get_number(name, MAX_STATUS, &status, error, size);
	env->dump_inputs = status;
	return rc;
}

static int get_cores(struct nrt_env *env, char *error, size_t size)
{
	const char *text = get("NEURON_RT_VISIBLE_CORES");

	if (text && nrt_env_parse_cores(text, &env->first_core, &env->visible_cores)) {
		snprintf(error, size,
			 "NEURON_RT_VISIBLE_CORES=%s is not a contiguous, increasing list of NeuronCores, such as 3 or 0-3 or 1,2",
			 text);
		return -EINVAL;
	}
	return get_number("NEURON_RT_NUM_CORES", NRT_ENV_MAX_CORES, &env->num_cores, error, size);
}

static void set_defaults(struct nrt_env *env)
{
	*env = (struct nrt_env) {
		.chips = 1,
		.only_device = -1,
		.timeout_ms = DEFAULT_TIMEOUT_S * 1000,
		.memlog_entries = DEFAULT_MEMLOG,
	};
}

int nrt_env_read_device(struct nrt_env *env, char *error, size_t size)
{
	set_defaults(env);
	get_log(&env->log, error, size);
	return get_device(env, error, size);
}

int nrt_env_read(struct nrt_env *env, char *error, size_t size)
{
	uint32_t timeout = DEFAULT_TIMEOUT_S;
	int rc;

	set_defaults(env);
	rc = get_log(&env->log, error, size);
	if (get_number("NEURON_RT_EXEC_TIMEOUT", MAX_TIMEOUT_S, &timeout, error, size))
		rc = -EINVAL;
	/* No time at all is no use; rather than failing each execution, take the default. */
	env->timeout_ms = (timeout ? timeout : DEFAULT_TIMEOUT_S) * 1000;
	if (get_bool("NEURON_RT_VALIDATE_HASH", &env->validate_hash, error, size))
		rc = -EINVAL;
	if (get_bool("NEURON_RT_MULTI_INSTANCE_SHARED_WEIGHTS", &env->share_weights, error, size))
		rc = -EINVAL;
	if (get_bool("NEURON_RT_RESET_CORES", &env->reset_cores, error, size))
		rc = -EINVAL;
	if (get_number("NEURON_RT_DEBUG_MEMLOG_MAX_SIZE", MAX_MEMLOG, &env->memlog_entries, error,
		       size))
		rc = -EINVAL;
	if (get_dump(env, error, size))
		rc = -EINVAL;
	if (get_device(env, error, size))
		rc = -EINVAL;
	if (get_cores(env, error, size) || get_groups(env, error, size))
		rc = -EINVAL;
	return rc;
}
