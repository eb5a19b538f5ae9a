// SPDX-License-Identifier: Apache-2.0
/*
 * Collects the numbers of groups whose period is over: differences of counters.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mon_sample.h"

const unsigned int mon_percentiles[MON_PERCENTILES] = { 0, 1, 25, 50, 75, 99, 100 };

static double round2(double value)
{
	return round(value * 100) / 100;
}

static void take_base(struct mon_base *b, const struct process *p)
{
	const struct nrt_stats_file *f = &p->file;
	unsigned int i;

	b->taken_ns = p->taken_ns;
	for (i = 0; i < f->core_count; i++)
		b->busy[i] = nrt_stats_busy(&f->cores[i], p->taken_ns);
	for (i = 0; i < NRT_STATS_OUTCOMES; i++)
		b->outcomes[i] = f->outcomes[i];
	for (i = 0; i < NRT_STATS_ERRORS; i++)
		b->errors[i] = f->errors[i];
	for (i = 0; i < NRT_STATS_BUCKETS; i++) {
		b->total[i] = f->total.bucket[i];
		b->on_device[i] = f->on_device.bucket[i];
	}
	b->user = p->user;
	b->system = p->system;
}

/* Counters of a hostile file may go back. */
static uint64_t grown(uint64_t before, uint64_t after)
{
	return after > before ? after - before : 0;
}

static void fill_latency(struct mon_latency *l, const uint64_t *before, const uint64_t *after)
{
	uint64_t sum = 0;
	unsigned int i, k = 0;

	l->count = 0;
	for (i = 0; i < NRT_STATS_BUCKETS; i++)
		l->count += grown(before[i], after[i]);
	if (!l->count)
		return;
	for (i = 0; i < NRT_STATS_BUCKETS; i++) {
		sum += grown(before[i], after[i]);
		/* The smallest latency that so many per cent do not exceed. */
		while (k < MON_PERCENTILES && sum &&
		       (double)sum * 100 >= (double)l->count * mon_percentiles[k])
			l->percentile[k++] = nrt_stats_bucket_ns(i) / 1e9;
	}
}

static void collect_group(struct mon_group_data *g, const struct process *p)
{
	double ticks = sysconf(_SC_CLK_TCK) * (double)sysconf(_SC_NPROCESSORS_ONLN);
	struct mon_base now = { 0 };
	uint64_t elapsed;
	unsigned int i;

	take_base(&now, p);
	elapsed = grown(g->base.taken_ns, now.taken_ns);
	g->period = elapsed / 1e9;
	for (i = 0; i < p->file.core_count; i++) {
		uint64_t busy = grown(g->base.busy[i], now.busy[i]);

		g->utilization[i] = elapsed ? round2(fmin(100.0 * busy / elapsed, 100)) : 0;
	}
	for (i = 0; i < NRT_STATS_OUTCOMES; i++)
		g->outcomes[i] = grown(g->base.outcomes[i], now.outcomes[i]);
	for (i = 0; i < NRT_STATS_ERRORS; i++)
		g->errors[i] = grown(g->base.errors[i], now.errors[i]);
	fill_latency(&g->total, g->base.total, now.total);
	fill_latency(&g->on_device, g->base.on_device, now.on_device);
	g->user = elapsed ? round2(100 * grown(g->base.user, now.user) / ticks / g->period) : 0;
	g->system = elapsed ? round2(100 * grown(g->base.system, now.system) / ticks / g->period) : 0;
	g->base = now;
	g->collected = true;
}

static void drop_process(void *data)
{
	struct mon_process *mp = data;
	int i;

	for (i = 0; i < MON_GROUPS; i++)
		free(mp->group[i]);
	free(mp);
}

static size_t find_runtime(const struct mon_config *config, const char *tag)
{
	size_t i;

	for (i = 0; i < config->runtime_count; i++) {
		const regex_t *filter = config->runtimes[i].filter;

		if (!filter || !regexec(filter, tag, 0, NULL, 0))
			break;
	}
	return i;
}

/* What was counted before the monitor looked for the first time is not of any period. */
static int begin_process(struct monitor *m, struct process *p)
{
	struct mon_process *mp = calloc(1, sizeof(*mp));
	int i;

	p->data = mp;
	if (!mp)
		return -ENOMEM;
	mp->runtime = find_runtime(&m->config, p->file.tag);
	if (mp->runtime == m->config.runtime_count)
		return 0;
	for (i = 0; i < MON_GROUPS; i++) {
		if (!m->config.runtimes[mp->runtime].period[i])
			continue;
		mp->group[i] = calloc(1, sizeof(*mp->group[i]));
		if (!mp->group[i])
			return -ENOMEM;
		if (p->appeared) {
			mp->group[i]->base.taken_ns = m->last_update;
			mp->group[i]->base.user = p->user;
			mp->group[i]->base.system = p->system;
		} else {
			take_base(&mp->group[i]->base, p);
		}
	}
	return 0;
}

