// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-top: NeuronCores, memory, models and processes on a terminal.
 */
#include <getopt.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <ncurses.h>

#include "cli.h"
#include "mon_report.h"
#include "top_view.h"

#define NS_PER_MS	1000000ULL
#define KEYS		"a/d tab  1-9 choose tab  F rates  x fold all  arrows models  q quit"

static const char help[] =
"Usage: neuron-top [OPTION]...\n"
"Show who uses the NeuronCores, how much, with which models and how much memory.\n"
"\n"
"  -b, --batch         print the screen as text and end, for logs and pipes\n"
"  -j, --json          print a report of neuron-monitor and end\n"
"  -d, --delay=TIME    time between two looks, such as 500ms or 2s (default 1s)\n"
"  -n, --count=N       end after N screens; for --batch 1 by default\n"
"  -h, --help          this text\n"
"  -V, --version       version\n"
"\n"
"Keys: 1 to 9 choose a tab, the first being that of all processes; a and d the one before and\n"
"after it; F switches between utilisation and rates with latencies; up and down choose a\n"
"model, left and right fold and unfold it, x all of them; q ends.\n"
"\n"
"Exit status: 0 done, 1 an error, 2 wrong usage.\n";

static const struct option long_options[] = {
	{ "batch", no_argument, NULL, 'b' },
	{ "json", no_argument, NULL, 'j' },
	{ "delay", required_argument, NULL, 'd' },
	{ "count", required_argument, NULL, 'n' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

/**
 * struct options - the command line
 * @count: 0 = no end
 */
struct options {
	bool batch, json;
	uint64_t delay;
	uint64_t count;
};

/**
 * struct terminal - the interactive screen
 * @top: first line that is seen
 */
struct terminal {
	struct top_view view;
	struct top_screen screen;
	size_t top;
	bool done;
};

/* Wait for a key or until @due; what comes first. ERR: no key. */
static int wait_key(uint64_t due)
{
	uint64_t now = proc_now_ns(), ms = due > now ? (due - now) / NS_PER_MS + 1 : 0;

	timeout(ms < 60000 ? ms : 60000);
	return getch();
}

static void show_line(int row, int width, enum top_look look, const char *text)
{
	static const attr_t attributes[] = {
		[TOP_NORMAL] = A_NORMAL, [TOP_TITLE] = A_BOLD, [TOP_SELECTED] = A_REVERSE,
	};

	attrset(attributes[look]);
	mvaddnstr(row, 0, text, width);
	attrset(A_NORMAL);
}

/* Keep the model under the cursor among the @rows that there are. */
static void scroll_to(struct terminal *t, size_t rows)
{
	size_t line = t->view.selected_line, count = t->screen.count;

	if (!t->view.selected)
		t->top = 0;
	if (t->top + rows > count)
		t->top = count > rows ? count - rows : 0;
	if (line < t->top)
		t->top = line;
	if (rows && line >= t->top + rows)
		t->top = line - rows + 1;
}

static void show(struct terminal *t, const struct monitor *m)
{
	int rows = LINES > 2 ? LINES - 2 : LINES, i;
	char tabs[1024];

	top_draw(&t->screen, m, &t->view);
	scroll_to(t, rows);
	erase();
	for (i = 0; i < rows && t->top + i < t->screen.count; i++)
		show_line(i, COLS, t->screen.lines[t->top + i].look,
			  t->screen.lines[t->top + i].text);
	if (LINES > 2) {
		top_tabs(m, &t->view, tabs, sizeof(tabs));
		show_line(LINES - 2, COLS, TOP_TITLE, tabs);
		/* The last cell would scroll. */
		show_line(LINES - 1, COLS - 1, TOP_NORMAL, KEYS);
	}
	refresh();
}

static void handle_key(struct terminal *t, const struct monitor *m, int key)
{
	struct top_view *v = &t->view;
	unsigned int tabs = m->processes.count + 1;

	if (key >= '1' && key <= '9') {
		if ((unsigned int)(key - '1') < tabs)
			v->tab = key - '1';
		return;
	}
	switch (key) {
	case 'a':
		v->tab = (v->tab + tabs - 1) % tabs;
		break;
	case 'd':
		v->tab = (v->tab + 1) % tabs;
		break;
	case 'F':
	case 'f':
		v->latency = !v->latency;
		break;
	case 'x':
		v->folded = !v->folded;
		v->except_count = 0;
		break;
	case KEY_UP:
		v->selected -= v->selected > 0;
		break;
	case KEY_DOWN:
		v->selected += v->selected + 1 < v->models;
		break;
	case KEY_LEFT:
	case KEY_RIGHT:
	case '\n':
		top_fold(v);
		break;
	case 'q':
		t->done = true;
		break;
	}
}

/* Nobody is at the terminal's other end. */
static bool has_gone(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR | POLLNVAL);
}

static int interact(struct monitor *m, const struct options *o)
{
	struct terminal t = { 0 };
	uint64_t screens = 0;
	int rc = EXIT_OK;

	if (!newterm(NULL, stdout, stdin)) {
		cli_error("the terminal \"%s\" is not known: set TERM, or use --batch",
			  getenv("TERM") ? getenv("TERM") : "");
		return EXIT_FAILED;
	}
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	show(&t, m);
	while (!t.done && (!o->count || screens < o->count)) {
		int key = wait_key(mon_next(m));

		if (key != ERR)
			handle_key(&t, m, key);
		else if (has_gone(STDIN_FILENO))
			break;
		if (proc_now_ns() >= mon_next(m)) {
			if (mon_collect(m)) {
				rc = EXIT_FAILED;
				break;
			}
			screens++;
		}
		show(&t, m);
	}
	endwin();
	top_clear(&t.screen);
	if (rc)
		cli_error("out of memory");
	return rc;
}

static void print_text(const struct monitor *m)
{
	struct top_screen screen = { 0 };
	struct top_view view = { .selected = UINT32_MAX };
	size_t i;

	top_draw(&screen, m, &view);
	for (i = 0; i < screen.count; i++)
		puts(screen.lines[i].text);
	top_clear(&screen);
}

static int print_json(const struct monitor *m)
{
	json_t *report = mon_report(m);
	int rc;

	if (!report)
		return -1;
	rc = json_dumpf(report, stdout, JSON_INDENT(4) | JSON_REAL_PRECISION(12));
	json_decref(report);
	putchar('\n');
	return rc;
}

static int print(struct monitor *m, const struct options *o)
{
	uint64_t i, n = o->count ? o->count : 1;

	for (i = 0; i < n; i++) {
		uint64_t now = proc_now_ns(), due = mon_next(m);

		if (due > now)
			usleep((due - now) / 1000 + 1);
		if (mon_collect(m)) {
			cli_error("out of memory");
			return EXIT_FAILED;
		}
		if (o->json && print_json(m)) {
			cli_error("the report cannot be printed");
			return EXIT_FAILED;
		}
		if (!o->json)
			print_text(m);
	}
	return cli_finish();
}

static int start(const struct options *o)
{
	struct mon_config config;
	struct monitor *m = malloc(sizeof(*m));
	int rc, i;

	if (!m || mon_config_default(&config)) {
		cli_error("out of memory");
		return EXIT_FAILED;
	}
	for (i = 0; i < MON_EXECUTIONS; i++)
		config.runtimes[0].period[i] = o->delay;
	for (i = 0; i < MON_SYSTEM_GROUPS; i++)
		config.system_period[i] = o->delay;
	if (mon_start(m, &config)) {
		cli_error("out of memory");
		return EXIT_FAILED;
	}
	rc = o->batch || o->json ? print(m, o) : interact(m, o);
	mon_stop(m);
	free(m);
	return rc;
}

int main(int argc, char **argv)
{
	struct options o = { .delay = 1000 * NS_PER_MS };
	int option;

	cli_init("neuron-top");
	setlocale(LC_CTYPE, "");
	while ((option = getopt_long(argc, argv, "bd:n:jhV", long_options, NULL)) != -1) {
		switch (option) {
		case 'b':
			o.batch = true;
			break;
		case 'j':
			o.json = true;
			break;
		case 'd':
			if (mon_parse_period(optarg, &o.delay))
				return cli_usage("--delay=%s is not a time such as 500ms or 2s", optarg);
			break;
		case 'n':
			if (cli_number(optarg, 1, UINT32_MAX, &o.count))
				return cli_usage("--count=%s is not a number from 1 on", optarg);
			break;
		default:
			return cli_other_option(option, help);
		}
	}
	if (optind < argc)
		return cli_usage("unexpected argument '%s'", argv[optind]);
	if (!o.batch && !o.json && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))) {
		cli_error("standard input and output have to be a terminal: use --batch or --json");
		return EXIT_FAILED;
	}
	return start(&o);
}
