// SPDX-License-Identifier: Apache-2.0
/*
 * Publishes the process's statistics. Who executes adds to counters of the mapped file; a
 * core's meter is under that meter's lock, the table of models under nrt_runtime.lock, amounts
 * of memory under memory_lock, which also keeps the mapping for those that come without
 * nrt_enter().
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model.h"
#include "stats.h"
#include "stats_dir.h"
#include "stats_file.h"

/**
 * struct meter - measures how long a core is at work
 * @jobs: on the core now
 */
struct meter {
	pthread_mutex_t lock;
	uint32_t jobs;
};

static struct nrt_stats_file *file;
static int file_fd = -1;
static char file_path[NRT_STATS_PATH];

static struct meter meters[NRT_STATS_CORES];
static uint32_t meter_count;

static pthread_mutex_t memory_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t used[2];

static void copy_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

static void fill_cores(struct nrt_stats_file *f, const struct nrt_runtime *rt)
{
	uint32_t i;
	int k;

	f->core_count = rt->core_count < NRT_STATS_CORES ? rt->core_count : NRT_STATS_CORES;
	for (i = 0; i < f->core_count; i++) {
		const struct nrt_core *core = &rt->cores[i];

		f->cores[i].index = core->number;
		for (k = 0; rt->devices[k] != core->dev; k++)
			f->cores[i].index += rt->devices[k]->cores;
		f->cores[i].device = core->dev->index;
		meters[i] = (struct meter) { .lock = PTHREAD_MUTEX_INITIALIZER };
	}
	meter_count = f->core_count;
}

static void fill(struct nrt_stats_file *f, const struct nrt_runtime *rt,
		 nrt_framework_type_t framework, const char *framework_version,
		 const char *fal_version)
{
	const char *tag = getenv("NEURON_PROCESS_TAG");
	struct stat st;

	f->magic = NRT_STATS_MAGIC;
	f->version = NRT_STATS_VERSION;
	f->size = sizeof(*f);
	f->pid = getpid();
	f->emulator = rt->emulator;
	f->start_time = nrt_stats_start_time(f->pid);
	if (!stat("/proc/self/ns/pid", &st))
		f->pid_namespace = st.st_ino;
	f->framework = framework;
	copy_text(f->framework_version, sizeof(f->framework_version), framework_version);
	copy_text(f->fal_version, sizeof(f->fal_version), fal_version);
	copy_text(f->runtime_version, sizeof(f->runtime_version), NEURON_VERSION);
	if (tag && *tag)
		copy_text(f->tag, NRT_STATS_TAG + 1, tag);
	else
		snprintf(f->tag, sizeof(f->tag), "%d", f->pid);
	fill_cores(f, rt);
}

/*
 * A file of zeros under a name that readers do not look at, since what they see has a holder
 * of its lock.
 */
static int create(const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd;

	/* Of a process that was killed on its way. */
	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	/* For monitors of other users, whatever the umask. */
	if (fchmod(fd, 0644) || posix_fallocate(fd, 0, sizeof(struct nrt_stats_file)) ||
	    fcntl(fd, F_OFD_SETLK, &lock)) {
		unlink(path);
		close(fd);
		return -ENOSPC;
	}
	return fd;
}

static int map(struct nrt_stats_file **f)
{
	*f = mmap(NULL, sizeof(**f), PROT_READ | PROT_WRITE, MAP_SHARED, file_fd, 0);
	return *f == MAP_FAILED ? -errno : 0;
}

/* The file in @directory, complete before tools see it. Leaves nothing behind when it fails. */
static int publish(const char *directory, struct nrt_stats_file **f, const struct nrt_runtime *rt,
		   nrt_framework_type_t framework, const char *framework_version,
		   const char *fal_version)
{
	char path[NRT_STATS_PATH];
	int rc;

	nrt_stats_reap(directory);
	snprintf(path, sizeof(path), "%s/.new-%d", directory, getpid());
	snprintf(file_path, sizeof(file_path), "%s/%d.%" PRIu64, directory, getpid(),
		 nrt_stats_start_time(getpid()));
	file_fd = create(path);
	rc = file_fd < 0 ? file_fd : map(f);
	if (!rc) {
		fill(*f, rt, framework, framework_version, fal_version);
		/* Another user's file of this name would stay. */
		rc = rename(path, file_path) ? -errno : 0;
		if (!rc)
			return 0;
		munmap(*f, sizeof(**f));
	}
	if (file_fd >= 0) {
		unlink(path);
		close(file_fd);
	}
	file_fd = -1;
	*file_path = 0;
	return rc;
}

