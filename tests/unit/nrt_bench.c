// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-bench: inputs of every type of floats are numbers between -1 and 1, and the same each time.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <nrt/nrt_open.h>

#include "bench_fill.h"
#include "dtype.h"

#define COUNT 1000

static double half_value(uint16_t h)
{
	double v = ldexp(1024 + (h & 1023), (h >> 10 & 31) - 25);

	if (!(h & 0x7fff))
		return 0;
	return h & 0x8000 ? -v : v;
}

static double element(const void *data, nrt_dtype_t dtype, int i)
{
	uint32_t bits;
	float value;

	if (dtype == NRT_DTYPE_FLOAT16)
		return half_value(((const uint16_t *)data)[i]);
	if (dtype == NRT_OPEN_DTYPE_FLOAT64)
		return ((const double *)data)[i];
	bits = dtype == NRT_DTYPE_FLOAT32 ? ((const uint32_t *)data)[i] :
	       (uint32_t)((const uint16_t *)data)[i] << 16;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

static void floats(void **state)
{
	static const nrt_dtype_t types[] = { NRT_DTYPE_FLOAT32, NRT_DTYPE_FLOAT16, NRT_DTYPE_BFLOAT16,
					     NRT_OPEN_DTYPE_FLOAT64 };
	static double data[COUNT], wide[COUNT];
	size_t t;
	int i;

	bench_fill(wide, NRT_OPEN_DTYPE_FLOAT64, sizeof(wide));
	for (t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
		double sum = 0, squares = 0;

		bench_fill(data, types[t], COUNT * nrt_dtype_size(types[t]));
		for (i = 0; i < COUNT; i++) {
			double v = element(data, types[t], i);

			/* A bfloat16 has 8 bits. */
			assert_true(fabs(v - wide[i]) <= fabs(wide[i]) / 128 + 1e-4);
			assert_true(v >= -1 && v <= 1);
			sum += v;
			squares += v * v;
		}
		assert_true(fabs(sum / COUNT) < 0.1 && fabs(squares / COUNT - 1.0 / 3) < 0.1);
	}
}

static void others(void **state)
{
	static const uint8_t zeros[64];
	uint8_t data[64];

	memset(data, 1, sizeof(data));
	bench_fill(data, NRT_DTYPE_INT64, sizeof(data));
	assert_memory_equal(data, zeros, sizeof(data));
	memset(data, 1, sizeof(data));
	bench_fill(data, NRT_OPEN_DTYPE_BOOL, sizeof(data));
	assert_memory_equal(data, zeros, sizeof(data));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(floats),
		cmocka_unit_test(others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
