/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arena: memory that lives as long as one compilation.
 *
 * Nothing is freed piece by piece. Running out of memory does not return: it jumps to
 * the point that ncc_arena_init() was given, so that passes need no checks for it.
 */
#ifndef NCC_ARENA_H
#define NCC_ARENA_H

#include <setjmp.h>
#include <stddef.h>

struct ncc_arena_block;

struct ncc_arena {
	struct ncc_arena_block *head;
	jmp_buf *oom;
	size_t total;	/* bytes handed out */
	size_t limit;	/* total never exceeds it: hostile models must not exhaust the host */
};

#define NCC_ARENA_LIMIT	((size_t)16 << 30)
/* What a model of @size bytes may take: many times what real ones do, so that small files cannot ask for all of it. */
static inline size_t ncc_arena_limit(size_t size)
{
	size_t base = (size_t)4 << 30;

	return size > (NCC_ARENA_LIMIT - base) / 64 ? NCC_ARENA_LIMIT : base + 64 * size;
}

void ncc_arena_init(struct ncc_arena *arena, jmp_buf *oom);
void ncc_arena_free(struct ncc_arena *arena);

/* Zeroed memory, aligned for any type. Never NULL. */
void *ncc_alloc(struct ncc_arena *arena, size_t size);
void *ncc_alloc_array(struct ncc_arena *arena, size_t n, size_t size);
char *ncc_strndup(struct ncc_arena *arena, const char *s, size_t n);
char *ncc_printf(struct ncc_arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Makes what an earlier call gave, or NULL, @size bytes long; it may move. It is a block of its own, so that
 * what is large does not exist twice. What is new is not zeroed.
 */
void *ncc_extend(struct ncc_arena *arena, void *old, size_t size);

/*
 * Room for one more element in an array whose @n elements are in @array with capacity
 * @cap; returns the array, which may have moved.
 */
void *ncc_grow(struct ncc_arena *arena, void *array, size_t n, size_t *cap, size_t size);

#endif
