// SPDX-License-Identifier: Apache-2.0
/* Instructions to text and back; what the assembler says about lines that are none. */

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include "isa_text.h"
#include "nc_gen.h"

static void round_trip(const struct neuron_insn *insn)
{
	char text[NRT_ISA_TEXT_MAX], again[NRT_ISA_TEXT_MAX];
	const char *what = NULL;
	struct neuron_insn back;
	size_t at = 0;

	assert_true(nrt_isa_format(insn, text, sizeof(text)) < sizeof(text));
	if (nrt_isa_parse(text, &back, &at, &what))
		fail_msg("%s\n%*s %s", text, (int)at, "^", what);
	if (memcmp(&back, insn, sizeof(back))) {
		nrt_isa_format(&back, again, sizeof(again));
		fail_msg("%s\nbecomes\n%s", text, again);
	}
}

static void test_round_trip(void **state)
{
#define CODE(code, id, name, engines) code,
	static const uint8_t ops[] = { NEURON_ISA_OPS(CODE) };
#undef CODE
	struct gen g = { 1, 1, NEURON_BF16 };

	for (int n = 0; n < 50000; n++) {
		struct neuron_insn insn = { .op = ops[(unsigned int)n % sizeof(ops)] };

		gen_insn(&g, &insn);
		insn.wait_sem = insn.sig_sem = NEURON_ISA_NO_SEM;
		if (nct_below(2)) {
			insn.wait_sem = (uint8_t)nct_below(32);
			insn.wait_val = (uint32_t)nct_random();
		}
		if (nct_below(2)) {
			insn.sig_sem = (uint8_t)nct_below(32);
			insn.sig_val = (uint16_t)nct_random();
		}
		insn.tag = nct_below(2) ? (uint32_t)nct_random() : 0;
		round_trip(&insn);
	}
}

/* Not only what is valid: any 64 bytes are some text. */
static void test_round_trip_garbage(void **state)
{
#define CODE(code, id, name, engines) code,
	static const uint8_t ops[] = { NEURON_ISA_OPS(CODE) };
#undef CODE

	for (int n = 0; n < 50000; n++) {
		struct neuron_insn insn;
		uint8_t *b = (uint8_t *)&insn;

		for (unsigned int i = 0; i < sizeof(insn); i++)
			b[i] = (uint8_t)nct_random();
		if (n % 4)
			insn.op = ops[nct_below(sizeof(ops))];
		if (n % 2) {	/* reserved fields are at the end */
			unsigned int tail = nct_below(49);

			memset(b + sizeof(insn) - tail, 0, tail);
		}
		round_trip(&insn);
	}
}

static void test_text(void **state)
{
	static const char line[] =
		"activate wait=3:7 sig=31:1 flags=0x1 tag=9 count=1,1,2,3 src=psum[5]+0x10 "
		"src_step=0,0,-3,1 dst=sbuf[127]+0x17ffe dst_step=0,0,0,0 bias=sbuf[0]+0x0 "
		"scale=0x1p-1 "
		"residual=sbuf[0]+0x0 partitions=1 func=gelu_tanh src_dtype=fp32 dst_dtype=bf16";
	char text[NRT_ISA_TEXT_MAX], small[20];
	struct neuron_insn insn;
	size_t len;

	assert_int_equal(nrt_isa_parse(line, &insn, NULL, NULL), 0);
	assert_int_equal(insn.op, NEURON_OP_ACTIVATE);
	assert_int_equal(insn.wait_sem, 3);
	assert_int_equal(insn.wait_val, 7);
	assert_int_equal(insn.sig_sem, 31);
	assert_int_equal(insn.tag, 9);
	assert_int_equal(insn.activate.src, NEURON_LOCAL_ADDR(1, 5, 16));
	assert_int_equal(insn.activate.src_step[2], -3);
	assert_int_equal(insn.activate.dst, NEURON_LOCAL_ADDR(0, 127, 0x17ffe));
	assert_int_equal(insn.activate.scale, nct_f(0.5f));
	assert_int_equal(insn.activate.func, NEURON_FUNC_GELU_TANH);
	assert_int_equal(insn.activate.dst_dtype, NEURON_BF16);
	len = nrt_isa_format(&insn, text, sizeof(text));
	assert_string_equal(text, line);
	assert_int_equal(len, strlen(line));

	/* cut like snprintf() */
	assert_int_equal(nrt_isa_format(&insn, small, sizeof(small)), len);
	assert_int_equal(strlen(small), sizeof(small) - 1);
	assert_memory_equal(small, line, sizeof(small) - 1);
	assert_int_equal(nrt_isa_format(&insn, NULL, 0), len);

	/* what is not given is 0; any order; comments */
	assert_int_equal(nrt_isa_parse("  dma_copy dst_seg=local count=1,1,1,4 src_seg=3 # copy",
				       &insn, NULL, NULL),
			 0);
	assert_int_equal(insn.dst_seg, NEURON_ISA_NO_SEG);
	assert_int_equal(insn.src_seg, 3);
	assert_int_equal(insn.wait_sem, NEURON_ISA_NO_SEM);
	assert_int_equal(insn.sig_sem, NEURON_ISA_NO_SEM);
	assert_int_equal(nrt_isa_parse("notify value=0x12345678 sig=2:1", &insn, NULL, NULL), 0);
	assert_int_equal(insn.op, NEURON_OP_NOTIFY);
	assert_int_equal(insn.notify.value, 0x12345678);
	nrt_isa_format(&insn, text, sizeof(text));
	assert_string_equal(text, "notify sig=2:1 value=305419896");
	assert_int_equal(nrt_isa_parse(" \t; nothing", &insn, NULL, NULL), -ENODATA);
}

