// SPDX-License-Identifier: Apache-2.0
/*
 * guest-agent - process 1 of the test guest. Owns the guest's end of the virtio port "neuron.agent": runs
 * commands and moves files for vm.py on the host, so that the console stays the kernel's alone.
 *
 * Protocol: little-endian frames {u32 length, u16 type, u16 zero, u32 id} + payload of at most 64 KiB. The
 * host chooses the id of each job. To the guest:
 *   RUN      {u32 flags, uid, gid, argc, envc; u16 rows, columns} stdin\0 cwd\0 argv\0... env\0...
 *   INPUT    bytes for a job that was started with RUN_PTY
 *   SIGNAL   {u32 number}, to the job's process group
 *   WINSIZE  {u16 rows, columns}
 *   PUSH     {u32 mode} path\0, then DATA..., then END; answered by DONE
 *   PULL     path\0; answered by DATA..., then DONE
 *   POWEROFF
 * To the host:
 *   HELLO    {u32 version} kernel release
 *   STDOUT, STDERR  bytes
 *   EXIT     {s32 exit code, or minus the signal that ended the job}
 *   DONE     {s32 zero or -errno, u32 mode}
 */

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define AGENT_PORT	"neuron.agent"
#define AGENT_VERSION	1
#define FRAME_MAX	(64 * 1024)
#define JOBS_MAX	64
#define ARGS_MAX	1024

#define RUN_PTY		(1u << 0)

enum frame_type {
	FRAME_RUN = 1,
	FRAME_INPUT,
	FRAME_SIGNAL,
	FRAME_WINSIZE,
	FRAME_PUSH,
	FRAME_DATA,
	FRAME_END,
	FRAME_PULL,
	FRAME_POWEROFF,

	FRAME_HELLO = 16,
	FRAME_STDOUT,
	FRAME_STDERR,
	FRAME_EXIT,
	FRAME_DONE,
};

struct frame {
	uint32_t length;
	uint16_t type;
	uint16_t zero;
	uint32_t id;
};

struct run_header {
	uint32_t flags, uid, gid, argc, envc;
	uint16_t rows, columns;
};

struct job {
	uint32_t id;
	pid_t pid;		/* 0: slot is free */
	int out, err;		/* -1: closed; a pty has no err */
	bool pty;
};

/* One push at a time is open per id; the error is kept until END so that the host gets one answer. */
struct push {
	uint32_t id;
	int fd;			/* -1: none */
	int error;
	uint32_t mode;
};

static int port = -1;
static int child_fd = -1;
static sigset_t old_mask;
static struct job jobs[JOBS_MAX];
static struct push push = { .fd = -1 };
static uint8_t payload[FRAME_MAX + 1];	/* one more: strings are always terminated */
static uint8_t output[FRAME_MAX];

static void power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
	/* Without ACPI the machine cannot be switched off; QEMU runs with -no-reboot and ends as well. */
	reboot(RB_AUTOBOOT);
	_exit(1);
}

/* The console is the only place left to tell. */
static void fatal(const char *what)
{
	dprintf(2, "guest-agent: %s: %s\n", what, strerror(errno));
	power_off();
}

static void port_write(const void *data, size_t size)
{
	const uint8_t *p = data;

	while (size) {
		ssize_t n = write(port, p, size);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			fatal("cannot write to the port");
		}
		p += n;
		size -= n;
	}
}

