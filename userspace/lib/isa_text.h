/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions as text and back, by the tables of uapi/neuron/isa.def. Pure functions:
 * no state, no locale, no allocation.
 *
 * One instruction a line:  MNEMONIC FIELD=VALUE ...
 *	matmul wait=3:1 sig=4:2 flags=0x1 count=1,1,14,14 src=sbuf[0]+0x100 ...
 * "wait=SEM:VALUE" and "sig=SEM:VALUE" stand for two fields each. Fields come in any
 * order; one that is not given is 0, without wait or sig the instruction has no
 * semaphore. Numbers are decimal or 0x hexadecimal. Values of the other kinds:
 *	local address	sbuf[PARTITION]+BYTE, psum[PARTITION]+BYTE, or a number (in fields
 *			that may be a float, a number is one)
 *	float		1.5, -0x1p-3, inf, or bits: 0b:7fc00001; int:-5 is an int32
 *	type, function, operation	name as in isa.def, lower case, or a number
 *	segment		seg 3 is "3"; "local" is NEURON_ISA_NO_SEG
 *	array		comma-separated, all elements
 * An instruction with an unknown code, or one that the text cannot express (a reserved
 * field that is not 0), is ".word W0 W1 ... W15": its 16 little-endian words in hex.
 */
#ifndef NRT_ISA_TEXT_H
#define NRT_ISA_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <neuron/isa.h>

#define NRT_ISA_TEXT_MAX	512	/* enough for any line, with its 0 */

/*
 * Write @insn as one line without newline. Returns its length like snprintf(), which may
 * be more than @size allows (then it was cut, with a 0 at the end).
 */
size_t nrt_isa_format(const struct neuron_insn *insn, char *buf, size_t size);

/*
 * Read one line; white space around it and a comment after '#' or ';' are ignored.
 * Returns 0; -EINVAL if it is no instruction: *@at (may be NULL) is then the offset in
 * @line of what was not understood, *@what (may be NULL) a static text that says why;
 * -ENODATA for an empty line.
 */
int nrt_isa_parse(const char *line, struct neuron_insn *insn, size_t *at, const char **what);

/* "matmul"; NULL for an unknown code. */
const char *nrt_isa_op_name(unsigned int op);

#endif
