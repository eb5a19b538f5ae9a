/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/*
 * The fixed-width types of the contracts, for the kernel, for user space and for
 * bare-metal firmware, which has no linux/types.h.
 */
#ifndef _NEURON_TYPES_H
#define _NEURON_TYPES_H

#if defined(__KERNEL__) || defined(__linux__)
#include <linux/types.h>
#else
#define __u8	__UINT8_TYPE__
#define __u16	__UINT16_TYPE__
#define __u32	__UINT32_TYPE__
#define __u64	__UINT64_TYPE__
#define __s8	__INT8_TYPE__
#define __s16	__INT16_TYPE__
#define __s32	__INT32_TYPE__
#define __s64	__INT64_TYPE__
#endif

#endif
