// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-packager: a NEFF, ours or one that can only be looked at.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "cli.h"
#include "packager.h"

int packager_open(struct packager_file *f, const char *path, const struct neff_limits *limits)
{
	struct neff_error error;

	memset(f, 0, sizeof(*f));
	f->path = path;
	f->bytes = cli_read_file(path, &f->size);
	if (!f->bytes)
		return EXIT_FAILED;
	if (neff_unpack(f->bytes, f->size, limits, &f->header, &f->body, &error)) {
		cli_error("%s: %s", path, error.text);
		return EXIT_FAILED;
	}
	neff_adopt(&f->header, &f->body, &f->neff, &f->refused);
	return EXIT_OK;
}

void packager_close(struct packager_file *f)
{
	neff_close(f->neff);
	neff_body_free(&f->body);
	free(f->bytes);
}

const struct neff_body *packager_body(const struct packager_file *f)
{
	return f->neff ? &f->neff->body : &f->body;
}

static bool has_hash(const struct packager_file *f, const EVP_MD *md)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int n;

	if (EVP_Digest(f->bytes + sizeof(f->header), f->header.data_size, digest, &n, md, NULL) != 1)
		return false;
	return !memcmp(digest, f->header.hash, n);
}

const char *packager_hash(const struct packager_file *f)
{
	if (has_hash(f, EVP_sha256()))
		return "SHA-256";
	return has_hash(f, EVP_md5()) ? "MD5" : NULL;
}

bool packager_compressed(const struct packager_file *f)
{
	const uint8_t *body = f->bytes + sizeof(f->header);

	return f->header.data_size >= 2 && body[0] == 0x1f && body[1] == 0x8b;
}
