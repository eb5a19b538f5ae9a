// SPDX-License-Identifier: Apache-2.0
/*
 * Draws neuron-top's sections: utilisation, processors and memory, models.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "top_view.h"

__attribute__((format(printf, 3, 4)))
static void put(struct top_screen *s, enum top_look look, const char *format, ...)
{
	struct top_line *lines = realloc(s->lines, (s->count + 1) * sizeof(*lines));
	va_list args;

	if (!lines) {
		s->failed = true;
		return;
	}
	s->lines = lines;
	lines[s->count].look = look;
	va_start(args, format);
	vsnprintf(lines[s->count].text, sizeof(lines->text), format, args);
	va_end(args);
	s->count++;
}

__attribute__((format(printf, 3, 4)))
static void append(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + used, size - used, format, args);
	va_end(args);
}

void top_clear(struct top_screen *screen)
{
	free(screen->lines);
	*screen = (struct top_screen) { 0 };
}

static void bytes_text(uint64_t bytes, char *text, size_t size)
{
	static const char units[] = "BKMGT";
	double value = bytes;
	int i = 0;

	while (value >= 1000 && i < 4) {
		value /= 1024;
		i++;
	}
	snprintf(text, size, i ? "%.1f%c" : "%.0f%c", value, units[i]);
}

static const struct mon_group_data *group_of(const struct process *p, enum mon_group group)
{
	const struct mon_process *mp = p->data;

	return mp->group[group] && mp->group[group]->collected ? mp->group[group] : NULL;
}

/* Whether process number @i is on the tab. */
static bool on_tab(const struct top_view *v, unsigned int i)
{
	return !v->tab || v->tab == i + 1;
}

/* The cores of a process, a line for each of its devices. */
static void draw_cores(struct top_screen *s, const struct process *p)
{
	const struct nrt_stats_file *f = &p->file;
	const struct mon_group_data *g = group_of(p, MON_CORES);
	uint32_t i = 0;

	while (i < f->core_count) {
		uint32_t device = f->cores[i].device;
		char text[240];

		snprintf(text, sizeof(text), "  ND%-3u", device);
		for (; i < f->core_count && f->cores[i].device == device; i++)
			append(text, sizeof(text), " NC%-3u[%6.2f%%]", f->cores[i].index,
			       g ? g->utilization[i] : 0);
		append(text, sizeof(text), "  %s%s", f->tag, f->emulator ? " (emulator)" : "");
		put(s, TOP_NORMAL, "%s", text);
	}
}

static void draw_latency(struct top_screen *s, const struct process *p)
{
	const struct mon_group_data *g = group_of(p, MON_INFERENCES);
	uint64_t n = 0, failed = 0;
	int i;

	for (i = 0; g && i < NRT_STATS_OUTCOMES; i++)
		*(i == NRT_STATS_COMPLETED ? &n : &failed) += g->outcomes[i];
	if (!g || !g->total.count)
		put(s, TOP_NORMAL, "  %-32s no inference", p->file.tag);
	else
		put(s, TOP_NORMAL, "  %-32s %.1f/s, %" PRIu64 " failed; p50 %.3f ms, p99 %.3f ms, on device p50 %.3f ms",
		    p->file.tag, g->period ? n / g->period : 0, failed, 1e3 * g->total.percentile[3],
		    1e3 * g->total.percentile[5], 1e3 * g->on_device.percentile[3]);
}

static bool has_process(const struct monitor *m, unsigned int device)
{
	unsigned int i;
	uint32_t k;

	for (i = 0; i < m->processes.count; i++)
		for (k = 0; k < m->processes.list[i]->file.core_count; k++)
			if (!m->processes.list[i]->file.emulator &&
			    m->processes.list[i]->file.cores[k].device == device)
				return true;
	return false;
}

static void draw_utilization(struct top_screen *s, const struct monitor *m, const struct top_view *v)
{
	unsigned int i, shown = 0;
	int k;

	put(s, TOP_TITLE, v->latency ? "Inferences" : "NeuronCore v1 Utilization");
	for (i = 0; i < m->processes.count; i++) {
		if (!on_tab(v, i))
			continue;
		if (v->latency)
			draw_latency(s, m->processes.list[i]);
		else
			draw_cores(s, m->processes.list[i]);
		shown++;
	}
	for (k = 0; !v->latency && !v->tab && k < m->device_count; k++, shown++)
		if (!has_process(m, m->devices[k].index))
			put(s, TOP_NORMAL, "  ND%-3u %u NeuronCores, not in use", m->devices[k].index,
			    m->devices[k].cores);
	if (!shown)
		put(s, TOP_NORMAL, "  no process uses NeuronCores%s",
		    m->device_count ? "" : ", and there is no Neuron device");
}

