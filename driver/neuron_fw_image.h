/* SPDX-License-Identifier: GPL-2.0 */
/* The header of a firmware image, judged without a device. */
#ifndef _NEURON_FW_IMAGE_H
#define _NEURON_FW_IMAGE_H

#include <linux/types.h>

/* 0, or -ENOEXEC and @why. What follows the header is for the chip's boot ROM to judge. */
int neuron_fw_image_check(const void *data, size_t size, const char **why);

#endif
