// SPDX-License-Identifier: Apache-2.0
/*
 * Attacks by jobs: every field of every instruction, as the instruction table lists them, takes every
 * value that breaks arithmetic; copies along patterns whose products and sums overflow; code where it
 * may not be; what the core's last owner left. Guards, secrets and the chip's trace judge.
 */
#include "attack_jobs.h"

FIXTURE(job)
{
	struct victim victim;
	struct rig rig;
	struct cage cage;
};

FIXTURE_SETUP(job)
{
	ASSERT_TRUE(victim_start(&self->victim));
	ASSERT_TRUE(become_attacker());
	ASSERT_EQ(0, rig_open(&self->rig, 256));
	ASSERT_EQ(0, cage_open(&self->cage, &self->rig));
}

FIXTURE_TEARDOWN(job)
{
	EXPECT_NOTHING_WRONG(&self->cage);
	if (self->victim.pid) {
		EXPECT_TRUE(victim_unharmed(&self->victim));
		victim_leave(&self->victim);
	}
	cage_close(&self->cage);
	rig_close(&self->rig);
}

/* --- fields --- */

struct field {
	const char *name;
	uint16_t offset, size;
};

#define FIELD(type, name, kind)		{ #name, 0, sizeof(type) },
#define ARRAY_FIELD(type, name, n, kind) { #name, n, sizeof(type) },

