// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-emu: one emulated chip behind a vfio-user socket. The main thread is the
 * control thread; a service thread and one thread a NeuronCore run the chip.
 */
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <neuron/mgmt.h>
#include <neuron/regs.h>

#include "control.h"
#include "emu.h"
#include "guest_error.h"
#include "link_socket.h"
#include "log.h"
#include "trace.h"
#include "vfu_server.h"
#include "vfu_socket.h"

#define EXIT_USAGE	2
#define FIRMWARE_MAX	(2 * NEURON_MGMT_SRAM_SIZE)
#define FAULTS_MAX	32
#define IDLE_US		10000000

struct options {
	const char *socket;
	const char *firmware;
	unsigned int revision;
	unsigned int vectors;
	bool vectors_given;
	unsigned int index;
	const char *link[EMU_LINKS];
	const char *control;
	const char *fault[FAULTS_MAX];
	unsigned int faults;
};

struct server {
	struct options opt;
	struct vfu vfu;
	struct emu_chip *chip;
	struct link *link[EMU_LINKS];
	struct control *control;
	pthread_t service;
	pthread_t core[NEURON_CORES];
};

struct core_arg {
	struct emu_chip *chip;
	unsigned int core;
};

static int on_dma_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
	struct server *s = opaque;

	return vfu_dma_read(&s->vfu.dma, addr, buf, len);
}

static int on_dma_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
	struct server *s = opaque;

	return vfu_dma_write(&s->vfu.dma, addr, buf, len);
}

static int on_link_read(void *opaque, enum emu_link link, uint64_t addr, void *buf, size_t len)
{
	struct server *s = opaque;

	return link_read(s->link[link], addr, buf, len);
}

static int on_link_write(void *opaque, enum emu_link link, uint64_t addr, const void *buf,
			 size_t len)
{
	struct server *s = opaque;

	return link_write(s->link[link], addr, buf, len);
}

static void on_link_block(void *opaque, enum emu_link link, bool blocked)
{
	struct server *s = opaque;

	if (s->link[link])
		link_block(s->link[link], blocked);
}

static void on_irq(void *opaque, unsigned int vector)
{
	struct server *s = opaque;

	vfu_irq_raise(&s->vfu.irq, vector);
}

static void on_guest_error(void *opaque, const char *category, const char *text)
{
	(void)opaque;
	log_line("guest-error: %s: %s", category, text);
}

static void on_trace(void *opaque, const char *category, const char *text)
{
	(void)opaque;
	if (trace_wanted(category))
		log_line("%s: %s", category, text);
}

static void on_note(void *opaque, const char *text)
{
	on_trace(opaque, "vfio", text);
}

/* Few and worth knowing, whatever is traced: a fleet's logs tell when a chip lost another. */
static void on_link_note(void *opaque, const char *text)
{
	(void)opaque;
	log_line("link: %s", text);
}

static void *service_thread(void *arg)
{
	struct emu_chip *chip = arg;

	while (emu_run_service(chip, IDLE_US) >= 0)
		;
	return NULL;
}

static void *core_thread(void *arg)
{
	struct core_arg *core = arg;

	while (emu_run_core(core->chip, core->core, IDLE_US) >= 0)
		;
	free(core);
	return NULL;
}

static int start_core(struct server *s, unsigned int n)
{
	struct core_arg *arg = malloc(sizeof(*arg));
	int err;

	if (!arg)
		return -ENOMEM;
	arg->chip = s->chip;
	arg->core = n;
	err = pthread_create(&s->core[n], NULL, core_thread, arg);
	if (err)
		free(arg);
	return -err;
}

/* Threads that were started before one failed end with the process. */
static int start_threads(struct server *s)
{
	unsigned int n;
	int err = -pthread_create(&s->service, NULL, service_thread, s->chip);

	for (n = 0; n < NEURON_CORES && !err; n++)
		err = start_core(s, n);
	return err;
}

static void join_threads(struct server *s)
{
	unsigned int n;

	emu_stop(s->chip);
	pthread_join(s->service, NULL);
	for (n = 0; n < NEURON_CORES; n++)
		pthread_join(s->core[n], NULL);
}

