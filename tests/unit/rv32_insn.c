// SPDX-License-Identifier: Apache-2.0
/*
 * Each instruction of rv32_cases.def against a result that C computes another way.
 */
#include "rv32_test.h"

#define PAIRS	400
/* An offset that is an address: (a, b) jumped out of the routine. */
#define TRAP_AT(addr)	(addr)

enum kind { SWEEP, CASE, TRAP };

struct result {
	uint32_t want, cause, tval, pc;
};

struct test {
	enum kind kind;
	const char *code;
	uint32_t a, b;
	struct result (*result)(uint32_t a, uint32_t b, uint32_t start);
};

/* One function per case, so that the operands have the names that the table uses. */
#define JOIN2(x, y) x##y
#define JOIN(x, y) JOIN2(x, y)
#define FUNCTION(n, ...) static struct result JOIN(result_, n)(uint32_t a, uint32_t b, uint32_t START) \
	{ (void)a; (void)b; (void)START; return (struct result){ __VA_ARGS__ }; }
#define RV_SWEEP(code, expr) FUNCTION(__LINE__, .want = (expr))
#define RV_CASE(code, a_, b_, want_) FUNCTION(__LINE__, .want = (want_))
#define RV_TRAP(code, a_, b_, cause_, tval_, pc_) FUNCTION(__LINE__, .cause = (cause_), .tval = (tval_), .pc = (pc_))
#include "rv32_cases.def"
#undef RV_SWEEP
#undef RV_CASE
#undef RV_TRAP

static const struct test tests[] = {
#define RV_SWEEP(code_, expr) { .kind = SWEEP, .code = code_, .result = JOIN(result_, __LINE__) },
#define RV_CASE(code_, a_, b_, want_) \
	{ .kind = CASE, .code = code_, .a = a_, .b = b_, .result = JOIN(result_, __LINE__) },
#define RV_TRAP(code_, a_, b_, cause_, tval_, pc_) \
	{ .kind = TRAP, .code = code_, .a = a_, .b = b_, .result = JOIN(result_, __LINE__) },
#include "rv32_cases.def"
};

#define TESTS	(sizeof(tests) / sizeof(tests[0]))
#define VECTOR	(BASE + RAM_SIZE - 64)	/* trap handler: wfi */

static const char *program;

static uint32_t random_word(void)
{
	static const uint32_t edges[] = { 0, 1, 2, 31, 32, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff, 0xfffffffe };
	static uint64_t state = 1;

	state = state * 6364136223846793005ull + 1442695040888963407ull;
	if (state >> 60 < 5)
		return edges[(state >> 40) % (sizeof(edges) / sizeof(edges[0]))];
	return state >> (state >> 59 < 16 ? 32 : 50);
}

/* Run routine @n until it traps. */
static uint32_t run(struct machine *m, size_t n, uint32_t a, uint32_t b)
{
	uint32_t start = ram_get(m, BASE + 4 * n);
	uint64_t done;

	m->sum = 0;
	emu_rv32_reset(m->cpu, VECTOR - 16);
	emu_rv32_set(m->cpu, 10, a);
	emu_rv32_set(m->cpu, 11, b);
	emu_rv32_set(m->cpu, 27, VECTOR);
	emu_rv32_set(m->cpu, 6, start);
	ram_put(m, VECTOR - 16, 0x305d9073);	/* csrw mtvec, s11 */
	ram_put(m, VECTOR - 12, 0x00030067);	/* jr t1 */
	ram_put(m, VECTOR, 0x10500073);		/* wfi */
	if (emu_rv32_run(m->cpu, 100000, &done) != EMU_RV32_WFI)
		fail_msg("%s: pc %08x", tests[n].code, emu_rv32_get(m->cpu, EMU_RV32_PC));
	return start;
}

static void check_value(struct machine *m, size_t n, uint32_t a, uint32_t b)
{
	uint32_t start = run(m, n, a, b), got = emu_rv32_get(m->cpu, 10);
	struct result want = tests[n].result(a, b, start);

	if (emu_rv32_csr(m->cpu, 0x342) != EMU_RV32_BREAKPOINT)
		fail_msg("%s (%08x, %08x): trap %u at %08x", tests[n].code, a, b, emu_rv32_csr(m->cpu, 0x342),
			 emu_rv32_csr(m->cpu, 0x341));
	if (got != want.want)
		fail_msg("%s (%08x, %08x) = %08x, not %08x", tests[n].code, a, b, got, want.want);
	assert_int_equal(emu_rv32_get(m->cpu, 0), 0);
}

static void check_trap(struct machine *m, size_t n)
{
	uint32_t start = run(m, n, tests[n].a, tests[n].b);
	struct result want = tests[n].result(tests[n].a, tests[n].b, start);
	uint32_t cause = emu_rv32_csr(m->cpu, 0x342), epc = emu_rv32_csr(m->cpu, 0x341), tval = emu_rv32_csr(m->cpu, 0x343);
	uint32_t pc = want.pc < 64 ? start + want.pc : want.pc;

	if (cause != want.cause || tval != want.tval || epc != pc)
		fail_msg("%s: cause %u tval %08x pc %08x, not %u %08x %08x", tests[n].code, cause, tval, epc,
			 want.cause, want.tval, pc);
}

