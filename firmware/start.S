/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First instructions after the loader, and the trap entry. There is no way back from a
 * trap: firmware has no interrupts, so that each is a bug.
 */
#include "crash.h"

	.section .text.start, "ax"
	.globl fw_start
fw_start:
	.option push
	.option norelax
	la	gp, __global_pointer$
	.option pop
	la	sp, fw_stack_top
	la	t0, fw_trap
	csrw	mtvec, t0
	la	t0, fw_bss_start
	la	t1, fw_bss_end
1:	bgeu	t0, t1, 2f
	sw	zero, 0(t0)
	addi	t0, t0, 4
	j	1b
2:	call	fw_main
	ebreak

	.text
	.balign 4
fw_trap:
	csrw	mscratch, t0
	la	t0, fw_crash_record + FW_CRASH_REGS
	sw	zero, 0(t0)
	sw	ra, 4(t0)
	sw	sp, 8(t0)
	sw	gp, 12(t0)
	sw	tp, 16(t0)
	sw	t1, 24(t0)
	sw	t2, 28(t0)
	sw	s0, 32(t0)
	sw	s1, 36(t0)
	sw	a0, 40(t0)
	sw	a1, 44(t0)
	sw	a2, 48(t0)
	sw	a3, 52(t0)
	sw	a4, 56(t0)
	sw	a5, 60(t0)
	sw	a6, 64(t0)
	sw	a7, 68(t0)
	sw	s2, 72(t0)
	sw	s3, 76(t0)
	sw	s4, 80(t0)
	sw	s5, 84(t0)
	sw	s6, 88(t0)
	sw	s7, 92(t0)
	sw	s8, 96(t0)
	sw	s9, 100(t0)
	sw	s10, 104(t0)
	sw	s11, 108(t0)
	sw	t3, 112(t0)
	sw	t4, 116(t0)
	sw	t5, 120(t0)
	sw	t6, 124(t0)
	csrr	t1, mscratch
	sw	t1, 20(t0)
	/* the stack may be what broke: take it from the start */
	la	sp, fw_stack_top
	csrr	a0, mcause
	csrr	a1, mepc
	csrr	a2, mtval
	call	fw_crash
3:	wfi
	j	3b