static void usage(FILE *out)
{
	fprintf(out,
		"Usage: neuron-emu --socket PATH [OPTION]...\n"
		"An emulated Inferentia chip that QEMU attaches as vfio-user-pci.\n"
		"\n"
		"  --socket PATH      listen there; one client at a time\n"
		"  --firmware FILE    image of the management core; \"none\" leaves it in reset\n"
		"                     (default: the one of this build or installation)\n"
		"  --revision HEX     PCI revision ID (default: ff); but for ff and f0 a function as of\n"
		"                     silicon: without MSI-X and extension block, no compute\n"
		"  --vectors N        MSI-X vectors, 1 .. %u (default: %u)\n"
		"  --no-msix          a function without MSI-X\n"
		"  --link east=PATH, --link west=PATH\n"
		"                     join the chips: the east end of one and the west end of the\n"
		"                     next have the same PATH; start them in any order\n"
		"  --index N          number of this chip in messages and its serial (default: 0)\n"
		"  --trace LIST       print what goes on, separated by commas: %s\n"
		"                     or all\n"
		"  --fault SPEC       make something go wrong: KIND[:key=value[,key=value...]]; may\n"
		"                     be repeated; \"--fault list\" tells the kinds\n"
		"  --control PATH     take commands there, such as \"fault SPEC\" and \"help\"\n"
		"  --errors           list the categories of guest errors and exit\n"
		"  --help, --version\n"
		"\n"
		"What the guest does wrong is printed to stderr as\n"
		"  neuron-emu[INDEX]: guest-error: CATEGORY: text\n"
		"Exit status: 0 after SIGTERM or SIGINT, 1 if it cannot run, 2 for wrong usage.\n",
		VFU_MAX_VECTORS, VFU_MAX_VECTORS, trace_names());
}

static void list_errors(void)
{
	unsigned int i;

	for (i = 0; i < EMU_GE_COUNT; i++)
		printf("%-20s %s\n", emu_guest_error_name(i), emu_guest_error_meaning(i));
}

static bool number(const char *text, int base, unsigned long max, unsigned int *value)
{
	unsigned long v;
	char *end;

	errno = 0;
	v = strtoul(text, &end, base);
	if (errno || end == text || *end || *text == '-' || v > max)
		return false;
	*value = v;
	return true;
}

static void list_faults(void)
{
	const char *name, *meaning;
	char keys[160];
	unsigned int i;

	for (i = 0; emu_fault_describe(i, &name, &meaning, keys, sizeof(keys)); i++)
		printf("%-18s %s (%s)\n", name, meaning, keys);
}

static void add_fault(struct options *opt, const char *spec)
{
	char error[256];

	if (!strcmp(spec, "list")) {
		list_faults();
		exit(0);
	}
	if (emu_fault_set(NULL, spec, error, sizeof(error))) {
		fprintf(stderr, "neuron-emu: --fault %s: %s\n", spec, error);
		exit(EXIT_USAGE);
	}
	if (opt->faults == FAULTS_MAX) {
		fprintf(stderr, "neuron-emu: --fault %s: %u are enough\n", spec, FAULTS_MAX);
		exit(EXIT_USAGE);
	}
	opt->fault[opt->faults++] = spec;
}

static void add_traces(const char *list)
{
	char bad[64];

	if (trace_select(list, bad, sizeof(bad)))
		return;
	fprintf(stderr, "neuron-emu: --trace: unknown category \"%s\"; see --help\n", bad);
	exit(EXIT_USAGE);
}

static void bad_value(const char *option, const char *value, const char *range)
{
	fprintf(stderr, "neuron-emu: %s: \"%s\" is not %s\n", option, value, range);
	exit(EXIT_USAGE);
}

static const char *const link_names[EMU_LINKS] = {
	[EMU_LINK_EAST] = "east",
	[EMU_LINK_WEST] = "west",
};

static void add_link(struct options *opt, const char *value)
{
	unsigned int i;
	size_t len;

	for (i = 0; i < EMU_LINKS; i++) {
		len = strlen(link_names[i]);
		if (strncmp(value, link_names[i], len) || value[len] != '=' || !value[len + 1])
			continue;
		if (opt->link[i])
			bad_value("--link", value, "needed: that side has a link already");
		opt->link[i] = value + len + 1;
		return;
	}
	bad_value("--link", value, "east=PATH or west=PATH");
}

enum {
	OPT_SOCKET = 256,
	OPT_FIRMWARE,
	OPT_REVISION,
	OPT_VECTORS,
	OPT_NO_MSIX,
	OPT_INDEX,
	OPT_LINK,
	OPT_TRACE,
	OPT_FAULT,
	OPT_CONTROL,
	OPT_ERRORS,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option option_table[] = {
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "firmware", required_argument, NULL, OPT_FIRMWARE },
	{ "revision", required_argument, NULL, OPT_REVISION },
	{ "vectors", required_argument, NULL, OPT_VECTORS },
	{ "no-msix", no_argument, NULL, OPT_NO_MSIX },
	{ "index", required_argument, NULL, OPT_INDEX },
	{ "link", required_argument, NULL, OPT_LINK },
	{ "trace", required_argument, NULL, OPT_TRACE },
	{ "fault", required_argument, NULL, OPT_FAULT },
	{ "control", required_argument, NULL, OPT_CONTROL },
	{ "errors", no_argument, NULL, OPT_ERRORS },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ 0 },
};

