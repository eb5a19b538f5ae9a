// SPDX-License-Identifier: Apache-2.0
/*
 * The NEFF: same input, same bytes; header, hash and members as neff.h says; command line.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>
#include <openssl/evp.h>

#include <neuron/neff.h>

#include "ncc_harness.h"
#include "options.h"

static struct pb small_model(void)
{
	struct onnx m = { 0 };

	onnx_input(&m, "x", DIMS(1, 3, 8, 8));
	onnx_floats(&m, "w", DIMS(4, 3, 3, 3), NULL);
	onnx_node(&m, "Conv", "x w", "c", NULL);
	onnx_node(&m, "Relu", "c", "y", NULL);
	onnx_output(&m, "y");
	return onnx_model(&m);
}

/* The file's bytes; the caller frees them. */
static uint8_t *compile(bool plain, size_t *n)
{
	char path[] = "/tmp/ncc_neff.XXXXXX";
	struct pb model = small_model();
	struct run r = { .options.plain_tar = plain };
	uint8_t *data = malloc(1 << 20);
	int fd = mkstemp(path);
	FILE *f;

	assert_true(fd >= 0 && data);
	close(fd);
	run_passes(&r, &model, NCC_PASS_EMIT, 0);
	assert_int_equal(r.err, 0);
	assert_int_equal(ncc_neff_write(&r.ctx, path), 0);
	f = fopen(path, "rb");
	assert_non_null(f);
	*n = fread(data, 1, 1 << 20, f);
	fclose(f);
	unlink(path);
	run_free(&r);
	pb_free(&model);
	return data;
}

static void test_deterministic(void **state)
{
	size_t n, m;
	uint8_t *a = compile(false, &n), *b = compile(false, &m);

	assert_int_equal(n, m);
	assert_memory_equal(a, b, n);
	free(a);
	free(b);
}

static void test_header(void **state)
{
	struct neuron_neff_header h;
	uint8_t hash[32];
	size_t n;
	uint8_t *data = compile(false, &n);

	memcpy(&h, data, sizeof(h));
	assert_int_equal(sizeof(h), NEURON_NEFF_HEADER_SIZE);
	assert_int_equal(h.pkg_version, NEURON_NEFF_PKG_VERSION);
	assert_int_equal(h.header_size, NEURON_NEFF_HEADER_SIZE);
	assert_int_equal(h.data_size, n - NEURON_NEFF_HEADER_SIZE);
	assert_true(h.feature_bits == NEURON_NEFF_FEATURE_OPEN_ISA);
	assert_string_equal(h.name, "unit");
	assert_int_equal(EVP_Digest(data + sizeof(h), n - sizeof(h), hash, NULL, EVP_sha256(), NULL), 1);
	assert_memory_equal(hash, h.hash, sizeof(hash));
	free(data);
}

static void list(bool plain)
{
	static const char *const want[] = {
		"neff.json", "sg00/def.json", "sg00/ops.json", "sg00/pe.bin", "sg00/pe.json",
		"sg00/act.bin", "sg00/act.json", "sg00/pool.bin", "sg00/pool.json", "sg00/dma.bin",
		"sg00/dma.json", "sg00/weights.bin",
	};
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	size_t n, count = 0;
	uint8_t *data = compile(plain, &n);

	if (!plain)
		archive_read_support_filter_gzip(a);
	archive_read_support_format_tar(a);
	assert_int_equal(archive_read_open_memory(a, data + NEURON_NEFF_HEADER_SIZE,
						  n - NEURON_NEFF_HEADER_SIZE), ARCHIVE_OK);
	while (archive_read_next_header(a, &e) == ARCHIVE_OK) {
		assert_true(count < sizeof(want) / sizeof(want[0]));
		assert_string_equal(archive_entry_pathname(e), want[count++]);
		if (strstr(archive_entry_pathname(e), "e.bin"))
			assert_int_equal(archive_entry_size(e) % NEURON_INSN_SIZE, 0);
	}
	assert_int_equal(count, sizeof(want) / sizeof(want[0]));
	archive_read_free(a);
	free(data);
}

static void test_members(void **state)
{
	list(false);
	list(true);
}

