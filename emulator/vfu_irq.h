/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts: the eventfds that the client gave for each vector. */
#ifndef EMU_VFU_IRQ_H
#define EMU_VFU_IRQ_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "vfu_proto.h"

#define VFU_MAX_VECTORS		16

struct vfu_irq {
	pthread_mutex_t lock;
	unsigned int count[VFU_IRQS];
	int fd[VFU_IRQS][VFU_MAX_VECTORS];	/* -1: none */
};

void vfu_irq_init(struct vfu_irq *irq, unsigned int vectors);
void vfu_irq_fini(struct vfu_irq *irq);
void vfu_irq_clear(struct vfu_irq *irq);

/*
 * Carry out SET_IRQS. @data: what follows the message, @len bytes. Fds that are kept are
 * replaced by -1 in @fds. -EINVAL: bad index, range, flags or number of fds.
 */
int vfu_irq_set(struct vfu_irq *irq, const struct vfu_irq_set_msg *msg, const uint8_t *data,
		size_t len,
		int *fds, unsigned int nfds);

/* Any thread; never blocks. */
void vfu_irq_raise(struct vfu_irq *irq, unsigned int vector);

#endif
