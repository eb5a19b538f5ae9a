// SPDX-License-Identifier: Apache-2.0
/*
 * nrt_init() and nrt_close(): which NeuronCores are this process's.
 *
 * state_lock is held for reading during the calls that use the state, for writing while it
 * changes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nrt/nrt_open.h>

#include "memlog.h"
#include "model.h"
#include "profile.h"
#include "runtime.h"
#include "stats.h"

/* Under this name the documentation has its messages. */
#define ALLOCATE "nrt_allocate_neuron_cores"

enum state {
	STATE_NEW,
	STATE_OPEN,
	STATE_CLOSED,
};

struct nrt_runtime nrt_runtime = { .lock = PTHREAD_MUTEX_INITIALIZER };

static pthread_rwlock_t state_lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static _Atomic enum state state;

NRT_STATUS nrt_check_state(const char *function)
{
	switch (state) {
	case STATE_OPEN:
		return NRT_SUCCESS;
	case STATE_CLOSED:
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, function, "called after nrt_close()");
		return NRT_CLOSED;
	default:
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, function, "called before nrt_init()");
		return NRT_UNINITIALIZED;
	}
}

NRT_STATUS nrt_enter(const char *function)
{
	NRT_STATUS status;

	pthread_rwlock_rdlock(&state_lock);
	status = nrt_check_state(function);
	if (status)
		pthread_rwlock_unlock(&state_lock);
	return status;
}

void nrt_leave(void)
{
	pthread_rwlock_unlock(&state_lock);
}

static void before_fork(void)
{
	nrt_devices_before_fork();
}

static void after_fork_in_parent(void)
{
	nrt_devices_after_fork(false);
}

/* The child of a fork has neither the parent's threads nor a right to its NeuronCores. */
static void after_fork(void)
{
	static const pthread_rwlock_t fresh = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

	nrt_devices_after_fork(true);
	nrt_memlog_forked();
	if (state == STATE_NEW)
		return;
	state_lock = fresh;
	nrt_runtime = (struct nrt_runtime) { .lock = PTHREAD_MUTEX_INITIALIZER };
	nrt_stats_forget();
	nrt_profile_forget();
	state = STATE_NEW;
}

static void register_fork_handler(void)
{
	pthread_atfork(before_fork, after_fork_in_parent, after_fork);
}

static uint32_t count_cores(struct nrt_device *const *devices, int count)
{
	uint32_t cores = 0;
	int i;

	for (i = 0; i < count; i++)
		cores += devices[i]->cores;
	return cores;
}

/* Device and number of core @index of all devices. */
static struct nrt_core locate(const struct nrt_runtime *rt, uint32_t index)
{
	int i = 0;

	while (index >= rt->devices[i]->cores)
		index -= rt->devices[i++]->cores;
	return (struct nrt_core) { .dev = rt->devices[i], .number = index };
}

/* Who has a core that we could not get: for the message. */
struct busy {
	uint32_t core;
	int holder;
};

static void release(struct nrt_core *cores, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		cores[i].dev->ops->cores_release(cores[i].dev, 1u << cores[i].number);
}

/*
 * Take cores @first .. @first + @count - 1 of all; with @working, without those of devices that are
 * gone, of which a device is known that is not.
 */
static int acquire(struct nrt_runtime *rt, uint32_t first, uint32_t count, bool working,
		   struct busy *busy)
{
	uint32_t taken = 0, i;

	for (i = 0; i < count; i++) {
		struct nrt_core *core = &rt->cores[taken];
		uint32_t mask = 0;
		int rc;

		*core = locate(rt, first + i);
		if (working && core->dev->gone)
			continue;
		rc = core->dev->ops->cores_acquire(core->dev, 1u << core->number, &mask,
						   &busy->holder);
		if (rc) {
			busy->core = first + i;
			release(rt->cores, taken);
			return rc;
		}
		taken++;
	}
	rt->core_count = taken;
	return 0;
}

/* Take @count cores in a row, wherever they are free. */
static int acquire_free(struct nrt_runtime *rt, uint32_t total, uint32_t count, struct busy *busy)
{
	uint32_t first = 0;
	int rc = -EBUSY;

	while (rc == -EBUSY && first + count <= total) {
		rc = acquire(rt, first, count, false, busy);
		if (rc == -EIO && locate(rt, busy->core).dev->gone)
			rc = -EBUSY;
		/* Any range that has the busy core is of no use. */
		if (rc == -EBUSY)
			first = busy->core + 1;
	}
	return rc;
}

