// SPDX-License-Identifier: Apache-2.0
/* The writer behind log_line(). */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"

struct line {
	struct line *next;
	char text[];
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t news;
	pthread_t writer;
	char prefix[32];
	struct line *head, **tail;
	unsigned int waiting;
	unsigned long dropped;
	bool stop, writing;
	pthread_cond_t idle;
} state = { .lock = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER,
	    .idle = PTHREAD_COND_INITIALIZER };

static void *writer(void *unused)
{
	struct line *line, *next;
	unsigned long dropped;
	bool stop = false;

	(void)unused;
	while (!stop) {
		pthread_mutex_lock(&state.lock);
		state.writing = false;
		pthread_cond_broadcast(&state.idle);
		while (!state.head && !state.dropped && !state.stop)
			pthread_cond_wait(&state.news, &state.lock);
		line = state.head;
		state.head = NULL;
		state.tail = &state.head;
		state.waiting = 0;
		dropped = state.dropped;
		state.dropped = 0;
		stop = state.stop;
		state.writing = true;
		pthread_mutex_unlock(&state.lock);
		for (; line; line = next) {
			next = line->next;
			fprintf(stderr, "%s: %s\n", state.prefix, line->text);
			free(line);
		}
		if (dropped)
			fprintf(stderr, "%s: %lu lines lost\n", state.prefix, dropped);
		fflush(stderr);
	}
	return NULL;
}

int log_start(const char *prefix)
{
	snprintf(state.prefix, sizeof(state.prefix), "%s", prefix);
	state.tail = &state.head;
	return -pthread_create(&state.writer, NULL, writer, NULL);
}

void log_stop(void)
{
	pthread_mutex_lock(&state.lock);
	state.stop = true;
	pthread_cond_signal(&state.news);
	pthread_mutex_unlock(&state.lock);
	pthread_join(state.writer, NULL);
}

void log_flush(void)
{
	struct timespec end;
	int err = 0;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec++;
	pthread_mutex_lock(&state.lock);
	while ((state.head || state.writing) && !err)
		err = pthread_cond_timedwait(&state.idle, &state.lock, &end);
	pthread_mutex_unlock(&state.lock);
}

void log_line(const char *format, ...)
{
	char text[512];
	struct line *line;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	line = malloc(sizeof(*line) + strlen(text) + 1);
	pthread_mutex_lock(&state.lock);
	if (!line || state.waiting == LOG_LINES) {
		state.dropped++;
		free(line);
	} else {
		line->next = NULL;
		strcpy(line->text, text);
		*state.tail = line;
		state.tail = &line->next;
		state.waiting++;
	}
	pthread_cond_signal(&state.news);
	pthread_mutex_unlock(&state.lock);
}
