// SPDX-License-Identifier: Apache-2.0
/* The threads of a core. */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include "nc_team.h"
#include "relax.h"

#define SPIN_NS		200000
#define MANY		16	/* calls of a job: the next one is likely to have as many */
#define SPINS		64	/* between two looks at the clock */
#define YIELD		256	/* looks for parts that are not done, before others may run */

/* Fields of the state. */
#define THREADS_SHIFT	32
#define PARTS_SHIFT	37
#define CALL_SHIFT	43

/*
 * @state is what there is to do: number of the call, parts, threads, and a bit for each part
 * that nobody has taken. Who takes one by compare-and-swap may use @fn, @arg and @kernels until
 * he has counted it in @done: the caller waits for that before it changes them. They are in one
 * line of the cache, so that a helper that sees the one has the others.
 *
 * Each thread begins with the same share of the parts each time, so that results which a later
 * instruction goes on with are in its processor's cache, and takes over those of others only then.
 */
struct emu_nc_team {
	_Atomic uint64_t state __attribute__((aligned(64)));
	emu_nc_part_fn *fn;
	void *arg;
	const struct emu_nc_kernels *kernels;
	_Atomic uint32_t done __attribute__((aligned(64)));

	unsigned int forced __attribute__((aligned(64)));
	unsigned int threads;		/* of this job; its thread's */
	unsigned int calls;		/* in this job; its thread's */
	_Atomic unsigned int jobs;	/* that helpers have been called for before there was work */
	_Atomic unsigned int active;	/* helpers that this job may have */
	_Atomic unsigned int sleepers;
	atomic_bool stop;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	unsigned int helpers;
	bool failed;			/* no more threads to be had */
	struct helper {
		struct emu_nc_team *team;
		unsigned int index;
		unsigned int jobs;	/* its own look at the team's */
		pthread_t thread;
	} helper[EMU_NC_MAX_THREADS - 1];
};

/* Cores of this process that run a job. */
static _Atomic unsigned int running;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static unsigned int host_processors(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	return (unsigned int)CPU_COUNT(&set);
}

static unsigned int wanted_threads(const struct emu_nc_team *team)
{
	const char *text = getenv("NEURON_EMU_THREADS");
	unsigned long n = text ? strtoul(text, NULL, 10) : 0;

	if (team->forced)
		n = team->forced;
	if (!n)
		n = host_processors() / atomic_load(&running);
	return n < 1 ? 1 : n > EMU_NC_MAX_THREADS ? EMU_NC_MAX_THREADS : (unsigned int)n;
}

/* For thread @self: a helper may be one of more than the call is for. */
static bool has_work(uint64_t state, unsigned int self)
{
	return (uint32_t)state && self < (state >> THREADS_SHIFT & 31);
}

/* The part that thread @self takes next; there is one. */
static unsigned int choose(uint64_t state, unsigned int self)
{
	unsigned int threads = state >> THREADS_SHIFT & 31, parts = state >> PARTS_SHIFT & 63;
	uint64_t first = parts * self / threads, end = parts * (self + 1) / threads;
	uint32_t left = (uint32_t)state, own = left & (uint32_t)((1ull << end) - (1ull << first));

	return (unsigned int)__builtin_ctz(own ? own : left);
}

/* As thread @self, 0 the caller: parts until there are none. A helper's floating-point mode is nobody else's. */
static void work(struct emu_nc_team *team, unsigned int self)
{
	/* acquire: what the caller wrote before it announced the parts */
	uint64_t state = atomic_load_explicit(&team->state, memory_order_acquire);

	while (has_work(state, self)) {
		unsigned int part = choose(state, self);

		if (!atomic_compare_exchange_weak_explicit(&team->state, &state,
							   state & ~((uint64_t)1 << part),
							   memory_order_acquire,
							   memory_order_acquire))
			continue;
		if (self)
			(void)emu_nc_fp_begin(team->kernels);
		team->fn(team->arg, part);
		/* release: what the part wrote, to the caller */
		atomic_fetch_add_explicit(&team->done, 1, memory_order_release);
		state = atomic_load_explicit(&team->state, memory_order_acquire);
	}
}

/* True: there may be work for helper @self. False: it is time to sleep. */
static bool look(struct emu_nc_team *team, unsigned int self)
{
	uint64_t end = 0, now;

	for (;;) {
		for (unsigned int i = 0; i < SPINS; i++) {
			if (has_work(atomic_load_explicit(&team->state, memory_order_relaxed), self))
				return true;
			emu_relax();
		}
		if (atomic_load_explicit(&team->stop, memory_order_relaxed))
			return false;
		/* whoever else has something to do goes first */
		sched_yield();
		now = now_ns();
		if (!end)
			end = now + SPIN_NS;
		else if (now > end)
			return false;
	}
}

/* There is something to do, or soon will be. */
static bool called(struct emu_nc_team *team, const struct helper *h)
{
	if (has_work(atomic_load(&team->state), h->index + 1))
		return true;
	return atomic_load(&team->active) > h->index && atomic_load(&team->jobs) != h->jobs;
}

