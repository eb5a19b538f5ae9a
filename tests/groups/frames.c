// SPDX-License-Identifier: Apache-2.0
/*
 * A frame from a GPU to the chip without a copy: buffers of vgem, exported by libdrm (PRIME), become inputs and outputs
 * of a model, and device memory is exported the other way. TAP; needs /dev/dri/card0 of vgem.
 *
 * usage: nrt-frames NEFF     (inputs and outputs: one float32 tensor each, the output a function of the input)
 *
 * That nobody copies is told by what the process has: when the model runs no buffer is mapped, so that the CPU cannot
 * reach a byte of it, no page is pinned, and there is no host memory of the chip's for bytes on their way.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xf86drm.h>

#include <nrt/nrt_experimental.h>
#include <nrt/nrt_open.h>

#define PAGE	4096

static int tests, failed;

static bool ok(bool good, const char *name)
{
	tests++;
	failed += !good;
	printf("%sok %d - %s\n", good ? "" : "not ", tests, name);
	if (!good)
		printf("# %s\n", nrt_open_last_error());
	return good;
}

static void need(NRT_STATUS status, const char *what)
{
	if (status) {
		printf("Bail out! %s: %s: %s\n", what, nrt_get_status_as_str(status), nrt_open_last_error());
		exit(2);
	}
}

/* A buffer of vgem as a dma-buf, in which @offset bytes come before the frame. */
struct frame {
	int fd;
	uint32_t handle;
	size_t bytes;
};

static void frame_create(int drm, size_t size, struct frame *f)
{
	struct drm_mode_create_dumb dumb = { .width = (size + PAGE) / 4, .height = 1, .bpp = 32 };

	if (drmIoctl(drm, DRM_IOCTL_MODE_CREATE_DUMB, &dumb) ||
	    drmPrimeHandleToFD(drm, dumb.handle, DRM_CLOEXEC | DRM_RDWR, &f->fd)) {
		printf("Bail out! no buffer of vgem: %s\n", strerror(errno));
		exit(2);
	}
	f->handle = dumb.handle;
	f->bytes = dumb.size;
}

static void frame_free(int drm, struct frame *f)
{
	struct drm_mode_destroy_dumb dumb = { .handle = f->handle };

	if (f->fd >= 0)
		close(f->fd);
	drmIoctl(drm, DRM_IOCTL_MODE_DESTROY_DUMB, &dumb);
}

/* What a decoder does; its mapping is gone when it is done. @read: the other way. */
static void frame_cpu(int drm, const struct frame *f, size_t offset, void *data, size_t size, bool read)
{
	struct drm_mode_map_dumb map = { .handle = f->handle };
	char *p;

	if (drmIoctl(drm, DRM_IOCTL_MODE_MAP_DUMB, &map))
		exit(2);
	p = mmap(NULL, f->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, drm, map.offset);
	if (p == MAP_FAILED)
		exit(2);
	if (read)
		memcpy(data, p + offset, size);
	else
		memcpy(p + offset, data, size);
	munmap(p, f->bytes);
}

/* The first chip's open file, as the kernel accounts for it. */
static long fdinfo(const char *key)
{
	DIR *dir = opendir("/proc/self/fd");
	long value = -1;
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		char path[300], line[128], target[64] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/fd/%s", e->d_name);
		if (readlink(path, target, sizeof(target) - 1) < 0 || strcmp(target, "/dev/neuron0"))
			continue;
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%s", e->d_name);
		f = fopen(path, "re");
		while (f && fgets(line, sizeof(line), f))
			if (!strncmp(line, key, strlen(key)) && line[strlen(key)] == ':')
				value = atol(line + strlen(key) + 1);
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return value;
}

/* Whether any buffer of a GPU is mapped. */
static bool mapped(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	bool found = !f;

	while (f && fgets(line, sizeof(line), f))
		found |= strstr(line, "dmabuf") || strstr(line, "/dev/dri");
	if (f)
		fclose(f);
	return found;
}

static nrt_model_t *model;
static const nrt_tensor_info_t *in_info, *out_info;

static NRT_STATUS execute(nrt_tensor_t *in, nrt_tensor_t *out)
{
	nrt_tensor_set_t *inputs, *outputs;
	NRT_STATUS status;

	need(nrt_allocate_tensor_set(&inputs), "set");
	need(nrt_allocate_tensor_set(&outputs), "set");
	need(nrt_add_tensor_to_tensor_set(inputs, in_info->name, in), "add");
	need(nrt_add_tensor_to_tensor_set(outputs, out_info->name, out), "add");
	status = nrt_execute(model, inputs, outputs);
	nrt_destroy_tensor_set(&inputs);
	nrt_destroy_tensor_set(&outputs);
	return status;
}

