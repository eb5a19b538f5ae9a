/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models: a NEFF on NeuronCores.
 *
 * A model has instances, each with a NeuronCore for every node. An instance has slots, each
 * with its own inputs, outputs and temporaries on the device, so that copies for one
 * execution overlap the computation of another. Code and constants of a node are one memory
 * object a device, which slots and instances share.
 */
#ifndef NRT_MODEL_H
#define NRT_MODEL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "cpu.h"
#include "neff.h"
#include "runtime.h"

/**
 * struct nrt_slot_node - a node in a slot
 * @data: the variables of the slot
 * @context: of @data and of the node's image
 * @trace: what the chip writes a job's trace into; NULL until one is wanted (profile_job.c)
 * @traced: @context with @trace as one more segment, number @trace_segment
 */
struct nrt_slot_node {
	struct nrt_mem *data;
	struct nrt_context *context;
	struct nrt_mem *trace;
	struct nrt_context *traced;
	uint32_t trace_segment;
};

/**
 * struct nrt_slot - room for one execution at a time
 * @between: contents of the tensors between nodes, by tensor - (inputs + outputs); NULL for
 *	those of unknown shape
 * @counted: @between is in the statistics
 */
struct nrt_slot {
	bool busy;
	bool counted;
	struct nrt_slot_node *nodes;
	void **between;
};

/**
 * struct nrt_instance - one copy of the model
 * @cores: of each node
 * @images: code and constants of each node
 * @slot_count: at least 1
 * @gone: one of its devices is; under the model's lock
 */
struct nrt_instance {
	struct nrt_core **cores;
	struct nrt_mem **images;
	struct nrt_slot *slots;
	uint32_t slot_count;
	bool gone;
};

/**
 * struct nrt_layout - where a node's variables are
 * @offset: of each variable, in the image (NEFF_VAR_FILE) or in a slot's data (others)
 * @image_size, @data_size: bytes; @data_size may be 0
 * @image_align, @data_align: the largest alignment
 * @stream: of the job
 */
struct nrt_layout {
	uint64_t *offset;
	uint64_t image_size, data_size;
	uint64_t image_align, data_align;
	uint64_t code_size;
	struct neuron_job_stream stream[NEURON_ENGINES];
};

/**
 * struct nrt_model - a loaded model
 * @next: in nrt_runtime.models, under its lock
 * @neff: without the body's data
 * @id: of the first instance; the others follow
 * @sessions: of each node; NULL for those on NeuronCores
 * @lock: of the slots' busy, of @users and @unloading
 * @change: signalled when a slot becomes free, or when @users shrinks while unloading
 * @users: calls that hold the model
 * @unloading: nobody takes hold any more
 * @profile, @profile_id: recording of this model (NULL: none), and what recordings call it;
 *	under the lock of profile.c
 */
struct nrt_model {
	struct nrt_model *next;
	struct neff *neff;
	uint32_t id;
	struct nrt_layout *layouts;
	struct nrt_cpu_session **sessions;
	struct nrt_instance *instances;
	uint32_t instance_count;
	uint32_t nc_count;
	pthread_mutex_t lock;
	pthread_cond_t change;
	uint32_t users;
	bool unloading;
	struct nrt_profile *profile;
	uint64_t profile_id;
};

/*
 * Find out whether @model is loaded, and keep it from being unloaded until
 * nrt_model_release(). NULL if it is not.
 */
struct nrt_model *nrt_model_hold(const void *model);
void nrt_model_release(struct nrt_model *model);

/* Free a model that is on the list and that nobody holds. */
void nrt_model_destroy(struct nrt_runtime *rt, struct nrt_model *model);

/* model_memory.c: where things are, and what it takes to put them there. */
int nrt_layouts_create(const struct neff *neff, struct nrt_layout **layouts);
void nrt_layouts_free(const struct neff *neff, struct nrt_layout *layouts);
/* Bytes of a slot's tensors between nodes. */
uint64_t nrt_between_size(const struct neff *neff);
/* Code and constants of node @node on @dev. */
int nrt_image_create(const struct neff_node *node, const struct nrt_layout *layout,
		     struct nrt_device *dev, struct nrt_mem **image);
int nrt_slot_create(const struct nrt_model *model, const struct nrt_instance *instance,
		    struct nrt_slot *slot);
void nrt_slot_free(const struct nrt_model *model, const struct nrt_instance *instance,
		   struct nrt_slot *slot);
/*
 * Give node @index of a slot that is the caller's what a traced job needs, unless it has it.
 * -EOPNOTSUPP: the device or the node has no room for it.
 */
int nrt_slot_trace(const struct nrt_model *model, const struct nrt_instance *instance,
		   struct nrt_slot *slot, uint32_t index);

#endif
