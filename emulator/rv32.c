// SPDX-License-Identifier: Apache-2.0
/*
 * The RV32IMC interpreter. Each halfword of RAM has a record; the record of an address
 * that was executed holds the decoded instruction and the address of its handler, so
 * that executing it again is one indirect jump.
 */
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "rv32.h"

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

#define RV32_OPS(X) \
	X(DECODE) X(FETCH) X(ILLEGAL) \
	X(ADDI) X(SLTI) X(SLTIU) X(XORI) X(ORI) X(ANDI) X(SLLI) X(SRLI) X(SRAI) \
	X(ADD) X(SUB) X(SLL) X(SLT) X(SLTU) X(XOR) X(SRL) X(SRA) X(OR) X(AND) \
	X(MUL) X(MULH) X(MULHSU) X(MULHU) X(DIV) X(DIVU) X(REM) X(REMU) \
	X(LUI) X(JAL) X(JALR) X(BEQ) X(BNE) X(BLT) X(BGE) X(BLTU) X(BGEU) \
	X(LB) X(LH) X(LW) X(LBU) X(LHU) X(SB) X(SH) X(SW) \
	X(FENCE) X(FENCE_I) X(CSR) X(ECALL) X(EBREAK) X(MRET) X(WFI)

enum rv32_op {
#define RV32_ENUM(name) OP_##name,
	RV32_OPS(RV32_ENUM)
#undef RV32_ENUM
	OP_COUNT,
};

/* Writes to x0 go to a register that nobody reads. */
#define RV32_SINK	32

/**
 * struct rv32_insn - a decoded instruction
 * @go: its handler
 * @imm: immediate; jumps and branches: target; ILLEGAL: its bits; FETCH: faulting address
 */
struct rv32_insn {
	const void *go;
	uint32_t imm;
	uint8_t rd;
	uint8_t rs1;
	uint8_t rs2;
	uint8_t halves;
};

#define MSTATUS_MIE	0x0008u
#define MSTATUS_MPIE	0x0080u
#define MSTATUS_MPP	0x1800u	/* machine mode is the only one */
#define MISA_VALUE	0x40001104u	/* RV32, C, I, M */

struct emu_rv32 {
	struct emu_rv32_bus bus;
	uint32_t x[33];
	uint32_t pc;
	uint32_t mstatus, mtvec, mepc, mcause, mtval, mscratch;
	uint64_t cycle, instret;
	const void *const *labels;	/* handlers by enum rv32_op */
	/* halfwords that decoded instructions cover: [code_lo, code_lo + code_len) */
	uint32_t code_lo, code_len;
	struct rv32_insn *insn;
};

static inline uint32_t bits(uint32_t w, unsigned int lo, unsigned int count)
{
	return (w >> lo) & ((1u << count) - 1);
}

/* Sign-extend the low @count bits of @v. */
static inline uint32_t sext(uint32_t v, unsigned int count)
{
	uint32_t sign = 1u << (count - 1);

	return (v ^ sign) - sign;
}

static enum rv32_op decode_op(uint32_t w)
{
	static const uint8_t base[8] = { OP_ADD, OP_SLL, OP_SLT, OP_SLTU, OP_XOR, OP_SRL, OP_OR, OP_AND };
	static const uint8_t muldiv[8] = { OP_MUL, OP_MULH, OP_MULHSU, OP_MULHU,
					   OP_DIV, OP_DIVU, OP_REM, OP_REMU };
	uint32_t funct3 = bits(w, 12, 3);

	switch (w >> 25) {
	case 0x00:
		return base[funct3];
	case 0x01:
		return muldiv[funct3];
	case 0x20:
		return funct3 == 0 ? OP_SUB : funct3 == 5 ? OP_SRA : OP_ILLEGAL;
	default:
		return OP_ILLEGAL;
	}
}

static enum rv32_op decode_op_imm(struct rv32_insn *d, uint32_t w)
{
	static const uint8_t ops[8] = { OP_ADDI, OP_SLLI, OP_SLTI, OP_SLTIU, OP_XORI, OP_SRLI, OP_ORI, OP_ANDI };
	uint32_t funct3 = bits(w, 12, 3);

