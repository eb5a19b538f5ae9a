// SPDX-License-Identifier: Apache-2.0
/*
 * ONNX Runtime as a server on stdin and stdout, so that a test compares hundreds of
 * models without starting a process for each. The library is found by dlopen.
 *
 * Messages, little-endian: request = u32 op, u64 size, payload; reply = u32 status
 * (0 ok, 1 error), u64 size, payload (the error's text, or tensors).
 *   'L' load a model: payload = its bytes; the reply is empty
 *   'R' run it: payload = tensors; the reply has all outputs
 *   'T' time it: payload = u32 runs, tensors; the reply is u64 nanoseconds a run
 * Tensors: u32 count, then of each u32 name length, name, u32 ONNX element type,
 * u32 rank, u64 dims[rank], u64 bytes, data.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <onnxruntime_c_api.h>

#define MAX_TENSORS 64
#define MAX_RANK 16

struct buffer {
	uint8_t *data;
	size_t size, used;
};

struct named {
	char *name;
	OrtValue *value;
};

static const OrtApi *api;
static OrtEnv *env;
static OrtSession *session;
static OrtMemoryInfo *memory;
static int threads = 1;

static void put(struct buffer *out, const void *data, size_t size)
{
	if (out->used + size > out->size) {
		out->size = (out->used + size) * 2;
		out->data = realloc(out->data, out->size);
		if (!out->data)
			exit(3);
	}
	memcpy(out->data + out->used, data, size);
	out->used += size;
}

static int get(struct buffer *in, void *data, size_t size)
{
	if (in->size - in->used < size)
		return -1;
	memcpy(data, in->data + in->used, size);
	in->used += size;
	return 0;
}

/* The text of a failed call goes to @out; returns -1 then. */
static int check(OrtStatus *status, struct buffer *out)
{
	const char *text;

	if (!status)
		return 0;
	text = api->GetErrorMessage(status);
	out->used = 0;
	put(out, text, strlen(text));
	api->ReleaseStatus(status);
	return -1;
}

static int load(struct buffer *in, struct buffer *out)
{
	OrtSessionOptions *options;
	OrtStatus *status;

	if (session)
		api->ReleaseSession(session);
	session = NULL;
	if (check(api->CreateSessionOptions(&options), out))
		return -1;
	status = api->SetIntraOpNumThreads(options, threads);
	if (!status)
		status = api->SetInterOpNumThreads(options, 1);
	if (!status)
		status = api->CreateSessionFromArray(env, in->data, in->size, options, &session);
	api->ReleaseSessionOptions(options);
	return check(status, out);
}

static int get_tensor(struct buffer *in, struct named *tensor, struct buffer *out)
{
	uint32_t length, type, rank;
	int64_t dims[MAX_RANK];
	uint64_t bytes;

	if (get(in, &length, 4) || length > 1024)
		return -1;
	tensor->name = calloc(1, length + 1);
	if (!tensor->name || get(in, tensor->name, length) || get(in, &type, 4) || get(in, &rank, 4) ||
	    rank > MAX_RANK || get(in, dims, 8 * rank) || get(in, &bytes, 8) || in->size - in->used < bytes)
		return -1;
	if (check(api->CreateTensorWithDataAsOrtValue(memory, in->data + in->used, bytes, dims, rank, type,
						      &tensor->value), out))
		return -1;
	in->used += bytes;
	return 0;
}

static size_t element_size(ONNXTensorElementDataType type)
{
	switch (type) {
	case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE:
	case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64:
	case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64:
		return 8;
	case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
	case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32:
	case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32:
		return 4;
	case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16:
	case ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16:
	case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16:
	case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16:
		return 2;
	case ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING:
		return 0;
	default:
		return 1;
	}
}

static int put_tensor(struct buffer *out, const char *name, OrtValue *value)
{
	ONNXTensorElementDataType type;
	OrtTensorTypeAndShapeInfo *info;
	int64_t dims[MAX_RANK];
	uint32_t word;
	uint64_t bytes;
	size_t rank, count;
	void *data;

	if (check(api->GetTensorTypeAndShape(value, &info), out) || check(api->GetTensorElementType(info, &type), out) ||
	    check(api->GetDimensionsCount(info, &rank), out) || rank > MAX_RANK ||
	    check(api->GetDimensions(info, dims, rank), out) ||
	    check(api->GetTensorShapeElementCount(info, &count), out) ||
	    check(api->GetTensorMutableData(value, &data), out))
		return -1;
	api->ReleaseTensorTypeAndShapeInfo(info);
	word = strlen(name);
	put(out, &word, 4);
	put(out, name, word);
	word = type;
	put(out, &word, 4);
	word = rank;
	put(out, &word, 4);
	put(out, dims, 8 * rank);
	bytes = count * element_size(type);
	put(out, &bytes, 8);
	put(out, data, bytes);
	return 0;
}

