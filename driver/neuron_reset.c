// SPDX-License-Identifier: GPL-2.0
/*
 * Resets of the chip, from the handshake with its firmware to that of the PCI function; how
 * the driver takes everything from a chip, and starts it anew; the firmware's status word.
 *
 * Locking: the handshake runs while ndev->broken keeps all others away (probe, recovery, reset
 * from outside), without ndev->rwsem because it may take minutes; stop and restart have it
 * for writing. ndev->status_lock guards the cached status.
 */
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <neuron/fw.h>

#include "neuron.h"
#include "neuron_cores.h"
#include "neuron_event.h"
#include "neuron_fw.h"
#include "neuron_fwio.h"
#include "neuron_object.h"
#include "neuron_queue.h"
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
		ret = neuron_fwio_read_resetting(ndev, NEURON_MISC_RESET, &reset);
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
		ret = neuron_fwio_read_resetting(ndev, NEURON_MISC_FW_STATUS, &status);
		if (ret)
			return ret;
		if (status & NEURON_FW_STATUS_READY) {
			mutex_lock(&ndev->status_lock);
			ndev->fw_status = status;
			ndev->fw_status_time = jiffies;
			ndev->fw_power_time = jiffies - HZ - 1;
			mutex_unlock(&ndev->status_lock);
			return 0;
		}
		msleep(20);
	}
	return -ETIMEDOUT;
}

static int neuron_reset_device(struct neuron_device *ndev)
{
	int ret;

	neuron_reset_start(ndev);
	ret = neuron_reset_wait(ndev);
	if (!ret)
		ret = neuron_wait_ready(ndev);
	if (!ret)
		ret = neuron_fwio_read_resetting(ndev, NEURON_MISC_API_VERSION,
						 &ndev->api_version);
	if (ret) {
		dev_err(&ndev->pdev->dev, "firmware does not answer after a reset: %d\n", ret);
		return ret;
	}
	neuron_link_write_number(ndev, ndev->index);
	return 0;
}

int neuron_hw_handshake(struct neuron_device *ndev)
{
	int ret = neuron_fw_load(ndev);

	return ret ? ret : neuron_reset_device(ndev);
}

int neuron_hw_restart(struct neuron_device *ndev)
{
	int ret = 0;

	down_write(&ndev->rwsem);
	if (READ_ONCE(ndev->gone)) {
		ret = -ENODEV;
		goto out_unlock;
	}
	if (ndev->ext && neuron_ext_read(ndev, NEURON_EXT_MAGIC) != NEURON_EXT_MAGIC_VALUE) {
		ret = -EIO;
		goto out_unlock;
	}
	/* A report of the time before would be taken for one of the time after. */
	cancel_work_sync(&ndev->broken_work);
	neuron_recovery_started(ndev);
	ret = neuron_ext_start(ndev);
	if (ret)
		goto out_unlock;
	neuron_event_start(ndev, false);
	neuron_dma_start(ndev);
	WRITE_ONCE(ndev->lost, false);
	WRITE_ONCE(ndev->broken, false);
out_unlock:
	up_write(&ndev->rwsem);
	return ret;
}

void neuron_hw_stop(struct neuron_device *ndev)
{
	lockdep_assert_held_write(&ndev->rwsem);
	/* All at once, so that their jobs end at the same time. */
	if (neuron_hw_answers(ndev))
		neuron_queue_disable_all(ndev);
	/* Again: a restart may have come between, while the lock was waited for. */
	neuron_dma_stop(ndev, READ_ONCE(ndev->gone) ? -ENODEV : -EIO);
	neuron_object_revoke_all(ndev);
	neuron_cores_reset(ndev);
	if (neuron_hw_answers(ndev)) {
		neuron_ext_stop(ndev);
		neuron_udma_stop(ndev);
		neuron_link_write_number(ndev, ~0u);
	}
}

/* The state that probe saved, not the newest: that one may be of a chip that was not there. */
void neuron_restore_config(struct neuron_device *ndev)
{
	if (ndev->pci_state)
		pci_load_saved_state(ndev->pdev, ndev->pci_state);
	pci_restore_state(ndev->pdev);
	pci_save_state(ndev->pdev);
}

