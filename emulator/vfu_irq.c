// SPDX-License-Identifier: Apache-2.0
/* Interrupts. The last lock that any thread takes: nothing is called with it held. */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "vfu_irq.h"

static void put_fd(int *slot, int fd)
{
	if (*slot >= 0)
		close(*slot);
	*slot = fd;
}

static void clear_locked(struct vfu_irq *irq, unsigned int index)
{
	unsigned int i;

	for (i = 0; i < VFU_MAX_VECTORS; i++)
		put_fd(&irq->fd[index][i], -1);
}

void vfu_irq_init(struct vfu_irq *irq, unsigned int vectors)
{
	unsigned int index, i;

	pthread_mutex_init(&irq->lock, NULL);
	for (index = 0; index < VFU_IRQS; index++) {
		irq->count[index] = 0;
		for (i = 0; i < VFU_MAX_VECTORS; i++)
			irq->fd[index][i] = -1;
	}
	irq->count[VFU_IRQ_MSIX] = vectors;
	irq->count[VFU_IRQ_ERR] = 1;
	irq->count[VFU_IRQ_REQ] = 1;
}

void vfu_irq_clear(struct vfu_irq *irq)
{
	unsigned int index;

	pthread_mutex_lock(&irq->lock);
	for (index = 0; index < VFU_IRQS; index++)
		clear_locked(irq, index);
	pthread_mutex_unlock(&irq->lock);
}

void vfu_irq_fini(struct vfu_irq *irq)
{
	vfu_irq_clear(irq);
	pthread_mutex_destroy(&irq->lock);
}

static void signal_locked(int fd)
{
	const uint64_t one = 1;
	struct pollfd p = { fd, POLLOUT, 0 };

	/* A client may have filled the counter, or given something else than an eventfd. */
	if (fd < 0 || poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT))
		return;
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

void vfu_irq_raise(struct vfu_irq *irq, unsigned int vector)
{
	if (vector >= VFU_MAX_VECTORS)
		return;
	pthread_mutex_lock(&irq->lock);
	signal_locked(irq->fd[VFU_IRQ_MSIX][vector]);
	pthread_mutex_unlock(&irq->lock);
}

static int set_eventfds_locked(struct vfu_irq *irq, const struct vfu_irq_set_msg *m, int *fds,
			       unsigned int nfds)
{
	unsigned int i;

	/* No fds: the vectors lose theirs. */
	if (nfds && nfds != m->count)
		return -EINVAL;
	for (i = 0; i < m->count; i++) {
		put_fd(&irq->fd[m->index][m->start + i], nfds ? fds[i] : -1);
		if (nfds)
			fds[i] = -1;
	}
	return 0;
}

static int trigger_locked(struct vfu_irq *irq, const struct vfu_irq_set_msg *m,
			  const uint8_t *data, size_t len,
			  int *fds, unsigned int nfds)
{
	unsigned int i;

	switch (m->flags & (VFU_IRQ_DATA_NONE | VFU_IRQ_DATA_BOOL | VFU_IRQ_DATA_EVENTFD)) {
	case VFU_IRQ_DATA_NONE:
		if (!m->count)
			clear_locked(irq, m->index);
		for (i = 0; i < m->count; i++)
			signal_locked(irq->fd[m->index][m->start + i]);
		return 0;
	case VFU_IRQ_DATA_BOOL:
		if (len < m->count)
			return -EINVAL;
		for (i = 0; i < m->count; i++)
			if (data[i])
				signal_locked(irq->fd[m->index][m->start + i]);
		return 0;
	case VFU_IRQ_DATA_EVENTFD:
		return set_eventfds_locked(irq, m, fds, nfds);
	}
	return -EINVAL;
}

int vfu_irq_set(struct vfu_irq *irq, const struct vfu_irq_set_msg *m, const uint8_t *data,
		size_t len,
		int *fds, unsigned int nfds)
{
	int err;

	if (m->index >= VFU_IRQS || m->start > irq->count[m->index] ||
	    m->count > irq->count[m->index] - m->start)
		return -EINVAL;
	/* Masking is between a client and its guest. */
	if ((m->flags & ~7u) != VFU_IRQ_ACTION_TRIGGER)
		return -EINVAL;
	pthread_mutex_lock(&irq->lock);
	err = trigger_locked(irq, m, data, len, fds, nfds);
	pthread_mutex_unlock(&irq->lock);
	return err;
}
