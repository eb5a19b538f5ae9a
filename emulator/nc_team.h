/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that help a core with one instruction at a time: the thread that runs the job cuts the
 * instruction into parts, all take parts until there are none, and it goes on when all are
 * done. Helpers look for work for 200 us and then sleep; there are none until one is of use. They wake
 * up for work, or when a job begins and the one before had much.
 *
 * How many threads a core has: NEURON_EMU_THREADS in the environment (1 .. 16), else the host's
 * processors divided by the cores that run jobs in this process just then.
 */
#ifndef EMU_NC_TEAM_H
#define EMU_NC_TEAM_H

#include "nc_kernels.h"

#define EMU_NC_MAX_THREADS	16
#define EMU_NC_MAX_PARTS	31

struct emu_nc_team;

typedef void emu_nc_part_fn(void *arg, unsigned int part);

int emu_nc_team_create(struct emu_nc_team **team);
void emu_nc_team_destroy(struct emu_nc_team *team);

/* A job begins and ends; in between its thread may call the others. */
void emu_nc_team_begin(struct emu_nc_team *team);
void emu_nc_team_end(struct emu_nc_team *team);

/* Threads that would take part, this one included. */
unsigned int emu_nc_team_threads(const struct emu_nc_team *team);
/* Is it worth calling others for @work, where @least takes some microseconds? */
bool emu_nc_team_worth(const struct emu_nc_team *team, uint64_t work, uint64_t least);
/*
 * For tests: @threads from the next job on, whatever the environment says, for the smallest
 * pieces of work, too; 0: as it says.
 */
void emu_nc_team_force(struct emu_nc_team *team, unsigned int threads);

/*
 * Call @fn with each part, 0 .. @parts - 1 (at most EMU_NC_MAX_PARTS), on any thread, in the
 * floating-point mode of @k; the parts must not depend on each other.
 */
void emu_nc_team_run(struct emu_nc_team *team, const struct emu_nc_kernels *k,
		     emu_nc_part_fn *fn, void *arg, unsigned int parts);

#endif
