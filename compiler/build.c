// SPDX-License-Identifier: Apache-2.0
/*
 * Building of instructions for PE, ACT and POOL.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "build_insn.h"
#include "convert.h"
#include "graph.h"

#define FIELD(name)	offsetof(struct neuron_insn, name)

struct ncc_insn *ncc_insn_new(struct ncc_build *b, uint8_t op, uint8_t engine)
{
	struct ncc_program *p = b->p;
	struct ncc_insn *i;

	p->insn = ncc_grow(&p->ctx->arena, p->insn, p->ninsn, &p->insn_cap, sizeof(*p->insn));
	i = &p->insn[p->ninsn++];
	memset(i, 0, sizeof(*i));
	i->engine = engine;
	i->node = b->node;
	i->insn.op = op;
	i->insn.wait_sem = i->insn.sig_sem = NEURON_ISA_NO_SEM;
	i->insn.tag = b->node->index < 0 ? 0 : (uint32_t)b->node->index;
	return i;
}

int ncc_insn_ref(struct ncc_build *b, struct ncc_insn *i, size_t field, const struct ncc_ref *r)
{
	const struct ncc_buf *buf = &b->p->buf[r->buf];

	/* Its offsets may not fit their types; no room would be found for it anyway. */
	if (buf->size > NEURON_SBUF_BYTES)
		return ncc_node_error(b->p->ctx, b->node, "needs %u or more bytes a partition at once, but the size "
				      "of SBUF is %u; use smaller tensors, such as a smaller batch", buf->size,
				      NEURON_SBUF_BYTES);
	if (r->low < 0 || r->high > (int64_t)buf->size || r->parts > NEURON_PARTITIONS ||
	    i->nfix == NCC_MAX_REFS)
		return ncc_internal_error(b->p->ctx, b->node, "bytes %" PRId64 "..%" PRId64
					  " of a buffer of %u bytes, %u partitions (%s)", r->low, r->high,
					  buf->size, r->parts, r->write ? "write" : "read");
	i->fix[i->nfix++] = (struct ncc_fixup){
		.field = (uint8_t)field, .part = r->part, .buf = r->buf, .off = r->off,
	};
	i->access[i->naccess++] = (struct ncc_access){
		.buf = r->buf, .low = (uint32_t)r->low, .high = (uint32_t)r->high, .write = r->write,
	};
	return 0;
}

/* Loops of an instruction: at most four, those with steps that fit. */
struct nest {
	struct ncc_loop loop[NCC_MAX_LOOPS];
	int n;
};

static bool joins(const struct ncc_loop *outer, const struct ncc_loop *inner, int nops)
{
	for (int k = 0; k < nops; k++)
		if (outer->step[k] != inner->step[k] * inner->count)
			return false;
	return outer->count * inner->count <= UINT16_MAX;
}

/* Drops loops of one turn and joins neighbours, but not over the border before @keep inner ones. */
static void simplify(struct nest *out, const struct ncc_loop *loops, int n, int nops, int keep)
{
	out->n = 0;
	for (int i = 0; i < n; i++) {
		bool inner = i >= n - keep;

		if (loops[i].count == 1 && !inner)
			continue;
		if (out->n && !inner && joins(&out->loop[out->n - 1], &loops[i], nops)) {
			struct ncc_loop *last = &out->loop[out->n - 1];

			last->count *= loops[i].count;
			memcpy(last->step, loops[i].step, sizeof(last->step));
			continue;
		}
		out->loop[out->n++] = loops[i];
	}
}

static bool step_fits(const struct ncc_loop *l, int nops)
{
	for (int k = 0; k < nops; k++)
		if (l->step[k] < INT16_MIN || l->step[k] > INT16_MAX)
			return false;
	return true;
}

/* An instruction's operands, and how to make it once its loops fit. */
struct shape {
	struct ncc_build *b;
	struct ncc_at at[3];
	int nops;
	int keep;		/* innermost loops that belong together */
	uint64_t most;		/* elements */
	int (*make)(struct shape *s, const struct nest *nest);
	const void *args;
	unsigned int parts;
};

static void advance(struct shape *s, const struct ncc_loop *l, int64_t times)
{
	for (int k = 0; k < s->nops; k++)
		s->at[k].off += (uint32_t)(l->step[k] * times * ncc_dtype_size(s->at[k].dtype));
}

static int build(struct shape *s, const struct ncc_loop *loops, int n);

