// SPDX-License-Identifier: GPL-2.0
/*
 * sysfs: what a chip is and how it fares, by the names that existing tools read. Each file
 * is described in docs/ABI/sysfs-neuron.
 *
 * Locking: kernfs keeps attributes and their removal apart; ndev->rwsem is held where the
 * device is asked. Counters are atomics.
 */
#include <linux/kobject.h>
#include <linux/kstrtox.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "neuron.h"
#include "neuron_event.h"
#include "neuron_mem.h"
#include "neuron_reset.h"
#include "neuron_sysfs.h"

struct neuron_dir;

/**
 * struct neuron_counter - a directory with the files "total" and "present"
 * @name: of the directory
 * @read: its value since the driver was bound
 * @arg: for @read
 */
struct neuron_counter {
	const char *name;
	u64 (*read)(struct neuron_dir *dir);
	unsigned int arg;
};

/*
 * A directory with attributes. One leads to its device by what it embeds, because the
 * directories below a device have no struct device of their own.
 */
struct neuron_dir {
	struct kobject kobj;
	struct neuron_device *ndev;
	unsigned int core;
	const struct neuron_counter *counter;
	atomic64_t cleared;			/* the counter's value when "present" was cleared */
};

static u64 neuron_count_status(struct neuron_dir *dir)
{
	return atomic64_read(&dir->ndev->cores[dir->core].stats.status[dir->counter->arg]);
}

static u64 neuron_count_failures(struct neuron_dir *dir)
{
	struct neuron_core_stats *stats = &dir->ndev->cores[dir->core].stats;
	u64 sum = 0;
	int i;

	for (i = NEURON_JOB_OK + 1; i < NEURON_JOB_STATUSES; i++)
		sum += atomic64_read(&stats->status[i]);
	return sum;
}

static u64 neuron_count_nan(struct neuron_dir *dir)
{
	return atomic64_read(&dir->ndev->cores[dir->core].stats.nan);
}

static u64 neuron_count_inferences(struct neuron_dir *dir)
{
	return atomic64_read(&dir->ndev->cores[dir->core].stats.inferences);
}

static u64 neuron_count_cycles(struct neuron_dir *dir)
{
	return atomic64_read(&dir->ndev->cores[dir->core].stats.cycles);
}

static u64 neuron_count_core_resets(struct neuron_dir *dir)
{
	return atomic64_read(&dir->ndev->cores[dir->core].stats.resets);
}

static u64 neuron_count_device_resets(struct neuron_dir *dir)
{
	return READ_ONCE(dir->ndev->recovery.device_resets);
}

static u64 neuron_count_aborts(struct neuron_dir *dir)
{
	return READ_ONCE(dir->ndev->recovery.aborts);
}

static u64 neuron_count_missed(struct neuron_dir *dir)
{
	return READ_ONCE(dir->ndev->recovery.missed_interrupts);
}

/* A name of the silicon's driver where it has one that means the same. */
static const struct neuron_counter neuron_status_counters[] = {
	{ "success", neuron_count_status, NEURON_JOB_OK },
	{ "failure", neuron_count_failures },
	{ "invalid_error", neuron_count_status, NEURON_JOB_DESCRIPTOR },
	{ "resource_error", neuron_count_status, NEURON_JOB_CONTEXT },
	{ "oob_error", neuron_count_status, NEURON_JOB_SEGMENT },
	{ "bad_instruction", neuron_count_status, NEURON_JOB_INSTRUCTION },
	{ "execute_sw_semaphore_error", neuron_count_status, NEURON_JOB_SEMAPHORE },
	{ "timeout", neuron_count_status, NEURON_JOB_TIMEOUT },
	{ "aborted", neuron_count_status, NEURON_JOB_ABORTED },
	{ "hw_error", neuron_count_status, NEURON_JOB_BUS },
	{ "hw_hbm_ue_error", neuron_count_status, NEURON_JOB_ECC },
	{ "execute_completed_with_num_error", neuron_count_nan },
	{ }
};

