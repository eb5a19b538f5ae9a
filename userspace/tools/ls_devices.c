// SPDX-License-Identifier: Apache-2.0
/*
 * Asks the driver about devices, and /proc and the processes themselves about who uses them.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/neuron.h>

#include "cli.h"
#include "ls_devices.h"
#include "proc.h"
#include "stats_read.h"

#define MARKER		"@(#)libnrt "

static void ask_driver(struct ls_device *d)
{
	struct neuron_ioctl_info info = { .size = sizeof(info) };
	int fd = open(d->found.node, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		cli_error("%s: %s%s", d->found.node, strerror(errno),
			  errno == EACCES ? "; add the user to the group of the device" : "");
		return;
	}
	if (ioctl(fd, NEURON_IOCTL_INFO, &info)) {
		cli_error("%s: the driver does not tell about the device: %s", d->found.node,
			  strerror(errno));
	} else {
		d->cores = info.core_count;
		d->memory = info.channel_count * info.channel_size;
	}
	close(fd);
}

void ls_find_version(const void *data, size_t size, char *version, size_t version_size)
{
	const char *end = (const char *)data + size;
	const char *p = memmem(data, size, MARKER, strlen(MARKER));
	size_t n = 0;

	if (p)
		for (p += strlen(MARKER); p < end && n + 1 < version_size && isgraph(*p); p++)
			version[n++] = *p;
	version[n] = 0;
}

/* @path as process @pid sees it. */
static void read_version(int pid, const char *path, char *version, size_t size)
{
	char full[4200];
	struct stat st;
	void *data;
	int fd;

	snprintf(full, sizeof(full), "/proc/%d/root%s", pid, path);
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size) {
		data = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (data != MAP_FAILED) {
			ls_find_version(data, st.st_size, version, size);
			munmap(data, st.st_size);
		}
	}
	close(fd);
}

/* Version of the libnrt that a process has mapped. */
static void find_runtime(int pid, char *version, size_t size)
{
	char path[64], line[4200];
	FILE *f;

	*version = 0;
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "re");
	if (!f)
		return;
	while (!*version && fgets(line, sizeof(line), f)) {
		char *file = strchr(line, '/');

		if (!file || !strstr(file, "/libnrt.so"))
			continue;
		file[strcspn(file, "\n")] = 0;
		read_version(pid, file, version, size);
	}
	fclose(f);
}

static struct ls_process *find_process(struct ls_device *d, int pid)
{
	uint32_t i;

	for (i = 0; i < d->process_count; i++)
		if (d->processes[i].pid == pid)
			return &d->processes[i];
	return NULL;
}

static int add_process(struct ls_device *d, int pid, const char *version)
{
	struct ls_process *p;

	p = realloc(d->processes, (d->process_count + 1) * sizeof(*p));
	if (!p)
		return -ENOMEM;
	d->processes = p;
	p += d->process_count;
	p->pid = pid;
	p->command = proc_command(pid);
	if (!p->command)
		return -ENOMEM;
	snprintf(p->version, sizeof(p->version), "%s", version);
	d->process_count++;
	return 0;
}

/* A process that has the device open. */
static int add_opener(struct ls_device *d, int pid, bool all)
{
	char version[sizeof(d->processes->version)];

	if (find_process(d, pid))
		return 0;
	find_runtime(pid, version, sizeof(version));
	return all || *version ? add_process(d, pid, version) : 0;
}

/* Devices among the open files of process @pid. */
static int scan_process(struct ls_device *devices, int count, int pid, bool all)
{
	char path[300], target[sizeof(devices->found.node)];
	struct dirent *e;
	int rc = 0, i;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	/* Another user's process, or one that is gone. */
	if (!dir)
		return 0;
	while (!rc && (e = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), e->d_name, target, sizeof(target) - 1);

		if (n <= 0)
			continue;
		target[n] = 0;
		for (i = 0; !rc && i < count; i++)
			if (!strcmp(target, devices[i].found.node))
				rc = add_opener(&devices[i], pid, all);
	}
	closedir(dir);
	return rc;
}

static int scan_processes(struct ls_device *devices, int count, bool all)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;
	int rc = 0;

	if (!dir)
		return 0;
	while (!rc && (e = readdir(dir)))
		if (isdigit((unsigned char)*e->d_name))
			rc = scan_process(devices, count, atoi(e->d_name), all);
	closedir(dir);
	return rc;
}

static void remove_process(struct ls_device *d, struct ls_process *p)
{
	free(p->command);
	*p = d->processes[--d->process_count];
}

/*
 * A process that says itself whose cores it has; that of another user, too. libnrt has the other
 * devices open as well, which only @all is told.
 */
static int add_publisher(struct ls_device *d, const struct nrt_stats_file *f, bool all)
{
	struct ls_process *p = find_process(d, f->pid);
	uint32_t i;

	for (i = 0; i < f->core_count && f->cores[i].device != d->found.index; i++)
		;
	if (f->emulator)
		return 0;
	if (i == f->core_count) {
		if (p && !all)
			remove_process(d, p);
		return 0;
	}
	if (!p)
		return add_process(d, f->pid, f->runtime_version);
	snprintf(p->version, sizeof(p->version), "%s", f->runtime_version);
	return 0;
}

static int ask_processes(struct ls_device *devices, int count, bool all)
{
	struct nrt_stats_file *f = malloc(sizeof(*f));
	struct nrt_stats_source *list = NULL;
	int n = f ? nrt_stats_find(&list) : -ENOMEM, rc = n < 0 ? n : 0, i, k;
	bool alive;

	for (i = 0; i < n; i++) {
		if (!rc && !nrt_stats_read(&list[i], f, &alive) && alive)
			for (k = 0; !rc && k < count; k++)
				rc = add_publisher(&devices[k], f, all);
		nrt_stats_source_close(&list[i]);
	}
	free(list);
	free(f);
	return rc;
}

static int by_pid(const void *a, const void *b)
{
	const struct ls_process *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

int ls_devices_get(struct ls_device devices[LS_MAX_DEVICES], bool all)
{
	struct nrt_found found[LS_MAX_DEVICES];
	int count = nrt_discover(found, LS_MAX_DEVICES), rc, i;
	uint32_t cores = 0;

	if (count <= 0)
		return count;
	for (i = 0; i < count; i++) {
		devices[i] = (struct ls_device) { .found = found[i] };
		ask_driver(&devices[i]);
		devices[i].first_core = cores;
		cores += devices[i].cores;
	}
	rc = scan_processes(devices, count, all);
	if (!rc)
		rc = ask_processes(devices, count, all);
	if (rc) {
		ls_devices_free(devices, count);
		return rc;
	}
	for (i = 0; i < count; i++)
		if (devices[i].process_count)
			qsort(devices[i].processes, devices[i].process_count,
			      sizeof(*devices[i].processes), by_pid);
	return count;
}

void ls_devices_free(struct ls_device *devices, int count)
{
	uint32_t k;
	int i;

	for (i = 0; i < count; i++) {
		for (k = 0; k < devices[i].process_count; k++)
			free(devices[i].processes[k].command);
		free(devices[i].processes);
	}
}
