// SPDX-License-Identifier: Apache-2.0
/* The POOL engine: elementwise operations of two operands, reductions, filling. */

#include "nc_linear.h"
#include "nc_team.h"
#include "nc_window.h"

#define SCALAR_FLAGS	(NEURON_SCALAR0_PTR | NEURON_SCALAR1_PTR | \
			 NEURON_SCALAR0_REVERSE | NEURON_SCALAR1_REVERSE | NEURON_SCALAR_INTEGER)
#define REDUCE_FLAGS	(NEURON_REDUCE_INTEGER | NEURON_REDUCE_INDEX | NEURON_REDUCE_LAST)
#define SRC1_DTYPE_MASK	(0xf << NEURON_TENSOR_SRC1_DTYPE_SHIFT)

static bool alu_known(unsigned int alu, bool integer)
{
#define KNOWN(code, id) case code:
	switch (alu) {
	NEURON_ISA_ALUS(KNOWN)
		return alu == NEURON_ALU_POW ? !integer :
		       alu == NEURON_ALU_SHL || alu == NEURON_ALU_SHR ? integer : true;
	}
#undef KNOWN
	return false;
}

static void set_integer(struct emu_nc_dec_pool *p, bool integer, unsigned int src_dtype)
{
	p->integer = integer;
	p->is_unsigned = integer && src_dtype == NEURON_UINT32;
}

static bool parts_valid(unsigned int parts)
{
	return parts && parts <= NEURON_PARTITIONS;
}

static int decode_tensor_tensor(struct emu_nc *nc, struct emu_nc_dec *d)
{
	const struct neuron_insn *insn = &d->insn;
	struct emu_nc_dec_pool *p = &d->pool;
	unsigned int parts = insn->tensor_tensor.partitions;
	unsigned int src1_dtype = insn->flags >> NEURON_TENSOR_SRC1_DTYPE_SHIFT;

	if (insn->flags & ~(SRC1_DTYPE_MASK | NEURON_TENSOR_INTEGER) || (src1_dtype && !emu_nc_dtype_size(src1_dtype)))
		return EMU_NC_BAD(nc, flags);
	set_integer(p, insn->flags & NEURON_TENSOR_INTEGER, insn->tensor_tensor.src_dtype);
	if (!emu_nc_counts_init(&p->counts, insn->tensor_tensor.count, NEURON_TENSOR_MAX_N))
		return EMU_NC_BAD(nc, tensor_tensor.count);
	if (!parts_valid(parts))
		return EMU_NC_BAD(nc, tensor_tensor.partitions);
	if (!alu_known(insn->tensor_tensor.alu, p->integer))
		return EMU_NC_BAD(nc, tensor_tensor.alu);
	if (!emu_nc_dtype_size(insn->tensor_tensor.src_dtype))
		return EMU_NC_BAD(nc, tensor_tensor.src_dtype);
	if (!emu_nc_dtype_size(insn->tensor_tensor.dst_dtype))
		return EMU_NC_BAD(nc, tensor_tensor.dst_dtype);
	p->alu[0] = insn->tensor_tensor.alu;
	if (!emu_nc_ap_init(&p->src0, &p->counts, insn->tensor_tensor.src0,
			    insn->tensor_tensor.src0_step, parts, insn->tensor_tensor.src_dtype))
		return EMU_NC_BAD(nc, tensor_tensor.src0);
	if (!emu_nc_ap_init(&p->src1, &p->counts, insn->tensor_tensor.src1,
			    insn->tensor_tensor.src1_step, parts,
			    src1_dtype ? src1_dtype : insn->tensor_tensor.src_dtype))
		return EMU_NC_BAD(nc, tensor_tensor.src1);
	if (!emu_nc_ap_init(&p->dst, &p->counts, insn->tensor_tensor.dst,
			    insn->tensor_tensor.dst_step, parts, insn->tensor_tensor.dst_dtype))
		return EMU_NC_BAD(nc, tensor_tensor.dst);
	return NEURON_JOB_OK;
}

/* scalar[i]: an immediate, or one fp32 a partition. */
static bool decode_scalar(struct emu_nc_dec_pool *p, int i, uint32_t field, bool pointer,
			  bool reverse, unsigned int parts)
{
	unsigned int dtype = p->integer ? NEURON_INT32 : NEURON_FP32;
	static const struct emu_nc_counts one = { .count = { 1, 1, 1, 1 }, .n = 1 };

	p->pointer[i] = pointer;
	p->reverse[i] = reverse;
	p->imm[i] = field;
	return !pointer || emu_nc_ap_init(&p->scalar[i], &one, field, NULL, parts, dtype);
}

