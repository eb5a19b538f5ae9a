// SPDX-License-Identifier: Apache-2.0
/*
 * Running a job: four instruction streams, semaphores, faults, modelled time.
 *
 * The streams advance as a discrete-event simulation: the engine whose next instruction
 * starts earliest in model time executes it at once; what it signals counts from its
 * end on. So the order of execution is the order of model time, the same on every host,
 * and a job's cycles are the time at which its last instruction ends.
 */

#include <string.h>
#include "nc_core.h"
#include "nc_team.h"
#include "nc_trace.h"

#define NEVER	UINT64_MAX
#define FETCH	16	/* instructions read at once from memory that is not mapped */

/* One engine's stream and its next instruction, decoded. */
struct stream {
	uint32_t offset, count;	/* where, in the code segment */
	uint32_t pc;
	uint64_t busy;		/* end of its last instruction */
	bool signalling;	/* that end will signal sem */
	uint8_t sem;
	uint16_t sem_add;

	int status;		/* of fetching and decoding the next instruction */
	uint64_t detail;
	struct emu_nc_dec dec;

	uint32_t fetched, fetched_end;
	struct neuron_insn ahead[FETCH];
};

struct run {
	struct emu_nc *nc;
	uint8_t code;
	struct stream stream[NEURON_STREAMS];
	uint64_t sem_time[NEURON_ISA_SEMAPHORES];	/* of the last signal */
	uint64_t cycles;
	struct emu_nc_tracer *tracer;	/* NULL: nobody asked for one */
};

static bool header_valid(const struct neuron_insn *insn, size_t *field)
{
	*field = offsetof(struct neuron_insn, wait_sem);
	if (insn->wait_sem >= NEURON_ISA_SEMAPHORES && insn->wait_sem != NEURON_ISA_NO_SEM)
		return false;
	*field = offsetof(struct neuron_insn, wait_val);
	if (insn->wait_sem == NEURON_ISA_NO_SEM && insn->wait_val)
		return false;
	*field = offsetof(struct neuron_insn, sig_sem);
	if (insn->sig_sem >= NEURON_ISA_SEMAPHORES && insn->sig_sem != NEURON_ISA_NO_SEM)
		return false;
	*field = offsetof(struct neuron_insn, sig_val);
	if (insn->sig_sem == NEURON_ISA_NO_SEM && insn->sig_val)
		return false;
	if (insn->op == NEURON_OP_DMA_COPY || insn->op == NEURON_OP_DMA_GATHER)
		return true;
	*field = offsetof(struct neuron_insn, dst_seg);
	if (insn->dst_seg)
		return false;
	*field = offsetof(struct neuron_insn, src_seg);
	return !insn->src_seg;
}

/* Reserved bytes of each body by isa.def; they are at its end. */
#define BYTES_NUM(n)	0
#define BYTES_HEX(n)	0
#define BYTES_FLT(n)	0
#define BYTES_ADDR(n)	0
#define BYTES_SCALAR(n)	0
#define BYTES_DTYPE(n)	0
#define BYTES_FUNC(n)	0
#define BYTES_ALU(n)	0
#define BYTES_RES(n)	(n)
#define FIELD_RESERVED(type, name, kind)	+ BYTES_##kind(sizeof(type))
#define ARRAY_RESERVED(type, name, n, kind)	+ BYTES_##kind(sizeof(type) * (n))
#define OP_RESERVED(code, id, name, engines) \
	[code] = 0 NEURON_ISA_##id(FIELD_RESERVED, ARRAY_RESERVED),

static bool reserved_valid(const struct neuron_insn *insn, size_t *field)
{
	static const uint8_t reserved[256] = { NEURON_ISA_OPS(OP_RESERVED) };
	const uint8_t *bytes = (const uint8_t *)insn;
	uint8_t any = 0;

	*field = sizeof(*insn) - reserved[insn->op];
	for (size_t i = *field; i < sizeof(*insn); i++)
		any |= bytes[i];
	return !any;
}

