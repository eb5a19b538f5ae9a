// SPDX-License-Identifier: Apache-2.0
/*
 * NEFF reader: a sound file is read, any other refused with a message that names what is
 * wrong; no file makes it crash.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "neff.h"
#include "nrt_build.h"

static int open_bytes(const void *bytes, size_t size, const struct neff_limits *limits,
		      struct neff_error *error)
{
	struct neff *neff = NULL;
	int rc = neff_open(bytes, size, NEFF_VERIFY_HASH, limits, &neff, error);

	if (!rc) {
		assert_non_null(neff);
		neff_close(neff);
	} else {
		assert_null(neff);
		assert_true(strlen(error->text) > 0);
		assert_null(strchr(error->text, '\n'));
	}
	return rc;
}

static void expect(const void *bytes, size_t size, int want, const char *text)
{
	struct neff_error error;
	int rc = open_bytes(bytes, size, NULL, &error);

	if (rc != want || (text && !strstr(error.text, text)))
		fail_msg("got %d \"%s\", want %d \"%s\"", rc, error.text, want,
			 text ? text : "");
}

/* What is built is refused with @text. */
static void expect_build(struct build *b, int want, const char *text)
{
	size_t size;
	uint8_t *bytes = build_file(b, &size);

	expect(bytes, size, want, text);
	free(bytes);
	build_free(b);
}

static void sound(void **state)
{
	struct neff_error error;
	struct neff *neff;
	struct build b;
	uint8_t *bytes;
	size_t size;
	int plain;

	for (plain = 0; plain < 2; plain++) {
		build_chain_model(&b, 4);
		b.plain = plain;
		bytes = build_file(&b, &size);
		assert_int_equal(neff_open(bytes, size, NEFF_VERIFY_HASH, NULL, &neff, &error), 0);
		free(bytes);
		assert_string_equal(neff->name, "chain");
		assert_string_equal(neff->compiler, "nrt_build.c");
		assert_int_equal(neff->input_count, 1);
		assert_int_equal(neff->output_count, 1);
		assert_int_equal(neff->tensor_count, 3);
		assert_string_equal(neff->tensors[2].name, "m");
		assert_int_equal(neff->tensors[0].size, 16);
		assert_int_equal(neff->tensors[0].dtype, NRT_DTYPE_FLOAT32);
		assert_int_equal(neff->tensors[0].ndim, 2);
		assert_int_equal(neff->node_count, 2);
		assert_int_equal(neff->nodes[1].inputs[0].tensor, 2);
		assert_int_equal(neff->nodes[1].segments, 5);
		assert_int_equal(neff->nodes[1].variable_count, 4);
		assert_int_equal(neff->nodes[1].variables[2].type, NEFF_VAR_FILE);
		assert_int_equal(neff->nodes[1].variables[2].file->size, 64);
		assert_int_equal(neff->nodes[1].stream[NEURON_DMA]->size, 64);
		neff_close(neff);
		build_free(&b);
	}
}

#define SPOIL(field, value, want, text) do { \
	memcpy(&h, good, sizeof(h)); \
	h.field = (value); \
	memcpy(bytes, good, size); \
	memcpy(bytes, &h, sizeof(h)); \
	expect(bytes, size, want, text); \
} while (0)

static void header(void **state)
{
	struct neuron_neff_header h;
	struct build b;
	uint8_t *good, *bytes;
	size_t size, i;

	build_copy_model(&b, 4);
	good = build_file(&b, &size);
	bytes = malloc(size + 1);
	SPOIL(pkg_version, 0, -EINVAL, "not a NEFF: package version is 0");
	SPOIL(pkg_version, 1, -ENOTSUP, "package version mismatch supported: 2 received: 1");
	SPOIL(lnc_size, 2, -ENOTSUP, "logical cores of 2");
	SPOIL(pkg_version, 0x464c457f, -EINVAL, "not a NEFF");
	SPOIL(header_size, 512, -EINVAL, "header size is 512");
	SPOIL(data_size, size, -EINVAL, "truncated");
	SPOIL(data_size, 3, -EINVAL, "longer than it should be");
	SPOIL(data_size, UINT64_MAX, -EINVAL, "Wrong NEFF file size");
	SPOIL(version_major, 1, -ENOTSUP, "supported: 2.0 received: 1.0");
	SPOIL(version_minor, 7, -ENOTSUP, "supported: 2.0 received: 2.7");
	SPOIL(feature_bits, 0x100, -ENOTSUP, "features: 0x100 are not supported");
	SPOIL(feature_bits, NEURON_NEFF_FEATURE_OPEN_ISA | 1ULL << 63, -ENOTSUP, "not supported");
	SPOIL(feature_bits, 0, -ENOTSUP, "instructions of the silicon");
	SPOIL(hash[31], good[offsetof(struct neuron_neff_header, hash) + 31] ^ 1, -EINVAL, "hash mismatch");
	memcpy(bytes, good, size);
	expect(bytes, size, 0, NULL);
	bytes[size] = 0;
	expect(bytes, size + 1, -EINVAL, "longer than it should be");
	bytes[size - 1] ^= 0x80;
	expect(bytes, size, -EINVAL, "hash mismatch");
	for (i = 0; i < size; i++)
		expect(good, i, -EINVAL, i < 1024 ? "not a NEFF" : "truncated");
	free(bytes);
	free(good);
	build_free(&b);
}

