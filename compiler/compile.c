// SPDX-License-Identifier: Apache-2.0
/*
 * The compilation as a whole: the list of passes, dumps between them, diagnostics.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "graph.h"
#include "ncc.h"
#include "onnx_read.h"
#include "onnx_write.h"
#include "partition.h"
#include "report.h"

struct pass {
	int (*run)(struct ncc_context *ctx);
};

static const struct pass passes[NCC_PASS_COUNT] = {
	[NCC_PASS_READ] = { .run = ncc_read },
	[NCC_PASS_CHECK] = { .run = ncc_check },
	[NCC_PASS_SHAPE] = { .run = ncc_shape },
	[NCC_PASS_PARTITION] = { .run = ncc_partition },
	[NCC_PASS_FOLD] = { .run = ncc_fold },
	[NCC_PASS_FUSE] = { .run = ncc_fuse },
	[NCC_PASS_PLACE] = { .run = ncc_place },
	[NCC_PASS_TILE] = { .run = ncc_tile },
	[NCC_PASS_SCHEDULE] = { .run = ncc_schedule },
	[NCC_PASS_ALLOCATE] = { .run = ncc_allocate },
	[NCC_PASS_SYNC] = { .run = ncc_sync },
	[NCC_PASS_EMIT] = { .run = ncc_emit },
};

#define PASS_NAME(id, name, text)	[NCC_PASS_##id] = name,
#define PASS_TEXT(id, name, text)	[NCC_PASS_##id] = text,

const char *ncc_pass_name(enum ncc_pass pass)
{
	static const char *const names[] = { NCC_PASSES(PASS_NAME) };

	return names[pass];
}

const char *ncc_pass_text(enum ncc_pass pass)
{
	static const char *const texts[] = { NCC_PASSES(PASS_TEXT) };

	return texts[pass];
}

/* Names in models are anything; what reaches a terminal is text. */
static void clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

static void say(struct ncc_context *ctx, enum ncc_level level, const char *prefix,
		const char *format, va_list args)
{
	char text[2048];
	size_t n = (size_t)snprintf(text, sizeof(text), "%s", prefix);

	if (n >= sizeof(text))
		n = sizeof(text) - 1;
	vsnprintf(text + n, sizeof(text) - n, format, args);
	clean(text);
	if (ctx->report)
		ctx->report(ctx->opaque, level, text);
}

void ncc_log(struct ncc_context *ctx, enum ncc_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(ctx, level, "", format, args);
	va_end(args);
}

static const char *prefix(struct ncc_context *ctx, const struct ncc_node *node, const char *kind)
{
	if (!node)
		return ncc_printf(&ctx->arena, "%s: %s", ctx->options->model, kind);
	return ncc_printf(&ctx->arena, "%s: %s: %s", ctx->options->model,
			  ncc_node_text(ctx, node), kind);
}

int ncc_error(struct ncc_context *ctx, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(ctx, NCC_ERROR, prefix(ctx, NULL, ""), format, args);
	va_end(args);
	return -EINVAL;
}

static const char *text(struct ncc_context *ctx, const char *format, va_list args)
{
	char line[1024];

	vsnprintf(line, sizeof(line), format, args);
	return ncc_printf(&ctx->arena, "%s", line);
}

int ncc_node_error(struct ncc_context *ctx, const struct ncc_node *node, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (ctx->segment && node && ncc_part_refuse(ctx, node, text(ctx, format, args))) {
		va_end(args);
		return -EINVAL;
	}
	va_end(args);
	va_start(args, format);
	say(ctx, NCC_ERROR, prefix(ctx, node, ""), format, args);
	va_end(args);
	return -EINVAL;
}

int ncc_refuse(struct ncc_context *ctx, struct ncc_node *node, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (ctx->options->partition == NCC_PARTITION_OFF) {
		say(ctx, NCC_ERROR, prefix(ctx, node, ""), format, args);
		va_end(args);
		return -EINVAL;
	}
	node->refused = text(ctx, format, args);
	va_end(args);
	return -ENOTSUP;
}

int ncc_internal_error(struct ncc_context *ctx, const struct ncc_node *node,
		       const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(ctx, NCC_ERROR, prefix(ctx, node, "internal error of the compiler: "), format, args);
	va_end(args);
	return -EPROTO;
}

/* The model up to the partition pass, the segments for the chip after it. */
static void dump_all(struct ncc_context *ctx, enum ncc_pass after, FILE *f)
{
	if (after <= NCC_PASS_PARTITION)
		ncc_dump(ctx, after, f);
	for (struct ncc_part *p = ctx->parts; after > NCC_PASS_PARTITION && p; p = p->next) {
		if (!p->device)
			continue;
		ctx->graph = p->graph;
		ctx->program = p->program;
		ncc_dump(ctx, after, f);
	}
}