	d->imm = sext(w >> 20, 12);
	if (funct3 != 1 && funct3 != 5)
		return ops[funct3];
	d->imm = bits(w, 20, 5);
	if (w >> 25 == 0)
		return ops[funct3];
	return w >> 25 == 0x20 && funct3 == 5 ? OP_SRAI : OP_ILLEGAL;
}

static enum rv32_op decode_system(struct rv32_insn *d, uint32_t w)
{
	uint32_t funct3 = bits(w, 12, 3);

	switch (w) {
	case 0x00000073:
		return OP_ECALL;
	case 0x00100073:
		return OP_EBREAK;
	case 0x30200073:
		return OP_MRET;
	case 0x10500073:
		return OP_WFI;
	}
	if (!(funct3 & 3))
		return OP_ILLEGAL;
	/* the handler reads the fields again: these are rare */
	d->imm = w;
	return OP_CSR;
}

static enum rv32_op decode_32(struct rv32_insn *d, uint32_t w, uint32_t pc)
{
	static const uint8_t branch[8] = {
		OP_BEQ, OP_BNE, OP_ILLEGAL, OP_ILLEGAL, OP_BLT, OP_BGE, OP_BLTU, OP_BGEU
	};
	static const uint8_t load[8] = {
		OP_LB, OP_LH, OP_LW, OP_ILLEGAL, OP_LBU, OP_LHU, OP_ILLEGAL, OP_ILLEGAL
	};
	uint32_t funct3 = bits(w, 12, 3);

	d->rd = bits(w, 7, 5);
	d->rs1 = bits(w, 15, 5);
	d->rs2 = bits(w, 20, 5);
	switch (w & 0x7f) {
	case 0x37:
		d->imm = w & 0xfffff000u;
		return OP_LUI;
	case 0x17:
		d->imm = pc + (w & 0xfffff000u);
		return OP_LUI;
	case 0x6f:
		d->imm = pc + sext(bits(w, 31, 1) << 20 | bits(w, 12, 8) << 12 | bits(w, 20, 1) << 11 |
				   bits(w, 21, 10) << 1, 21);
		return OP_JAL;
	case 0x67:
		d->imm = sext(w >> 20, 12);
		return funct3 ? OP_ILLEGAL : OP_JALR;
	case 0x63:
		d->imm = pc + sext(bits(w, 31, 1) << 12 | bits(w, 7, 1) << 11 | bits(w, 25, 6) << 5 |
				   bits(w, 8, 4) << 1, 13);
		return branch[funct3];
	case 0x03:
		d->imm = sext(w >> 20, 12);
		return load[funct3];
	case 0x23:
		d->imm = sext((w >> 25) << 5 | bits(w, 7, 5), 12);
		return funct3 == 0 ? OP_SB : funct3 == 1 ? OP_SH : funct3 == 2 ? OP_SW : OP_ILLEGAL;
	case 0x13:
		return decode_op_imm(d, w);
	case 0x33:
		return decode_op(w);
	case 0x0f:
		return funct3 == 0 ? OP_FENCE : funct3 == 1 ? OP_FENCE_I : OP_ILLEGAL;
	case 0x73:
		return decode_system(d, w);
	default:
		return OP_ILLEGAL;
	}
}

static enum rv32_op set_insn(struct rv32_insn *d, enum rv32_op op, uint32_t rd, uint32_t rs1,
			     uint32_t rs2, uint32_t imm)
{
	d->rd = rd;
	d->rs1 = rs1;
	d->rs2 = rs2;
	d->imm = imm;
	return op;
}

static enum rv32_op decode_c0(struct rv32_insn *d, uint32_t w)
{
	uint32_t rs1 = 8 + bits(w, 7, 3), rd = 8 + bits(w, 2, 3);
	uint32_t wide = bits(w, 7, 4) << 6 | bits(w, 11, 2) << 4 | bits(w, 5, 1) << 3 | bits(w, 6, 1) << 2;
	uint32_t off = bits(w, 5, 1) << 6 | bits(w, 10, 3) << 3 | bits(w, 6, 1) << 2;

