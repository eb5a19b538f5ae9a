// SPDX-License-Identifier: Apache-2.0
/* Jobs that execute instructions: what they compute, and what becomes of each kind of mistake. */
#include "util.h"

#define ONE 0x3f800000u
#define TWO 0x40000000u

FIXTURE(exec)
{
	struct rig r;
	struct neuron_ioctl_wait w;
};

FIXTURE_SETUP(exec)
{
	ASSERT_EQ(0, rig_open(&self->r, 16));
}

FIXTURE_TEARDOWN(exec)
{
	close(self->r.fd);
}

/* A copy of SBUF (4 bytes of 16 partitions) to a segment. */
static struct neuron_insn sbuf_to_segment(uint8_t seg, uint32_t offset)
{
	struct neuron_insn i = insn(NEURON_OP_DMA_COPY);

	i.flags = 2;
	i.dst_seg = seg;
	i.dma_copy.count[0] = i.dma_copy.count[1] = i.dma_copy.count[2] = 1;
	i.dma_copy.count[3] = 16;
	i.dma_copy.src = NEURON_LOCAL_ADDR(0, 0, 0);
	i.dma_copy.src_step[3] = NEURON_LOCAL_PARTITION;
	i.dma_copy.dst = offset;
	i.dma_copy.dst_step[3] = 4;
	return i;
}

TEST_F(exec, nothing_to_do)
{
	struct neuron_submit j = rig_job(&self->r, NEURON_DMA, 0, 0);

	EXPECT_EQ(NEURON_JOB_OK, rig_run(&self->r, &j, &self->w));
}

TEST_F(exec, copy_between_segments)
{
	struct neuron_submit j = rig_job(&self->r, NEURON_DMA, 0, 2);

	for (int i = 0; i < 8192; i++)
		self->r.host[i] = i * 7 >> 3;
	self->r.code[0] = insn_copy(1, 64, 2, 0, 128);
	self->r.code[1] = insn_copy(2, 16384, 1, 64, 128);
	EXPECT_EQ(NEURON_JOB_OK, rig_run(&self->r, &j, &self->w));
	EXPECT_EQ(0, memcmp(self->r.data + 64, self->r.host, 8192));
	EXPECT_EQ(0, memcmp(self->r.host + 16384, self->r.host, 8192));
	EXPECT_EQ(0, self->r.data[63]);
	EXPECT_EQ(0, self->r.data[64 + 8192]);
}

TEST_F(exec, engines_meet_at_a_semaphore)
{
	struct neuron_submit j = rig_job(&self->r, NEURON_DMA, 1, 1);
	uint32_t *out = (uint32_t *)self->r.data;

	j.stream[NEURON_POOL].offset = 0;
	j.stream[NEURON_POOL].count = 1;
	self->r.code[0] = insn_memset(0, 4, ONE);
	self->r.code[0].sig_sem = 3;
	self->r.code[0].sig_val = 1;
	self->r.code[1] = sbuf_to_segment(1, 128);
	self->r.code[1].wait_sem = 3;
	self->r.code[1].wait_val = 1;
	EXPECT_EQ(NEURON_JOB_OK, rig_run(&self->r, &j, &self->w));
	for (int i = 0; i < 16; i++)
		EXPECT_EQ(ONE, out[32 + i]);
	EXPECT_EQ(0, out[48]);
	EXPECT_NE(0, self->w.cycles);
}

TEST_F(exec, many_jobs_in_order)
{
	struct neuron_submit j[16];
	uint64_t seq;

	/* Each moves what the one before left: only the right order carries the value through. */
	for (int i = 0; i < 16; i++) {
		self->r.code[i] = insn_copy(1, (i + 1) * 64, 1, i * 64, 1);
		j[i] = rig_job(&self->r, NEURON_DMA, i, 1);
	}
	memset(self->r.data, 0x5a, 64);
	ASSERT_EQ(0, submit(self->r.fd, self->r.queue.id, j, 16, &seq));
	ASSERT_EQ(0, wait_job(self->r.fd, self->r.queue.id, seq, 20 * SECOND, &self->w));
	for (int i = 0; i < 17 * 64; i++)
		ASSERT_EQ(0x5a, self->r.data[i]);
}

