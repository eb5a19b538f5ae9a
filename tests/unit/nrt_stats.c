// SPDX-License-Identifier: Apache-2.0
/*
 * Statistics of processes: what a known load publishes, when files come and go, and what
 * readers make of files that are not what they should be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <nrt/nrt_experimental.h>

#include "nrt_build.h"
#include "stats_dir.h"
#include "stats_read.h"

static char directory[64];

static NRT_STATUS init(void)
{
	return nrt_init(NRT_FRAMEWORK_TYPE_PYTORCH, "1.9", "0.1");
}

static int set_up(void **state)
{
	strcpy(directory, "/tmp/nrt-stats-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	setenv("NEURON_RT_STATS_DIR", directory, 1);
	setenv("NEURON_RT_DEVICE", "emulator", 1);
	setenv("NEURON_RT_LOG_LEVEL", "QUIET", 1);
	setenv("NEURON_RT_VISIBLE_CORES", "1-2", 1);
	setenv("NEURON_PROCESS_TAG", "a tag", 1);
	setenv("NEURON_RT_MULTI_INSTANCE_SHARED_WEIGHTS", "1", 1);
	/* Files are for all to read, whatever the user's other files are. */
	umask(077);
	return 0;
}

static unsigned int count_files(void)
{
	DIR *dir = opendir(directory);
	unsigned int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static int tear_down(void **state)
{
	char command[96];

	nrt_close();
	snprintf(command, sizeof(command), "rm -r %s", directory);
	return system(command);
}

/* The one process that publishes. */
static void read_one(struct nrt_stats_file *copy, bool *alive)
{
	struct nrt_stats_source *list;

	assert_int_equal(nrt_stats_find(&list), 1);
	assert_int_equal(list[0].pid, getpid());
	assert_int_equal(nrt_stats_read(&list[0], copy, alive), 0);
	nrt_stats_source_close(&list[0]);
	free(list);
}

static nrt_model_t *load(unsigned int bytes, int core)
{
	struct neuron_insn insn = build_dma(2, 1, bytes);
	nrt_model_t *model;
	struct build b;
	uint8_t *file;
	size_t size;

	build_copy_model(&b, 4);
	build_set(&b, "sg00/dma.bin", &insn, sizeof(insn));
	file = build_file(&b, &size);
	build_free(&b);
	assert_int_equal(nrt_load(file, size, core, 1, &model), NRT_SUCCESS);
	free(file);
	return model;
}

static nrt_tensor_set_t *tensors(const char *name, size_t size, nrt_tensor_t **tensor)
{
	nrt_tensor_set_t *set;

	assert_int_equal(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_VIRTUAL, -1, size, name, tensor),
			 NRT_SUCCESS);
	assert_int_equal(nrt_allocate_tensor_set(&set), NRT_SUCCESS);
	assert_int_equal(nrt_add_tensor_to_tensor_set(set, name, *tensor), NRT_SUCCESS);
	return set;
}

/** struct work - of a thread: executions of a model that works and of one that does not */
struct work {
	nrt_model_t *good, *bad;
};

static void *work(void *arg)
{
	struct work *w = arg;
	nrt_tensor_t *x, *y;
	nrt_tensor_set_t *in = tensors("x", 16, &x), *out = tensors("y", 16, &y);
	int i;

	for (i = 0; i < 500; i++)
		nrt_execute(i % 100 == 50 ? w->bad : w->good, in, out);
	nrt_destroy_tensor_set(&in);
	nrt_destroy_tensor_set(&out);
	nrt_tensor_free(&x);
	nrt_tensor_free(&y);
	return NULL;
}

static uint64_t sum(const struct nrt_stats_latency *l)
{
	uint64_t n = 0;
	unsigned int i;

	for (i = 0; i < NRT_STATS_BUCKETS; i++)
		n += l->bucket[i];
	return n;
}