	switch (bits(w, 13, 3)) {
	case 0:
		return wide ? set_insn(d, OP_ADDI, rd, 2, 0, wide) : OP_ILLEGAL;
	case 2:
		return set_insn(d, OP_LW, rd, rs1, 0, off);
	case 6:
		return set_insn(d, OP_SW, 0, rs1, rd, off);
	default:
		return OP_ILLEGAL;
	}
}

/* Quadrant 1, funct3 4: arithmetic on x8..x15. */
static enum rv32_op decode_c1_alu(struct rv32_insn *d, uint32_t w)
{
	static const uint8_t ops[4] = { OP_SUB, OP_XOR, OP_OR, OP_AND };
	uint32_t rd = 8 + bits(w, 7, 3), rs2 = 8 + bits(w, 2, 3), high = bits(w, 12, 1);

	switch (bits(w, 10, 2)) {
	case 0:
		return high ? OP_ILLEGAL : set_insn(d, OP_SRLI, rd, rd, 0, bits(w, 2, 5));
	case 1:
		return high ? OP_ILLEGAL : set_insn(d, OP_SRAI, rd, rd, 0, bits(w, 2, 5));
	case 2:
		return set_insn(d, OP_ANDI, rd, rd, 0, sext(high << 5 | bits(w, 2, 5), 6));
	default:
		return high ? OP_ILLEGAL : set_insn(d, ops[bits(w, 5, 2)], rd, rd, rs2, 0);
	}
}

static enum rv32_op decode_c1(struct rv32_insn *d, uint32_t w, uint32_t pc)
{
	uint32_t rd = bits(w, 7, 5), rs1 = 8 + bits(w, 7, 3);
	uint32_t imm = sext(bits(w, 12, 1) << 5 | bits(w, 2, 5), 6);
	uint32_t sp = sext(bits(w, 12, 1) << 9 | bits(w, 3, 2) << 7 | bits(w, 5, 1) << 6 |
			   bits(w, 2, 1) << 5 | bits(w, 6, 1) << 4, 10);
	uint32_t jump = sext(bits(w, 12, 1) << 11 | bits(w, 8, 1) << 10 | bits(w, 9, 2) << 8 |
			     bits(w, 6, 1) << 7 | bits(w, 7, 1) << 6 | bits(w, 2, 1) << 5 |
			     bits(w, 11, 1) << 4 | bits(w, 3, 3) << 1, 12);
	uint32_t near = sext(bits(w, 12, 1) << 8 | bits(w, 5, 2) << 6 | bits(w, 2, 1) << 5 |
			     bits(w, 10, 2) << 3 | bits(w, 3, 2) << 1, 9);

	switch (bits(w, 13, 3)) {
	case 0:
		return set_insn(d, OP_ADDI, rd, rd, 0, imm);
	case 1:
		return set_insn(d, OP_JAL, 1, 0, 0, pc + jump);
	case 2:
		return set_insn(d, OP_ADDI, rd, 0, 0, imm);
	case 3:
		if (!imm)
			return OP_ILLEGAL;
		return rd == 2 ? set_insn(d, OP_ADDI, 2, 2, 0, sp) :
				 set_insn(d, OP_LUI, rd, 0, 0, imm << 12);
	case 4:
		return decode_c1_alu(d, w);
	case 5:
		return set_insn(d, OP_JAL, 0, 0, 0, pc + jump);
	case 6:
		return set_insn(d, OP_BEQ, 0, rs1, 0, pc + near);
	default:
		return set_insn(d, OP_BNE, 0, rs1, 0, pc + near);
	}
}

static enum rv32_op decode_c2(struct rv32_insn *d, uint32_t w)
{
	uint32_t rd = bits(w, 7, 5), rs2 = bits(w, 2, 5), high = bits(w, 12, 1);