TEST_F(exec, sbuf_is_wiped_between_files)
{
	struct neuron_submit j = rig_job(&self->r, NEURON_POOL, 0, 1);
	struct rig other;
	uint32_t *out;

	self->r.code[0] = insn_memset(0, 4, TWO);
	EXPECT_EQ(NEURON_JOB_OK, rig_run(&self->r, &j, &self->w));
	ASSERT_EQ(0, destroy(self->r.fd, self->r.queue.id));
	ASSERT_EQ(0, cores_release(self->r.fd, 1));
	ASSERT_EQ(0, rig_open(&other, 4));
	out = (uint32_t *)other.data;
	memset(out, 0xff, 64);
	other.code[0] = sbuf_to_segment(1, 0);
	j = rig_job(&other, NEURON_DMA, 0, 1);
	EXPECT_EQ(NEURON_JOB_OK, rig_run(&other, &j, &self->w));
	for (int i = 0; i < 16; i++)
		EXPECT_EQ(0, out[i]);
	close(other.fd);
}

/* --- faults --- */

TEST_F(exec, code_not_executable)
{
	struct neuron_submit j = rig_job(&self->r, NEURON_DMA, 0, 1);

	self->r.code[0] = insn(NEURON_OP_NOP);
	j.code = 1;
	EXPECT_EQ(NEURON_JOB_SEGMENT, rig_run(&self->r, &j, &self->w));
}

TEST_F(exec, code_not_bound)
{
	struct neuron_submit j = rig_job(&self->r, NEURON_DMA, 0, 1);

	j.code = 7;
	EXPECT_EQ(NEURON_JOB_SEGMENT, rig_run(&self->r, &j, &self->w));
	j.code = 200;
	EXPECT_EQ(NEURON_JOB_SEGMENT, rig_run(&self->r, &j, &self->w));
}

TEST_F(exec, stream_over_the_end_of_the_code)
{
	struct neuron_submit j = rig_job(&self->r, NEURON_DMA, CODE_INSNS - 1, 2);

	self->r.code[CODE_INSNS - 1] = insn(NEURON_OP_NOP);
	EXPECT_EQ(NEURON_JOB_DESCRIPTOR, rig_run(&self->r, &j, &self->w));
	j.stream[NEURON_DMA].offset = 0xffffffc0;
	EXPECT_EQ(NEURON_JOB_DESCRIPTOR, rig_run(&self->r, &j, &self->w));
}

TEST_F(exec, access_outside_a_segment)
{
	struct neuron_submit j = rig_job(&self->r, NEURON_DMA, 0, 3);

	self->r.code[0] = insn(NEURON_OP_NOP);
	self->r.code[1] = insn_copy(1, DATA_BYTES - 64, 2, 0, 2);
	self->r.code[2] = insn(NEURON_OP_NOP);
	EXPECT_EQ(NEURON_JOB_SEGMENT, rig_run(&self->r, &j, &self->w));
	EXPECT_EQ(NEURON_DMA, self->w.engine);
	EXPECT_EQ(1, self->w.pc);
	EXPECT_EQ(1, self->w.detail);
}

TEST_F(exec, write_to_a_read_only_segment)
{
	struct neuron_submit j = rig_job(&self->r, NEURON_DMA, 0, 1);

	ASSERT_EQ(0, bind_one(self->r.fd, self->r.context, 1, self->r.data_mem.id, 0, 4096, NEURON_ACCESS_READ));
	self->r.code[0] = insn_copy(1, 0, 2, 0, 1);
	EXPECT_EQ(NEURON_JOB_SEGMENT, rig_run(&self->r, &j, &self->w));
	self->r.code[0] = insn_copy(2, 0, 1, 0, 1);
	EXPECT_EQ(NEURON_JOB_OK, rig_run(&self->r, &j, &self->w));
	ASSERT_EQ(0, bind_one(self->r.fd, self->r.context, 1, self->r.data_mem.id, 0, 4096, NEURON_ACCESS_WRITE));
	EXPECT_EQ(NEURON_JOB_SEGMENT, rig_run(&self->r, &j, &self->w));
}

TEST_F(exec, unbound_segment)
{
	struct neuron_submit j = rig_job(&self->r, NEURON_DMA, 0, 1);

	ASSERT_EQ(0, bind_one(self->r.fd, self->r.context, 1, 0, 0, 0, 0));
	self->r.code[0] = insn_copy(1, 0, 2, 0, 1);
	EXPECT_EQ(NEURON_JOB_SEGMENT, rig_run(&self->r, &j, &self->w));
}