static void take_option(struct options *opt, int c)
{
	switch (c) {
	case OPT_SOCKET:
		opt->socket = optarg;
		break;
	case OPT_FIRMWARE:
		opt->firmware = optarg;
		break;
	case OPT_REVISION:
		if (!number(optarg, 16, 0xff, &opt->revision))
			bad_value("--revision", optarg, "a hexadecimal number up to ff");
		break;
	case OPT_VECTORS:
		if (!number(optarg, 10, VFU_MAX_VECTORS, &opt->vectors) || !opt->vectors)
			bad_value("--vectors", optarg,
				  "a number from 1 to 16; use --no-msix for none");
		opt->vectors_given = true;
		break;
	case OPT_NO_MSIX:
		opt->vectors = 0;
		break;
	case OPT_INDEX:
		if (!number(optarg, 10, INT_MAX, &opt->index))
			bad_value("--index", optarg, "a number");
		break;
	case OPT_LINK:
		add_link(opt, optarg);
		break;
	case OPT_TRACE:
		add_traces(optarg);
		break;
	case OPT_FAULT:
		add_fault(opt, optarg);
		break;
	case OPT_CONTROL:
		opt->control = optarg;
		break;
	case OPT_ERRORS:
		list_errors();
		exit(0);
	case OPT_HELP:
		usage(stdout);
		exit(0);
	case OPT_VERSION:
		puts("neuron-emu " NEURON_VERSION);
		exit(0);
	default:
		fputs("Try \"neuron-emu --help\".\n", stderr);
		exit(EXIT_USAGE);
	}
}

/* A function whose revision says silicon has no interrupts. */
static void check_revision(struct options *opt)
{
	if (opt->revision == NEURON_PCI_REV_QEMU || opt->revision == NEURON_PCI_REV_EMULATOR)
		return;
	if (opt->vectors_given) {
		fprintf(stderr,
			"neuron-emu: --vectors: revision %02x is silicon, which has no MSI-X; "
			"leave one of the two away\n", opt->revision);
		exit(EXIT_USAGE);
	}
	opt->vectors = 0;
}

static void parse_options(struct options *opt, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", option_table, NULL)) != -1)
		take_option(opt, c);
	if (optind < argc) {
		fprintf(stderr, "neuron-emu: \"%s\" is not an option; see --help\n", argv[optind]);
		exit(EXIT_USAGE);
	}
	check_revision(opt);
	if (!opt->socket) {
		fputs("neuron-emu: --socket PATH is missing; see --help\n", stderr);
		exit(EXIT_USAGE);
	}
}

/* The image that lies where the build, or an installation, puts it, relative to this program. */
static bool default_firmware(char *path, size_t size)
{
	static const char * const places[] = {
		"../firmware/inferentia.bin", "../share/neuron/inferentia.bin",
	};
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *folder;
	unsigned int i;

	if (len < 0)
		return false;
	self[len] = 0;
	folder = dirname(self);
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if ((size_t)snprintf(path, size, "%s/%s", folder, places[i]) >= size)
			return false;
		if (!access(path, R_OK))
			break;
	}
	return true;
}

/* 0 and the image, which is NULL for "none". */
static int read_firmware(const struct options *opt, void **image, size_t *size)
{
	char path[PATH_MAX * 2];
	FILE *f;

	*image = NULL;
	*size = 0;
	if (opt->firmware && !strcmp(opt->firmware, "none"))
		return 0;
	if (opt->firmware)
		snprintf(path, sizeof(path), "%s", opt->firmware);
	else if (!default_firmware(path, sizeof(path)))
		return -ENOENT;
	f = fopen(path, "rb");
	if (!f) {
		fprintf(stderr,
			"neuron-emu: firmware %s: %s; name one with --firmware FILE, "
			"or run without: --firmware none\n", path, strerror(errno));
		return -ENOENT;
	}
	*image = malloc(FIRMWARE_MAX + 1);
	if (*image)
		*size = fread(*image, 1, FIRMWARE_MAX + 1, f);
	if (!*size || *size > FIRMWARE_MAX || ferror(f)) {
		fprintf(stderr, "neuron-emu: firmware %s: %s\n", path, *size > FIRMWARE_MAX ?
			"too large for the management core" : "cannot be read, or is empty");
		free(*image);
		*image = NULL;
	}
	fclose(f);
	return *image ? 0 : -EINVAL;
}

