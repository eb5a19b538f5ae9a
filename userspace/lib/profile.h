/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recording of executions into files of profile_format.h. A recording is of one model
 * (nrt_profile_start()) or of all (nrt_trace_start()); an execution can be in one of each.
 *
 * While nothing is recorded each function here costs one load.
 */
#ifndef NRT_PROFILE_H
#define NRT_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nrt/nrt.h>

#include "profile_format.h"

struct neuron_completion;
struct nrt_device;
struct nrt_job;
struct nrt_model;
struct nrt_profile;
struct nrt_run;

enum { NRT_PROFILE_OF_MODEL, NRT_PROFILE_OF_ALL, NRT_PROFILES };

/* As many executions of a recording are traced by instruction. */
#define NRT_PROFILE_TRACED	16

/**
 * struct nrt_profile_run - where an execution is recorded
 * @to: NULL: nowhere
 * @id: its number there
 * @traced: by instruction, too
 */
struct nrt_profile_run {
	struct nrt_profile *to[NRT_PROFILES];
	uint64_t id[NRT_PROFILES];
	uint64_t start;
	bool on, traced;
};

/* An execution begins and ends. @run->model is set. */
void nrt_profile_begin(struct nrt_run *run);
void nrt_profile_end(struct nrt_run *run, NRT_STATUS status);

/* 0 if it is not recorded. */
uint64_t nrt_profile_now(const struct nrt_run *run);
/* A phase of node @index, from @start to now, is over. */
void nrt_profile_phase(const struct nrt_run *run, enum profile_phase_kind kind, uint32_t index,
		       uint64_t start);
/* Run the job of node @index: traced, timed and noted if the execution is recorded. */
int nrt_profile_job(struct nrt_run *run, uint32_t index, struct nrt_job *job,
		    struct neuron_completion *result);

/* Device memory has come (@size > 0) or gone; @before: what the process had of it. */
void nrt_profile_memory(const struct nrt_device *dev, uint64_t before, int64_t size);

/* NEURON_PROFILE: a model was loaded from these bytes. Failures are logged only. */
void nrt_profile_load(struct nrt_model *model, const void *neff, size_t size);
/* The model goes: what NEURON_PROFILE began ends. Nobody executes it. */
void nrt_profile_unload(struct nrt_model *model);
/* nrt_close(): end all of them. */
void nrt_profile_close(void);
/* In the child of a fork: they are the parent's. */
void nrt_profile_forget(void);

/* profile_file.c: a file that records are written to. Any thread. */
struct nrt_profile_file;
/* @path: NULL for one without a name. -errno after a message. */
int nrt_profile_file_open(const char *path, struct nrt_profile_file **file);
/* @head with its size, then @size bytes, which is a multiple of 8. */
void nrt_profile_file_put(struct nrt_profile_file *file, struct profile_record *head,
			  enum profile_type type, size_t head_size, const void *data, size_t size);
/* Write the end, into a copy at @path unless it is NULL, and close. -errno: not all is there. */
int nrt_profile_file_close(struct nrt_profile_file *file, const char *path, uint64_t executions);
/* Only let go of it: it is the parent's. */
void nrt_profile_file_forget(struct nrt_profile_file *file);

uint64_t nrt_profile_clock(void);

#endif
