// SPDX-License-Identifier: Apache-2.0
/*
 * The operator table as data.
 */
#include <string.h>

#include "ops.h"

#define OP_INFO(id, name, kind, nin_min, nin_max, nout_max) \
	[NCC_##id] = { name, NCC_OP_##kind, nin_min, nin_max, nout_max },

static const struct ncc_op_info ops[NCC_OP_COUNT] = {
	[NCC_OP_UNKNOWN] = { "unknown", NCC_OP_OWN, 0, 0, 0 },
	NCC_OPS(OP_INFO)
};

const struct ncc_op_info *ncc_op_info(enum ncc_op op)
{
	return &ops[op];
}

enum ncc_op ncc_op_find(const char *name)
{
	for (int op = 1; op < NCC_OP_COUNT; op++)
		if (ops[op].kind != NCC_OP_OWN && !strcmp(ops[op].name, name))
			return op;
	return NCC_OP_UNKNOWN;
}

bool ncc_op_listed(enum ncc_op op)
{
	return ops[op].kind == NCC_OP_RUN || ops[op].kind == NCC_OP_GONE;
}