TEST_F(exec, unknown_opcode)
{
	struct neuron_submit j = rig_job(&self->r, NEURON_DMA, 0, 1);

	self->r.code[0] = insn(0xee);
	EXPECT_EQ(NEURON_JOB_INSTRUCTION, rig_run(&self->r, &j, &self->w));
	EXPECT_EQ(NEURON_DMA, self->w.engine);
	EXPECT_EQ(0, self->w.pc);
}

TEST_F(exec, opcode_of_another_engine)
{
	struct neuron_submit j = rig_job(&self->r, NEURON_PE, 0, 1);

	self->r.code[0] = insn_memset(0, 4, ONE);
	EXPECT_EQ(NEURON_JOB_INSTRUCTION, rig_run(&self->r, &j, &self->w));
	EXPECT_EQ(NEURON_PE, self->w.engine);
}

TEST_F(exec, deadlock)
{
	struct neuron_submit j = rig_job(&self->r, NEURON_DMA, 0, 1);

	self->r.code[0] = insn(NEURON_OP_NOP);
	self->r.code[0].wait_sem = 9;
	self->r.code[0].wait_val = 1;
	EXPECT_EQ(NEURON_JOB_SEMAPHORE, rig_run(&self->r, &j, &self->w));
	EXPECT_EQ(NEURON_DMA, self->w.engine);
}

TEST_F(exec, timeout)
{
	struct neuron_submit j = rig_long_job(&self->r);
	uint64_t begin = now_ns();

	j.timeout_ms = 200;
	EXPECT_EQ(NEURON_JOB_TIMEOUT, rig_run(&self->r, &j, &self->w));
	EXPECT_LE(SECOND / 5, now_ns() - begin);
	EXPECT_GT(10 * SECOND, now_ns() - begin);
	/* The core is none the worse for it. */
	self->r.code[0] = insn(NEURON_OP_NOP);
	j = rig_job(&self->r, NEURON_DMA, 0, 1);
	EXPECT_EQ(NEURON_JOB_OK, rig_run(&self->r, &j, &self->w));
}

TEST_F(exec, a_fault_does_not_hurt_the_next_job)
{
	struct neuron_submit j[3];
	uint64_t seq;

	self->r.code[0] = insn_copy(1, 0, 2, 0, 1);
	self->r.code[1] = insn(0xee);
	for (int i = 0; i < 3; i++)
		j[i] = rig_job(&self->r, NEURON_DMA, i == 1, 1);
	ASSERT_EQ(0, submit(self->r.fd, self->r.queue.id, j, 3, &seq));
	ASSERT_EQ(0, wait_job(self->r.fd, self->r.queue.id, seq, 20 * SECOND, &self->w));
	EXPECT_EQ(NEURON_JOB_OK, self->w.status);
	ASSERT_EQ(0, wait_job(self->r.fd, self->r.queue.id, seq - 1, 0, &self->w));
	EXPECT_EQ(NEURON_JOB_INSTRUCTION, self->w.status);
	ASSERT_EQ(0, wait_job(self->r.fd, self->r.queue.id, seq - 2, 0, &self->w));
	EXPECT_EQ(NEURON_JOB_OK, self->w.status);
}

TEST_F(exec, faults_are_counted)
{
	const char *path = SYSFS "/neuron_core0/stats/status/bad_instruction/total";
	struct neuron_submit j = rig_job(&self->r, NEURON_DMA, 0, 1);
	char before[32], after[32];

	self->r.code[0] = insn(0xee);
	read_line(path, before, sizeof(before));
	EXPECT_EQ(NEURON_JOB_INSTRUCTION, rig_run(&self->r, &j, &self->w));
	read_line(path, after, sizeof(after));
	EXPECT_NE(0, strlen(before));
	EXPECT_EQ(atoi(before) + 1, atoi(after));
}

