// SPDX-License-Identifier: Apache-2.0
/*
 * Contents of initializers that are in files beside the model ("external data").
 *
 * A model may come from anywhere and names files of its choice, whose contents end up in the
 * NEFF. So only regular files below the model's own directory are opened, component by
 * component and never through a symbolic link.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "onnx_external.h"

#define PATH_LIMIT	4096

struct ncc_external {
	const char *location;
	struct ncc_bytes bytes;
	struct ncc_external *next;
};

/* What the entries of a TensorProto's external_data say; NULL: nothing. */
struct entries {
	const char *location, *offset, *length;
};

#define for_each_field(w, f, err) \
	while (((err) = ncc_wire_next(&(w), &(f))) == 1)

static const char *text(struct ncc_context *ctx, const struct ncc_wire *w)
{
	return ncc_strndup(&ctx->arena, (const char *)w->at, ncc_wire_size(w));
}

static int read_entry(struct ncc_context *ctx, struct ncc_wire w, struct entries *e)
{
	const char *key = "", *value = "";
	struct ncc_wire_field f;
	int err;

	for_each_field(w, f, err) {
		if (f.type != NCC_WIRE_BYTES || f.number > 2)
			continue;
		/* A path that ends early for us must not be another one for somebody else. */
		if (!ncc_wire_is_text(&f.bytes) || memchr(f.bytes.at, 0, ncc_wire_size(&f.bytes)))
			return -EBADMSG;
		if (f.number == 1)
			key = text(ctx, &f.bytes);
		else
			value = text(ctx, &f.bytes);
	}
	if (!strcmp(key, "location"))
		e->location = value;
	else if (!strcmp(key, "offset"))
		e->offset = value;
	else if (!strcmp(key, "length"))
		e->length = value;
	return err;
}

static int bad_path(struct ncc_context *ctx, const char *name, const char *location, const char *why)
{
	return ncc_error(ctx, "initializer '%s' has its data in the file '%s', which %s: only regular files "
			 "in the model's own directory, or below it, are read; put the file beside the model, "
			 "or store the model in one file (onnx.save with save_as_external_data=False)",
			 name, location, why);
}

/* Opens one component after the other. Returns the file, or -errno. */
static int open_below(int dir, char *path)
{
	char *save = NULL, *part = strtok_r(path, "/", &save), *next;

	for (; part; part = next) {
		int fd;

		next = strtok_r(NULL, "/", &save);
		fd = openat(dir, part, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
			    (next ? O_DIRECTORY : 0));
		close(dir);
		if (fd < 0)
			return -errno;
		dir = fd;
	}
	return dir;
}

static int open_file(struct ncc_context *ctx, const char *name, const char *location)
{
	const char *model = ctx->options->model, *slash = strrchr(model, '/');
	char *path = ncc_strndup(&ctx->arena, location, strlen(location));
	int dir, fd;

	if (*location == '/')
		return bad_path(ctx, name, location, "is an absolute path");
	for (const char *at = location; *at; at += strspn(at, "/")) {
		size_t n = strcspn(at, "/");

		if (n == 2 && !strncmp(at, "..", 2))
			return bad_path(ctx, name, location, "has '..' in its path");
		at += n;
	}
	if (strlen(location) >= PATH_LIMIT)
		return bad_path(ctx, name, "...", "has too long a name");
	dir = open(slash ? ncc_strndup(&ctx->arena, model, (size_t)(slash - model) + 1) : ".",
		   O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	if (dir < 0)
		return ncc_error(ctx, "cannot open the directory of the model: %s", strerror(errno));
	fd = open_below(dir, path);
	if (fd == -ELOOP)
		return bad_path(ctx, name, location, "is a symbolic link");
	if (fd < 0)
		return bad_path(ctx, name, location, ncc_printf(&ctx->arena, "cannot be opened (%s)",
								strerror(-fd)));
	return fd;
}

static int map_file(struct ncc_context *ctx, const char *name, const char *location,
		    struct ncc_bytes *bytes)
{
	struct ncc_external *e;
	struct stat st;
	void *data = NULL;
	int fd;

	for (e = ctx->external; e; e = e->next)
		if (!strcmp(e->location, location)) {
			*bytes = e->bytes;
			return 0;
		}
	fd = open_file(ctx, name, location);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return bad_path(ctx, name, location, "is not a regular file");
	}
	e = ncc_alloc(&ctx->arena, sizeof(*e));
	if (st.st_size)
		data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (data == MAP_FAILED)
		return bad_path(ctx, name, location, "cannot be mapped into memory");
	*e = (struct ncc_external){ .location = location, .next = ctx->external };
	e->bytes = (struct ncc_bytes){ .at = data, .n = (size_t)st.st_size };
	ctx->external = e;
	*bytes = e->bytes;
	ctx->size += e->bytes.n;
	ctx->arena.limit = ncc_arena_limit(ctx->size);
	return 0;
}

/* A decimal number; absent: @otherwise. */
static int number(struct ncc_context *ctx, const char *name, const char *what, const char *value,
		  uint64_t otherwise, uint64_t *out)
{
	char *end;

	*out = otherwise;
	if (!value)
		return 0;
	errno = 0;
	*out = strtoull(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || errno)
		return ncc_error(ctx, "initializer '%s' has its data in another file, at %s '%s', which is no "
				 "number of bytes; write the model again", name, what, value);
	return 0;
}

int ncc_external_data(struct ncc_context *ctx, const char *name, struct ncc_wire tensor,
		      size_t size, struct ncc_bytes *data)
{
	struct entries e = { 0 };
	struct ncc_bytes file = { 0 };
	struct ncc_wire_field f;
	uint64_t offset, length;
	int err;

	for_each_field(tensor, f, err)
		if (f.number == 13 && f.type == NCC_WIRE_BYTES && read_entry(ctx, f.bytes, &e))
			return ncc_error(ctx, "initializer '%s' has its data in another file, but what says "
					 "where is damaged", name);
	if (!e.location || !*e.location)
		return ncc_error(ctx, "initializer '%s' has its data in another file, but no location says in "
				 "which; write the model again", name);
	if (number(ctx, name, "offset", e.offset, 0, &offset) ||
	    number(ctx, name, "length", e.length, size, &length))
		return -EINVAL;
	if (length != size)
		return ncc_error(ctx, "initializer '%s' has %" PRIu64 " bytes of data in the file '%s', but its "
				 "shape and type need %zu", name, length, e.location, size);
	err = map_file(ctx, name, e.location, &file);
	if (err)
		return err;
	if (offset > file.n || size > file.n - offset)
		return ncc_error(ctx, "initializer '%s' has %zu bytes of data at offset %" PRIu64 " of the file "
				 "'%s', which has only %zu; check that the file is complete", name, size,
				 offset, e.location, file.n);
	*data = (struct ncc_bytes){ .at = file.n ? file.at + offset : NULL, .n = size };
	return 0;
}

bool ncc_external_has(const struct ncc_context *ctx, const uint8_t *at)
{
	for (const struct ncc_external *e = ctx->external; e; e = e->next)
		if (e->bytes.at && at >= e->bytes.at && at < e->bytes.at + e->bytes.n)
			return true;
	return false;
}

void ncc_external_close(struct ncc_context *ctx)
{
	for (struct ncc_external *e = ctx->external; e; e = e->next)
		if (e->bytes.at)
			munmap((void *)e->bytes.at, e->bytes.n);
	ctx->external = NULL;
}
