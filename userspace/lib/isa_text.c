// SPDX-License-Identifier: Apache-2.0
/* Assembler and disassembler of single instructions, driven by uapi/neuron/isa.def. */

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "isa_text.h"

enum kind { NUM, HEX, FLT, ADDR, SCALAR, DTYPE, FUNC, ALU, SEG, SEM, RES };

/* In memory order and naturally aligned: offsets follow from the sizes. */
struct field {
	const char *name;
	uint8_t size;
	uint8_t n;		/* elements; 1 also for no array */
	uint8_t sign;
	uint8_t kind;
};

struct op {
	const char *name;
	const struct field *fields;
	uint8_t count;
};

#define FIELD(type, name, kind)		{ #name, sizeof(type), 1, (type)-1 < (type)1, kind },
#define ARRAY(type, name, n, kind)	{ #name, sizeof(type), n, (type)-1 < (type)1, kind },
#define OP_FIELDS(code, id, name, engines) \
	static const struct field name##_fields[] = { NEURON_ISA_##id(FIELD, ARRAY) };
#define OP_ENTRY(code, id, name, engines) \
	[code] = { #name, name##_fields, sizeof(name##_fields) / sizeof(struct field) },

static const struct field header_fields[] = { NEURON_ISA_HEADER(FIELD, ARRAY) };
NEURON_ISA_OPS(OP_FIELDS)
static const struct op ops[256] = { NEURON_ISA_OPS(OP_ENTRY) };

#define HEADER_COUNT	(sizeof(header_fields) / sizeof(header_fields[0]))
#define BODY_OFFSET	16

/* Upper case in the tables; written in lower case. */
#define DTYPE_NAME(code, id, bytes)	[code] = #id,
#define CODE_NAME(code, id)		[code] = #id,
#define FUNC_NAME(code, id, params)	[code] = #id,
#define MAX_NAME	16

static const char dtype_names[][MAX_NAME] = { NEURON_ISA_DTYPES(DTYPE_NAME) };
static const char func_names[][MAX_NAME] = { NEURON_ISA_FUNCS(FUNC_NAME) };
static const char alu_names[][MAX_NAME] = { NEURON_ISA_ALUS(CODE_NAME) };

struct names {
	const char (*name)[MAX_NAME];
	unsigned int count;
};

#define NAMES(table)	{ table, sizeof(table) / sizeof(table[0]) }

static const struct names *names_of(unsigned int kind)
{
	static const struct names names[] = {
		[DTYPE] = NAMES(dtype_names), [FUNC] = NAMES(func_names), [ALU] = NAMES(alu_names),
	};

	return &names[kind];
}

/* ---- formatting ---- */

struct out {
	char *buf;
	size_t size, len;
};

static void put_char(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void put(struct out *o, const char *s)
{
	while (*s)
		put_char(o, *s++);
}

/* Only integer conversions: those do not depend on the locale. */
__attribute__((format(printf, 2, 3)))
static void putf(struct out *o, const char *format, ...)
{
	char s[32];
	va_list ap;

	va_start(ap, format);
	vsnprintf(s, sizeof(s), format, ap);
	va_end(ap);
	put(o, s);
}

static void put_lower(struct out *o, const char *s)
{
	for (; *s; s++)
		put_char(o, *s >= 'A' && *s <= 'Z' ? (char)(*s - 'A' + 'a') : *s);
}

static uint32_t field_get(const uint8_t *p, unsigned int size)
{
	uint32_t v = 0;

	for (unsigned int i = 0; i < size; i++)
		v |= (uint32_t)p[i] << (8 * i);
	return v;
}

static int32_t sign_extend(uint32_t v, unsigned int size)
{
	unsigned int shift = 32 - 8 * size;

	return (int32_t)(v << shift) >> shift;
}

/* Small whole numbers as people write them, the rest as hexadecimal floats: exact. */
static void put_float(struct out *o, uint32_t bits)
{
	uint32_t frac = bits & 0x7fffff, exp = bits >> 23 & 0xff;
	int digits = 6;
	float f;

	memcpy(&f, &bits, sizeof(f));
	if (exp == 0xff && frac) {
		putf(o, "0b:%08x", (unsigned int)bits);
		return;
	}
	if (bits >> 31)
		put_char(o, '-');
	f = bits >> 31 ? -f : f;
	if (exp == 0xff) {
		put(o, "inf");
	} else if (!exp && frac) {
		putf(o, "0x0.%06xp-126", (unsigned int)frac << 1);
	} else if (f < 1e6f && f == (float)(int)f) {
		putf(o, "%d", (int)f);
	} else {
		for (frac <<= 1; digits && !(frac & 0xf); digits--)
			frac >>= 4;
		put(o, "0x1");
		if (digits)
			putf(o, ".%0*x", digits, (unsigned int)frac);
		putf(o, "p%d", (int)exp - 127);
	}
}

static void put_addr(struct out *o, uint32_t v)
{
	putf(o, "%s[%u]+0x%x", v & NEURON_LOCAL_PSUM ? "psum" : "sbuf",
	     (unsigned int)(v / NEURON_LOCAL_PARTITION % NEURON_PARTITIONS),
	     (unsigned int)(v & NEURON_LOCAL_OFFSET));
}

static void put_name(struct out *o, unsigned int kind, uint32_t v)
{
	const struct names *names = names_of(kind);

	if (v < names->count && names->name[v][0])
		put_lower(o, names->name[v]);
	else
		putf(o, "%u", (unsigned int)v);
}

static bool has_parameter(unsigned int func)
{
#define PARAMS(code, id, params)	[code] = params,
	static const uint8_t params[256] = { NEURON_ISA_FUNCS(PARAMS) };
#undef PARAMS

	return func < sizeof(params) && params[func];
}

/* The fields of activate: their flags differ in what they say. */
static bool activate_is_addr(const struct neuron_insn *insn, const char *name)
{
	if (!strcmp(name, "scale"))
		return insn->flags & NEURON_ACTIVATE_SCALE_PTR;
	if (!strcmp(name, "bias"))
		return !(insn->flags & NEURON_ACTIVATE_BIAS_IMM);
	return !has_parameter(insn->activate.func) || insn->flags & NEURON_ACTIVATE_PARAM_PTR;
}

/* A SCALAR is a local address if the flag is set, or not set, that says so. */
static bool scalar_is_addr(const struct neuron_insn *insn, const char *name)
{
	if (insn->op == NEURON_OP_ACTIVATE)
		return activate_is_addr(insn, name);
	if (insn->op == NEURON_OP_SELECT)
		return !(insn->flags & NEURON_SELECT_IMM);
	return insn->flags & (strcmp(name, "scalar0") ? NEURON_SCALAR1_PTR : NEURON_SCALAR0_PTR);
}

/* Its immediates are int32. */
static bool is_integer(const struct neuron_insn *insn)
{
	switch (insn->op) {
	case NEURON_OP_TENSOR_SCALAR:
		return insn->flags & NEURON_SCALAR_INTEGER;
	case NEURON_OP_TENSOR_REDUCE:
		return insn->flags & NEURON_REDUCE_INTEGER;
	case NEURON_OP_MEMSET:
		return insn->flags & NEURON_MEMSET_INTEGER;
	case NEURON_OP_SELECT:
		return insn->flags & NEURON_SELECT_INTEGER;
	default:
		return false;
	}
}

static void put_immediate(struct out *o, const struct neuron_insn *insn, uint32_t v)
{
	if (is_integer(insn))
		putf(o, "int:%d", (int)v);
	else
		put_float(o, v);
}

static void put_value(struct out *o, const struct neuron_insn *insn, const struct field *f,
		      uint32_t v)
{
	switch (f->kind) {
	case FLT:
		put_immediate(o, insn, v);
		break;
	case SCALAR:
		if (scalar_is_addr(insn, f->name))
			put_addr(o, v);
		else
			put_immediate(o, insn, v);
		break;
	case ADDR:
		put_addr(o, v);
		break;
	case DTYPE:
	case FUNC:
	case ALU:
		put_name(o, f->kind, v);
		break;
	case HEX:
		putf(o, "0x%x", (unsigned int)v);
		break;
	case SEG:
		if (v == NEURON_ISA_NO_SEG)
			put(o, "local");
		else
			putf(o, "%u", (unsigned int)v);
		break;
	default:
		if (f->sign)
			putf(o, "%d", (int)sign_extend(v, f->size));
		else
			putf(o, "%u", (unsigned int)v);
		break;
	}
}

static void put_field(struct out *o, const struct neuron_insn *insn, const struct field *f,
		      const uint8_t *p)
{
	put_char(o, ' ');
	put(o, f->name);
	put_char(o, '=');
	for (unsigned int i = 0; i < f->n; i++) {
		if (i)
			put_char(o, ',');
		put_value(o, insn, f, field_get(p + i * f->size, f->size));
	}
}

static void put_sem(struct out *o, const char *name, unsigned int sem, unsigned int val)
{
	if (sem == NEURON_ISA_NO_SEM && !val)
		return;
	putf(o, " %s=%u:%u", name, sem, val);
}

/* flags, tag and segments if they are not 0; wait and signal if there are any. */
static void put_header(struct out *o, const struct neuron_insn *insn)
{
	const uint8_t *p = (const uint8_t *)insn;

	put_sem(o, "wait", insn->wait_sem, insn->wait_val);
	put_sem(o, "sig", insn->sig_sem, insn->sig_val);
	for (unsigned int i = 0; i < HEADER_COUNT; p += header_fields[i].size, i++) {
		const struct field *f = &header_fields[i];
		bool own = !strcmp(f->name, "op") || strstr(f->name, "wait_") ||
			   strstr(f->name, "sig_");

		if (!own && field_get(p, f->size))
			put_field(o, insn, f, p);
	}
}

/* Can the text express it? */
static bool expressible(const struct neuron_insn *insn)
{
	const struct op *op = &ops[insn->op];
	const uint8_t *p = (const uint8_t *)insn + BODY_OFFSET;

	if (!op->name)
		return false;
	for (unsigned int i = 0; i < op->count; i++) {
		const struct field *f = &op->fields[i];

		for (unsigned int b = 0; b < f->size * f->n; b++)
			if (f->kind == RES && p[b])
				return false;
		p += f->size * f->n;
	}
	return true;
}

size_t nrt_isa_format(const struct neuron_insn *insn, char *buf, size_t size)
{
	const struct op *op = &ops[insn->op];
	const uint8_t *p = (const uint8_t *)insn;
	struct out o = { buf, size, 0 };

	if (!expressible(insn)) {
		put(&o, ".word");
		for (unsigned int i = 0; i < NEURON_INSN_SIZE; i += 4)
			putf(&o, " %08x", (unsigned int)field_get(p + i, 4));
	} else {
		put(&o, op->name);
		put_header(&o, insn);
		p += BODY_OFFSET;
		for (unsigned int i = 0; i < op->count; i++) {
			const struct field *f = &op->fields[i];

			if (f->kind != RES)
				put_field(&o, insn, f, p);
			p += f->size * f->n;
		}
	}
	if (size)
		buf[o.len < size ? o.len : size - 1] = 0;
	return o.len;
}

/* ---- parsing ---- */

struct in {
	const char *s;		/* next character */
	const char *what;	/* why it failed */
};

static bool fail(struct in *in, const char *what)
{
	in->what = what;
	return false;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.';
}

/* At the end of a value, of a list's element, or of the line. */
static bool is_end(char c)
{
	return !c || c == ',' || c == '#' || c == ';' || isspace((unsigned char)c);
}

static bool at_line_end(char c)
{
	return !c || c == '#' || c == ';';
}

static void skip_space(struct in *in)
{
	while (isspace((unsigned char)*in->s))
		in->s++;
}

static bool take(struct in *in, const char *s)
{
	size_t n = strlen(s);

	if (strncmp(in->s, s, n))
		return false;
	in->s += n;
	return true;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

static bool parse_digits(struct in *in, int base, uint64_t max, uint64_t *v)
{
	if (digit(*in->s) >= base)
		return fail(in, "a number was expected");
	for (*v = 0; digit(*in->s) < base; in->s++) {
		*v = *v * (uint64_t)base + (uint64_t)digit(*in->s);
		if (*v > max)
			return fail(in, "the number is too big");
	}
	return true;
}

static bool parse_unsigned(struct in *in, uint64_t max, uint64_t *v)
{
	return parse_digits(in, take(in, "0x") ? 16 : 10, max, v);
}

static bool parse_number(struct in *in, const struct field *f, uint32_t *out)
{
	uint64_t max = UINT64_MAX >> (64 - 8 * f->size), v;
	bool negative = f->sign && take(in, "-");

	if (!parse_unsigned(in, f->sign ? max / 2 + negative : max, &v))
		return false;
	*out = (uint32_t)((negative ? -v : v) & max);
	return true;
}

/*
 * mantissa * 2^exp to float, nearest even. The mantissa has at most 60 bits; what was cut
 * off below it only matters as "something more": @sticky.
 */
static uint32_t make_float(uint64_t m, int exp, bool sticky)
{
	int top, drop;
	uint64_t r, rest, half;

	if (!m)
		return 0;
	top = 63 - __builtin_clzll(m) + exp;	/* exponent of the leading bit */
	if (top > 127)
		return 0x7f800000;
	/* bits below the last one that fits: 2^(top - 23), at least 2^-149 */
	drop = (top < -126 ? -149 : top - 23) - exp;
	if (drop > 62)
		return 0;
	if (drop <= 0) {
		r = m << -drop;
	} else {
		r = m >> drop;
		rest = m & ((1ull << drop) - 1);
		half = 1ull << (drop - 1);
		if (rest > half || (rest == half && (sticky || (r & 1))))
			r++;
	}
	if (top < -126)		/* subnormal; a carry makes the smallest normal number */
		return (uint32_t)r;
	/* the leading bit adds 1 to the exponent, a carry out of rounding one more */
	return ((uint32_t)(top + 126) << 23) + (uint32_t)r;
}

static bool parse_exponent(struct in *in, int *exp)
{
	bool negative = take(in, "-");
	uint64_t v;

	if (!negative)
		take(in, "+");
	if (!parse_digits(in, 10, 100000, &v))
		return false;
	*exp = negative ? -(int)v : (int)v;
	return true;
}

/* Digits with a point; *@scale: digits after it. */
static bool parse_mantissa(struct in *in, int base, uint64_t limit, uint64_t *m, int *scale,
			   bool *sticky)
{
	bool any = false, point = false;

	*m = 0;
	*scale = 0;
	for (;; in->s++) {
		int d = digit(*in->s);

		if (*in->s == '.' && !point) {
			point = true;
			continue;
		}
		if (d >= base)
			break;
		any = true;
		if (*m < limit) {
			*m = *m * (uint64_t)base + (uint64_t)d;
			*scale += point;
		} else {
			*sticky |= d != 0;
			*scale -= !point;
		}
	}
	return any || fail(in, "a float was expected");
}

static bool parse_hex_float(struct in *in, uint32_t *bits)
{
	bool sticky = false;
	int scale, exp = 0;
	uint64_t m;

	if (!parse_mantissa(in, 16, 1ull << 56, &m, &scale, &sticky))
		return false;
	if ((take(in, "p") || take(in, "P")) && !parse_exponent(in, &exp))
		return false;
	*bits = make_float(m, exp - 4 * scale, sticky);
	return true;
}

/* Multiply or divide by ten often enough; long double has the bits for what people write. */
static bool parse_decimal_float(struct in *in, uint32_t *bits)
{
	bool sticky = false;
	int scale, exp = 0;
	uint64_t m;
	long double v;
	float f;

	if (!parse_mantissa(in, 10, 1000000000000000ull, &m, &scale, &sticky))
		return false;
	if ((take(in, "e") || take(in, "E")) && !parse_exponent(in, &exp))
		return false;
	exp -= scale;
	exp = exp > 400 ? 400 : exp < -400 ? -400 : exp;
	v = m;
	for (; exp > 0; exp--)
		v *= 10;
	for (; exp < 0; exp++)
		v /= 10;
	f = (float)v;
	memcpy(bits, &f, sizeof(f));
	return true;
}

static bool parse_float(struct in *in, uint32_t *bits)
{
	uint32_t sign = 0;
	uint64_t v;

	if (take(in, "int:")) {
		static const struct field s32 = { .size = 4, .sign = 1 };

		return parse_number(in, &s32, bits);
	}
	if (take(in, "0b:")) {
		if (!parse_digits(in, 16, UINT32_MAX, &v))
			return false;
		*bits = (uint32_t)v;
		return true;
	}
	if (take(in, "-"))
		sign = 0x80000000;
	if (take(in, "inf"))
		*bits = 0x7f800000;
	else if (!(take(in, "0x") ? parse_hex_float(in, bits) : parse_decimal_float(in, bits)))
		return false;
	*bits |= sign;
	return true;
}

static bool parse_addr(struct in *in, uint32_t *out)
{
	bool psum = take(in, "psum["), local = psum || take(in, "sbuf[");
	uint64_t part, off;

	if (!local) {
		if (!parse_unsigned(in, UINT32_MAX, &off))
			return fail(in,
				    "a local address was expected: sbuf[P]+BYTE or psum[P]+BYTE");
		*out = (uint32_t)off;
		return true;
	}
	if (!parse_unsigned(in, NEURON_PARTITIONS - 1, &part))
		return false;
	if (!take(in, "]+"))
		return fail(in, "\"]+\" and a byte were expected");
	if (!parse_unsigned(in, NEURON_LOCAL_OFFSET, &off))
		return false;
	*out = NEURON_LOCAL_ADDR(psum, part, off);
	return true;
}

static bool same_lower(const char *upper, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (toupper((unsigned char)s[i]) != upper[i] || isupper((unsigned char)s[i]))
			return false;
	return !upper[n];
}

static bool parse_name(struct in *in, unsigned int kind, uint32_t *out)
{
	const struct names *names = names_of(kind);
	uint64_t v;
	size_t n;

	if (isdigit((unsigned char)*in->s)) {
		if (!parse_unsigned(in, 0xff, &v))
			return false;
		*out = (uint32_t)v;
		return true;
	}
	for (n = 0; is_word(in->s[n]); n++)
		;
	for (unsigned int i = 0; n && n < MAX_NAME && i < names->count; i++) {
		if (names->name[i][0] && same_lower(names->name[i], in->s, n)) {
			in->s += n;
			*out = i;
			return true;
		}
	}
	return fail(in, kind == DTYPE ? "unknown type" : kind == FUNC ? "unknown function" :
		    "unknown operation");
}

static bool parse_value(struct in *in, const struct field *f, uint32_t *v)
{
	switch (f->kind) {
	case FLT:
		return parse_float(in, v);
	case SCALAR:
		if (*in->s == 's' || (*in->s == 'p'))
			return parse_addr(in, v);
		return parse_float(in, v);
	case ADDR:
		return parse_addr(in, v);
	case DTYPE:
	case FUNC:
	case ALU:
		return parse_name(in, f->kind, v);
	case SEG:
		if (take(in, "local")) {
			*v = NEURON_ISA_NO_SEG;
			return true;
		}
		return parse_number(in, f, v);
	default:
		return parse_number(in, f, v);
	}
}

static void field_set(uint8_t *p, unsigned int size, uint32_t v)
{
	for (unsigned int i = 0; i < size; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static bool parse_field_value(struct in *in, const struct field *f, uint8_t *p)
{
	for (unsigned int i = 0; i < f->n; i++) {
		uint32_t v;

		if (i && !take(in, ","))
			return fail(in, "the field has more elements");
		if (!parse_value(in, f, &v))
			return false;
		field_set(p + i * f->size, f->size, v);
	}
	return is_end(*in->s) && *in->s != ',' ? true : fail(in, "not part of the value");
}

static bool parse_sem(struct in *in, uint8_t *sem, uint32_t *val, uint32_t max)
{
	uint64_t s, v;

	if (!parse_unsigned(in, 0xff, &s))
		return false;
	if (!take(in, ":"))
		return fail(in, "\":\" and a value were expected");
	if (!parse_unsigned(in, max, &v))
		return false;
	*sem = (uint8_t)s;
	*val = (uint32_t)v;
	return is_end(*in->s) && *in->s != ',' ? true : fail(in, "not part of the value");
}

static const struct field *find(const struct field *f, unsigned int n, const char *name, size_t len,
				uint8_t **p)
{
	for (unsigned int i = 0; i < n; *p += f[i].size * f[i].n, i++)
		if (f[i].kind != RES && strlen(f[i].name) == len && !strncmp(f[i].name, name, len))
			return &f[i];
	return NULL;
}

static bool parse_field(struct in *in, struct neuron_insn *insn)
{
	const struct op *op = &ops[insn->op];
	const char *name = in->s;
	const struct field *f;
	uint32_t val = 0;
	uint8_t *p;
	size_t n;

	for (n = 0; is_word(name[n]); n++)
		;
	if (!n || name[n] != '=')
		return fail(in, "FIELD=VALUE was expected");
	if (n == 4 && !strncmp(name, "wait", n)) {
		in->s += n + 1;
		if (!parse_sem(in, &insn->wait_sem, &val, UINT32_MAX))
			return false;
		insn->wait_val = val;
		return true;
	}
	if (n == 3 && !strncmp(name, "sig", n)) {
		in->s += n + 1;
		if (!parse_sem(in, &insn->sig_sem, &val, UINT16_MAX))
			return false;
		insn->sig_val = (uint16_t)val;
		return true;
	}
	p = (uint8_t *)insn + BODY_OFFSET;
	f = find(op->fields, op->count, name, n, &p);
	if (!f) {	/* the header but for op: that is the mnemonic */
		p = (uint8_t *)insn + 1;
		f = find(header_fields + 1, HEADER_COUNT - 1, name, n, &p);
	}
	if (!f)
		return fail(in, "the instruction has no such field");
	in->s += n + 1;
	return parse_field_value(in, f, p);
}

static bool parse_words(struct in *in, struct neuron_insn *insn)
{
	for (unsigned int i = 0; i < NEURON_INSN_SIZE; i += 4) {
		uint64_t v;

		skip_space(in);
		if (!parse_digits(in, 16, UINT32_MAX, &v))
			return fail(in, "16 words in hex were expected");
		field_set((uint8_t *)insn + i, 4, (uint32_t)v);
	}
	skip_space(in);
	return at_line_end(*in->s) || fail(in, "more than 16 words");
}

static bool parse_line(struct in *in, struct neuron_insn *insn)
{
	size_t n;

	for (n = 0; is_word(in->s[n]); n++)
		;
	if (n == 5 && !strncmp(in->s, ".word", n)) {
		in->s += n;
		return parse_words(in, insn);
	}
	for (unsigned int i = 0; i < 256; i++) {
		if (!ops[i].name || strlen(ops[i].name) != n || strncmp(ops[i].name, in->s, n))
			continue;
		insn->op = (uint8_t)i;
		in->s += n;
		for (skip_space(in); !at_line_end(*in->s); skip_space(in))
			if (!parse_field(in, insn))
				return false;
		return true;
	}
	return fail(in, "unknown instruction");
}

int nrt_isa_parse(const char *line, struct neuron_insn *insn, size_t *at, const char **what)
{
	struct in in = { line, NULL };

	*insn = (struct neuron_insn){ .wait_sem = NEURON_ISA_NO_SEM, .sig_sem = NEURON_ISA_NO_SEM };
	skip_space(&in);
	if (at_line_end(*in.s))
		return -ENODATA;
	if (parse_line(&in, insn))
		return 0;
	if (at)
		*at = (size_t)(in.s - line);
	if (what)
		*what = in.what;
	return -EINVAL;
}

/* ---- names ---- */

const char *nrt_isa_op_name(unsigned int op)
{
	return op < 256 ? ops[op].name : NULL;
}