int neuron_function_reset(struct neuron_device *ndev)
{
	struct pci_dev *pdev = ndev->pdev;

	if (pcie_reset_flr(pdev, PCI_RESET_PROBE))
		return 0;
	/* Who resets it from outside has the lock, and waits in reset_prepare() for this to end. */
	if (!pci_cfg_access_trylock(pdev))
		return -EBUSY;
	if (pcie_reset_flr(pdev, PCI_RESET_DO_RESET))
		dev_err(&ndev->dev, "function does not come back from its reset\n");
	neuron_restore_config(ndev);
	pci_cfg_access_unlock(pdev);
	return 0;
}

/* As after power-on, or as remove leaves it: nothing in it leads to anybody's memory. */
static bool neuron_hw_is_fresh(struct neuron_device *ndev)
{
	u32 state;

	/* Silicon's registers are not to be read. */
	if (!ndev->ext)
		return true;
	if (neuron_ext_read(ndev, NEURON_EXT_CTXDIR_COUNT))
		return false;
	state = neuron_ext_read(ndev, NEURON_EXT_FW_STATE);
	if (state == NEURON_FW_STATE_RESET)
		return neuron_ext_read(ndev, NEURON_EXT_FW_BOOT_ERROR) == NEURON_FW_BOOT_OK;
	return state == NEURON_FW_STATE_BOOTING || state == NEURON_FW_STATE_RUNNING;
}

int neuron_hw_take_over(struct neuron_device *ndev)
{
	/* That one is set where a crash's kernel takes over from one that could not clean up. */
	if (!reset_devices && neuron_hw_is_fresh(ndev))
		return 0;
	dev_info(&ndev->pdev->dev, "was left at work or without firmware, is reset\n");
	return neuron_function_reset(ndev);
}

void neuron_hw_leave(struct neuron_device *ndev)
{
	bool unwell = READ_ONCE(ndev->broken) || READ_ONCE(ndev->fwio.unanswered);

	/* It would come back to memory of ours when the next one lets it reach memory again. */
	if (unwell && !READ_ONCE(ndev->lost) && pci_device_is_present(ndev->pdev))
		neuron_function_reset(ndev);
	pci_clear_master(ndev->pdev);
}

int neuron_hw_start(struct neuron_device *ndev)
{
	int ret = neuron_hw_handshake(ndev);

	if (ret == -ETIMEDOUT && ndev->ext) {
		dev_warn(&ndev->pdev->dev, "does not start, is reset for another try\n");
		ret = neuron_function_reset(ndev);
		pci_set_master(ndev->pdev);
		if (!ret)
			ret = neuron_hw_handshake(ndev);
	}
	return ret ? ret : neuron_hw_restart(ndev);
}

void neuron_core_reset(struct neuron_device *ndev, u32 map)
{
	neuron_apb_write(ndev, NEURON_MISC_BASE + NEURON_MISC_RESET_MAP, map);
	neuron_apb_write(ndev, NEURON_MISC_BASE + NEURON_MISC_RESET, NEURON_RESET_CORES);
	neuron_apb_write(ndev, NEURON_MISC_BASE + NEURON_MISC_DOORBELL, 1);
}

bool neuron_core_reset_busy(struct neuron_device *ndev)
{
	/* Read, as nothing else of the public contract is: only chips with our block get here. */
	return neuron_apb_read(ndev, NEURON_MISC_BASE + NEURON_MISC_RESET);
}

void neuron_fw_status_forget(struct neuron_device *ndev)
{
	mutex_lock(&ndev->status_lock);
	ndev->fw_status_time = jiffies - HZ - 1;
	mutex_unlock(&ndev->status_lock);
}

/* Anybody may ask as often as he likes: the core that answers is the one that schedules jobs. */
static int neuron_fw_cached(struct neuron_device *ndev, u32 offset, u32 *cache,
			    unsigned long *time, u32 *value)
{
	int ret = 0;

	if (mutex_lock_killable(&ndev->status_lock))
		return -EINTR;
	if (time_after(jiffies, *time + HZ)) {
		ret = neuron_fwio_read_misc(ndev, offset, cache);
		if (!ret)
			*time = jiffies;
	}
	*value = *cache;
	mutex_unlock(&ndev->status_lock);
	return ret;
}

int neuron_fw_status(struct neuron_device *ndev, u32 *status)
{
	return neuron_fw_cached(ndev, NEURON_MISC_FW_STATUS, &ndev->fw_status,
				&ndev->fw_status_time, status);
}

int neuron_fw_power(struct neuron_device *ndev, u32 *sample)
{
	return neuron_fw_cached(ndev, NEURON_MISC_POWER, &ndev->fw_power, &ndev->fw_power_time,
				sample);
}