static const struct neuron_counter neuron_core_counters[] = {
	{ "inference_count", neuron_count_inferences },
	{ "modelled_cycles", neuron_count_cycles },
	{ "reset_req_count", neuron_count_core_resets },
	{ }
};

static const struct neuron_counter neuron_device_counters[] = {
	{ "reset_req_count", neuron_count_device_resets },
	{ "queue_abort_count", neuron_count_aborts },
	{ "missed_interrupt_count", neuron_count_missed },
	{ }
};

#define NEURON_STATUS_DIRS	(ARRAY_SIZE(neuron_status_counters) - 1)
#define NEURON_CORE_DIRS	(ARRAY_SIZE(neuron_core_counters) - 1)
#define NEURON_DEVICE_DIRS	(ARRAY_SIZE(neuron_device_counters) - 1)
/* Those of counters, and those that hold them: see neuron_sysfs_add_dirs() and _add_core(). */
#define NEURON_MAX_DIRS		(9 + NEURON_DEVICE_DIRS + \
				 NEURON_CORES * (6 + NEURON_STATUS_DIRS + NEURON_CORE_DIRS))

struct neuron_sysfs {
	unsigned int count;
	struct neuron_dir *dirs[NEURON_MAX_DIRS];
};

#define to_neuron_dir(k)	container_of(k, struct neuron_dir, kobj)

static ssize_t core_count_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", to_neuron_device(dev)->core_count);
}

static DEVICE_ATTR_RO(core_count);

static ssize_t connected_devices_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct neuron_device *ndev = to_neuron_device(dev);
	int index[NEURON_LINKS], ret, i;
	ssize_t n = 0;

	down_read(&ndev->rwsem);
	ret = neuron_device_error(ndev);
	if (!ret)
		ret = neuron_link_neighbours(ndev, index);
	up_read(&ndev->rwsem);
	if (ret)
		return ret == -ENODEV || ret == -EINTR ? ret : -EIO;
	for (i = 0; i < NEURON_LINKS; i++)
		if (index[i] >= 0)
			n += sysfs_emit_at(buf, n, "%s%d", n ? ", " : "", index[i]);
	return n + sysfs_emit_at(buf, n, "\n");
}

static DEVICE_ATTR_RO(connected_devices);

static ssize_t fw_version_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	u32 v = to_neuron_device(dev)->fw_version;

	if (!v)
		return sysfs_emit(buf, "unknown\n");
	return sysfs_emit(buf, "%u.%u.%u\n", v >> 16, v >> 8 & 0xff, v & 0xff);
}

static DEVICE_ATTR_RO(fw_version);

static ssize_t fw_api_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	u32 v = to_neuron_device(dev)->fw_api;

	return sysfs_emit(buf, "%u.%u\n", v >> 16, v & 0xffff);
}

static DEVICE_ATTR_RO(fw_api);

static ssize_t state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	int error = neuron_device_error(to_neuron_device(dev));

	return sysfs_emit(buf, "%s\n", error ? "broken" : "ready");
}

static DEVICE_ATTR_RO(state);

static struct attribute *neuron_device_attrs[] = {
	&dev_attr_core_count.attr,
	&dev_attr_connected_devices.attr,
	&dev_attr_fw_version.attr,
	&dev_attr_fw_api.attr,
	&dev_attr_state.attr,
	NULL
};

static const struct attribute_group neuron_device_group = {
	.attrs = neuron_device_attrs,
};

const struct attribute_group *neuron_device_groups[] = { &neuron_device_group, NULL };

static ssize_t serial_number_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%016llx\n", pci_get_dsn(to_neuron_dir(kobj)->ndev->pdev));
}

static struct kobj_attribute neuron_serial_number = __ATTR_RO(serial_number);

static ssize_t arch_type_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "NDv1\n");
}

static struct kobj_attribute neuron_arch_type = __ATTR_RO(arch_type);

