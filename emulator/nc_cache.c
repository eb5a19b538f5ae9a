// SPDX-License-Identifier: Apache-2.0
/* Images of constants, and the rows of SBUF that refer to them. */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "nc_cache.h"

#define DEFAULT_MIB	512
#define MIN_ROWS	16	/* less is copied as quickly */
#define ROW_BYTES	(NEURON_PARTITIONS * sizeof(uint16_t))
#define CHUNK		((size_t)0x400000)

void emu_nc_cache_init(struct emu_nc_cache *c)
{
	const char *mib = getenv("NEURON_EMU_CACHE");
	unsigned long n = mib ? strtoul(mib, NULL, 10) : DEFAULT_MIB;

	c->limit = (n < 0x100000 ? n : 0x100000) << 20;
}

static struct emu_nc_image **bucket(struct emu_nc_cache *c, uint64_t addr)
{
	return &c->bucket[(addr / ROW_BYTES * 0x9e3779b97f4a7c15ull) >> 54];
}

/*
 * Memory comes in chunks that the host can make of huge pages: arrays are read once each job, a
 * page after the other. A chunk is freed with the last piece of it.
 */
struct chunk {
	size_t used;
	unsigned int live;
} __attribute__((aligned(64)));

static struct chunk *new_chunk(size_t bytes)
{
	struct chunk *chunk = aligned_alloc(CHUNK, bytes);

	if (!chunk)
		return NULL;
	madvise(chunk, bytes, MADV_HUGEPAGE);	/* only a hint */
	*chunk = (struct chunk){ .used = sizeof(*chunk) };
	return chunk;
}

static void *get(struct emu_nc_cache *c, size_t bytes)
{
	struct chunk *chunk = c->chunk;
	size_t room = (bytes + 63) / 64 * 64, need = sizeof(*chunk) + room;
	void *p;

	if (c->bytes + room > c->limit)
		return NULL;
	if (!chunk || chunk->used + room > CHUNK) {
		chunk = new_chunk((need + CHUNK - 1) / CHUNK * CHUNK);
		if (!chunk)
			return NULL;
		/* what is bigger than a chunk has its own: nothing else fits there */
		if (c->chunk && !c->chunk->live)
			free(c->chunk);
		c->chunk = chunk;
	}
	p = (char *)chunk + chunk->used;
	chunk->used += room;
	chunk->live++;
	c->bytes += room;
	return p;
}

static void put(struct emu_nc_cache *c, void *p, size_t bytes)
{
	struct chunk *chunk = (struct chunk *)((uintptr_t)p & ~(uintptr_t)(CHUNK - 1));

	if (!p)
		return;
	c->bytes -= (bytes + 63) / 64 * 64;
	if (--chunk->live)
		return;
	if (chunk == c->chunk)
		c->chunk = NULL;
	free(chunk);
}

/* What an image holds; the image itself stays, as one that was seen once. */
static void empty(struct emu_nc_cache *c, struct emu_nc_image *image)
{
	struct emu_nc_pack *pack;

	while ((pack = image->packs)) {
		image->packs = pack->next;
		put(c, pack->pair, pack->bytes);
		free(pack);
	}
	image->cursor = image->last = NULL;
	image->pack_count = 0;
	put(c, image->row, image->rows * ROW_BYTES);
	image->row = NULL;
}

void emu_nc_cache_drop(struct emu_nc_cache *c)
{
	for (unsigned int b = 0; b < EMU_NC_BUCKETS; b++) {
		struct emu_nc_image *image;

		while ((image = c->bucket[b])) {
			c->bucket[b] = image->next;
			empty(c, image);
			free(image);
		}
	}
	c->refs = 0;
	memset(c->lazy, 0, sizeof(c->lazy));
}

