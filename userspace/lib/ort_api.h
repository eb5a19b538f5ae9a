/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of ONNX Runtime's C API that libnrt calls, so that it builds where its header is
 * not installed. The API is a table of functions that only grows: a slot keeps its number.
 */
#ifndef NRT_ORT_API_H
#define NRT_ORT_API_H

#include <stddef.h>
#include <stdint.h>

/* Opaque objects of the library. */
typedef struct OrtStatus OrtStatus;
typedef struct OrtEnv OrtEnv;
typedef struct OrtSession OrtSession;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtValue OrtValue;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtTensorInfo OrtTensorInfo;

#define ORT_API_OLDEST		12	/* releases since 1.12 have it */
#define ORT_API_SLOTS		101

#define ORT_DEVICE_ALLOCATOR	0
#define ORT_MEM_TYPE_DEFAULT	0
#define ORT_LOG_WARNING		2
#define ORT_LOG_ERROR		3

typedef void (*ort_log_fn)(void *param, int severity, const char *category, const char *logid,
			   const char *location, const char *message);

/* ORT_FN(slot, result, name, parameters) */
#define ORT_API(ORT_FN)									\
	ORT_FN(2, const char *, GetErrorMessage, (const OrtStatus *))			\
	ORT_FN(4, OrtStatus *, CreateEnvWithCustomLogger,				\
	       (ort_log_fn, void *, int, const char *, OrtEnv **))			\
	ORT_FN(8, OrtStatus *, CreateSessionFromArray,					\
	       (const OrtEnv *, const void *, size_t, const OrtSessionOptions *, OrtSession **)) \
	ORT_FN(9, OrtStatus *, Run,							\
	       (OrtSession *, const void *, const char *const *, const OrtValue *const *, size_t, \
		const char *const *, size_t, OrtValue **))				\
	ORT_FN(10, OrtStatus *, CreateSessionOptions, (OrtSessionOptions **))		\
	ORT_FN(24, OrtStatus *, SetIntraOpNumThreads, (OrtSessionOptions *, int))	\
	ORT_FN(25, OrtStatus *, SetInterOpNumThreads, (OrtSessionOptions *, int))	\
	ORT_FN(49, OrtStatus *, CreateTensorWithDataAsOrtValue,				\
	       (const OrtMemoryInfo *, void *, size_t, const int64_t *, size_t, int, OrtValue **)) \
	ORT_FN(50, OrtStatus *, IsTensor, (const OrtValue *, int *))			\
	ORT_FN(51, OrtStatus *, GetTensorMutableData, (OrtValue *, void **))		\
	ORT_FN(60, OrtStatus *, GetTensorElementType, (const OrtTensorInfo *, int *))	\
	ORT_FN(61, OrtStatus *, GetDimensionsCount, (const OrtTensorInfo *, size_t *))	\
	ORT_FN(62, OrtStatus *, GetDimensions, (const OrtTensorInfo *, int64_t *, size_t))	\
	ORT_FN(65, OrtStatus *, GetTensorTypeAndShape, (const OrtValue *, OrtTensorInfo **))	\
	ORT_FN(69, OrtStatus *, CreateCpuMemoryInfo, (int, int, OrtMemoryInfo **))	\
	ORT_FN(93, void, ReleaseStatus, (OrtStatus *))					\
	ORT_FN(95, void, ReleaseSession, (OrtSession *))				\
	ORT_FN(96, void, ReleaseValue, (OrtValue *))					\
	ORT_FN(99, void, ReleaseTensorTypeAndShapeInfo, (OrtTensorInfo *))		\
	ORT_FN(100, void, ReleaseSessionOptions, (OrtSessionOptions *))

#define ORT_MEMBER(slot, result, name, parameters)	result (*name) parameters;
struct ort_api { ORT_API(ORT_MEMBER) };

/* What OrtGetApiBase() returns. */
struct ort_api_base {
	const void *const *(*get_api)(uint32_t version);
	const char *(*get_version)(void);
};

#endif
