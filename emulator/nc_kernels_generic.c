// SPDX-License-Identifier: Apache-2.0
/* The reference path: plain C on any host. */

#define NC_FTZ_HW 0
#include "nc_kernels_impl.h"

static void k_sqrt(float *x, unsigned int n)
{
	FOR_LANES(n, x[i] = __builtin_sqrtf(x[i]));
}

static void k_strip(uint32_t (*dst)[EMU_NC_STRIP], const uint32_t *const src[EMU_NC_STRIP],
		    unsigned int n)
{
	for (unsigned int i = 0; i < EMU_NC_STRIP; i++)
		for (unsigned int j = 0; j < n; j++)
			dst[j][i] = src[i][j];
}

static void mac_strip(float *restrict acc, const float (*restrict w)[EMU_NC_STRIP],
		      const float *restrict x, unsigned int k)
{
	for (unsigned int j = 0; j < k; j++)
		FOR_LANES(EMU_NC_STRIP, acc[i] = nc_fma(w[j][i], x[j], acc[i]));
	if (k & 1)
		FOR_LANES(EMU_NC_STRIP, acc[i] = nc_fma(0.0f, 0.0f, acc[i]));
}

static bool k_mac(float *const *acc, const emu_nc_float_strip *w, const float *const *x,
		  unsigned int columns, unsigned int k, unsigned int m, bool start,
		  struct emu_nc_ahead *ahead)
{
	bool nan = false;

	for (unsigned int c = 0; c < columns; c++) {
		for (unsigned int s = 0; s < m; s += EMU_NC_STRIP) {
			unsigned int n = m - s < EMU_NC_STRIP ? m - s : EMU_NC_STRIP;
			float a[EMU_NC_STRIP] = {};

			for (unsigned int i = 0; i < n && !start; i++)
				a[i] = nc_from_bits(nc_daz(nc_bits(acc[c][s + i])));
			mac_strip(a, w[s / EMU_NC_STRIP], x[c], k);
			for (unsigned int i = 0; i < n; i++) {
				nan |= nc_is_nan(nc_bits(a[i]));
				acc[c][s + i] = nc_from_bits(nc_to_fp32(a[i]));
			}
		}
	}
	return nan;
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
	.fma = k_fma,
	.strip = k_strip,
	.join = k_join,
	.mac = k_mac,
	.imac = k_imac,
	.swap_pairs = k_swap_pairs,
};
