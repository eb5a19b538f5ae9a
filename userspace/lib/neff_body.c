// SPDX-License-Identifier: Apache-2.0
/*
 * NEFF body: a tar archive, unpacked into memory within limits.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include "neff.h"

#define FIRST_BUFFER	(64u << 10)

/* A part of a path that is the name of something. */
static bool good_part(const char *part, size_t n)
{
	return n && !(n == 1 && part[0] == '.') && !(n == 2 && part[0] == '.' && part[1] == '.');
}

/* A relative path without "..", of printable characters: safe to print, compare and create. */
static int check_name(const char *name, struct neff_error *error)
{
	const char *p;

	if (!name || !*name || strlen(name) > NEFF_MAX_NAME)
		return neff_fail(error, "NEFF body has a member with an empty or overlong name");
	for (p = name; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return neff_fail(error,
					 "NEFF body has a member with a control character in its name");
	p = name;
	do {
		size_t n = strcspn(p, "/");

		if (!good_part(p, n))
			return neff_fail(error, "NEFF body has a member outside of it: %s", name);
		p += n;
	} while (*p++);
	return 0;
}

const struct neff_member *neff_body_find(const struct neff_body *body, const char *name)
{
	uint32_t i;

	for (i = 0; i < body->count; i++)
		if (!strcmp(body->members[i].name, name))
			return &body->members[i];
	return NULL;
}

/* Give back what growing left over. */
static int shrink(struct neff_member *m)
{
	uint8_t *data = realloc(m->data, m->size ? m->size : 1);

	if (!data)
		return -ENOMEM;
	m->data = data;
	return 0;
}

/*
 * Read a member's data. The buffer grows with what really arrives: the size in a tar
 * header is only a claim.
 */
static int read_data(struct archive *a, struct neff_member *m, uint64_t *left,
		     const struct neff_limits *limits, struct neff_error *error)
{
	size_t room = 0;

	for (;;) {
		la_ssize_t n;

		if (m->size == room) {
			uint8_t *data;

			room = room ? room * 2 : FIRST_BUFFER;
			data = realloc(m->data, room);
			if (!data)
				return -ENOMEM;
			m->data = data;
		}
		n = archive_read_data(a, m->data + m->size, room - m->size);
		if (n < 0)
			return neff_fail(error, "Failed to untar: %s: %s", m->name,
					 archive_error_string(a));
		if (!n)
			break;
		if ((uint64_t)n > *left)
			return neff_fail(error,
					 "NEFF body unpacks to more than %" PRIu64 " bytes, at member %s",
					 limits->bytes, m->name);
		*left -= n;
		m->size += n;
	}
	return shrink(m);
}

static int add_member(struct neff_body *body, struct archive *a, struct archive_entry *entry,
		      uint64_t *left, const struct neff_limits *limits, struct neff_error *error)
{
	const char *name = archive_entry_pathname(entry);
	struct neff_member *m;
	int rc;

	while (name && !strncmp(name, "./", 2))
		name += 2;
	if (archive_entry_filetype(entry) == AE_IFDIR)
		return 0;
	rc = check_name(name, error);
	if (rc)
		return rc;
	if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
		return neff_fail(error, "NEFF body has a member that is not a plain file: %s", name);
	if (neff_body_find(body, name))
		return neff_fail(error, "NEFF body has two members %s", name);
	if (body->count == limits->members)
		return neff_fail(error, "NEFF body has more than %u members", limits->members);
	m = realloc(body->members, (body->count + 1) * sizeof(*m));
	if (!m)
		return -ENOMEM;
	body->members = m;
	m += body->count;
	*m = (struct neff_member) { .name = strdup(name) };
	if (!m->name)
		return -ENOMEM;
	body->count++;
	return read_data(a, m, left, limits, error);
}

static int read_members(struct neff_body *body, struct archive *a, const struct neff_limits *limits,
			struct neff_error *error)
{
	uint64_t left = limits->bytes;
	struct archive_entry *entry;
	uint32_t headers = 0;
	int rc;

	for (;;) {
		rc = archive_read_next_header(a, &entry);
		if (rc == ARCHIVE_EOF)
			break;
		if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
			return neff_fail(error, "Failed to untar: %s", archive_error_string(a));
		if (++headers > 2 * limits->members)
			return neff_fail(error, "NEFF body has more than %u members",
					 limits->members);
		rc = add_member(body, a, entry, &left, limits, error);
		if (rc)
			return rc;
	}
	return body->count ? 0 : neff_fail(error, "Failed to untar: NEFF body has no members");
}

int neff_body_read(struct neff_body *body, const void *bytes, size_t size,
		   const struct neff_limits *limits, struct neff_error *error)
{
	struct archive *a = archive_read_new();
	int rc = -ENOMEM;

	if (!a)
		return rc;
	if (archive_read_support_filter_gzip(a) == ARCHIVE_OK &&
	    archive_read_support_format_tar(a) == ARCHIVE_OK) {
		if (archive_read_open_memory(a, bytes, size) == ARCHIVE_OK)
			rc = read_members(body, a, limits, error);
		else
			rc = neff_fail(error, "Failed to untar: %s", archive_error_string(a));
	}
	archive_read_free(a);
	return rc;
}

void neff_body_free(struct neff_body *body)
{
	uint32_t i;

	for (i = 0; i < body->count; i++) {
		free(body->members[i].name);
		free(body->members[i].data);
	}
	free(body->members);
	*body = (struct neff_body) { 0 };
}