int emu_nc_decode(struct emu_nc *nc, unsigned int engine, struct emu_nc_dec *d)
{
#define ENGINES(code, id, name, engines) [code] = (engines),
	static const uint8_t engines[256] = { NEURON_ISA_OPS(ENGINES) };
#undef ENGINES
	size_t field;

	if (!(engines[d->insn.op] & 1u << engine))
		return EMU_NC_BAD(nc, op);
	if (!header_valid(&d->insn, &field) || !reserved_valid(&d->insn, &field))
		return emu_nc_bad(nc, field);

	switch (d->insn.op) {
	case NEURON_OP_LDWEIGHTS:
	case NEURON_OP_MATMUL:
		return emu_nc_pe_decode(nc, d);
	case NEURON_OP_ACTIVATE:
		return emu_nc_act_decode(nc, d);
	case NEURON_OP_TRANSPOSE:
	case NEURON_OP_IOTA:
	case NEURON_OP_SELECT:
	case NEURON_OP_GATHER:
		return emu_nc_move_decode(nc, d);
	case NEURON_OP_TENSOR_DOT:
		return emu_nc_dot_decode(nc, d);
	case NEURON_OP_DMA_COPY:
	case NEURON_OP_DMA_GATHER:
		return emu_nc_dma_decode(nc, d);
	case NEURON_OP_NOP:
	case NEURON_OP_NOTIFY:
		return d->insn.flags ? EMU_NC_BAD(nc, flags) : NEURON_JOB_OK;
	default:
		return emu_nc_pool_decode(nc, d);
	}
}

/*
 * What engines but the PE and DMA touch of SBUF has to be there itself, and what the PE has not
 * computed yet must not be in the way.
 */
static void touch(struct emu_nc *nc, const struct emu_nc_ap *ap, bool write)
{
	emu_nc_meet_ap(nc, ap, write);
	emu_nc_cache_settle_ap(&nc->cache, &nc->mem, ap);
}

static void touch_act(struct emu_nc *nc, const struct emu_nc_dec_act *act)
{
	touch(nc, &act->src, false);
	touch(nc, &act->dst, true);
	if (act->has_bias)
		touch(nc, &act->bias, false);
	if (act->has_scale)
		touch(nc, &act->scale, false);
	if (act->has_residual)
		touch(nc, &act->residual, false);
	if (act->has_param)
		touch(nc, &act->param, false);
	if (act->reduce)
		touch(nc, &act->sum, true);
}

static void touch_pool(struct emu_nc *nc, const struct emu_nc_dec *d)
{
	const struct emu_nc_dec_pool *p = &d->pool;

	touch(nc, &p->dst, true);
	if (d->insn.op != NEURON_OP_MEMSET)
		touch(nc, &p->src0, false);
	if (d->insn.op == NEURON_OP_TENSOR_TENSOR || d->insn.op == NEURON_OP_TENSOR_DOT)
		touch(nc, &p->src1, false);
	for (int i = 0; i < 2 && d->insn.op == NEURON_OP_TENSOR_SCALAR; i++)
		if (p->pointer[i])
			touch(nc, &p->scalar[i], false);
}

static void touch_move(struct emu_nc *nc, const struct emu_nc_dec *d)
{
	const struct emu_nc_dec_move *v = &d->move;

	touch(nc, &v->dst, true);
	if (d->insn.op != NEURON_OP_IOTA && !(d->insn.op == NEURON_OP_SELECT && v->immediate))
		touch(nc, &v->src, false);
	if (d->insn.op == NEURON_OP_SELECT || d->insn.op == NEURON_OP_GATHER)
		touch(nc, &v->index, false);
}

