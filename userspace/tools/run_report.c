// SPDX-License-Identifier: Apache-2.0
/*
 * What neuron-run prints: outputs, times.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cli.h"
#include "cli_json.h"
#include "dtype.h"
#include "run_report.h"

/* Elements that JSON lists; larger outputs are for --output. */
#define JSON_MAX_ELEMENTS 65536
/* Small outputs that are no lists are printed as they are. */
#define TEXT_MAX_ELEMENTS 16

static double half_value(uint16_t h)
{
	int exponent = h >> 10 & 31, mantissa = h & 1023;
	double v;

	if (exponent == 31)
		v = mantissa ? NAN : INFINITY;
	else if (exponent)
		v = ldexp(1024 + mantissa, exponent - 25);
	else
		v = ldexp(mantissa, -24);
	return h & 0x8000 ? -v : v;
}

static double bfloat_value(uint16_t h)
{
	uint32_t bits = (uint32_t)h << 16;
	float f;

	memcpy(&f, &bits, sizeof(f));
	return f;
}

static double element(const struct run_tensor *t, uint64_t i)
{
	switch ((int)t->info->dtype) {
	case NRT_DTYPE_FLOAT32:
		return ((const float *)t->va)[i];
	case NRT_DTYPE_FLOAT16:
		return half_value(((const uint16_t *)t->va)[i]);
	case NRT_DTYPE_BFLOAT16:
		return bfloat_value(((const uint16_t *)t->va)[i]);
	case NRT_DTYPE_INT8:
		return ((const int8_t *)t->va)[i];
	case NRT_DTYPE_UINT8:
	case NRT_OPEN_DTYPE_BOOL:
		return ((const uint8_t *)t->va)[i];
	case NRT_DTYPE_INT16:
		return ((const int16_t *)t->va)[i];
	case NRT_DTYPE_UINT16:
		return ((const uint16_t *)t->va)[i];
	case NRT_DTYPE_INT32:
		return ((const int32_t *)t->va)[i];
	case NRT_DTYPE_UINT32:
		return ((const uint32_t *)t->va)[i];
	case NRT_DTYPE_INT64:
		return ((const int64_t *)t->va)[i];
	case NRT_DTYPE_UINT64:
		return ((const uint64_t *)t->va)[i];
	case NRT_OPEN_DTYPE_FLOAT64:
		return ((const double *)t->va)[i];
	default:
		return NAN;
	}
}

static bool is_integer(const struct run_tensor *t)
{
	return t->info->dtype >= NRT_DTYPE_INT8 && t->info->dtype != NRT_OPEN_DTYPE_FLOAT64;
}

/* Not by way of a double, which holds 53 bits. */
static int64_t integer(const struct run_tensor *t, uint64_t i)
{
	if (t->info->dtype == NRT_DTYPE_INT64 || t->info->dtype == NRT_DTYPE_UINT64)
		return ((const int64_t *)t->va)[i];
	return element(t, i);
}

static void print_element(const struct run_tensor *t, uint64_t i)
{
	if (t->info->dtype == NRT_DTYPE_UINT64)
		printf("%llu", (unsigned long long)integer(t, i));
	else if (is_integer(t))
		printf("%lld", (long long)integer(t, i));
	else
		printf("%.6g", element(t, i));
}

static uint64_t count_elements(const struct run_tensor *t)
{
	return t->size / nrt_dtype_size(t->info->dtype);
}

/* One dimension is larger than 1, and none is 0: classes, or logits. */
static bool is_list(const struct run_tensor *t)
{
	uint32_t i, large = 0;

	for (i = 0; i < t->ndim; i++)
		large += t->shape[i] > 1;
	return large == 1 && count_elements(t);
}

static void shape_of(const struct run_tensor *t, char *text, size_t size)
{
	uint64_t shape[NPY_MAX_DIMS];
	uint32_t i;

	for (i = 0; i < t->ndim; i++)
		shape[i] = t->shape[i];
	npy_shape_text(t->ndim, shape, text, size);
}

uint64_t run_argmax(const struct run_tensor *t)
{
	uint64_t n = count_elements(t), best = 0, i;

	for (i = 1; i < n; i++)
		if (element(t, i) > element(t, best) || isnan(element(t, best)))
			best = i;
	return best;
}

/* Index of the largest element that is smaller than @below's, or as large and behind it. */
static bool next_largest(const struct run_tensor *t, bool first, uint64_t below, uint64_t *result)
{
	uint64_t n = count_elements(t), i;
	double limit = element(t, below);
	bool found = false;

	for (i = 0; i < n; i++) {
		double v = element(t, i);

		if (isnan(v) || (!first && (v > limit || (v == limit && i <= below))))
			continue;
		if (!found || v > element(t, *result)) {
			found = true;
			*result = i;
		}
	}
	return found;
}

/* A copy of line @index of a text, or "" behind its end; free() it. */
static char *line_of(const char *text, uint64_t index)
{
	for (; index && *text; text++)
		index -= *text == '\n';
	return strndup(text, strcspn(text, "\r\n"));
}

static void print_top(const struct run_tensor *t, uint64_t count, const char *names)
{
	uint64_t index = 0, next = 0, i;

	for (i = 0; i < count; i++) {
		if (!next_largest(t, !i, index, &next))
			break;
		index = next;
		printf("  %8llu  ", (unsigned long long)index);
		print_element(t, index);
		if (names) {
			char *name = line_of(names, index);

			printf("  %s", name ? name : "");
			free(name);
		}
		printf("\n");
	}
}

