// SPDX-License-Identifier: GPL-2.0
/*
 * FWIO: reads of registers through the firmware's mailbox. An MMIO read on silicon may hang
 * the host's bus while firmware is busy; the mailbox cannot.
 *
 * Locking: fwio->lock, one request at a time.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/ktime.h>
#include <linux/sched/signal.h>
#include <neuron/fwio.h>

#include "neuron.h"
#include "neuron_compat.h"
#include "neuron_trace.h"

#define NEURON_FWIO_BUFFER	0x10000		/* NEURON_FWIO_MAX_SIZE and what aligns it */
#define NEURON_FWIO_TRIES	15
#define NEURON_FWIO_TIMEOUT_MS	1000

int neuron_fwio_init(struct neuron_device *ndev)
{
	struct neuron_fwio *fwio = &ndev->fwio;
	struct device *dev = &ndev->pdev->dev;

	BUILD_BUG_ON(NEURON_FWIO_BUFFER < NEURON_FWIO_MAX_SIZE);
	mutex_init(&fwio->lock);
	fwio->request = dma_alloc_coherent(dev, NEURON_FWIO_BUFFER, &fwio->request_dma, GFP_KERNEL);
	if (!fwio->request)
		return -ENOMEM;
	fwio->response = dma_alloc_coherent(dev, NEURON_FWIO_BUFFER, &fwio->response_dma,
					    GFP_KERNEL);
	if (!fwio->response) {
		dma_free_coherent(dev, NEURON_FWIO_BUFFER, fwio->request, fwio->request_dma);
		return -ENOMEM;
	}
	return 0;
}

void neuron_fwio_fini(struct neuron_device *ndev)
{
	struct neuron_fwio *fwio = &ndev->fwio;
	struct device *dev = &ndev->pdev->dev;

	dma_free_coherent(dev, NEURON_FWIO_BUFFER, fwio->response, fwio->response_dma);
	dma_free_coherent(dev, NEURON_FWIO_BUFFER, fwio->request, fwio->request_dma);
	mutex_destroy(&fwio->lock);
}

static void neuron_fwio_start(struct neuron_device *ndev, u8 cmd, size_t size)
{
	struct neuron_fwio *fwio = &ndev->fwio;
	struct neuron_fwio_request *request = fwio->request;
	struct neuron_fwio_response *response = fwio->response;
	u64 request_addr = NEURON_ADDR_HOST | fwio->request_dma;
	u64 response_addr = NEURON_ADDR_HOST | fwio->response_dma;
	const u32 misc = NEURON_MISC_BASE;

	if (++fwio->seq == 0)
		fwio->seq = 1;
	request->seq = fwio->seq;
	request->cmd = cmd;
	request->size = size;
	request->crc = 0;
	request->crc = ~neuron_crc32c(~0u, request, size);
	WRITE_ONCE(response->seq, 0);
	WRITE_ONCE(fwio->unanswered, true);

	neuron_apb_write(ndev, misc + NEURON_MISC_FWIO_RSP_LO, lower_32_bits(response_addr));
	neuron_apb_write(ndev, misc + NEURON_MISC_FWIO_RSP_HI, upper_32_bits(response_addr));
	neuron_apb_write(ndev, misc + NEURON_MISC_FWIO_REQ_LO, lower_32_bits(request_addr));
	neuron_apb_write(ndev, misc + NEURON_MISC_FWIO_REQ_HI, upper_32_bits(request_addr));
	/* writel() orders the request in memory before the doorbell. */
	neuron_apb_write(ndev, misc + NEURON_MISC_DOORBELL, 1);
}

static int neuron_fwio_wait(struct neuron_device *ndev, size_t data_size, bool killable)
{
	struct neuron_fwio *fwio = &ndev->fwio;
	struct neuron_fwio_response *response = fwio->response;
	s64 limit = neuron_recovery_ms(ndev, NEURON_FWIO_TIMEOUT_MS) * USEC_PER_MSEC;
	ktime_t start = ktime_get();
	s64 waited = 0;

	while (READ_ONCE(response->seq) != fwio->seq) {
		waited = ktime_us_delta(ktime_get(), start);
		if (waited > limit)
			return -ETIMEDOUT;
		/* An answer that still comes has an old number. */
		if (killable && fatal_signal_pending(current))
			return -EINTR;
		if (waited < 2 * USEC_PER_MSEC)
			usleep_range(50, 100);
		else
			usleep_range(500, 1000);
	}
	WRITE_ONCE(fwio->unanswered, false);
	/* The firmware writes seq last: what it covers may be read only after it. */
	dma_rmb();
	if (response->error == NEURON_FWIO_UNKNOWN)
		return -EOPNOTSUPP;
	if (response->error != NEURON_FWIO_OK)
		return -EREMOTEIO;
	if (response->size != sizeof(*response) + data_size)
		return -EPROTO;
	return 0;
}