	switch (bits(w, 13, 3)) {
	case 0:
		return high ? OP_ILLEGAL : set_insn(d, OP_SLLI, rd, rd, 0, rs2);
	case 2:
		return !rd ? OP_ILLEGAL :
		       set_insn(d, OP_LW, rd, 2, 0, bits(w, 2, 2) << 6 | high << 5 | bits(w, 4, 3) << 2);
	case 4:
		if (rs2)
			return set_insn(d, OP_ADD, rd, high ? rd : 0, rs2, 0);
		if (rd)
			return set_insn(d, OP_JALR, high, rd, 0, 0);
		return high ? OP_EBREAK : OP_ILLEGAL;
	case 6:
		return set_insn(d, OP_SW, 0, 2, rs2, bits(w, 7, 2) << 6 | bits(w, 9, 4) << 2);
	default:
		return OP_ILLEGAL;
	}
}

static uint32_t ram_half(const struct emu_rv32 *cpu, uint32_t off)
{
	uint16_t v;

	memcpy(&v, cpu->bus.ram + off, sizeof(v));
	return le16toh(v);
}

/* Decode the instruction at RAM offset @off into its record, but for the handler. */
static enum rv32_op decode(struct emu_rv32 *cpu, uint32_t off)
{
	struct rv32_insn *d = &cpu->insn[off >> 1];
	uint32_t lo = off >> 1, hi, pc = cpu->bus.base + off, w = ram_half(cpu, off);
	enum rv32_op op;

	if ((w & 3) == 3) {
		d->halves = 2;
		if (off + 4 > cpu->bus.size) {
			d->imm = pc + 2;
			return OP_FETCH;
		}
		w |= ram_half(cpu, off + 2) << 16;
		op = decode_32(d, w, pc);
	} else {
		d->halves = 1;
		op = (w & 3) == 0 ? decode_c0(d, w) :
		     (w & 3) == 1 ? decode_c1(d, w, pc) : decode_c2(d, w);
	}
	if (op == OP_ILLEGAL)
		d->imm = w;
	if (!d->rd)
		d->rd = RV32_SINK;

	hi = lo + d->halves;
	if (cpu->code_len) {
		if (hi < cpu->code_lo + cpu->code_len)
			hi = cpu->code_lo + cpu->code_len;
		if (lo > cpu->code_lo)
			lo = cpu->code_lo;
	}
	cpu->code_lo = lo;
	cpu->code_len = hi - lo;
	return op;
}

static void drop_records(struct emu_rv32 *cpu, uint32_t lo, uint32_t hi)
{
	for (uint32_t i = lo; i < hi; i++)
		cpu->insn[i].go = cpu->labels[OP_DECODE];
}

static void drop_all(struct emu_rv32 *cpu)
{
	drop_records(cpu, cpu->code_lo, cpu->code_lo + cpu->code_len);
	cpu->code_lo = 0;
	cpu->code_len = 0;
}

/* Forget what was decoded from RAM [@off, @off + @len), which lies in RAM. */
static void drop_range(struct emu_rv32 *cpu, uint32_t off, uint32_t len)
{
	/* an instruction of two halfwords may begin one before */
	uint32_t lo = off >> 1, hi = (off + len + 1) >> 1;

	drop_records(cpu, lo ? lo - 1 : 0, hi);
}

void emu_rv32_invalidate(struct emu_rv32 *cpu, uint32_t addr, uint32_t len)
{
	uint32_t off = addr - cpu->bus.base;

	if (off >= cpu->bus.size || len > cpu->bus.size - off)
		return;
	/* most DMA goes to data: the code is elsewhere */
	if (off >> 1 >= cpu->code_lo + cpu->code_len || (off + len + 1) >> 1 <= cpu->code_lo)
		return;
	drop_range(cpu, off, len);
}