/* A result that is no number is told to who waits, and counted; the job itself is a good one. */
TEST_F(exec, nan_is_told_and_counted)
{
	const char *path = SYSFS "/neuron_core0/stats/status/execute_completed_with_num_error/total";
	struct neuron_submit j = rig_job(&self->r, NEURON_POOL, 0, 2);
	struct neuron_insn *divide = &self->r.code[1];
	char before[32], after[32];

	self->r.code[0] = insn_memset(0, 4, 0);
	*divide = insn(NEURON_OP_TENSOR_TENSOR);
	for (int i = 0; i < 4; i++)
		divide->tensor_tensor.count[i] = 1;
	divide->tensor_tensor.partitions = 1;
	divide->tensor_tensor.alu = NEURON_ALU_DIV;
	divide->tensor_tensor.src_dtype = NEURON_FP32;
	divide->tensor_tensor.dst_dtype = NEURON_FP32;
	read_line(path, before, sizeof(before));
	EXPECT_EQ(NEURON_JOB_OK, rig_run(&self->r, &j, &self->w));
	EXPECT_EQ(NEURON_JOB_FLAG_NAN, self->w.job_flags);
	read_line(path, after, sizeof(after));
	EXPECT_NE(0, strlen(before));
	EXPECT_EQ(atoi(before) + 1, atoi(after));
	/* 1 / 1 */
	self->r.code[0] = insn_memset(0, 4, ONE);
	EXPECT_EQ(NEURON_JOB_OK, rig_run(&self->r, &j, &self->w));
	EXPECT_EQ(0, self->w.job_flags);
	read_line(path, before, sizeof(before));
	EXPECT_EQ(atoi(before), atoi(after));
}

/* --- trace --- */

/* Can chip and firmware trace? Where they cannot, asking for it is an error that says so, and nothing else. */
static bool can_trace(const struct rig *r)
{
	struct neuron_ioctl_info info;

	return !get_info(r->fd, &info) && info.features & NEURON_FEATURE_TRACE;
}

TEST_F(exec, trace_needs_firmware_that_can)
{
	struct neuron_submit j[2] = { rig_job(&self->r, NEURON_DMA, 0, 0), rig_job(&self->r, NEURON_DMA, 0, 0) };
	struct neuron_ioctl_info info;

	ASSERT_EQ(0, get_info(self->r.fd, &info));
	EXPECT_EQ(info.fw_api >= 0x10002, can_trace(&self->r));
	j[1].flags = NEURON_SUBMIT_TRACE;
	j[1].trace = 1;
	EXPECT_EQ(can_trace(&self->r) ? 0 : -EOPNOTSUPP, submit(self->r.fd, self->r.queue.id, j, 2, NULL));
	EXPECT_EQ(NEURON_JOB_OK, rig_run(&self->r, &j[0], &self->w));
	/* All or nothing. */
	EXPECT_EQ(can_trace(&self->r) ? 3 : 1, self->w.seq);
}

TEST_F(exec, trace_is_what_was_executed)
{
	struct neuron_submit j = rig_job(&self->r, NEURON_DMA, 0, 3);
	const struct neuron_trace *t = (void *)(self->r.data + 1024);

	if (!can_trace(&self->r))
		SKIP(return, "this firmware cannot");
	ASSERT_EQ(0, bind_one(self->r.fd, self->r.context, 3, self->r.data_mem.id, 1024, 4096, NEURON_ACCESS_WRITE));
	for (int i = 0; i < 3; i++) {
		self->r.code[i] = insn_copy(2, 64 * i, 2, 4096, i + 1);
		self->r.code[i].tag = 70 + i;
	}
	memset(self->r.data, 0xa5, 8192);
	j.flags = NEURON_SUBMIT_TRACE;
	j.trace = 3;
	ASSERT_EQ(NEURON_JOB_OK, rig_run(&self->r, &j, &self->w));
	EXPECT_EQ(NEURON_TRACE_MAGIC, t->magic);
	EXPECT_EQ(NEURON_TRACE_VERSION, t->version);
	EXPECT_EQ(sizeof(t->entry[0]), t->entry_size);
	EXPECT_EQ(self->w.seq, t->seq);
	EXPECT_EQ(3, t->count);
	EXPECT_EQ(0, t->lost);
	EXPECT_EQ(self->w.cycles, t->cycles);
	EXPECT_EQ(3, t->executed[NEURON_DMA]);
	EXPECT_EQ(self->w.cycles, t->busy[NEURON_DMA]);
	for (unsigned int i = 0; i < 3; i++) {
		EXPECT_EQ(NEURON_DMA, t->entry[i].engine);
		EXPECT_EQ(NEURON_OP_DMA_COPY, t->entry[i].op);
		EXPECT_EQ(i, t->entry[i].pc);
		EXPECT_EQ(70 + i, t->entry[i].tag);
		EXPECT_EQ(i ? t->entry[i - 1].end : 0, t->entry[i].start);
	}
	EXPECT_EQ(self->w.cycles, t->entry[2].end);
	EXPECT_EQ(0xa5, self->r.data[1023]);
	EXPECT_EQ(0xa5, self->r.data[1024 + sizeof(*t) + 3 * sizeof(t->entry[0])]);
}