static void print_summary(const struct run_tensor *t)
{
	uint64_t n = count_elements(t), nans = 0, i;
	double least = INFINITY, most = -INFINITY, sum = 0;

	if (n <= TEXT_MAX_ELEMENTS) {
		for (i = 0; i < n; i++) {
			printf("%s", i ? ", " : "  ");
			print_element(t, i);
		}
		printf("\n");
		return;
	}
	for (i = 0; i < n; i++) {
		double v = element(t, i);

		if (isnan(v)) {
			nans++;
			continue;
		}
		least = fmin(least, v);
		most = fmax(most, v);
		sum += v;
	}
	printf("  min %.6g, max %.6g, mean %.6g", least, most, sum / (n - nans));
	if (nans)
		printf(", %llu NaN", (unsigned long long)nans);
	printf("\n");
}

static void print_output(const struct run_tensor *t, const struct run_options *o, const char *names)
{
	char shape[256];

	shape_of(t, shape, sizeof(shape));
	printf("%s: %s %s", t->info->name, nrt_dtype_name(t->info->dtype), shape);
	if (t->path)
		printf(" -> %s", t->path);
	printf("\n");
	if (o->each)
		return;
	if (is_list(t))
		print_top(t, o->top, names);
	else
		print_summary(t);
}

void run_print_text(const struct run_model *m, const struct run_options *o,
		    const struct run_statistics *s)
{
	uint64_t i;

	for (i = 0; i < m->infos->tensor_count; i++)
		if (m->tensors[i].info->usage == NRT_TENSOR_USAGE_OUTPUT)
			print_output(&m->tensors[i], o, s->class_names);
	if (o->labels)
		printf("%llu of %llu right: %.2f %%\n", (unsigned long long)s->right,
		       (unsigned long long)s->count, 100.0 * s->right / s->count);
	printf("%llu inference%s, %.1f us each (fastest %.1f us), %llu modelled cycles each\n",
	       (unsigned long long)s->count, s->count == 1 ? "" : "s",
	       s->total_ns / 1e3 / s->count, s->best_ns / 1e3,
	       (unsigned long long)(s->cycles / s->count));
	if (s->nan)
		printf("warning: an engine produced a NaN (NRT_EXEC_COMPLETED_WITH_NUM_ERR)\n");
}

static json_t *values_json(const struct run_tensor *t)
{
	uint64_t n = count_elements(t), i;
	json_t *array = json_array();

	for (i = 0; i < n; i++) {
		double v = element(t, i);

		/* JSON has neither NaN nor infinity. */
		json_array_append_new(array, is_integer(t) ? json_integer(integer(t, i)) :
					     isfinite(v) ? json_real(v) : json_null());
	}
	return array;
}

/* [{index, value, name}]: the largest elements of a list. */
static json_t *top_json(const struct run_tensor *t, uint64_t count, const char *names)
{
	uint64_t index = 0, next = 0, i;
	json_t *array = json_array();

	for (i = 0; i < count && next_largest(t, !i, index, &next); i++) {
		double v = element(t, next);
		json_t *entry;

		index = next;
		entry = json_pack("{s:I, s:o}", "index", (json_int_t)index, "value",
				  is_integer(t) ? json_integer(integer(t, index)) :
				  isfinite(v) ? json_real(v) : json_null());
		if (entry && names) {
			char *name = line_of(names, index);

			json_object_set_new(entry, "name", json_string(name ? name : ""));
			free(name);
		}
		json_array_append_new(array, entry);
	}
	return array;
}

static json_t *output_json(const struct run_tensor *t, const struct run_options *o, const char *names)
{
	json_t *shape = json_array(), *object;
	uint32_t i;

	for (i = 0; i < t->ndim; i++)
		json_array_append_new(shape, json_integer(t->shape[i]));
	object = json_pack("{s:s, s:s, s:o}", "name", t->info->name, "dtype",
			   nrt_dtype_name(t->info->dtype), "shape", shape);
	if (!object)
		return NULL;
	if (t->path)
		json_object_set_new(object, "file", json_string(t->path));
	else if (!o->each && count_elements(t) <= JSON_MAX_ELEMENTS)
		json_object_set_new(object, "values", values_json(t));
	if (!o->each && is_list(t))
		json_object_set_new(object, "top", top_json(t, o->top, names));
	return object;
}

int run_print_json(const struct run_model *m, const struct run_options *o,
		   const struct run_statistics *s)
{
	json_t *outputs = json_array(), *root;
	uint64_t i;

	for (i = 0; i < m->infos->tensor_count; i++)
		if (m->tensors[i].info->usage == NRT_TENSOR_USAGE_OUTPUT)
			json_array_append_new(outputs, output_json(&m->tensors[i], o, s->class_names));
	root = json_pack("{s:s, s:I, s:f, s:f, s:I, s:b, s:o}", "model", m->path, "inferences",
			 (json_int_t)s->count, "mean_us", s->total_ns / 1e3 / s->count, "best_us",
			 s->best_ns / 1e3, "cycles", (json_int_t)(s->cycles / s->count), "nan",
			 s->nan, "outputs", outputs);
	if (root && o->labels)
		json_object_set_new(root, "right", json_integer(s->right));
	return cli_print_result(root);
}
