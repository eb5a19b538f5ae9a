// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-packager pack: files to a NEFF.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "cli.h"
#include "neff_json.h"
#include "packager.h"
#include "packager_dir.h"
#include "packager_header.h"

/* The hash of the kind that the unpacked file had. */
static void seal(struct neuron_neff_header *h, const struct neuron_neff_header *was, bool own_uuid,
		 const uint8_t *body, size_t size)
{
	static const uint8_t zeros[16];
	bool md5 = !memcmp(was->hash + 16, zeros, 16) && memcmp(was->hash, zeros, 16);
	bool derived = !memcmp(was->uuid, was->hash, sizeof(was->uuid));

	neff_header_seal(h, body, size, derived && !own_uuid);
	if (!md5)
		return;
	memset(h->hash, 0, sizeof(h->hash));
	EVP_Digest(body, size, h->hash, NULL, EVP_md5(), NULL);
}

/* Our own files have to be good; of others nobody knows. */
static int check_result(const struct packager_options *o, const uint8_t *bytes, size_t size)
{
	struct neuron_neff_header h;
	struct neff_error error;
	struct neff *neff;
	int rc;

	memcpy(&h, bytes, sizeof(h));
	rc = neff_open(bytes, size, NEFF_VERIFY_HASH, &o->limits, &neff, &error);
	if (!rc) {
		neff_close(neff);
		return EXIT_OK;
	}
	if (o->force || !(h.feature_bits & NEURON_NEFF_FEATURE_OPEN_ISA)) {
		printf("It cannot be loaded here: %s\n", error.text);
		return EXIT_OK;
	}
	cli_error("%s: not packed, since it could not be loaded: %s; --force packs it all the same",
		  o->from, error.text);
	return EXIT_FAILED;
}

/* Under another name first: nobody sees half a file. */
static int write_neff(const char *path, const uint8_t *bytes, size_t size, bool force)
{
	char part[4096 + 8];
	bool good;
	FILE *f;

	if (!force && !access(path, F_OK)) {
		cli_error("%s: exists; name another file, or replace it with --force", path);
		return EXIT_FAILED;
	}
	snprintf(part, sizeof(part), "%s.part", path);
	f = fopen(part, "wbe");
	if (!f) {
		cli_error("%s: %s", path, strerror(errno));
		return EXIT_FAILED;
	}
	good = fwrite(bytes, size, 1, f) == 1;
	good &= !fclose(f);
	if (good && !rename(part, path))
		return EXIT_OK;
	cli_error("%s: %s", path, strerror(errno));
	unlink(part);
	return EXIT_FAILED;
}

static int finish_neff(const struct packager_options *o, const char *path,
		       const struct packager_header *was, struct neuron_neff_header *h,
		       const struct neff_body *body)
{
	bool plain = o->compression == PACKAGER_AS_WAS ? !was->compressed :
		     o->compression == PACKAGER_PLAIN;
	uint8_t *packed, *bytes;
	size_t size;
	int rc;

	if (neff_body_write(body, plain, &packed, &size)) {
		cli_error("%s: out of memory", o->from);
		return EXIT_FAILED;
	}
	bytes = malloc(sizeof(*h) + size);
	if (!bytes) {
		free(packed);
		cli_error("%s: out of memory", o->from);
		return EXIT_FAILED;
	}
	if (h->feature_bits & NEURON_NEFF_FEATURE_OPEN_ISA) {
		h->feature_bits &= ~NEURON_NEFF_FEATURE_PLAIN_TAR;
		h->feature_bits |= plain ? NEURON_NEFF_FEATURE_PLAIN_TAR : 0;
	}
	seal(h, &was->raw, o->uuid != NULL, packed, size);
	memcpy(bytes, h, sizeof(*h));
	memcpy(bytes + sizeof(*h), packed, size);
	free(packed);
	rc = check_result(o, bytes, sizeof(*h) + size);
	if (!rc)
		rc = write_neff(path, bytes, sizeof(*h) + size, o->force);
	if (!rc) {
		printf("%s: %u members of %s%s\n", path, body->count, o->from,
		       memcmp(h, &was->raw, sizeof(*h)) ? "" : ", identical to the file that was unpacked");
		rc = cli_finish();
	}
	free(bytes);
	return rc;
}

static int pack_body(const struct packager_options *o, const char *path, struct neff_body *body)
{
	struct packager_header was = { .compressed = true };
	struct neuron_neff_header h;
	int rc = packager_header_load(o->from, body, &was);

	if (!rc) {
		h = was.raw;
		rc = packager_header_edit(&h, was.fields, o);
	}
	if (!rc) {
		packager_dir_sort(body, was.order);
		rc = finish_neff(o, path, &was, &h, body);
	}
	json_decref(was.root);
	return rc;
}

int packager_pack(const struct packager_options *o)
{
	struct neff_body body = { 0 };
	char path[4096];
	size_t n = strlen(o->from);
	int rc;

	while (n > 1 && o->from[n - 1] == '/')
		n--;
	if (o->to ? strlen(o->to) >= sizeof(path) : n + 6 >= sizeof(path)) {
		cli_error("%.64s..: the path is too long", o->to ? o->to : o->from);
		return EXIT_FAILED;
	}
	if (o->to)
		snprintf(path, sizeof(path), "%s", o->to);
	else
		snprintf(path, sizeof(path), "%.*s.neff", (int)n, o->from);
	rc = packager_dir_read(o->from, &o->limits, &body);
	if (!rc)
		rc = pack_body(o, path, &body);
	neff_body_free(&body);
	return rc;
}
