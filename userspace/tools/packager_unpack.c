// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-packager unpack: members to files. Nothing is created outside of the directory,
 * whatever the members are called and whatever is in the directory already.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "neff_json.h"
#include "packager.h"

/* Where is unpacked to. */
struct target {
	const char *path;
	int fd;
};

static int write_all(int fd, const void *data, size_t size)
{
	const char *p = data;

	while (size) {
		ssize_t n = write(fd, p, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

/* Directory of the member, made if needed, links not followed; *@name is what is left. */
static int open_parent(int dir, const char **name)
{
	char part[NEFF_MAX_NAME + 1];
	const char *slash;
	int next, err;

	dir = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	while (dir >= 0 && (slash = strchr(*name, '/'))) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - *name), *name);
		if (mkdirat(dir, part, 0777) && errno != EEXIST)
			next = -1;
		else
			next = openat(dir, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		err = errno;
		close(dir);
		errno = err;
		dir = next;
		*name = slash + 1;
	}
	return dir < 0 ? -errno : dir;
}

static int write_member(int dir, const char *name, const void *data, size_t size)
{
	int parent = open_parent(dir, &name), fd, rc;

	if (parent < 0)
		return parent;
	unlinkat(parent, name, 0);
	fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	rc = fd < 0 ? -errno : write_all(fd, data, size);
	if (fd >= 0 && close(fd) && !rc)
		rc = -errno;
	close(parent);
	return rc;
}

static int write_file(const struct target *t, const char *name, const void *data, size_t size)
{
	int rc = write_member(t->fd, name, data, size);

	if (!rc)
		return EXIT_OK;
	cli_error("%s/%s: %s; what was unpacked before it is still there", t->path, name,
		  strerror(-rc));
	return EXIT_FAILED;
}

static json_t *manifest_json(const struct packager_file *f)
{
	const struct neff_body *body = packager_body(f);
	json_t *members = json_array();
	uint32_t i;

	for (i = 0; i < body->count; i++)
		json_array_append_new(members, neff_json_text(body->members[i].name, NEFF_MAX_NAME));
	return json_pack("{s:o, s:b, s:o, s:o}", "header", neff_json_header(&f->header), "compressed",
			 packager_compressed(f), "members", members, "raw",
			 neff_json_hex((const uint8_t *)&f->header, sizeof(f->header)));
}

static int write_manifest(const struct target *t, const struct packager_file *f)
{
	json_t *root = manifest_json(f);
	char *text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
	int rc = EXIT_FAILED;

	if (text)
		rc = write_file(t, PACKAGER_MANIFEST, text, strlen(text));
	else
		cli_error("%s: out of memory", f->path);
	free(text);
	json_decref(root);
	return rc;
}

/* "model.neff" to "model", in the current directory. */
static void default_directory(const char *path, char *name, size_t size)
{
	const char *base = strrchr(path, '/');
	size_t n;

	base = base ? base + 1 : path;
	n = strlen(base);
	if (n > 5 && !strcmp(base + n - 5, ".neff"))
		snprintf(name, size, "%.*s", (int)(n - 5), base);
	else
		snprintf(name, size, "%s.unpacked", base);
}

static int open_directory(struct target *t, bool force)
{
	if (mkdir(t->path, 0777) && (errno != EEXIST || !force)) {
		if (errno == EEXIST)
			cli_error("%s: exists; name another directory, or overwrite files in it with --force",
				  t->path);
		else
			cli_error("%s: %s", t->path, strerror(errno));
		return EXIT_FAILED;
	}
	t->fd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->fd >= 0)
		return EXIT_OK;
	cli_error("%s: %s", t->path, strerror(errno));
	return EXIT_FAILED;
}

static int unpack_to(struct target *t, const struct packager_file *f)
{
	const struct neff_body *body = packager_body(f);
	uint32_t i;
	int rc = write_manifest(t, f);

	for (i = 0; i < body->count && !rc; i++)
		rc = write_file(t, body->members[i].name, body->members[i].data,
				body->members[i].size);
	if (rc)
		return rc;
	printf("%s: %u members in %s\n", f->path, body->count, t->path);
	if (!f->neff)
		printf("It cannot be loaded here: %s\n", f->refused.text);
	return cli_finish();
}

static int unpack_file(const struct packager_file *f, const struct packager_options *o)
{
	char directory[4096];
	struct target t = { o->to, -1 };
	int rc;

	if (neff_body_find(packager_body(f), PACKAGER_MANIFEST)) {
		cli_error("%s: has a member %s, where its header should go; 'tail -c +1025 %s | tar x' unpacks it",
			  f->path, PACKAGER_MANIFEST, f->path);
		return EXIT_FAILED;
	}
	if (!t.path) {
		default_directory(f->path, directory, sizeof(directory));
		t.path = directory;
	}
	rc = open_directory(&t, o->force);
	if (rc)
		return rc;
	rc = unpack_to(&t, f);
	close(t.fd);
	return rc;
}

int packager_unpack(const struct packager_options *o)
{
	struct packager_file f;
	int rc = packager_open(&f, o->from, &o->limits);

	if (!rc)
		rc = unpack_file(&f, o);
	packager_close(&f);
	return rc;
}
