// SPDX-License-Identifier: GPL-2.0
/*
 * The reset handshake, and the firmware's status word.
 *
 * Locking: resets run in probe or with ndev->rwsem held for writing; ndev->status_lock
 * guards the cached status.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>

#include "neuron.h"
#include "neuron_fwio.h"
#include "neuron_reset.h"

/* Times of the silicon; an emulated chip needs no fixed delay. */
#define NEURON_RESET_SETTLE_MS		7000
#define NEURON_RESET_POLL_MS		500
#define NEURON_RESET_AGAIN_MS		30000
#define NEURON_RESET_GIVE_UP_MS		120000
#define NEURON_RESET_EMULATED_POLL_MS	2
#define NEURON_READY_TRIES		5

static void neuron_reset_start(struct neuron_device *ndev)
{
	neuron_apb_write(ndev, NEURON_MISC_BASE + NEURON_MISC_RESET, NEURON_RESET_DEVICE);
	neuron_apb_write(ndev, NEURON_MISC_BASE + NEURON_MISC_DOORBELL, 1);
	msleep(ndev->emulated ? NEURON_RESET_EMULATED_POLL_MS : NEURON_RESET_SETTLE_MS);
}

static int neuron_reset_wait(struct neuron_device *ndev)
{
	unsigned long start = jiffies, again = start;
	u32 reset;
	int ret;

	for (;;) {
		ret = neuron_fwio_read_misc(ndev, NEURON_MISC_RESET, &reset);
		if (ret == -ENODEV)
			return ret;
		if (!ret && !reset)
			return 0;
		if (time_after(jiffies, start + msecs_to_jiffies(NEURON_RESET_GIVE_UP_MS)))
			return ret ? ret : -ETIMEDOUT;
		/* A mailbox that stayed silent over all tries has nothing behind it. */
		if (ret && ndev->emulated)
			return ret;
		if (time_after(jiffies, again + msecs_to_jiffies(NEURON_RESET_AGAIN_MS))) {
			again = jiffies;
			neuron_reset_start(ndev);
		}
		msleep(ndev->emulated ? NEURON_RESET_EMULATED_POLL_MS : NEURON_RESET_POLL_MS);
	}
}

static int neuron_wait_ready(struct neuron_device *ndev)
{
	int ret, try;
	u32 status;

	for (try = 0; try < NEURON_READY_TRIES; try++) {
		ret = neuron_fwio_read_misc(ndev, NEURON_MISC_FW_STATUS, &status);
		if (ret)
			return ret;
		if (status & NEURON_FW_STATUS_READY) {
			mutex_lock(&ndev->status_lock);
			ndev->fw_status = status;
			ndev->fw_status_time = jiffies;
			mutex_unlock(&ndev->status_lock);
			return 0;
		}
		msleep(20);
	}
	return -ETIMEDOUT;
}

int neuron_reset_device(struct neuron_device *ndev)
{
	int ret;

	neuron_reset_start(ndev);
	ret = neuron_reset_wait(ndev);
	if (!ret)
		ret = neuron_wait_ready(ndev);
	if (!ret)
		ret = neuron_fwio_read_misc(ndev, NEURON_MISC_API_VERSION, &ndev->api_version);
	if (ret) {
		dev_err(&ndev->pdev->dev, "firmware does not answer after a reset: %d\n", ret);
		return ret;
	}
	neuron_apb_write(ndev, NEURON_MISC_BASE + NEURON_MISC_DEVICE_ID, ndev->index);
	return 0;
}

int neuron_fw_status(struct neuron_device *ndev, u32 *status)
{
	int ret = 0;

	mutex_lock(&ndev->status_lock);
	if (time_after(jiffies, ndev->fw_status_time + HZ)) {
		ret = neuron_fwio_read_misc(ndev, NEURON_MISC_FW_STATUS, &ndev->fw_status);
		if (!ret)
			ndev->fw_status_time = jiffies;
	}
	*status = ndev->fw_status;
	mutex_unlock(&ndev->status_lock);
	return ret;
}