int emu_nc_exec(struct emu_nc *nc, struct emu_nc_dec *d)
{
	switch (d->insn.op) {
	case NEURON_OP_NOP:
	case NEURON_OP_NOTIFY:	/* its value is in the trace */
		return NEURON_JOB_OK;
	case NEURON_OP_LDWEIGHTS:
	case NEURON_OP_MATMUL:
		return emu_nc_pe_exec(nc, d);
	case NEURON_OP_ACTIVATE:
		touch_act(nc, &d->act);
		return emu_nc_act_exec(nc, d);
	case NEURON_OP_TRANSPOSE:
	case NEURON_OP_IOTA:
	case NEURON_OP_SELECT:
	case NEURON_OP_GATHER:
		touch_move(nc, d);
		return emu_nc_move_exec(nc, d);
	case NEURON_OP_DMA_COPY:
	case NEURON_OP_DMA_GATHER:
		return emu_nc_dma_exec(nc, d);
	default:
		touch_pool(nc, d);
		return emu_nc_pool_exec(nc, d);
	}
}

/* A copy: the host may write to device memory while the job runs. */
static int fetch(struct run *run, struct stream *s)
{
	struct emu_nc *nc = run->nc;
	const uint8_t *code = emu_nc_segment_map(nc, run->code);
	uint64_t off = s->offset + (uint64_t)s->pc * NEURON_INSN_SIZE;
	uint32_t n;
	int ret;

	if (code) {
		memcpy(&s->dec.insn, code + off, sizeof(s->dec.insn));
		return NEURON_JOB_OK;
	}
	if (s->pc >= s->fetched_end) {
		n = s->count - s->pc < FETCH ? s->count - s->pc : FETCH;
		ret = emu_nc_segment_read(nc, run->code, off, s->ahead, n * sizeof(s->ahead[0]));
		if (ret)
			return ret;
		s->fetched = s->pc;
		s->fetched_end = s->pc + n;
	}
	s->dec.insn = s->ahead[s->pc - s->fetched];
	return NEURON_JOB_OK;
}

static void prepare(struct run *run, unsigned int engine)
{
	struct stream *s = &run->stream[engine];

	if (s->pc == s->count)
		return;
	s->status = fetch(run, s);
	if (!s->status)
		s->status = emu_nc_decode(run->nc, engine, &s->dec);
	s->detail = run->nc->detail;
}

/*
 * When can the next instruction of @s start? NEVER: not by anything that is under way.
 * At most one signal an engine is: that of its last instruction.
 */
static uint64_t start_time(const struct run *run, const struct stream *s)
{
	const struct neuron_insn *insn = &s->dec.insn;
	bool used[NEURON_STREAMS] = {};
	uint32_t value;
	uint64_t time;

	if (s->status || insn->wait_sem == NEURON_ISA_NO_SEM)
		return s->busy;
	value = atomic_load_explicit(&run->nc->sem[insn->wait_sem], memory_order_relaxed);
	time = run->sem_time[insn->wait_sem];
	while (value < insn->wait_val) {
		int next = -1;

		for (int e = 0; e < NEURON_STREAMS; e++) {
			const struct stream *o = &run->stream[e];

			if (o->signalling && o->sem == insn->wait_sem && !used[e] &&
			    (next < 0 || o->busy < run->stream[next].busy))
				next = e;
		}
		if (next < 0)
			return NEVER;
		used[next] = true;
		value += run->stream[next].sem_add;
		time = run->stream[next].busy;
	}
	return time > s->busy ? time : s->busy;
}

/* Let the signals count that were due until @now. */
static void deliver(struct run *run, uint64_t now)
{
	for (int e = 0; e < NEURON_STREAMS; e++) {
		struct stream *s = &run->stream[e];

		if (!s->signalling || s->busy > now)
			continue;
		atomic_fetch_add_explicit(&run->nc->sem[s->sem], s->sem_add, memory_order_relaxed);
		if (s->busy > run->sem_time[s->sem])
			run->sem_time[s->sem] = s->busy;
		s->signalling = false;
	}
}

