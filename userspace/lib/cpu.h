/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes on the CPU: ONNX models, run by ONNX Runtime on the caller's thread. The library is
 * loaded when the first model needs it, and stays.
 */
#ifndef NRT_CPU_H
#define NRT_CPU_H

#include "neff.h"

struct nrt_cpu_session;
struct nrt_cpu_value;

/**
 * struct nrt_cpu_tensor - an input or output of an execution
 * @type: of an input, or what is expected of an output
 * @data: its memory, @type->size bytes. NULL for an output that gets its memory from ONNX
 *	Runtime, and for an input that is such an output
 * @value: such an output; nrt_cpu_value_free() it
 */
struct nrt_cpu_tensor {
	const struct neff_tensor *type;
	void *data;
	struct nrt_cpu_value *value;
};

/*
 * Make @node of @neff ready. -ENOENT: there is no ONNX Runtime; -EINVAL: it refuses the
 * model. Both are logged.
 */
int nrt_cpu_session_create(const struct neff *neff, const struct neff_node *node,
			   struct nrt_cpu_session **session);
void nrt_cpu_session_free(struct nrt_cpu_session *session);

/* Run. Any number of threads may at a time. -EINVAL after an error was logged, -ENOMEM. */
int nrt_cpu_run(struct nrt_cpu_session *session, const struct nrt_cpu_tensor *inputs,
		struct nrt_cpu_tensor *outputs);

/* The true shape and the bytes of an output of unknown shape; -EINVAL after a log entry. */
int nrt_cpu_value_read(const struct nrt_cpu_value *value, const struct neff_tensor *type,
		       uint32_t *ndim, uint32_t *shape, const void **data, uint64_t *size);
void nrt_cpu_value_free(struct nrt_cpu_value *value);

#endif