/* One instruction, or a row of them, per turn of loop @which. */
static int unroll(const struct shape *s, const struct nest *nest, int which)
{
	struct ncc_loop rest[NCC_MAX_LOOPS];
	const struct ncc_loop *l = &nest->loop[which];
	int n = 0, err = 0;

	for (int i = 0; i < nest->n; i++)
		if (i != which)
			rest[n++] = nest->loop[i];
	for (int64_t t = 0; t < l->count && !err; t++) {
		struct shape turn = *s;

		advance(&turn, l, t);
		err = build(&turn, rest, n);
	}
	return err;
}

static int halve(const struct shape *s, const struct nest *nest)
{
	struct ncc_loop half[NCC_MAX_LOOPS];
	struct shape second = *s;
	struct shape first = *s;
	int64_t cut = nest->loop[0].count / 2;
	int err;

	memcpy(half, nest->loop, sizeof(half));
	half[0].count = cut;
	err = build(&first, half, nest->n);
	if (err)
		return err;
	advance(&second, &nest->loop[0], cut);
	half[0].count = nest->loop[0].count - cut;
	return build(&second, half, nest->n);
}

static int build(struct shape *s, const struct ncc_loop *loops, int n)
{
	struct nest nest;
	uint64_t total = 1;

	simplify(&nest, loops, n, s->nops, s->keep);
	for (int i = 0; i < nest.n; i++)
		total *= (uint64_t)nest.loop[i].count;
	for (int i = 0; i < nest.n - s->keep; i++)
		if (!step_fits(&nest.loop[i], s->nops))
			return unroll(s, &nest, i);
	if (nest.n > 4 && nest.n > s->keep)
		return unroll(s, &nest, 0);
	if (nest.n > s->keep && (total > s->most || nest.loop[0].count > UINT16_MAX))
		return halve(s, &nest);
	for (int i = 0; i < nest.n; i++)
		if (!step_fits(&nest.loop[i], s->nops) || nest.loop[i].count > UINT16_MAX ||
		    total > s->most || nest.n > 4)
			return ncc_internal_error(s->b->p->ctx, s->b->node,
						  "an access pattern does not fit an instruction");
	return s->make(s, &nest);
}

static void counts(const struct nest *nest, uint16_t count[4])
{
	for (int i = 0; i < 4; i++) {
		int from = i - (4 - nest->n);

		count[i] = from < 0 ? 1 : (uint16_t)nest->loop[from].count;
	}
}

/* Steps of operand @k into @step, and a reference for it. @skip innermost loops do not move it. */
static struct ncc_ref operand(const struct shape *s, const struct nest *nest, int k, int16_t step[4],
			      bool write, int skip)
{
	const struct ncc_at *at = &s->at[k];
	int64_t size = ncc_dtype_size(at->dtype);
	struct ncc_ref r = {
		.buf = at->buf, .part = at->part, .off = at->off, .low = at->off,
		.high = at->off + size, .write = write, .parts = at->part + s->parts,
	};

	for (int i = 0; i < 4; i++) {
		int from = i - (4 - nest->n);
		int64_t span;

		step[i] = from < 0 || i >= 4 - skip ? 0 : (int16_t)nest->loop[from].step[k];
		if (from < 0 || i >= 4 - skip)
			continue;
		span = step[i] * (nest->loop[from].count - 1) * size;
		*(span < 0 ? &r.low : &r.high) += span;
	}
	return r;
}

/* One fp32 a partition. */
static struct ncc_ref vector(const struct ncc_at *at, unsigned int parts)
{
	return (struct ncc_ref){
		.buf = at->buf, .part = at->part, .off = at->off, .low = at->off,
		.high = (int64_t)at->off + 4, .parts = at->part + parts,
	};
}

int ncc_ldweights(struct ncc_build *b, struct ncc_at src, int64_t step, unsigned int k,
		  unsigned int m)
{
	struct ncc_insn *i = ncc_insn_new(b, NEURON_OP_LDWEIGHTS, NEURON_PE);
	struct ncc_ref r = {
		.buf = src.buf, .part = src.part, .off = src.off, .low = src.off,
		.high = src.off + (step * (m - 1) + 1) * ncc_dtype_size(src.dtype),
		.parts = src.part + k,
	};

	if (step < 0 || step > INT16_MAX)
		return ncc_internal_error(b->p->ctx, b->node, "step %" PRId64 " of ldweights", step);
	i->insn.ldweights.step = (int16_t)step;
	i->insn.ldweights.k = (uint8_t)k;
	i->insn.ldweights.m = (uint8_t)m;
	i->insn.ldweights.dtype = src.dtype;
	return ncc_insn_ref(b, i, FIELD(ldweights.src), &r);
}