static void step(struct run *run, unsigned int engine, uint64_t start)
{
	struct stream *s = &run->stream[engine];
	const struct neuron_insn *insn = &s->dec.insn;
	struct emu_nc *nc = run->nc;

	deliver(run, start);
	if (!s->status) {
		uint64_t cycles = emu_nc_cycles(&s->dec, nc->sharing);	/* exec may rearrange dec */

		nc->detail = 0;
		s->status = emu_nc_exec(nc, &s->dec);
		s->detail = nc->detail;
		s->busy = start + cycles;
	}
	if (s->status)
		return;
	if (s->busy > run->cycles)
		run->cycles = s->busy;
	s->signalling = insn->sig_sem != NEURON_ISA_NO_SEM;
	s->sem = insn->sig_sem;
	s->sem_add = insn->sig_val;
	if (nc->trace)
		nc->trace(nc->trace_opaque, &(struct emu_nc_span){
			.engine = (uint8_t)engine, .op = insn->op, .pc = s->pc, .tag = insn->tag,
			.value = insn->op == NEURON_OP_NOTIFY ? insn->notify.value : 0,
			.start = start, .end = s->busy });
	if (run->tracer)
		emu_nc_trace_add(run->tracer, &(struct neuron_trace_entry){
			.start = start, .end = s->busy, .pc = s->pc, .tag = insn->tag,
			.engine = (uint8_t)engine, .op = insn->op });
	s->pc++;
	atomic_store_explicit(&nc->pc[engine], s->pc, memory_order_relaxed);
	prepare(run, engine);
}

static void report(struct neuron_completion *c, int status, unsigned int engine, uint32_t pc,
		   uint64_t detail)
{
	c->status = (uint16_t)status;
	c->engine = (uint8_t)engine;
	c->pc = pc;
	c->detail = detail;
}

static void run_streams(struct run *run, struct neuron_completion *c)
{
	for (unsigned int e = 0; e < NEURON_STREAMS; e++) {
		atomic_store_explicit(&run->nc->pc[e], 0, memory_order_relaxed);
		prepare(run, e);
	}
	for (;;) {
		uint64_t best = NEVER;
		int engine = -1, waiting = -1;

		for (int e = 0; e < NEURON_STREAMS; e++) {
			struct stream *s = &run->stream[e];
			uint64_t start;

			if (s->pc == s->count)
				continue;
			start = start_time(run, s);
			if (start < best) {
				best = start;
				engine = e;
			} else if (start == NEVER && waiting < 0) {
				waiting = e;
			}
		}
		if (engine < 0)
			emu_nc_batch_flush(run->nc);
		/* after that: what an abort has cut short is not done */
		if (emu_nc_aborting(run->nc)) {
			report(c, NEURON_JOB_ABORTED, 0, 0, 0);
			break;
		}
		if (engine < 0 && waiting < 0)
			break;
		if (engine < 0) {
			struct stream *s = &run->stream[waiting];

			report(c, NEURON_JOB_SEMAPHORE, (unsigned int)waiting, s->pc,
			       s->dec.insn.wait_sem);
			break;
		}
		step(run, (unsigned int)engine, best);
		if (run->stream[engine].status) {
			struct stream *s = &run->stream[engine];

			report(c, s->status, (unsigned int)engine, s->pc, s->detail);
			break;
		}
	}
	/* all before an instruction that faults has its effect */
	emu_nc_batch_flush(run->nc);
	deliver(run, NEVER);
	c->cycles = run->cycles;
}

static bool job_valid(const struct neuron_job *job)
{
	if (job->reserved0 || job->reserved1 || job->reserved2 || job->flags & ~NEURON_JOB_TRACE ||
	    (job->trace && !job->flags))
		return false;
	return job->op == NEURON_JOB_EXEC || (job->op == NEURON_JOB_NOP && !job->flags);
}

