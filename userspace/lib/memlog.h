/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of allocations (NEURON_RT_DEBUG_MEMLOG_MAX_SIZE): what took and gave back memory that
 * a device uses, written to a file as CSV when there is none left.
 */
#ifndef NRT_MEMLOG_H
#define NRT_MEMLOG_H

#include "device.h"

enum nrt_memlog_event {
	NRT_MEMLOG_ALLOCATE,
	NRT_MEMLOG_FREE,
	NRT_MEMLOG_FAIL,
};

/* Forget everything and keep the last @entries from now on; 0 = keep nothing. */
void nrt_memlog_configure(uint32_t entries);
/* In the child of a fork: the log's lock may have been held. */
void nrt_memlog_forked(void);

/*
 * What this thread allocates memory for, until it says otherwise: a word such as "tensor", and
 * a name (NULL: none), of which the beginning is kept.
 */
void nrt_memlog_purpose(const char *what, const char *name);

void nrt_memlog_add(enum nrt_memlog_event event, const struct nrt_mem *mem);

/*
 * Write the log to a new file in $TMPDIR (or /tmp), the next time to the same one. Gives its
 * path, valid until nrt_memlog_configure(), or NULL: nothing is kept, or it cannot be written.
 */
const char *nrt_memlog_dump(void);

#endif