struct matmul_args {
	unsigned int k, m;
	bool start;
};

static int make_matmul(struct shape *s, const struct nest *nest)
{
	const struct matmul_args *a = s->args;
	struct ncc_insn *i = ncc_insn_new(s->b, NEURON_OP_MATMUL, NEURON_PE);
	struct ncc_ref src, dst;
	int err;

	counts(nest, i->insn.matmul.count);
	s->parts = a->k;
	src = operand(s, nest, 0, i->insn.matmul.src_step, false, 0);
	s->parts = a->m;
	dst = operand(s, nest, 1, i->insn.matmul.dst_step, true, 0);
	i->insn.flags = a->start ? NEURON_MATMUL_START : 0;
	i->insn.matmul.k = (uint8_t)a->k;
	i->insn.matmul.m = (uint8_t)a->m;
	i->insn.matmul.dtype = s->at[0].dtype;
	err = ncc_insn_ref(s->b, i, FIELD(matmul.src), &src);
	return err ? err : ncc_insn_ref(s->b, i, FIELD(matmul.dst), &dst);
}

int ncc_matmul(struct ncc_build *b, struct ncc_at src, struct ncc_at dst, unsigned int k,
	       unsigned int m, bool start, const struct ncc_loop *loops, int n)
{
	struct matmul_args args = { .k = k, .m = m, .start = start };
	struct shape s = {
		.b = b, .at = { src, dst }, .nops = 2, .most = NEURON_MATMUL_MAX_N,
		.make = make_matmul, .args = &args,
	};

	return build(&s, loops, n);
}

bool ncc_func_has_param(uint8_t func)
{
#define HAS_PARAM(code, id, params) [NEURON_FUNC_##id] = (params) > 0,
	static const bool has[256] = { NEURON_ISA_FUNCS(HAS_PARAM) };
#undef HAS_PARAM

	return has[func];
}

static int make_activate(struct shape *s, const struct nest *nest)
{
	const struct ncc_activate *a = s->args;
	struct ncc_insn *i = ncc_insn_new(s->b, NEURON_OP_ACTIVATE, NEURON_ACT);
	struct ncc_ref src, dst, r;
	int err;

	counts(nest, i->insn.activate.count);
	src = operand(s, nest, 0, i->insn.activate.src_step, false, 0);
	dst = operand(s, nest, 1, i->insn.activate.dst_step, true, 0);
	i->insn.activate.partitions = (uint8_t)s->parts;
	i->insn.activate.func = a->func;
	i->insn.activate.src_dtype = s->at[0].dtype;
	i->insn.activate.dst_dtype = s->at[1].dtype;
	err = ncc_insn_ref(s->b, i, FIELD(activate.src), &src);
	if (!err)
		err = ncc_insn_ref(s->b, i, FIELD(activate.dst), &dst);
	if (!err && a->bias) {
		i->insn.flags |= NEURON_ACTIVATE_BIAS;
		r = vector(a->bias, s->parts);
		err = ncc_insn_ref(s->b, i, FIELD(activate.bias), &r);
	} else if (a->bias_imm != 0) {
		i->insn.flags |= NEURON_ACTIVATE_BIAS_IMM;
		memcpy(&i->insn.activate.bias, &a->bias_imm, 4);
	}
	if (ncc_func_has_param(a->func))
		memcpy(&i->insn.activate.residual, &a->param, 4);
	if (!err && a->scale_at) {
		i->insn.flags |= NEURON_ACTIVATE_SCALE_PTR;
		r = vector(a->scale_at, s->parts);
		err = ncc_insn_ref(s->b, i, FIELD(activate.scale), &r);
	} else {
		memcpy(&i->insn.activate.scale, &a->scale, 4);
	}
	if (!err && a->sum) {
		i->insn.flags |= NEURON_ACTIVATE_REDUCE;
		r = vector(a->sum, s->parts);
		r.write = true;
		err = ncc_insn_ref(s->b, i, FIELD(activate.residual), &r);
	}
	if (!err && a->residual) {
		int16_t same[4];

		i->insn.flags |= NEURON_ACTIVATE_RESIDUAL;
		s->at[2].dtype = s->at[1].dtype;
		for (int l = 0; l < nest->n; l++)
			if (nest->loop[l].step[2] != nest->loop[l].step[1])
				return ncc_internal_error(s->b->p->ctx, s->b->node,
							  "residual does not move like the result");
		r = operand(s, nest, 2, same, false, 0);
		err = ncc_insn_ref(s->b, i, FIELD(activate.residual), &r);
	}
	return err;
}

