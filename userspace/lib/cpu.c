// SPDX-License-Identifier: Apache-2.0
/*
 * Nodes on the CPU, by ONNX Runtime.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "dtype.h"
#include "log.h"
#include "ort_api.h"

#define LIBRARY_VARIABLE	"NEURON_RT_ONNXRUNTIME"

/* The library, once it is loaded; never unloaded, because it has threads and exit handlers. */
static struct {
	pthread_mutex_t lock;
	bool ready;
	struct ort_api api;
	OrtEnv *env;
	OrtMemoryInfo *memory;
} ort = { .lock = PTHREAD_MUTEX_INITIALIZER };

/**
 * struct nrt_cpu_session - a node
 * @neff, @node: for names
 */
struct nrt_cpu_session {
	const struct neff *neff;
	const struct neff_node *node;
	OrtSession *session;
};

static void log_line(void *param, int severity, const char *category, const char *logid,
		     const char *location, const char *message)
{
	(void)param, (void)category, (void)logid;
	/* Its errors come back as statuses too, with the node's name then. */
	nrt_log(severity >= ORT_LOG_ERROR ? NRT_LOG_INFO : NRT_LOG_DEBUG, NRT_LOG_NMGR, "onnxruntime",
		"%s: %s", location, message);
}

/* True if @status is a success; else its text is logged. */
static bool good(OrtStatus *status, const char *what, const char *name)
{
	if (!status)
		return true;
	nrt_log(NRT_LOG_ERROR, NRT_LOG_NMGR, "onnxruntime", "%s %s: %s", what, name,
		ort.api.GetErrorMessage(status));
	ort.api.ReleaseStatus(status);
	return false;
}

static void *open_library(void)
{
	static const char *const names[] = {
		"libonnxruntime.so.1", "libonnxruntime.so.1.21", "libonnxruntime.so",
	};
	const char *path = getenv(LIBRARY_VARIABLE);
	void *handle = NULL;
	size_t i;

	if (path && *path)
		return dlopen(path, RTLD_NOW | RTLD_LOCAL);
	for (i = 0; !handle && i < sizeof(names) / sizeof(names[0]); i++)
		handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	return handle;
}

#define FILL_MEMBER(slot, result, name, parameters) \
	memcpy(&ort.api.name, &table[slot], sizeof(ort.api.name));

static int fill_api(void *handle)
{
	const struct ort_api_base *(*get_base)(void);
	void *symbol = dlsym(handle, "OrtGetApiBase");
	const void *const *table;

	memcpy(&get_base, &symbol, sizeof(get_base));
	table = get_base ? get_base()->get_api(ORT_API_OLDEST) : NULL;
	if (!table) {
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NMGR, "nrt_load",
			"this ONNX Runtime is too old; 1.12 or newer is needed (package libonnxruntime1.21 of Debian 13)");
		return -ENOENT;
	}
	ORT_API(FILL_MEMBER)
	return 0;
}

static int load_library(const struct neff *neff, const struct neff_node *node)
{
	void *handle = open_library();
	const char *why = handle ? "" : dlerror();
	int rc;

	if (!handle) {
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NMGR, "nrt_load",
			"%s: operators of it run on the CPU (%s), for which ONNX Runtime is needed: install libonnxruntime1.21 (Debian 13), or name the library in " LIBRARY_VARIABLE "=/path/to/libonnxruntime.so.1 (%s)",
			neff->name, node->operators, why ? why : "not found");
		return -ENOENT;
	}
	rc = fill_api(handle);
	if (rc)
		return rc;
	if (!good(ort.api.CreateEnvWithCustomLogger(log_line, NULL, ORT_LOG_WARNING, "nrt", &ort.env),
		  "start", "") ||
	    !good(ort.api.CreateCpuMemoryInfo(ORT_DEVICE_ALLOCATOR, ORT_MEM_TYPE_DEFAULT, &ort.memory),
		  "start", ""))
		return -ENOENT;
	ort.ready = true;
	return 0;
}

/* One thread: the caller's. */
static bool create_session(struct nrt_cpu_session *s)
{
	OrtSessionOptions *options;
	bool ok;

	if (!good(ort.api.CreateSessionOptions(&options), "node", s->node->name))
		return false;
	ok = good(ort.api.SetIntraOpNumThreads(options, 1), "node", s->node->name) &&
	     good(ort.api.SetInterOpNumThreads(options, 1), "node", s->node->name) &&
	     good(ort.api.CreateSessionFromArray(ort.env, s->node->model->data, s->node->model->size,
						 options, &s->session), "node", s->node->name);
	ort.api.ReleaseSessionOptions(options);
	return ok;
}

int nrt_cpu_session_create(const struct neff *neff, const struct neff_node *node,
			   struct nrt_cpu_session **result)
{
	struct nrt_cpu_session *s;
	int rc = 0;

	pthread_mutex_lock(&ort.lock);
	if (!ort.ready)
		rc = load_library(neff, node);
	pthread_mutex_unlock(&ort.lock);
	if (rc)
		return rc;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->neff = neff;
	s->node = node;
	if (!create_session(s)) {
		free(s);
		return -EINVAL;
	}
	*result = s;
	return 0;
}

void nrt_cpu_session_free(struct nrt_cpu_session *s)
{
	if (!s)
		return;
	ort.api.ReleaseSession(s->session);
	free(s);
}

