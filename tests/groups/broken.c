// SPDX-License-Identifier: Apache-2.0
/*
 * What libnrt's calls give while the chip's DMA engine, or the kernel, cannot do what they ask for; and that they work
 * afterwards. TAP.
 *
 * usage: nrt-broken lost|stalled|short NEFF      (NEFF: a copy of SIZE bytes)
 *
 * lost: a line of the chip's memory, in its first MiB, is lost again and again. stalled: it says "ready", and
 * once /run/go-on is there (it takes it away) the next copy stalls; three times. short: the kernel's n-th allocation fails, n = 1, 2, 3, ...; on kernels without fault injection nothing is done.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <nrt/nrt_experimental.h>
#include <nrt/nrt_open.h>

#include "../kselftest/fail_nth.h"

#define SIZE		(1u << 18)
#define PATIENCE_S	60
#define MOST		2000

static int tests, failed;

static bool ok(bool good, const char *name)
{
	tests++;
	failed += !good;
	printf("%sok %d - %s\n", good ? "" : "not ", tests, name);
	return good;
}

static bool gives(NRT_STATUS status, NRT_STATUS want, const char *name)
{
	if (ok(status == want, name))
		return true;
	printf("# %s: %s\n", nrt_get_status_as_str(status), nrt_open_last_error());
	return false;
}

static void need(NRT_STATUS status, const char *what)
{
	if (status) {
		printf("Bail out! %s: %s: %s\n", what, nrt_get_status_as_str(status), nrt_open_last_error());
		exit(2);
	}
}

static char neff[1 << 20], bytes[SIZE], got[SIZE], attached[2][SIZE];
static size_t neff_size;
static nrt_tensor_t *device, *other, *plain;

static nrt_tensor_t *tensor(nrt_tensor_placement_t placement)
{
	nrt_tensor_t *t;

	need(nrt_tensor_allocate(placement, -1, SIZE, "t", &t), "tensor");
	return t;
}

static nrt_model_t *load(void)
{
	nrt_model_t *model;

	need(nrt_load(neff, neff_size, -1, -1, &model), "load");
	return model;
}

static NRT_STATUS execute(nrt_model_t *model, nrt_tensor_t *in, nrt_tensor_t *out)
{
	nrt_tensor_set_t *inputs, *outputs;
	NRT_STATUS status;

	need(nrt_allocate_tensor_set(&inputs), "set");
	need(nrt_allocate_tensor_set(&outputs), "set");
	need(nrt_add_tensor_to_tensor_set(inputs, "x", in), "add");
	need(nrt_add_tensor_to_tensor_set(outputs, "y", out), "add");
	status = nrt_execute(model, inputs, outputs);
	nrt_destroy_tensor_set(&inputs);
	nrt_destroy_tensor_set(&outputs);
	return status;
}

static void works(nrt_model_t *model)
{
	memset(got, 0, sizeof(got));
	ok(!nrt_tensor_write(plain, bytes, 0, SIZE) && !execute(model, plain, other) &&
	   !nrt_tensor_read(other, got, 0, SIZE) && !memcmp(bytes, got, SIZE), "what does not meet it works");
}

/* Tensors of both of the chip's channels come first in them: one has the line. */
static void lost(void)
{
	const time_t limit = time(NULL) + PATIENCE_S;
	NRT_STATUS status = NRT_SUCCESS;
	nrt_model_t *model;
	int i;

	device = tensor(NRT_TENSOR_PLACEMENT_DEVICE);
	other = tensor(NRT_TENSOR_PLACEMENT_DEVICE);
	plain = tensor(NRT_TENSOR_PLACEMENT_VIRTUAL);
	model = load();
	for (i = 0; !status && time(NULL) < limit; i++) {
		nrt_tensor_t *swap = device;

		device = other;
		other = swap;
		status = nrt_tensor_read(device, got, 0, SIZE);
	}
	gives(status, NRT_HW_ERROR, "lost memory is read");
	gives(nrt_tensor_copy(device, 0, other, 0, SIZE), NRT_HW_ERROR, "lost memory is copied");
	gives(nrt_tensor_copy(device, 0, plain, 0, SIZE), NRT_HW_ERROR, "lost memory is copied to the process");
	gives(execute(model, device, plain), NRT_HW_ERROR, "lost memory is an input");
	works(model);
}

/* Whoever runs this sets the fault. */
static void runners_turn(void)
{
	const time_t limit = time(NULL) + PATIENCE_S;

	printf("ready\n");
	fflush(stdout);
	while (unlink("/run/go-on") && time(NULL) < limit)
		usleep(10000);
}

