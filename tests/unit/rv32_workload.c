// SPDX-License-Identifier: Apache-2.0
/*
 * Work that gives the same result on the host and on the interpreter, with what
 * compilers make of loops, recursion, switches, 64-bit arithmetic and byte access.
 */
#include <stddef.h>
#include "rv32_workload.h"

#define ITEMS	512

struct item {
	uint8_t key;
	int8_t weight;
	uint16_t length;
	uint32_t hash;
	struct item *next;
};

static struct item items[ITEMS];
static uint32_t values[ITEMS];

static uint32_t random_word(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state;
}

static uint32_t crc(const uint8_t *p, uint32_t n)
{
	uint32_t c = ~0u;

	while (n--) {
		c ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
	}
	return ~c;
}

static void sort(uint32_t *v, int32_t n)
{
	uint32_t pivot, t;
	int32_t i = 0, j = n - 1;

	if (n < 2)
		return;
	pivot = v[n / 2];
	while (i <= j) {
		while (v[i] < pivot)
			i++;
		while (v[j] > pivot)
			j--;
		if (i <= j) {
			t = v[i];
			v[i++] = v[j];
			v[j--] = t;
		}
	}
	sort(v, j + 1);
	sort(v + i, n - i);
}

static int32_t interpret(uint32_t op, int32_t a, int32_t b)
{
	switch (op % 12) {
	case 0: return (int32_t)((uint32_t)a + (uint32_t)b);
	case 1: return (int32_t)((uint32_t)a - (uint32_t)b);
	case 2: return (int32_t)((uint32_t)a * (uint32_t)b);
	case 3: return b && !(a == INT32_MIN && b == -1) ? a / b : 1;
	case 4: return b && !(a == INT32_MIN && b == -1) ? a % b : 2;
	case 5: return (int32_t)(((int64_t)a * b) >> 32);
	case 6: return (int32_t)(((uint64_t)(uint32_t)a * (uint32_t)b) >> 32);
	case 7: return a >> (b & 31);
	case 8: return (int32_t)((uint32_t)a >> (b & 31));
	case 9: return (int32_t)((uint32_t)a << (b & 31));
	case 10: return a < b ? a : b;
	default: return a ^ b;
	}
}

uint32_t rv32_workload(uint32_t rounds)
{
	uint32_t seed = 12345, sum = 0;
	uint64_t wide = 1;

	for (uint32_t r = 0; r < rounds; r++) {
		struct item *lists[8] = { NULL };

		for (int i = 0; i < ITEMS; i++) {
			struct item *it = &items[i];
			uint32_t word = random_word(&seed);

			it->key = word >> 24;
			it->weight = (int8_t)(word >> 16);
			it->length = word >> 8;
			it->next = lists[it->key % 8];
			lists[it->key % 8] = it;
			it->hash = crc(&it->key, 4) ^ (uint32_t)(it->weight * it->length);
			values[i] = it->hash;
		}
		sort(values, ITEMS);
		for (int k = 7; k >= 0; k--)
			for (struct item *it = lists[k]; it; it = it->next)
				sum = (uint32_t)interpret(it->key, (int32_t)sum, (int32_t)it->hash) + it->length;
		for (int i = 1; i < ITEMS; i++)
			wide = wide * 6364136223846793005ull + values[i] - ((wide - values[i - 1]) >> 13);
		sum ^= (uint32_t)(wide >> 32) ^ (uint32_t)wide;
	}
	return sum;
}