/* Make room by what neither this job nor the one before used. */
static void evict(struct emu_nc_cache *c)
{
	for (unsigned int b = 0; b < EMU_NC_BUCKETS; b++) {
		struct emu_nc_image **at = &c->bucket[b], *image;

		while ((image = *at)) {
			if (image->refs || c->job - image->job < 2) {
				at = &image->next;
				continue;
			}
			*at = image->next;
			empty(c, image);
			free(image);
		}
	}
}

void emu_nc_cache_begin_job(struct emu_nc_cache *c)
{
	c->job++;
	if (c->bytes > c->limit - c->limit / 8)
		evict(c);
}

/* Seen for the first time: kept in mind. For the second time: worth a copy. */
struct emu_nc_image *emu_nc_cache_image(struct emu_nc_cache *c, const struct emu_nc_kernels *k,
					uint64_t addr, uint64_t stamp, uint32_t rows,
					const void *from)
{
	struct emu_nc_image **at = bucket(c, addr), *image = *at;

	if (!stamp || rows < MIN_ROWS || !c->limit)
		return NULL;
	while (image && (image->addr != addr || image->rows != rows))
		image = image->next;
	if (image && image->stamp != stamp) {
		if (image->refs)	/* old contents that SBUF still shows */
			return NULL;
		empty(c, image);
	}
	if (!image) {
		image = calloc(1, sizeof(*image));
		if (!image)
			return NULL;
		image->addr = addr;
		image->rows = rows;
		image->next = *at;
		*at = image;
	}
	image->job = c->job;
	if (image->stamp != stamp) {
		image->stamp = stamp;
		return NULL;
	}
	if (!image->row) {
		image->row = get(c, rows * ROW_BYTES);
		if (image->row)
			k->swap_pairs(image->row, from, rows * ROW_BYTES / 4);
	}
	return image->row ? image : NULL;
}

/* ---- references ---- */

static void mark(struct emu_nc_cache *c, const struct emu_nc_ref *r, int add)
{
	uint32_t last = (r->row + r->rows - 1) / EMU_NC_GRANULE;

	for (uint32_t g = r->row / EMU_NC_GRANULE; g <= last; g++)
		c->lazy[g] = (uint8_t)(c->lazy[g] + add);
}

static bool append(struct emu_nc_cache *c, struct emu_nc_image *image, uint32_t row, uint32_t rows,
		   uint32_t from)
{
	struct emu_nc_ref *r = &c->ref[c->refs];

	if (c->refs == EMU_NC_REFS)
		return false;
	*r = (struct emu_nc_ref){ .row = row, .rows = rows, .from = from, .image = image };
	c->refs++;
	image->refs++;
	mark(c, r, 1);
	return true;
}

static void take(struct emu_nc_cache *c, unsigned int n)
{
	mark(c, &c->ref[n], -1);
	c->ref[n].image->refs--;
	c->ref[n] = c->ref[--c->refs];
}

bool emu_nc_cache_any(const struct emu_nc_cache *c, uint32_t low, uint32_t high)
{
	for (uint32_t g = low / EMU_NC_GRANULE; g <= (high - 1) / EMU_NC_GRANULE; g++)
		if (c->lazy[g])
			return true;
	return false;
}

static bool meets(const struct emu_nc_ref *r, uint32_t low, uint32_t high)
{
	return r->row < high && low < r->row + r->rows;
}

/* What is left of a reference on either side of the rows is a reference again. */
bool emu_nc_cache_forget(struct emu_nc_cache *c, uint32_t low, uint32_t high)
{
	/* from the end: take() moves the last one, and what is appended needs no look */
	for (unsigned int n = c->refs; n-- > 0; ) {
		struct emu_nc_ref r = c->ref[n];
		uint32_t end = r.row + r.rows;

		if (!meets(&r, low, high))
			continue;
		if (c->refs + 2 > EMU_NC_REFS)
			return false;
		take(c, n);
		if (r.row < low)
			append(c, r.image, r.row, low - r.row, r.from);
		if (high < end)
			append(c, r.image, high, end - high, r.from + high - r.row);
	}
	return true;
}

