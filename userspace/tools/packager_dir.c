// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-packager: the files of a directory as members. Links are not followed: what is packed
 * is what is in the directory.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "packager.h"
#include "packager_dir.h"

/**
 * struct walk - how far the directory has been read
 * @name: of the current directory, relative to @top, with a slash at its end unless empty
 * @left: bytes
 */
struct walk {
	const char *top;
	char name[NEFF_MAX_NAME + 1];
	const struct neff_limits *limits;
	uint64_t left;
	struct neff_body *body;
};

static int fail(const struct walk *w, const char *name, const char *why)
{
	cli_error("%s/%s%s: %s", w->top, w->name, name, why);
	return EXIT_FAILED;
}

static int read_all(int fd, uint8_t *data, size_t size)
{
	size_t at = 0;

	while (at < size) {
		ssize_t n = read(fd, data + at, size - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		at += (size_t)n;
	}
	return 0;
}

static struct neff_member *new_member(struct walk *w, const char *name)
{
	struct neff_member *m = realloc(w->body->members, (w->body->count + 1) * sizeof(*m));
	char path[2 * NEFF_MAX_NAME + 2];

	if (!m)
		return NULL;
	w->body->members = m;
	m += w->body->count;
	snprintf(path, sizeof(path), "%s%s", w->name, name);
	*m = (struct neff_member) { .name = strdup(path) };
	if (!m->name)
		return NULL;
	w->body->count++;
	return m;
}

static int add_file(struct walk *w, int fd, const char *name, size_t size)
{
	struct neff_member *m;
	int rc;

	if (w->body->count == w->limits->members)
		return fail(w, name, "more files than a NEFF may have (--max-members)");
	if (size > w->left)
		return fail(w, name, "with it there are more bytes than a NEFF may have (--max-size)");
	w->left -= size;
	m = new_member(w, name);
	if (m)
		m->data = malloc(size + 1);
	if (!m || !m->data)
		return fail(w, name, "out of memory");
	m->size = size;
	rc = read_all(fd, m->data, size);
	return rc ? fail(w, name, rc == -EIO ? "became shorter while it was read" : strerror(-rc)) : 0;
}

static int read_directory(struct walk *w, int fd);

static int enter(struct walk *w, int fd, const char *name)
{
	size_t n = strlen(w->name), m = strlen(name);
	int rc;

	if (n + m + 1 > NEFF_MAX_NAME)
		return fail(w, name, "the name is longer than 255 bytes");
	snprintf(w->name + n, sizeof(w->name) - n, "%.*s/", (int)m, name);
	rc = read_directory(w, fd);
	w->name[n] = 0;
	return rc;
}

static bool printable(const char *text)
{
	while (*text && (unsigned char)*text >= 0x20 && *text != 0x7f)
		text++;
	return !*text;
}

static int add_entry(struct walk *w, int dir, const char *name)
{
	struct stat st;
	int fd, rc;

	if (!printable(name))
		return fail(w, "?", "a name has control characters; rename the file");
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return fail(w, name, errno == ELOOP ? "a symbolic link; put the file itself there" :
			    strerror(errno));
	if (fstat(fd, &st))
		rc = fail(w, name, strerror(errno));
	else if (S_ISDIR(st.st_mode))
		return enter(w, fd, name);
	else if (!S_ISREG(st.st_mode))
		rc = fail(w, name, "neither a file nor a directory; remove it");
	else if (strlen(w->name) + strlen(name) > NEFF_MAX_NAME)
		rc = fail(w, name, "the name is longer than 255 bytes");
	else
		rc = add_file(w, fd, name, (size_t)st.st_size);
	close(fd);
	return rc;
}

/* Closes @fd. */
static int read_directory(struct walk *w, int fd)
{
	DIR *d = fdopendir(fd);
	struct dirent *e;
	int rc = EXIT_OK;

	if (!d) {
		close(fd);
		return fail(w, "", strerror(errno));
	}
	while (!rc && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    (!*w->name && !strcmp(e->d_name, PACKAGER_MANIFEST)))
			continue;
		rc = add_entry(w, dirfd(d), e->d_name);
	}
	closedir(d);
	return rc;
}

int packager_dir_read(const char *path, const struct neff_limits *limits, struct neff_body *body)
{
	struct walk w = { .top = path, .limits = limits, .left = limits->bytes, .body = body };
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd < 0) {
		cli_error("%s: %s%s", path, strerror(errno),
			  errno == ENOTDIR ? "; 'neuron-packager unpack' makes one of a NEFF" : "");
		return EXIT_FAILED;
	}
	rc = read_directory(&w, fd);
	if (!rc && !body->count) {
		cli_error("%s: no files to pack", path);
		rc = EXIT_FAILED;
	}
	return rc;
}

static int by_name(const void *a, const void *b)
{
	const struct neff_member *x = a, *y = b;
	bool first = !strcmp(x->name, "neff.json"), second = !strcmp(y->name, "neff.json");

	return first != second ? second - first : strcmp(x->name, y->name);
}

void packager_dir_sort(struct neff_body *body, json_t *order)
{
	json_t *value;
	uint32_t at = 0, k;
	size_t i;

	qsort(body->members, body->count, sizeof(*body->members), by_name);
	json_array_foreach(order, i, value) {
		const char *name = json_string_value(value);
		struct neff_member m;

		for (k = at; name && k < body->count && strcmp(body->members[k].name, name); k++)
			;
		if (!name || k >= body->count)
			continue;
		m = body->members[k];
		memmove(&body->members[at + 1], &body->members[at], (k - at) * sizeof(m));
		body->members[at++] = m;
	}
}
