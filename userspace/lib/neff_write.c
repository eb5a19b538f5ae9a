// SPDX-License-Identifier: Apache-2.0
/*
 * NEFF writer: members to a body, and the header that goes with it. Byte for byte what
 * neuron-cc writes: no times, no owners, no padding to whole blocks of a tape.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>
#include <openssl/sha.h>

#include "neff.h"

/* The archive while it grows. */
struct sink {
	uint8_t *data;
	size_t n, room;
};

static la_ssize_t sink_write(struct archive *a, void *opaque, const void *data, size_t n)
{
	struct sink *s = opaque;

	if (n > s->room - s->n) {
		size_t room = s->room ? s->room : 65536;
		uint8_t *more;

		while (room - s->n < n)
			room *= 2;
		more = realloc(s->data, room);
		if (!more) {
			archive_set_error(a, ENOMEM, "out of memory");
			return ARCHIVE_FATAL;
		}
		s->data = more;
		s->room = room;
	}
	memcpy(s->data + s->n, data, n);
	s->n += n;
	return (la_ssize_t)n;
}

static int write_member(struct archive *a, const struct neff_member *m)
{
	struct archive_entry *e = archive_entry_new();
	int rc = -ENOMEM;

	if (!e)
		return rc;
	archive_entry_set_pathname(e, m->name);
	archive_entry_set_size(e, (la_int64_t)m->size);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_mtime(e, 0, 0);
	/* Beyond ASCII, the format's own encoding warns without a UTF-8 locale, but keeps the bytes. */
	if (archive_write_header(a, e) >= ARCHIVE_WARN &&
	    (!m->size || archive_write_data(a, m->data, m->size) == (la_ssize_t)m->size))
		rc = 0;
	archive_entry_free(e);
	return rc;
}

static int write_members(struct archive *a, const struct neff_body *body, struct sink *s)
{
	uint32_t i;
	int rc = 0;

	if (archive_write_open(a, s, NULL, sink_write, NULL) != ARCHIVE_OK)
		return -ENOMEM;
	for (i = 0; i < body->count && !rc; i++)
		rc = write_member(a, &body->members[i]);
	if (archive_write_close(a) != ARCHIVE_OK && !rc)
		rc = -ENOMEM;
	return rc;
}

int neff_body_write(const struct neff_body *body, bool plain, uint8_t **bytes, size_t *size)
{
	struct archive *a = archive_write_new();
	struct sink s = { 0 };
	int rc;

	if (!a)
		return -ENOMEM;
	archive_write_set_format_pax_restricted(a);
	archive_write_set_bytes_in_last_block(a, 1);
	if (!plain) {
		archive_write_add_filter_gzip(a);
		archive_write_set_filter_option(a, "gzip", "timestamp", NULL);
		archive_write_set_filter_option(a, "gzip", "compression-level", "1");
	}
	rc = write_members(a, body, &s);
	archive_write_free(a);
	if (rc) {
		free(s.data);
		return rc;
	}
	*bytes = s.data;
	*size = s.n;
	return 0;
}

void neff_header_seal(struct neuron_neff_header *header, const void *body, size_t size, bool uuid)
{
	header->header_size = sizeof(*header);
	header->data_size = size;
	SHA256(body, size, header->hash);
	if (uuid)
		memcpy(header->uuid, header->hash, sizeof(header->uuid));
}