static int csr_read(const struct emu_rv32 *cpu, unsigned int csr, uint32_t *v)
{
	switch (csr) {
	case 0x300: *v = cpu->mstatus; break;
	case 0x301: *v = MISA_VALUE; break;
	case 0x304: case 0x344: *v = 0; break;	/* mie, mip: no interrupts */
	case 0x305: *v = cpu->mtvec; break;
	case 0x310: *v = 0; break;	/* mstatush */
	case 0x340: *v = cpu->mscratch; break;
	case 0x341: *v = cpu->mepc; break;
	case 0x342: *v = cpu->mcause; break;
	case 0x343: *v = cpu->mtval; break;
	case 0xb00: case 0xc00: *v = cpu->cycle; break;
	case 0xb80: case 0xc80: *v = cpu->cycle >> 32; break;
	case 0xb02: case 0xc02: *v = cpu->instret; break;
	case 0xb82: case 0xc82: *v = cpu->instret >> 32; break;
	case 0xf11: case 0xf12: case 0xf13: case 0xf14: case 0xf15: *v = 0; break;
	default: return -EINVAL;
	}
	return 0;
}

static uint64_t set_low(uint64_t old, uint32_t v)
{
	return (old & ~0xffffffffull) | v;
}

static uint64_t set_high(uint64_t old, uint32_t v)
{
	return (old & 0xffffffffu) | (uint64_t)v << 32;
}

/* Counters get one less: the instruction that writes them will be counted, and must not be. */
static void csr_write(struct emu_rv32 *cpu, unsigned int csr, uint32_t v)
{
	switch (csr) {
	case 0x300: cpu->mstatus = (v & (MSTATUS_MIE | MSTATUS_MPIE)) | MSTATUS_MPP; break;
	case 0x305: cpu->mtvec = v & ~3u; break;
	case 0x340: cpu->mscratch = v; break;
	case 0x341: cpu->mepc = v & ~1u; break;
	case 0x342: cpu->mcause = v; break;
	case 0x343: cpu->mtval = v; break;
	case 0xb00: cpu->cycle = set_low(cpu->cycle, v) - 1; break;
	case 0xb80: cpu->cycle = set_high(cpu->cycle, v) - 1; break;
	case 0xb02: cpu->instret = set_low(cpu->instret, v) - 1; break;
	case 0xb82: cpu->instret = set_high(cpu->instret, v) - 1; break;
	}
}

/* A CSR instruction @w. Not 0: illegal. */
static int csr_insn(struct emu_rv32 *cpu, uint32_t w)
{
	unsigned int csr = w >> 20, funct3 = bits(w, 12, 3), rs1 = bits(w, 15, 5), rd = bits(w, 7, 5);
	uint32_t arg = funct3 & 4 ? rs1 : cpu->x[rs1], old;
	bool write = (funct3 & 3) == 1 || rs1;

	if (csr_read(cpu, csr, &old) || (write && csr >> 10 == 3))
		return -EINVAL;
	if (write) {
		if ((funct3 & 3) == 2)
			arg = old | arg;
		else if ((funct3 & 3) == 3)
			arg = old & ~arg;
		csr_write(cpu, csr, arg);
	}
	cpu->x[rd ? rd : RV32_SINK] = old;
	return 0;
}

/* Loads and stores outside RAM or misaligned. Returns the trap's cause, 0 = done. */
static uint32_t load_slow(struct emu_rv32 *cpu, uint32_t addr, uint32_t width, uint32_t *value)
{
	if (addr & (width - 1))
		return EMU_RV32_LOAD_MISALIGNED;
	if (width != 4 || cpu->bus.read(cpu->bus.opaque, addr, value))
		return EMU_RV32_LOAD_FAULT;
	return 0;
}

static uint32_t store_slow(struct emu_rv32 *cpu, uint32_t addr, uint32_t width, uint32_t value)
{
	if (addr & (width - 1))
		return EMU_RV32_STORE_MISALIGNED;
	if (width != 4 || cpu->bus.write(cpu->bus.opaque, addr, value))
		return EMU_RV32_STORE_FAULT;
	return 0;
}