int ncc_activate(struct ncc_build *b, const struct ncc_activate *a, const struct ncc_loop *loops,
		 int n)
{
	struct shape s = {
		.b = b, .at = { a->src, a->dst }, .nops = a->residual ? 3 : 2, .parts = a->parts,
		.most = NEURON_TENSOR_MAX_N, .make = make_activate, .args = a,
	};

	if (a->residual)
		s.at[2] = *a->residual;
	return build(&s, loops, n);
}

static int make_tensor_tensor(struct shape *s, const struct nest *nest)
{
	struct ncc_insn *i = ncc_insn_new(s->b, NEURON_OP_TENSOR_TENSOR, NEURON_POOL);
	struct ncc_ref src0, src1, dst;
	int err;

	counts(nest, i->insn.tensor_tensor.count);
	src0 = operand(s, nest, 0, i->insn.tensor_tensor.src0_step, false, 0);
	src1 = operand(s, nest, 1, i->insn.tensor_tensor.src1_step, false, 0);
	dst = operand(s, nest, 2, i->insn.tensor_tensor.dst_step, true, 0);
	i->insn.flags = (uint8_t)(s->at[1].dtype << NEURON_TENSOR_SRC1_DTYPE_SHIFT);
	i->insn.tensor_tensor.partitions = (uint8_t)s->parts;
	i->insn.tensor_tensor.alu = *(const uint8_t *)s->args;
	i->insn.tensor_tensor.src_dtype = s->at[0].dtype;
	i->insn.tensor_tensor.dst_dtype = s->at[2].dtype;
	err = ncc_insn_ref(s->b, i, FIELD(tensor_tensor.src0), &src0);
	if (!err)
		err = ncc_insn_ref(s->b, i, FIELD(tensor_tensor.src1), &src1);
	return err ? err : ncc_insn_ref(s->b, i, FIELD(tensor_tensor.dst), &dst);
}

int ncc_tensor_tensor(struct ncc_build *b, uint8_t alu, unsigned int parts, struct ncc_at src0,
		      struct ncc_at src1, struct ncc_at dst, const struct ncc_loop *loops, int n)
{
	struct shape s = {
		.b = b, .at = { src0, src1, dst }, .nops = 3, .parts = parts,
		.most = NEURON_TENSOR_MAX_N, .make = make_tensor_tensor, .args = &alu,
	};

	return build(&s, loops, n);
}

static int make_tensor_scalar(struct shape *s, const struct nest *nest)
{
	const struct ncc_scalars *a = s->args;
	struct ncc_insn *i = ncc_insn_new(s->b, NEURON_OP_TENSOR_SCALAR, NEURON_POOL);
	struct ncc_ref src, dst;
	int err;

	counts(nest, i->insn.tensor_scalar.count);
	src = operand(s, nest, 0, i->insn.tensor_scalar.src_step, false, 0);
	dst = operand(s, nest, 1, i->insn.tensor_scalar.dst_step, true, 0);
	i->insn.flags = a->reverse0 ? NEURON_SCALAR0_REVERSE : 0;
	i->insn.flags |= a->raw ? NEURON_SCALAR_INTEGER : 0;
	memcpy(&i->insn.tensor_scalar.scalar0, &a->scalar0, 4);
	memcpy(&i->insn.tensor_scalar.scalar1, &a->scalar1, 4);
	i->insn.tensor_scalar.partitions = (uint8_t)s->parts;
	i->insn.tensor_scalar.alu0 = a->alu0;
	i->insn.tensor_scalar.alu1 = a->alu1;
	i->insn.tensor_scalar.src_dtype = s->at[0].dtype;
	i->insn.tensor_scalar.dst_dtype = s->at[1].dtype;
	err = ncc_insn_ref(s->b, i, FIELD(tensor_scalar.src), &src);
	return err ? err : ncc_insn_ref(s->b, i, FIELD(tensor_scalar.dst), &dst);
}

int ncc_tensor_scalar(struct ncc_build *b, const struct ncc_scalars *a, unsigned int parts,
		      struct ncc_at src, struct ncc_at dst, const struct ncc_loop *loops, int n)
{
	struct shape s = {
		.b = b, .at = { src, dst }, .nops = 2, .parts = parts,
		.most = NEURON_TENSOR_MAX_N, .make = make_tensor_scalar, .args = a,
	};

