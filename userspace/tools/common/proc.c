// SPDX-License-Identifier: Apache-2.0
/*
 * Reads /proc and /sys.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proc.h"

#define CLASS		"/sys/class/neuron_device"
#define MAX_COMMAND	4096

const char *const proc_usage_names[PROC_USAGES] = {
	"user", "nice", "system", "idle", "io_wait", "irq", "soft_irq",
};

static void parse_cpu(const char *text, struct proc_cpu *cpu)
{
	uint64_t *t = cpu->ticks;

	sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %"
	       SCNu64 " %" SCNu64, &t[PROC_USER], &t[PROC_NICE], &t[PROC_SYSTEM], &t[PROC_IDLE],
	       &t[PROC_IO_WAIT], &t[PROC_IRQ], &t[PROC_SOFT_IRQ], &cpu->steal);
}

int proc_read_cpus(struct proc_cpus *cpus)
{
	FILE *f = fopen("/proc/stat", "re");
	size_t room = 0;
	char *line = NULL;

	*cpus = (struct proc_cpus) { 0 };
	if (!f)
		return -errno;
	while (getline(&line, &room, f) > 0) {
		unsigned int number;
		int at = 0;

		if (!strncmp(line, "cpu ", 4)) {
			parse_cpu(line + 4, &cpus->all);
		} else if (sscanf(line, "cpu%u%n", &number, &at) == 1 && at &&
			   cpus->count < PROC_MAX_CPUS) {
			cpus->number[cpus->count] = number;
			parse_cpu(line + at, &cpus->cpu[cpus->count++]);
		} else {
			sscanf(line, "ctxt %" SCNu64, &cpus->context_switches);
		}
	}
	free(line);
	fclose(f);
	return cpus->count ? 0 : -EIO;
}

/* Times of a processor may go back a little when it idles. */
static uint64_t grown(uint64_t before, uint64_t after)
{
	return after > before ? after - before : 0;
}

void proc_cpu_shares(const struct proc_cpu *before, const struct proc_cpu *after,
		     double shares[PROC_USAGES])
{
	uint64_t sum = grown(before->steal, after->steal);
	int i;

	for (i = 0; i < PROC_USAGES; i++)
		sum += grown(before->ticks[i], after->ticks[i]);
	for (i = 0; i < PROC_USAGES; i++)
		shares[i] = sum ? 100.0 * grown(before->ticks[i], after->ticks[i]) / sum : 0;
}

int proc_read_ticks(pid_t pid, uint64_t *user, uint64_t *system)
{
	char path[64], text[1024], *p;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return -ESRCH;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = 0;
	/* Behind the name, which may have anything in it: fields 3 to 13, then the two. */
	p = strrchr(text, ')');
	if (!p || sscanf(p + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64 " %" SCNu64,
			 user, system) != 2)
		return -ESRCH;
	return 0;
}

int proc_read_memory(struct proc_memory *memory)
{
	uint64_t total = 0, available = 0, swap_total = 0, swap_free = 0, kb;
	FILE *f = fopen("/proc/meminfo", "re");
	char line[256];

	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "MemTotal: %" SCNu64, &kb) == 1)
			total = kb;
		else if (sscanf(line, "MemAvailable: %" SCNu64, &kb) == 1)
			available = kb;
		else if (sscanf(line, "SwapTotal: %" SCNu64, &kb) == 1)
			swap_total = kb;
		else if (sscanf(line, "SwapFree: %" SCNu64, &kb) == 1)
			swap_free = kb;
	}
	fclose(f);
	*memory = (struct proc_memory) {
		.total = total << 10,
		.used = grown(available, total) << 10,
		.swap_total = swap_total << 10,
		.swap_used = grown(swap_free, swap_total) << 10,
	};
	return total ? 0 : -EIO;
}

static size_t read_file(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "re");
	size_t n = 0;

	if (f) {
		n = fread(text, 1, size - 1, f);
		fclose(f);
	}
	text[n] = 0;
	return n;
}

char *proc_command(pid_t pid)
{
	char path[64], text[MAX_COMMAND];
	size_t n, i;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	n = read_file(path, text, sizeof(text));
	if (!n) {
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		n = read_file(path, text, sizeof(text));
	}
	while (n && (!text[n - 1] || text[n - 1] == '\n'))
		n--;
	text[n] = 0;
	for (i = 0; i < n; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = ' ';
	return strdup(text);
}

static int read_number(unsigned int index, const char *name, uint64_t *value)
{
	char path[160], text[64], *end;

	snprintf(path, sizeof(path), CLASS "/neuron%u/%s", index, name);
	if (!read_file(path, text, sizeof(text)))
		return -ENOENT;
	*value = strtoull(text, &end, 10);
	return end == text ? -EINVAL : 0;
}

static void describe(struct proc_device *d, unsigned int index)
{
	uint64_t cores = 0;

	*d = (struct proc_device) { .index = index };
	read_number(index, "core_count", &cores);
	d->cores = cores;
	d->telemetry = !read_number(index, "stats/hardware/mem_ecc_corrected", &d->ecc_corrected) &&
		!read_number(index, "stats/hardware/mem_ecc_uncorrected", &d->ecc_uncorrected);
	read_number(index, "stats/memory_usage/device_mem/total", &d->memory_total);
	read_number(index, "stats/memory_usage/device_mem/present", &d->memory_used);
}

static int by_index(const void *a, const void *b)
{
	const struct proc_device *x = a, *y = b;

	return x->index < y->index ? -1 : x->index > y->index;
}

int proc_read_devices(struct proc_device devices[PROC_MAX_DEVICES])
{
	DIR *dir = opendir(CLASS);
	struct dirent *e;
	int count = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (count < PROC_MAX_DEVICES && (e = readdir(dir))) {
		unsigned int index;
		char rest;

		if (sscanf(e->d_name, "neuron%u%c", &index, &rest) == 1)
			describe(&devices[count++], index);
	}
	closedir(dir);
	qsort(devices, count, sizeof(*devices), by_index);
	return count;
}

static void read_dmi(const char *name, char *text, size_t size)
{
	char path[96];
	size_t i;

	snprintf(path, sizeof(path), "/sys/class/dmi/id/%s", name);
	read_file(path, text, size);
	text[strcspn(text, "\n")] = 0;
	/* Neither JSON nor Prometheus have to escape what is left. */
	for (i = 0; text[i]; i++)
		if (text[i] < 0x20 || text[i] > 0x7e || text[i] == '"' || text[i] == '\\')
			text[i] = '?';
}

void proc_read_instance(struct proc_instance *instance)
{
	char vendor[64];

	*instance = (struct proc_instance) { 0 };
	read_dmi("sys_vendor", vendor, sizeof(vendor));
	if (strcmp(vendor, "Amazon EC2")) {
		snprintf(instance->error, sizeof(instance->error),
			 "not an EC2 instance: the system's vendor is \"%.60s\"",
			 *vendor ? vendor : "unknown");
		return;
	}
	read_dmi("product_name", instance->type, sizeof(instance->type));
	read_dmi("board_asset_tag", instance->id, sizeof(instance->id));
	snprintf(instance->error, sizeof(instance->error),
		 "only what the firmware's tables tell: the instance metadata service is not asked");
}

uint64_t proc_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}