static ssize_t core_arch_type_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "NCv1\n");
}

static struct kobj_attribute neuron_core_arch_type = __ATTR(arch_type, 0444, core_arch_type_show,
							     NULL);

static ssize_t device_name_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "Inferentia\n");
}

static struct kobj_attribute neuron_device_name = __ATTR_RO(device_name);

static ssize_t instance_type_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "Inf1\n");
}

static struct kobj_attribute neuron_instance_type = __ATTR_RO(instance_type);

static ssize_t mem_total_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", NEURON_DRAM_CHANNELS * NEURON_DRAM_CHANNEL_SIZE);
}

static struct kobj_attribute neuron_mem_total = __ATTR(total, 0444, mem_total_show, NULL);

static ssize_t mem_present_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", NEURON_DRAM_CHANNELS * NEURON_DRAM_CHANNEL_SIZE -
			  neuron_dram_free(&to_neuron_dir(kobj)->ndev->dram));
}

static struct kobj_attribute neuron_mem_present = __ATTR(present, 0444, mem_present_show, NULL);

/* Hundredths of a percent, as the chip samples it. */
static ssize_t utilization_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct neuron_device *ndev = to_neuron_dir(kobj)->ndev;
	u32 sample = 0;
	int ret;

	down_read(&ndev->rwsem);
	ret = neuron_device_error(ndev);
	if (!ret && ndev->api_version >= 3)
		ret = neuron_fw_power(ndev, &sample);
	up_read(&ndev->rwsem);
	if (ret)
		return ret == -ENODEV || ret == -EINTR ? ret : -EIO;
	return sysfs_emit(buf, "%u.%02u\n", (sample & 0xffff) / 100, (sample & 0xffff) % 100);
}

static struct kobj_attribute neuron_utilization = __ATTR_RO(utilization);

/* What the extension block tells of the chip's health; -EOPNOTSUPP without one. */
static int neuron_health_read(struct neuron_device *ndev, u32 (*read)(struct neuron_device *),
			      u32 *value)
{
	int ret;

	down_read(&ndev->rwsem);
	ret = neuron_device_error(ndev);
	if (!ret && (!ndev->ext || !(ndev->ext_features & NEURON_EXT_FEATURE_TELEMETRY)))
		ret = -EOPNOTSUPP;
	if (!ret)
		*value = read(ndev);
	up_read(&ndev->rwsem);
	return ret;
}

static u32 neuron_ecc_corrected(struct neuron_device *ndev)
{
	u32 sum = 0, channel;

	for (channel = 0; channel < NEURON_DRAM_CHANNELS; channel++)
		sum += neuron_ext_read(ndev, NEURON_EXT_ECC_CORRECTED(channel));
	return sum;
}

static u32 neuron_ecc_uncorrected(struct neuron_device *ndev)
{
	u32 sum = 0, channel;

	for (channel = 0; channel < NEURON_DRAM_CHANNELS; channel++)
		sum += neuron_ext_read(ndev, NEURON_EXT_ECC_UNCORRECTED(channel));
	return sum;
}

static u32 neuron_temperature(struct neuron_device *ndev)
{
	return neuron_event_temperature(ndev);
}

static ssize_t mem_ecc_corrected_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	u32 value;
	int ret = neuron_health_read(to_neuron_dir(kobj)->ndev, neuron_ecc_corrected, &value);

	return ret ? ret : sysfs_emit(buf, "%u\n", value);
}

static struct kobj_attribute neuron_mem_ecc_corrected = __ATTR_RO(mem_ecc_corrected);

static ssize_t mem_ecc_uncorrected_show(struct kobject *kobj, struct kobj_attribute *attr,
					char *buf)
{
	u32 value;
	int ret = neuron_health_read(to_neuron_dir(kobj)->ndev, neuron_ecc_uncorrected, &value);

	return ret ? ret : sysfs_emit(buf, "%u\n", value);
}

