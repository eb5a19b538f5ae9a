// SPDX-License-Identifier: Apache-2.0
/*
 * transpose: tiles of k partitions by m columns. In general a tile is read whole before it is
 * written; where source and destination are apart, 16 columns or pairs of them at a time.
 */

#include <string.h>
#include "nc_core.h"

#define PAIRS	(NEURON_PARTITIONS / 2)

/* The type that is read and written as the same bits. */
static uint8_t raw_dtype(unsigned int size)
{
	return size == 4 ? NEURON_UINT32 : size == 2 ? NEURON_UINT16 : NEURON_UINT8;
}

/* Columns @first .. @first + 15 of a tile, as far as there are any, as rows of @out. */
static void turn_columns(struct emu_nc *nc, const struct emu_nc_dec_move *v,
			 const struct emu_nc_ap *src, int32_t off, unsigned int first,
			 uint32_t (*out)[EMU_NC_STRIP])
{
	static const uint32_t none[NEURON_PARTITIONS];
	struct emu_nc_lanes lanes[EMU_NC_STRIP];
	const uint32_t *column[EMU_NC_STRIP];

	for (unsigned int i = 0; i < EMU_NC_STRIP; i++) {
		int32_t at = off + (int32_t)(first + i) * src->step[3];

		if (first + i >= v->m)
			column[i] = none;
		else if (src->psum)
			column[i] = &nc->mem.psum[at / 4][src->part];
		else
			column[i] = (const uint32_t *)nc->kernels->load_int(&nc->mem, src, at,
									    &lanes[i]);
	}
	nc->kernels->strip(out, column, v->k);
}

static void turn_tile(struct emu_nc *nc, const struct emu_nc_dec_move *v,
		      const struct emu_nc_ap *src, const struct emu_nc_ap *dst, const int32_t *off)
{
	uint32_t out[NEURON_PARTITIONS][EMU_NC_STRIP] __attribute__((aligned(64)));

	for (unsigned int c = 0; c < v->m; c += EMU_NC_STRIP) {
		turn_columns(nc, v, src, off[0], c, out);
		for (unsigned int i = 0; i < v->k; i++)
			memcpy(nc->tile[i] + c, out[i], sizeof(out[i]));
	}
	for (int32_t i = 0; i < v->k; i++)
		nc->kernels->store_int(&nc->mem, dst, off[1] + i * dst->step[3], nc->tile[i], true);
}

/* A constant size is a vector or two. */
static void put_words(void *to, const uint32_t *from, unsigned int n)
{
	if (n == EMU_NC_STRIP)
		memcpy(to, from, EMU_NC_STRIP * sizeof(*from));
	else
		memcpy(to, from, n * sizeof(*from));
}

/* To PSUM. */
static void turn_words(struct emu_nc *nc, const struct emu_nc_dec_move *v,
		       const struct emu_nc_ap *src, const struct emu_nc_ap *dst, const int32_t *off)
{
	uint32_t out[NEURON_PARTITIONS][EMU_NC_STRIP] __attribute__((aligned(64)));

	for (unsigned int c = 0; c < v->m; c += EMU_NC_STRIP) {
		unsigned int n = v->m - c < EMU_NC_STRIP ? v->m - c : EMU_NC_STRIP;

		turn_columns(nc, v, src, off[0], c, out);
		for (int32_t i = 0; i < v->k; i++)
			put_words(&nc->mem.psum[(off[1] + i * dst->step[3]) / 4][dst->part + c],
				  out[i], n);
	}
}

/* 2-byte elements of SBUF: as words of two columns, 16 such words at a time. */
static void turn_pairs(struct emu_nc *nc, const struct emu_nc_dec_move *v,
		       const struct emu_nc_ap *src, const struct emu_nc_ap *dst, const int32_t *off)
{
	uint32_t words[2][EMU_NC_STRIP][PAIRS] __attribute__((aligned(64)));
	uint32_t out[PAIRS][EMU_NC_STRIP] __attribute__((aligned(64)));
	unsigned int pairs = v->k / 2;

	for (unsigned int c = 0; c < v->m; c += 2 * EMU_NC_STRIP) {
		unsigned int n = v->m - c < 2 * EMU_NC_STRIP ? v->m - c : 2 * EMU_NC_STRIP;
		const uint32_t *rows[EMU_NC_STRIP];

		for (unsigned int i = 0; i < n; i += 2) {
			int32_t a = off[0] + (int32_t)(c + i) * src->step[3];
			int32_t b = a + src->step[3];

			nc->kernels->join(words[0][i / 2], words[1][i / 2],
					  (const uint32_t *)&nc->mem.sbuf[a / 2][src->part],
					  (const uint32_t *)&nc->mem.sbuf[b / 2][src->part], pairs);
		}
		for (int32_t odd = 0; odd < 2; odd++) {
			for (unsigned int i = 0; i < EMU_NC_STRIP; i++)
				rows[i] = words[odd][i < n / 2 ? i : 0];
			nc->kernels->strip(out, rows, pairs);
			for (int32_t j = 0; j < (int32_t)pairs; j++) {
				int32_t at = off[1] + (2 * j + odd) * dst->step[3];

				put_words(&nc->mem.sbuf[at / 2][dst->part + c], out[j], n / 2);
			}
		}
	}
}

static bool is_pairs(const struct emu_nc_ap *src, const struct emu_nc_ap *dst)
{
	return src->dtype == NEURON_UINT16 && !src->psum && !dst->psum && !(src->part & 1) &&
	       !(src->parts & 1) && !(dst->part & 1) && !(dst->parts & 1);
}

void emu_nc_transpose(struct emu_nc *nc, const struct emu_nc_dec_move *v)
{
	struct emu_nc_ap src = v->src, dst = v->dst;
	const struct emu_nc_ap *const ap[] = { &src, &dst };
	bool apart = emu_nc_ap_disjoint(&src, &dst);
	struct emu_nc_walk w;

	src.dtype = dst.dtype = raw_dtype(emu_nc_dtype_size(v->src.dtype));
	emu_nc_walk_init(&w, ap, 2);
	do {
		if (apart && is_pairs(&src, &dst))
			turn_pairs(nc, v, &src, &dst, w.off);
		else if (apart && dst.psum)
			turn_words(nc, v, &src, &dst, w.off);
		else
			turn_tile(nc, v, &src, &dst, w.off);
	} while (emu_nc_walk_next(&w, &v->counts, ap, 2));
}