static bool wants_onnx(const struct ncc_dump *dump)
{
	size_t n = dump->file ? strlen(dump->file) : 0;

	return n > 5 && !strcmp(dump->file + n - 5, ".onnx");
}

static int write_model(struct ncc_context *ctx, const struct ncc_dump *dump)
{
	struct ncc_bytes model;
	bool good;
	FILE *f;

	if (ncc_onnx_write(ctx, dump->after, &model))
		return -EINVAL;
	f = fopen(dump->file, "wb");
	if (!f)
		return ncc_error(ctx, "cannot write the dump '%s': %s", dump->file, strerror(errno));
	good = fwrite(model.at, 1, model.n, f) == model.n;
	if (fclose(f) || !good)
		return ncc_error(ctx, "cannot write the dump '%s'", dump->file);
	return 0;
}

static int write_dump(struct ncc_context *ctx, const struct ncc_dump *dump)
{
	FILE *f;
	bool bad;

	if (!dump->file) {
		dump_all(ctx, dump->after, stdout);
		return 0;
	}
	if (wants_onnx(dump))
		return write_model(ctx, dump);
	f = fopen(dump->file, "w");
	if (!f)
		return ncc_error(ctx, "cannot write the dump '%s': %s", dump->file, strerror(errno));
	dump_all(ctx, dump->after, f);
	bad = ferror(f);
	if (fclose(f) || bad)
		return ncc_error(ctx, "cannot write the dump '%s'", dump->file);
	return 0;
}

/*
 * What cannot be allocated makes the allocate pass name a value that shall no longer
 * stay in SBUF; lowering starts again with that knowledge. It ends because every round
 * moves one more value out.
 */
static int run_pass(struct ncc_context *ctx, enum ncc_pass pass)
{
	int err = passes[pass].run(ctx);

	while (pass == NCC_PASS_ALLOCATE && err == -EAGAIN) {
		err = ncc_tile(ctx);
		if (!err)
			err = ncc_schedule(ctx);
		if (!err)
			err = ncc_allocate(ctx);
	}
	return err;
}

static int run_on_segments(struct ncc_context *ctx, enum ncc_pass pass)
{
	int err = 0;

	for (struct ncc_part *p = ctx->parts; p && !err; p = p->next) {
		if (!p->device)
			continue;
		ctx->graph = p->graph;
		ctx->program = p->program;
		ctx->segment = ctx->options->partition == NCC_PARTITION_OFF ? NULL : p;
		err = run_pass(ctx, pass);
		p->program = ctx->program;
	}
	ctx->segment = NULL;
	return err;
}

static int write_dumps(struct ncc_context *ctx, int pass)
{
	int err = 0;

	for (struct ncc_dump *d = ctx->options->dumps; d && !err; d = d->next)
		if ((int)d->after == pass)
			err = write_dump(ctx, d);
	return err;
}

/*
 * A node that a pass on a segment finds to be one for the CPU sends us back to the
 * partition pass. It ends because that is one node less for the chip each time.
 */
int ncc_run_passes(struct ncc_context *ctx, enum ncc_pass last)
{
	for (int pass = 0; pass <= (int)last; pass++) {
		int err;

		ncc_log(ctx, NCC_DEBUG, "pass %s: %s", ncc_pass_name(pass), ncc_pass_text(pass));
		ctx->moved = false;
		err = pass <= NCC_PASS_PARTITION ? run_pass(ctx, pass) : run_on_segments(ctx, pass);
		if (err && ctx->moved) {
			pass = NCC_PASS_PARTITION - 1;
			continue;
		}
		if (!err)
			err = write_dumps(ctx, pass);
		if (err)
			return err;
	}
	return 0;
}

int ncc_compile(const struct ncc_options *options,
		void (*report)(void *opaque, enum ncc_level level, const char *text), void *opaque)
{
	struct ncc_context ctx = { .options = options, .report = report, .opaque = opaque };
	char text[1024];
	jmp_buf oom;
	volatile int err;

	ncc_arena_init(&ctx.arena, &oom);
	if (setjmp(oom)) {
		ncc_read_close(&ctx);
		ncc_arena_free(&ctx.arena);
		snprintf(text, sizeof(text), "%s: out of memory: compiling the model takes more than this host "
			 "has, or more than %zu MB, the limit for a model of this size; fix smaller inputs with "
			 "--io-config, or split the model", options->model, ctx.arena.limit >> 20);
		if (report)
			report(opaque, NCC_ERROR, text);
		return -ENOMEM;
	}
	err = ncc_run_passes(&ctx, NCC_PASS_EMIT);
	if (!err && options->output)
		err = ncc_neff_write(&ctx, options->output);
	if (!err)
		err = ncc_report(&ctx);
	ncc_read_close(&ctx);
	ncc_arena_free(&ctx.arena);
	return err;
}