static void stalled(void)
{
	nrt_model_t *model;

	device = tensor(NRT_TENSOR_PLACEMENT_DEVICE);
	other = tensor(NRT_TENSOR_PLACEMENT_DEVICE);
	plain = tensor(NRT_TENSOR_PLACEMENT_VIRTUAL);
	model = load();
	runners_turn();
	gives(nrt_tensor_read(device, got, 0, SIZE), NRT_TIMEOUT, "a copy that stalls: read");
	ok(strstr(nrt_open_last_error(), "DMA completion timeout in neuron0"), "it is called what is documented");
	runners_turn();
	gives(nrt_tensor_copy(device, 0, other, 0, SIZE), NRT_TIMEOUT, "a copy that stalls: copied");
	runners_turn();
	gives(execute(model, device, plain), NRT_TIMEOUT, "a copy that stalls: an input");
	works(model);
}

/* --- the kernel has no memory --- */

static nrt_model_t *loaded;
static nrt_tensor_t *in, *out, *source, *alias, *made;
static int lent = -1;

static NRT_STATUS allocate_device(void)
{
	return nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, SIZE, "m", &made);
}

static NRT_STATUS allocate_host(void)
{
	return nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_HOST, 0, SIZE, "m", &made);
}

static void free_made(NRT_STATUS status)
{
	nrt_tensor_free(&made);
}

static NRT_STATUS read_device(void)
{
	memset(got, 0, sizeof(got));
	return nrt_tensor_read(device, got, 0, SIZE);
}

static NRT_STATUS copy_device(void)
{
	return nrt_tensor_copy(device, 0, other, 0, SIZE);
}

/* From here on what was copied is looked at with nothing failing. */
static void same_in_other(NRT_STATUS status)
{
	if (!status)
		need(nrt_tensor_read(other, got, 0, SIZE), "read");
}

static NRT_STATUS read_alias(void)
{
	memset(got, 0, sizeof(got));
	return nrt_tensor_read(alias, got, 0, SIZE);
}

static NRT_STATUS write_alias(void)
{
	return nrt_tensor_write(alias, bytes, 0, SIZE);
}

static NRT_STATUS lend(void)
{
	return nrt_get_dmabuf_fd((uintptr_t)nrt_tensor_get_va(device), SIZE, &lent);
}

static void close_lent(NRT_STATUS status)
{
	if (!status)
		close(lent);
}

static NRT_STATUS attach(void)
{
	return nrt_open_tensor_attach_dmabuf(made, 0, lent, 0, SIZE);
}

static NRT_STATUS load_model(void)
{
	return nrt_load(neff, neff_size, -1, -1, &loaded);
}

static void unload(NRT_STATUS status)
{
	if (!status)
		need(nrt_unload(loaded), "unload");
}

/* The inputs go through a mapping, so that the job is the first that asks for something. */
static NRT_STATUS execute_plain(void)
{
	NRT_STATUS status;

	memset(nrt_tensor_get_va(plain), 0, SIZE);
	status = execute(loaded, source, plain);
	memcpy(got, nrt_tensor_get_va(plain), SIZE);
	return status;
}

/* New buffers each time, so that they are pinned anew. */
static NRT_STATUS execute_model(void)
{
	memset(got, 0, sizeof(got));
	return execute(loaded, in, out);
}

static void same_in_out(NRT_STATUS status)
{
	if (!status)
		memcpy(got, attached[1], SIZE);
	memset(attached[1], 0, SIZE);
	need(nrt_tensor_attach_buffer(in, attached[0], SIZE), "attach");
	need(nrt_tensor_attach_buffer(out, attached[1], SIZE), "attach");
}

/* One call: @after it nothing fails, and @got has the bytes if @compared. */
struct call {
	const char *name;
	NRT_STATUS (*run)(void);
	void (*after)(NRT_STATUS status);
	enum {
		REFUSES,	/* some allocation that it needs */
		MAY_REFUSE,	/* which one that is changes from time to time: it may be passed over */
		DOES_WITHOUT,
	} how;
	bool compared;
};

