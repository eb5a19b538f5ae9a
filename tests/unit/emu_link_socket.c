// SPDX-License-Identifier: Apache-2.0
/*
 * Links over sockets: two chips as in two processes, and neighbours that are slow, dead
 * or hostile. Each test has a socket of its own in a new directory.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <neuron/ext.h>
#include <neuron/regs.h>

#include "bus.h"
#include "emu.h"
#include "link.h"
#include "link_socket.h"
#include "link_wire.h"
#include "vfu_dma.h"

#define EAST(addr)	(NEURON_ADDR_EAST | (addr))
#define WEST(addr)	(NEURON_ADDR_WEST | (addr))
#define DEVICE_ID	(NEURON_ADDR_MISC + NEURON_MISC_DEVICE_ID)
#define PATIENCE_MS	20000	/* for what happens on another thread; never waited for in full */

struct end {
	struct emu_chip *chip;
	struct link *link[EMU_LINKS];
	char notes[4096];		/* all since forget(); under the lock */
	pthread_mutex_t lock;
};

static char directory[64], path[96];

static int on_read(void *opaque, enum emu_link link, uint64_t addr, void *buf, size_t len)
{
	return link_read(((struct end *)opaque)->link[link], addr, buf, len);
}

static int on_write(void *opaque, enum emu_link link, uint64_t addr, const void *buf, size_t len)
{
	return link_write(((struct end *)opaque)->link[link], addr, buf, len);
}

static void on_note(void *opaque, const char *text)
{
	struct end *e = opaque;

	pthread_mutex_lock(&e->lock);
	strncat(e->notes, text, sizeof(e->notes) - strlen(e->notes) - 1);
	pthread_mutex_unlock(&e->lock);
}

static bool noted(struct end *e, const char *text)
{
	bool found;

	pthread_mutex_lock(&e->lock);
	found = strstr(e->notes, text) != NULL;
	pthread_mutex_unlock(&e->lock);
	return found;
}

static void forget(struct end *e)
{
	pthread_mutex_lock(&e->lock);
	e->notes[0] = 0;
	pthread_mutex_unlock(&e->lock);
}

#define WAIT(condition) do { \
		int patience = PATIENCE_MS; \
		while (!(condition) && patience--) \
			usleep(1000); \
		if (patience < 0) \
			fail_msg("%s does not become true", #condition); \
	} while (0)

static void create(struct end *e)
{
	const struct emu_config config = {
		.revision = NEURON_PCI_REV_QEMU, .opaque = e, .link_read = on_read,
		.link_write = on_write,
	};

	memset(e, 0, sizeof(*e));
	pthread_mutex_init(&e->lock, NULL);
	assert_int_equal(emu_create(&config, &e->chip), 0);
}

static int wire(struct end *e, enum emu_link side, unsigned int index)
{
	const struct link_config config = {
		.chip = e->chip, .side = side, .path = path, .index = index, .opaque = e,
		.note = on_note,
	};

	return link_open(&config, &e->link[side]);
}

static void destroy(struct end *e)
{
	link_close(e->link[EMU_LINK_EAST]);
	link_close(e->link[EMU_LINK_WEST]);
	emu_destroy(e->chip);
	pthread_mutex_destroy(&e->lock);
}

static void open_pair(struct end *left, struct end *right)
{
	create(left);
	create(right);
	/* The end that calls first, so that it has to call again. */
	assert_int_equal(wire(right, EMU_LINK_WEST, 8), 0);
	assert_int_equal(wire(left, EMU_LINK_EAST, 7), 0);
	WAIT(emu_link_status(left->chip) == NEURON_FW_STATUS_EAST);
	WAIT(emu_link_status(right->chip) == NEURON_FW_STATUS_WEST);
}

static int setup(void **state)
{
	snprintf(directory, sizeof(directory), "/tmp/emu-link-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/link", directory);
	return 0;
}

static int teardown(void **state)
{
	/* The ends have removed the socket. */
	return rmdir(directory);
}

