// SPDX-License-Identifier: Apache-2.0
/*
 * Status codes: their names, and what they stand for.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <nrt/nrt_version.h>

#include "status.h"

/* neuron-ls finds this text in the library and so learns the version that a process uses. */
static const char nrt_marker[] __attribute__((used)) = "@(#)libnrt " NEURON_VERSION;

NRT_API const char *nrt_get_status_as_str(NRT_STATUS status)
{
	switch (status) {
#define NAME(code) case code: return #code
	NAME(NRT_SUCCESS);
	NAME(NRT_FAILURE);
	NAME(NRT_INVALID);
	NAME(NRT_INVALID_HANDLE);
	NAME(NRT_RESOURCE);
	NAME(NRT_TIMEOUT);
	NAME(NRT_HW_ERROR);
	NAME(NRT_QUEUE_FULL);
	NAME(NRT_LOAD_NOT_ENOUGH_NC);
	NAME(NRT_UNSUPPORTED_NEFF_VERSION);
	NAME(NRT_FAIL_HOST_MEM_ALLOC);
	NAME(NRT_UNINITIALIZED);
	NAME(NRT_CLOSED);
	NAME(NRT_EXEC_BAD_INPUT);
	NAME(NRT_EXEC_COMPLETED_WITH_NUM_ERR);
	NAME(NRT_EXEC_COMPLETED_WITH_ERR);
	NAME(NRT_EXEC_NC_BUSY);
#undef NAME
	}
	return "NRT_UNKNOWN_STATUS";
}

NRT_STATUS nrt_status_of(int error)
{
	switch (error) {
	case 0:
		return NRT_SUCCESS;
	case -EINVAL:
	case -ERANGE:
		return NRT_INVALID;
	case -ENOMEM:
	case -ENOSPC:
	case -EMFILE:
	case -ENFILE:
		return NRT_RESOURCE;
	case -ENOTSUP:
		return NRT_UNSUPPORTED_NEFF_VERSION;
	case -ETIMEDOUT:
		return NRT_TIMEOUT;
	case -EAGAIN:
		return NRT_QUEUE_FULL;
	case -EBUSY:
		return NRT_EXEC_NC_BUSY;
	case -EIO:
	case -EBADMSG:
	case -EREMOTEIO:
	case -ENODEV:
		return NRT_HW_ERROR;
	default:
		return NRT_FAILURE;
	}
}

NRT_API NRT_STATUS nrt_get_version(nrt_version_t *ver, size_t size)
{
	nrt_version_t v = { 0 };
	unsigned int major, minor, patch;

	if (!ver || !size)
		return NRT_INVALID;
	if (sscanf(NEURON_VERSION, "%u.%u.%u", &major, &minor, &patch) != 3)
		return NRT_FAILURE;
	v.rt_major = major;
	v.rt_minor = minor;
	v.rt_patch = patch;
	snprintf(v.rt_detail, sizeof(v.rt_detail), "%s", nrt_marker + strlen("@(#)"));
	memcpy(ver, &v, size < sizeof(v) ? size : sizeof(v));
	return NRT_SUCCESS;
}
