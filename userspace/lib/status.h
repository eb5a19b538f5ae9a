/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From -errno to the status codes of the API.
 */
#ifndef NRT_STATUS_INTERNAL_H
#define NRT_STATUS_INTERNAL_H

#include <nrt/nrt_status.h>

#define NRT_API __attribute__((visibility("default")))

/* What a negative errno of the device or NEFF layer means to a caller of the API. */
NRT_STATUS nrt_status_of(int error);

#endif