static void sweep(int nth, const struct call *c)
{
	int n, refused = 0, wrong = 0;
	NRT_STATUS status, last = NRT_SUCCESS;
	char name[128];
	bool hit = true;

	for (n = 1; hit && n < MOST; n++) {
		set_fail_nth(nth, n);
		status = c->run();
		hit = injected(nth);
		if (status && (c->how == DOES_WITHOUT || !hit || status != NRT_RESOURCE)) {
			printf("# %s, allocation %d: %s: %s\n", c->name, n, nrt_get_status_as_str(status),
			       nrt_open_last_error());
			wrong++;
		}
		refused += status == NRT_RESOURCE;
		last = status;
		if (c->after)
			c->after(status);
		wrong += !status && c->compared && memcmp(got, bytes, SIZE);
	}
	printf("# %s: %d allocations, %d refusals\n", c->name, n - 2, refused);
	snprintf(name, sizeof(name), "no memory in the kernel: %s", c->name);
	ok(!wrong && !last && !hit && n > 2 && (c->how != REFUSES || refused), name);
}

static void shortage(void)
{
	static const struct call calls[] = {
		{ "nrt_tensor_allocate(), DEVICE", allocate_device, free_made, REFUSES, false },
		{ "nrt_tensor_allocate(), HOST", allocate_host, free_made, REFUSES, false },
		{ "nrt_tensor_read()", read_device, NULL, DOES_WITHOUT, true },
		{ "nrt_tensor_copy()", copy_device, same_in_other, DOES_WITHOUT, true },
		{ "nrt_load()", load_model, unload, REFUSES, false },
		{ "nrt_get_dmabuf_fd()", lend, close_lent, REFUSES, false },
	}, on_model[] = {
		{ "nrt_execute()", execute_plain, NULL, REFUSES, true },
		{ "nrt_execute() with buffers that it pins", execute_model, same_in_out, MAY_REFUSE, true },
	}, on_dmabuf[] = {
		{ "nrt_open_tensor_attach_dmabuf()", attach, NULL, REFUSES, false },
		{ "nrt_tensor_read() of a dma-buf", read_alias, NULL, REFUSES, true },
		{ "nrt_tensor_write() of a dma-buf", write_alias, NULL, REFUSES, false },
	};
	int nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	size_t i;

	if (nth < 0 || !prepare_faults(false)) {
		ok(true, "no memory in the kernel # SKIP no fault injection in this kernel");
		return;
	}
	device = tensor(NRT_TENSOR_PLACEMENT_DEVICE);
	other = tensor(NRT_TENSOR_PLACEMENT_DEVICE);
	plain = tensor(NRT_TENSOR_PLACEMENT_VIRTUAL);
	need(nrt_tensor_write(device, bytes, 0, SIZE), "write");
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		sweep(nth, &calls[i]);
	loaded = load();
	source = tensor(NRT_TENSOR_PLACEMENT_VIRTUAL);
	need(nrt_tensor_write(source, bytes, 0, SIZE), "write");
	need(execute_plain(), "execute");
	memcpy(attached[0], bytes, SIZE);
	need(nrt_tensor_allocate_empty("in", &in), "tensor");
	need(nrt_tensor_allocate_empty("out", &out), "tensor");
	same_in_out(NRT_RESOURCE);
	for (i = 0; i < sizeof(on_model) / sizeof(on_model[0]); i++)
		sweep(nth, &on_model[i]);
	need(lend(), "dma-buf");
	need(nrt_tensor_allocate_empty("alias", &alias), "tensor");
	need(nrt_tensor_allocate_empty("made", &made), "tensor");
	need(nrt_open_tensor_attach_dmabuf(alias, 0, lent, 0, SIZE), "attach");
	for (i = 0; i < sizeof(on_dmabuf) / sizeof(on_dmabuf[0]); i++)
		sweep(nth, &on_dmabuf[i]);
	close(lent);
	nrt_tensor_free(&source);
	nrt_tensor_free(&alias);
	nrt_tensor_free(&made);
	nrt_tensor_free(&in);
	nrt_tensor_free(&out);
}

int main(int argc, char **argv)
{
	FILE *f = argc == 3 ? fopen(argv[2], "re") : NULL;
	uint32_t i;

	if (!f)
		return 2;
	neff_size = fread(neff, 1, sizeof(neff), f);
	fclose(f);
	for (i = 0; i < SIZE; i++)
		bytes[i] = i * 2654435761u >> 13;
	setenv("NEURON_RT_DEVICE", "/dev/neuron0", 1);
	setenv("NEURON_RT_LOG_LEVEL", "QUIET", 1);
	setenv("NEURON_RT_DEBUG_MEMLOG_MAX_SIZE", "0", 1);
	need(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), "init");
	if (!strcmp(argv[1], "lost"))
		lost();
	else if (!strcmp(argv[1], "stalled"))
		stalled();
	else
		shortage();
	nrt_tensor_free(&device);
	nrt_tensor_free(&other);
	nrt_tensor_free(&plain);
	nrt_close();
	printf("1..%d\n", tests);
	return failed > 0;
}