void nrt_cpu_value_free(struct nrt_cpu_value *value)
{
	if (value)
		ort.api.ReleaseValue((OrtValue *)value);
}

/* A value on @t's memory. */
static bool wrap(const struct nrt_cpu_tensor *t, OrtValue **value)
{
	int64_t dims[NEFF_MAX_DIMS];
	uint32_t i;

	for (i = 0; i < t->type->ndim; i++)
		dims[i] = t->type->shape[i];
	return good(ort.api.CreateTensorWithDataAsOrtValue(ort.memory, t->data, t->type->size, dims,
							   t->type->ndim, nrt_dtype_onnx(t->type->dtype),
							   value), "tensor", t->type->name);
}

/**
 * struct call - arguments of Run(): inputs, then outputs
 */
struct call {
	const char **names;
	OrtValue **values;
	bool *own;
	uint32_t inputs, outputs;
};

static void call_free(struct call *c)
{
	uint32_t i;

	for (i = 0; c->values && c->own && i < c->inputs + c->outputs; i++)
		if (c->own[i] && c->values[i])
			ort.api.ReleaseValue(c->values[i]);
	free(c->names);
	free(c->values);
	free(c->own);
}

static int call_fill(struct call *c, const struct nrt_cpu_tensor *inputs,
		     const struct nrt_cpu_tensor *outputs)
{
	uint32_t n = c->inputs + c->outputs, i;

	c->names = calloc(n + 1, sizeof(*c->names));
	c->values = calloc(n + 1, sizeof(*c->values));
	c->own = calloc(n + 1, sizeof(*c->own));
	if (!c->names || !c->values || !c->own)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		const struct nrt_cpu_tensor *t = i < c->inputs ? &inputs[i] : &outputs[i - c->inputs];

		c->names[i] = t->type->name;
		if (t->value) {
			c->values[i] = (OrtValue *)t->value;
		} else if (t->data) {
			c->own[i] = true;
			if (!wrap(t, &c->values[i]))
				return -EINVAL;
		}
	}
	return 0;
}

int nrt_cpu_run(struct nrt_cpu_session *s, const struct nrt_cpu_tensor *inputs,
		struct nrt_cpu_tensor *outputs)
{
	struct call c = { .inputs = s->node->input_count, .outputs = s->node->output_count };
	int rc = call_fill(&c, inputs, outputs);
	uint32_t i;

	if (!rc && !good(ort.api.Run(s->session, NULL, c.names,
				     (const OrtValue *const *)c.values, c.inputs,
				     c.names + c.inputs, c.outputs, c.values + c.inputs),
			 "node", s->node->name))
		rc = -EINVAL;
	for (i = 0; i < c.outputs && c.own; i++) {
		if (c.own[c.inputs + i])
			continue;
		/* What a run that failed made is of no use. */
		if (!rc)
			outputs[i].value = (struct nrt_cpu_value *)c.values[c.inputs + i];
		else
			c.own[c.inputs + i] = true;
	}
	call_free(&c);
	return rc;
}

static int wrong(const struct neff_tensor *type, const char *what)
{
	nrt_log(NRT_LOG_ERROR, NRT_LOG_NMGR, "nrt_execute", "output %s of a node on the CPU %s", type->name,
		what);
	return -EINVAL;
}

static int read_shape(OrtTensorInfo *info, const struct neff_tensor *type, uint32_t *ndim,
		      uint32_t *shape, uint64_t *size)
{
	int64_t dims[NEFF_MAX_DIMS];
	size_t n;
	int code;

	if (!good(ort.api.GetTensorElementType(info, &code), "tensor", type->name) ||
	    !good(ort.api.GetDimensionsCount(info, &n), "tensor", type->name))
		return -EINVAL;
	if (code != nrt_dtype_onnx(type->dtype))
		return wrong(type, "has another type than the model said");
	if (n > NEFF_MAX_DIMS)
		return wrong(type, "has too many dimensions");
	if (!good(ort.api.GetDimensions(info, dims, n), "tensor", type->name))
		return -EINVAL;
	*ndim = n;
	*size = nrt_dtype_size(type->dtype);
	for (size_t i = 0; i < n; i++) {
		if (dims[i] < 0 || dims[i] > UINT32_MAX ||
		    __builtin_mul_overflow(*size, (uint64_t)dims[i], size))
			return wrong(type, "is too large");
		shape[i] = dims[i];
	}
	return 0;
}

int nrt_cpu_value_read(const struct nrt_cpu_value *value, const struct neff_tensor *type,
		       uint32_t *ndim, uint32_t *shape, const void **data, uint64_t *size)
{
	OrtValue *v = (OrtValue *)value;
	OrtTensorInfo *info;
	void *bytes = NULL;
	int rc, is_tensor;

	if (!good(ort.api.IsTensor(v, &is_tensor), "tensor", type->name))
		return -EINVAL;
	if (!is_tensor)
		return wrong(type, "is no tensor");
	if (!good(ort.api.GetTensorTypeAndShape(v, &info), "tensor", type->name))
		return -EINVAL;
	rc = read_shape(info, type, ndim, shape, size);
	ort.api.ReleaseTensorTypeAndShapeInfo(info);
	if (!rc && !good(ort.api.GetTensorMutableData(v, &bytes), "tensor", type->name))
		rc = -EINVAL;
	*data = bytes;
	return rc;
}