static int call(struct named *inputs, uint32_t count, struct named *outputs, size_t outs, struct buffer *out)
{
	const char *in_names[MAX_TENSORS] = { 0 }, *out_names[MAX_TENSORS] = { 0 };
	const OrtValue *in_values[MAX_TENSORS] = { 0 };
	OrtValue *out_values[MAX_TENSORS] = { 0 };
	uint32_t i;

	for (i = 0; i < count; i++) {
		in_names[i] = inputs[i].name;
		in_values[i] = inputs[i].value;
	}
	for (i = 0; i < outs; i++)
		out_names[i] = outputs[i].name;
	if (check(api->Run(session, NULL, in_names, in_values, count, out_names, outs, out_values), out))
		return -1;
	for (i = 0; i < outs; i++) {
		if (outputs[i].value)
			api->ReleaseValue(outputs[i].value);
		outputs[i].value = out_values[i];
	}
	return 0;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static int output_names(struct named *outputs, size_t *outs, struct buffer *out)
{
	OrtAllocator *allocator;
	size_t i;

	if (check(api->GetAllocatorWithDefaultOptions(&allocator), out) ||
	    check(api->SessionGetOutputCount(session, outs), out) || *outs > MAX_TENSORS)
		return -1;
	for (i = 0; i < *outs; i++)
		if (check(api->SessionGetOutputName(session, i, allocator, &outputs[i].name), out))
			return -1;
	return 0;
}

static int run(struct buffer *in, struct buffer *out, uint32_t runs)
{
	struct named inputs[MAX_TENSORS] = { 0 }, outputs[MAX_TENSORS] = { 0 };
	uint64_t start;
	uint32_t count, i;
	size_t outs;

	if (!session || get(in, &count, 4) || count > MAX_TENSORS)
		return -1;
	for (i = 0; i < count; i++)
		if (get_tensor(in, &inputs[i], out))
			return -1;
	if (output_names(outputs, &outs, out) || call(inputs, count, outputs, outs, out))
		return -1;
	out->used = 0;
	if (runs) {
		start = now();
		for (i = 0; i < runs; i++)
			if (call(inputs, count, outputs, outs, out))
				return -1;
		start = (now() - start) / runs;
		put(out, &start, 8);
	} else {
		count = outs;
		put(out, &count, 4);
		for (i = 0; i < outs; i++)
			if (put_tensor(out, outputs[i].name, outputs[i].value))
				return -1;
	}
	for (i = 0; i < MAX_TENSORS; i++) {
		if (inputs[i].value)
			api->ReleaseValue(inputs[i].value);
		if (outputs[i].value)
			api->ReleaseValue(outputs[i].value);
		free(inputs[i].name);
	}
	return 0;
}

static int handle(uint32_t op, struct buffer *in, struct buffer *out)
{
	uint32_t runs;

	if (op == 'L')
		return load(in, out);
	if (op == 'R')
		return run(in, out, 0);
	if (op == 'T' && !get(in, &runs, 4) && runs)
		return run(in, out, runs);
	put(out, "bad request", 11);
	return -1;
}

static int open_runtime(const char *path)
{
	const OrtApiBase *(*base)(void);
	void *library = dlopen(path, RTLD_NOW);

	if (!library) {
		fprintf(stderr, "ort-run: %s\n", dlerror());
		return -1;
	}
	*(void **)&base = dlsym(library, "OrtGetApiBase");
	api = base ? base()->GetApi(ORT_API_VERSION) : NULL;
	if (!api) {
		fprintf(stderr, "ort-run: %s is older than API %d\n", path, ORT_API_VERSION);
		return -1;
	}
	if (api->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "ort-run", &env) ||
	    api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory))
		return -1;
	return 0;
}

int main(int argc, char **argv)
{
	struct { uint32_t op; uint64_t size; } __attribute__((packed)) head;
	struct buffer in, out = { 0 };
	FILE *reply;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: ort-run LIBONNXRUNTIME [THREADS]\n");
		return 2;
	}
	if (argc == 3)
		threads = atoi(argv[2]);
	/* What ONNX Runtime prints must not get between the messages. */
	reply = fdopen(dup(1), "w");
	if (!reply || dup2(2, 1) < 0 || open_runtime(argv[1]))
		return 1;
	while (fread(&head, sizeof(head), 1, stdin) == 1) {
		in = (struct buffer){ malloc(head.size + 1), head.size, 0 };
		if (!in.data || fread(in.data, 1, head.size, stdin) != head.size)
			return 3;
		out.used = 0;
		head.op = handle(head.op, &in, &out) ? 1 : 0;
		head.size = out.used;
		if (fwrite(&head, sizeof(head), 1, reply) != 1 || fwrite(out.data, 1, out.used, reply) != out.used ||
		    fflush(reply))
			return 3;
		free(in.data);
	}
	return 0;
}
