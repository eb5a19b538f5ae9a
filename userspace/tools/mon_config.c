// SPDX-License-Identifier: Apache-2.0
/*
 * Reads neuron-monitor's configuration file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cli.h"
#include "mon_config.h"

#define NS_PER_S	1000000000ULL
#define DEFAULT_PERIOD	(5 * NS_PER_S)
#define MIN_PERIOD	(NS_PER_S / 100)
#define MAX_PERIOD	(86400 * NS_PER_S)
/* Of a configuration: more than people write, and little for a pipe that does not end. */
#define MAX_SIZE	(1 << 20)

const char *const mon_group_names[MON_GROUPS] = {
	"neuroncore_counters", "memory_used", "neuron_runtime_vcpu_usage", "inference_stats",
	"execution_stats",
};

const char *const mon_system_group_names[MON_SYSTEM_GROUPS] = {
	"vcpu_usage", "memory_info", "neuron_hw_counters",
};

int mon_parse_period(const char *text, uint64_t *ns)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {
		{ "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 },
	};
	double sum = 0;
	size_t i;

	if (!*text)
		return -EINVAL;
	while (*text) {
		size_t length;
		double value;
		char *end;

		if (*text < '0' || *text > '9')
			return -EINVAL;
		value = strtod(text, &end);
		length = strspn(end, "abcdefghijklmnopqrstuvwxyz");
		for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (strlen(units[i].name) == length && !strncmp(units[i].name, end, length))
				break;
		if (i == sizeof(units) / sizeof(units[0]))
			return -EINVAL;
		sum += value * units[i].ns;
		text = end + length;
	}
	if (!(sum >= MIN_PERIOD && sum <= MAX_PERIOD))
		return -EINVAL;
	*ns = sum;
	return 0;
}

int mon_config_default(struct mon_config *config)
{
	int i;

	*config = (struct mon_config) { 0 };
	config->runtimes = calloc(1, sizeof(*config->runtimes));
	if (!config->runtimes)
		return -ENOMEM;
	config->runtime_count = 1;
	for (i = 0; i < MON_EXECUTIONS; i++)
		config->runtimes[0].period[i] = DEFAULT_PERIOD;
	for (i = 0; i < MON_SYSTEM_GROUPS; i++)
		config->system_period[i] = DEFAULT_PERIOD;
	return 0;
}

/* The period of @object, or @otherwise if it has none. */
static int read_period(const char *path, json_t *object, uint64_t otherwise, uint64_t *ns)
{
	json_t *value = json_object_get(object, "period");

	*ns = otherwise;
	if (!value)
		return 0;
	if (json_is_string(value) && !mon_parse_period(json_string_value(value), ns))
		return 0;
	cli_error("%s: \"period\" has to be a text like \"1s\", \"500ms\" or \"1m30s\", from 10ms to 24h",
		  path);
	return -EINVAL;
}

static int find_name(const char *name, const char *const *names, int count)
{
	int i;

	for (i = 0; i < count; i++)
		if (!strcmp(name, names[i]))
			return i;
	return -1;
}

static int unknown_type(const char *path, const char *where, const char *type,
			const char *const *names, int count)
{
	char known[200] = "";
	int i;

	for (i = 0; i < count; i++) {
		strcat(known, i ? ", " : "");
		strcat(known, names[i]);
	}
	cli_error("%s: %s: there is no group \"%s\": the groups are %s", path, where, type,
		  known);
	return -EINVAL;
}

/* Fill @periods from an array of {"type", "period"}. */
static int read_metrics(const char *path, json_t *array, const char *where,
			const char *const *names, int count, uint64_t period, uint64_t *periods)
{
	json_t *entry;
	size_t i;

	if (!json_is_array(array)) {
		cli_error("%s: \"%s\" has to be an array of objects with \"type\"", path, where);
		return -EINVAL;
	}
	json_array_foreach(array, i, entry) {
		const char *type = json_string_value(json_object_get(entry, "type"));
		int k;

		if (!type) {
			cli_error("%s: an entry of \"%s\" has no \"type\"", path, where);
			return -EINVAL;
		}
		k = find_name(type, names, count);
		if (k < 0)
			return unknown_type(path, where, type, names, count);
		if (read_period(path, entry, period, &periods[k]))
			return -EINVAL;
	}
	return 0;
}