static int update_processes(struct monitor *m)
{
	uint64_t now = proc_now_ns();
	unsigned int i;
	int rc;

	rc = processes_update(&m->processes);
	for (i = 0; !rc && i < m->processes.count; i++)
		if (!m->processes.list[i]->data)
			rc = begin_process(m, m->processes.list[i]);
	m->last_update = now;
	return rc;
}

static void collect_hardware(struct monitor *m)
{
	struct mon_system *s = &m->system;
	int i, k;

	for (i = 0; i < m->device_count; i++) {
		const struct proc_device *d = &m->devices[i];
		struct mon_device *e = &s->events[i];

		*e = (struct mon_device) { .index = d->index, .telemetry = d->telemetry };
		for (k = 0; k < s->device_count; k++) {
			if (s->devices[k].index != d->index)
				continue;
			e->corrected = grown(s->devices[k].ecc_corrected, d->ecc_corrected);
			e->uncorrected = grown(s->devices[k].ecc_uncorrected, d->ecc_uncorrected);
		}
	}
	memcpy(s->devices, m->devices, sizeof(s->devices));
	s->device_count = m->device_count;
}

static void collect_system(struct monitor *m, enum mon_system_group group)
{
	struct mon_system *s = &m->system;
	uint64_t now = proc_now_ns();

	switch (group) {
	case MON_SYSTEM_VCPU:
		s->cpus_before = s->cpus;
		s->error[group] = proc_read_cpus(&s->cpus);
		break;
	case MON_SYSTEM_MEMORY:
		s->error[group] = proc_read_memory(&s->memory);
		break;
	default:
		collect_hardware(m);
		break;
	}
	s->period[group] = (now - s->taken_ns[group]) / 1e9;
	s->taken_ns[group] = now;
}

static void read_devices(struct monitor *m)
{
	m->device_count = proc_read_devices(m->devices);
	if (m->device_count < 0)
		m->device_count = 0;
}

int mon_start(struct monitor *m, const struct mon_config *config)
{
	uint64_t now = proc_now_ns();
	size_t i;
	int k, rc;

	*m = (struct monitor) { .config = *config, .processes.drop = drop_process };
	m->due = calloc(config->runtime_count + 1, sizeof(*m->due));
	if (!m->due)
		return -ENOMEM;
	for (i = 0; i < config->runtime_count; i++)
		for (k = 0; k < MON_GROUPS; k++)
			if (config->runtimes[i].period[k])
				m->due[i][k] = now + config->runtimes[i].period[k];
	proc_read_instance(&m->instance);
	rc = update_processes(m);
	read_devices(m);
	for (k = 0; k < MON_SYSTEM_GROUPS; k++) {
		m->system.taken_ns[k] = now;
		collect_system(m, k);
		if (config->system_period[k])
			m->system_due[k] = now + config->system_period[k];
	}
	return rc;
}

void mon_stop(struct monitor *m)
{
	processes_free(&m->processes);
	mon_config_free(&m->config);
	free(m->due);
}

uint64_t mon_next(const struct monitor *m)
{
	uint64_t next = UINT64_MAX;
	size_t i;
	int k;

	for (i = 0; i < m->config.runtime_count; i++)
		for (k = 0; k < MON_GROUPS; k++)
			if (m->due[i][k] && m->due[i][k] < next)
				next = m->due[i][k];
	for (k = 0; k < MON_SYSTEM_GROUPS; k++)
		if (m->system_due[k] && m->system_due[k] < next)
			next = m->system_due[k];
	return next;
}

/* The end of the next period; those that were slept through are left out. */
static uint64_t advance(uint64_t due, uint64_t period, uint64_t now)
{
	return due + period > now ? due + period : now + period;
}

int mon_collect(struct monitor *m)
{
	uint64_t now = proc_now_ns();
	unsigned int i;
	size_t r;
	int k, rc;

	rc = update_processes(m);
	if (rc)
		return rc;
	read_devices(m);
	for (i = 0; i < m->processes.count; i++) {
		struct process *p = m->processes.list[i];
		struct mon_process *mp = p->data;

		for (k = 0; k < MON_GROUPS; k++)
			/* One that has ended will not be asked again. */
			if (mp->group[k] && (p->over || m->due[mp->runtime][k] <= now))
				collect_group(mp->group[k], p);
	}
	for (r = 0; r < m->config.runtime_count; r++)
		for (k = 0; k < MON_GROUPS; k++)
			if (m->due[r][k] && m->due[r][k] <= now)
				m->due[r][k] = advance(m->due[r][k], m->config.runtimes[r].period[k],
						       now);
	for (k = 0; k < MON_SYSTEM_GROUPS; k++) {
		if (!m->system_due[k] || m->system_due[k] > now)
			continue;
		collect_system(m, k);
		m->system.collected[k] = true;
		m->system_due[k] = advance(m->system_due[k], m->config.system_period[k], now);
	}
	return 0;
}