static void accesses(void **state)
{
	static uint8_t page[3 * LINK_DATA], got[sizeof(page)];
	const uint64_t events = NEURON_ADDR_NC + NEURON_NC_EVENTS;
	struct end left, right;
	uint32_t value = 8;
	size_t i;

	open_pair(&left, &right);
	assert_true(noted(&left, "east: up, the neighbour is chip 8"));
	/* registers */
	assert_int_equal(emu_bar_write(right.chip, 0, NEURON_MISC_BASE + NEURON_MISC_DEVICE_ID,
				       &value, 4), 0);
	value = 0;
	assert_int_equal(emu_bus_read(left.chip, EAST(DEVICE_ID), &value, 4), 0);
	assert_int_equal(value, 8);
	value = 77;
	assert_int_equal(emu_bus_write(right.chip, WEST(events), &value, 4), 0);
	value = 0;
	assert_int_equal(emu_bar_read(left.chip, 2, NEURON_NC_EVENTS, &value, 4), 0);
	assert_int_equal(value, 77);
	/* more of them than fit into a packet */
	for (i = 0; i < sizeof(page); i++)
		page[i] = i * 7 + i / 256;
	assert_int_equal(emu_bus_write(left.chip, EAST(NEURON_ADDR_APB + NEURON_APB_TDMA(0, 0)),
				       page, sizeof(page)), 0);
	assert_int_equal(emu_bus_read(left.chip, EAST(NEURON_ADDR_APB + NEURON_APB_TDMA(0, 0)),
				      got, sizeof(got)), 0);
	assert_memory_equal(got, page, sizeof(page));
	assert_int_equal(emu_bus_read(left.chip, EAST(DEVICE_ID + 2), &value, 4), -EINVAL);
	assert_int_equal(emu_bus_read(left.chip, EAST(NEURON_ADDR_APB + 0x700000), &value, 4),
			 -EFAULT);
	assert_int_equal(emu_bus_read(left.chip, EAST(NEURON_ADDR_DRAM1 - 4), &value, 4), -EFAULT);
	/* DRAM */
	assert_int_equal(emu_bus_write(left.chip, EAST(NEURON_ADDR_DRAM1 + 5), page,
				       sizeof(page)), 0);
	assert_memory_equal((uint8_t *)emu_dram(right.chip, 1) + 5, page, sizeof(page));
	memset(got, 0, sizeof(got));
	assert_int_equal(emu_bus_read(left.chip, EAST(NEURON_ADDR_DRAM1 + 5), got, sizeof(got)),
			 0);
	assert_memory_equal(got, page, sizeof(page));
	destroy(&left);
	destroy(&right);
}

static void comes_and_goes(void **state)
{
	struct end left, right;
	uint32_t value;

	open_pair(&left, &right);
	/* the listening end dies and comes back, the calling end likewise */
	destroy(&left);
	WAIT(!emu_link_status(right.chip));
	assert_int_equal(emu_bus_read(right.chip, WEST(DEVICE_ID), &value, 4), -ENOLINK);
	assert_int_equal(emu_bus_read(right.chip, WEST(0), &value, 4), -ENOLINK);
	create(&left);
	assert_int_equal(wire(&left, EMU_LINK_EAST, 7), 0);
	WAIT(emu_link_status(right.chip));
	WAIT(emu_link_status(left.chip));
	destroy(&right);
	WAIT(!emu_link_status(left.chip));
	create(&right);
	assert_int_equal(wire(&right, EMU_LINK_WEST, 8), 0);
	WAIT(emu_link_status(left.chip));
	WAIT(emu_link_status(right.chip));
	assert_int_equal(emu_bus_read(left.chip, EAST(DEVICE_ID), &value, 4), 0);
	/* taken down by hand, at once for the chip whose hand it is, and up again */
	link_block(left.link[EMU_LINK_EAST], true);
	assert_false(emu_link_status(left.chip));
	assert_int_equal(emu_bus_read(left.chip, EAST(0), &value, 4), -ENOLINK);
	WAIT(!emu_link_status(left.chip) && !emu_link_status(right.chip));
	link_block(left.link[EMU_LINK_EAST], false);
	WAIT(emu_link_status(left.chip) && emu_link_status(right.chip));
	destroy(&left);
	destroy(&right);
}