static void load(const char *path, nrt_tensor_info_array_t **info)
{
	FILE *f = fopen(path, "re");
	static char neff[1 << 22];
	size_t size = f ? fread(neff, 1, sizeof(neff), f) : 0;
	uint64_t i;

	if (f)
		fclose(f);
	need(nrt_load(neff, size, -1, -1, &model), "load");
	need(nrt_get_model_tensor_info(model, info), "info");
	for (i = 0; i < (*info)->tensor_count; i++) {
		nrt_tensor_info_t *t = &(*info)->tensor_array[i];

		*(t->usage == NRT_TENSOR_USAGE_INPUT ? &in_info : &out_info) = t;
	}
}

/* Frame in, result out, at offsets of their buffers that are no multiples of anything. */
static void zero_copy(int drm, bool chip)
{
	size_t in_size = in_info->size, out_size = out_info->size, i;
	float *in = malloc(in_size);
	char *want = malloc(out_size), *got = malloc(out_size);
	nrt_tensor_t *plain_in, *plain_out, *t, *r;
	struct frame frame, result;

	for (i = 0; i < in_size / sizeof(*in); i++)
		in[i] = (int)(i * 2654435761u >> 29) - 3;
	need(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_VIRTUAL, -1, in_size, "in", &plain_in), "tensor");
	need(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_VIRTUAL, -1, out_size, "out", &plain_out), "tensor");
	need(nrt_tensor_write(plain_in, in, 0, in_size), "write");
	need(execute(plain_in, plain_out), "the ordinary path");
	need(nrt_tensor_read(plain_out, want, 0, out_size), "read");

	frame_create(drm, in_size, &frame);
	frame_create(drm, out_size, &result);
	frame_cpu(drm, &frame, 68, in, in_size, false);
	need(nrt_tensor_allocate_empty("frame", &t), "tensor");
	need(nrt_tensor_allocate_empty("result", &r), "tensor");
	ok(!nrt_open_tensor_attach_dmabuf(t, 0, frame.fd, 68, in_size), "a frame of vgem becomes an input");
	ok(!nrt_open_tensor_attach_dmabuf(r, -1, result.fd, 4, out_size), "and another buffer an output");
	ok(nrt_tensor_get_size(t) == in_size && (!chip || !nrt_tensor_get_va(t)), "which the process need not see");
	/* The library keeps what it needs. */
	close(frame.fd);
	frame.fd = -1;
	if (chip)
		ok(fdinfo("neuron-memory-dmabuf") * 1024 >= (long)(in_size + out_size), "the chip knows these buffers");
	memset(got, 0, out_size);
	ok(!execute(t, r), "the model runs on them");
	if (chip)
		ok(!mapped() && fdinfo("neuron-memory-host") == 0 && fdinfo("neuron-memory-user") == 0,
		   "no byte of them was in reach of the CPU");
	frame_cpu(drm, &result, 4, got, out_size, true);
	ok(!memcmp(want, got, out_size), "and gives what it does on the ordinary path");
	/* The next frame in the same buffer. */
	in[0] += 1;
	frame_cpu(drm, &frame, 68, in, in_size, false);
	need(nrt_tensor_write(plain_in, in, 0, in_size), "write");
	need(execute(plain_in, plain_out), "the ordinary path");
	need(nrt_tensor_read(plain_out, want, 0, out_size), "read");
	ok(!execute(t, r), "the next frame");
	frame_cpu(drm, &result, 4, got, out_size, true);
	ok(!memcmp(want, got, out_size), "is the one that counts");
	/* The process can reach them all the same. */
	ok(!nrt_tensor_read(r, got, 0, out_size) && !memcmp(want, got, out_size), "nrt_tensor_read() of a buffer");
	ok(!nrt_tensor_memset(t, 0, 0, in_size) && !nrt_tensor_read(t, in, 0, in_size) && !in[0] && !in[in_size / 8],
	   "nrt_tensor_memset() of a buffer");
	nrt_tensor_free(&t);
	nrt_tensor_free(&r);
	nrt_tensor_free(&plain_in);
	nrt_tensor_free(&plain_out);
	if (chip)
		ok(fdinfo("neuron-memory-dmabuf") == 0, "tensors that are freed let go of the buffers");
	frame_free(drm, &frame);
	frame_free(drm, &result);
	free(in);
	free(want);
	free(got);
}

