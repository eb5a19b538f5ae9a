// SPDX-License-Identifier: Apache-2.0
/*
 * The loader's checks of a firmware image.
 */
#include <string.h>
#include <openssl/evp.h>
#include <neuron/mgmt.h>
#include "fw_image.h"

/* Do [@load, @load + @size) and @entry lie in SRAM? */
static int placed_in_sram(const struct neuron_fw_header *h)
{
	uint32_t off = h->load - NEURON_MGMT_SRAM;

	return off < NEURON_MGMT_SRAM_SIZE && off % 4 == 0 && h->payload_size &&
	       h->payload_size <= NEURON_MGMT_SRAM_SIZE - off &&
	       h->entry >= h->load && h->entry - h->load < h->payload_size && h->entry % 2 == 0;
}

enum neuron_fw_boot_error emu_fw_image_check(const void *image, size_t size, struct neuron_fw_header *header)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int length = 0;

	_Static_assert(sizeof(*header) == 128, "the header is 128 bytes");
	if (!image || !size)
		return NEURON_FW_BOOT_NO_IMAGE;
	if (size < sizeof(header->magic))
		return NEURON_FW_BOOT_SIZE;
	memcpy(&header->magic, image, sizeof(header->magic));
	if (header->magic != NEURON_FW_MAGIC)
		return NEURON_FW_BOOT_MAGIC;
	if (size < sizeof(*header))
		return NEURON_FW_BOOT_SIZE;
	memcpy(header, image, sizeof(*header));
	if (header->header_size != sizeof(*header) || header->payload_size > size - sizeof(*header) ||
	    !placed_in_sram(header))
		return NEURON_FW_BOOT_SIZE;
	if (header->api >> 16 != NEURON_FW_API_MAJOR)
		return NEURON_FW_BOOT_API;
	if (!EVP_Digest((const char *)image + sizeof(*header), header->payload_size, digest, &length,
			EVP_sha256(), NULL) ||
	    length != sizeof(header->sha256) || memcmp(digest, header->sha256, length))
		return NEURON_FW_BOOT_HASH;
	return NEURON_FW_BOOT_OK;
}
