// SPDX-License-Identifier: Apache-2.0
/*
 * What the compiler calls for copies and initialisation.
 */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);

void *memcpy(void *dst, const void *src, size_t n)
{
	uint8_t *d = dst;
	const uint8_t *s = src;

	if (!(((uintptr_t)d | (uintptr_t)s) & 3)) {
		for (; n >= 4; n -= 4, d += 4, s += 4)
			*(uint32_t *)d = *(const uint32_t *)s;
	}
	while (n--)
		*d++ = *s++;
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	uint8_t *d = dst;
	uint32_t word = (uint8_t)c * 0x01010101u;

	if (!((uintptr_t)d & 3)) {
		for (; n >= 4; n -= 4, d += 4)
			*(uint32_t *)d = word;
	}
	while (n--)
		*d++ = c;
	return dst;
}
