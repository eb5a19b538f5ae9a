/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_IOCTL_H
#define _NEURON_IOCTL_H

#include <linux/neuron.h>

struct dma_buf;
struct neuron_file;

union neuron_ioctl_arg {
	u32 size;
	struct neuron_ioctl_info info;
	struct neuron_ioctl_mem_create mem_create;
	struct neuron_ioctl_copy copy;
	struct neuron_ioctl_mem_export mem_export;
	struct {
		struct neuron_ioctl_mem_export arg;
		struct dma_buf *dmabuf;	/* waits for its descriptor to be installed */
	} export;
	struct neuron_ioctl_ring_create ring_create;
	struct neuron_ioctl_ring_submit ring_submit;
	struct neuron_ioctl_context_create context_create;
	struct neuron_ioctl_context_bind context_bind;
	struct neuron_ioctl_cores cores;
	struct neuron_ioctl_queue_create queue_create;
	struct neuron_ioctl_submit submit;
	struct neuron_ioctl_group_acquire group_acquire;
	struct neuron_ioctl_cancel cancel;
	struct neuron_ioctl_wait wait;
	struct neuron_ioctl_destroy destroy;
};

/* Any ioctl of <linux/neuron.h>, with its errno contract. */
long neuron_file_ioctl(struct neuron_file *nf, unsigned int cmd, unsigned long arg);

/* The handlers, and what takes back what they made. neuron_ioctl_mem.c */
int neuron_ioctl_mem_create(struct neuron_file *nf, union neuron_ioctl_arg *u);
void neuron_undo_mem_create(struct neuron_file *nf, union neuron_ioctl_arg *u);
int neuron_ioctl_mem_export(struct neuron_file *nf, union neuron_ioctl_arg *u);
void neuron_undo_mem_export(struct neuron_file *nf, union neuron_ioctl_arg *u);
void neuron_told_mem_export(struct neuron_file *nf, union neuron_ioctl_arg *u);
/* neuron_ioctl_ring.c */
int neuron_ioctl_copy(struct neuron_file *nf, union neuron_ioctl_arg *u);
int neuron_ioctl_ring_create(struct neuron_file *nf, union neuron_ioctl_arg *u);
void neuron_undo_ring_create(struct neuron_file *nf, union neuron_ioctl_arg *u);
int neuron_ioctl_ring_submit(struct neuron_file *nf, union neuron_ioctl_arg *u);
/* neuron_ioctl_queue.c */
int neuron_ioctl_context_create(struct neuron_file *nf, union neuron_ioctl_arg *u);
void neuron_undo_context_create(struct neuron_file *nf, union neuron_ioctl_arg *u);
int neuron_ioctl_context_bind(struct neuron_file *nf, union neuron_ioctl_arg *u);
int neuron_ioctl_cores_acquire(struct neuron_file *nf, union neuron_ioctl_arg *u);
int neuron_ioctl_cores_release(struct neuron_file *nf, union neuron_ioctl_arg *u);
int neuron_ioctl_group_acquire(struct neuron_file *nf, union neuron_ioctl_arg *u);
int neuron_ioctl_queue_create(struct neuron_file *nf, union neuron_ioctl_arg *u);
void neuron_undo_queue_create(struct neuron_file *nf, union neuron_ioctl_arg *u);
int neuron_ioctl_submit(struct neuron_file *nf, union neuron_ioctl_arg *u);
int neuron_ioctl_cancel(struct neuron_file *nf, union neuron_ioctl_arg *u);
int neuron_ioctl_wait(struct neuron_file *nf, union neuron_ioctl_arg *u);

#endif