bool emu_nc_cache_refer(struct emu_nc_cache *c, struct emu_nc_image *image, uint32_t row)
{
	return emu_nc_cache_forget(c, row, row + image->rows) &&
	       append(c, image, row, image->rows, 0);
}

/* Of a reference only the rows that are asked for, while there is room for what is left of it. */
void emu_nc_cache_settle_slow(struct emu_nc_cache *c, struct emu_nc_mem *mem, uint32_t low,
			      uint32_t high)
{
	for (unsigned int n = c->refs; n-- > 0; ) {	/* see emu_nc_cache_forget() */
		struct emu_nc_ref r = c->ref[n];
		uint32_t end = r.row + r.rows, from = r.row, to = end;

		if (!meets(&r, low, high))
			continue;
		if (c->refs + 2 <= EMU_NC_REFS) {
			from = low > r.row ? low : r.row;
			to = high < end ? high : end;
		}
		memcpy(mem->sbuf[from], r.image->row[r.from + from - r.row],
		       (to - from) * ROW_BYTES);
		take(c, n);
		if (r.row < from)
			append(c, r.image, r.row, from - r.row, r.from);
		if (to < end)
			append(c, r.image, to, end - to, r.from + to - r.row);
	}
}

struct emu_nc_image *emu_nc_cache_view(struct emu_nc_cache *c, struct emu_nc_mem *mem,
				       const struct emu_nc_ap *ap, struct emu_nc_mem *view,
				       int32_t *delta)
{
	uint32_t low = (uint32_t)ap->low / 2, high = (uint32_t)(ap->high + 1) / 2;

	*view = *mem;
	*delta = 0;
	if (!c->refs || !emu_nc_cache_any(c, low, high))
		return NULL;
	for (unsigned int n = 0; n < c->refs; n++) {
		const struct emu_nc_ref *r = &c->ref[n];

		if (!meets(r, low, high))
			continue;
		if (low < r->row || high > r->row + r->rows)
			break;
		view->sbuf = r->image->row;
		*delta = 2 * ((int32_t)r->from - (int32_t)r->row);
		return r->image;
	}
	emu_nc_cache_settle_slow(c, mem, low, high);
	return NULL;
}

/* ---- arrays ---- */

static bool same_pack(const struct emu_nc_pack *a, const struct emu_nc_pack *b)
{
	return a->base == b->base && a->step == b->step && a->part == b->part && a->k == b->k &&
	       a->m == b->m && a->dtype == b->dtype && a->pairs == b->pairs;
}

struct emu_nc_pack *emu_nc_cache_find(struct emu_nc_image *image, const struct emu_nc_pack *key)
{
	struct emu_nc_pack *p = image->cursor;

	/* They are asked for in the same order in each job: once around, from the last one on. */
	for (unsigned int n = 0; n < image->pack_count; n++, p = p->next) {
		p = p ? p : image->packs;
		if (same_pack(p, key)) {
			image->cursor = p->next;
			return p;
		}
	}
	return NULL;
}

struct emu_nc_pack *emu_nc_cache_add(struct emu_nc_cache *c, struct emu_nc_image *image,
				     const struct emu_nc_pack *key)
{
	/* whole groups of strips: kernels may read what they do not use */
	size_t group = EMU_NC_STRIPS / 2;
	size_t strips = (key->m + EMU_NC_STRIP * group - 1) / (EMU_NC_STRIP * group) * group;
	size_t bytes = strips * (key->pairs ? sizeof(*key->pair) : sizeof(*key->f));
	struct emu_nc_pack *p = malloc(sizeof(*p));
	void *room = p ? get(c, bytes) : NULL;

	if (!room) {
		free(p);
		return NULL;
	}
	*p = *key;
	p->bytes = bytes;
	p->pair = room;
	p->next = NULL;
	if (image->last)
		image->last->next = p;
	else
		image->packs = p;
	image->last = p;
	image->pack_count++;
	return p;
}
