// SPDX-License-Identifier: Apache-2.0
/* The reference path: plain C on any host. */

#define NC_FTZ_HW 0
#include "nc_kernels_impl.h"

static void k_mac(float *restrict acc, const float (*restrict w)[NEURON_PE_COLUMNS],
		  const float *restrict x, unsigned int k, unsigned int m)
{
	for (unsigned int j = 0; j < k; j++)
		FOR_LANES(m, acc[i] = nc_fma(w[j][i], x[j], acc[i]));
	if (k & 1)
		FOR_LANES(m, acc[i] = nc_fma(0.0f, 0.0f, acc[i]));
}

const struct emu_nc_kernels emu_nc_kernels_generic = {
	.name = "generic",
	.load = k_load,
	.store = k_store,
	.load_int = k_load_int,
	.affine = k_affine,
	.func = k_func,
	.alu = k_alu,
	.mac = k_mac,
	.imac = k_imac,
};
