/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What race-load and those who take chips away from it tell each other in the guest: a page in shared memory.
 */
#ifndef RACES_H
#define RACES_H

#include <stdatomic.h>
#include "../kselftest/util.h"

#define RACES_PAGE "/dev/shm/neuron-races"
#define RACES_SLOTS 32
#define RACES_OPS 40
#define RACES_CHIPS 32
/* Cores that the load uses; the last is left to race-cycles and race-victim. */
#define RACES_LOAD_CORES 3

/* A thread of the load. */
struct race_slot {
	_Atomic int pid;		/* of its process; 0: not used */
	_Atomic uint32_t lives;		/* processes that had this slot */
	_Atomic uint64_t since;		/* when it entered the call that it is in; 0: in none */
	_Atomic uint32_t op;		/* that call */
	_Atomic uint64_t calls, good;	/* calls that returned, and without an error */
};

struct race_op {
	char name[24];
	_Atomic uint64_t good, failed;
};

struct race_page {
	_Atomic uint32_t slots;
	_Atomic uint32_t trouble;	/* wrong data, hangs, workers that ended by themselves */
	_Atomic uint32_t target;	/* the chip that gets half of the load; 0: whatever there is */
	_Atomic uint64_t good[RACES_CHIPS];	/* calls on each chip that worked */
	_Atomic uint64_t checks;	/* results that were compared, and right */
	_Atomic uint32_t op_count;
	struct race_slot slot[RACES_SLOTS];
	struct race_op op[RACES_OPS];
};

/* NULL: it is not there. */
static inline struct race_page *races_page(bool create)
{
	int fd = open(RACES_PAGE, O_RDWR | O_CLOEXEC | (create ? O_CREAT | O_TRUNC : 0), 0600);
	void *p;

	if (fd < 0 || (create && ftruncate(fd, sizeof(struct race_page))))
		return NULL;
	p = mmap(NULL, sizeof(struct race_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

#endif
