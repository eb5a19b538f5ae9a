/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Status codes of libnrt. Values are ABI, those of the Inf1-era runtime.
 */
#ifndef NRT_NRT_STATUS_H
#define NRT_NRT_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
	NRT_SUCCESS = 0,
	NRT_FAILURE = 1,			/* no better code; the log says more */
	NRT_INVALID = 2,			/* argument, NEFF or tensor range not valid */
	NRT_INVALID_HANDLE = 3,			/* not a model that is loaded */
	NRT_RESOURCE = 4,			/* out of memory, NeuronCores or other resources */
	NRT_TIMEOUT = 5,			/* NEURON_RT_EXEC_TIMEOUT passed */
	NRT_HW_ERROR = 6,			/* device failed or went away */
	NRT_QUEUE_FULL = 7,			/* more work in flight than the queue holds */
	NRT_LOAD_NOT_ENOUGH_NC = 9,		/* the NEFF needs more NeuronCores */
	NRT_UNSUPPORTED_NEFF_VERSION = 10,	/* version, features or instruction set */
	NRT_FAIL_HOST_MEM_ALLOC = 11,		/* kept for the ABI; NRT_RESOURCE is returned */
	NRT_UNINITIALIZED = 13,			/* before nrt_init() */
	NRT_CLOSED = 14,			/* after nrt_close() */

	NRT_EXEC_BAD_INPUT = 1002,		/* tensor missing, unknown or of the wrong size */
	NRT_EXEC_COMPLETED_WITH_NUM_ERR = 1003,	/* outputs were written; a NaN was produced */
	NRT_EXEC_COMPLETED_WITH_ERR = 1004,	/* the NeuronCore faulted the program */
	NRT_EXEC_NC_BUSY = 1005,		/* the NeuronCore is locked by somebody else */
} NRT_STATUS;

/**
 * nrt_get_status_as_str - name of a status code
 *
 * Returns the enumerator's name, such as "NRT_SUCCESS", or "NRT_UNKNOWN_STATUS"; static
 * storage. May be called at any time.
 */
const char *nrt_get_status_as_str(NRT_STATUS status);

#ifdef __cplusplus
}
#endif

#endif