static uint32_t parsed_float(const char *s)
{
	char line[128];
	struct neuron_insn insn;

	snprintf(line, sizeof(line), "memset value=%s", s);
	assert_int_equal(nrt_isa_parse(line, &insn, NULL, NULL), 0);
	return insn.memset.value;
}

static void test_floats(void **state)
{
	static const char *const same_as_libc[] = {
		"0",
		"-0",
		"1",
		"1.5",
		"-2.25",
		"0.1",
		"3.14159265",
		"1e10",
		"1e-10",
		"123456789",
		".5",
		"5.",
		"16777217",
		"1e38",
		"3.4028235e38",
		"4e38",
		"1e39",
		"0x1p0",
		"0x1.8p-3",
		"-0x1.fffffep127",
		"0x1p-149",
		"0x1p-150",
		"0x1.8p-150",
		"0x1.000001p0",
		"0x1.0000010000001p0",
		"0x1.000003p0",
		"0x1.fffffffp-127",
		"0x0.fffffffp-126",
		"0x123456789abcdefp-10",
		"inf",
		"-inf",
		"0x1p999",
		"0x1.fffffffp127",
		"0x1p-999",
		"1.17549435e-38",
	};

	for (size_t i = 0; i < sizeof(same_as_libc) / sizeof(same_as_libc[0]); i++) {
		uint32_t want = nct_f(strtof(same_as_libc[i], NULL)),
			 got = parsed_float(same_as_libc[i]);

		if (got != want)
			fail_msg("%s is %08x, not %08x", same_as_libc[i], got, want);
	}
	assert_int_equal(parsed_float("0b:7fc00001"), 0x7fc00001);
	/* a decimal comma would be the user's locale */
	if (setlocale(LC_ALL, "de_DE.UTF-8"))
		assert_int_equal(parsed_float("1.5"), nct_f(1.5f));
	setlocale(LC_ALL, "C");
}

static void test_errors(void **state)
{
	static const struct {
		const char *line;
		size_t at;
		const char *what;
	} cases[] = {
		{ "matmull", 0, "unknown instruction" },
		{ "nop what=1", 4, "the instruction has no such field" },
		{ "nop op=2", 4, "the instruction has no such field" },
		{ "nop reserved=0", 4, "the instruction has no such field" },
		{ "nop flags", 4, "FIELD=VALUE was expected" },
		{ "nop flags=0x1ff", 14, "the number is too big" },
		{ "nop wait=3", 10, "\":\" and a value were expected" },
		{ "nop sig=3:x", 10, "a number was expected" },
		{ "matmul count=1,2,3 k=1", 18, "the field has more elements" },
		{ "matmul count=1,2,3,4,5", 20, "not part of the value" },
		{ "matmul dtype=fp33", 13, "unknown type" },
		{ "matmul dtype=FP32", 13, "unknown type" },
		{ "matmul src=sbuf[128]+0", 18, "the number is too big" },
		{ "matmul src=sbuf[1]", 17, "\"]+\" and a byte were expected" },
		{ "matmul src_step=40000,0,0,0", 20, "the number is too big" },
		{ "activate func=cbrt", 14, "unknown function" },
		{ "memset value=x", 13, "a float was expected" },
		{ ".word 1 2", 9, "16 words in hex were expected" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct neuron_insn insn;
		const char *what = NULL;
		size_t at = 0;

		assert_int_equal(nrt_isa_parse(cases[i].line, &insn, &at, &what), -EINVAL);
		if (at != cases[i].at || strcmp(what, cases[i].what))
			fail_msg("%s: at %zu: %s", cases[i].line, at, what);
	}
}

/* Text that nobody wrote on purpose. */
static void test_garbage_text(void **state)
{
	static const char *const pieces[] = {
		"matmul", " ",	   "=",	       ",",    "src",	"0x",	"sbuf[", "]+",	  "-",
		"9",	  "count", "wait",     ":",    "scale", "p",	"e",	 ".",	  "inf",
		"0b:",	  "#",	   "activate", "\xff", "dtype", "bf16", ".word", "flags", "\t"
	};

	for (int n = 0; n < 100000; n++) {
		struct neuron_insn insn;
		char line[256] = "";
		size_t at;

		for (unsigned int i = nct_below(20); i; i--)
			strcat(line, pieces[nct_below(sizeof(pieces) / sizeof(pieces[0]))]);
		if (nrt_isa_parse(line, &insn, &at, NULL) == -EINVAL)
			assert_true(at <= strlen(line));
	}
}

static void test_names(void **state)
{
	assert_string_equal(nrt_isa_op_name(NEURON_OP_DMA_COPY), "dma_copy");
	assert_null(nrt_isa_op_name(0));
	assert_null(nrt_isa_op_name(256));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_round_trip_garbage),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_floats),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_garbage_text),
		cmocka_unit_test(test_names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nc_isa_text", tests, NULL, NULL);
}