static int decode_tensor_scalar(struct emu_nc *nc, struct emu_nc_dec *d)
{
	const struct neuron_insn *insn = &d->insn;
	struct emu_nc_dec_pool *p = &d->pool;
	unsigned int parts = insn->tensor_scalar.partitions;

	if (insn->flags & ~SCALAR_FLAGS)
		return EMU_NC_BAD(nc, flags);
	set_integer(p, insn->flags & NEURON_SCALAR_INTEGER, insn->tensor_scalar.src_dtype);
	if (!emu_nc_counts_init(&p->counts, insn->tensor_scalar.count, NEURON_TENSOR_MAX_N))
		return EMU_NC_BAD(nc, tensor_scalar.count);
	if (!parts_valid(parts))
		return EMU_NC_BAD(nc, tensor_scalar.partitions);
	if (!alu_known(insn->tensor_scalar.alu0, p->integer))
		return EMU_NC_BAD(nc, tensor_scalar.alu0);
	if (!alu_known(insn->tensor_scalar.alu1, p->integer))
		return EMU_NC_BAD(nc, tensor_scalar.alu1);
	if (!emu_nc_dtype_size(insn->tensor_scalar.src_dtype))
		return EMU_NC_BAD(nc, tensor_scalar.src_dtype);
	if (!emu_nc_dtype_size(insn->tensor_scalar.dst_dtype))
		return EMU_NC_BAD(nc, tensor_scalar.dst_dtype);
	p->alu[0] = insn->tensor_scalar.alu0;
	p->alu[1] = insn->tensor_scalar.alu1;
	if (!emu_nc_ap_init(&p->src0, &p->counts, insn->tensor_scalar.src,
			    insn->tensor_scalar.src_step, parts, insn->tensor_scalar.src_dtype))
		return EMU_NC_BAD(nc, tensor_scalar.src);
	if (!emu_nc_ap_init(&p->dst, &p->counts, insn->tensor_scalar.dst,
			    insn->tensor_scalar.dst_step, parts, insn->tensor_scalar.dst_dtype))
		return EMU_NC_BAD(nc, tensor_scalar.dst);
	if (!decode_scalar(p, 0, insn->tensor_scalar.scalar0, insn->flags & NEURON_SCALAR0_PTR,
			   insn->flags & NEURON_SCALAR0_REVERSE, parts))
		return EMU_NC_BAD(nc, tensor_scalar.scalar0);
	if (!decode_scalar(p, 1, insn->tensor_scalar.scalar1, insn->flags & NEURON_SCALAR1_PTR,
			   insn->flags & NEURON_SCALAR1_REVERSE, parts))
		return EMU_NC_BAD(nc, tensor_scalar.scalar1);
	return NEURON_JOB_OK;
}

/* The loops that are reduced (@inner) or that are left. */
static void split_counts(struct emu_nc_counts *out, const struct emu_nc_counts *c,
			 unsigned int dims, bool inner)
{
	out->n = 1;
	for (unsigned int i = 0; i < 4; i++) {
		out->count[i] = (i >= 4 - dims) == inner ? c->count[i] : 1;
		out->n *= out->count[i];
	}
}

static int decode_tensor_reduce(struct emu_nc *nc, struct emu_nc_dec *d)
{
	const struct neuron_insn *insn = &d->insn;
	struct emu_nc_dec_pool *p = &d->pool;
	unsigned int parts = insn->tensor_reduce.partitions;
	struct emu_nc_counts outer;

	p->index = insn->flags & NEURON_REDUCE_INDEX;
	p->last = insn->flags & NEURON_REDUCE_LAST;
	if (insn->flags & ~REDUCE_FLAGS || (p->last && !p->index))
		return EMU_NC_BAD(nc, flags);
	set_integer(p, insn->flags & NEURON_REDUCE_INTEGER, insn->tensor_reduce.src_dtype);
	if (!emu_nc_counts_init(&p->counts, insn->tensor_reduce.count, NEURON_TENSOR_MAX_N))
		return EMU_NC_BAD(nc, tensor_reduce.count);
	if (!parts_valid(parts))
		return EMU_NC_BAD(nc, tensor_reduce.partitions);
	if (!alu_known(insn->tensor_reduce.alu, p->integer))
		return EMU_NC_BAD(nc, tensor_reduce.alu);
	if (p->index && insn->tensor_reduce.alu != NEURON_ALU_MAX &&
	    insn->tensor_reduce.alu != NEURON_ALU_MIN)
		return EMU_NC_BAD(nc, tensor_reduce.alu);
	if (!insn->tensor_reduce.dims || insn->tensor_reduce.dims > 4)
		return EMU_NC_BAD(nc, tensor_reduce.dims);
	if (!emu_nc_dtype_size(insn->tensor_reduce.src_dtype))
		return EMU_NC_BAD(nc, tensor_reduce.src_dtype);
	if (!emu_nc_dtype_size(insn->tensor_reduce.dst_dtype))
		return EMU_NC_BAD(nc, tensor_reduce.dst_dtype);
	p->alu[0] = insn->tensor_reduce.alu;
	p->dims = insn->tensor_reduce.dims;
	p->imm[0] = insn->tensor_reduce.scale;
	if (!emu_nc_ap_init(&p->src0, &p->counts, insn->tensor_reduce.src,
			    insn->tensor_reduce.src_step, parts, insn->tensor_reduce.src_dtype))
		return EMU_NC_BAD(nc, tensor_reduce.src);
	split_counts(&outer, &p->counts, p->dims, false);
	if (!emu_nc_ap_init(&p->dst, &outer, insn->tensor_reduce.dst,
			    insn->tensor_reduce.dst_step, parts, insn->tensor_reduce.dst_dtype))
		return EMU_NC_BAD(nc, tensor_reduce.dst);
	return NEURON_JOB_OK;
}

