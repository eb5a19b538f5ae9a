// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-run: run a compiled model on arrays.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "run_report.h"

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static int execute(struct run_model *m, struct run_statistics *s)
{
	nrt_open_execute_info_t info = { 0 };
	uint64_t start = now_ns(), ns;
	int rc = run_model_execute(m, &s->nan);

	if (rc)
		return rc;
	ns = now_ns() - start;
	if (!s->count++ || ns < s->best_ns)
		s->best_ns = ns;
	s->total_ns += ns;
	nrt_open_get_execute_info(&info);
	s->cycles += info.cycles;
	return EXIT_OK;
}

/* Labels as one integer an inference. NULL after a message. */
static uint64_t *read_labels(const char *path, uint64_t count)
{
	char error[NPY_ERROR_SIZE];
	uint64_t *labels = NULL, i;
	struct npy file;
	size_t width;

	if (npy_open(&file, path, error)) {
		cli_error("%s", error);
		return NULL;
	}
	width = file.size / (count ? count : 1);
	if (file.dtype < NRT_DTYPE_INT8 || width * count != file.size ||
	    (file.ndim ? file.shape[0] : 0) != count || width > sizeof(*labels)) {
		cli_error("%s: not one integer for each of %llu inferences", path,
			  (unsigned long long)count);
	} else {
		labels = calloc(count, sizeof(*labels));
		for (i = 0; labels && i < count; i++)
			if (npy_read(&file, i * width, &labels[i], width, error)) {
				cli_error("%s", error);
				free(labels);
				labels = NULL;
			}
	}
	npy_close(&file, error);
	return labels;
}

static int run_each(struct run_model *m, const uint64_t *labels, struct run_statistics *s)
{
	const struct run_tensor *answer = run_model_only_output(m);
	int rc = EXIT_OK;
	uint64_t i;

	for (i = 0; !rc && i < m->inferences; i++) {
		rc = run_model_read(m, i);
		if (!rc)
			rc = execute(m, s);
		if (!rc)
			rc = run_model_write(m);
		if (!rc && labels)
			s->right += run_argmax(answer) == labels[i];
		cli_progress(i + 1, m->inferences, "inferences");
	}
	return rc;
}

static int run_labelled(struct run_model *m, const struct run_options *o, struct run_statistics *s)
{
	uint64_t *labels;
	int rc;

	if (!o->labels)
		return run_each(m, NULL, s);
	if (!run_model_only_output(m)) {
		cli_error("%s: --labels is for models with one output", m->path);
		return EXIT_FAILED;
	}
	labels = read_labels(o->labels, m->inferences);
	if (!labels)
		return EXIT_FAILED;
	rc = run_each(m, labels, s);
	free(labels);
	return rc;
}

static int run_once(struct run_model *m, const struct run_options *o, struct run_statistics *s)
{
	int rc = run_model_read(m, 0);
	uint64_t i;

	for (i = 0; !rc && i < o->repeat; i++) {
		rc = execute(m, s);
		cli_progress(i + 1, o->repeat, "inferences");
	}
	return rc ? rc : run_model_write(m);
}

/* Names of classes as one string; NULL after a message. */
static char *read_names(const char *path)
{
	size_t size;
	char *text = cli_read_file(path, &size);

	/* There is room for one byte more. */
	if (text)
		text[size] = 0;
	return text;
}

static int run_and_print(struct run_model *m, const struct run_options *o, struct run_statistics *s)
{
	int rc = run_model_open(m, o);

	if (!rc)
		rc = o->each ? run_labelled(m, o, s) : run_once(m, o, s);
	cli_progress_end();
	if (rc)
		return rc;
	if (o->json)
		return run_print_json(m, o, s);
	run_print_text(m, o, s);
	return EXIT_OK;
}

static int run(struct run_model *m, const struct run_options *o)
{
	struct run_statistics s = { 0 };
	int rc;

	*m = (struct run_model) { 0 };
	if (o->class_names) {
		s.class_names = read_names(o->class_names);
		if (!s.class_names)
			return EXIT_FAILED;
	}
	rc = run_and_print(m, o, &s);
	free(s.class_names);
	return rc;
}

int main(int argc, char **argv)
{
	struct run_options options;
	struct run_model m;
	int rc, closed;

	cli_init("neuron-run");
	rc = run_options_parse(&options, argc, argv);
	if (rc >= 0)
		return rc;
	rc = run(&m, &options);
	closed = run_model_close(&m);
	if (!rc)
		rc = closed;
	return rc ? rc : cli_finish();
}