static struct kobj_attribute neuron_mem_ecc_uncorrected = __ATTR_RO(mem_ecc_uncorrected);

static ssize_t temperature_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	u32 value;
	int ret = neuron_health_read(to_neuron_dir(kobj)->ndev, neuron_temperature, &value);

	return ret ? ret : sysfs_emit(buf, "%d\n", (s32)value);
}

static struct kobj_attribute neuron_temperature_attr = __ATTR_RO(temperature);

static ssize_t counter_total_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct neuron_dir *dir = to_neuron_dir(kobj);

	return sysfs_emit(buf, "%llu\n", dir->counter->read(dir));
}

static struct kobj_attribute neuron_counter_total = __ATTR(total, 0444, counter_total_show, NULL);

static ssize_t counter_present_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct neuron_dir *dir = to_neuron_dir(kobj);

	return sysfs_emit(buf, "%llu\n",
			  dir->counter->read(dir) - (u64)atomic64_read(&dir->cleared));
}

/* Writing 0 starts it anew. */
static ssize_t counter_present_store(struct kobject *kobj, struct kobj_attribute *attr,
				     const char *buf, size_t count)
{
	struct neuron_dir *dir = to_neuron_dir(kobj);
	u64 value;
	int ret = kstrtou64(buf, 0, &value);

	if (ret)
		return ret;
	if (value)
		return -EINVAL;
	atomic64_set(&dir->cleared, dir->counter->read(dir));
	return count;
}

static struct kobj_attribute neuron_counter_present = __ATTR(present, 0644, counter_present_show,
							      counter_present_store);

static const struct attribute *neuron_info_attrs[] = { &neuron_serial_number.attr, NULL };

static const struct attribute *neuron_arch_attrs[] = {
	&neuron_arch_type.attr, &neuron_device_name.attr, &neuron_instance_type.attr, NULL
};

static const struct attribute *neuron_mem_attrs[] = {
	&neuron_mem_total.attr, &neuron_mem_present.attr, NULL
};

static const struct attribute *neuron_power_attrs[] = { &neuron_utilization.attr, NULL };

static const struct attribute *neuron_health_attrs[] = {
	&neuron_mem_ecc_corrected.attr, &neuron_mem_ecc_uncorrected.attr,
	&neuron_temperature_attr.attr, NULL
};

static const struct attribute *neuron_core_arch_attrs[] = { &neuron_core_arch_type.attr, NULL };

static const struct attribute *neuron_counter_attrs[] = {
	&neuron_counter_total.attr, &neuron_counter_present.attr, NULL
};

static void neuron_dir_release(struct kobject *kobj)
{
	struct neuron_dir *dir = to_neuron_dir(kobj);

	put_device(&dir->ndev->dev);
	kfree(dir);
}

static const struct kobj_type neuron_dir_type = {
	.release = neuron_dir_release,
	.sysfs_ops = &kobj_sysfs_ops,
};

/* A new directory, or NULL; @parent may be NULL because its own making failed. */
static struct neuron_dir *neuron_dir_add(struct neuron_device *ndev, struct neuron_dir *parent,
					 const char *name, const struct attribute **attrs,
					 const struct neuron_counter *counter)
{
	struct neuron_sysfs *sysfs = ndev->sysfs;
	struct neuron_dir *dir;

	if (WARN_ON(sysfs->count == NEURON_MAX_DIRS))
		return NULL;
	dir = kzalloc(sizeof(*dir), GFP_KERNEL);
	if (!dir)
		return NULL;
	dir->ndev = ndev;
	dir->core = parent ? parent->core : 0;
	dir->counter = counter;
	get_device(&ndev->dev);
	if (kobject_init_and_add(&dir->kobj, &neuron_dir_type,
				 parent ? &parent->kobj : &ndev->dev.kobj, "%s", name) ||
	    (attrs && sysfs_create_files(&dir->kobj, attrs))) {
		kobject_put(&dir->kobj);
		return NULL;
	}
	sysfs->dirs[sysfs->count++] = dir;
	return dir;
}