static int decode_memset(struct emu_nc *nc, struct emu_nc_dec *d)
{
	const struct neuron_insn *insn = &d->insn;
	struct emu_nc_dec_pool *p = &d->pool;
	unsigned int parts = insn->memset.partitions;

	if (insn->flags & ~NEURON_MEMSET_INTEGER)
		return EMU_NC_BAD(nc, flags);
	set_integer(p, insn->flags & NEURON_MEMSET_INTEGER, NEURON_INT32);
	if (!emu_nc_counts_init(&p->counts, insn->memset.count, NEURON_TENSOR_MAX_N))
		return EMU_NC_BAD(nc, memset.count);
	if (!parts_valid(parts))
		return EMU_NC_BAD(nc, memset.partitions);
	if (!emu_nc_dtype_size(insn->memset.dst_dtype))
		return EMU_NC_BAD(nc, memset.dst_dtype);
	p->imm[0] = insn->memset.value;
	if (!emu_nc_ap_init(&p->dst, &p->counts, insn->memset.dst, insn->memset.dst_step, parts,
			    insn->memset.dst_dtype))
		return EMU_NC_BAD(nc, memset.dst);
	return NEURON_JOB_OK;
}

int emu_nc_pool_decode(struct emu_nc *nc, struct emu_nc_dec *d)
{
	switch (d->insn.op) {
	case NEURON_OP_TENSOR_TENSOR:
		return decode_tensor_tensor(nc, d);
	case NEURON_OP_TENSOR_SCALAR:
		return decode_tensor_scalar(nc, d);
	case NEURON_OP_TENSOR_REDUCE:
		return decode_tensor_reduce(nc, d);
	default:
		return decode_memset(nc, d);
	}
}

/*
 * The operations below in floats or in integers: lanes are 32 bits, and only how they are
 * read, combined and written differs.
 */
static uint32_t *load(struct emu_nc *nc, const struct emu_nc_dec_pool *p,
		      const struct emu_nc_ap *ap, int32_t off, struct emu_nc_lanes *lanes)
{
	if (p->integer)
		return (uint32_t *)nc->kernels->load_int(&nc->mem, ap, off, lanes);
	return (uint32_t *)nc->kernels->load(&nc->mem, ap, off, lanes);
}

static void store(struct emu_nc *nc, const struct emu_nc_dec_pool *p, int32_t off,
		  const uint32_t *x)
{
	if (p->integer)
		nc->kernels->store_int(&nc->mem, &p->dst, off, x, p->is_unsigned);
	else
		emu_nc_saw_nan(nc, nc->kernels->store(&nc->mem, &p->dst, off, (const float *)x));
}

static void combine(struct emu_nc *nc, const struct emu_nc_dec_pool *p, uint32_t *out,
		    const uint32_t *a, const uint32_t *b, unsigned int alu)
{
	if (p->integer)
		nc->kernels->ialu(out, a, b, p->dst.parts, alu, p->is_unsigned);
	else
		nc->kernels->alu((float *)out, (const float *)a, (const float *)b, p->dst.parts,
				 alu);
}

/* Immediate @i in all lanes. */
static const uint32_t *fill(const struct emu_nc_dec_pool *p, int i, struct emu_nc_lanes *lanes)
{
	if (!p->integer)
		emu_nc_lanes_fill(lanes, p->imm[i]);
	else
		for (unsigned int l = 0; l < NEURON_PARTITIONS; l++)
			lanes->u[l] = p->imm[i];
	return lanes->u;
}

