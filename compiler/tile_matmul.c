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
	int64_t heads;		/* of operands and results that have them inside */
	struct ncc_layout la, lb, lo, lr;	/* the last: of the residual, which may be a row for all rows */
	struct ncc_result res;
};

/* Which matrix of operand @t belongs to matrix @index of the result. */
static int64_t batch_of(const struct matmul *mm, int operand, int64_t index)
{
	const struct ncc_node *node = mm->node;
	const struct ncc_tensor *t = node->in[operand], *out = node->out[0];
	int last = out->rank - (node->in[0]->rank > 1) - (node->in[1]->rank > 1);
	int own = t->rank - 2;
	int64_t off = 0, scale = 1;

	/* One of the stacks has its heads inside: all have equally many matrices. */
	if (mm->heads)
		return index;
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

/* Rows m0 .. m0 + rows - 1 of matrix @batch of the left operand, chunk @kc of its columns. */
static struct ncc_region left(const struct matmul *mm, int64_t batch, int64_t kc, int64_t m0,
			      int64_t rows)
{
	struct ncc_region r = ncc_chunk_region(&mm->la, kc);
	int64_t head = mm->heads ? batch % mm->heads : 0;

	r.on = rows;
	if (mm->node->heads[0]) {
		r.o0 = batch / mm->heads * mm->m + m0;
		r.a0 = head * mm->k;
		r.an = mm->k;
		return r;
	}
	r.o0 = batch_of(mm, 0, batch) * mm->m + m0;
	return r;
}

/* Chunk @kc of the rows of matrix @batch of the right operand, some columns; their distance: along o, or along i. */
static struct ncc_region right(const struct matmul *mm, int64_t batch, int64_t kc, int64_t n0,
			       int64_t nn, bool *along_o)
{
	struct ncc_region r = ncc_chunk_region(&mm->lb, kc);
	int64_t head = mm->heads ? batch % mm->heads : 0;

	*along_o = mm->node->heads[1] == NCC_HEADS_K_LAST;
	if (*along_o) {
		r.o0 = batch / mm->heads * mm->n + n0;
		r.on = nn;
		r.a0 = head * mm->k;
		r.an = mm->k;
		return r;
	}
	r.o0 = mm->node->heads[1] ? batch / mm->heads : batch_of(mm, 1, batch);
	r.on = 1;
	r.i0 = (mm->node->heads[1] ? head * mm->n : 0) + n0;
	r.in = nn;
	return r;
}

/* Chunk @mc of the rows of matrix @batch of the result, some columns. */
static struct ncc_region result(const struct matmul *mm, int64_t batch, int64_t mc, int64_t n0,
				int64_t nn)
{
	struct ncc_region r = ncc_chunk_region(&mm->lo, mc);
	bool inside = mm->node->heads[2];

	r.o0 = inside ? batch / mm->heads : batch;
	r.on = 1;
	r.i0 = (inside ? batch % mm->heads * mm->n : 0) + n0;
	r.in = nn;
	return r;
}

/* What is added to region @r of the result. */
static int load_residual(struct matmul *mm, int64_t batch, const struct ncc_region *r, uint8_t dtype,
			 struct ncc_tile *t)
{
	int64_t matrices = mm->node->out[0]->count / (mm->m * mm->n);
	struct ncc_region row = { batch * mm->lr.o / matrices, 1, 0, 1, r->i0 % mm->n, r->in };

	return ncc_load(mm->L, mm->node->residual->value, &mm->lr, dtype, mm->lr.rep ? &row : r, t);
}

static int evacuate(struct matmul *mm, int64_t batch, int64_t mc, int64_t n0, int64_t nn, int bank)
{
	struct ncc_node *node = mm->node;
	struct ncc_region r = result(mm, batch, mc, n0, nn);
	struct ncc_tile dst, residual = { .step_i = 0 };
	struct ncc_activate act = {
		.parts = (unsigned int)r.an, .func = node->func, .param = node->param,
		.scale = node->scale,
		.src = { .buf = bank, .dtype = NEURON_FP32 },
	};
	int err;

	err = ncc_result_tile(mm->L, &mm->res, &r, &dst);
	if (!err && node->residual) {
		err = load_residual(mm, batch, &r, dst.at.dtype, &residual);
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
	for (int64_t kc = 0; kc * NEURON_PARTITIONS < mm->k && !err; kc++) {
		bool along_o;
		struct ncc_region ra = left(mm, batch, kc, m0, rows);
		struct ncc_region rb = right(mm, batch, kc, n0, nn, &along_o);
		unsigned int k = (unsigned int)ra.an;
		struct ncc_tile w, x;

		err = ncc_load(mm->L, mm->a, &mm->la, mm->L->half, &ra, &w);
		if (!err)
			err = ncc_load(mm->L, mm->b, &mm->lb, mm->L->half, &rb, &x);
		if (!err)
			err = ncc_ldweights(&mm->L->b, w.at, w.step_o, k, (unsigned int)rows);
		if (!err)
			err = ncc_matmul(&mm->L->b, x.at, bank, k, (unsigned int)rows, kc == 0,
					 &(struct ncc_loop){ nn, { along_o ? x.step_o : x.step_i, 1 } }, 1);
	}
	return err ? err : evacuate(mm, batch, mc, n0, nn, bank.buf);
}

static int run(struct matmul *mm)
{
	int64_t matrices = mm->node->out[0]->count / (mm->m * mm->n);
	int err = 0;

	for (int64_t batch = 0; batch < matrices; batch++)
		for (int64_t n0 = 0; n0 < mm->n; n0 += NEURON_MATMUL_MAX_N)
			for (int64_t mc = 0; mc < ncc_chunks(&mm->lo) && !err; mc++) {
				int64_t nn = mm->n - n0 < NEURON_MATMUL_MAX_N ? mm->n - n0 :
										NEURON_MATMUL_MAX_N;

				err = product(mm, batch, mc, n0, nn);
			}
	return err;
}

/* Sizes and layouts. */
static void describe(struct matmul *mm, const struct ncc_tensor *a, const struct ncc_tensor *b,
		     const struct ncc_tensor *out)
{
	const uint8_t *heads = mm->node->heads;

	/* [batch, m, heads, k], [batch, k, heads, n] or [batch, n, heads, k], [batch, m, heads, n] */
	mm->heads = heads[0] ? a->dim[2] : heads[1] ? b->dim[2] : heads[2] ? out->dim[2] : 0;
	mm->k = a->dim[a->rank - 1];
	mm->m = a->rank > 1 ? a->dim[a->rank - (heads[0] ? 3 : 2)] : 1;
	mm->n = b->rank > 1 ? b->dim[b->rank - (heads[1] == NCC_HEADS_K_LAST ? 3 : 1)] : 1;
	mm->la = (struct ncc_layout){ a->count / mm->k, mm->k, 1, false };
	mm->lb = (struct ncc_layout){ b->count / (mm->k * mm->n), mm->k, mm->n, false };
	mm->lo = (struct ncc_layout){ out->count / (mm->m * mm->n), mm->m, mm->n, false };
	if (heads[0])
		mm->la = (struct ncc_layout){ a->dim[0] * mm->m, mm->heads * mm->k, 1, false };
	if (heads[1] == NCC_HEADS_K_LAST)
		mm->lb = (struct ncc_layout){ b->dim[0] * mm->n, mm->heads * mm->k, 1, false };
	else if (heads[1])
		mm->lb = (struct ncc_layout){ b->dim[0], mm->k, mm->heads * mm->n, false };
	if (heads[2])
		mm->lo = (struct ncc_layout){ out->dim[0], mm->m, mm->heads * mm->n, false };
	mm->lr = mm->lo;
	if (mm->node->residual && mm->node->residual->count != out->count)
		mm->lr = (struct ncc_layout){ mm->node->residual->count / mm->n, 1, mm->n, true };
}

int ncc_tile_matmul(struct ncc_lower *L, struct ncc_node *node)
{
	struct ncc_tensor *a = node->in[0], *b = node->in[1], *out = node->out[0];
	struct matmul mm = { .L = L, .node = node, .a = a->value, .b = b->value };
	int err;

	describe(&mm, a, b, out);
	err = ncc_want(L, mm.a, &mm.la, L->half);
	if (!err)
		err = ncc_want(L, mm.b, &mm.lb, L->half);
	if (!err && node->residual)
		err = ncc_want(L, node->residual->value, &mm.lr, out->value->dtype);
	if (!err)
		err = ncc_result_begin(L, out->value, &mm.lo, &mm.res);
	if (!err)
		err = run(&mm);
	return err ? err : ncc_result_end(L, &mm.res);
}
