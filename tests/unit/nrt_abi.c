// SPDX-License-Identifier: Apache-2.0
/*
 * The ABI of libnrt against that of the Inf1-era runtime, written down a second time from its
 * documentation: prototypes (one that differs does not compile), values, layouts. That
 * the library exports these names is seen by tests/cli/test_libnrt.py, which reads this file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <nrt/nrt.h>
#include <nrt/nrt_experimental.h>
#include <nrt/nrt_profile.h>
#include <nrt/nrt_open.h>

/* documented: */
NRT_STATUS nrt_init(nrt_framework_type_t framework, const char *fw_version,
		    const char *fal_version);
void nrt_close(void);
NRT_STATUS nrt_load(const void *neff_bytes, size_t size, int32_t start_nc, int32_t nc_count,
		    nrt_model_t **model);
NRT_STATUS nrt_load_collectives(const void *neff_bytes, size_t size, int32_t start_nc,
				int32_t nc_count, uint32_t g_device_id, uint32_t g_device_count,
				nrt_model_t **model);
NRT_STATUS nrt_unload(nrt_model_t *model);
NRT_STATUS nrt_get_model_nc_count(const nrt_model_t *model, uint32_t *nc_count);
NRT_STATUS nrt_get_total_nc_count(uint32_t *nc_count);
NRT_STATUS nrt_get_visible_nc_count(uint32_t *nc_count);
NRT_STATUS nrt_allocate_tensor_set(nrt_tensor_set_t **result);
void nrt_destroy_tensor_set(nrt_tensor_set_t **tensor_set);
NRT_STATUS nrt_add_tensor_to_tensor_set(nrt_tensor_set_t *tensor_set, const char *tensor_name,
					nrt_tensor_t *tensor);
NRT_STATUS nrt_get_tensor_from_tensor_set(nrt_tensor_set_t *tensor_set, const char *tensor_name,
					  nrt_tensor_t **tensor);
NRT_STATUS nrt_execute(nrt_model_t *model, const nrt_tensor_set_t *input_set,
		       nrt_tensor_set_t *output_set);
NRT_STATUS nrt_execute_repeat(nrt_model_t *model, const nrt_tensor_set_t *input_set,
			      nrt_tensor_set_t *output_set, int repeat_count);
NRT_STATUS nrt_tensor_allocate(nrt_tensor_placement_t tensor_placement, int logical_nc_id,
			       size_t size, const char *name, nrt_tensor_t **tensor);
void nrt_tensor_free(nrt_tensor_t **tensor);
NRT_STATUS nrt_tensor_read(const nrt_tensor_t *tensor, void *buf, size_t offset, size_t size);
NRT_STATUS nrt_tensor_write(nrt_tensor_t *tensor, const void *buf, size_t offset, size_t size);
NRT_STATUS nrt_tensor_copy(const nrt_tensor_t *src, size_t src_offset, nrt_tensor_t *dst,
			   size_t dst_offset, size_t size);
size_t nrt_tensor_get_size(const nrt_tensor_t *tensor);
NRT_STATUS nrt_tensor_memset(nrt_tensor_t *tensor, uint64_t offset, int value, size_t size);
NRT_STATUS nrt_tensor_allocate_empty(const char *name, nrt_tensor_t **tensor);
NRT_STATUS nrt_tensor_attach_buffer(nrt_tensor_t *tensor, void *buffer, size_t size);
NRT_STATUS nrt_tensor_allocate_slice(const nrt_tensor_t *tensor_source, size_t offset, size_t size,
				     const char *name, nrt_tensor_t **tensor_slice);
void *nrt_tensor_get_va(const nrt_tensor_t *tensor);
NRT_STATUS nrt_get_model_tensor_info(nrt_model_t *model, nrt_tensor_info_array_t **tensor_info);
NRT_STATUS nrt_get_model_instance_count(nrt_model_t *model, uint32_t *instance_count);
NRT_STATUS nrt_free_model_tensor_info(nrt_tensor_info_array_t *tensor_info);
void *nrt_get_libnccl_net(int *err);
NRT_STATUS nrt_set_pool_eng_ucode(const nrt_ucode_info *ucode_info);
NRT_STATUS nrt_memcpy_to_device(void *dest, const void *src, size_t size);
NRT_STATUS nrt_get_version(nrt_version_t *ver, size_t size);
NRT_STATUS nrt_profile_start(nrt_model_t *model, const char *filename);
NRT_STATUS nrt_profile_stop(const char *filename);
NRT_STATUS nrt_trace_start(bool trace_mem);
NRT_STATUS nrt_trace_stop(const char *filename);
/* end of documented */

struct value {
	const char *name;
	long value, documented;
};

#define VALUE(name, documented) { #name, name, documented }

static void check(const struct value *values, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (values[i].value != values[i].documented)
			fail_msg("%s is %ld, documented is %ld", values[i].name, values[i].value,
				 values[i].documented);
}

#define CHECK(values) check(values, sizeof(values) / sizeof((values)[0]))