static void exec_tensor_tensor(struct emu_nc *nc, const struct emu_nc_dec_pool *p)
{
	const struct emu_nc_ap *const ap[] = { &p->src0, &p->src1, &p->dst };
	struct emu_nc_lanes as, bs, out;
	struct emu_nc_walk w;

	emu_nc_walk_init(&w, ap, 3);
	do {
		const uint32_t *a = load(nc, p, &p->src0, w.off[0], &as);
		const uint32_t *b = load(nc, p, &p->src1, w.off[1], &bs);

		combine(nc, p, out.u, a, b, p->alu[0]);
		store(nc, p, w.off[2], out.u);
	} while (emu_nc_walk_next(&w, &p->counts, ap, 3));
}

static void exec_tensor_scalar(struct emu_nc *nc, const struct emu_nc_dec_pool *p)
{
	const struct emu_nc_ap *const ap[] = { &p->src0, &p->dst };
	struct emu_nc_lanes xs, out, lanes[2];
	const uint32_t *s[2];
	struct emu_nc_walk w;

	for (int i = 0; i < 2; i++)
		s[i] = p->pointer[i] ? load(nc, p, &p->scalar[i], p->scalar[i].base, &lanes[i]) :
				       fill(p, i, &lanes[i]);
	emu_nc_walk_init(&w, ap, 2);
	do {
		const uint32_t *x = load(nc, p, &p->src0, w.off[0], &xs);

		for (int i = 0; i < 2; i++) {
			combine(nc, p, out.u, p->reverse[i] ? s[i] : x, p->reverse[i] ? x : s[i],
				p->alu[i]);
			x = out.u;
		}
		store(nc, p, w.off[1], out.u);
	} while (emu_nc_walk_next(&w, &p->counts, ap, 2));
}

/* @x at @index beats what was best until now: it is more (less), a NaN, or a later equal. */
static void take_best(const struct emu_nc_dec_pool *p, uint32_t *best, uint32_t *where,
		      const uint32_t *x, const uint32_t *better, uint32_t index)
{
	for (unsigned int i = 0; i < p->dst.parts; i++) {
		bool nan = !p->integer && (best[i] & 0x7fffffff) > 0x7f800000;
		bool x_nan = !p->integer && (x[i] & 0x7fffffff) > 0x7f800000;

		if (nan ? x_nan && p->last : x_nan || better[i]) {
			best[i] = x[i];
			where[i] = index;
		}
	}
}

static void reduce_index(struct emu_nc *nc, const struct emu_nc_dec_pool *p, int32_t off,
			 const struct emu_nc_counts *inner, struct emu_nc_lanes *where)
{
	const struct emu_nc_ap *const ap[] = { &p->src0 };
	unsigned int alu = p->alu[0] == NEURON_ALU_MAX ? NEURON_ALU_GT : NEURON_ALU_LT;
	struct emu_nc_lanes bests, xs, better;
	struct emu_nc_walk in;
	uint32_t index = 0, *best;

	alu = !p->last ? alu : alu == NEURON_ALU_GT ? NEURON_ALU_GE : NEURON_ALU_LE;
	*where = (struct emu_nc_lanes){};
	emu_nc_walk_init(&in, ap, 1);
	in.off[0] = off;
	best = load(nc, p, &p->src0, in.off[0], &bests);
	while (emu_nc_walk_next(&in, inner, ap, 1)) {
		const uint32_t *x = load(nc, p, &p->src0, in.off[0], &xs);

		combine(nc, p, better.u, x, best, alu);
		take_best(p, best, where->u, x, better.u, ++index);
	}
	if (!p->integer)
		for (unsigned int i = 0; i < p->dst.parts; i++)
			where->f[i] = (float)(int32_t)where->u[i];
}

static uint32_t *reduce_value(struct emu_nc *nc, const struct emu_nc_dec_pool *p, int32_t off,
			      const struct emu_nc_counts *inner, struct emu_nc_lanes *accs)
{
	const struct emu_nc_ap *const ap[] = { &p->src0 };
	struct emu_nc_lanes xs;
	struct emu_nc_walk in;
	uint32_t *acc;

	emu_nc_walk_init(&in, ap, 1);
	in.off[0] = off;
	acc = load(nc, p, &p->src0, in.off[0], accs);
	while (emu_nc_walk_next(&in, inner, ap, 1))
		combine(nc, p, acc, acc, load(nc, p, &p->src0, in.off[0], &xs), p->alu[0]);
	return acc;
}

