/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations over runs of columns, from rows to rows in registers: two vectors of lanes at a time.
 * The functions are those of nc_math.h, written with the host's instructions; what those do
 * elsewhere for the sake of NaNs is left to the C functions, for the vectors that have one.
 * Included by a file of kernels after nc_kernels_impl.h, when it has defined
 *	VF		a vector of floats, VL how many
 *	VB		the outcome of a comparison of two
 *	vec_set(f)	in all lanes, vec_bits(u) from bits
 *	vec_add, vec_sub, vec_mul, vec_div(a, b), vec_fma(a, b, c), vec_sqrt(a)
 *	vec_max(a, b)	a > b ? a : b, vec_min(a, b) a < b ? a : b
 *	vec_and, vec_xor(a, b)	of bits; vec_copysign(a, b)
 *	vec_scale(q, t)	q with the integer in the low bits of t added to its exponent
 *	vec_less(a, b)	a VB; vec_choose(b, x, y) x where b is true
 *	vec_nan(a, b)	is any of them a NaN?
 *	struct vec_some, vec_some(n)	the first n of 2 VL lanes
 *	vec_load(some, p, x), vec_store	2 VL floats, of which there are only some
 *	vec_get_bf16, vec_get_fp32(some, row, x), vec_put_bf16, vec_put_fp32	the same of SBUF rows
 */

#define BF16_INFINITY	0x7f80
#define BF16_LOWEST	(-1 - BF16_INFINITY)	/* -infinity in the order of vec16_order() */
#define VEC_BLOCK	4	/* columns of all lanes that vectors of lanes are kept for; of fewer lanes more */
#define VEC_COLUMNS_AHEAD	16	/* that are fetched meanwhile */

/* e^x of what is neither too small nor too big nor a NaN. */
VEC_FN VF vec_exp_inner(VF x)
{
	VF t = vec_fma(x, vec_set(0x1.715476p+0f), vec_set(0x1.8p23f)), r, q;
	VF n = vec_sub(t, vec_set(0x1.8p23f));

	r = vec_fma(n, vec_set(-0x1.62e400p-1f), x);
	r = vec_fma(n, vec_set(-0x1.7f7d1cp-20f), r);
	q = vec_fma(vec_set(0x1.6d7566p-10f), r, vec_set(0x1.120c04p-7f));
	q = vec_fma(q, r, vec_set(0x1.5554b8p-5f));
	q = vec_fma(q, r, vec_set(0x1.5554dcp-3f));
	q = vec_fma(q, r, vec_set(0.5f));
	q = vec_fma(q, r, vec_set(1.0f));
	q = vec_fma(q, r, vec_set(1.0f));
	return vec_scale(q, t);
}

VEC_FN VF vec_clamp(VF x, float low, float high)
{
	return vec_min(vec_max(x, vec_set(low)), vec_set(high));
}

VEC_FN VF vec_exp(VF x)
{
	VF q = vec_exp_inner(vec_clamp(x, NC_EXP_LOW, NC_EXP_HIGH));

	q = vec_choose(vec_less(vec_set(NC_EXP_HIGH), x), vec_bits(NC_INF_BITS), q);
	return vec_choose(vec_less(x, vec_set(NC_EXP_LOW)), vec_set(0.0f), q);
}

/* Beyond its ends e^-x is nothing beside 1, or its reciprocal is flushed: as good as 0 or infinity. */
VEC_FN VF vec_sigmoid(VF x)
{
	VF e = vec_exp_inner(vec_clamp(vec_xor(x, vec_bits(NC_SIGN)), NC_EXP_LOW, NC_EXP_HIGH));

	return vec_div(vec_set(1.0f), vec_add(vec_set(1.0f), e));
}

VEC_FN VF vec_silu(VF x)
{
	return vec_mul(vec_max(vec_set(-120.0f), x), vec_sigmoid(x));
}

