/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neuron-packager: the header of what is packed.
 */
#ifndef PACKAGER_HEADER_H
#define PACKAGER_HEADER_H

#include <jansson.h>

#include "packager.h"

/**
 * struct packager_header - what is known of the header
 * @root: the manifest, NULL without one; json_decref() it
 * @raw: header of the file that was unpacked, or one made from neff.json
 * @fields: the manifest's header, which people may have edited; NULL without a manifest
 * @order: of members; NULL without a manifest
 */
struct packager_header {
	json_t *root;
	struct neuron_neff_header raw;
	json_t *fields, *order;
	bool compressed;
};

/* From the manifest in @directory, else from neff.json of @body. An exit code, after a message. */
int packager_header_load(const char *directory, const struct neff_body *body,
			 struct packager_header *result);

/* Fields as edited in the manifest (@fields may be NULL), then as options say. An exit code. */
int packager_header_edit(struct neuron_neff_header *h, json_t *fields,
			 const struct packager_options *o);

#endif