static void exec_tensor_reduce(struct emu_nc *nc, const struct emu_nc_dec_pool *p)
{
	const struct emu_nc_ap *const ap[] = { &p->src0, &p->dst };
	struct emu_nc_lanes accs, scales;
	const uint32_t *scale = fill(p, 0, &scales);
	struct emu_nc_counts inner, outer;
	struct emu_nc_walk w;

	if (emu_nc_window(nc, p, NEURON_OP_TENSOR_REDUCE))
		return;
	split_counts(&inner, &p->counts, p->dims, true);
	split_counts(&outer, &p->counts, p->dims, false);
	emu_nc_walk_init(&w, ap, 2);
	do {
		uint32_t *acc = accs.u;

		if (p->index)
			reduce_index(nc, p, w.off[0], &inner, &accs);
		else
			acc = reduce_value(nc, p, w.off[0], &inner, &accs);
		combine(nc, p, acc, acc, scale, NEURON_ALU_MUL);
		store(nc, p, w.off[1], acc);
	} while (emu_nc_walk_next(&w, &outer, ap, 2));
}

static void exec_memset(struct emu_nc *nc, const struct emu_nc_dec_pool *p)
{
	const struct emu_nc_ap *const ap[] = { &p->dst };
	struct emu_nc_lanes values;
	struct emu_nc_walk w;

	fill(p, 0, &values);
	emu_nc_walk_init(&w, ap, 1);
	do {
		store(nc, p, w.off[0], values.u);
	} while (emu_nc_walk_next(&w, &p->counts, ap, 1));
}

/* A reduction's inner loops are done in order; its results are elements of the outer ones. */
static struct emu_nc_split describe(struct emu_nc_dec_pool *p, unsigned int op)
{
	bool scalars = op == NEURON_OP_TENSOR_SCALAR, dot = op == NEURON_OP_TENSOR_DOT;

	return (struct emu_nc_split){
		.counts = &p->counts, .dst = &p->dst, .src = { &p->src0, &p->src1 },
		.sources = dot || op == NEURON_OP_TENSOR_TENSOR ? 2 : op == NEURON_OP_MEMSET ? 0 : 1,
		.fixed = { scalars && p->pointer[0] ? &p->scalar[0] : NULL,
			   scalars && p->pointer[1] ? &p->scalar[1] : NULL },
		.loops = dot || op == NEURON_OP_TENSOR_REDUCE ? 4u - p->dims : 4,
		.work = p->counts.n * p->dst.parts,
	};
}

static void compute(struct emu_nc *nc, unsigned int op, struct emu_nc_dec_pool *p)
{
	const struct emu_nc_split s = describe(p, op);

	if (emu_nc_linear(nc, p, op, &s))
		return;
	switch (op) {
	case NEURON_OP_TENSOR_TENSOR:
		exec_tensor_tensor(nc, p);
		break;
	case NEURON_OP_TENSOR_SCALAR:
		exec_tensor_scalar(nc, p);
		break;
	case NEURON_OP_TENSOR_REDUCE:
		exec_tensor_reduce(nc, p);
		break;
	case NEURON_OP_TENSOR_DOT:
		emu_nc_dot_compute(nc, p);
		break;
	default:
		exec_memset(nc, p);
		break;
	}
}

/* An instruction in parts. */
struct operation {
	struct emu_nc *nc;
	const struct emu_nc_dec_pool *p;
	unsigned int op, loop, parts;
};

static void compute_part(void *arg, unsigned int part)
{
	const struct operation *o = arg;
	struct emu_nc_dec_pool p = *o->p;
	struct emu_nc_split s = describe(&p, o->op);

	emu_nc_split_take(&s, o->loop, part, o->parts);
	compute(o->nc, o->op, &p);
}

int emu_nc_pool_exec(struct emu_nc *nc, struct emu_nc_dec *d)
{
	struct operation o = { .nc = nc, .p = &d->pool, .op = d->insn.op, .parts = 1 };
	struct emu_nc_split s = describe(&d->pool, o.op);
	struct emu_nc_counts outer;

	if (o.op == NEURON_OP_TENSOR_REDUCE || o.op == NEURON_OP_TENSOR_DOT) {
		split_counts(&outer, &d->pool.counts, d->pool.dims, false);
		s.counts = &outer;
	}
	if (s.loops)
		o.parts = emu_nc_split_parts(nc, &s, &o.loop);
	if (o.parts < 2)
		compute(nc, o.op, &d->pool);
	else
		emu_nc_team_run(nc->team, nc->kernels, compute_part, &o, o.parts);
	return NEURON_JOB_OK;
}