static void errors(int drm)
{
	int zero = open("/dev/zero", O_RDWR | O_CLOEXEC), readonly;
	struct drm_mode_create_dumb lent = { .width = PAGE, .height = 1, .bpp = 32 };
	struct frame frame;
	char byte = 1;
	nrt_tensor_t *t;

	frame_create(drm, PAGE, &frame);
	need(nrt_tensor_allocate_empty("t", &t), "tensor");
	ok(nrt_open_tensor_attach_dmabuf(t, 0, zero, 0, 1) == NRT_INVALID, "a file that is no dma-buf");
	ok(nrt_open_tensor_attach_dmabuf(t, 0, -1, 0, 1) == NRT_INVALID, "no file");
	ok(nrt_open_tensor_attach_dmabuf(t, 0, frame.fd, frame.bytes, 1) == NRT_INVALID, "behind the buffer's end");
	ok(nrt_open_tensor_attach_dmabuf(t, 0, frame.fd, UINT64_MAX, 2) == NRT_INVALID, "around the address space");
	ok(nrt_open_tensor_attach_dmabuf(t, 99, frame.fd, 0, 1) == NRT_INVALID, "a core that there is not");
	if (drmIoctl(drm, DRM_IOCTL_MODE_CREATE_DUMB, &lent) ||
	    drmPrimeHandleToFD(drm, lent.handle, DRM_CLOEXEC, &readonly))
		exit(2);
	ok(!nrt_open_tensor_attach_dmabuf(t, 0, readonly, 0, 100), "a buffer that is lent for reading");
	ok(!nrt_tensor_read(t, &byte, 99, 1) && !byte, "is read");
	ok(nrt_tensor_write(t, &byte, 0, 1) == NRT_FAILURE, "and not written");
	close(readonly);
	nrt_tensor_free(&t);
	frame_free(drm, &frame);
	close(zero);
}

/* Memory of the chip, lent by fd to itself as to any other importer. */
static void exported(bool chip)
{
	nrt_tensor_t *source, *alias;
	char text[64] = "";
	int fd = -1;

	need(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, 2 * PAGE, "source", &source), "tensor");
	if (!chip) {
		ok(nrt_get_dmabuf_fd((uintptr_t)nrt_tensor_get_va(source), PAGE, &fd) == NRT_FAILURE,
		   "the emulator has no dma-bufs");
		nrt_tensor_free(&source);
		return;
	}
	ok(!nrt_get_dmabuf_fd((uintptr_t)nrt_tensor_get_va(source), 2 * PAGE, &fd) && fd >= 0 &&
	   fcntl(fd, F_GETFD) & FD_CLOEXEC, "device memory has a dma-buf");
	ok(lseek(fd, 0, SEEK_END) == 2 * PAGE, "of its size");
	need(nrt_tensor_write(source, "seen by both", PAGE + 5, 13), "write");
	need(nrt_tensor_allocate_empty("alias", &alias), "tensor");
	ok(!nrt_open_tensor_attach_dmabuf(alias, 0, fd, PAGE, PAGE), "which is a tensor again");
	close(fd);
	ok(!nrt_tensor_read(alias, text, 5, 13) && !strcmp(text, "seen by both"), "of the same bytes");
	nrt_tensor_free(&source);
	text[0] = 0;
	ok(!nrt_tensor_read(alias, text, 5, 13) && !strcmp(text, "seen by both"), "also without the first one");
	nrt_tensor_free(&alias);
}

int main(int argc, char **argv)
{
	const char *device = getenv("NEURON_RT_DEVICE");
	bool chip = !device || strcmp(device, "emulator");
	nrt_tensor_info_array_t *info;
	int drm = drmOpen("vgem", NULL);

	if (argc != 2)
		return 2;
	if (drm < 0) {
		printf("1..0 # SKIP this kernel has no vgem\n");
		return 0;
	}
	need(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), "init");
	load(argv[1], &info);
	zero_copy(drm, chip);
	errors(drm);
	exported(chip);
	need(nrt_unload(model), "unload");
	nrt_free_model_tensor_info(info);
	nrt_close();
	drmClose(drm);
	printf("1..%d\n", tests);
	return failed > 0;
}