	return build(&s, loops, n);
}

struct reduce_args {
	uint8_t alu;
	float scale;
};

static int make_tensor_reduce(struct shape *s, const struct nest *nest)
{
	const struct reduce_args *a = s->args;
	struct ncc_insn *i = ncc_insn_new(s->b, NEURON_OP_TENSOR_REDUCE, NEURON_POOL);
	struct ncc_ref src, dst;
	int err;

	counts(nest, i->insn.tensor_reduce.count);
	src = operand(s, nest, 0, i->insn.tensor_reduce.src_step, false, 0);
	dst = operand(s, nest, 1, i->insn.tensor_reduce.dst_step, true, s->keep);
	memcpy(&i->insn.tensor_reduce.scale, &a->scale, 4);
	i->insn.tensor_reduce.partitions = (uint8_t)s->parts;
	i->insn.tensor_reduce.alu = a->alu;
	i->insn.tensor_reduce.dims = (uint8_t)s->keep;
	i->insn.tensor_reduce.src_dtype = s->at[0].dtype;
	i->insn.tensor_reduce.dst_dtype = s->at[1].dtype;
	err = ncc_insn_ref(s->b, i, FIELD(tensor_reduce.src), &src);
	return err ? err : ncc_insn_ref(s->b, i, FIELD(tensor_reduce.dst), &dst);
}

int ncc_tensor_reduce(struct ncc_build *b, uint8_t alu, float scale, unsigned int parts,
		      struct ncc_at src, struct ncc_at dst, const struct ncc_loop *loops, int n,
		      int inner)
{
	struct reduce_args args = { .alu = alu, .scale = scale };
	struct shape s = {
		.b = b, .at = { src, dst }, .nops = 2, .parts = parts, .keep = inner,
		.most = NEURON_TENSOR_MAX_N, .make = make_tensor_reduce, .args = &args,
	};

	return build(&s, loops, n);
}

static int make_tensor_dot(struct shape *s, const struct nest *nest)
{
	struct ncc_insn *i = ncc_insn_new(s->b, NEURON_OP_TENSOR_DOT, NEURON_POOL);
	struct ncc_ref src0, src1, dst;
	int err;

	counts(nest, i->insn.tensor_dot.count);
	src0 = operand(s, nest, 0, i->insn.tensor_dot.src0_step, false, 0);
	src1 = operand(s, nest, 1, i->insn.tensor_dot.src1_step, false, 0);
	dst = operand(s, nest, 2, i->insn.tensor_dot.dst_step, true, s->keep);
	i->insn.flags = (uint8_t)(s->at[1].dtype << NEURON_TENSOR_SRC1_DTYPE_SHIFT);
	i->insn.tensor_dot.partitions = (uint8_t)s->parts;
	i->insn.tensor_dot.dims = (uint8_t)s->keep;
	i->insn.tensor_dot.src_dtype = s->at[0].dtype;
	i->insn.tensor_dot.dst_dtype = s->at[2].dtype;
	err = ncc_insn_ref(s->b, i, FIELD(tensor_dot.src0), &src0);
	if (!err)
		err = ncc_insn_ref(s->b, i, FIELD(tensor_dot.src1), &src1);
	return err ? err : ncc_insn_ref(s->b, i, FIELD(tensor_dot.dst), &dst);
}

int ncc_tensor_dot(struct ncc_build *b, unsigned int parts, struct ncc_at src0, struct ncc_at src1,
		   struct ncc_at dst, const struct ncc_loop *loops, int n, int inner)
{
	struct shape s = {
		.b = b, .at = { src0, src1, dst }, .nops = 3, .parts = parts, .keep = inner,
		.most = NEURON_TENSOR_MAX_N, .make = make_tensor_dot,
	};

	return build(&s, loops, n);
}

struct transpose_args {
	unsigned int rows, columns;
	int64_t dst_step;
};

