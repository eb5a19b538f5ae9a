// SPDX-License-Identifier: GPL-2.0
/* The header of a firmware image, judged without a device. Takes no lock. */
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <neuron/fw.h>

#include "neuron_fw_image.h"

int neuron_fw_image_check(const void *data, size_t size, const char **why)
{
	const struct neuron_fw_header *header = data;

	BUILD_BUG_ON(sizeof(*header) != 128);
	if (size < sizeof(*header) || header->magic != NEURON_FW_MAGIC ||
	    header->header_size != sizeof(*header)) {
		*why = "it is no firmware image";
		return -ENOEXEC;
	}
	if (header->payload_size != size - sizeof(*header)) {
		*why = "it is not as long as its header says";
		return -ENOEXEC;
	}
	if (header->api >> 16 != NEURON_FW_API_MAJOR) {
		*why = "its API has another major version than the driver's";
		return -ENOEXEC;
	}
	return 0;
}