VEC_FN VF vec_erf(VF x)
{
	VF a = vec_and(x, vec_bits(~NC_SIGN)), s = vec_mul(a, a), p, q;
	VB inner = vec_less(a, vec_set(0.93f));

	p = vec_fma(vec_set(0x1.5dffe2p-14f), s, vec_set(-0x1.aaa0c8p-11f));
	p = vec_fma(p, s, vec_set(0x1.54d3eap-8f));
	p = vec_fma(p, s, vec_set(-0x1.b80fecp-6f));
	p = vec_fma(p, s, vec_set(0x1.ce2e1ap-4f));
	p = vec_fma(p, s, vec_set(-0x1.812744p-2f));
	p = vec_fma(p, s, vec_set(0x1.06eba8p-3f));
	p = vec_fma(a, p, a);
	a = vec_min(a, vec_set(4.0f));
	q = vec_fma(vec_set(0x1.65a350p-16f), a, vec_set(-0x1.ca315cp-12f));
	q = vec_fma(q, a, vec_set(0x1.122146p-8f));
	q = vec_fma(q, a, vec_set(-0x1.9c0db6p-6f));
	q = vec_fma(q, a, vec_set(0x1.bbb3bap-4f));
	q = vec_fma(q, a, vec_set(0x1.4440c4p-1f));
	q = vec_fma(q, a, vec_set(0x1.212928p+0f));
	q = vec_fma(q, a, vec_set(-0x1.768580p-13f));
	q = vec_sub(vec_set(1.0f), vec_exp_inner(vec_sub(vec_set(0.0f), q)));
	return vec_copysign(vec_choose(inner, p, q), x);
}

VEC_FN VF vec_tanh(VF x)
{
	VF a = vec_and(x, vec_bits(~NC_SIGN)), s = vec_mul(a, a), p, e, q;

	p = vec_fma(vec_set(-0x1.8083ecp-8f), s, vec_set(0x1.54d2acp-6f));
	p = vec_fma(p, s, vec_set(-0x1.b8b530p-5f));
	p = vec_fma(p, s, vec_set(0x1.110b80p-3f));
	p = vec_fma(p, s, vec_set(-0x1.55554ep-2f));
	p = vec_fma(vec_mul(p, s), a, a);
	e = vec_exp_inner(vec_max(vec_mul(vec_set(-2.0f), a), vec_set(NC_EXP_LOW)));
	q = vec_div(vec_sub(vec_set(1.0f), e), vec_add(vec_set(1.0f), e));
	return vec_copysign(vec_choose(vec_less(a, vec_set(0.625f)), p, q), x);
}

/* x / 2 times 1 + @t, for gelu and gelu_tanh. */
VEC_FN VF vec_gelu_of(VF x, VF t)
{
	return vec_mul(vec_mul(vec_set(0.5f), vec_max(vec_set(-64.0f), x)),
		       vec_add(vec_set(1.0f), t));
}

VEC_FN VF vec_gelu_tanh(VF x)
{
	VF u = vec_fma(vec_mul(vec_mul(vec_set(0x1.6e4e26p-5f), x), x), x, x);

	return vec_gelu_of(x, vec_tanh(vec_mul(vec_set(0x1.988454p-1f), u)));
}

VEC_FN VF vec_clamp01(VF x)
{
	return vec_clamp(x, 0.0f, 1.0f);
}

VEC_FN VF vec_hard_swish(VF x)
{
	return vec_mul(vec_max(vec_set(-4.0f), x),
		       vec_clamp01(vec_fma(x, vec_set(0x1.555556p-3f), vec_set(0.5f))));
}

/* The functions that are here. */
#define VEC_FUNCS(F)									\
	F(IDENTITY, x)									\
	F(RELU, vec_max(x, vec_set(0.0f)))						\
	F(EXP, vec_exp(x))								\
	F(SIGMOID, vec_sigmoid(x))							\
	F(TANH, vec_tanh(x))								\
	F(ERF, vec_erf(x))								\
	F(GELU, vec_gelu_of(x, vec_erf(vec_mul(x, vec_set(0x1.6a09e6p-1f)))))		\
	F(GELU_TANH, vec_gelu_tanh(x))							\
	F(SQRT, vec_sqrt(x))								\
	F(RSQRT, vec_div(vec_set(1.0f), vec_sqrt(x)))					\
	F(RECIPROCAL, vec_div(vec_set(1.0f), x))					\
	F(SQUARE, vec_mul(x, x))							\
	F(ABS, vec_and(x, vec_bits(~NC_SIGN)))						\
	F(SILU, vec_silu(x))								\
	F(CLAMP01, vec_clamp01(x))							\
	F(HARD_SWISH, vec_hard_swish(x))						\
	F(LEAKY_RELU, vec_choose(vec_less(vec_set(0.0f), x), x, vec_mul(param, x)))	\
	F(RELU_CLIP, vec_min(param, vec_max(x, vec_set(0.0f))))

