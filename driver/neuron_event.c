// SPDX-License-Identifier: GPL-2.0
/*
 * What user space is told by uevents, and what firmware reports of the chip's health:
 * temperature, ECC errors, links.
 *
 * Locking: telemetry is read with ndev->rwsem held, so that the registers stay.
 */
#include <linux/device.h>
#include <linux/kobject.h>
#include <linux/slab.h>

#include "neuron.h"
#include "neuron_event.h"

static void neuron_event_uevent(struct neuron_device *ndev, char *event, char *details)
{
	char *env[3] = { event, details };

	kobject_uevent_env(&ndev->dev.kobj, KOBJ_CHANGE, env);
}

void neuron_event_send(struct neuron_device *ndev, const char *event, const char *reason)
{
	char name[32], details[96];

	snprintf(name, sizeof(name), "NEURON_EVENT=%s", event);
	snprintf(details, sizeof(details), "NEURON_REASON=%s", reason);
	neuron_event_uevent(ndev, name, details);
}

s32 neuron_event_temperature(struct neuron_device *ndev)
{
	if (!ndev->ext || !(ndev->ext_features & NEURON_EXT_FEATURE_TELEMETRY))
		return 0;
	return neuron_ext_read(ndev, NEURON_EXT_TEMPERATURE);
}

static void neuron_event_thermal(struct neuron_device *ndev)
{
	s32 now = neuron_event_temperature(ndev);
	s32 critical = neuron_ext_read(ndev, NEURON_EXT_TEMP_CRIT);
	char details[96];

	if (now >= critical)
		neuron_log(ndev, NEURON_LOG_TOO_HOT, KERN_CRIT,
			   "%d.%d degrees Celsius: too hot, no job is started\n",
			   now / 1000, now % 1000 / 100);
	else
		neuron_log(ndev, NEURON_LOG_THERMAL, KERN_NOTICE,
			   "%d.%d degrees Celsius\n", now / 1000, now % 1000 / 100);
	snprintf(details, sizeof(details), "NEURON_TEMPERATURE=%d", now);
	neuron_event_uevent(ndev, "NEURON_EVENT=thermal", details);
}

static u32 neuron_event_uncorrected(struct neuron_device *ndev)
{
	u32 errors = 0;
	unsigned int i;

	for (i = 0; i < NEURON_DRAM_CHANNELS; i++)
		errors += neuron_ext_read(ndev, NEURON_EXT_ECC_UNCORRECTED(i));
	return errors;
}

void neuron_event_start(struct neuron_device *ndev, bool first)
{
	u32 errors;

	if (!ndev->ext || !(neuron_ext_read(ndev, NEURON_EXT_FEATURES) &
			    NEURON_EXT_FEATURE_TELEMETRY))
		return;
	errors = neuron_event_uncorrected(ndev);
	/* It counts from power-on: what happened since the last look is still to be told. */
	if (first || errors < ndev->ecc_uncorrected)
		ndev->ecc_uncorrected = errors;
}

static void neuron_event_ecc(struct neuron_device *ndev)
{
	u32 corrected = 0, uncorrected = neuron_event_uncorrected(ndev);
	char details[96];
	unsigned int i;
	u64 addr;

	for (i = 0; i < NEURON_DRAM_CHANNELS; i++)
		corrected += neuron_ext_read(ndev, NEURON_EXT_ECC_CORRECTED(i));
	if (uncorrected != ndev->ecc_uncorrected) {
		addr = neuron_ext_read(ndev, NEURON_EXT_ECC_ADDR_LO) |
		       (u64)neuron_ext_read(ndev, NEURON_EXT_ECC_ADDR_HI) << 32;
		neuron_log(ndev, NEURON_LOG_ECC_FATAL, KERN_ERR,
			   "uncorrectable memory error at %#llx, %u so far\n", addr, uncorrected);
	} else {
		neuron_log(ndev, NEURON_LOG_ECC, KERN_WARNING,
			   "%u corrected memory errors so far\n", corrected);
	}
	ndev->ecc_uncorrected = uncorrected;
	snprintf(details, sizeof(details), "NEURON_ECC=%u corrected, %u uncorrected", corrected,
		 uncorrected);
	neuron_event_uevent(ndev, "NEURON_EVENT=ecc", details);
}

static void neuron_event_link(struct neuron_device *ndev)
{
	u32 links = neuron_ext_read(ndev, NEURON_EXT_LINKS);
	const char *east = links & NEURON_FW_STATUS_EAST ? "up" : "down";
	const char *west = links & NEURON_FW_STATUS_WEST ? "up" : "down";
	char details[96];

	neuron_log(ndev, NEURON_LOG_LINKS, KERN_NOTICE, "links: east %s, west %s\n", east, west);
	neuron_link_changed(ndev, links);
	snprintf(details, sizeof(details), "NEURON_LINKS=east %s, west %s", east, west);
	neuron_event_uevent(ndev, "NEURON_EVENT=link", details);
}

void neuron_event_telemetry(struct neuron_device *ndev, u32 events)
{
	if (!(ndev->ext_features & NEURON_EXT_FEATURE_TELEMETRY))
		return;
	if (events & NEURON_EVENT_THERMAL)
		neuron_event_thermal(ndev);
	if (events & NEURON_EVENT_ECC)
		neuron_event_ecc(ndev);
	if (events & NEURON_EVENT_LINK)
		neuron_event_link(ndev);
}
