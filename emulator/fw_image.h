/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Firmware images: what the loader accepts.
 */
#ifndef EMU_FW_IMAGE_H
#define EMU_FW_IMAGE_H

#include <stddef.h>
#include <neuron/fw.h>

/*
 * Check the @size bytes of @image against <neuron/fw.h>: magic, sizes, addresses, API and
 * SHA-256. Returns NEURON_FW_BOOT_OK and copies the header, or another enum
 * neuron_fw_boot_error. Bytes after the payload are ignored.
 */
enum neuron_fw_boot_error emu_fw_image_check(const void *image, size_t size, struct neuron_fw_header *header);

#endif
