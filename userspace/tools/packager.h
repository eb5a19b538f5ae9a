/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neuron-packager: what its commands share. Commands return an exit code, after a message if it
 * is not EXIT_OK.
 */
#ifndef PACKAGER_H
#define PACKAGER_H

#include <stdbool.h>

#include "neff.h"

/* Header fields and the order of members, in the directory of an unpacked NEFF. */
#define PACKAGER_MANIFEST	"neff-header.json"

enum packager_compression {
	PACKAGER_AS_WAS,
	PACKAGER_PLAIN,
	PACKAGER_GZIP,
};

/**
 * struct packager_options - the command line
 * @from, @to: file or directory; @to may be NULL
 * @limits: what a body may unpack to
 * @name .. @lnc_size: fields of the header for pack, as text; NULL: as they are
 */
struct packager_options {
	const char *from, *to;
	struct neff_limits limits;
	bool json, all, force, help;
	enum packager_compression compression;
	const char *name, *build_version, *uuid, *neff_version;
	const char *num_tpb, *requested_tpb_count, *tpb_per_node, *feature_bits, *lnc_size;
};

/**
 * struct packager_file - a NEFF, also one that cannot be loaded here
 * @neff: NULL if it cannot, and then @refused says why; it has the members else
 */
struct packager_file {
	const char *path;
	uint8_t *bytes;
	size_t size;
	struct neuron_neff_header header;
	struct neff_body body;
	struct neff *neff;
	struct neff_error refused;
};

/* EXIT_FAILED after a message if it is no NEFF at all; packager_close() in any case. */
int packager_open(struct packager_file *f, const char *path, const struct neff_limits *limits);
void packager_close(struct packager_file *f);
/* The members, whoever has them. */
const struct neff_body *packager_body(const struct packager_file *f);
/* "SHA-256" or "MD5" if the header has that of the body, else NULL. */
const char *packager_hash(const struct packager_file *f);
/* Is the body compressed? */
bool packager_compressed(const struct packager_file *f);

int packager_info(const struct packager_options *o);
int packager_unpack(const struct packager_options *o);
int packager_pack(const struct packager_options *o);
int packager_verify(const struct packager_options *o);

#endif
