// SPDX-License-Identifier: Apache-2.0
/*
 * Finds the Neuron devices of the host with libudev, which needs no running udevd.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libudev.h>

#include <neuron/regs.h>

#include "discover.h"

#define CLASS "neuron_device"

static void copy_text(char *to, size_t size, const char *from)
{
	size_t n = from ? strcspn(from, "\n") : 0;

	if (n >= size)
		n = size - 1;
	if (n)
		memcpy(to, from, n);
	to[n] = 0;
}

static int describe(struct udev_device *dev, struct nrt_found *f)
{
	struct udev_device *pci = udev_device_get_parent_with_subsystem_devtype(dev, "pci", NULL);
	const char *node = udev_device_get_devnode(dev), *text;

	*f = (struct nrt_found) { .numa_node = -1 };
	if (!node || sscanf(udev_device_get_sysname(dev), "neuron%u", &f->index) != 1)
		return -ENODEV;
	copy_text(f->node, sizeof(f->node), node);
	copy_text(f->connected, sizeof(f->connected),
		  udev_device_get_sysattr_value(dev, "connected_devices"));
	if (!pci)
		return 0;
	copy_text(f->bdf, sizeof(f->bdf), udev_device_get_sysname(pci));
	copy_text(f->cpus, sizeof(f->cpus), udev_device_get_sysattr_value(pci, "local_cpulist"));
	text = udev_device_get_sysattr_value(pci, "numa_node");
	if (text)
		f->numa_node = atoi(text);
	return 0;
}

static int by_index(const void *a, const void *b)
{
	const struct nrt_found *x = a, *y = b;

	return x->index < y->index ? -1 : x->index > y->index;
}

int nrt_discover(struct nrt_found *found, int max)
{
	struct udev_list_entry *entry;
	struct udev_enumerate *e;
	struct udev *udev = udev_new();
	int n = 0;

	if (!udev)
		return -ENOMEM;
	e = udev_enumerate_new(udev);
	if (!e || udev_enumerate_add_match_subsystem(e, CLASS) < 0 ||
	    udev_enumerate_scan_devices(e) < 0) {
		udev_enumerate_unref(e);
		udev_unref(udev);
		return -ENOMEM;
	}
	udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(e)) {
		struct udev_device *dev;

		dev = udev_device_new_from_syspath(udev, udev_list_entry_get_name(entry));
		/* A device that was unplugged meanwhile is no error. */
		if (dev && n < max && !describe(dev, &found[n]))
			n++;
		udev_device_unref(dev);
	}
	udev_enumerate_unref(e);
	udev_unref(udev);
	qsort(found, n, sizeof(*found), by_index);
	return n;
}

static int count_pci(struct udev *udev, unsigned int id)
{
	struct udev_enumerate *e = udev_enumerate_new(udev);
	struct udev_list_entry *entry;
	char text[16];
	int n = 0;

	if (!e)
		return 0;
	snprintf(text, sizeof(text), "0x%04x", NEURON_PCI_VENDOR);
	udev_enumerate_add_match_subsystem(e, "pci");
	udev_enumerate_add_match_sysattr(e, "vendor", text);
	snprintf(text, sizeof(text), "0x%04x", id);
	udev_enumerate_add_match_sysattr(e, "device", text);
	udev_enumerate_scan_devices(e);
	udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(e))
		n++;
	udev_enumerate_unref(e);
	return n;
}

int nrt_discover_pci(void)
{
	static const unsigned int ids[] = {
		NEURON_PCI_DEVICE_0, NEURON_PCI_DEVICE_1, NEURON_PCI_DEVICE_2, NEURON_PCI_DEVICE_3,
	};
	struct udev *udev = udev_new();
	unsigned int i;
	int n = 0;

	if (!udev)
		return 0;
	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		n += count_pci(udev, ids[i]);
	udev_unref(udev);
	return n;
}