/* 0, or why it is pointless to ask, or to go on asking. */
static int neuron_fwio_check(struct neuron_device *ndev, bool resetting)
{
	if (pci_channel_offline(ndev->pdev))
		return -ENODEV;
	if (resetting)
		return READ_ONCE(ndev->gone) ? -ENODEV : 0;
	return neuron_device_error(ndev);
}

/* After a reset: firmware that was started, and neither answers nor beats, is not going to. */
struct neuron_fwio_patience {
	u32 beat;
	unsigned int silent;
};

static u32 neuron_fwio_beat(struct neuron_device *ndev)
{
	return ndev->ext ? neuron_ext_read(ndev, NEURON_EXT_FW_HEARTBEAT) : 0;
}

static bool neuron_fwio_hopeless(struct neuron_device *ndev, struct neuron_fwio_patience *patience)
{
	u32 beat = neuron_fwio_beat(ndev);
	u32 state = ndev->ext ? neuron_ext_read(ndev, NEURON_EXT_FW_STATE) : 0;

	if (beat != patience->beat ||
	    (state != NEURON_FW_STATE_RUNNING && state != NEURON_FW_STATE_BOOTING)) {
		patience->beat = beat;
		patience->silent = 0;
		return false;
	}
	patience->silent += neuron_recovery_ms(ndev, NEURON_FWIO_TIMEOUT_MS);
	return patience->silent >= neuron_recovery_ms(ndev, NEURON_LADDER_BEAT_MS);
}

static int neuron_fwio_ask(struct neuron_device *ndev, u64 addr, u32 *value, bool resetting)
{
	struct neuron_fwio_patience patience = {};
	struct neuron_fwio *fwio = &ndev->fwio;
	int try, ret = 0;

	if (resetting)
		mutex_lock(&fwio->lock);
	else if (mutex_lock_killable(&fwio->lock))
		return -EINTR;
	if (resetting)
		patience.beat = neuron_fwio_beat(ndev);
	for (try = 0; try < NEURON_FWIO_TRIES; try++) {
		int error = neuron_fwio_check(ndev, resetting);

		if (error) {
			ret = error;
			break;
		}
		memcpy(fwio->request + sizeof(struct neuron_fwio_request), &addr, sizeof(addr));
		neuron_fwio_start(ndev, NEURON_FWIO_READ,
				  sizeof(struct neuron_fwio_request) + sizeof(addr));
		ret = neuron_fwio_wait(ndev, sizeof(*value), !resetting);
		if (!ret) {
			memcpy(value, fwio->response + sizeof(struct neuron_fwio_response),
			       sizeof(*value));
			break;
		}
		if (ret == -EOPNOTSUPP || ret == -EINTR)
			break;
		if (resetting && ret == -ETIMEDOUT && neuron_fwio_hopeless(ndev, &patience))
			break;
		fwio->retries++;
		dev_dbg(&ndev->dev, "mailbox: try %d failed: %d\n", try + 1, ret);
	}
	trace_neuron_fwio(ndev, addr, ret ? 0 : *value, ret);
	mutex_unlock(&fwio->lock);
	/* Firmware that does not answer is to be reset though it beats; the next need not wait. */
	if (ret == -ETIMEDOUT && !resetting)
		neuron_device_broken(ndev, "its mailbox does not answer");
	return ret;
}

int neuron_fwio_read(struct neuron_device *ndev, u64 addr, u32 *value)
{
	return neuron_fwio_ask(ndev, addr, value, false);
}

int neuron_fwio_read_misc(struct neuron_device *ndev, u32 offset, u32 *value)
{
	return neuron_fwio_ask(ndev, NEURON_ADDR_MISC + offset, value, false);
}

int neuron_fwio_read_resetting(struct neuron_device *ndev, u32 offset, u32 *value)
{
	return neuron_fwio_ask(ndev, NEURON_ADDR_MISC + offset, value, true);
}
