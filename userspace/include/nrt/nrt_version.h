/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Version of libnrt.
 */
#ifndef NRT_NRT_VERSION_H
#define NRT_NRT_VERSION_H

#include <stddef.h>
#include <stdint.h>
#include <nrt/nrt_status.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RT_VERSION_DETAIL_LEN	128
#define GIT_HASH_LEN		64

/**
 * struct nrt_version - version of the library
 * @rt_major, @rt_minor, @rt_patch, @rt_maintenance: numbers of this implementation
 * @rt_detail: NUL-terminated text
 * @git_hash: NUL-terminated, may be empty
 */
typedef struct nrt_version {
	uint64_t rt_major;
	uint64_t rt_minor;
	uint64_t rt_patch;
	uint64_t rt_maintenance;
	char rt_detail[RT_VERSION_DETAIL_LEN];
	char git_hash[GIT_HASH_LEN];
} nrt_version_t;

/**
 * nrt_get_version - version of the library
 * @ver: out; the first @size bytes of it are written
 * @size: sizeof(nrt_version_t) as the caller knows it
 *
 * May be called before nrt_init(). NRT_INVALID: @ver is NULL or @size is 0.
 */
NRT_STATUS nrt_get_version(nrt_version_t *ver, size_t size);

#ifdef __cplusplus
}
#endif

#endif