static void bad_ends(void **state)
{
	struct end left, other;
	char saved[sizeof(path)];

	create(&left);
	create(&other);
	assert_int_equal(wire(&left, EMU_LINK_EAST, 0), 0);
	assert_int_equal(wire(&other, EMU_LINK_EAST, 1), -EADDRINUSE);
	assert_null(other.link[EMU_LINK_EAST]);
	memcpy(saved, path, sizeof(path));
	snprintf(path, sizeof(path), "%s/no/such", directory);
	assert_int_equal(wire(&other, EMU_LINK_EAST, 1), -ENOENT);
	memcpy(path, saved, sizeof(path));
	destroy(&left);
	destroy(&other);
}

/* ---- a neighbour that is no chip ---- */

static int dial(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static int memory_file(uint64_t size, int seals)
{
	int fd = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void hello(int sock, uint64_t side, uint64_t size, int seals)
{
	struct link_message m = { .type = LINK_HELLO, .id = LINK_MAGIC, .addr = side,
				  .len = LINK_VERSION };
	int fd = memory_file(size, seals);

	assert_int_equal(link_send(sock, &m, fd), 0);
	close(fd);
}

static void good_hello(int sock)
{
	hello(sock, EMU_LINK_WEST, NEURON_BAR_DRAM_SIZE, F_SEAL_SHRINK | F_SEAL_GROW);
}

/* The chip hangs up. */
static void expect_end(int sock)
{
	static char buf[sizeof(struct link_message)];
	struct pollfd p = { sock, POLLIN, 0 };

	do
		assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	while (recv(sock, buf, sizeof(buf), 0) > 0);
	close(sock);
}

static void refuses_strangers(void **state)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW;
	struct link_message m = { .type = LINK_READ, .id = 1, .len = 4 };
	struct end left;
	int sock;

	create(&left);
	assert_int_equal(wire(&left, EMU_LINK_EAST, 0), 0);
	sock = dial();
	hello(sock, EMU_LINK_EAST, NEURON_BAR_DRAM_SIZE, seals);
	expect_end(sock);
	assert_true(noted(&left, "two ends of the same side"));
	sock = dial();
	hello(sock, EMU_LINK_WEST, NEURON_BAR_DRAM_SIZE / 2, seals);
	expect_end(sock);
	assert_true(noted(&left, "not a sealed file"));
	sock = dial();
	hello(sock, EMU_LINK_WEST, NEURON_BAR_DRAM_SIZE, F_SEAL_GROW);
	expect_end(sock);
	assert_true(noted(&left, "not a sealed file"));
	sock = dial();
	assert_int_equal(link_send(sock, &m, -1), 0);
	expect_end(sock);
	assert_true(noted(&left, "HELLO first"));
	/* a file too many or in the wrong place */
	sock = dial();
	m.type = LINK_HELLO;
	m.id = LINK_MAGIC;
	m.len = LINK_VERSION;
	assert_int_equal(link_send(sock, &m, -1), 0);
	expect_end(sock);
	assert_true(noted(&left, "number of descriptors"));
	sock = dial();
	m.len++;
	assert_int_equal(link_send(sock, &m, sock), 0);
	expect_end(sock);
	assert_true(noted(&left, "another version"));
	assert_int_equal(emu_link_status(left.chip), 0);
	destroy(&left);
}

struct bad {
	size_t size;
	uint32_t type, id, len;
	const char *why;
};

static void refuses_nonsense(void **state)
{
	static const struct bad bad[] = {
		{ 3, LINK_READ, 1, 4, "shorter than a header" },
		{ LINK_HEAD, 0, 1, 4, "unknown type" },
		{ LINK_HEAD, 5, 1, 4, "unknown type" },
		{ LINK_HEAD, LINK_READ, 0, 4, "without id" },
		{ LINK_HEAD, LINK_READ, 1, 0, "without id or length" },
		{ LINK_HEAD, LINK_READ, 1, LINK_DATA + 1, "too long" },
		{ LINK_HEAD + 4, LINK_WRITE, 1, UINT32_MAX, "too long" },
		{ LINK_HEAD + 4, LINK_WRITE, 1, 8, "not what its header tells" },
		{ LINK_HEAD + 8, LINK_READ, 1, 8, "not what its header tells" },
		{ LINK_HEAD + LINK_DATA + 64, LINK_WRITE, 1, 8, "packet is too long" },
		{ LINK_HEAD, LINK_REPLY, 1, 0, "an answer to nothing" },
	};
	static struct { struct link_message m; char more[64]; } packet;
	struct end left;
	unsigned int i;
	int sock;

	create(&left);
	assert_int_equal(wire(&left, EMU_LINK_EAST, 0), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		sock = dial();
		good_hello(sock);
		WAIT(emu_link_status(left.chip));
		packet.m.type = bad[i].type;
		packet.m.id = bad[i].id;
		packet.m.len = bad[i].len;
		forget(&left);
		assert_int_equal(send(sock, &packet, bad[i].size, 0), bad[i].size);
		expect_end(sock);
		WAIT(noted(&left, "down"));
		assert_true(noted(&left, bad[i].why));
		WAIT(!emu_link_status(left.chip));
	}
	destroy(&left);
}

/* It takes requests and never answers, as one that is stopped: an error, not a hang. */
static void hung(void **state)
{
	struct end left;
	uint32_t value;
	int sock;

	create(&left);
	assert_int_equal(wire(&left, EMU_LINK_EAST, 0), 0);
	sock = dial();
	good_hello(sock);
	WAIT(emu_link_status(left.chip));
	assert_int_equal(emu_bus_read(left.chip, EAST(DEVICE_ID), &value, 4), -ETIMEDOUT);
	/* given up: the next one does not wait again */
	assert_int_equal(emu_link_status(left.chip), 0);
	assert_int_equal(emu_bus_read(left.chip, EAST(DEVICE_ID), &value, 4), -ENOLINK);
	expect_end(sock);
	destroy(&left);
}

/* It asks and asks and never takes an answer: the link's thread does not get stuck. */
static void deaf(void **state)
{
	struct link_message m = { .type = LINK_READ, .id = 1, .len = LINK_DATA,
				  .addr = NEURON_ADDR_APB };
	struct end left;
	int sock, err;

	create(&left);
	assert_int_equal(wire(&left, EMU_LINK_EAST, 0), 0);
	sock = dial();
	good_hello(sock);
	WAIT(emu_link_status(left.chip));
	do
		err = link_send(sock, &m, -1);
	while (!err || err == -EAGAIN);
	WAIT(noted(&left, "down"));
	close(sock);
	destroy(&left);
}

/* Answers of the wrong length or with an invented error end the access, and no more. */
static void lies(void **state)
{
	struct link_message m;
	struct pollfd p = { .events = POLLIN };
	struct end left;
	const char *why;
	pid_t child;
	int fd;

	create(&left);
	assert_int_equal(wire(&left, EMU_LINK_EAST, 0), 0);
	child = fork();
	if (!child) {
		p.fd = dial();
		good_hello(p.fd);
		for (;;) {
			poll(&p, 1, -1);
			if (link_receive(p.fd, &m, &fd, &why) == -ECONNRESET)
				_exit(0);
			if (m.type != LINK_READ)
				continue;
			m.type = LINK_REPLY;
			m.err = m.addr & 0x100 ? -12345 : 0;
			m.len = m.addr & 0x100 ? 0 : LINK_DATA;
			link_send(p.fd, &m, -1);
		}
	}
	WAIT(emu_link_status(left.chip));
	assert_int_equal(emu_bus_read(left.chip, EAST(DEVICE_ID), &m.err, 4), -EFAULT);
	assert_int_equal(emu_bus_read(left.chip, EAST(NEURON_ADDR_MISC | 0x100), &m.err, 4),
			 -EFAULT);
	assert_int_equal(emu_link_status(left.chip), NEURON_FW_STATUS_EAST);
	destroy(&left);
}

/* Packets that are nearly right, at addresses where something is: the chip survives all. */
static void fuzzed(void **state)
{
	static const uint64_t base[] = {
		0, NEURON_ADDR_DRAM1, NEURON_ADDR_NC + NEURON_NC_EVENTS, NEURON_ADDR_APB,
		NEURON_ADDR_APB + NEURON_APB_UDMA(1, 1), NEURON_ADDR_MISC, NEURON_ADDR_HOST,
		NEURON_ADDR_EAST, NEURON_ADDR_APB + NEURON_EXT_BASE,
		NEURON_ADDR_APB + NEURON_EXT_BASE + NEURON_EXT_DOORBELL, UINT64_MAX - 64,
		NEURON_DRAM_CHANNEL_SIZE - 64,
	};
	static struct { struct link_message m; char more[64]; } p;
	struct link_message reply;
	unsigned int seed = 1, i;
	struct end left;
	size_t size;
	int sock = -1;

	create(&left);
	assert_int_equal(wire(&left, EMU_LINK_EAST, 0), 0);
	for (i = 0; i < 4000; i++) {
		if (sock < 0) {
			sock = dial();
			good_hello(sock);
		}
		p.m.type = rand_r(&seed) % 50 ? LINK_READ + rand_r(&seed) % 2 : rand_r(&seed) % 6;
		p.m.id = 1 + i;
		p.m.addr = base[rand_r(&seed) % (sizeof(base) / sizeof(base[0]))] +
			rand_r(&seed) % 1024 * 4 + (rand_r(&seed) % 20 ? 0 : 1);
		p.m.len = rand_r(&seed) % 50 ? 4 * (1 + rand_r(&seed) % 64) :
			rand_r(&seed) % (2 * LINK_DATA);
		memset(p.m.data, rand_r(&seed), 256);
		size = LINK_HEAD + (p.m.type == LINK_WRITE && p.m.len <= LINK_DATA ? p.m.len : 0) +
			(rand_r(&seed) % 100 ? 0 : rand_r(&seed) % 64);
		if (send(sock, &p, size, MSG_NOSIGNAL) < 0 ||
		    recv(sock, &reply, sizeof(reply), 0) <= 0) {
			close(sock);
			sock = -1;
		}
	}
	if (sock >= 0)
		close(sock);
	sock = dial();
	good_hello(sock);
	WAIT(emu_link_status(left.chip));
	close(sock);
	destroy(&left);
}

static atomic_bool over;
static atomic_uint askers;

static void *ask(void *arg)
{
	struct end *e = arg;
	uint64_t base = e->link[EMU_LINK_EAST] ? NEURON_ADDR_EAST : NEURON_ADDR_WEST;
	/* memory is shared as silicon's is: who writes where at once is the host's concern */
	uint64_t mine = 0x10000ull * (1 + atomic_fetch_add(&askers, 1));
	static const uint8_t buf[65536];
	uint32_t value;

	while (!atomic_load(&over)) {
		emu_bus_read(e->chip, base | DEVICE_ID, &value, 4);
		emu_bus_write(e->chip, base | DEVICE_ID, &value, 4);
		emu_bus_write(e->chip, base | mine, buf, sizeof(buf));
	}
	return NULL;
}

/* Both ask each other from several threads while the link comes and goes. */
static void crossing(void **state)
{
	struct end left, right;
	pthread_t threads[4];
	int i;

	open_pair(&left, &right);
	atomic_store(&over, false);
	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask, i & 1 ? &left : &right),
				 0);
	for (i = 0; i < 10; i++) {
		link_block(right.link[EMU_LINK_WEST], true);
		WAIT(!emu_link_status(left.chip) && !emu_link_status(right.chip));
		link_block(right.link[EMU_LINK_WEST], false);
		WAIT(emu_link_status(left.chip) && emu_link_status(right.chip));
	}
	atomic_store(&over, true);
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	destroy(&left);
	destroy(&right);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(accesses), T(comes_and_goes), T(bad_ends), T(refuses_strangers),
		T(refuses_nonsense), T(hung), T(deaf), T(lies), T(fuzzed),
		T(crossing),
	};

	vfu_dma_catch_sigbus();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("emu_link_socket", tests, NULL, NULL);
}