/* @parent/@name/ with attributes; false if that, or its parent, could not be made. */
static bool neuron_dir_add_below(struct neuron_device *ndev, struct neuron_dir *parent,
				 const char *name, const struct attribute **attrs)
{
	return parent && neuron_dir_add(ndev, parent, name, attrs, NULL);
}

/* @parent/@name/COUNTER/{total,present} */
static bool neuron_dir_add_counters(struct neuron_device *ndev, struct neuron_dir *parent,
				    const char *name, const struct neuron_counter *counters)
{
	struct neuron_dir *dir = NULL;

	if (parent)
		dir = neuron_dir_add(ndev, parent, name, NULL, NULL);
	for (; dir && counters->name; counters++)
		if (!neuron_dir_add(ndev, dir, counters->name, neuron_counter_attrs, counters))
			return false;
	return dir;
}

static int neuron_sysfs_add_core(struct neuron_device *ndev, unsigned int core)
{
	struct neuron_dir *top, *info = NULL, *stats = NULL;
	char name[24];

	snprintf(name, sizeof(name), "neuron_core%u", core);
	top = neuron_dir_add(ndev, NULL, name, NULL, NULL);
	if (!top)
		return -ENOMEM;
	top->core = core;
	info = neuron_dir_add(ndev, top, "info", NULL, NULL);
	stats = neuron_dir_add(ndev, top, "stats", NULL, NULL);
	if (!neuron_dir_add_below(ndev, info, "architecture", neuron_core_arch_attrs) ||
	    !neuron_dir_add_counters(ndev, stats, "status", neuron_status_counters) ||
	    !neuron_dir_add_counters(ndev, stats, "other_info", neuron_core_counters))
		return -ENOMEM;
	return 0;
}

static int neuron_sysfs_add_dirs(struct neuron_device *ndev)
{
	struct neuron_dir *info, *stats, *usage = NULL;
	unsigned int core;
	int ret;

	info = neuron_dir_add(ndev, NULL, "info", neuron_info_attrs, NULL);
	stats = neuron_dir_add(ndev, NULL, "stats", NULL, NULL);
	if (stats)
		usage = neuron_dir_add(ndev, stats, "memory_usage", NULL, NULL);
	if (!neuron_dir_add_below(ndev, info, "architecture", neuron_arch_attrs) ||
	    !neuron_dir_add_below(ndev, usage, "device_mem", neuron_mem_attrs) ||
	    !neuron_dir_add_below(ndev, stats, "power", neuron_power_attrs) ||
	    !neuron_dir_add_counters(ndev, stats, "other_info", neuron_device_counters))
		return -ENOMEM;
	if (ndev->ext && ndev->ext_features & NEURON_EXT_FEATURE_TELEMETRY &&
	    !neuron_dir_add_below(ndev, stats, "hardware", neuron_health_attrs))
		return -ENOMEM;
	for (core = 0; core < ndev->core_count; core++) {
		ret = neuron_sysfs_add_core(ndev, core);
		if (ret)
			return ret;
	}
	return 0;
}

int neuron_sysfs_add(struct neuron_device *ndev)
{
	int ret;

	ndev->sysfs = kzalloc(sizeof(*ndev->sysfs), GFP_KERNEL);
	if (!ndev->sysfs)
		return -ENOMEM;
	ret = neuron_sysfs_add_dirs(ndev);
	if (ret)
		neuron_sysfs_remove(ndev);
	return ret;
}

void neuron_sysfs_remove(struct neuron_device *ndev)
{
	struct neuron_sysfs *sysfs = ndev->sysfs;

	if (!sysfs)
		return;
	while (sysfs->count) {
		struct kobject *kobj = &sysfs->dirs[--sysfs->count]->kobj;

		kobject_del(kobj);
		kobject_put(kobj);
	}
	kfree(sysfs);
	ndev->sysfs = NULL;
}
