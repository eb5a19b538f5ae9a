// SPDX-License-Identifier: GPL-2.0
/*
 * hwmon: temp1_input, temp1_crit, temp1_crit_alarm in 1/1000 degree Celsius.
 *
 * Locking: ndev->rwsem for reading around each look at the chip. hwmon waits for readers
 * when it is taken away.
 */
#include <linux/err.h>
#include <linux/hwmon.h>

#include "neuron.h"
#include "neuron_event.h"
#include "neuron_hwmon.h"

#if IS_REACHABLE(CONFIG_HWMON)

static umode_t neuron_hwmon_visible(const void *data, enum hwmon_sensor_types type, u32 attr,
				    int channel)
{
	return 0444;
}

static int neuron_hwmon_read(struct device *dev, enum hwmon_sensor_types type, u32 attr,
			     int channel, long *value)
{
	struct neuron_device *ndev = dev_get_drvdata(dev);
	s32 now, critical;
	int ret;

	down_read(&ndev->rwsem);
	ret = neuron_device_error(ndev);
	if (!ret) {
		now = neuron_event_temperature(ndev);
		critical = neuron_ext_read(ndev, NEURON_EXT_TEMP_CRIT);
	}
	up_read(&ndev->rwsem);
	if (ret)
		return ret;
	switch (attr) {
	case hwmon_temp_input:
		*value = now;
		return 0;
	case hwmon_temp_crit:
		*value = critical;
		return 0;
	case hwmon_temp_crit_alarm:
		*value = now >= critical;
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static const struct hwmon_ops neuron_hwmon_ops = {
	.is_visible = neuron_hwmon_visible,
	.read = neuron_hwmon_read,
};

static const struct hwmon_channel_info *neuron_hwmon_channels[] = {
	HWMON_CHANNEL_INFO(temp, HWMON_T_INPUT | HWMON_T_CRIT | HWMON_T_CRIT_ALARM),
	NULL
};

static const struct hwmon_chip_info neuron_hwmon_chip = {
	.ops = &neuron_hwmon_ops,
	.info = neuron_hwmon_channels,
};

void neuron_hwmon_add(struct neuron_device *ndev)
{
	struct device *hwmon;

	if (!ndev->ext || !(ndev->ext_features & NEURON_EXT_FEATURE_TELEMETRY))
		return;
	hwmon = hwmon_device_register_with_info(&ndev->pdev->dev, "neuron", ndev,
						&neuron_hwmon_chip, NULL);
	if (IS_ERR(hwmon))
		dev_warn(&ndev->dev, "no hwmon: %ld\n", PTR_ERR(hwmon));
	else
		ndev->hwmon = hwmon;
}

void neuron_hwmon_remove(struct neuron_device *ndev)
{
	if (ndev->hwmon)
		hwmon_device_unregister(ndev->hwmon);
	ndev->hwmon = NULL;
}

#endif