static void sleep_until_called(struct emu_nc_team *team, struct helper *h)
{
	pthread_mutex_lock(&team->lock);
	/*
	 * Sequentially consistent, as are the store of the state and the load of the sleepers
	 * in emu_nc_team_run(): either this sees the work or that sees the sleeper. Who wakes
	 * sleepers counts none from then on: it takes a while until they run.
	 */
	for (;;) {
		atomic_fetch_add(&team->sleepers, 1);
		if (atomic_load(&team->stop) || called(team, h))
			break;
		pthread_cond_wait(&team->wake, &team->lock);
	}
	atomic_fetch_sub(&team->sleepers, 1);
	h->jobs = atomic_load(&team->jobs);
	pthread_mutex_unlock(&team->lock);
}

static void *help(void *arg)
{
	struct helper *h = arg;
	struct emu_nc_team *team = h->team;

	while (!atomic_load_explicit(&team->stop, memory_order_relaxed)) {
		if (look(team, h->index + 1))
			work(team, h->index + 1);
		else
			sleep_until_called(team, h);
	}
	return NULL;
}

/* Signals are for the threads of the program that uses this. */
static void start_helpers(struct emu_nc_team *team)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (team->helpers + 1 < team->threads && !team->failed) {
		struct helper *h = &team->helper[team->helpers];

		h->team = team;
		h->index = team->helpers;
		if (pthread_create(&h->thread, NULL, help, h))
			team->failed = true;
		else
			team->helpers++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int emu_nc_team_create(struct emu_nc_team **out)
{
	struct emu_nc_team *team = aligned_alloc(64, (sizeof(*team) + 63) / 64 * 64);

	if (!team)
		return -ENOMEM;
	*team = (struct emu_nc_team){ .threads = 1 };
	pthread_mutex_init(&team->lock, NULL);
	pthread_cond_init(&team->wake, NULL);
	*out = team;
	return 0;
}

void emu_nc_team_destroy(struct emu_nc_team *team)
{
	if (!team)
		return;
	pthread_mutex_lock(&team->lock);
	atomic_store(&team->stop, true);
	pthread_cond_broadcast(&team->wake);
	pthread_mutex_unlock(&team->lock);
	for (unsigned int i = 0; i < team->helpers; i++)
		pthread_join(team->helper[i].thread, NULL);
	pthread_cond_destroy(&team->wake);
	pthread_mutex_destroy(&team->lock);
	free(team);
}

static void wake_sleepers(struct emu_nc_team *team)
{
	if (!atomic_load(&team->sleepers))
		return;
	pthread_mutex_lock(&team->lock);
	atomic_store(&team->sleepers, 0);
	pthread_cond_broadcast(&team->wake);
	pthread_mutex_unlock(&team->lock);
}

/* Waking up takes some ten microseconds: helpers that will have work do it while there is none. */
void emu_nc_team_begin(struct emu_nc_team *team)
{
	atomic_fetch_add(&running, 1);
	team->threads = wanted_threads(team);
	atomic_store(&team->active, team->threads - 1);
	if (team->calls >= MANY && team->threads > 1) {
		atomic_fetch_add(&team->jobs, 1);
		wake_sleepers(team);
	}
	team->calls = 0;
}

void emu_nc_team_end(struct emu_nc_team *team)
{
	team->threads = 1;
	atomic_store(&team->active, 0);
	atomic_fetch_sub(&running, 1);
}

unsigned int emu_nc_team_threads(const struct emu_nc_team *team)
{
	return team->threads;
}

bool emu_nc_team_worth(const struct emu_nc_team *team, uint64_t work, uint64_t least)
{
	return team->threads > 1 && (team->forced || work >= least);
}

void emu_nc_team_force(struct emu_nc_team *team, unsigned int threads)
{
	team->forced = threads;
}

static void wait_for_parts(struct emu_nc_team *team, unsigned int parts)
{
	/* acquire: see work() */
	for (unsigned int n = 0;
	     atomic_load_explicit(&team->done, memory_order_acquire) != parts; n++) {
		/* the other one has lost its processor, perhaps to this one */
		if (n % YIELD == YIELD - 1)
			sched_yield();
		emu_relax();
	}
}

void emu_nc_team_run(struct emu_nc_team *team, const struct emu_nc_kernels *k,
		     emu_nc_part_fn *fn, void *arg, unsigned int parts)
{
	uint64_t call = atomic_load_explicit(&team->state, memory_order_relaxed) >> CALL_SHIFT;

	if (team->threads < 2 || parts < 2 || parts > EMU_NC_MAX_PARTS) {
		for (unsigned int i = 0; i < parts; i++)
			fn(arg, i);
		return;
	}
	if (team->helpers + 1 < team->threads && !team->failed)
		start_helpers(team);
	team->calls++;
	team->fn = fn;
	team->arg = arg;
	team->kernels = k;
	atomic_store_explicit(&team->done, 0, memory_order_relaxed);
	/*
	 * Announces the fields above; the order with the sleepers: see sleep_until_called(). The
	 * first part is the caller's without being taken, and not counted.
	 */
	atomic_store(&team->state, (call + 1) << CALL_SHIFT | (uint64_t)parts << PARTS_SHIFT |
				   (uint64_t)team->threads << THREADS_SHIFT |
				   (((uint64_t)1 << parts) - 2));
	wake_sleepers(team);
	fn(arg, 0);
	work(team, 0);
	wait_for_parts(team, parts - 1);
}
