// SPDX-License-Identifier: Apache-2.0
/* Semaphores and events: written through BAR2, read through the mailbox. */
#include <string.h>

#include "fwio.h"
#include "tests.h"

static void sem_write(struct host *h, unsigned int core, uint32_t op, unsigned int i, uint32_t v)
{
	bar_w32(h, 2, (uint64_t)core * CORE_WINDOW + op + 4 * i, v);
}

static int sem_read_all(struct host *h, unsigned int core, uint32_t *v)
{
	uint64_t addr[NSEMS];
	unsigned int i;
	int e;

	for (i = 0; i < NSEMS; i++)
		addr[i] = ADDR_CORES + (uint64_t)core * CORE_WINDOW + CORE_SEM_READ + 4 * i;
	e = fwio_read(h, addr, NSEMS, v);
	CHECK(!e, "core %u: %s", core, strerror(-e));
	return 0;
}

static int set_inc_dec(struct host *h)
{
	unsigned int core, i, k;
	uint32_t v[NSEMS];

	for (core = 0; core < NCORES; core++)
		for (i = 0; i < NSEMS; i++)
			sem_write(h, core, CORE_SEM_SET, i, 100 * core + i);
	for (core = 0; core < NCORES; core++) {
		if (sem_read_all(h, core, v))
			return -1;
		for (i = 0; i < NSEMS; i++)
			CHECK(v[i] == 100 * core + i, "core %u semaphore %u: %u after set", core,
			      i, v[i]);
	}
	for (core = 0; core < NCORES; core++) {
		for (k = 0; k < 3; k++)
			for (i = 0; i < NSEMS; i += 2)
				sem_write(h, core, CORE_SEM_INC, i, 1);
		for (i = 1; i < NSEMS; i += 2)
			sem_write(h, core, CORE_SEM_DEC, i, 1);
		if (sem_read_all(h, core, v))
			return -1;
		for (i = 0; i < NSEMS; i++) {
			uint32_t want = 100 * core + i + (i & 1 ? -1 : 3);

			CHECK(v[i] == want, "core %u semaphore %u: %u, not %u", core, i, v[i],
			      want);
		}
	}
	return 0;
}

/* Not laid down: what more than 1, or going below 0, does. It must do no harm. */
static int edges(struct host *h)
{
	uint32_t v[NSEMS];

	sem_write(h, 0, CORE_SEM_SET, 0, 10);
	sem_write(h, 0, CORE_SEM_INC, 0, 5);
	sem_write(h, 0, CORE_SEM_SET, 1, 0);
	sem_write(h, 0, CORE_SEM_DEC, 1, 1);
	sem_write(h, 0, CORE_SEM_SET, 2, 0xffffffff);
	sem_write(h, 0, CORE_SEM_INC, 2, 1);
	sem_write(h, 0, CORE_SEM_SET, 3, 7);
	if (sem_read_all(h, 0, v))
		return -1;
	tap_diag("10 + 5 -> %u; 0 - 1 -> 0x%x; 0xffffffff + 1 -> 0x%x", v[0], v[1], v[2]);
	CHECK(v[3] == 7, "a neighbouring semaphore changed to %u", v[3]);
	return 0;
}

static int sem_independent(struct host *h)
{
	unsigned int core, i;
	uint32_t v[NSEMS];

	for (core = 0; core < NCORES; core++)
		for (i = 0; i < NSEMS; i++)
			sem_write(h, core, CORE_SEM_SET, i, 0);
	sem_write(h, 2, CORE_SEM_SET, 17, 5);
	for (core = 0; core < NCORES; core++) {
		if (sem_read_all(h, core, v))
			return -1;
		for (i = 0; i < NSEMS; i++)
			CHECK(v[i] == (core == 2 && i == 17 ? 5u : 0u), "core %u semaphore %u: %u",
			      core, i, v[i]);
	}
	return 0;
}

static int events(struct host *h)
{
	uint64_t addr[64];
	uint32_t v[64];
	unsigned int core, at, i;
	int e;

	for (core = 0; core < NCORES; core++)
		for (i = 0; i < NEVENTS; i++)
			bar_w32(h, 2, (uint64_t)core * CORE_WINDOW + CORE_EVENT + 4 * i,
				(i * 7 + core) % 3 == 0);
	for (core = 0; core < NCORES; core++) {
		for (at = 0; at < NEVENTS; at += 64) {
			for (i = 0; i < 64; i++)
				addr[i] = ADDR_CORES + (uint64_t)core * CORE_WINDOW + CORE_EVENT +
					  4 * (at + i);
			e = fwio_read(h, addr, 64, v);
			CHECK(!e, "%s", strerror(-e));
			for (i = 0; i < 64; i++)
				CHECK(v[i] == (((at + i) * 7 + core) % 3 == 0),
				      "core %u event %u: %u", core, at + i, v[i]);
		}
	}
	for (i = 0; i < NEVENTS; i++)
		bar_w32(h, 2, CORE_EVENT + 4 * i, 0);
	e = fwio_read1(h, ADDR_CORES + CORE_EVENT, &v[0]);
	CHECK(!e && !v[0], "event 0 after clearing: %u", v[0]);
	return 0;
}

const struct test sync_tests[] = {
	{ "sync: semaphores set, incremented, decremented on four cores", set_inc_dec,
	  NEED_READY | CLEAN },
	{ "sync: semaphores do not touch each other", sem_independent, NEED_READY | CLEAN },
	{ "sync: semaphores at their ends", edges, NEED_READY },
	{ "sync: 256 events on four cores", events, NEED_READY | CLEAN },
	{ 0 }
};
