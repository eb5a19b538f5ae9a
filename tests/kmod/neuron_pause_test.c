// SPDX-License-Identifier: GPL-2.0
/*
 * Holds who calls a function of the kernel before it runs, for tests of what must not happen
 * meanwhile:
 *
 *   modprobe neuron_pause_test symbol=NAME [skip=N]
 *   .../parameters/paused	1 while somebody is held, who was the (N + 1)th to call
 *   .../parameters/go		written: goes on. After a minute that happens by itself
 *
 * The function has six arguments at most, all in registers. One caller is held, once.
 *
 * Locking: who is held is decided by an atomic decrement; completions for the rest.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/sched.h>

#define LIMIT	(60 * HZ)

typedef long (*function)(long a, long b, long c, long d, long e, long f);

static char *symbol;
module_param(symbol, charp, 0444);
MODULE_PARM_DESC(symbol, "function that is called");

static unsigned int skip;
module_param(skip, uint, 0444);
MODULE_PARM_DESC(skip, "calls that pass before the one that is held");

static bool paused;
module_param(paused, bool, 0444);
MODULE_PARM_DESC(paused, "somebody is held");

static DECLARE_COMPLETION(released);
static atomic_t left;
static struct task_struct *held;

static int pause_go(const char *value, const struct kernel_param *param)
{
	complete_all(&released);
	return 0;
}

static const struct kernel_param_ops pause_go_ops = { .set = pause_go };
module_param_cb(go, &pause_go_ops, NULL, 0200);
MODULE_PARM_DESC(go, "written: who is held goes on");

static struct kprobe probe;

/* Instead of the function, with its arguments, and as its caller's task: it may sleep. */
static long pause_instead(long a, long b, long c, long d, long e, long f)
{
	WRITE_ONCE(paused, true);
	wait_for_completion_timeout(&released, LIMIT);
	WRITE_ONCE(paused, false);
	return ((function)probe.addr)(a, b, c, d, e, f);
}

static int pause_before(struct kprobe *p, struct pt_regs *regs)
{
	/* The caller that was held comes by again. */
	if (READ_ONCE(held) == current || atomic_dec_return(&left) != 0)
		return 0;
	WRITE_ONCE(held, current);
	instruction_pointer_set(regs, (unsigned long)pause_instead);
	return 1;
}

/* Says that the one before changes where the caller goes on. */
static void pause_after(struct kprobe *p, struct pt_regs *regs, unsigned long flags)
{
}

static int __init pause_init(void)
{
	if (!symbol)
		return -EINVAL;
	atomic_set(&left, skip + 1);
	probe.symbol_name = symbol;
	probe.pre_handler = pause_before;
	probe.post_handler = pause_after;
	return register_kprobe(&probe);
}

/* The one that was held must have returned: its way back leads through this module. */
static void __exit pause_exit(void)
{
	complete_all(&released);
	unregister_kprobe(&probe);
}

module_init(pause_init);
module_exit(pause_exit);
MODULE_DESCRIPTION("Test of neuron: hold who calls a function");
MODULE_LICENSE("GPL");
