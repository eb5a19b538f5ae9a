// SPDX-License-Identifier: Apache-2.0
/*
 * Host tool of the build: puts the header of <neuron/fw.h> before a payload.
 *
 *	mkimage VERSION LOAD PAYLOAD IMAGE
 *
 * VERSION is major.minor.patch; LOAD is the payload's SRAM address and its entry point.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>
#include <neuron/fw.h>
#include <neuron/mgmt.h>

static uint8_t payload[NEURON_MGMT_SRAM_SIZE];

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "mkimage: %s: %s\n", what, why);
	return 1;
}

static int read_payload(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	int err = 0;

	if (!f)
		return fail(path, strerror(errno));
	*size = fread(payload, 1, sizeof(payload), f);
	if (ferror(f))
		err = fail(path, "cannot be read");
	else if (!*size || fgetc(f) != EOF)
		err = fail(path, "is empty or larger than the management core's SRAM");
	fclose(f);
	return err;
}

static int write_image(const char *path, const struct neuron_fw_header *header)
{
	FILE *f = fopen(path, "wb");
	int err = 0;

	if (!f)
		return fail(path, strerror(errno));
	if (fwrite(header, sizeof(*header), 1, f) != 1 || fwrite(payload, header->payload_size, 1, f) != 1)
		err = 1;
	if (fclose(f) || err)
		return fail(path, "cannot be written");
	return 0;
}

int main(int argc, char **argv)
{
	struct neuron_fw_header header = {
		.magic = NEURON_FW_MAGIC,
		.header_size = sizeof(header),
		.api = NEURON_FW_API_MAJOR << 16 | NEURON_FW_API_MINOR,
	};
	unsigned int major, minor, patch;
	size_t size;
	char end;

	if (argc != 5)
		return fail("usage", "mkimage VERSION LOAD PAYLOAD IMAGE");
	if (sscanf(argv[1], "%u.%u.%u%c", &major, &minor, &patch, &end) != 3 ||
	    major > 0xffff || minor > 0xff || patch > 0xff)
		return fail(argv[1], "not a version of the form major.minor.patch");
	if (read_payload(argv[3], &size))
		return 1;
	header.version = major << 16 | minor << 8 | patch;
	header.payload_size = size;
	header.load = strtoul(argv[2], NULL, 0);
	header.entry = header.load;
	snprintf(header.name, sizeof(header.name), "inferentia management %u.%u.%u", major, minor, patch);
	if (!EVP_Digest(payload, size, header.sha256, NULL, EVP_sha256(), NULL))
		return fail("SHA-256", "not available in libcrypto");
	return write_image(argv[4], &header);
}