/* A segment that is too small for all is filled, and not a byte more; its job is a good one. */
TEST_F(exec, trace_ends_with_its_segment)
{
	struct neuron_submit j = rig_job(&self->r, NEURON_DMA, 0, 3);
	const struct neuron_trace *t = (void *)self->r.data;
	const uint32_t room = sizeof(*t) + 2 * sizeof(t->entry[0]);

	if (!can_trace(&self->r))
		SKIP(return, "this firmware cannot");
	for (int i = 0; i < 3; i++)
		self->r.code[i] = insn(NEURON_OP_NOP);
	memset(self->r.data, 0xa5, 8192);
	ASSERT_EQ(0, bind_one(self->r.fd, self->r.context, 3, self->r.data_mem.id, 0, room + 31, NEURON_ACCESS_WRITE));
	j.flags = NEURON_SUBMIT_TRACE;
	j.trace = 3;
	ASSERT_EQ(NEURON_JOB_OK, rig_run(&self->r, &j, &self->w));
	EXPECT_EQ(2, t->count);
	EXPECT_EQ(1, t->lost);
	EXPECT_EQ(3, t->executed[NEURON_DMA]);
	EXPECT_EQ(3, t->busy[NEURON_DMA]);
	EXPECT_EQ(0xa5, self->r.data[room]);
}

TEST_F(exec, trace_needs_a_segment_that_may_be_written)
{
	struct neuron_submit j = rig_job(&self->r, NEURON_DMA, 0, 1);

	if (!can_trace(&self->r))
		SKIP(return, "this firmware cannot");
	self->r.code[0] = insn_copy(2, 64, 2, 0, 1);
	memset(self->r.host, 0x11, 64);
	memset(self->r.host + 64, 0x22, 64);
	j.flags = NEURON_SUBMIT_TRACE;
	/* code is not writable, 3 is not bound, 200 is not in the table */
	for (int i = 0; i < 3; i++) {
		j.trace = i == 0 ? 0 : i == 1 ? 3 : 200;
		EXPECT_EQ(NEURON_JOB_SEGMENT, rig_run(&self->r, &j, &self->w));
		EXPECT_EQ(j.trace, self->w.detail);
	}
	j.trace = 3;
	ASSERT_EQ(0, bind_one(self->r.fd, self->r.context, 3, self->r.data_mem.id, 0, 4096, NEURON_ACCESS_READ));
	EXPECT_EQ(NEURON_JOB_SEGMENT, rig_run(&self->r, &j, &self->w));
	ASSERT_EQ(0, bind_one(self->r.fd, self->r.context, 3, self->r.data_mem.id, 0,
			      sizeof(struct neuron_trace) - 1, NEURON_ACCESS_WRITE));
	EXPECT_EQ(NEURON_JOB_SEGMENT, rig_run(&self->r, &j, &self->w));
	/* Nothing of such a job was executed. */
	EXPECT_EQ(0x22, self->r.host[64]);
	j.trace = 255;
	EXPECT_EQ(-EINVAL, submit(self->r.fd, self->r.queue.id, &j, 1, NULL));
	j.trace = 256;
	EXPECT_EQ(-EINVAL, submit(self->r.fd, self->r.queue.id, &j, 1, NULL));
	j.trace = 1;
	j.flags = 0;
	EXPECT_EQ(-EINVAL, submit(self->r.fd, self->r.queue.id, &j, 1, NULL));
	j.flags = 2;
	EXPECT_EQ(-EINVAL, submit(self->r.fd, self->r.queue.id, &j, 1, NULL));
	j.flags = NEURON_SUBMIT_TRACE;
	j.op = NEURON_SUBMIT_NOP;
	EXPECT_EQ(-EINVAL, submit(self->r.fd, self->r.queue.id, &j, 1, NULL));
}

TEST_HARNESS_MAIN