void nrt_stats_open(const struct nrt_runtime *rt, nrt_framework_type_t framework,
		    const char *framework_version, const char *fal_version)
{
	char directory[NRT_STATS_PATH - 64];
	struct nrt_stats_file *f = NULL;
	unsigned int i;
	int rc;

	for (i = 0; !f; i++) {
		rc = nrt_stats_own_directory(i, directory, sizeof(directory));
		if (rc == -ENOENT && i)
			return;
		if (rc)
			strcpy(directory, "directory");
		else
			rc = publish(directory, &f, rt, framework, framework_version, fal_version);
		if (rc) {
			nrt_info(NRT, "no statistics for neuron-monitor and neuron-top: %s: %s",
				 directory, strerror(-rc));
			f = NULL;
		}
	}
	pthread_mutex_lock(&memory_lock);
	atomic_store_explicit(&f->device_bytes, used[NRT_MEM_DEVICE], memory_order_relaxed);
	atomic_store_explicit(&f->host_bytes, used[NRT_MEM_HOST], memory_order_relaxed);
	file = f;
	pthread_mutex_unlock(&memory_lock);
}

/* Also when the process exits without nrt_close(). */
static void __attribute__((destructor)) remove_file(void)
{
	if (*file_path)
		unlink(file_path);
	*file_path = 0;
}

void nrt_stats_close(void)
{
	remove_file();
	pthread_mutex_lock(&memory_lock);
	if (file)
		munmap(file, sizeof(*file));
	file = NULL;
	pthread_mutex_unlock(&memory_lock);
	if (file_fd >= 0)
		close(file_fd);
	file_fd = -1;
}

void nrt_stats_forget(void)
{
	memory_lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	*file_path = 0;
	nrt_stats_close();
}

/* Bytes of a subgraph of an instance. What instances share counts for the first of them. */
static void add_memory(const struct nrt_model *m, const struct nrt_instance *instance,
		       uint32_t node, struct nrt_stats_subgraph *s)
{
	const struct nrt_instance *other = m->instances;
	uint32_t i;

	if (instance->images[node]) {
		while (other->images[node] != instance->images[node])
			other++;
		if (other == instance)
			s->device += instance->images[node]->size;
	}
	for (i = 0; i < instance->slot_count; i++)
		if (instance->slots[i].nodes[node].data)
			s->device += instance->slots[i].nodes[node].data->size;
	/* Tensors between nodes belong to the model; the first node has them. */
	if (!node)
		s->host += instance->slot_count * nrt_between_size(m->neff);
}

static bool add_instance(struct nrt_stats_file *f, const struct nrt_model *m, uint32_t index)
{
	const struct nrt_instance *instance = &m->instances[index];
	struct nrt_stats_model *to = &f->models[f->model_count];
	const struct neff *neff = m->neff;
	uint32_t i;

	if (f->model_count == NRT_STATS_MODELS ||
	    neff->node_count > NRT_STATS_SUBGRAPHS - f->subgraph_count)
		return false;
	*to = (struct nrt_stats_model) {
		.id = m->id + index,
		.first = f->subgraph_count,
		.count = neff->node_count,
	};
	copy_text(to->name, sizeof(to->name), neff->name);
	for (i = 0; i < sizeof(neff->header.uuid); i++)
		sprintf(to->uuid + 2 * i, "%02x", neff->header.uuid[i]);
	for (i = 0; i < neff->node_count; i++) {
		struct nrt_stats_subgraph *s = &f->subgraphs[to->first + i];
		uint32_t core = instance->cores[i] - nrt_runtime.cores;

		*s = (struct nrt_stats_subgraph) { 0 };
		copy_text(s->name, sizeof(s->name), neff->nodes[i].name);
		s->core = core < f->core_count ? f->cores[core].index : core;
		s->device_index = instance->cores[i]->dev->index;
		add_memory(m, instance, i, s);
		to->host += s->host;
		to->device += s->device;
	}
	f->model_count++;
	f->subgraph_count += neff->node_count;
	return true;
}

void nrt_stats_models(const struct nrt_runtime *rt)
{
	struct nrt_stats_file *f = file;
	const struct nrt_model *m;
	uint32_t seq, i;

	if (!f)
		return;
	seq = atomic_load_explicit(&f->seq, memory_order_relaxed);
	atomic_store_explicit(&f->seq, seq + 1, memory_order_relaxed);
	/* Readers that see some of what follows see the odd number, too. */
	atomic_thread_fence(memory_order_release);
	f->model_count = f->subgraph_count = f->models_lost = 0;
	for (m = rt->models; m; m = m->next)
		for (i = 0; i < m->instance_count; i++)
			f->models_lost += !add_instance(f, m, i);
	/* Readers that see the even number see all of the above. */
	atomic_store_explicit(&f->seq, seq + 2, memory_order_release);
}

