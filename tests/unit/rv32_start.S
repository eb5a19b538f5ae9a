/* SPDX-License-Identifier: Apache-2.0 */
/* Calls the workload with a0 and ends in wfi with its result there. */
	.section .text.start, "ax"
	li	sp, 0x80040000
	call	rv32_workload
	wfi
