/* SPDX-License-Identifier: Apache-2.0 */
/* POOL's results that are made of several elements each, whole runs of results at a time. */
#ifndef EMU_NC_WINDOW_H
#define EMU_NC_WINDOW_H

#include "nc_core.h"

/*
 * Do tensor_reduce or tensor_dot @op with the host's kernels; false: there is none for it, nothing
 * is done.
 */
bool emu_nc_window(struct emu_nc *nc, const struct emu_nc_dec_pool *p, unsigned int op);

#endif
