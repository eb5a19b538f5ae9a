// SPDX-License-Identifier: Apache-2.0
/*
 * NEFF: the header and what it promises about the body.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "neff.h"

_Static_assert(sizeof(struct neuron_neff_header) == NEURON_NEFF_HEADER_SIZE, "NEFF header");

int neff_fail(struct neff_error *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return -EINVAL;
}

static const char out[] = "compile the model with this release's neuron-cc";

int neff_header_check(const struct neuron_neff_header *h, struct neff_error *error)
{
	__u64 unknown = h->feature_bits & ~NEURON_NEFF_FEATURES_KNOWN;

	if (h->version_major != NEURON_NEFF_VERSION_MAJOR ||
	    h->version_minor > NEURON_NEFF_VERSION_MINOR)
		neff_fail(error, "NEFF version mismatch supported: %d.%d received: %llu.%llu; %s",
			  NEURON_NEFF_VERSION_MAJOR, NEURON_NEFF_VERSION_MINOR, h->version_major,
			  h->version_minor, out);
	else if (unknown)
		neff_fail(error,
			  "NEFF version: %llu.%llu, features: %#llx are not supported. Currently supporting: %#llx; %s",
			  h->version_major, h->version_minor, h->feature_bits,
			  NEURON_NEFF_FEATURES_KNOWN, out);
	else if (!(h->feature_bits & NEURON_NEFF_FEATURE_OPEN_ISA))
		neff_fail(error,
			  "NEFF has instructions of the silicon (features: %#llx lack %#llx), which are not public: compile the model with this project's neuron-cc",
			  h->feature_bits, NEURON_NEFF_FEATURE_OPEN_ISA);
	else if (h->pkg_version != NEURON_NEFF_PKG_VERSION)
		neff_fail(error, "NEFF package version mismatch supported: %d received: %llu; %s",
			  NEURON_NEFF_PKG_VERSION, h->pkg_version, out);
	else if (h->lnc_size > 1)
		neff_fail(error,
			  "NEFF wants logical cores of %u NeuronCores, which this chip has not; %s",
			  h->lnc_size, out);
	else
		return 0;
	return -ENOTSUP;
}

int neff_header_parse(struct neuron_neff_header *header, const void *bytes, size_t size,
		      struct neff_error *error)
{
	if (size < sizeof(*header))
		return neff_fail(error, "not a NEFF: %zu bytes, less than a header of %zu", size,
				 sizeof(*header));
	memcpy(header, bytes, sizeof(*header));
	if (!header->pkg_version || header->pkg_version > NEFF_MAX_PKG_VERSION)
		return neff_fail(error, "not a NEFF: package version is %llu, expected 1 to %d",
				 header->pkg_version, NEFF_MAX_PKG_VERSION);
	if (header->header_size != sizeof(*header))
		return neff_fail(error, "not a NEFF: header size is %llu, expected %zu",
				 header->header_size, sizeof(*header));
	if (header->data_size != size - sizeof(*header))
		return neff_fail(error,
				 "Wrong NEFF file size: header announces %llu bytes of data, there are %zu; the file is %s, copy or compile it again",
				 header->data_size, size - sizeof(*header),
				 header->data_size > size - sizeof(*header) ? "truncated" :
				 "longer than it should be");
	return 0;
}

int neff_header_read(struct neuron_neff_header *header, const void *bytes, size_t size,
		     struct neff_error *error)
{
	int rc = neff_header_parse(header, bytes, size, error);

	return rc ? rc : neff_header_check(header, error);
}

int neff_hash_check(const struct neuron_neff_header *header, const void *bytes,
		    struct neff_error *error)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];

	SHA256((const uint8_t *)bytes + sizeof(*header), header->data_size, digest);
	if (memcmp(digest, header->hash, sizeof(digest)))
		return neff_fail(error,
				 "NEFF hash mismatch: the body's SHA-256 starts with %02x%02x%02x%02x, the header says %02x%02x%02x%02x; the file is damaged, copy or compile it again",
				 digest[0], digest[1], digest[2], digest[3], header->hash[0],
				 header->hash[1], header->hash[2], header->hash[3]);
	return 0;
}

static const struct neff_limits defaults = { NEFF_MAX_BYTES, NEFF_MAX_MEMBERS };

int neff_unpack(const void *bytes, size_t size, const struct neff_limits *limits,
		struct neuron_neff_header *header, struct neff_body *body, struct neff_error *error)
{
	int rc = neff_header_parse(header, bytes, size, error);

	if (rc)
		return rc;
	rc = neff_body_read(body, (const uint8_t *)bytes + sizeof(*header), size - sizeof(*header),
			    limits ? limits : &defaults, error);
	if (rc == -ENOMEM)
		neff_fail(error, "out of host memory for a NEFF of %zu bytes", size);
	return rc;
}

static int open_body(struct neff *neff, const void *bytes, size_t size, unsigned int flags,
		     const struct neff_limits *limits, struct neff_error *error)
{
	int rc;

	rc = neff_header_read(&neff->header, bytes, size, error);
	if (!rc && flags & NEFF_VERIFY_HASH)
		rc = neff_hash_check(&neff->header, bytes, error);
	if (!rc)
		rc = neff_body_read(&neff->body, (const uint8_t *)bytes + sizeof(neff->header),
				    size - sizeof(neff->header), limits ? limits : &defaults,
				    error);
	if (!rc)
		rc = neff_graph_read(neff, error);
	return rc;
}

int neff_open(const void *bytes, size_t size, unsigned int flags, const struct neff_limits *limits,
	      struct neff **result, struct neff_error *error)
{
	struct neff *neff = calloc(1, sizeof(*neff));
	int rc = -ENOMEM;

	error->text[0] = 0;
	if (neff)
		rc = open_body(neff, bytes, size, flags, limits, error);
	if (rc == -ENOMEM)
		neff_fail(error, "out of host memory for a NEFF of %zu bytes", size);
	if (rc) {
		neff_close(neff);
		return rc;
	}
	*result = neff;
	return 0;
}

int neff_adopt(const struct neuron_neff_header *header, struct neff_body *body,
	       struct neff **result, struct neff_error *error)
{
	struct neff *neff = calloc(1, sizeof(*neff));
	int rc = neff ? neff_header_check(header, error) : -ENOMEM;

	if (!rc) {
		neff->header = *header;
		neff->body = *body;
		rc = neff_graph_read(neff, error);
	}
	if (rc == -ENOMEM)
		neff_fail(error, "out of host memory for the graph of a NEFF");
	if (!rc) {
		*result = neff;
		*body = (struct neff_body) { 0 };
		return 0;
	}
	if (neff)
		neff->body = (struct neff_body) { 0 };
	neff_close(neff);
	return rc;
}

void neff_close(struct neff *neff)
{
	if (!neff)
		return;
	neff_graph_free(neff);
	neff_body_free(&neff->body);
	free(neff);
}

const char *neff_engine_name(unsigned int engine)
{
	static const char *const name[NEURON_ENGINES] = { "pe", "act", "pool", "dma" };

	return engine < NEURON_ENGINES ? name[engine] : "?";
}

const char *neff_var_type_name(enum neff_var_type type)
{
	static const char *const name[] = { "input", "output", "file", "tmp-buf" };

	return name[type];
}