static int read_filter(const char *path, json_t *object, struct mon_runtime *runtime)
{
	json_t *value = json_object_get(object, "tag_filter");
	char message[128];
	int rc;

	if (!value)
		return 0;
	if (!json_is_string(value)) {
		cli_error("%s: \"tag_filter\" has to be a text", path);
		return -EINVAL;
	}
	runtime->filter = calloc(1, sizeof(*runtime->filter));
	if (!runtime->filter)
		return -ENOMEM;
	rc = regcomp(runtime->filter, json_string_value(value), REG_EXTENDED | REG_NOSUB);
	if (!rc)
		return 0;
	regerror(rc, runtime->filter, message, sizeof(message));
	cli_error("%s: \"tag_filter\" \"%s\" is no regular expression: %s", path,
		  json_string_value(value), message);
	free(runtime->filter);
	runtime->filter = NULL;
	return -EINVAL;
}

static int read_runtimes(const char *path, json_t *array, uint64_t period,
			 struct mon_config *config)
{
	json_t *entry;
	size_t i;
	int rc = 0;

	if (!json_is_array(array)) {
		cli_error("%s: \"neuron_runtimes\" has to be an array", path);
		return -EINVAL;
	}
	config->runtimes = calloc(json_array_size(array) + 1, sizeof(*config->runtimes));
	if (!config->runtimes)
		return -ENOMEM;
	json_array_foreach(array, i, entry) {
		struct mon_runtime *runtime = &config->runtimes[config->runtime_count++];
		json_t *metrics = json_object_get(entry, "metrics");
		uint64_t own;

		rc = read_period(path, entry, period, &own);
		if (!rc)
			rc = read_filter(path, entry, runtime);
		if (!rc && metrics)
			rc = read_metrics(path, metrics, "metrics", mon_group_names, MON_GROUPS, own,
					  runtime->period);
		if (rc)
			break;
	}
	return rc;
}

static int read_root(const char *path, json_t *root, struct mon_config *config)
{
	json_t *runtimes = json_object_get(root, "neuron_runtimes");
	json_t *system = json_object_get(root, "system_metrics");
	uint64_t period;
	int rc;

	if (!json_is_object(root)) {
		cli_error("%s: has to be an object", path);
		return -EINVAL;
	}
	rc = read_period(path, root, DEFAULT_PERIOD, &period);
	if (!rc && runtimes)
		rc = read_runtimes(path, runtimes, period, config);
	if (!rc && system)
		rc = read_metrics(path, system, "system_metrics", mon_system_group_names,
				  MON_SYSTEM_GROUPS, period, config->system_period);
	if (!rc && !runtimes && !system) {
		cli_error("%s: neither \"neuron_runtimes\" nor \"system_metrics\": nothing to do",
			  path);
		rc = -EINVAL;
	}
	return rc;
}

int mon_config_read(struct mon_config *config, const char *path)
{
	json_error_t error;
	json_t *root;
	void *text;
	size_t size;
	int rc;

	*config = (struct mon_config) { 0 };
	text = cli_read_stream(path, MAX_SIZE, &size);
	if (!text)
		return -EINVAL;
	root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	free(text);
	if (!root) {
		cli_error("%s:%d:%d: %s", path, error.line, error.column, error.text);
		return -EINVAL;
	}
	rc = read_root(path, root, config);
	json_decref(root);
	if (rc)
		mon_config_free(config);
	return rc;
}

void mon_config_free(struct mon_config *config)
{
	size_t i;

	for (i = 0; i < config->runtime_count; i++)
		if (config->runtimes[i].filter) {
			regfree(config->runtimes[i].filter);
			free(config->runtimes[i].filter);
		}
	free(config->runtimes);
	*config = (struct mon_config) { 0 };
}