static void test_kind(enum kind kind)
{
	for (size_t n = 0; n < TESTS; n++) {
		/* routines may change themselves */
		struct machine *m;

		if (tests[n].kind != kind)
			continue;
		m = machine_new(program);
		if (kind == CASE)
			check_value(m, n, tests[n].a, tests[n].b);
		else if (kind == TRAP)
			check_trap(m, n);
		else
			for (int i = 0; i < PAIRS; i++)
				check_value(m, n, random_word(), random_word());
		machine_free(m);
	}
}

static void test_sweeps(void **state)
{
	test_kind(SWEEP);
}

static void test_cases(void **state)
{
	test_kind(CASE);
}

static void test_traps(void **state)
{
	test_kind(TRAP);
}

/* A budget of one: the same result, one instruction at a time. */
static void test_single_step(void **state)
{
	struct machine *m = machine_new(NULL);
	uint64_t done, steps = 0;

	ram_put(m, BASE, 0x00a00513);		/* li a0, 10 */
	ram_put(m, BASE + 4, 0xfff50513);	/* addi a0, a0, -1 */
	ram_put(m, BASE + 8, 0xfe051ee3);	/* bnez a0, -4 */
	ram_put(m, BASE + 12, 0x10500073);	/* wfi */
	emu_rv32_reset(m->cpu, BASE);
	assert_int_equal(emu_rv32_run(m->cpu, 0, &done), EMU_RV32_BUDGET);
	assert_int_equal(done, 0);
	while (emu_rv32_run(m->cpu, 1, &done) == EMU_RV32_BUDGET) {
		assert_int_equal(done, 1);
		steps++;
		assert_int_equal(emu_rv32_csr(m->cpu, 0xb02), steps);
		assert_true(steps < 100);
	}
	assert_int_equal(done, 1);
	assert_int_equal(steps, 1 + 2 * 10);
	assert_int_equal(emu_rv32_get(m->cpu, EMU_RV32_PC), BASE + 16);
	machine_free(m);
}

static void test_lockup(void **state)
{
	struct machine *m = machine_new(NULL);
	uint64_t done;

	/* mtvec 0 is no memory; then a handler that traps itself */
	emu_rv32_reset(m->cpu, BASE);
	assert_int_equal(emu_rv32_run(m->cpu, 1000, &done), EMU_RV32_LOCKUP);
	assert_int_equal(emu_rv32_csr(m->cpu, 0x341), BASE);
	assert_int_equal(emu_rv32_csr(m->cpu, 0x342), EMU_RV32_ILLEGAL);
	ram_put(m, BASE, 0x30529073);	/* csrw mtvec, t0 */
	emu_rv32_reset(m->cpu, BASE);
	emu_rv32_set(m->cpu, 5, BASE + 64);
	assert_int_equal(emu_rv32_run(m->cpu, 1000, &done), EMU_RV32_LOCKUP);
	assert_true(done < 10);
	machine_free(m);
}

/* Code that came by DMA replaces decoded code once it is told of. */
static void test_reload(void **state)
{
	struct machine *m = machine_new(NULL);
	uint64_t done;

	for (uint32_t value = 1; value < 4; value++) {
		ram_put(m, BASE, 0x00000513 | value << 20);	/* li a0, value */
		ram_put(m, BASE + 4, 0x10500073);
		if (value == 2)
			emu_rv32_invalidate(m->cpu, BASE, 4);
		if (value == 3)
			emu_rv32_reset(m->cpu, BASE);
		emu_rv32_set(m->cpu, EMU_RV32_PC, BASE);
		assert_int_equal(emu_rv32_run(m->cpu, 10, &done), EMU_RV32_WFI);
		assert_int_equal(emu_rv32_get(m->cpu, 10), value);
	}
	machine_free(m);
}

/* Whatever the words are, the hart stops in time and stays inside its RAM. */
static void test_garbage(void **state)
{
	struct machine *m = machine_new(NULL);
	uint64_t done;

	for (int round = 0; round < 300; round++) {
		for (uint32_t i = 0; i < RAM_SIZE; i += 4)
			ram_put(m, BASE + i, round % 3 ? random_word() : random_word() & ~0x00010001u);
		emu_rv32_reset(m->cpu, BASE + random_word() % RAM_SIZE);
		for (int i = 0; i < 20; i++) {
			emu_rv32_set(m->cpu, EMU_RV32_PC, BASE + random_word() % RAM_SIZE);
			emu_rv32_set(m->cpu, 1 + i, BASE + random_word() % RAM_SIZE);
			emu_rv32_run(m->cpu, 2000, &done);
			assert_true(done <= 2000);
		}
	}
	machine_free(m);
}

static void test_bad_bus(void **state)
{
	uint8_t ram[8];
	struct emu_rv32_bus bus = { .ram = ram, .base = BASE, .size = 8, .read = device_read, .write = device_write };
	struct emu_rv32 *cpu;

	bus.size = 6;
	assert_int_equal(emu_rv32_create(&bus, &cpu), -22);
	bus.size = 8;
	bus.base = BASE + 2;
	assert_int_equal(emu_rv32_create(&bus, &cpu), -22);
	bus.base = 0xfffffffc;
	assert_int_equal(emu_rv32_create(&bus, &cpu), -22);
	bus.base = BASE;
	bus.ram = NULL;
	assert_int_equal(emu_rv32_create(&bus, &cpu), -22);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(test_sweeps),
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_traps),
		cmocka_unit_test(test_single_step),
		cmocka_unit_test(test_lockup),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_bad_bus),
	};
	char path[4096];

	snprintf(path, sizeof(path), "%s.bin", argv[0]);
	program = path;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(all, NULL, NULL);
}
