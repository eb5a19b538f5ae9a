// SPDX-License-Identifier: Apache-2.0
/* The reference path: plain C on any host. */

#define NC_FTZ_HW 0
#include "nc_kernels_impl.h"

static void k_sqrt(float *x, unsigned int n)
{
	FOR_LANES(n, x[i] = __builtin_sqrtf(x[i]));
}

static void mac_strip(float *restrict acc, const float (*restrict w)[EMU_NC_STRIP],
		      const float *restrict x, unsigned int k)
{
	for (unsigned int j = 0; j < k; j++)
		FOR_LANES(EMU_NC_STRIP, acc[i] = nc_fma(w[j][i], x[j], acc[i]));
	if (k & 1)
		FOR_LANES(EMU_NC_STRIP, acc[i] = nc_fma(0.0f, 0.0f, acc[i]));
}

static void k_mac(float *const *acc, const float (*w)[NEURON_PE_ROWS][EMU_NC_STRIP],
		  const float *const *x, unsigned int columns, unsigned int k, unsigned int m)
{
	for (unsigned int c = 0; c < columns; c++)
		for (unsigned int s = 0; s * EMU_NC_STRIP < m; s++)
			mac_strip(acc[c] + s * EMU_NC_STRIP, w[s], x[c], k);
}

const struct emu_nc_kernels emu_nc_kernels_generic = {
	.name = "generic",
	.load = k_load,
	.store = k_store,
	.load_int = k_load_int,
	.store_int = k_store_int,
	.affine = k_affine,
	.func = k_func,
	.alu = k_alu,
	.ialu = k_ialu,
	.mac = k_mac,
	.imac = k_imac,
};