/* 1,000 executions on two cores, 10 of which fail, and 3 that cannot begin. */
static void known_load(void **state)
{
	static struct nrt_stats_file f;
	struct work w[2];
	pthread_t thread[2];
	nrt_tensor_t *x, *y;
	nrt_tensor_set_t *in, *out;
	bool alive;
	int i;

	assert_int_equal(init(), NRT_SUCCESS);
	for (i = 0; i < 2; i++)
		w[i] = (struct work) { load(16, i), load(17, i) };
	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, work, &w[i]), 0);
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	in = tensors("x", 15, &x);
	out = tensors("y", 16, &y);
	for (i = 0; i < 3; i++)
		assert_int_equal(nrt_execute(w[0].good, in, out), NRT_EXEC_BAD_INPUT);
	read_one(&f, &alive);
	assert_true(alive);
	assert_string_equal(f.tag, "a tag");
	assert_int_equal(f.framework, NRT_FRAMEWORK_TYPE_PYTORCH);
	assert_string_equal(f.framework_version, "1.9");
	assert_string_equal(f.runtime_version, NEURON_VERSION);
	assert_int_equal(f.emulator, 1);
	assert_int_equal(f.outcomes[NRT_STATS_COMPLETED], 990);
	assert_int_equal(f.outcomes[NRT_STATS_COMPLETED_WITH_ERR], 10);
	assert_int_equal(f.outcomes[NRT_STATS_INCORRECT_INPUT], 3);
	assert_int_equal(f.errors[NRT_STATS_MODEL], 10);
	assert_int_equal(f.errors[NRT_STATS_GENERIC], 3);
	assert_int_equal(sum(&f.total), 990);
	assert_int_equal(sum(&f.on_device), 990);
	assert_int_equal(f.core_count, 2);
	for (i = 0; i < 2; i++) {
		assert_int_equal(f.cores[i].index, i + 1);
		assert_true(f.cores[i].busy_ns > 0);
		assert_int_equal(f.cores[i].since_ns, 0);
	}
	assert_int_equal(f.host_bytes, 31);
	nrt_destroy_tensor_set(&in);
	nrt_destroy_tensor_set(&out);
	nrt_tensor_free(&x);
	nrt_tensor_free(&y);
}

/* Models and memory come and go; what models have is what devices have given. */
static void models_and_memory(void **state)
{
	static struct nrt_stats_file f;
	nrt_tensor_t *on_device, *on_host;
	nrt_model_t *model;
	uint64_t on_devices = 0, on_hosts = 0;
	struct build b;
	uint8_t *file;
	size_t size;
	bool alive;
	uint32_t i;

	assert_int_equal(init(), NRT_SUCCESS);
	build_chain_model(&b, 4);
	file = build_file(&b, &size);
	build_free(&b);
	assert_int_equal(nrt_load(file, size, 0, 2, &model), NRT_SUCCESS);
	free(file);
	read_one(&f, &alive);
	assert_int_equal(f.model_count, 2);
	for (i = 0; i < 2; i++) {
		const struct nrt_stats_subgraph *s = &f.subgraphs[f.models[i].first];

		assert_int_equal(f.models[i].count, 2);
		assert_string_equal(s[1].name, "sg01");
		assert_int_equal(s[0].core, i + 1);
		assert_int_equal(s[1].core, i + 1);
		assert_int_equal(f.models[i].device, s[0].device + s[1].device);
		assert_int_equal(strlen(f.models[i].uuid), 32);
		on_devices += f.models[i].device;
		on_hosts += f.models[i].host;
	}
	assert_int_not_equal(f.models[0].id, f.models[1].id);
	/* Code and constants are there once. */
	assert_true(f.models[0].device > f.models[1].device);
	assert_int_equal(on_devices, f.device_bytes);
	assert_int_equal(on_hosts, f.host_bytes);
	assert_int_equal(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, 100, "", &on_device),
			 NRT_SUCCESS);
	assert_int_equal(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_HOST, 0, 50, "", &on_host),
			 NRT_SUCCESS);
	assert_int_equal(nrt_unload(model), NRT_SUCCESS);
	read_one(&f, &alive);
	assert_int_equal(f.model_count, 0);
	assert_int_equal(f.device_bytes, 100);
	assert_int_equal(f.host_bytes, 50);
	/* They outlive the state in which they were made. */
	nrt_close();
	assert_int_equal(init(), NRT_SUCCESS);
	read_one(&f, &alive);
	assert_int_equal(f.device_bytes, 100);
	nrt_tensor_free(&on_device);
	nrt_tensor_free(&on_host);
	read_one(&f, &alive);
	assert_int_equal(f.device_bytes, 0);
	assert_int_equal(f.host_bytes, 0);
}

