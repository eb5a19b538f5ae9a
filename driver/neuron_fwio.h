/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_FWIO_H_
#define _NEURON_FWIO_H_

#include <linux/mutex.h>
#include <linux/types.h>

struct neuron_device;

/* The mailbox: two buffers in host memory, one request at a time. */
struct neuron_fwio {
	struct mutex lock;	/* one request at a time */
	u8 seq;
	void *request;
	void *response;
	dma_addr_t request_dma;
	dma_addr_t response_dma;
	u32 retries;
	bool unanswered;	/* the last request may still be answered */
};

int neuron_fwio_init(struct neuron_device *ndev);
void neuron_fwio_fini(struct neuron_device *ndev);
/*
 * The register at a device address. Sleeps, killable; gives up at once when the device is
 * reported broken, and reports that itself when nothing has answered for 15 s. -ENODEV, -EIO,
 * -ETIMEDOUT, -EREMOTEIO, -EPROTO, -EOPNOTSUPP, -EINTR.
 */
int neuron_fwio_read(struct neuron_device *ndev, u64 addr, u32 *value);
/* One register of misc RAM; and for whoever resets the device, which is broken meanwhile. */
int neuron_fwio_read_misc(struct neuron_device *ndev, u32 offset, u32 *value);
int neuron_fwio_read_resetting(struct neuron_device *ndev, u32 offset, u32 *value);

#endif