static void test_write_fails(void **state)
{
	struct pb model = small_model();
	struct run r = { 0 };

	run_passes(&r, &model, NCC_PASS_EMIT, 0);
	assert_int_not_equal(ncc_neff_write(&r.ctx, "/nonexistent/directory/x.neff"), 0);
	assert_non_null(strstr(r.error, "/nonexistent/directory/x.neff"));
	run_free(&r);
	pb_free(&model);
}

static int parse(struct ncc_command_line *cmd, char *error, const char *line)
{
	static char words[512];
	char *argv[32] = { "neuron-cc" };
	int argc = 1;

	strcpy(words, line);
	for (char *w = strtok(words, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	return ncc_options_parse(cmd, argc, argv, error, 512);
}

static void test_precision(void **state)
{
	static const struct {
		const char *words, *name;
		bool all;
		uint8_t half;
	} good[] = {
		{ "", "all", true, NEURON_BF16 },
		{ "--fast-math none", "none", false, NEURON_BF16 },
		{ "--fast-math all", "all", true, NEURON_BF16 },
		{ "--fast-math fp32-cast-matmult no-fast-relayout", "fp32-cast-matmult", false, NEURON_BF16 },
		{ "--fast-math none fp32-cast-all-fp16", "fp32-cast-all-fp16", true, NEURON_FP16 },
		{ "--fast-math=fp32-cast-matmult-fp16", "fp32-cast-matmult-fp16", false, NEURON_FP16 },
		{ "--fast-math fp32-cast-all --fp32-cast matmult", "fp32-cast-matmult", false, NEURON_BF16 },
	};
	struct ncc_command_line cmd;
	char error[512], line[512];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(line, sizeof(line), "compile m.onnx %s --output z.neff", good[i].words);
		assert_int_equal(parse(&cmd, error, line), 0);
		assert_string_equal(cmd.compile.precision.name, good[i].name);
		assert_int_equal(cmd.compile.precision.cast_all, good[i].all);
		assert_int_equal(cmd.compile.precision.half, good[i].half);
		assert_string_equal(cmd.compile.output, "z.neff");
	}
	assert_int_equal(parse(&cmd, error, "compile m.onnx --fast-math fast"), -EINVAL);
	assert_non_null(strstr(error, "'fast' is unknown"));
	assert_int_equal(parse(&cmd, error, "compile m.onnx --fast-math fp32-cast-all fp32-cast-matmult"),
			 -EINVAL);
	assert_non_null(strstr(error, "exclude each other"));
}

static void test_usage(void **state)
{
	static const char *const bad[][2] = {
		{ "", "no command" },
		{ "frobnicate", "'frobnicate'" },
		{ "compile", "needs a model" },
		{ "compile a.onnx b.onnx", "two models" },
		{ "compile a.onnx --nonsense", "'--nonsense'" },
		{ "compile a.onnx --output", "--output needs" },
		{ "compile a.pb", "does not end in .onnx" },
		{ "compile a.pb --framework TENSORFLOW", "convert the model to ONNX" },
		{ "compile a.onnx --neuroncore-pipeline-cores 0", "1 to 64, not '0'" },
		{ "compile a.onnx --dump=after:nothing", "no pass 'nothing'" },
		{ "compile a.onnx --io-config no-such-file", "no-such-file" },
		{ "list-operators", "--framework ONNX" },
		{ "--verbose LOUD compile a.onnx", "'LOUD'" },
	};
	struct ncc_command_line cmd;
	char error[512];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(&cmd, error, bad[i][0]), -EINVAL);
		if (!strstr(error, bad[i][1]))
			fail_msg("'%s': %s", bad[i][0], error);
		ncc_options_free(&cmd);
	}
	/* What frameworks pass. */
	assert_int_equal(parse(&cmd, error, "--verbose 35 compile a.onnx --framework ONNX --pipeline compile "
			       "SaveTemps --output b.neff -O2 --sb_size 20"), 0);
	assert_int_equal(cmd.verbose, NCC_ERROR);
	assert_int_equal(parse(&cmd, error, "compile a.onnx --dump=after:fuse:f.txt --dump after:emit"), 0);
	assert_int_equal(cmd.ndump, 2);
	assert_string_equal(cmd.dump[0].file, "f.txt");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deterministic),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_write_fails),
		cmocka_unit_test(test_precision),
		cmocka_unit_test(test_usage),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
