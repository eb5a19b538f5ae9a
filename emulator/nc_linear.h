/* SPDX-License-Identifier: Apache-2.0 */
/* POOL's elementwise operations that ACT's kernels do as well: a copy, a sum, a product. */
#ifndef EMU_NC_LINEAR_H
#define EMU_NC_LINEAR_H

#include "nc_split.h"

/* Do @op by whole runs of columns; false: it is another one, nothing is done. @s describes it. */
bool emu_nc_linear(struct emu_nc *nc, const struct emu_nc_dec_pool *p, unsigned int op,
		   const struct emu_nc_split *s);

#endif
