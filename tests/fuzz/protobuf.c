// SPDX-License-Identifier: Apache-2.0
/*
 * A mutator that knows protocol buffers.
 */
#include <string.h>

#include "onnx_wire.h"
#include "protobuf.h"

#define MAX_FIELDS	512
#define MAX_MESSAGE	65536
#define MAX_DEPTH	10

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

struct bytes {
	uint8_t data[MAX_MESSAGE];
	size_t n, max;
};

/* Where a field begins and ends. */
struct place {
	size_t at, end;
	struct ncc_wire_field field;
};

static uint32_t state;

static uint32_t chance(uint32_t n)
{
	state = state * 1664525 + 1013904223;
	return n ? (state >> 8) % n : 0;
}

static void put(struct bytes *out, const void *data, size_t n)
{
	if (n > out->max - out->n)
		n = out->max - out->n;
	if (n)
		memcpy(out->data + out->n, data, n);
	out->n += n;
}

static void put_varint(struct bytes *out, uint64_t v)
{
	do {
		uint8_t byte = (v & 0x7f) | (v > 0x7f ? 0x80 : 0);

		put(out, &byte, 1);
		v >>= 7;
	} while (v);
}

static size_t split(const uint8_t *data, size_t size, struct place *places)
{
	struct ncc_wire w = { .at = data, .end = data + size };
	size_t n = 0;

	while (n < MAX_FIELDS) {
		places[n].at = (size_t)(w.at - data);
		if (ncc_wire_next(&w, &places[n].field) != 1)
			return w.at == w.end ? n : 0;
		places[n++].end = (size_t)(w.at - data);
	}
	return n;
}

static uint64_t number(uint64_t old)
{
	static const uint64_t likely[] = {
		0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16, 64, 127, 128, 255, 256, 1000, 4096, 65535, 1 << 20,
		1 << 30, INT32_MAX, UINT32_MAX, INT64_MAX, (uint64_t)INT64_MIN, UINT64_MAX, UINT64_MAX - 1,
	};

	switch (chance(4)) {
	case 0: return old + 1;
	case 1: return old - 1;
	case 2: return old ^ (uint64_t)1 << chance(64);
	default: return likely[chance(sizeof(likely) / sizeof(likely[0]))];
	}
}

static size_t mutate(uint8_t *data, size_t size, size_t max, int depth);

/* Field @p of the message in @data, changed. */
static void put_changed(struct bytes *out, const uint8_t *data, const struct place *p, int depth)
{
	static uint8_t parts[MAX_DEPTH + 1][MAX_MESSAGE];
	const struct ncc_wire_field *f = &p->field;
	size_t n = ncc_wire_size(&f->bytes), room = out->max - out->n;
	uint8_t *part = parts[depth];

	put_varint(out, (uint64_t)f->number << 3 | f->type);
	if (f->type == NCC_WIRE_VARINT) {
		put_varint(out, number(f->value));
		return;
	}
	if (f->type != NCC_WIRE_BYTES) {
		uint64_t v = chance(2) ? f->value ^ (uint64_t)1 << chance(64) : number(f->value);

		put(out, &v, f->type == NCC_WIRE_FIXED32 ? 4 : 8);
		return;
	}
	/* Room for its length, and for what comes behind. */
	room = room > n + 64 ? n + chance((uint32_t)(room - n - 32)) : n;
	if (n)
		memcpy(part, f->bytes.at, n);
	if (depth < MAX_DEPTH && chance(8))
		n = mutate(part, n, room, depth + 1);
	else
		n = LLVMFuzzerMutate(part, n, room ? room : 1);
	put_varint(out, n);
	put(out, part, n);
}

static size_t mutate(uint8_t *data, size_t size, size_t max, int depth)
{
	static struct place all[MAX_DEPTH + 1][MAX_FIELDS];
	static struct bytes results[MAX_DEPTH + 1];
	struct bytes *out = &results[depth];
	struct place *p = all[depth];
	size_t n = split(data, size, p), i, j, kind;

	if (!n)
		return LLVMFuzzerMutate(data, size, max ? max : 1);
	out->n = 0;
	out->max = max < MAX_MESSAGE ? max : MAX_MESSAGE;
	i = chance((uint32_t)n);
	j = chance((uint32_t)n);
	kind = chance(16);
	put(out, data, p[i].at);
	if (kind == 1) {		/* once more, in front of itself */
		put(out, data + p[i].at, p[i].end - p[i].at);
		put(out, data + p[i].at, p[i].end - p[i].at);
	} else if (kind == 2) {		/* another one instead of it */
		put(out, data + p[j].at, p[j].end - p[j].at);
	} else if (kind > 2) {		/* as @kind 0: it is dropped */
		put_changed(out, data, &p[i], depth);
	}
	put(out, data + p[i].end, size - p[i].end);
	memcpy(data, out->data, out->n);
	return out->n;
}

size_t fuzz_mutate_message(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	state = seed;
	if (max > MAX_MESSAGE)
		max = MAX_MESSAGE;
	if (!size || size > max || !chance(20))
		return LLVMFuzzerMutate(data, size, max);
	size = mutate(data, size, max, 0);
	while (!chance(3))
		size = mutate(data, size, max, 0);
	return size;
}