static int make_transpose(struct shape *s, const struct nest *nest)
{
	const struct transpose_args *a = s->args;
	struct ncc_insn *i = ncc_insn_new(s->b, NEURON_OP_TRANSPOSE, NEURON_PE);
	int64_t span = a->dst_step * (a->rows - 1) * ncc_dtype_size(s->at[1].dtype);
	struct ncc_ref src, dst;
	int err;

	if (a->dst_step > INT16_MAX)
		return ncc_internal_error(s->b->p->ctx, s->b->node, "step %" PRId64 " of transpose",
					  a->dst_step);
	counts(nest, i->insn.transpose.count);
	s->parts = a->rows;
	src = operand(s, nest, 0, i->insn.transpose.src_step, false, 0);
	s->parts = a->columns;
	dst = operand(s, nest, 1, i->insn.transpose.dst_step, true, 1);
	dst.high += span;
	i->insn.transpose.dst_step[3] = (int16_t)a->dst_step;
	i->insn.transpose.k = (uint8_t)a->rows;
	i->insn.transpose.dtype = s->at[0].dtype;
	err = ncc_insn_ref(s->b, i, FIELD(transpose.src), &src);
	return err ? err : ncc_insn_ref(s->b, i, FIELD(transpose.dst), &dst);
}

int ncc_transpose(struct ncc_build *b, struct ncc_at src, int64_t src_step, unsigned int rows,
		  struct ncc_at dst, int64_t dst_step, unsigned int columns,
		  const struct ncc_loop *loops, int n)
{
	struct transpose_args args = { .rows = rows, .columns = columns, .dst_step = dst_step };
	struct shape s = {
		.b = b, .at = { src, dst }, .nops = 2, .keep = 1, .most = NEURON_TENSOR_MAX_N,
		.make = make_transpose, .args = &args,
	};
	struct ncc_loop all[NCC_MAX_LOOPS];

	if (n)
		memcpy(all, loops, (size_t)n * sizeof(*loops));
	all[n] = (struct ncc_loop){ columns, { src_step, 0 } };
	return build(&s, all, n + 1);
}

static int make_memset(struct shape *s, const struct nest *nest)
{
	struct ncc_insn *i = ncc_insn_new(s->b, NEURON_OP_MEMSET, NEURON_POOL);
	struct ncc_ref dst;

	counts(nest, i->insn.memset.count);
	dst = operand(s, nest, 0, i->insn.memset.dst_step, true, 0);
	memcpy(&i->insn.memset.value, s->args, 4);
	i->insn.memset.partitions = (uint8_t)s->parts;
	i->insn.memset.dst_dtype = s->at[0].dtype;
	return ncc_insn_ref(s->b, i, FIELD(memset.dst), &dst);
}

int ncc_memset(struct ncc_build *b, float value, unsigned int parts, struct ncc_at dst,
	       const struct ncc_loop *loops, int n)
{
	struct shape s = {
		.b = b, .at = { dst }, .nops = 1, .parts = parts, .most = NEURON_TENSOR_MAX_N,
		.make = make_memset, .args = &value,
	};

	return build(&s, loops, n);
}

static int make_select(struct shape *s, const struct nest *nest)
{
	struct ncc_insn *i = ncc_insn_new(s->b, NEURON_OP_SELECT, NEURON_POOL);
	const struct ncc_at *out = &s->at[s->nops - 1];
	struct ncc_ref pred, src, dst;
	int err;

	counts(nest, i->insn.select.count);
	pred = operand(s, nest, 0, i->insn.select.pred_step, false, 0);
	dst = operand(s, nest, s->nops - 1, i->insn.select.dst_step, true, 0);
	i->insn.select.partitions = (uint8_t)s->parts;
	i->insn.select.pred_dtype = s->at[0].dtype;
	i->insn.select.dst_dtype = out->dtype;
	i->insn.select.src_dtype = s->nops > 2 ? s->at[1].dtype : NEURON_FP32;
	err = ncc_insn_ref(s->b, i, FIELD(select.pred), &pred);
	if (s->nops > 2) {
		src = operand(s, nest, 1, i->insn.select.src_step, false, 0);
		err = err ? err : ncc_insn_ref(s->b, i, FIELD(select.src), &src);
	} else {
		i->insn.flags = NEURON_SELECT_IMM;
		memcpy(&i->insn.select.src, s->args, 4);
	}
	return err ? err : ncc_insn_ref(s->b, i, FIELD(select.dst), &dst);
}

int ncc_select(struct ncc_build *b, unsigned int parts, struct ncc_at pred, const struct ncc_at *src,
	       float number, struct ncc_at dst, const struct ncc_loop *loops, int n)
{
	struct shape s = {
		.b = b, .at = { pred, dst }, .nops = 2, .parts = parts, .most = NEURON_TENSOR_MAX_N,
		.make = make_select, .args = &number,
	};

	if (src) {
		s.at[1] = *src;
		s.at[2] = dst;
		s.nops = 3;
	}
	return build(&s, loops, n);
}