static uint32_t count_free(const struct nrt_runtime *rt, uint32_t first, uint32_t count)
{
	uint32_t i, n = 0;

	for (i = first; i < first + count; i++) {
		struct nrt_core core = locate(rt, i);

		n += !core.dev->gone && !(core.dev->busy & 1u << core.number);
	}
	return n;
}

static void process_name(int pid, char *name, size_t size)
{
	char path[32];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = fopen(path, "re");
	if (!f || !fgets(name, size, f))
		snprintf(name, size, "?");
	name[strcspn(name, "\n")] = 0;
	if (f)
		fclose(f);
}

static void report_busy(const struct nrt_runtime *rt, uint32_t first, uint32_t count,
			const struct busy *busy)
{
	char who[80] = "another process";
	char name[32];

	if (locate(rt, busy->core).dev->gone) {
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, ALLOCATE,
			"NeuronCore(s) not available - Requested:nc%u-nc%u Available:%u; nc%u is of neuron%u, which is broken or about to go: reset the device, or choose others with NEURON_RT_VISIBLE_CORES",
			first, first + count - 1, count_free(rt, first, count), busy->core,
			locate(rt, busy->core).dev->index);
		return;
	}
	if (busy->holder > 0) {
		process_name(busy->holder, name, sizeof(name));
		snprintf(who, sizeof(who), "process %d (%s)", busy->holder, name);
	}
	nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, ALLOCATE,
		"NeuronCore(s) not available - Requested:nc%u-nc%u Available:%u; nc%u is held by %s: end it, or choose others with NEURON_RT_VISIBLE_CORES or NEURON_RT_NUM_CORES",
		first, first + count - 1, count_free(rt, first, count), busy->core, who);
}

/* The groups of NEURONCORE_GROUP_SIZES, one after the other. */
static void lay_out_groups(struct nrt_runtime *rt, const struct nrt_env *env)
{
	uint32_t first = 0, i;

	for (i = 0; i < env->group_count; i++) {
		rt->groups[i] = (struct nrt_group) { first, env->groups[i] };
		first += env->groups[i].instances * env->groups[i].cores;
	}
	rt->group_count = env->group_count;
	if (first)
		nrt_log(NRT_LOG_WARN, NRT_LOG_NRT, ALLOCATE,
			"NEURONCORE_GROUP_SIZES is deprecated: use NEURON_RT_NUM_CORES=%u, and say where models go when they are loaded",
			first);
}

static int take_cores(struct nrt_runtime *rt, const struct nrt_env *env)
{
	uint32_t total = count_cores(rt->devices, rt->device_count);
	uint32_t first = env->visible_cores ? env->first_core : 0;
	uint32_t count = nrt_env_cores(env, total);
	struct busy busy = { 0 };
	int rc;

	lay_out_groups(rt, env);
	if (first >= total || count > total - first) {
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, ALLOCATE,
			"NeuronCore(s) not available - Requested:nc%u-nc%u Available:%u; there are only %u, nc0-nc%u: change %s",
			first, first + count - 1, total, total, total - 1,
			rt->group_count ? "NEURONCORE_GROUP_SIZES" :
			"NEURON_RT_VISIBLE_CORES or NEURON_RT_NUM_CORES");
		return -ENOSPC;
	}
	rt->cores = calloc(count, sizeof(*rt->cores));
	if (!rt->cores)
		return -ENOMEM;
	if (!env->visible_cores && (env->num_cores || env->group_count)) {
		rc = acquire_free(rt, total, count, &busy);
		if (rc == -EBUSY)
			report_busy(rt, 0, total, &busy);
	} else {
		rc = acquire(rt, first, count, !env->visible_cores, &busy);
		if (rc == -EBUSY || (rc == -EIO && locate(rt, busy.core).dev->gone))
			report_busy(rt, first, count, &busy);
	}
	return rc;
}

static void shut_down(struct nrt_runtime *rt)
{
	int i;

	nrt_stats_close();
	nrt_profile_close();
	while (rt->models)
		nrt_model_destroy(rt, rt->models);
	release(rt->cores, rt->core_count);
	free(rt->cores);
	for (i = 0; i < rt->device_count; i++)
		nrt_device_put(rt->devices[i]);
	*rt = (struct nrt_runtime) { .lock = PTHREAD_MUTEX_INITIALIZER };
}

