// SPDX-License-Identifier: Apache-2.0
/*
 * MatMul of two tensors that are both computed at run time (or constants of more than
 * one matrix): out[b][m][n] = sum over k of a[b][m][k] * b[b][k][n].
 *
 * The left operand is the stationary one: k on the partitions, its rows as columns of
 * the array. The result has m on the partitions.
 */
#include <errno.h>

#include "tile.h"

struct matmul {
	struct ncc_lower *L;
	struct ncc_node *node;
	struct ncc_value *a, *b;
	int64_t m, k, n;
	struct ncc_layout la, lb, lo;
	struct ncc_result res;
};

/* Which matrix of operand @t belongs to matrix @index of the result. */
static int64_t batch_of(const struct ncc_node *node, const struct ncc_tensor *t, int64_t index)
{
	const struct ncc_tensor *out = node->out[0];
	int last = out->rank - (node->in[0]->rank > 1) - (node->in[1]->rank > 1);
	int own = t->rank - 2;
	int64_t off = 0, scale = 1;

	for (int d = last - 1; d >= 0; d--) {
		int64_t at = index % out->dim[d];
		int from = own - (last - d);

		index /= out->dim[d];
		if (from < 0)
			break;
		off += (t->dim[from] == 1 ? 0 : at) * scale;
		scale *= t->dim[from];
	}
	return off;
}

static int evacuate(struct matmul *mm, int64_t batch, int64_t mc, int64_t n0, int64_t nn, int bank)
{
	struct ncc_node *node = mm->node;
	struct ncc_region r = ncc_chunk_region(&mm->lo, mc);
	struct ncc_tile dst, residual = { .step_i = 0 };
	struct ncc_activate act = {
		.parts = (unsigned int)r.an, .func = node->func, .param = node->param,
		.scale = node->scale,
		.src = { .buf = bank, .dtype = NEURON_FP32 },
	};
	int err;

	r.o0 = batch;
	r.on = 1;
	r.i0 = n0;
	r.in = nn;
	err = ncc_result_tile(mm->L, &mm->res, &r, &dst);
	if (!err && node->residual) {
		err = ncc_load(mm->L, node->residual->value, &mm->lo, dst.at.dtype, &r, &residual);
		act.residual = &residual.at;
	}
	if (err)
		return err;
	act.dst = dst.at;
	err = ncc_activate(&mm->L->b, &act,
			   &(struct ncc_loop){ nn, { 1, dst.step_i, residual.step_i } }, 1);
	return err ? err : ncc_result_put(mm->L, &mm->res, &r, &dst);
}

/* Rows of one chunk, columns n0 .. n0 + nn - 1 of one matrix. */
static int product(struct matmul *mm, int64_t batch, int64_t mc, int64_t n0, int64_t nn)
{
	int64_t m0 = mc * NEURON_PARTITIONS, rows = ncc_chunk_size(&mm->lo, mc);
	struct ncc_at bank = { .dtype = NEURON_FP32 };
	int err = 0;

	bank.buf = ncc_buf_new(mm->L->b.p, mm->node, true, NEURON_PSUM_BANK_BYTES);
	for (int64_t kc = 0; kc < ncc_chunks(&mm->la) && !err; kc++) {
		struct ncc_region ra = ncc_chunk_region(&mm->la, kc), rb = ncc_chunk_region(&mm->lb, kc);
		unsigned int k = (unsigned int)ra.an;
		struct ncc_tile w, x;

		ra.o0 = batch_of(mm->node, mm->node->in[0], batch) * mm->m + m0;
		ra.on = rows;
		rb.o0 = batch_of(mm->node, mm->node->in[1], batch);
		rb.on = 1;
		rb.i0 = n0;
		rb.in = nn;
		err = ncc_load(mm->L, mm->a, &mm->la, mm->L->half, &ra, &w);
		if (!err)
			err = ncc_load(mm->L, mm->b, &mm->lb, mm->L->half, &rb, &x);
		if (!err)
			err = ncc_ldweights(&mm->L->b, w.at, w.step_o, k, (unsigned int)rows);
		if (!err)
			err = ncc_matmul(&mm->L->b, x.at, bank, k, (unsigned int)rows, kc == 0,
					 &(struct ncc_loop){ nn, { x.step_i, 1 } }, 1);
	}
	return err ? err : evacuate(mm, batch, mc, n0, nn, bank.buf);
}

static int run(struct matmul *mm)
{
	int err = 0;

	for (int64_t batch = 0; batch < mm->lo.o; batch++)
		for (int64_t n0 = 0; n0 < mm->n; n0 += NEURON_MATMUL_MAX_N)
			for (int64_t mc = 0; mc < ncc_chunks(&mm->lo) && !err; mc++) {
				int64_t nn = mm->n - n0 < NEURON_MATMUL_MAX_N ? mm->n - n0 :
										NEURON_MATMUL_MAX_N;

				err = product(mm, batch, mc, n0, nn);
			}
	return err;
}

int ncc_tile_matmul(struct ncc_lower *L, struct ncc_node *node)
{
	struct ncc_tensor *a = node->in[0], *b = node->in[1], *out = node->out[0];
	struct matmul mm = { .L = L, .node = node, .a = a->value, .b = b->value };
	int err;

	mm.k = a->dim[a->rank - 1];
	mm.m = a->rank > 1 ? a->dim[a->rank - 2] : 1;
	mm.n = b->rank > 1 ? b->dim[b->rank - 1] : 1;
	mm.la = (struct ncc_layout){ a->count / mm.k, mm.k, 1, false };
	mm.lb = (struct ncc_layout){ b->count / (mm.k * mm.n), mm.k, mm.n, false };
	mm.lo = (struct ncc_layout){ out->count / (mm.m * mm.n), mm.m, mm.n, false };
	err = ncc_want(L, mm.a, &mm.la, L->half);
	if (!err)
		err = ncc_want(L, mm.b, &mm.lb, L->half);
	if (!err && node->residual)
		err = ncc_want(L, node->residual->value, &mm.lo, out->value->dtype);
	if (!err)
		err = ncc_result_begin(L, out->value, &mm.lo, &mm.res);
	if (!err)
		err = run(&mm);
	return err ? err : ncc_result_end(L, &mm.res);
}