/* Enter the trap handler. Not 0: there is none, or its first instruction trapped. */
static int enter_trap(struct emu_rv32 *cpu, uint32_t cause, uint32_t epc, uint32_t tval)
{
	cpu->mcause = cause;
	cpu->mepc = epc;
	cpu->mtval = tval;
	cpu->mstatus = MSTATUS_MPP | (cpu->mstatus & MSTATUS_MIE ? MSTATUS_MPIE : 0);
	cpu->pc = cpu->mtvec;
	return cpu->mtvec - cpu->bus.base >= cpu->bus.size || epc == cpu->mtvec ? -EFAULT : 0;
}

static uint32_t div_signed(uint32_t a, uint32_t b)
{
	if (!b)
		return ~0u;
	if (a == 0x80000000u && b == ~0u)
		return a;
	return (uint32_t)((int32_t)a / (int32_t)b);
}

static uint32_t rem_signed(uint32_t a, uint32_t b)
{
	if (!b)
		return a;
	if (a == 0x80000000u && b == ~0u)
		return 0;
	return (uint32_t)((int32_t)a % (int32_t)b);
}

/*
 * The interpreter's loop; one function, because handlers are labels. With @budget 0 it
 * only tells the labels. cpu->pc, cycle and instret are exact whenever
 * something outside can look at them.
 */
static enum emu_rv32_stop run_loop(struct emu_rv32 *cpu, uint64_t budget, uint64_t *done)
{
#define RV32_LABEL(name) &&do_##name,
	static const void *const labels[OP_COUNT] = { RV32_OPS(RV32_LABEL) };
#undef RV32_LABEL
	uint32_t *x = cpu->x;
	uint8_t *ram = cpu->bus.ram;
	const uint32_t base = cpu->bus.base, size = cpu->bus.size;
	struct rv32_insn *const insn = cpu->insn, *d = insn;
	/* @left counts down to -1; @counted is its value when the counters were last right */
	uint64_t left = budget, counted = budget;
	enum emu_rv32_stop stop = EMU_RV32_BUDGET;
	uint32_t target, value, cause, epc, tval;

	if (!budget) {
		cpu->labels = labels;
		*done = 0;
		return stop;
	}

#define PC()		(base + (uint32_t)(d - insn) * 2)
#define COUNT()		do { \
		cpu->cycle += counted - left; \
		cpu->instret += counted - left; \
		counted = left; \
	} while (0)
#define DISPATCH()	do { \
		if (unlikely(!left)) { \
			cpu->pc = PC(); \
			goto out; \
		} \
		left--; \
		goto *d->go; \
	} while (0)
#define NEXT()		do { d += d->halves; DISPATCH(); } while (0)
#define GOTO(address)	do { target = (address); goto jump; } while (0)
#define TRAP(c, t)	do { cause = (c); tval = (t); epc = PC(); goto trap; } while (0)
#define RS1		x[d->rs1]
#define RS2		x[d->rs2]
#define ALU(name, expr)	do_##name: x[d->rd] = (expr); NEXT();
#define BRANCH(name, cond) do_##name: if (cond) { GOTO(d->imm); } NEXT();
#define LOAD(name, type, fix) do_##name: { \
		type raw; \
		uint32_t addr = RS1 + d->imm, off = addr - base; \
		if (likely(off < size && !(addr & (sizeof(raw) - 1)))) { \
			memcpy(&raw, ram + off, sizeof(raw)); \
			value = (uint32_t)fix(raw); \
		} else { \
			COUNT(); \
			cause = load_slow(cpu, addr, sizeof(raw), &value); \
			if (cause) \
				TRAP(cause, addr); \
		} \
		x[d->rd] = value; \
	} NEXT();
#define STORE(name, type, fix) do_##name: { \
		type raw = fix((type)RS2); \
		uint32_t addr = RS1 + d->imm, off = addr - base; \
		if (likely(off < size && !(addr & (sizeof(raw) - 1)))) { \
			memcpy(ram + off, &raw, sizeof(raw)); \
			if (unlikely((off >> 1) - cpu->code_lo < cpu->code_len)) \
				drop_range(cpu, off, sizeof(raw)); \
		} else { \
			COUNT(); \
			cause = store_slow(cpu, addr, sizeof(raw), RS2); \
			if (cause) \
				TRAP(cause, addr); \
		} \
	} NEXT();
