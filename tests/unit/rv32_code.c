// SPDX-License-Identifier: Apache-2.0
/*
 * rv32_cases.def, assembled: at the start of the RAM a table of the routines' addresses.
 */
#define RV_TABLE(code) \
	__asm__(".pushsection .table, \"a\"; .word 1000f; .popsection\n" \
		".pushsection .text; .option push; .option rvc; .balign 4; .option norvc\n" \
		"1000: " code "\n" \
		"ebreak; .option pop; .popsection\n");
#define RV_SWEEP(code, expr) RV_TABLE(code)
#define RV_CASE(code, a, b, want) RV_TABLE(code)
#define RV_TRAP(code, a, b, cause, tval, pc) RV_TABLE(code)

#include "rv32_cases.def"

unsigned int scratch[1024];