/* Offset of an entry is filled in; arrays carry their length there until then. */
#define HEADER_FIELDS	NEURON_ISA_HEADER(FIELD, ARRAY_FIELD)
#define OP_FIELDS(code, id, mnemonic, engines) \
	{ NEURON_OP_##id, #mnemonic, { HEADER_FIELDS NEURON_ISA_##id(FIELD, ARRAY_FIELD) } },

static struct op {
	uint8_t code;
	const char *name;
	struct field fields[32];
} ops[] = { NEURON_ISA_OPS(OP_FIELDS) };

/* All fields of an operation, arrays element by element; their number. */
static int fields_of(const struct op *op, struct field *out, int max)
{
	uint16_t at = 0;
	int n = 0;

	for (const struct field *f = op->fields; f->name; f++)
		for (int e = 0; e < (f->offset ? f->offset : 1); e++) {
			if (n < max)
				out[n++] = (struct field) { f->name, at, f->size };
			at += f->size;
		}
	return at == NEURON_INSN_SIZE ? n : -1;
}

struct batch {
	uint8_t engines[BATCH];
	unsigned int count;
};

static int batch_flush(struct cage *c, struct batch *b)
{
	int ret = b->count ? cage_run(c, b->engines, b->count) : 0;

	b->count = 0;
	return ret;
}

static int batch_add(struct cage *c, struct batch *b, uint8_t engine, const struct neuron_insn *i)
{
	struct neuron_insn *code = cage_code(c, b->count);

	code[0] = *i;
	/* After an instruction that was taken, one that shows where it left the core. */
	code[1] = insn(NEURON_OP_NOP);
	b->engines[b->count++] = engine;
	return b->count == BATCH ? batch_flush(c, b) : 0;
}

TEST_F_TIMEOUT(job, every_field_of_every_instruction, 250)
{
	struct batch batch = {};
	struct field fields[64];

	for (size_t o = 0; o < ARRAY_SIZE(ops); o++) {
		int variants = ops[o].code == NEURON_OP_DMA_COPY || ops[o].code == NEURON_OP_DMA_GATHER ? 3 : 1;
		int n = fields_of(&ops[o], fields, ARRAY_SIZE(fields));

		ASSERT_LT(0, n);
		for (int f = 0; f < n * variants; f++)
			for (size_t v = 0; v < ARRAY_SIZE(narrow_values); v++) {
				struct neuron_insn i = valid_insn(ops[o].code, f / n);
				const struct field *field = &fields[f % n];

				if (field->size < 4 && narrow_values[v] >> (8 * field->size) &&
				    narrow_values[v] >> (8 * field->size) != 0xffffffff >> (8 * field->size))
					continue;
				/* Alone these two are only wrong. */
				if (!strcmp(field->name, "wait_val"))
					i.wait_sem = 1;
				if (!strcmp(field->name, "sig_val"))
					i.sig_sem = 1;
				memcpy((uint8_t *)&i + field->offset, &narrow_values[v], field->size);
				ASSERT_EQ(0, batch_add(&self->cage, &batch, engine_of(ops[o].code), &i));
			}
		ASSERT_EQ(0, batch_flush(&self->cage, &batch));
		EXPECT_NOTHING_WRONG(&self->cage);
	}
	/* The attack was one: some were taken, some were not. */
	EXPECT_LT(100, self->cage.statuses[NEURON_JOB_OK]);
	EXPECT_LT(100, self->cage.statuses[NEURON_JOB_INSTRUCTION]);
	EXPECT_LT(10, self->cage.statuses[NEURON_JOB_SEGMENT]);
	EXPECT_LT(5, self->cage.statuses[NEURON_JOB_SEMAPHORE]);
	EXPECT_EQ(0, self->cage.statuses[NEURON_JOB_BUS]);
	EXPECT_EQ(0, self->cage.statuses[NEURON_JOB_CONTEXT]);
}

/* --- patterns --- */

static const int32_t steps[] = {
	0, 1, -1, 64, -64, 0x7fffffff, (int32_t)0x80000000, 0x40000000, -0x40000000, 0x1000000, -0x1000000, 0x10000,
	-0x10000, 0xffff, 0x800000,
};
static const uint16_t pattern_counts[] = { 1, 2, 3, 255, 256, 4096, 0x8000, 0xffff };
static const uint32_t offsets[] = { 0, 1, 63, 64, 0x7fc0, 0x7fff, 0x8000, 0xffc0, 0xffff, 0x10000, 0x7fffffff,
				    0x80000000, 0xffffffc0, 0xffffffff };

/* Products of counts and steps that overflow 32 bits, and patterns that come back from far outside. */
TEST_F_TIMEOUT(job, copies_along_wild_patterns, 250)
{
	struct random random = { 0x1234567 };
	struct batch batch = {};

	for (int n = 0; n < 4096; n++) {
		struct neuron_insn i = valid_insn(NEURON_OP_DMA_COPY, random_below(&random, 3));
		uint32_t room = 4096;

		i.flags = random_below(&random, 7);
		for (int d = 0; d < 4; d++) {
			uint16_t count = pattern_counts[random_below(&random, ARRAY_SIZE(pattern_counts))];

			/* What the chip would really do is kept short; what it refuses may be as large as can be. */
			i.dma_copy.count[d] = count > room && n % 4 ? 1 : count;
			room = room > count ? room / count : 1;
			i.dma_copy.src_step[d] = steps[random_below(&random, ARRAY_SIZE(steps))];
			i.dma_copy.dst_step[d] = steps[random_below(&random, ARRAY_SIZE(steps))];
		}
		if (random_below(&random, 2))
			i.dma_copy.src = offsets[random_below(&random, ARRAY_SIZE(offsets))];
		if (random_below(&random, 2))
			i.dma_copy.dst = offsets[random_below(&random, ARRAY_SIZE(offsets))];
		ASSERT_EQ(0, batch_add(&self->cage, &batch, NEURON_DMA, &i));
	}
	ASSERT_EQ(0, batch_flush(&self->cage, &batch));
	EXPECT_LT(10, self->cage.statuses[NEURON_JOB_OK]);
	EXPECT_LT(1000, self->cage.statuses[NEURON_JOB_SEGMENT]);
}

/* Every segment number, both ways, and one element around each end. */
TEST_F_TIMEOUT(job, every_segment_and_its_ends, 250)
{
	struct batch batch = {};
	uint64_t length;

	for (int seg = 0; seg < 256; seg++)
		for (int way = 0; way < 2; way++) {
			struct neuron_insn i = insn_copy(way ? seg : SEG_DEVICE, 0, way ? SEG_DEVICE : seg, 0, 1);

			ASSERT_EQ(0, batch_add(&self->cage, &batch, NEURON_DMA, &i));
		}
	for (int seg = SEG_CODE; seg < SEGMENTS; seg++)
		for (int delta = -65; delta <= 65; delta++)
			for (int way = 0; way < 2; way++) {
				struct neuron_insn i;

				length = self->cage.mem[seg].length - 2 * GUARD_BYTES;
				i = way ? insn_copy(seg, length + delta, SEG_DEVICE, 0, 1) :
					  insn_copy(SEG_DEVICE, 0, seg, length + delta, 1);
				ASSERT_EQ(0, batch_add(&self->cage, &batch, NEURON_DMA, &i));
			}
	ASSERT_EQ(0, batch_flush(&self->cage, &batch));
	EXPECT_LT(500, self->cage.statuses[NEURON_JOB_SEGMENT]);
	EXPECT_EQ(0, self->cage.statuses[NEURON_JOB_BUS]);
}

/* --- the job's own fields --- */

/* Where code may be fetched from: nothing outside the segment that may be executed. */
TEST_F_TIMEOUT(job, code_anywhere, 120)
{
	static const uint32_t numbers[] = { 0, 1, 1023, 1024, 0x10000, 0x3ffffff, 0x4000000, 0x7fffffff, 0x80000000,
					    0xffffffff };
	const uint64_t length = self->cage.mem[SEG_CODE].length - 2 * GUARD_BYTES;
	unsigned int ran = 0;

	for (uint32_t n = 0; n < length / NEURON_INSN_SIZE; n++)
		cage_code(&self->cage, 0)[n] = insn(NEURON_OP_NOP);
	for (uint32_t seg = 0; seg < 256; seg += seg < 8 || seg > 250 ? 1 : 61)
		for (size_t o = 0; o < ARRAY_SIZE(numbers); o++)
			for (size_t c = 0; c < ARRAY_SIZE(numbers); c++) {
				struct neuron_submit job = {
					.op = NEURON_SUBMIT_EXEC,
					.context = self->cage.context,
					.code = seg,
					.stream[NEURON_POOL] = { numbers[o] & ~63u, numbers[c] },
				};
				struct neuron_ioctl_wait w;
				uint64_t end = (numbers[o] & ~63u) + (uint64_t)numbers[c] * NEURON_INSN_SIZE, seq;
				int ret = submit(self->rig.fd, self->cage.queue.id, &job, 1, &seq);

				if (seg == 255) {
					EXPECT_EQ(-EINVAL, ret);
					continue;
				}
				ASSERT_EQ(0, ret);
				ASSERT_EQ(0, wait_job(self->rig.fd, self->cage.queue.id, seq, 60 * SECOND, &w));
				if (seg != SEG_CODE || end > length)
					EXPECT_TRUE(w.status != NEURON_JOB_OK || !numbers[c])
						TH_LOG("segment %u, %#x + %#x", seg, numbers[o], numbers[c]);
				ran += w.status == NEURON_JOB_OK && numbers[c];
			}
	EXPECT_LT(0, ran);
}

/* The trace is what the chip itself writes: into each segment, with each length around what it takes. */
TEST_F_TIMEOUT(job, trace_anywhere, 120)
{
	static const uint64_t lengths[] = { 1, 64, 127, 128, 129, 159, 160, 161, 4096, 4223, 4224, CELL_BYTES };
	struct neuron_submit job = { .op = NEURON_SUBMIT_EXEC, .context = self->cage.context, .timeout_ms = 2000,
				     .stream[NEURON_POOL] = { 0, 200 }, .flags = NEURON_SUBMIT_TRACE };
	struct neuron_ioctl_wait w;
	unsigned int statuses[16] = {};
	uint64_t seq;

	for (uint32_t n = 0; n < 200; n++)
		cage_code(&self->cage, 0)[n] = insn(NEURON_OP_NOP);
	for (job.trace = 0; job.trace < 256; job.trace++) {
		int ret = submit(self->rig.fd, self->cage.queue.id, &job, 1, &seq);

		if (job.trace == 255) {
			EXPECT_EQ(-EINVAL, ret);
			break;
		}
		ASSERT_EQ(0, ret);
		ASSERT_EQ(0, wait_job(self->rig.fd, self->cage.queue.id, seq, 60 * SECOND, &w));
		EXPECT_EQ(job.trace == SEG_DEVICE || job.trace == SEG_HOST || job.trace == SEG_WRITEONLY,
			  w.status == NEURON_JOB_OK);
	}
	job.trace = SEG_DEVICE;
	for (size_t l = 0; l < ARRAY_SIZE(lengths); l++)
		for (uint64_t from = 0; from < 64; from += 21) {
			uint64_t length = lengths[l] - (lengths[l] == CELL_BYTES ? from : 0);

			ASSERT_EQ(0, bind_one(self->rig.fd, self->cage.context, SEG_DEVICE,
					      self->cage.mem[SEG_DEVICE].id, GUARD_BYTES + CELL_BYTES - length, length,
					      NEURON_ACCESS_READ | NEURON_ACCESS_WRITE));
			ASSERT_EQ(0, submit(self->rig.fd, self->cage.queue.id, &job, 1, &seq));
			ASSERT_EQ(0, wait_job(self->rig.fd, self->cage.queue.id, seq, 60 * SECOND, &w));
			statuses[w.status < 16 ? w.status : 15]++;
			EXPECT_EQ(length < 128 ? NEURON_JOB_SEGMENT : NEURON_JOB_OK, w.status);
			EXPECT_NOTHING_WRONG(&self->cage);
		}
	EXPECT_LT(0, statuses[NEURON_JOB_OK]);
}

/* --- what the last owner left --- */

TEST_F_TIMEOUT(job, nothing_left_of_the_last_owner, 120)
{
	struct rig r;
	struct neuron_ioctl_wait w;
	struct neuron_submit job;

	EXPECT_TRUE(victim_unharmed(&self->victim));
	victim_leave(&self->victim);
	ASSERT_EQ(0, victim_rig(&r));
	EXPECT_TRUE(all_zero(r.data, DATA_BYTES));
	EXPECT_TRUE(all_zero(r.host, DATA_BYTES));
	EXPECT_TRUE(all_zero((uint8_t *)r.code, r.code_mem.length));
	for (int p = 0; p < 2 * NEURON_PARTITIONS; p++) {
		r.code[0] = insn_local(false, p & 1, p / 2);
		/* From the other end, too: a partition has more than fits. */
		if (!(p & 1) && p & 2)
			r.code[0].dma_copy.src += NEURON_SBUF_BYTES - DATA_BYTES;
		job = rig_job(&r, NEURON_DMA, 0, 1);
		memset(r.data, 0x77, DATA_BYTES);
		ASSERT_EQ(NEURON_JOB_OK, rig_run(&r, &job, &w));
		EXPECT_TRUE(all_zero(r.data, p & 1 ? NEURON_PSUM_BYTES : DATA_BYTES));
	}
	/* No semaphore counts, and no weights are in the PE array. */
	for (int s = 0; s < NEURON_ISA_SEMAPHORES; s++) {
		r.code[0] = insn(NEURON_OP_NOP);
		r.code[0].wait_sem = s;
		r.code[0].wait_val = 1;
		job = rig_job(&r, NEURON_POOL, 0, 1);
		EXPECT_EQ(NEURON_JOB_SEMAPHORE, rig_run(&r, &job, &w));
	}
	r.code[0] = valid_pe(NEURON_OP_MATMUL);
	job = rig_job(&r, NEURON_PE, 0, 1);
	EXPECT_EQ(NEURON_JOB_INSTRUCTION, rig_run(&r, &job, &w));
	rig_close(&r);
}

/* Nothing of the victim's core either way while both work: semaphores, SBUF, PSUM are a core's own. */
TEST_F(job, a_core_that_is_not_ours)
{
	struct neuron_ioctl_queue_create q;
	struct neuron_ioctl_cores cores = { .size = sizeof(cores), .mask = 1u << VICTIM_CORE };

	EXPECT_EQ(-EBUSY, call(self->rig.fd, NEURON_IOCTL_CORES_ACQUIRE, &cores));
	EXPECT_EQ(1u << VICTIM_CORE, cores.busy);
	EXPECT_EQ(-EPERM, cores_release(self->rig.fd, 1u << VICTIM_CORE));
	for (uint32_t priority = 0; priority < 4; priority++) {
		q = (struct neuron_ioctl_queue_create) { .size = sizeof(q), .core = VICTIM_CORE, .entries = 4,
							 .eventfd = -1, .priority = priority };
		EXPECT_EQ(-EPERM, call(self->rig.fd, NEURON_IOCTL_QUEUE_CREATE, &q));
	}
	for (uint32_t id = 0; id < 64; id++) {
		if (id == self->rig.queue.id || id == self->cage.queue.id)
			continue;
		EXPECT_EQ(-ENOENT, submit_nop(self->rig.fd, id, NULL));
		EXPECT_EQ(-ENOENT, cancel(self->rig.fd, id, 1, NEURON_CANCEL_ALL));
	}
}

TEST_HARNESS_MAIN