VEC_FN VF vec_func(VF x, VF param, const unsigned int func)
{
	switch (func) {
#define CASE(id, value) case NEURON_FUNC_##id: return value;
	VEC_FUNCS(CASE)
#undef CASE
	}
	return x;
}

VEC_FN void vec_get(const struct emu_nc_strand *s, unsigned int column, unsigned int lane,
		    const struct vec_some *some, VF x[2])
{
	const char *at = (const char *)s->at + (long)column * s->step;

	if (s->place == EMU_NC_WORDS)
		vec_load(some, (const float *)at + lane, x);
	else if (s->place == EMU_NC_BF16)
		vec_get_bf16(some, (const uint16_t *)at + lane, x);
	else
		vec_get_fp32(some, (const uint16_t *)at + lane, x);
}

VEC_FN void vec_put(const struct emu_nc_strand *s, unsigned int column, unsigned int lane,
		    const struct vec_some *some, const VF x[2])
{
	char *at = (char *)s->at + (long)column * s->step;

	if (s->place == EMU_NC_WORDS)
		vec_store(some, (float *)at + lane, x);
	else if (s->place == EMU_NC_BF16)
		vec_put_bf16(some, (uint16_t *)at + lane, x);
	else
		vec_put_fp32(some, (uint16_t *)at + lane, x);
}

/* func(@x), for when a NaN is among these or the results. */
static __attribute__((noinline, cold)) VF vec_func_nan(VF x, VF param, unsigned int func)
{
	float lanes[VL], params[VL];

	__builtin_memcpy(lanes, &x, sizeof(lanes));
	__builtin_memcpy(params, &param, sizeof(params));
	k_func(lanes, params, VL, func);
	for (unsigned int i = 0; i < VL; i++)
		lanes[i] = nc_from_bits(nc_to_fp32(lanes[i]));
	__builtin_memcpy(&x, lanes, sizeof(lanes));
	return x;
}

/* Those of @run's columns from @first on, of the lanes from @lane on of which there are @some. */
VEC_FN bool vec_activate(const struct emu_nc_act_run *run, unsigned int first, unsigned int columns,
			 unsigned int lane, const struct vec_some some, const unsigned int func)
{
	const struct emu_nc_strand src = run->src, dst = run->dst, residual = run->residual;
	float *sums = run->sum ? run->sum + lane : NULL;
	VF scale[2], bias[2], param[2], sum[2], x[2], y[2];
	bool nan = false;

	vec_load(&some, run->scale + lane, scale);
	vec_load(&some, run->bias + lane, bias);
	vec_load(&some, run->param + lane, param);
	vec_load(&some, sums ? sums : run->bias + lane, sum);
	for (unsigned int c = first; c < first + columns; c++) {
		/* rows of few lanes are too far apart for hosts to guess what is next */
		__builtin_prefetch((const char *)dst.at + (c + VEC_COLUMNS_AHEAD) * dst.step + lane * 2, 1);
		vec_get(&src, c, lane, &some, x);
		x[0] = vec_fma(scale[0], x[0], bias[0]);
		x[1] = vec_fma(scale[1], x[1], bias[1]);
		if (residual.place) {
			vec_get(&residual, c, lane, &some, y);
			x[0] = vec_add(x[0], y[0]);
			x[1] = vec_add(x[1], y[1]);
		}
		y[0] = vec_func(x[0], param[0], func);
		y[1] = vec_func(x[1], param[1], func);
		if (__builtin_expect(vec_nan(x[0], y[0]) | vec_nan(x[1], y[1]), 0)) {
			y[0] = vec_func_nan(x[0], param[0], func);
			y[1] = vec_func_nan(x[1], param[1], func);
			nan = true;
		}
		vec_put(&dst, c, lane, &some, y);
		if (sums) {
			sum[0] = vec_add(sum[0], y[0]);
			sum[1] = vec_add(sum[1], y[1]);
		}
	}
	if (sums)
		vec_store(&some, sums, sum);
	return nan;
}