/* A reader that has the file open learns the last of it. */
static void last_word(void **state)
{
	static struct nrt_stats_file f;
	struct nrt_stats_source *list;
	struct work w;
	struct stat st;
	bool alive;

	assert_int_equal(init(), NRT_SUCCESS);
	assert_int_equal(count_files(), 1);
	assert_int_equal(nrt_stats_find(&list), 1);
	assert_int_equal(fstat(list[0].fd, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0644);
	w = (struct work) { load(16, 0), load(17, 0) };
	work(&w);
	nrt_close();
	assert_int_equal(count_files(), 0);
	assert_int_equal(nrt_stats_read(&list[0], &f, &alive), 0);
	assert_false(alive);
	assert_int_equal(f.outcomes[NRT_STATS_COMPLETED], 495);
	nrt_stats_source_close(&list[0]);
	free(list);
	assert_int_equal(nrt_stats_find(&list), 0);
	free(list);
}

/* The child has no part in the parent's file; a process that is killed leaves one behind. */
static void forks_and_kills(void **state)
{
	struct nrt_stats_source *list;
	int status, pipes[2];
	char byte;
	pid_t pid;

	assert_int_equal(init(), NRT_SUCCESS);
	pid = fork();
	if (!pid) {
		/* What the parent has is no leak of the child. */
		close(2);
		exit(0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(count_files(), 1);
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (!pid) {
		byte = init();
		if (write(pipes[1], &byte, 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	assert_int_equal(byte, NRT_SUCCESS);
	assert_int_equal(nrt_stats_find(&list), 2);
	nrt_stats_source_close(&list[0]);
	nrt_stats_source_close(&list[1]);
	free(list);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_int_equal(count_files(), 2);
	assert_int_equal(nrt_stats_find(&list), 1);
	nrt_stats_source_close(&list[0]);
	free(list);
	assert_int_equal(count_files(), 1);
	close(pipes[0]);
	close(pipes[1]);
}

static uint32_t random_state = 1;

static uint32_t next_random(void)
{
	random_state = random_state * 1664525 + 1013904223;
	return random_state >> 8;
}

/* Everything that a user of the copy relies on. */
static void check_sound(const struct nrt_stats_file *f)
{
	uint32_t i;

	assert_true(f->core_count <= NRT_STATS_CORES);
	assert_true(f->model_count <= NRT_STATS_MODELS);
	assert_true(memchr(f->tag, 0, sizeof(f->tag)));
	for (i = 0; i < f->model_count; i++) {
		assert_true(f->models[i].first + (uint64_t)f->models[i].count <=
			    NRT_STATS_SUBGRAPHS);
		assert_true(memchr(f->models[i].name, 0, sizeof(f->models[i].name)));
	}
}

/* Bytes of a sound file are changed where it hurts; each reading ends well or with an error. */
static void spoiled(void **state)
{
	static struct nrt_stats_file sound, copy, bad;
	struct nrt_stats_source *list;
	size_t head = offsetof(struct nrt_stats_file, cores) + 64;
	unsigned int read_well = 0, i, k;
	char path[64];
	bool alive;
	int fd;

	assert_int_equal(init(), NRT_SUCCESS);
	load(16, 0);
	read_one(&sound, &alive);
	assert_int_equal(nrt_stats_find(&list), 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", list[0].fd);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	for (i = 0; i < 3000; i++) {
		bad = sound;
		for (k = next_random() % 8 + 1; k; k--)
			((uint8_t *)&bad)[next_random() % (i % 2 ? head : sizeof(bad))] = next_random();
		/* An odd number would have the reader wait for long. */
		bad.seq &= ~1u;
		for (k = 0; k < NRT_STATS_CORES; k++)
			bad.cores[k].seq &= ~1u;
		assert_int_equal(pwrite(fd, &bad, sizeof(bad), 0), sizeof(bad));
		if (!nrt_stats_read(&list[0], &copy, &alive)) {
			check_sound(&copy);
			read_well++;
		}
	}
	assert_in_range(read_well, 100, 2999);
	/* A writer that never ends costs the reader what it was about, and little time. */
	bad = sound;
	bad.seq |= 1;
	assert_int_equal(pwrite(fd, &bad, sizeof(bad), 0), sizeof(bad));
	assert_int_equal(nrt_stats_read(&list[0], &copy, &alive), 0);
	assert_int_equal(copy.model_count, 0);
	/* Nothing is mapped: a file that ends early is an error, no signal. */
	assert_int_equal(pwrite(fd, &sound, sizeof(sound), 0), sizeof(sound));
	assert_int_equal(ftruncate(fd, sizeof(sound) / 2), 0);
	assert_int_equal(nrt_stats_read(&list[0], &copy, &alive), -EINVAL);
	assert_int_equal(ftruncate(fd, sizeof(sound)), 0);
	close(fd);
	nrt_stats_source_close(&list[0]);
	free(list);
}

/* Of things in the directory that are no files of processes, none is shown or opened for long. */
static void strangers(void **state)
{
	struct nrt_stats_source *list;
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/notes.txt", directory);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	snprintf(path, sizeof(path), "%s/1.1", directory);
	assert_int_equal(mkfifo(path, 0666), 0);
	snprintf(path, sizeof(path), "%s/2.2", directory);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	snprintf(path, sizeof(path), "%s/3.3", directory);
	assert_int_equal(mkdir(path, 0777), 0);
	/* The right size and a holder, but another's name. */
	snprintf(path, sizeof(path), "%s/1.%" PRIu64, directory, nrt_stats_start_time(1));
	fd = open(path, O_CREAT | O_RDWR, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, sizeof(struct nrt_stats_file)), 0);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &(struct flock){ .l_type = F_WRLCK }), 0);
	assert_int_equal(nrt_stats_find(&list), 0);
	free(list);
	/* Only what nobody holds, and is a file of that name, was removed: nothing. */
	assert_int_equal(count_files(), 5);
	close(fd);
	assert_int_equal(nrt_stats_find(&list), 0);
	free(list);
	assert_int_equal(count_files(), 4);
}

/* Without a directory everything works, and nothing is published. */
static void nowhere(void **state)
{
	struct nrt_stats_source *list;
	struct work w;

	setenv("NEURON_RT_STATS_DIR", "/proc/no/such", 1);
	assert_int_equal(init(), NRT_SUCCESS);
	w = (struct work) { load(16, 0), load(17, 0) };
	work(&w);
	assert_int_equal(nrt_stats_find(&list), 0);
	free(list);
}

static void buckets(void **state)
{
	unsigned int i, last = 0, n;
	uint64_t ns;

	for (ns = 0; ns < 100000; ns++) {
		n = nrt_stats_bucket(ns);
		assert_in_range(n, last, last + 1);
		last = n;
	}
	for (i = 0; i < 100000; i++) {
		double middle;

		ns = ((uint64_t)next_random() << 24 | next_random()) >> (next_random() % 40 + 8);
		middle = nrt_stats_bucket_ns(nrt_stats_bucket(ns));
		assert_true(middle >= ns - ns * 0.008 && middle <= ns + ns * 0.008);
	}
	assert_int_equal(nrt_stats_bucket(UINT64_MAX), NRT_STATS_BUCKETS - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(known_load),
		TEST(models_and_memory),
		TEST(last_word),
		TEST(forks_and_kills),
		TEST(spoiled),
		TEST(strangers),
		TEST(nowhere),
		cmocka_unit_test(buckets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
