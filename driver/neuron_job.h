/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sequence numbers and descriptors of jobs: what can be said of them without a device.
 *
 * A queue numbers its jobs 1, 2, 3, ... in 64 bits. The chip's doorbell and its RUNNING
 * register have the low word only. A ring has a power of two of entries.
 */
#ifndef _NEURON_JOB_DRIVER_H
#define _NEURON_JOB_DRIVER_H

#include <linux/types.h>
#include <neuron/job.h>

struct neuron_submit;

/* The ring's entry of job @seq. */
static inline u32 neuron_seq_entry(u64 seq, u32 entries)
{
	return (seq - 1) & (entries - 1);
}

/* Entries that are free: @reaped is the newest job whose entry may be used again. */
static inline u32 neuron_seq_room(u64 submitted, u64 reaped, u32 entries)
{
	return entries - (u32)(submitted - reaped);
}

/* Has no later job used the entry of job @seq? */
static inline bool neuron_seq_kept(u64 seq, u64 submitted, u32 entries)
{
	return submitted - seq < entries;
}

/* May the chip say that @seq is the newest finished job, after @completed? */
static inline bool neuron_seq_plausible(u64 seq, u64 completed, u64 submitted)
{
	return seq >= completed && seq <= submitted;
}

/* The job in flight whose low word is @low; 0: there is none. */
static inline u64 neuron_seq_extend(u32 low, u64 completed, u64 submitted)
{
	u64 seq = completed + 1 + (u32)(low - (u32)(completed + 1));

	return seq <= submitted ? seq : 0;
}

/* What user space asks for, as far as it can be judged by itself: 0 or -EINVAL. */
int neuron_job_check(const struct neuron_submit *submit);
/* The descriptor of a checked job; @context: index in the directory. */
void neuron_job_fill(struct neuron_job *job, const struct neuron_submit *submit, u16 context,
		     u64 seq);

#endif