#define AS_IS(v)	(v)
#define SIGNED16(v)	((int32_t)(int16_t)le16toh(v))
#define SIGNED8(v)	((int32_t)(int8_t)(v))

	GOTO(cpu->pc);

jump:
	if (unlikely(target - base >= size)) {
		cause = EMU_RV32_FETCH_FAULT;
		epc = target;
		tval = target;
		/* nothing was fetched: the fault needs its own place in the count */
		if (!left) {
			cpu->pc = target;
			goto out;
		}
		left--;
		goto trap;
	}
	d = &insn[(target - base) >> 1];
	DISPATCH();

trap:
	COUNT();
	cpu->instret--;
	if (enter_trap(cpu, cause, epc, tval)) {
		stop = EMU_RV32_LOCKUP;
		goto out;
	}
	GOTO(cpu->pc);

	do_DECODE:
		d->go = labels[decode(cpu, (uint32_t)(d - insn) * 2)];
		goto *d->go;
	do_FETCH:
		TRAP(EMU_RV32_FETCH_FAULT, d->imm);
	do_ILLEGAL:
		TRAP(EMU_RV32_ILLEGAL, d->imm);
	ALU(ADDI, RS1 + d->imm)
	ALU(SLTI, (int32_t)RS1 < (int32_t)d->imm)
	ALU(SLTIU, RS1 < d->imm)
	ALU(XORI, RS1 ^ d->imm)
	ALU(ORI, RS1 | d->imm)
	ALU(ANDI, RS1 & d->imm)
	ALU(SLLI, RS1 << d->imm)
	ALU(SRLI, RS1 >> d->imm)
	ALU(SRAI, (uint32_t)((int32_t)RS1 >> d->imm))
	ALU(ADD, RS1 + RS2)
	ALU(SUB, RS1 - RS2)
	ALU(SLL, RS1 << (RS2 & 31))
	ALU(SLT, (int32_t)RS1 < (int32_t)RS2)
	ALU(SLTU, RS1 < RS2)
	ALU(XOR, RS1 ^ RS2)
	ALU(SRL, RS1 >> (RS2 & 31))
	ALU(SRA, (uint32_t)((int32_t)RS1 >> (RS2 & 31)))
	ALU(OR, RS1 | RS2)
	ALU(AND, RS1 & RS2)
	ALU(MUL, RS1 * RS2)
	ALU(MULH, (uint32_t)((uint64_t)((int64_t)(int32_t)RS1 * (int32_t)RS2) >> 32))
	ALU(MULHSU, (uint32_t)((uint64_t)((int64_t)(int32_t)RS1 * (int64_t)RS2) >> 32))
	ALU(MULHU, (uint32_t)((uint64_t)RS1 * RS2 >> 32))
	ALU(DIV, div_signed(RS1, RS2))
	ALU(DIVU, RS2 ? RS1 / RS2 : ~0u)
	ALU(REM, rem_signed(RS1, RS2))
	ALU(REMU, RS2 ? RS1 % RS2 : RS1)
	ALU(LUI, d->imm)
	do_JAL:
		x[d->rd] = PC() + d->halves * 2;
		GOTO(d->imm);
	do_JALR:
		value = PC() + d->halves * 2;
		target = (RS1 + d->imm) & ~1u;
		x[d->rd] = value;
		goto jump;
	BRANCH(BEQ, RS1 == RS2)
	BRANCH(BNE, RS1 != RS2)
	BRANCH(BLT, (int32_t)RS1 < (int32_t)RS2)
	BRANCH(BGE, (int32_t)RS1 >= (int32_t)RS2)
	BRANCH(BLTU, RS1 < RS2)
	BRANCH(BGEU, RS1 >= RS2)
	LOAD(LB, uint8_t, SIGNED8)
	LOAD(LH, uint16_t, SIGNED16)
	LOAD(LW, uint32_t, le32toh)
	LOAD(LBU, uint8_t, AS_IS)
	LOAD(LHU, uint16_t, le16toh)
	STORE(SB, uint8_t, AS_IS)
	STORE(SH, uint16_t, htole16)
	STORE(SW, uint32_t, htole32)
	do_FENCE:
		NEXT();
	do_FENCE_I:
		value = d->halves;
		drop_all(cpu);
		d += value;
		DISPATCH();
	do_CSR:
		/* the instruction that reads a counter does not count itself */
		left++;
		COUNT();
		left--;
		if (csr_insn(cpu, d->imm))
			TRAP(EMU_RV32_ILLEGAL, d->imm);
		NEXT();
	do_ECALL:
		TRAP(EMU_RV32_ECALL, 0);
	do_EBREAK:
		TRAP(EMU_RV32_BREAKPOINT, PC());
	do_MRET:
		cpu->mstatus = MSTATUS_MPP | MSTATUS_MPIE | (cpu->mstatus & MSTATUS_MPIE ? MSTATUS_MIE : 0);
		GOTO(cpu->mepc);
	do_WFI:
		d += d->halves;
		cpu->pc = PC();
		stop = EMU_RV32_WFI;