static NRT_STATUS start_up(struct nrt_runtime *rt)
{
	char error[256] = "";
	struct nrt_env env;
	int rc;

	rc = nrt_env_read(&env, error, sizeof(error));
	nrt_log_configure(&env.log);
	if (rc) {
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, "nrt_init", "%s", error);
		return NRT_INVALID;
	}
	rc = nrt_devices_open(&env, rt->devices);
	if (rc < 0)
		return rc == -ENOMEM ? NRT_RESOURCE : NRT_FAILURE;
	rt->device_count = rc;
	rt->emulator = env.device == NRT_DEVICE_EMULATOR;
	rt->timeout_ms = env.timeout_ms;
	rt->validate_hash = env.validate_hash;
	rt->share_weights = env.share_weights;
	rt->dump_inputs = env.dump_inputs;
	nrt_memlog_configure(env.memlog_entries);
	rc = take_cores(rt, &env);
	if (rc) {
		shut_down(rt);
		return rc == -EBUSY ? NRT_RESOURCE : nrt_status_of(rc);
	}
	return NRT_SUCCESS;
}

NRT_API NRT_STATUS nrt_init(nrt_framework_type_t framework, const char *fw_version,
			    const char *fal_version)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	NRT_STATUS status;

	pthread_once(&once, register_fork_handler);
	pthread_rwlock_wrlock(&state_lock);
	if (state == STATE_OPEN) {
		nrt_err(NRT, "initialized already: one nrt_init() a process, until nrt_close()");
		status = NRT_FAILURE;
	} else if (framework <= NRT_FRAMEWORK_TYPE_INVALID ||
		   framework > NRT_FRAMEWORK_TYPE_PRECHECK || !fw_version || !fal_version) {
		nrt_err(NRT, "framework %d or a version that is NULL is not valid", framework);
		status = NRT_INVALID;
	} else {
		status = start_up(&nrt_runtime);
	}
	if (!status) {
		state = STATE_OPEN;
		nrt_stats_open(&nrt_runtime, framework, fw_version, fal_version);
		nrt_info(NRT, "%u NeuronCores of %d devices", nrt_runtime.core_count,
			 nrt_runtime.device_count);
	}
	pthread_rwlock_unlock(&state_lock);
	return status;
}

NRT_API void nrt_close(void)
{
	pthread_rwlock_wrlock(&state_lock);
	if (state == STATE_OPEN) {
		shut_down(&nrt_runtime);
		state = STATE_CLOSED;
	}
	pthread_rwlock_unlock(&state_lock);
}

/*
 * Cores of all devices, when there is no state to ask. @rc and @error: how it went to read @env, for
 * @function.
 */
static NRT_STATUS probe(const char *function, const struct nrt_env *env, int rc, const char *error,
			uint32_t *total)
{
	struct nrt_device *devices[NRT_MAX_DEVICES];
	int n;

	nrt_log_configure(&env->log);
	if (rc) {
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, function, "%s", error);
		return NRT_INVALID;
	}
	n = nrt_devices_open(env, devices);
	if (n < 0)
		return NRT_FAILURE;
	*total = count_cores(devices, n);
	while (n--)
		nrt_device_put(devices[n]);
	return NRT_SUCCESS;
}

/* For @function: the cores of this process (@visible), or of all devices. */
static NRT_STATUS get_count(const char *function, bool visible, uint32_t *nc_count)
{
	NRT_STATUS status = NRT_SUCCESS;
	struct nrt_env env;
	char error[256];
	uint32_t total;
	int rc;

	if (!nc_count)
		return NRT_INVALID;
	pthread_rwlock_rdlock(&state_lock);
	if (state == STATE_OPEN) {
		*nc_count = visible ? nrt_runtime.core_count :
			    count_cores(nrt_runtime.devices, nrt_runtime.device_count);
	} else {
		/* How many there are has nothing to do with what this process would like to have. */
		rc = visible ? nrt_env_read(&env, error, sizeof(error)) :
		     nrt_env_read_device(&env, error, sizeof(error));
		status = probe(function, &env, rc, error, &total);
		if (!status)
			*nc_count = visible ? nrt_env_cores(&env, total) : total;
	}
	pthread_rwlock_unlock(&state_lock);
	return status;
}

NRT_API NRT_STATUS nrt_get_total_nc_count(uint32_t *nc_count)
{
	return get_count(__func__, false, nc_count);
}

NRT_API NRT_STATUS nrt_get_visible_nc_count(uint32_t *nc_count)
{
	return get_count(__func__, true, nc_count);
}

NRT_API const char *nrt_open_last_error(void)
{
	return nrt_log_last_error();
}