static void port_read(void *data, size_t size)
{
	uint8_t *p = data;

	while (size) {
		ssize_t n = read(port, p, size);

		if (n > 0) {
			p += n;
			size -= n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			fatal("cannot read from the port");
		/* End of file: the host has gone, and nobody needs this guest any more. */
		power_off();
	}
}

static void send_frame(enum frame_type type, uint32_t id, const void *data, uint32_t length)
{
	struct frame f = {
		.length = htole32(length),
		.type = htole16(type),
		.id = htole32(id),
	};

	port_write(&f, sizeof(f));
	port_write(data, length);
}

static void send_exit(uint32_t id, int code)
{
	uint32_t v = htole32((uint32_t)code);

	send_frame(FRAME_EXIT, id, &v, sizeof(v));
}

static void send_done(uint32_t id, int error, uint32_t mode)
{
	uint32_t v[2] = { htole32((uint32_t)error), htole32(mode) };

	send_frame(FRAME_DONE, id, v, sizeof(v));
}

/* Says why a job cannot start, the way a shell does. */
static void refuse(uint32_t id, const char *what, const char *why)
{
	int n = snprintf((char *)output, sizeof(output), "guest-agent: %s: %s\n", what, why);

	send_frame(FRAME_STDERR, id, output, n);
	send_exit(id, 127);
}

/* --- jobs ----------------------------------------------------------------------------------------- */

static struct job *job_find(uint32_t id)
{
	for (int i = 0; i < JOBS_MAX; i++) {
		if (jobs[i].pid && jobs[i].id == id)
			return &jobs[i];
	}
	return NULL;
}

static struct job *job_slot(void)
{
	for (int i = 0; i < JOBS_MAX; i++) {
		if (!jobs[i].pid)
			return &jobs[i];
	}
	return NULL;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Sends what can be read now; a closed far end closes this one. */
static void job_forward(struct job *job, int *fd, enum frame_type type)
{
	ssize_t n = read(*fd, output, sizeof(output));

	if (n > 0)
		send_frame(type, job->id, output, n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		close_fd(fd);
}

static void job_drain(struct job *job, int *fd, enum frame_type type)
{
	struct pollfd p = { .fd = *fd, .events = POLLIN };

	while (*fd >= 0 && poll(&p, 1, 0) > 0)
		job_forward(job, fd, type);
}

/*
 * A job ends with its first process: background children that keep the pipes open do not hold it up, they
 * lose their output.
 */
static void job_reap(void)
{
	struct signalfd_siginfo si;
	int status;
	pid_t pid;

	while (read(child_fd, &si, sizeof(si)) == sizeof(si))
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (int i = 0; i < JOBS_MAX; i++) {
			struct job *job = &jobs[i];

			if (job->pid != pid)
				continue;
			job_drain(job, &job->out, FRAME_STDOUT);
			job_drain(job, &job->err, FRAME_STDERR);
			close_fd(&job->out);
			close_fd(&job->err);
			job->pid = 0;
			send_exit(job->id, WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status));
		}
	}
}

struct run {
	struct run_header h;
	char *input, *cwd;
	char *argv[ARGS_MAX + 1], *envp[ARGS_MAX + 1];
};

static char *next_string(char **p, char *end)
{
	char *s = *p;

	if (s >= end)
		return NULL;
	*p = s + strlen(s) + 1;
	return s;
}

static int parse_run(struct run *r, uint32_t length)
{
	char *p = (char *)payload + sizeof(r->h), *end = (char *)payload + length;

	if (length < sizeof(r->h))
		return -EINVAL;
	memcpy(&r->h, payload, sizeof(r->h));
	r->h.argc = le32toh(r->h.argc);
	r->h.envc = le32toh(r->h.envc);
	r->h.flags = le32toh(r->h.flags);
	if (!r->h.argc || r->h.argc > ARGS_MAX || r->h.envc > ARGS_MAX)
		return -E2BIG;
	r->input = next_string(&p, end);
	r->cwd = next_string(&p, end);
	for (uint32_t i = 0; i < r->h.argc; i++)
		r->argv[i] = next_string(&p, end);
	r->argv[r->h.argc] = NULL;
	for (uint32_t i = 0; i < r->h.envc; i++)
		r->envp[i] = next_string(&p, end);
	r->envp[r->h.envc] = NULL;
	if (!r->cwd || !r->argv[r->h.argc - 1] || (r->h.envc && !r->envp[r->h.envc - 1]))
		return -EINVAL;
	return 0;
}

static void __attribute__((noreturn)) child_fail(const char *what)
{
	dprintf(2, "%s: %s\n", what, strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static void __attribute__((noreturn)) child_exec(struct run *r)
{
	gid_t gid = le32toh(r->h.gid);
	uid_t uid = le32toh(r->h.uid);

	sigprocmask(SIG_SETMASK, &old_mask, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (!(r->h.flags & RUN_PTY)) {
		int fd = open(*r->input ? r->input : "/dev/null", O_RDONLY);

		if (fd < 0)
			child_fail(r->input);
		dup2(fd, 0);
		setsid();
	}
	if (chdir(*r->cwd ? r->cwd : "/"))
		child_fail(r->cwd);
	if ((uid || gid) && (setgroups(0, NULL) || setgid(gid) || setuid(uid)))
		child_fail("cannot change to the user");
	/* Our own descriptors are all close-on-exec. */
	clearenv();
	for (char **e = r->envp; *e; e++)
		putenv(*e);
	execvp(r->argv[0], r->argv);
	child_fail(r->argv[0]);
}

static int start_pty(struct job *job, struct run *r)
{
	struct winsize ws = {
		.ws_row = le16toh(r->h.rows),
		.ws_col = le16toh(r->h.columns),
	};
	int master;

	job->pid = forkpty(&master, NULL, NULL, &ws);
	if (job->pid < 0)
		return -errno;
	if (!job->pid)
		child_exec(r);
	fcntl(master, F_SETFD, FD_CLOEXEC);
	fcntl(master, F_SETFL, O_NONBLOCK);
	job->out = master;
	job->err = -1;
	return 0;
}

static int start_pipes(struct job *job, struct run *r)
{
	int out[2], err[2];

	if (pipe2(out, O_CLOEXEC))
		return -errno;
	if (pipe2(err, O_CLOEXEC)) {
		int error = -errno;

		close(out[0]);
		close(out[1]);
		return error;
	}
	/* Fewer and larger frames: a switch of context costs more than the copy. */
	fcntl(out[1], F_SETPIPE_SZ, FRAME_MAX * 2);
	job->pid = fork();
	if (!job->pid) {
		dup2(out[1], 1);
		dup2(err[1], 2);
		child_exec(r);
	}
	close(out[1]);
	close(err[1]);
	job->out = out[0];
	job->err = err[0];
	fcntl(job->out, F_SETFL, O_NONBLOCK);
	fcntl(job->err, F_SETFL, O_NONBLOCK);
	if (job->pid < 0) {
		int error = -errno;

		close_fd(&job->out);
		close_fd(&job->err);
		return error;
	}
	return 0;
}

static void do_run(uint32_t id, uint32_t length)
{
	static struct run run;
	struct job *job = job_slot();
	int error = parse_run(&run, length);

	if (error) {
		refuse(id, "bad RUN frame", strerror(-error));
		return;
	}
	if (!job) {
		refuse(id, run.argv[0], "too many jobs at once");
		return;
	}
	job->id = id;
	job->pty = run.h.flags & RUN_PTY;
	error = job->pty ? start_pty(job, &run) : start_pipes(job, &run);
	if (error) {
		job->pid = 0;
		refuse(id, run.argv[0], strerror(-error));
	}
}

static void do_input(struct job *job, uint32_t length)
{
	/* A terminal drops what its full input queue cannot take; so do we. */
	if (job && job->pty && job->out >= 0 && write(job->out, payload, length) < 0 && errno != EAGAIN)
		close_fd(&job->out);
}

static void do_winsize(struct job *job)
{
	struct winsize ws = {
		.ws_row = payload[0] | payload[1] << 8,
		.ws_col = payload[2] | payload[3] << 8,
	};

	if (job && job->pty && job->out >= 0)
		ioctl(job->out, TIOCSWINSZ, &ws);
}

static uint32_t payload_u32(void)
{
	uint32_t v;

	memcpy(&v, payload, sizeof(v));
	return le32toh(v);
}

/* --- files ---------------------------------------------------------------------------------------- */

static void make_parents(char *path)
{
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = 0;
		mkdir(path, 0755);
		*p = '/';
	}
}

static void push_begin(uint32_t id)
{
	char *path = (char *)payload + 4;

	close_fd(&push.fd);
	push.id = id;
	push.mode = payload_u32();
	make_parents(path);
	/* A program that runs keeps its text: the new file takes the name only. */
	unlink(path);
	push.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	push.error = push.fd < 0 ? -errno : 0;
}

static void push_data(uint32_t id, uint32_t length)
{
	uint8_t *p = payload;

	while (length && push.id == id && push.fd >= 0 && !push.error) {
		ssize_t n = write(push.fd, p, length);

		if (n < 0) {
			push.error = -errno;
			break;
		}
		p += n;
		length -= n;
	}
}

static void push_end(uint32_t id)
{
	if (push.id != id) {
		send_done(id, -EPROTO, 0);
		return;
	}
	if (!push.error && fchmod(push.fd, push.mode))
		push.error = -errno;
	if (push.fd >= 0 && close(push.fd) && !push.error)
		push.error = -errno;
	push.fd = -1;
	send_done(id, push.error, push.mode);
}

static void do_pull(uint32_t id)
{
	int fd = open((char *)payload, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st = { 0 };
	ssize_t n;

	if (fd < 0 || fstat(fd, &st)) {
		send_done(id, -errno, 0);
		close_fd(&fd);
		return;
	}
	while ((n = read(fd, output, sizeof(output))) > 0)
		send_frame(FRAME_DATA, id, output, n);
	/* Endless files (the kernel's log) end where they would block. */
	send_done(id, n < 0 && errno != EAGAIN ? -errno : 0, st.st_mode & 07777);
	close(fd);
}

/* --- main loop ------------------------------------------------------------------------------------ */

static void dispatch(const struct frame *f)
{
	struct job *job = job_find(f->id);

	switch (f->type) {
	case FRAME_RUN:
		do_run(f->id, f->length);
		break;
	case FRAME_INPUT:
		do_input(job, f->length);
		break;
	case FRAME_SIGNAL:
		/* The job leads its own session, so its pid names the group. */
		if (job)
			kill(-job->pid, payload_u32());
		break;
	case FRAME_WINSIZE:
		do_winsize(job);
		break;
	case FRAME_PUSH:
		push_begin(f->id);
		break;
	case FRAME_DATA:
		push_data(f->id, f->length);
		break;
	case FRAME_END:
		push_end(f->id);
		break;
	case FRAME_PULL:
		do_pull(f->id);
		break;
	case FRAME_POWEROFF:
		power_off();
		break;
	default:
		errno = EPROTO;
		fatal("unknown frame from the host");
	}
}

static void receive(void)
{
	struct frame f;

	port_read(&f, sizeof(f));
	f.length = le32toh(f.length);
	f.type = le16toh(f.type);
	f.id = le32toh(f.id);
	if (f.length > FRAME_MAX) {
		errno = EMSGSIZE;
		fatal("frame from the host is too long");
	}
	port_read(payload, f.length);
	/* Short payloads read as zeros, strings always end. */
	memset(payload + f.length, 0, f.length < 64 ? 64 : 1);
	dispatch(&f);
}

static int find_port(void)
{
	char path[512], name[64];
	struct dirent *e;
	int found = -1;
	DIR *dir = opendir("/sys/class/virtio-ports");

	while (dir && found < 0 && (e = readdir(dir))) {
		FILE *file;

		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", e->d_name);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (fgets(name, sizeof(name), file) && !strcmp(name, AGENT_PORT "\n")) {
			snprintf(path, sizeof(path), "/dev/%s", e->d_name);
			found = open(path, O_RDWR | O_CLOEXEC);
		}
		fclose(file);
	}
	if (dir)
		closedir(dir);
	return found;
}

static void open_port(void)
{
	for (int i = 0; i < 1000; i++) {
		port = find_port();
		if (port >= 0)
			return;
		usleep(10 * 1000);
	}
	errno = ENODEV;
	fatal("no virtio port " AGENT_PORT);
}

static void say_hello(void)
{
	struct utsname u;
	uint32_t version = htole32(AGENT_VERSION);
	uint8_t hello[sizeof(version) + sizeof(u.release)];
	size_t n;

	uname(&u);
	n = strlen(u.release);
	memcpy(hello, &version, sizeof(version));
	memcpy(hello + sizeof(version), u.release, n);
	send_frame(FRAME_HELLO, 0, hello, sizeof(version) + n);
}

int main(void)
{
	static struct pollfd fds[2 + 2 * JOBS_MAX];
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, &old_mask);
	signal(SIGPIPE, SIG_IGN);
	child_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (child_fd < 0)
		fatal("signalfd");
	open_port();
	say_hello();

	for (;;) {
		fds[0] = (struct pollfd){ .fd = port, .events = POLLIN };
		fds[1] = (struct pollfd){ .fd = child_fd, .events = POLLIN };
		for (int i = 0; i < JOBS_MAX; i++) {
			fds[2 + 2 * i] = (struct pollfd){ .fd = jobs[i].pid ? jobs[i].out : -1, .events = POLLIN };
			fds[3 + 2 * i] = (struct pollfd){ .fd = jobs[i].pid ? jobs[i].err : -1, .events = POLLIN };
		}
		if (poll(fds, 2 + 2 * JOBS_MAX, -1) < 0)
			continue;
		for (int i = 0; i < JOBS_MAX; i++) {
			if (fds[2 + 2 * i].revents)
				job_forward(&jobs[i], &jobs[i].out, FRAME_STDOUT);
			if (fds[3 + 2 * i].revents)
				job_forward(&jobs[i], &jobs[i].err, FRAME_STDERR);
		}
		if (fds[1].revents)
			job_reap();
		if (fds[0].revents)
			receive();
	}
}
