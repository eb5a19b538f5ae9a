// SPDX-License-Identifier: Apache-2.0
/*
 * NEURON_PROFILE: names of files, and the NEFF beside the profiles of it.
 */
#include <ctype.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "neff.h"
#include "profile_env.h"

#define NAME_CHARS 64

static _Atomic unsigned int number;

/* "net-0123abcd" of a model: what is in a name may not be in a file's. */
static void stem(const struct neff *neff, char *out, size_t size)
{
	const uint8_t *id = neff->header.uuid;
	char name[NAME_CHARS + 1];
	size_t i;

	for (i = 0; i < NAME_CHARS && neff->name[i]; i++) {
		unsigned char c = neff->name[i];

		name[i] = isalnum(c) || c == '-' || c == '_' ? c : '_';
	}
	name[i] = 0;
	snprintf(out, size, "%s-%02x%02x%02x%02x", *name ? name : "model", id[0], id[1], id[2],
		 id[3]);
}

/* Under another name first: several processes may profile one model. */
static int save(const char *path, const void *bytes, size_t size)
{
	char part[4096];
	FILE *f;
	bool good;

	if (!access(path, R_OK))
		return 0;
	if ((size_t)snprintf(part, sizeof(part), "%s.%d", path, getpid()) >= sizeof(part))
		return -ENAMETOOLONG;
	f = fopen(part, "wbe");
	if (!f)
		return -errno;
	good = fwrite(bytes, size, 1, f) == 1;
	good &= !fclose(f);
	if (good && !rename(part, path))
		return 0;
	unlink(part);
	return -EIO;
}

char *nrt_profile_env_name(const struct neff *neff, const void *bytes, size_t size)
{
	const char *folder = getenv("NEURON_PROFILE");
	char name[NAME_CHARS + 16], path[4000], *result = NULL;
	int rc = 0;

	if (!folder || !*folder)
		return NULL;
	stem(neff, name, sizeof(name));
	if (mkdir(folder, 0777) && errno != EEXIST)
		rc = -errno;
	if (!rc && (size_t)snprintf(path, sizeof(path), "%s/%s.neff", folder, name) >= sizeof(path))
		rc = -ENAMETOOLONG;
	if (!rc)
		rc = save(path, bytes, size);
	if (!rc && asprintf(&result, "%s/%s-%d-%u.ntff", folder, name, getpid(),
			    atomic_fetch_add(&number, 1)) < 0) {
		rc = -ENOMEM;
		result = NULL;
	}
	if (rc)
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, "nrt_load",
			"NEURON_PROFILE: cannot write to %s: %s", folder, strerror(-rc));
	return result;
}
