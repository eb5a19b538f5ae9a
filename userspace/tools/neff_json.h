/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NEFFs as JSON, for neuron-packager and neuron-objdump.
 */
#ifndef TOOL_NEFF_JSON_H
#define TOOL_NEFF_JSON_H

#include <jansson.h>

#include "neff.h"

/* Text of at most @size bytes that need not end, nor be UTF-8. */
json_t *neff_json_text(const void *text, size_t size);
json_t *neff_json_hex(const uint8_t *data, size_t size);

/* { "package_version": 2, "neff_version": "2.0", "name": .. }, all fields of the header */
json_t *neff_json_header(const struct neuron_neff_header *header);

/* [ { "name": TENSOR, "dtype": .., "shape": [..], "size": BYTES } ] */
json_t *neff_json_tensors(const struct neff_tensor *tensors, uint32_t count);

/*
 * [ { "node": 1, "executor": "NeuronCore", "name": "sg00", "cores": 1, "variables": [..],
 *     "dma_queues": [..], "engines": {..}, "code_bytes": .., "weights_bytes": ..,
 *     "scratch_bytes": .. } ]
 */
json_t *neff_json_nodes(const struct neff *neff);

/* The same, as far as it can be told, of a NEFF that cannot be loaded here. */
json_t *neff_json_foreign_nodes(const struct neff_body *body);

/* [ { "name": "neff.json", "size": BYTES } ] */
json_t *neff_json_members(const struct neff_body *body);

/* Bytes of all members. */
uint64_t neff_unpacked_size(const struct neff_body *body);

#endif