/* Without the flag the hash is not looked at: NEURON_RT_VALIDATE_HASH. */
static void hash_is_optional(void **state)
{
	struct neff_error error;
	struct neff *neff;
	struct build b;
	uint8_t *bytes;
	size_t size;

	build_copy_model(&b, 4);
	bytes = build_file(&b, &size);
	bytes[offsetof(struct neuron_neff_header, hash)] ^= 1;
	assert_int_equal(neff_open(bytes, size, 0, NULL, &neff, &error), 0);
	neff_close(neff);
	free(bytes);
	build_free(&b);
}

static char *replace(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	char *result;

	assert_non_null(at);
	result = malloc(strlen(text) + strlen(to) + 1);
	sprintf(result, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	return result;
}

/* Replace @from by @to in a JSON member of the model, and expect the error. */
static void spoil_json(void (*model)(struct build *, unsigned int), const char *member,
		       const char *from, const char *to, int want, const char *text)
{
	char *old = NULL, *new;
	struct build b;
	int i;

	model(&b, 4);
	for (i = 0; i < b.count; i++)
		if (!strcmp(b.members[i].name, member)) {
			old = b.members[i].data;
			old[b.members[i].size] = 0;
		}
	assert_non_null(old);
	new = replace(old, from, to);
	build_set(&b, member, new, strlen(new));
	free(new);
	expect_build(&b, want, text);
}

static void graph_json(void **state)
{
	static const struct {
		const char *from, *to, *text;
	} cases[] = {
		{ "{\"name\"", "[\"name\"", "neff.json: line" },
		{ "\"isa_version\": 1", "\"isa_version\": -1", "\"isa_version\"" },
		{ "\"isa_version\": 1", "\"isa_version\": \"1\"", "\"isa_version\"" },
		{ "\"name\": \"copy\"", "\"name\": 5", "\"name\"" },
		{ "\"name\": \"copy\"", "\"name\": \"a\\nb\"", "control character" },
		{ "\"compiler\"", "\"compilers\"", "\"compiler\"" },
		{ "\"inputs\": [{", "\"inputs\": {\"a\": [{", "neff.json" },
		{ "\"float32\"", "\"float33\"", "unknown dtype float33" },
		{ "[1, 4]", "[1, 0]", "dimension 1" },
		{ "[1, 4]", "[1, -4]", "dimension 1" },
		{ "[1, 4]", "[1, 4.0]", "dimension 1" },
		{ "[1, 4]", "[4294967295, 4294967295]", "dimension" },
		{ "[1, 4]", "[1,1,1,1,1,1,1,1,4]", "\"shape\"" },
		{ "[1, 4]", "[1, 5]", "16" },
		{ "\"name\": \"y\"", "\"name\": \"x\"", "listed twice" },
		{ "\"name\": \"y\"", "\"name\": \"z\"", "output z is not computed" },
		{ "\"NeuronCore\"", "\"Abacus\"", "executor Abacus is not supported" },
		{ "\"cores\": 1", "\"cores\": 0", "1 NeuronCore" },
		{ "\"cores\": 1", "\"cores\": 300", "\"cores\"" },
		{ "\"inputs\": [\"x\"]", "\"inputs\": [\"q\"]", "tensor q has no variable" },
		{ "\"inputs\": [\"x\"]", "\"inputs\": []", "0 inputs, but def.json has 1" },
		{ "\"inputs\": [\"x\"]", "\"inputs\": [7]", "no string" },
		{ "\"sg00\"", "\"sg07\"", "sg07/def.json" },
		{ "\"sg00\"", "\"../..\"", "../../def.json" },
		{ "\"nodes\": [", "\"nodes\": [], \"knots\": [", "no nodes" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		spoil_json(build_copy_model, "neff.json", cases[i].from, cases[i].to,
			   strstr(cases[i].text, "executor") ? -ENOTSUP : -EINVAL, cases[i].text);
	spoil_json(build_copy_model, "neff.json", "\"isa_version\": 1", "\"isa_version\": 2", -ENOTSUP,
		   "instruction set version 2");
	/* Order of nodes: the second's input has to be there before. */
	spoil_json(build_chain_model, "neff.json", "\"inputs\": [\"x\"], \"outputs\": [\"m\"]",
		   "\"inputs\": [\"m\"], \"outputs\": [\"x\"]", -EINVAL, "node sg00");
	/* Two nodes that compute one tensor. */
	spoil_json(build_chain_model, "neff.json", "\"outputs\": [\"y\"]}]", "\"outputs\": [\"m\"]}]",
		   -EINVAL, "node sg01");
}

static void def_json(void **state)
{
	static const struct {
		const char *from, *to, *text;
	} cases[] = {
		{ "\"pe\": \"pe.bin\"", "\"pe\": \"no.bin\"", "there is no member sg00/no.bin" },
		{ "\"pe\": \"pe.bin\", ", "", "\"pe\" is missing" },
		{ "\"engines\"", "\"engine\"", "\"pe\" is missing" },
		{ "\"code_segment\": 0", "\"code_segment\": 255", "\"code_segment\"" },
		{ "\"code_segment\": 0", "\"code_segment\": 2", "segment 2 is used twice" },
		{ "\"segment\": 1", "\"segment\": 2", "segment 2 is used twice" },
		{ "\"segment\": 1", "\"segment\": 255", "\"segment\"" },
		{ "\"segment\": 1", "\"segment\": -1", "\"segment\"" },
		{ "\"size\": 16", "\"size\": 0", "has no size" },
		{ "\"size\": 16", "\"size\": 20", "20 bytes, its shape 16" },
		{ "\"size\": 16", "\"size\": 18446744073709551615", "sg00/def.json" },
		{ "\"alignment\": 64", "\"alignment\": 48", "must be 48 byte aligned" },
		{ "\"alignment\": 64", "\"alignment\": 0", "aligned" },
		{ "\"type\": \"input\"", "\"type\": \"pointer\"", "type pointer is not supported" },
		{ "\"type\": \"input\"", "\"type\": \"tmp-buf\"", "no variable of type input" },
		{ "\"w.bin\"", "\"v.bin\"", "there is no member sg00/v.bin" },
		{ "\"size\": 64", "\"size\": 63", "63 bytes, but its file" },
		{ "\"file_name\": \"w.bin\"", "\"file\": \"w.bin\"", "\"file_name\"" },
		{ "\"var\"", "\"vars\"", "\"var\" is missing" },
		{ "\"w\"", "\"w\\u0007\"", "not printable" },
		{ "\"w\"", "\"x\"", "duplicate" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (strcmp(cases[i].text, "no variable of type input"))
			spoil_json(build_copy_model, "sg00/def.json", cases[i].from, cases[i].to,
				   strstr(cases[i].to, "pointer") ? -ENOTSUP : -EINVAL, cases[i].text);
	/* An input that became something else is missed in the count first. */
	spoil_json(build_copy_model, "sg00/def.json", "\"type\": \"input\"", "\"type\": \"tmp-buf\"",
		   -EINVAL, "1 inputs, but def.json has 0");
}

static void queues(void **state)
{
	static const struct {
		const char *json, *text;
		int want;
	} cases[] = {
		{ "[]", "\"dma_queue\" is not an object", -EINVAL },
		{ "{\"q\": 1}", "\"type\" is missing", -EINVAL },
		{ "{\"q\": {\"type\": \"in\"}}", "\"owner\" is missing", -EINVAL },
		{ "{\"q\\u0001\": {}}", "not printable", -EINVAL },
		{ "{\"q\": {\"type\": \"in\", \"owner\": \"dma\"}}", "\"num_queues\"", -EINVAL },
		{ "{\"q\": {\"type\": \"in\", \"owner\": \"dma\", \"num_queues\": 2}}",
		  "2 queues in one, this chip has 1", -ENOTSUP },
		{ "{\"q\": {\"type\": \"dynamic\", \"owner\": \"dma\", \"num_queues\": 1}}",
		  "type dynamic is not supported", -ENOTSUP },
		{ "{\"q\": {\"type\": \"in\", \"owner\": \"dma\", \"num_queues\": 1, \"pinned\": 1}}",
		  "neither true nor false", -EINVAL },
		{ "{\"q\": {\"type\": \"data\", \"owner\": \"pe\", \"num_queues\": 1, \"pinned\": true}}",
		  NULL, 0 },
	};
	char text[256];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "\"dma_queue\": %s", cases[i].json);
		spoil_json(build_copy_model, "sg00/def.json", "\"dma_queue\": {}", text,
			   cases[i].want, cases[i].text);
	}
}

/* Weights in a .npy file: 64 bytes after a header of @text. */
static void expect_npy(const char *text, size_t size, int want, const char *error)
{
	uint8_t file[256] = "\x93NUMPY\1";
	size_t n = strlen(text), i;
	struct build b;
	char *new;

	build_copy_model(&b, 4);
	file[8] = n;
	memcpy(file + 10, text, n);
	build_set(&b, "sg00/w.npy", file, 10 + n + size);
	for (i = 0; (int)i < b.count && strcmp(b.members[i].name, "sg00/def.json"); i++)
		;
	((char *)b.members[i].data)[b.members[i].size] = 0;
	new = replace(b.members[i].data, "w.bin", "w.npy");
	build_set(&b, "sg00/def.json", new, strlen(new));
	free(new);
	expect_build(&b, want, error);
}

static void npy(void **state)
{
	static const char good[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (16,), }\n";

	expect_npy(good, 64, 0, NULL);
	expect_npy(good, 60, -EINVAL, "w.npy has an array of another size");
	expect_npy("{'descr': '>f4', 'fortran_order': False}", 64, -EINVAL, "big-endian");
	expect_npy("{'descr': '<f4', 'fortran_order': True}", 64, -EINVAL, "Fortran order");
	expect_npy("{'descr': '|O', 'fortran_order': False}", 64, -EINVAL, "Python objects");
	expect_npy("{}", 64, -EINVAL, "no NumPy header");
}

/* What is written is read again, the same each time, and keeps its UUID if it has one of its own. */
static void writer(void **state)
{
	struct neuron_neff_header h;
	struct neff_error error;
	struct neff *neff;
	uint8_t *bytes, *body[2];
	size_t size, n[2];
	struct build b;
	int plain, i;

	build_chain_model(&b, 4);
	bytes = build_file(&b, &size);
	build_free(&b);
	assert_int_equal(neff_open(bytes, size, 0, NULL, &neff, &error), 0);
	free(bytes);
	for (plain = 0; plain < 2; plain++) {
		for (i = 0; i < 2; i++)
			assert_int_equal(neff_body_write(&neff->body, plain, &body[i], &n[i]), 0);
		assert_int_equal(n[0], n[1]);
		assert_memory_equal(body[0], body[1], n[0]);
		h = neff->header;
		h.uuid[0] ^= 1;
		neff_header_seal(&h, body[0], n[0], false);
		assert_int_equal(h.uuid[0], neff->header.uuid[0] ^ 1);
		neff_header_seal(&h, body[0], n[0], true);
		assert_memory_equal(h.uuid, h.hash, sizeof(h.uuid));
		bytes = malloc(sizeof(h) + n[0]);
		memcpy(bytes, &h, sizeof(h));
		memcpy(bytes + sizeof(h), body[0], n[0]);
		expect(bytes, sizeof(h) + n[0], 0, NULL);
		free(bytes);
		free(body[0]);
		free(body[1]);
	}
	neff_close(neff);
}

static void streams(void **state)
{
	struct neuron_insn insn = build_dma(2, 1, 16);
	struct build b;

	build_copy_model(&b, 4);
	build_set(&b, "sg00/dma.bin", &insn, 63);
	expect_build(&b, -EINVAL, "not a multiple of an instruction's 64");
	build_copy_model(&b, 4);
	build_set(&b, "sg00/dma.bin", &insn, 0);
	expect_build(&b, -EINVAL, "no engine has an instruction");
	build_copy_model(&b, 4);
	build_set(&b, "sg00/pe.bin", &insn, 64);
	expect_build(&b, -EINVAL, "opcode 0x40 is not one of engine pe");
	insn.op = 0x77;
	build_copy_model(&b, 4);
	build_set(&b, "sg00/dma.bin", &insn, 64);
	expect_build(&b, -EINVAL, "sg00/dma.bin: instruction 0: opcode 0x77");
	build_copy_model(&b, 4);
	build_remove(&b, "sg00/def.json");
	expect_build(&b, -EINVAL, "no member sg00/def.json");
	build_copy_model(&b, 4);
	build_remove(&b, "neff.json");
	expect_build(&b, -EINVAL, "no member neff.json");
}

static void names(void **state)
{
	static const char *const bad[] = { "/etc/passwd", "../x", "a/../../x", "..", "a/..", "a//b", "a/./b",
		"bell\a" };
	struct build b;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		build_copy_model(&b, 4);
		build_set(&b, bad[i], "x", 1);
		expect_build(&b, -EINVAL, "NEFF body has a member");
	}
	/* "./x" and "x" are one name. */
	build_copy_model(&b, 4);
	build_set(&b, "./neff.json", "{}", 2);
	expect_build(&b, -EINVAL, "two members neff.json");
}

/* A small file that unpacks to a lot: the limit holds, and no more than it is taken. */
static void bomb(void **state)
{
	const struct neff_limits small = { 1 << 20, 16 }, few = { 1 << 20, 3 };
	static uint8_t zeros[8 << 20];
	struct neff_error error;
	struct build b;
	uint8_t *bytes;
	size_t size;

	build_copy_model(&b, 4);
	build_set(&b, "bomb", zeros, sizeof(zeros));
	bytes = build_file(&b, &size);
	assert_true(size < 32768);
	assert_int_equal(open_bytes(bytes, size, NULL, &error), 0);
	assert_int_equal(open_bytes(bytes, size, &small, &error), -EINVAL);
	assert_non_null(strstr(error.text, "unpacks to more than 1048576 bytes"));
	assert_int_equal(open_bytes(bytes, size, &few, &error), -EINVAL);
	assert_non_null(strstr(error.text, "more than 3 members"));
	free(bytes);
	build_free(&b);
}

static void not_a_tar(void **state)
{
	uint8_t bytes[2048] = { 0 };
	struct build b;
	uint8_t *good;
	size_t size, i;

	build_copy_model(&b, 4);
	good = build_file(&b, &size);
	memcpy(bytes, good, 1024);
	/* No body, zeros, text, half an archive. */
	build_seal(bytes, 1024);
	expect(bytes, 1024, -EINVAL, "untar");
	build_seal(bytes, sizeof(bytes));
	expect(bytes, sizeof(bytes), -EINVAL, "untar");
	memset(bytes + 1024, 'a', 1024);
	build_seal(bytes, sizeof(bytes));
	expect(bytes, sizeof(bytes), -EINVAL, "untar");
	for (i = 1024; i < size; i += 7) {
		uint8_t *cut = malloc(i);

		memcpy(cut, good, i);
		build_seal(cut, i);
		open_bytes(cut, i, NULL, &(struct neff_error) { "" });
		free(cut);
	}
	free(good);
	build_free(&b);
}

/* Whatever the bytes: an answer. The hash is made right, so that the rest is reached. */
static void random_corruption(void **state)
{
	unsigned int seed = 11, round, k, refused = 0;
	struct neff_error error;
	struct build b;
	uint8_t *good, *bytes;
	size_t size;

	build_chain_model(&b, 4);
	b.plain = true;
	good = build_file(&b, &size);
	bytes = malloc(size);
	for (round = 0; round < 3000; round++) {
		memcpy(bytes, good, size);
		for (k = 0; k < 1 + round % 3; k++) {
			size_t at = rand_r(&seed) % size;

			if (round % 2)
				bytes[at] = rand_r(&seed);
			else
				bytes[at] ^= 1u << rand_r(&seed) % 8;
		}
		if (round % 4)
			build_seal(bytes, size);
		refused += open_bytes(bytes, size, NULL, &error) != 0;
	}
	/* Most members are padding; but not nearly all changes may pass. */
	assert_in_range(refused, 500, 3000);
	free(bytes);
	free(good);
	build_free(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound),
		cmocka_unit_test(header),
		cmocka_unit_test(hash_is_optional),
		cmocka_unit_test(graph_json),
		cmocka_unit_test(def_json),
		cmocka_unit_test(queues),
		cmocka_unit_test(npy),
		cmocka_unit_test(writer),
		cmocka_unit_test(streams),
		cmocka_unit_test(names),
		cmocka_unit_test(bomb),
		cmocka_unit_test(not_a_tar),
		cmocka_unit_test(random_corruption),
	};

	return cmocka_run_group_tests_name("neff", tests, NULL, NULL);
}