out:
	COUNT();
	*done = budget - left;
	return stop;
}

enum emu_rv32_stop emu_rv32_run(struct emu_rv32 *cpu, uint64_t budget, uint64_t *done)
{
	*done = 0;
	return budget ? run_loop(cpu, budget, done) : EMU_RV32_BUDGET;
}

void emu_rv32_reset(struct emu_rv32 *cpu, uint32_t entry)
{
	memset(cpu->x, 0, sizeof(cpu->x));
	cpu->pc = entry & ~1u;
	cpu->mstatus = MSTATUS_MPP;
	cpu->mtvec = cpu->mepc = cpu->mcause = cpu->mtval = cpu->mscratch = 0;
	cpu->cycle = cpu->instret = 0;
	drop_all(cpu);
}

uint32_t emu_rv32_get(const struct emu_rv32 *cpu, unsigned int reg)
{
	return reg == EMU_RV32_PC ? cpu->pc : reg < 32 ? cpu->x[reg] : 0;
}

void emu_rv32_set(struct emu_rv32 *cpu, unsigned int reg, uint32_t value)
{
	if (reg == EMU_RV32_PC)
		cpu->pc = value & ~1u;
	else if (reg && reg < 32)
		cpu->x[reg] = value;
}

uint32_t emu_rv32_csr(const struct emu_rv32 *cpu, unsigned int csr)
{
	uint32_t v;

	return csr_read(cpu, csr, &v) ? 0 : v;
}

int emu_rv32_create(const struct emu_rv32_bus *bus, struct emu_rv32 **out)
{
	struct emu_rv32 *cpu;
	uint32_t halves = bus->size / 2;
	uint64_t done;

	if (!bus->ram || !bus->size || bus->size % 4 || bus->base % 4 || !bus->read || !bus->write ||
	    bus->base + bus->size - 1 < bus->base)
		return -EINVAL;
	cpu = calloc(1, sizeof(*cpu));
	if (!cpu)
		return -ENOMEM;
	cpu->bus = *bus;
	/* beyond the end lie two records for code that runs off it */
	cpu->insn = calloc(halves + 2, sizeof(*cpu->insn));
	if (!cpu->insn) {
		free(cpu);
		return -ENOMEM;
	}
	run_loop(cpu, 0, &done);
	drop_records(cpu, 0, halves);
	for (uint32_t i = halves; i < halves + 2; i++) {
		cpu->insn[i].go = cpu->labels[OP_FETCH];
		cpu->insn[i].imm = bus->base + i * 2;
		cpu->insn[i].halves = 1;
	}
	emu_rv32_reset(cpu, bus->base);
	*out = cpu;
	return 0;
}

void emu_rv32_destroy(struct emu_rv32 *cpu)
{
	if (!cpu)
		return;
	free(cpu->insn);
	free(cpu);
}
