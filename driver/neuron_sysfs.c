// SPDX-License-Identifier: GPL-2.0
/*
 * sysfs: what a chip is, and how its NeuronCores fare, by the names that existing tools read:
 *
 *   core_count, connected_devices, fw_version, fw_api, state
 *   info/serial_number, info/architecture/{arch_type,device_name,instance_type}
 *   stats/memory_usage/device_mem/{total,present}, stats/power/utilization
 *   neuron_coreN/info/architecture/arch_type
 *   neuron_coreN/stats/status/NAME/total, NAME after enum neuron_job_status
 *
 * Locking: kernfs keeps attributes and their removal apart; ndev->rwsem is held where the
 * device is asked.
 */
#include <linux/kobject.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "neuron.h"
#include "neuron_fwio.h"
#include "neuron_link.h"
#include "neuron_mem.h"
#include "neuron_sysfs.h"

/*
 * A directory with attributes. One leads to its device by what it embeds, because the
 * directories below a device have no struct device of their own.
 */
struct neuron_dir {
	struct kobject kobj;
	struct neuron_device *ndev;
	unsigned int core;
	unsigned int status;
};

#define NEURON_MAX_DIRS		(7 + NEURON_CORES * (5 + NEURON_JOB_STATUSES))

struct neuron_sysfs {
	unsigned int count;
	struct neuron_dir *dirs[NEURON_MAX_DIRS];
};

#define to_neuron_dir(k)	container_of(k, struct neuron_dir, kobj)

static const char * const neuron_status_names[NEURON_JOB_STATUSES] = {
	[NEURON_JOB_OK] = "success",
	[NEURON_JOB_DESCRIPTOR] = "bad_descriptor",
	[NEURON_JOB_CONTEXT] = "bad_context",
	[NEURON_JOB_SEGMENT] = "oob_error",
	[NEURON_JOB_INSTRUCTION] = "bad_instruction",
	[NEURON_JOB_SEMAPHORE] = "deadlock",
	[NEURON_JOB_TIMEOUT] = "timeout",
	[NEURON_JOB_ABORTED] = "aborted",
	[NEURON_JOB_BUS] = "hw_error",
	[NEURON_JOB_ECC] = "ecc_error",
};

static ssize_t core_count_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", to_neuron_device(dev)->core_count);
}

static DEVICE_ATTR_RO(core_count);

static ssize_t connected_devices_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct neuron_device *ndev = to_neuron_device(dev);
	ssize_t n = 0;
	u32 index;
	int ret;

	down_read(&ndev->rwsem);
	ret = neuron_device_error(ndev);
	if (ret)
		goto out_unlock;
	if (!neuron_link_neighbour(ndev, NEURON_ADDR_EAST, &index))
		n += sysfs_emit_at(buf, n, "%u", index);
	if (!neuron_link_neighbour(ndev, NEURON_ADDR_WEST, &index))
		n += sysfs_emit_at(buf, n, "%s%u", n ? ", " : "", index);
	n += sysfs_emit_at(buf, n, "\n");
out_unlock:
	up_read(&ndev->rwsem);
	return ret ? ret : n;
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

static ssize_t serial_number_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%016llx\n", pci_get_dsn(to_neuron_dir(kobj)->ndev->pdev));
}

static struct kobj_attribute neuron_serial_number = __ATTR_RO(serial_number);

static ssize_t arch_type_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "NCv1\n");
}

static struct kobj_attribute neuron_arch_type = __ATTR_RO(arch_type);

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
			  neuron_mem_free_bytes(to_neuron_dir(kobj)->ndev));
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
		ret = neuron_fwio_read_misc(ndev, NEURON_MISC_POWER, &sample);
	up_read(&ndev->rwsem);
	if (ret)
		return ret;
	return sysfs_emit(buf, "%u.%02u\n", (sample & 0xffff) / 100, (sample & 0xffff) % 100);
}

static struct kobj_attribute neuron_utilization = __ATTR_RO(utilization);

static ssize_t status_total_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct neuron_dir *dir = to_neuron_dir(kobj);

	return sysfs_emit(buf, "%lld\n",
			  atomic64_read(&dir->ndev->cores[dir->core].finished[dir->status]));
}