/*
 * The same of PSUM to bf16 without a residual and a sum. Returns whether there are NaNs, which have
 * not got their bits then.
 */
VEC_FN bool vec_activate_plain(const struct emu_nc_act_run *run, unsigned int first,
			       unsigned int columns, unsigned int lane, const struct vec_some some,
			       const unsigned int func)
{
	const char *src = (const char *)run->src.at + (long)first * run->src.step + lane * 4;
	char *dst = (char *)run->dst.at + (long)first * run->dst.step + lane * 2;
	const long src_step = run->src.step, dst_step = run->dst.step;
	VF scale[2], bias[2], param[2], x[2], y[2];
	unsigned int nan = 0;

	vec_load(&some, run->scale + lane, scale);
	vec_load(&some, run->bias + lane, bias);
	vec_load(&some, run->param + lane, param);
	for (; columns; columns--, src += src_step, dst += dst_step) {
		__builtin_prefetch(dst + VEC_COLUMNS_AHEAD * dst_step, 1);
		vec_load(&some, (const float *)src, x);
		x[0] = vec_fma(scale[0], x[0], bias[0]);
		x[1] = vec_fma(scale[1], x[1], bias[1]);
		y[0] = vec_func(x[0], param[0], func);
		y[1] = vec_func(x[1], param[1], func);
		nan |= (unsigned int)(vec_nan(x[0], y[0]) | vec_nan(x[1], y[1]));
		vec_put_bf16(&some, (uint16_t *)dst, y);
	}
	return nan;
}

/* Some lanes of some columns; @plain: see vec_activate_plain(). */
VEC_FN bool vec_activate_block(const struct emu_nc_act_run *run, unsigned int first,
			       unsigned int columns, unsigned int lane, const struct vec_some some,
			       const bool plain, const unsigned int func)
{
	if (plain && !vec_activate_plain(run, first, columns, lane, some, func))
		return false;
	return vec_activate(run, first, columns, lane, some, func);
}

/* All, in blocks. */
VEC_FN bool vec_activate_run(const struct emu_nc_act_run *run, const bool plain,
			     const unsigned int func)
{
	const unsigned int block = VEC_BLOCK * (NEURON_PARTITIONS / run->lanes);
	unsigned int columns, lane;
	bool nan = false;

	for (unsigned int c = 0; c < run->columns; c += columns) {
		columns = run->columns - c < block ? run->columns - c : block;
		for (lane = 0; lane + 2 * VL <= run->lanes; lane += 2 * VL)
			nan |= vec_activate_block(run, c, columns, lane, vec_some(2 * VL), plain, func);
		if (plain && run->lanes - lane == VL)	/* often, and quicker */
			nan |= vec_activate_block(run, c, columns, lane, vec_some(VL), plain, func);
		else if (lane < run->lanes)
			nan |= vec_activate_block(run, c, columns, lane, vec_some(run->lanes - lane),
						  plain, func);
	}
	return nan;
}

#define ACTIVATE(id, value)								\
	static __attribute__((noinline))						\
	bool vec_activate_##id(const struct emu_nc_act_run *run)			\
	{										\
		if (run->src.place == EMU_NC_WORDS && run->dst.place == EMU_NC_BF16 &&	\
		    !run->residual.place && !run->sum)					\
			return vec_activate_run(run, true, NEURON_FUNC_##id);		\
		return vec_activate_run(run, false, NEURON_FUNC_##id);			\
	}
VEC_FUNCS(ACTIVATE)
#undef ACTIVATE

static emu_nc_act_fn *k_activate(unsigned int func)
{
	switch (func) {
#define CASE(id, value) case NEURON_FUNC_##id: return vec_activate_##id;
	VEC_FUNCS(CASE)
#undef CASE
	}
	return NULL;
}