/* What an execution counts as. */
static enum nrt_stats_outcome outcome_of(NRT_STATUS status, int *error)
{
	switch (status) {
	case NRT_SUCCESS:
		*error = -1;
		return NRT_STATS_COMPLETED;
	case NRT_EXEC_COMPLETED_WITH_NUM_ERR:
		*error = NRT_STATS_NUMERICAL;
		return NRT_STATS_COMPLETED_WITH_NUM_ERR;
	case NRT_EXEC_COMPLETED_WITH_ERR:
		*error = NRT_STATS_MODEL;
		return NRT_STATS_COMPLETED_WITH_ERR;
	case NRT_HW_ERROR:
		*error = NRT_STATS_HARDWARE;
		return NRT_STATS_COMPLETED_WITH_ERR;
	case NRT_TIMEOUT:
		*error = NRT_STATS_GENERIC;
		return NRT_STATS_TIMED_OUT;
	case NRT_EXEC_BAD_INPUT:
	case NRT_INVALID:
	case NRT_INVALID_HANDLE:
		*error = NRT_STATS_GENERIC;
		return NRT_STATS_INCORRECT_INPUT;
	case NRT_QUEUE_FULL:
	case NRT_EXEC_NC_BUSY:
		*error = NRT_STATS_TRANSIENT;
		return NRT_STATS_FAILED_TO_QUEUE;
	case NRT_RESOURCE:
		*error = NRT_STATS_RUNTIME;
		return NRT_STATS_FAILED_TO_QUEUE;
	default:
		*error = NRT_STATS_RUNTIME;
		return NRT_STATS_COMPLETED_WITH_ERR;
	}
}

static void count(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

void nrt_stats_executed(NRT_STATUS status, uint64_t total_ns, uint64_t device_ns)
{
	struct nrt_stats_file *f = file;
	enum nrt_stats_outcome outcome;
	int error;

	if (!f)
		return;
	outcome = outcome_of(status, &error);
	if (outcome == NRT_STATS_COMPLETED || outcome == NRT_STATS_COMPLETED_WITH_NUM_ERR) {
		count(&f->total.bucket[nrt_stats_bucket(total_ns)]);
		if (device_ns)
			count(&f->on_device.bucket[nrt_stats_bucket(device_ns)]);
	}
	if (error >= 0)
		count(&f->errors[error]);
	count(&f->outcomes[outcome]);
}

static void set_meter(struct nrt_stats_core *core, uint64_t busy_ns, uint64_t since_ns)
{
	uint32_t seq = atomic_load_explicit(&core->seq, memory_order_relaxed);

	atomic_store_explicit(&core->seq, seq + 1, memory_order_relaxed);
	/* As in nrt_stats_models(). */
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&core->busy_ns, busy_ns, memory_order_relaxed);
	atomic_store_explicit(&core->since_ns, since_ns, memory_order_relaxed);
	/* As in nrt_stats_models(). */
	atomic_store_explicit(&core->seq, seq + 2, memory_order_release);
}

void nrt_stats_core_busy(uint32_t index, uint64_t now)
{
	if (!file || index >= meter_count)
		return;
	pthread_mutex_lock(&meters[index].lock);
	if (!meters[index].jobs++)
		set_meter(&file->cores[index], file->cores[index].busy_ns, now);
	pthread_mutex_unlock(&meters[index].lock);
}

void nrt_stats_core_idle(uint32_t index, uint64_t now)
{
	struct nrt_stats_core *core;

	if (!file || index >= meter_count)
		return;
	core = &file->cores[index];
	pthread_mutex_lock(&meters[index].lock);
	/* A thread that took its time before the one that began may come later. */
	if (!--meters[index].jobs)
		set_meter(core, core->busy_ns + (now > core->since_ns ? now - core->since_ns : 0), 0);
	pthread_mutex_unlock(&meters[index].lock);
}

void nrt_stats_memory(enum nrt_mem_type type, int64_t bytes)
{
	pthread_mutex_lock(&memory_lock);
	used[type] += bytes;
	if (file)
		atomic_store_explicit(type == NRT_MEM_DEVICE ? &file->device_bytes :
				      &file->host_bytes, used[type], memory_order_relaxed);
	pthread_mutex_unlock(&memory_lock);
}
