// SPDX-License-Identifier: Apache-2.0
/*
 * Inputs of failed executions, as files that first_app and others can read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dump_inputs.h"

static atomic_uint dumps;

static int write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			data += n;
			size -= n;
		}
	}
	return 0;
}

static int write_file(const char *folder, const char *name, const void *data, size_t size)
{
	char path[512], *p;
	int fd, rc;

	snprintf(path, sizeof(path), "%s/%s.bin", folder, name);
	for (p = path + strlen(folder) + 1; *p; p++)
		if (*p == '/')
			*p = '_';
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	rc = write_all(fd, data, size);
	if (close(fd) && !rc)
		rc = -errno;
	return rc;
}

static int write_tensor(const char *folder, const char *name, const struct nrt_tensor *tensor)
{
	void *data = malloc(tensor->size ? tensor->size : 1);
	int rc = data ? 0 : -ENOMEM;

	if (!rc && tensor->size)
		rc = nrt_tensor_fetch(tensor, data);
	if (!rc)
		rc = write_file(folder, name, data, tensor->size);
	free(data);
	return rc;
}

void nrt_dump_inputs(const struct nrt_model *m, const struct nrt_set *inputs, NRT_STATUS status)
{
	const struct neff *neff = m->neff;
	unsigned int n;
	char folder[64];
	uint32_t i;
	int rc = 0;

	if (!status || (nrt_runtime.dump_inputs != NRT_DUMP_ALWAYS &&
			nrt_runtime.dump_inputs != (int)status))
		return;
	n = atomic_fetch_add(&dumps, 1);
	if (n >= NRT_DUMPS_MAX)
		return;
	snprintf(folder, sizeof(folder), "neuron-inputs-%d-%u", getpid(), n);
	if (mkdir(folder, 0700))
		rc = -errno;
	for (i = 0; !rc && i < neff->input_count; i++) {
		const struct nrt_tensor *t = nrt_set_find(inputs, neff->tensors[i].name);

		if (t && t->storage)
			rc = write_tensor(folder, neff->tensors[i].name, t);
	}
	if (rc)
		nrt_log_more(NRT_LOG_NMGR, __func__, "cannot write the inputs of %s to %s: %s",
			     neff->name, folder, strerror(-rc));
	else
		nrt_log_more(NRT_LOG_NMGR, __func__,
			     "the inputs of %s, which ended with %s, are in %s", neff->name,
			     nrt_get_status_as_str(status), folder);
}