static int create_chip(struct server *s)
{
	struct emu_config config = {
		.revision = s->opt.revision,
		.vectors = s->opt.vectors,
		.index = s->opt.index,
		.opaque = s,
		.dma_read = on_dma_read,
		.dma_write = on_dma_write,
		.link_read = on_link_read,
		.link_write = on_link_write,
		.link_block = on_link_block,
		.irq = on_irq,
		.guest_error = on_guest_error,
		.trace = on_trace,
	};
	void *image;
	int err = read_firmware(&s->opt, &image, &config.flash_size);

	if (err)
		return err;
	config.flash = image;
	err = emu_create(&config, &s->chip);
	free(image);
	if (err)
		fprintf(stderr, "neuron-emu: cannot create the chip: %s\n", strerror(-err));
	else
		trace_apply(s->chip);
	return err;
}

/* Faults are there before a host can be. */
static int set_faults(struct server *s)
{
	char error[256];
	unsigned int i;
	int err = 0;

	for (i = 0; i < s->opt.faults && !err; i++) {
		err = emu_fault_set(s->chip, s->opt.fault[i], error, sizeof(error));
		if (err)
			fprintf(stderr, "neuron-emu: --fault %s: %s\n", s->opt.fault[i], error);
	}
	return err;
}

static int start_control(struct server *s)
{
	int err = s->opt.control ? control_start(s->chip, s->opt.control, &s->control) : 0;

	if (err)
		fprintf(stderr, "neuron-emu: control socket %s: %s\n", s->opt.control,
			err == -EADDRINUSE ? "in use by another server, or not a socket" :
			strerror(-err));
	return err;
}

static int open_links(struct server *s)
{
	unsigned int i;
	int err;

	for (i = 0; i < EMU_LINKS; i++) {
		const struct link_config config = {
			.chip = s->chip,
			.side = i,
			.path = s->opt.link[i],
			.index = s->opt.index,
			.note = on_link_note,
		};

		err = config.path ? link_open(&config, &s->link[i]) : 0;
		if (!err)
			continue;
		fprintf(stderr, "neuron-emu: --link %s=%s: %s\n", link_names[i], config.path,
			err == -EADDRINUSE ? "in use as the east end of another chip" :
			strerror(-err));
		return err;
	}
	return 0;
}

static void close_links(struct server *s)
{
	unsigned int i;

	for (i = 0; i < EMU_LINKS; i++)
		link_close(s->link[i]);
}

/* Before any thread starts, so that all of them leave the signals to the descriptor. */
static int stop_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int serve(struct server *s, int listen_fd, int stop_fd)
{
	int err;

	s->vfu.chip = s->chip;
	s->vfu.opaque = s;
	s->vfu.note = on_note;
	err = start_threads(s);
	if (err) {
		fprintf(stderr, "neuron-emu: cannot start threads: %s\n", strerror(-err));
		exit(1);
	}
	err = vfu_socket_serve(&s->vfu, listen_fd, stop_fd);
	join_threads(s);
	if (err)
		fprintf(stderr, "neuron-emu: %s: %s\n", s->opt.socket, strerror(-err));
	return err;
}

int main(int argc, char **argv)
{
	static struct server s = { .opt = { .revision = NEURON_PCI_REV_QEMU,
					   .vectors = VFU_MAX_VECTORS } };
	int listen_fd, stop_fd, err;
	char prefix[32];

	parse_options(&s.opt, argc, argv);
	stop_fd = stop_signals();
	snprintf(prefix, sizeof(prefix), "neuron-emu[%u]", s.opt.index);
	if (stop_fd < 0 || vfu_dma_catch_sigbus() || log_start(prefix) ||
	    vfu_init(&s.vfu, s.opt.vectors)) {
		fputs("neuron-emu: cannot set up signals or memory\n", stderr);
		return 1;
	}
	err = create_chip(&s);
	if (!err)
		err = open_links(&s);
	if (!err)
		err = set_faults(&s);
	if (!err)
		err = start_control(&s);
	listen_fd = err ? err : vfu_socket_listen(s.opt.socket, SOCK_STREAM);
	if (!err && listen_fd < 0) {
		fprintf(stderr, "neuron-emu: socket %s: %s\n", s.opt.socket,
			listen_fd == -EADDRINUSE ? "in use by another server, or not a socket" :
			strerror(-listen_fd));
		err = listen_fd;
	}
	if (!err)
		err = serve(&s, listen_fd, stop_fd);
	control_stop(s.control);
	close_links(&s);
	if (listen_fd >= 0) {
		close(listen_fd);
		unlink(s.opt.socket);
	}
	emu_destroy(s.chip);
	vfu_fini(&s.vfu);
	log_stop();
	close(stop_fd);
	return err ? 1 : 0;
}