/* The streams must lie in a segment that may be executed. */
static int check_streams(struct run *run, const struct neuron_job *job, struct neuron_completion *c)
{
	int ret;

	for (unsigned int e = 0; e < NEURON_STREAMS; e++) {
		const struct neuron_job_stream *s = &job->stream[e];
		uint64_t end = s->offset + (uint64_t)s->count * NEURON_INSN_SIZE;

		if (!s->count)
			continue;
		ret = emu_nc_segment_check(run->nc, job->code, NEURON_SEG_EXEC, 0, 0);
		if (ret) {
			report(c, ret, e, 0, run->nc->detail);
			return ret;
		}
		if (s->offset % NEURON_INSN_SIZE || end > run->nc->segments[job->code].length) {
			report(c, NEURON_JOB_DESCRIPTOR, e, 0, e);
			return NEURON_JOB_DESCRIPTOR;
		}
		run->stream[e].offset = s->offset;
		run->stream[e].count = s->count;
	}
	return NEURON_JOB_OK;
}

/* The streams from their first instruction to the last that is executed. */
static void run_job(struct run *run, const struct neuron_job *job, struct neuron_completion *c)
{
	struct emu_nc *nc = run->nc;
	uint64_t fp;

	if (check_streams(run, job, c))
		return;
	/* before the first instruction: what it leaves is to be wiped */
	nc->used = true;
	fp = emu_nc_fp_begin(nc->kernels);
	emu_nc_team_begin(nc->team);
	run_streams(run, c);
	emu_nc_team_end(nc->team);
	emu_nc_fp_end(fp);
	if (nc->nan)
		c->flags |= NEURON_JOB_FLAG_NAN;
}

static void run_traced(struct run *run, const struct neuron_job *job, struct neuron_completion *c)
{
	struct emu_nc_tracer tracer;
	int ret = emu_nc_trace_begin(&tracer, run->nc, job->trace);

	if (!ret) {
		run->tracer = &tracer;
		run_job(run, job, c);
		ret = emu_nc_trace_end(&tracer, job->seq, c->cycles);
	}
	if (ret && !c->status)
		report(c, ret, 0, 0, run->nc->detail);
}

static void execute(struct emu_nc *nc, const struct neuron_job *job, struct neuron_completion *c)
{
	struct run run = { .nc = nc, .code = job->code };

	for (unsigned int i = 0; i < NEURON_ISA_SEMAPHORES; i++)
		atomic_store_explicit(&nc->sem[i], 0, memory_order_relaxed);
	memset(nc->segmem, 0, sizeof(nc->segmem));
	emu_nc_pe_release(nc);
	emu_nc_cache_begin_job(&nc->cache);
	nc->nan = false;
	nc->sharing = nc->bus.sharing ? nc->bus.sharing(nc->bus.opaque) : 1;
	if (job->flags & NEURON_JOB_TRACE)
		run_traced(&run, job, c);
	else
		run_job(&run, job, c);
}

void emu_nc_run(struct emu_nc *nc, const struct neuron_segment *segments, unsigned int count,
		uint32_t owner, const struct neuron_job *job, struct neuron_completion *completion)
{
	int idle = EMU_NC_IDLE;

	atomic_compare_exchange_strong(&nc->abort, &idle, EMU_NC_ARMED);
	*completion = (struct neuron_completion){ .seq = job->seq };
	if (owner != nc->owner) {
		emu_nc_wipe(nc);
		nc->owner = owner;
	}
	nc->segments = segments;
	nc->segment_count = count < NEURON_SEGMENTS ? count : NEURON_SEGMENTS;
	if (!job_valid(job))
		report(completion, NEURON_JOB_DESCRIPTOR, 0, 0, 0);
	else if (emu_nc_aborting(nc))
		report(completion, NEURON_JOB_ABORTED, 0, 0, 0);
	else if (job->op == NEURON_JOB_EXEC)
		execute(nc, job, completion);
	nc->segments = NULL;
	nc->segment_count = 0;
	atomic_store(&nc->abort, EMU_NC_IDLE);
}
