// SPDX-License-Identifier: Apache-2.0
/*
 * Arena: blocks of growing use, freed together.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"

#define BLOCK_SIZE	(256 * 1024)
#define ALIGN		16

/* AddressSanitizer sees only blocks: tell it what is in use of them, with a gap between allocations. */
#ifndef __has_feature
#define __has_feature(feature)	0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define GAP		ALIGN
#else
#define ASAN_POISON_MEMORY_REGION(at, size)	((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size)	((void)(at), (void)(size))
#define GAP		0
#endif

struct ncc_arena_block {
	struct ncc_arena_block *next;
	size_t used;
	size_t size;
	char data[] __attribute__((aligned(ALIGN)));
};

void ncc_arena_init(struct ncc_arena *arena, jmp_buf *oom)
{
	memset(arena, 0, sizeof(*arena));
	arena->oom = oom;
	arena->limit = NCC_ARENA_LIMIT;
}

void ncc_arena_free(struct ncc_arena *arena)
{
	struct ncc_arena_block *b = arena->head;

	while (b) {
		struct ncc_arena_block *next = b->next;

		free(b);
		b = next;
	}
	arena->head = NULL;
}

static __attribute__((noreturn)) void out_of_memory(struct ncc_arena *arena)
{
	longjmp(*arena->oom, 1);
}

void *ncc_alloc(struct ncc_arena *arena, size_t size)
{
	struct ncc_arena_block *b = arena->head;
	size_t room = ((size + ALIGN - 1) & ~(size_t)(ALIGN - 1)) + GAP;
	void *p;

	if (room < size || room > arena->limit - arena->total)
		out_of_memory(arena);
	if (!b || b->size - b->used < room) {
		size_t n = room > BLOCK_SIZE ? room : BLOCK_SIZE;

		b = calloc(1, sizeof(*b) + n);
		if (!b)
			out_of_memory(arena);
		b->size = n;
		ASAN_POISON_MEMORY_REGION(b->data, n);
		/* A block of its own must not hide the room that is left in the current one. */
		if (room > BLOCK_SIZE && arena->head) {
			b->next = arena->head->next;
			arena->head->next = b;
		} else {
			b->next = arena->head;
			arena->head = b;
		}
	}
	p = b->data + b->used;
	ASAN_UNPOISON_MEMORY_REGION(p, size);
	b->used += room;
	arena->total += room;
	return p;
}

void *ncc_extend(struct ncc_arena *arena, void *old, size_t size)
{
	struct ncc_arena_block **at = &arena->head, *b;
	size_t had = 0;

	while (old && (*at)->data != old)
		at = &(*at)->next;
	if (old)
		had = (*at)->size;
	else	/* behind the current one, which has room left */
		at = arena->head ? &arena->head->next : &arena->head;
	if (size > arena->limit - (arena->total - had) || size > SIZE_MAX - sizeof(*b))
		out_of_memory(arena);
	b = realloc(old ? *at : NULL, sizeof(*b) + size);
	if (!b)
		out_of_memory(arena);
	if (!old)
		b->next = *at;
	*at = b;
	b->size = b->used = size;
	arena->total += size - had;
	return b->data;
}

void *ncc_alloc_array(struct ncc_arena *arena, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		out_of_memory(arena);
	return ncc_alloc(arena, bytes);
}

char *ncc_strndup(struct ncc_arena *arena, const char *s, size_t n)
{
	char *p = ncc_alloc(arena, n + 1);

	memcpy(p, s, n);
	return p;
}

char *ncc_printf(struct ncc_arena *arena, const char *format, ...)
{
	va_list args;
	char *p;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0)
		n = 0;
	p = ncc_alloc(arena, (size_t)n + 1);
	va_start(args, format);
	vsnprintf(p, (size_t)n + 1, format, args);
	va_end(args);
	return p;
}

void *ncc_grow(struct ncc_arena *arena, void *array, size_t n, size_t *cap, size_t size)
{
	void *p;

	if (n < *cap)
		return array;
	*cap = *cap ? *cap * 2 : 16;
	p = ncc_alloc_array(arena, *cap, size);
	if (n)
		memcpy(p, array, n * size);
	return p;
}