static void status_codes(void **state)
{
	static const struct value values[] = {
		VALUE(NRT_SUCCESS, 0), VALUE(NRT_FAILURE, 1), VALUE(NRT_INVALID, 2),
		VALUE(NRT_INVALID_HANDLE, 3), VALUE(NRT_RESOURCE, 4), VALUE(NRT_TIMEOUT, 5),
		VALUE(NRT_HW_ERROR, 6), VALUE(NRT_QUEUE_FULL, 7), VALUE(NRT_LOAD_NOT_ENOUGH_NC, 9),
		VALUE(NRT_UNSUPPORTED_NEFF_VERSION, 10), VALUE(NRT_FAIL_HOST_MEM_ALLOC, 11),
		VALUE(NRT_UNINITIALIZED, 13), VALUE(NRT_CLOSED, 14), VALUE(NRT_EXEC_BAD_INPUT, 1002),
		VALUE(NRT_EXEC_COMPLETED_WITH_NUM_ERR, 1003),
		VALUE(NRT_EXEC_COMPLETED_WITH_ERR, 1004), VALUE(NRT_EXEC_NC_BUSY, 1005),
	};
	size_t i;

	CHECK(values);
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_string_equal(nrt_get_status_as_str(values[i].documented), values[i].name);
	assert_string_equal(nrt_get_status_as_str(4711), "NRT_UNKNOWN_STATUS");
}

static void enumerations(void **state)
{
	static const struct value values[] = {
		VALUE(NRT_TENSOR_PLACEMENT_DEVICE, 0), VALUE(NRT_TENSOR_PLACEMENT_HOST, 1),
		VALUE(NRT_TENSOR_PLACEMENT_VIRTUAL, 2), VALUE(NRT_FRAMEWORK_TYPE_INVALID, 0),
		VALUE(NRT_FRAMEWORK_TYPE_NO_FW, 1), VALUE(NRT_FRAMEWORK_TYPE_TENSORFLOW, 2),
		VALUE(NRT_FRAMEWORK_TYPE_PYTORCH, 3), VALUE(NRT_FRAMEWORK_TYPE_MXNET, 4),
		VALUE(NRT_FRAMEWORK_TYPE_PRECHECK, 5), VALUE(NRT_TENSOR_USAGE_INPUT, 0),
		VALUE(NRT_TENSOR_USAGE_OUTPUT, 1),
	};
	/* In the numbers of the Inf1 era, which are sequential. */
	static const struct value types[] = {
		VALUE(NRT_DTYPE_UNKNOWN, 0), VALUE(NRT_DTYPE_FLOAT32, 1),
		VALUE(NRT_DTYPE_FLOAT16, 2), VALUE(NRT_DTYPE_BFLOAT16, 3), VALUE(NRT_DTYPE_INT8, 4),
		VALUE(NRT_DTYPE_UINT8, 5), VALUE(NRT_DTYPE_INT16, 6), VALUE(NRT_DTYPE_UINT16, 7),
		VALUE(NRT_DTYPE_INT32, 8), VALUE(NRT_DTYPE_UINT32, 9), VALUE(NRT_DTYPE_INT64, 10),
		VALUE(NRT_DTYPE_UINT64, 11),
	};

	CHECK(values);
	CHECK(types);
	/* Passed as int. */
	assert_int_equal(sizeof(NRT_STATUS), 4);
	assert_int_equal(sizeof(nrt_tensor_placement_t), 4);
	assert_int_equal(sizeof(nrt_framework_type_t), 4);
	assert_int_equal(sizeof(nrt_dtype_t), 4);
	assert_int_equal(sizeof(nrt_tensor_usage_t), 4);
}

/* As the documented declarations lie on a 64-bit machine. */
static void layouts(void **state)
{
	static const struct value values[] = {
		VALUE(offsetof(nrt_tensor_info_t, name), 0),
		VALUE(offsetof(nrt_tensor_info_t, usage), 256),
		VALUE(offsetof(nrt_tensor_info_t, size), 264),
		VALUE(offsetof(nrt_tensor_info_t, dtype), 272),
		VALUE(offsetof(nrt_tensor_info_t, shape), 280),
		VALUE(offsetof(nrt_tensor_info_t, ndim), 288),
		VALUE(sizeof(nrt_tensor_info_t), 296),
		VALUE(offsetof(nrt_tensor_info_array_t, tensor_count), 0),
		VALUE(offsetof(nrt_tensor_info_array_t, tensor_array), 8),
		VALUE(sizeof(nrt_tensor_info_array_t), 8),
		VALUE(offsetof(nrt_version_t, rt_major), 0),
		VALUE(offsetof(nrt_version_t, rt_minor), 8),
		VALUE(offsetof(nrt_version_t, rt_patch), 16),
		VALUE(offsetof(nrt_version_t, rt_maintenance), 24),
		VALUE(offsetof(nrt_version_t, rt_detail), 32),
		VALUE(offsetof(nrt_version_t, git_hash), 160),
		VALUE(sizeof(nrt_version_t), 224),
		VALUE(offsetof(nrt_ucode_info, iram), 0),
		VALUE(offsetof(nrt_ucode_info, dram), 16),
		VALUE(offsetof(nrt_ucode_img, size), 8),
		VALUE(sizeof(nrt_ucode_info), 32),
	};

	CHECK(values);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_codes),
		cmocka_unit_test(enumerations),
		cmocka_unit_test(layouts),
	};

	return cmocka_run_group_tests_name("abi", tests, NULL, NULL);
}
