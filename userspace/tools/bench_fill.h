/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inputs of neuron-bench.
 */
#ifndef BENCH_FILL_H
#define BENCH_FILL_H

#include <stddef.h>
#include <nrt/nrt.h>

/*
 * Fill @size bytes with elements of @dtype: floats between -1 and 1, the same in each run; 0 for
 * other types, which are indices and the like.
 */
void bench_fill(void *data, nrt_dtype_t dtype, size_t size);

#endif