static void draw_memory(struct top_screen *s, const struct monitor *m, const struct top_view *v)
{
	const struct mon_system *sys = &m->system;
	double user = 0, system = 0, shares[PROC_USAGES];
	uint64_t host = 0, device = 0;
	char on_host[16], total[16], on_device[16];
	unsigned int i;

	proc_cpu_shares(&sys->cpus_before.all, &sys->cpus.all, shares);
	for (i = 0; i < m->processes.count; i++) {
		const struct mon_group_data *g = group_of(m->processes.list[i], MON_VCPU);

		if (!on_tab(v, i))
			continue;
		host += m->processes.list[i]->file.host_bytes;
		device += m->processes.list[i]->file.device_bytes;
		user += g ? g->user : 0;
		system += g ? g->system : 0;
	}
	put(s, TOP_TITLE, "VCPU and Memory Info");
	put(s, TOP_NORMAL, "  System vCPU Usage     [%6.2f%%, %6.2f%%]   Runtime vCPU Usage    [%6.2f%%, %6.2f%%]",
	    shares[PROC_USER], shares[PROC_SYSTEM], user, system);
	bytes_text(host, on_host, sizeof(on_host));
	bytes_text(device, on_device, sizeof(on_device));
	bytes_text(sys->memory.total, total, sizeof(total));
	put(s, TOP_NORMAL, "  Runtime Memory Host   %8s /%8s   Runtime Memory Device %8s", on_host,
	    total, on_device);
}

static int find_except(const struct top_view *v, pid_t pid, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < v->except_count; i++)
		if (v->except[i].pid == pid && v->except[i].id == id)
			return i;
	return -1;
}

void top_fold(struct top_view *view)
{
	int i = find_except(view, view->current.pid, view->current.id);

	if (!view->models)
		return;
	if (i >= 0)
		view->except[i] = view->except[--view->except_count];
	else if (view->except_count < TOP_MAX_FOLDED)
		view->except[view->except_count++] = view->current;
}

static void draw_model(struct top_screen *s, const struct process *p,
		       const struct nrt_stats_model *m, struct top_view *v)
{
	bool selected = v->models == v->selected;
	bool folded = v->folded != (find_except(v, p->source.pid, m->id) >= 0);
	char host[16], device[16];
	uint32_t i;

	bytes_text(m->host, host, sizeof(host));
	bytes_text(m->device, device, sizeof(device));
	if (selected) {
		v->selected_line = s->count;
		v->current = (struct top_folded) { .pid = p->source.pid, .id = m->id };
	}
	put(s, selected ? TOP_SELECTED : TOP_NORMAL, "  [%c] %-36.36s %8u %11s %13s",
	    folded ? '+' : '-', m->name, m->id, host, device);
	v->models++;
	for (i = m->first; !folded && i < m->first + m->count; i++) {
		const struct nrt_stats_subgraph *g = &p->file.subgraphs[i];
		char where[64];

		snprintf(where, sizeof(where), "%.30s on ND%u NC%u", g->name, g->device_index, g->core);
		bytes_text(g->host, host, sizeof(host));
		bytes_text(g->device, device, sizeof(device));
		put(s, TOP_NORMAL, "        %-34s %8s %11s %13s", where, "", host, device);
	}
}

static void draw_models(struct top_screen *s, const struct monitor *m, struct top_view *v)
{
	unsigned int i;
	uint32_t k;

	put(s, TOP_TITLE, "%-42s %8s %11s %13s", "Loaded Models", "Model ID", "Host Memory",
	    "Device Memory");
	v->models = 0;
	v->selected_line = 0;
	for (i = 0; i < m->processes.count; i++)
		for (k = m->processes.list[i]->file.model_count; on_tab(v, i) && k-- > 0;)
			draw_model(s, m->processes.list[i], &m->processes.list[i]->file.models[k], v);
	if (!v->models)
		put(s, TOP_NORMAL, "  no model is loaded");
}

static void draw_processes(struct top_screen *s, const struct monitor *m, const struct top_view *v)
{
	unsigned int i;

	put(s, TOP_TITLE, "Neuron Processes");
	for (i = 0; i < m->processes.count; i++) {
		const struct process *p = m->processes.list[i];
		char *command;

		if (!on_tab(v, i))
			continue;
		command = proc_command(p->source.pid);
		put(s, TOP_NORMAL, "  %7d  %-20.20s %3u cores  %-10s %s", p->source.pid, p->file.tag,
		    p->file.core_count, nrt_stats_framework_name(p->file.framework),
		    command ? command : "");
		free(command);
	}
	if (!m->processes.count)
		put(s, TOP_NORMAL, "  none");
}

void top_draw(struct top_screen *s, const struct monitor *m, struct top_view *v)
{
	if (v->tab > m->processes.count)
		v->tab = m->processes.count;
	top_clear(s);
	put(s, TOP_TITLE, "neuron-top %s   %s %s", NEURON_VERSION,
	    *m->instance.type ? m->instance.type : "not on EC2", m->instance.id);
	put(s, TOP_NORMAL, "%s", "");
	draw_utilization(s, m, v);
	put(s, TOP_NORMAL, "%s", "");
	draw_memory(s, m, v);
	put(s, TOP_NORMAL, "%s", "");
	draw_models(s, m, v);
	if (v->models && v->selected >= v->models) {
		/* Models have gone: again, with the cursor on the last. */
		v->selected = v->models - 1;
		top_draw(s, m, v);
		return;
	}
	put(s, TOP_NORMAL, "%s", "");
	draw_processes(s, m, v);
}

void top_tabs(const struct monitor *m, const struct top_view *v, char *text, size_t size)
{
	unsigned int i;

	snprintf(text, size, v->tab ? " 1:all " : ">1:all<");
	for (i = 0; i < m->processes.count; i++)
		append(text, size, v->tab == i + 1 ? " >%u:%s<" : "  %u:%s ", i + 2,
		       m->processes.list[i]->file.tag);
}
