// SPDX-License-Identifier: Apache-2.0
/*
 * Calls of the ABI about what Inferentia 1 does not have: collectives, and microcode of the
 * Pool engine.
 */
#include <nrt/nrt_experimental.h>

#include "runtime.h"

NRT_API void *nrt_get_libnccl_net(int *err)
{
	NRT_STATUS status = nrt_check_state(__func__);

	if (!status) {
		nrt_err(NRT, "Inferentia 1 has no collectives, and so no network plug-in");
		status = NRT_FAILURE;
	}
	if (err)
		*err = status;
	return NULL;
}

static bool has_bytes(const nrt_ucode_img *image)
{
	return image->bin && image->size;
}

NRT_API NRT_STATUS nrt_set_pool_eng_ucode(const nrt_ucode_info *ucode_info)
{
	if (!ucode_info || !has_bytes(&ucode_info->iram) || !has_bytes(&ucode_info->dram)) {
		nrt_err(NRT, "ucode_info is NULL, or an image has no bytes");
		return NRT_INVALID;
	}
	nrt_err(NRT,
		"the Pool engine of Inferentia 1 has no microcode that could be replaced; the images are for NeuronCore v2 and later");
	return NRT_FAILURE;
}