static struct kobj_attribute neuron_status_total = __ATTR(total, 0444, status_total_show, NULL);

static const struct attribute *neuron_info_attrs[] = { &neuron_serial_number.attr, NULL };

static const struct attribute *neuron_arch_attrs[] = {
	&neuron_arch_type.attr, &neuron_device_name.attr, &neuron_instance_type.attr, NULL
};

static const struct attribute *neuron_mem_attrs[] = {
	&neuron_mem_total.attr, &neuron_mem_present.attr, NULL
};

static const struct attribute *neuron_power_attrs[] = { &neuron_utilization.attr, NULL };

static const struct attribute *neuron_core_arch_attrs[] = { &neuron_arch_type.attr, NULL };

static const struct attribute *neuron_status_attrs[] = { &neuron_status_total.attr, NULL };

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
static struct neuron_dir *neuron_dir_add(struct neuron_device *ndev, struct kobject *parent,
					 const char *name, const struct attribute **attrs)
{
	struct neuron_sysfs *sysfs = ndev->sysfs;
	struct neuron_dir *dir;

	if (!parent || WARN_ON(sysfs->count == NEURON_MAX_DIRS))
		return NULL;
	dir = kzalloc(sizeof(*dir), GFP_KERNEL);
	if (!dir)
		return NULL;
	dir->ndev = ndev;
	get_device(&ndev->dev);
	if (kobject_init_and_add(&dir->kobj, &neuron_dir_type, parent, "%s", name) ||
	    (attrs && sysfs_create_files(&dir->kobj, attrs))) {
		kobject_put(&dir->kobj);
		return NULL;
	}
	sysfs->dirs[sysfs->count++] = dir;
	return dir;
}

static struct kobject *neuron_dir_kobj(struct neuron_dir *dir)
{
	return dir ? &dir->kobj : NULL;
}

static int neuron_sysfs_add_core(struct neuron_device *ndev, unsigned int core)
{
	struct neuron_dir *top, *info, *stats, *status, *dir;
	unsigned int i;
	char name[24];

	snprintf(name, sizeof(name), "neuron_core%u", core);
	top = neuron_dir_add(ndev, &ndev->dev.kobj, name, NULL);
	info = neuron_dir_add(ndev, neuron_dir_kobj(top), "info", NULL);
	dir = neuron_dir_add(ndev, neuron_dir_kobj(info), "architecture", neuron_core_arch_attrs);
	stats = neuron_dir_add(ndev, neuron_dir_kobj(top), "stats", NULL);
	status = neuron_dir_add(ndev, neuron_dir_kobj(stats), "status", NULL);
	if (!dir || !status)
		return -ENOMEM;
	for (i = 0; i < NEURON_JOB_STATUSES; i++) {
		dir = neuron_dir_add(ndev, &status->kobj, neuron_status_names[i],
				     neuron_status_attrs);
		if (!dir)
			return -ENOMEM;
		dir->core = core;
		dir->status = i;
	}
	return 0;
}

static int neuron_sysfs_add_dirs(struct neuron_device *ndev)
{
	struct neuron_dir *info, *arch, *stats, *usage, *mem, *power;
	unsigned int core;
	int ret;

	info = neuron_dir_add(ndev, &ndev->dev.kobj, "info", neuron_info_attrs);
	arch = neuron_dir_add(ndev, neuron_dir_kobj(info), "architecture", neuron_arch_attrs);
	stats = neuron_dir_add(ndev, &ndev->dev.kobj, "stats", NULL);
	usage = neuron_dir_add(ndev, neuron_dir_kobj(stats), "memory_usage", NULL);
	mem = neuron_dir_add(ndev, neuron_dir_kobj(usage), "device_mem", neuron_mem_attrs);
	power = neuron_dir_add(ndev, neuron_dir_kobj(stats), "power", neuron_power_attrs);
	if (!arch || !mem || !power)
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
	ret = sysfs_create_group(&ndev->dev.kobj, &neuron_device_group);
	if (!ret)
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
	sysfs_remove_group(&ndev->dev.kobj, &neuron_device_group);
	kfree(sysfs);
	ndev->sysfs = NULL;
}
