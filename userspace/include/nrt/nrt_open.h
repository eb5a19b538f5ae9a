/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libnrt: calls that the Inf1-era runtime does not have. Programs that use them run with
 * this implementation only.
 */
#ifndef NRT_NRT_OPEN_H
#define NRT_NRT_OPEN_H

#include <nrt/nrt.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * nrt_open_last_error - what went wrong in this thread's last call that failed
 *
 * Returns one line without newline, "" if nothing did. Valid until the thread's next call of
 * the library. Works at any time.
 */
const char *nrt_open_last_error(void);

/**
 * struct nrt_open_execute_info - about an execution
 * @cycles: NeuronCore cycles, summed over the model's subgraphs. A model of the chip, not a
 *	measurement of silicon
 * @device_ns: host time from submission to completion, summed over the subgraphs
 * @core: visible core that ran the (first) subgraph
 */
typedef struct nrt_open_execute_info {
	uint64_t cycles;
	uint64_t device_ns;
	uint32_t core;
	uint32_t reserved;
} nrt_open_execute_info_t;

/**
 * nrt_open_get_execute_info - about this thread's last nrt_execute() that completed
 *
 * NRT_FAILURE: there was none.
 */
NRT_STATUS nrt_open_get_execute_info(nrt_open_execute_info_t *info);

#ifdef __cplusplus
}
#endif

#endif
