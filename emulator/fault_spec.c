// SPDX-License-Identifier: Apache-2.0
/* Kinds of faults, their options, and the grammar KIND[:key=value[,key=value...]]. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <neuron/regs.h>
#include <neuron/udma.h>

#include "emu.h"
#include "fault.h"

#define K(key)		(1u << EMU_FAULT_##key)
#define FIRES		(K(AFTER) | K(MAX))
#define ACTS		(FIRES | K(EVERY))
#define IRQ		(FIRES | K(VECTOR))
#define JOB		(FIRES | K(CORE) | K(QUEUE))
#define NAME_MAX_LEN	24

static const char *const key_names[EMU_FAULT_KEYS] = {
	"after", "count", "core", "queue", "vector", "engine", "ms", "every", "rate", "by",
	"error", "size", "channel", "address", "bit", "seed", "side", "celsius", "until",
};

/* Largest value of a key; 0 = any 64-bit number. */
static const uint64_t key_max[EMU_FAULT_KEYS] = {
	[EMU_FAULT_CORE] = NEURON_CORES - 1,
	[EMU_FAULT_QUEUE] = NEURON_QUEUES - 1,
	[EMU_FAULT_VECTOR] = NEURON_VECTORS - 1,
	[EMU_FAULT_ENGINE] = NEURON_UDMA_ENGINES - 1,
	[EMU_FAULT_MS] = 3600000,
	[EMU_FAULT_EVERY] = 3600000,
	[EMU_FAULT_RATE] = 10000000,
	[EMU_FAULT_ERROR] = 255,
	[EMU_FAULT_SIZE] = 65535,
	[EMU_FAULT_CHANNEL] = NEURON_DRAM_CHANNELS - 1,
	[EMU_FAULT_BIT] = 7,
	[EMU_FAULT_CELSIUS] = 1000,
};

struct preset {
	enum emu_fault_key key;
	uint64_t value;
};

#define ONCE	{ EMU_FAULT_MAX, 1 }, { EMU_FAULT_EVERY, 100 }

static const struct {
	const char *name;
	uint32_t keys;
	bool acts;
	struct preset preset[3];	/* ends with a value of 0 */
	const char *meaning;
} kinds[EMU_FAULT_KINDS] = {
	[EMU_FAULT_NO_IRQ] = { "no-irq", IRQ, false, { { 0 } },
		"an interrupt is not delivered; IRQ_STATUS still tells" },
	[EMU_FAULT_DOUBLE_IRQ] = { "double-irq", IRQ | K(MS), false, { { EMU_FAULT_MS, 1 } },
		"an interrupt is delivered again, ms= later" },
	[EMU_FAULT_IRQ_STORM] = { "irq-storm", IRQ | K(RATE), true, { { EMU_FAULT_RATE, 100000 } },
		"interrupts without cause, rate= a second, on vector= or all in turn" },
	[EMU_FAULT_ALL_ONES] = { "all-ones", FIRES, false, { { 0 } },
		"the chip falls off the bus: reads give ones, nothing else happens" },
	[EMU_FAULT_WRONG_ID] = { "wrong-id", JOB | K(BY), false, { { EMU_FAULT_BY, 23130 } },
		"a completion record names another job, by= further on" },
	[EMU_FAULT_HEAD_JUMP] = { "head-jump", JOB | K(ENGINE) | K(BY), false, { { EMU_FAULT_BY, 4096 } },
		"a completion page's seq, or with engine= the HEAD of a UDMA queue, is by= ahead" },
	[EMU_FAULT_LATE_COMPLETION] = { "late-completion", JOB | K(MS), false, { { EMU_FAULT_MS, 500 } },
		"a job's end is told ms= late" },
	[EMU_FAULT_FW_HANG] = { "fw-hang", FIRES, false, { { 0 } },
		"the management core executes nothing, until it is booted again" },
	[EMU_FAULT_FW_BABBLE] = { "fw-babble", ACTS | K(SEED), true, { { EMU_FAULT_EVERY, 10 } },
		"garbage in misc RAM and registers, events, interrupts, wrong FWIO answers" },
	[EMU_FAULT_HEARTBEAT_STOP] = { "heartbeat-stop", FIRES, false, { { 0 } },
		"the heartbeat stands still, all else works" },
	[EMU_FAULT_SLOW_RESET] = { "slow-reset", FIRES | K(MS), false, { { EMU_FAULT_MS, 3000 } },
		"a reset takes ms= longer" },
	[EMU_FAULT_CORRUPT_TELEMETRY] = { "corrupt-telemetry", FIRES | K(SEED), false, { { 0 } },
		"power, temperature, ECC counters and metrics read as garbage" },
	[EMU_FAULT_ECC_CORRECTED] = { "ecc-corrected", ACTS | K(CHANNEL), true, { ONCE },
		"DRAM has a corrected error: counter and event" },
	[EMU_FAULT_ECC_UNCORRECTED] = { "ecc-uncorrected", ACTS | K(CHANNEL) | K(ADDRESS), true, { ONCE },
		"a 64-byte line of DRAM is lost until it is overwritten; address= in channel=" },
	[EMU_FAULT_BIT_FLIP] = { "bit-flip",
		ACTS | K(CHANNEL) | K(ADDRESS) | K(BIT) | K(SEED), true, { ONCE },
		"a bit of DRAM changes unnoticed; without address= anywhere in used memory" },
	[EMU_FAULT_LINK_DOWN] = { "link-down", K(SIDE), false, { { 0 } },
		"the link to a neighbour is down; side=east or west, else both" },
	[EMU_FAULT_DMA_OUTSIDE] = { "dma-outside", ACTS | K(ADDRESS), true, { ONCE },
		"the chip writes to a bus address that the VMM has not mapped" },
	[EMU_FAULT_OVER_TEMPERATURE] = { "over-temperature", K(CELSIUS), false,
		{ { EMU_FAULT_CELSIUS, 110 } }, "the chip is celsius= hot" },
	[EMU_FAULT_FWIO_SILENT] = { "fwio-silent", FIRES, false, { { 0 } },
		"an FWIO request is not answered" },
	[EMU_FAULT_FWIO_BAD] = { "fwio-bad", FIRES | K(ERROR) | K(SIZE), false, { { EMU_FAULT_ERROR, 1 } },
		"an FWIO request is answered with error=, or with size= too short" },
	[EMU_FAULT_UDMA_STALL] = { "udma-stall", FIRES | K(CORE) | K(ENGINE) | K(QUEUE), false, { { 0 } },
		"a UDMA queue stands still until it is reset" },
	[EMU_FAULT_JOB_STUCK] = { "job-stuck", FIRES | K(CORE) | K(UNTIL), false,
		{ { EMU_FAULT_UNTIL, EMU_ORDER_CORE } },
		"a job does not end, by itself or its time-out, until=abort, core (reset) or device (reset)" },
};

static const char *const orders[] = { NULL, "abort", "core", "device" };

const char *emu_fault_name(enum emu_fault_kind kind)
{
	return kind < EMU_FAULT_KINDS ? kinds[kind].name : NULL;
}

bool emu_fault_acts(enum emu_fault_kind kind)
{
	return kinds[kind].acts;
}

enum emu_fault_kind emu_fault_kind_of(const char *name, size_t len)
{
	enum emu_fault_kind kind;

	for (kind = 0; kind < EMU_FAULT_KINDS; kind++)
		if (strlen(kinds[kind].name) == len && !memcmp(kinds[kind].name, name, len))
			break;
	return kind;
}

bool emu_fault_describe(unsigned int i, const char **name, const char **meaning, char *keys,
			size_t size)
{
	unsigned int key;
	size_t used = 0;

	if (i >= EMU_FAULT_KINDS)
		return false;
	*name = kinds[i].name;
	*meaning = kinds[i].meaning;
	if (size)
		keys[0] = 0;
	for (key = 0; key < EMU_FAULT_KEYS && used < size; key++)
		if (kinds[i].keys & 1u << key)
			used += snprintf(keys + used, size - used, "%s%s", used ? " " : "",
					 key_names[key]);
	return true;
}

static int bad_kind(const char *spec, size_t len, char *error, size_t size)
{
	snprintf(error, size, "\"%.*s\" is no kind of fault; the kinds are listed by --fault list",
		 (int)(len > 64 ? 64 : len), spec);
	return -EINVAL;
}

static int bad_key(enum emu_fault_kind kind, const char *key, size_t len, char *error, size_t size)
{
	const char *name, *meaning;
	char known[160];

	emu_fault_describe(kind, &name, &meaning, known, sizeof(known));
	snprintf(error, size, "%s has no option \"%.*s\"; it takes %s", name,
		 (int)(len > 32 ? 32 : len), key, known);
	return -EINVAL;
}

static bool number(enum emu_fault_key key, const char *text, uint64_t *value)
{
	char *end;

	if (key == EMU_FAULT_SIDE) {
		*value = !strcmp(text, "east") ? NEURON_FW_STATUS_EAST :
			 !strcmp(text, "west") ? NEURON_FW_STATUS_WEST : 0;
		return *value;
	}
	if (key == EMU_FAULT_UNTIL) {
		for (*value = EMU_ORDER_ABORT; *value <= EMU_ORDER_DEVICE; ++*value)
			if (!strcmp(text, orders[*value]))
				return true;
		return false;
	}
	errno = 0;
	if (key == EMU_FAULT_CELSIUS) {
		long long celsius = strtoll(text, &end, 0);

		*value = (uint64_t)celsius;
		return !errno && end != text && !*end && celsius >= -273 && celsius <= 1000;
	}
	if (*text < '0' || *text > '9')
		return false;
	*value = strtoull(text, &end, 0);
	return !errno && !*end && (!key_max[key] || *value <= key_max[key]);
}

static int bad_value(enum emu_fault_key key, const char *text, char *error, size_t size)
{
	if (key == EMU_FAULT_SIDE)
		snprintf(error, size, "side=%.32s: side is east or west", text);
	else if (key == EMU_FAULT_UNTIL)
		snprintf(error, size, "until=%.32s: until is abort, core or device", text);
	else if (key == EMU_FAULT_CELSIUS)
		snprintf(error, size, "celsius=%.32s: a number from -273 to 1000", text);
	else if (key_max[key])
		snprintf(error, size, "%s=%.32s: a number from 0 to %llu, decimal or 0x...",
			 key_names[key], text, (unsigned long long)key_max[key]);
	else
		snprintf(error, size, "%s=%.32s: a number, decimal or 0x...", key_names[key], text);
	return -EINVAL;
}

static int parse_pair(enum emu_fault_kind kind, struct emu_fault_args *args, char *pair,
		      char *error, size_t size)
{
	char *value = strchr(pair, '=');
	size_t len = value ? (size_t)(value - pair) : strlen(pair);
	unsigned int key;

	for (key = 0; key < EMU_FAULT_KEYS; key++)
		if (strlen(key_names[key]) == len && !memcmp(key_names[key], pair, len))
			break;
	if (key == EMU_FAULT_KEYS || !(kinds[kind].keys & 1u << key))
		return bad_key(kind, pair, len, error, size);
	if (args->given & 1u << key) {
		snprintf(error, size, "%s= is there twice; once is enough", key_names[key]);
		return -EINVAL;
	}
	if (!value) {
		snprintf(error, size, "%s has no value; write %s=VALUE", key_names[key],
			 key_names[key]);
		return -EINVAL;
	}
	if (!number(key, value + 1, &args->value[key]))
		return bad_value(key, value + 1, error, size);
	args->given |= 1u << key;
	return 0;
}

/* What the table of keys cannot say. */
static int check(enum emu_fault_kind kind, const struct emu_fault_args *args, char *error,
		 size_t size)
{
	if (args->given & K(ADDRESS) && kinds[kind].keys & K(CHANNEL) &&
	    args->value[EMU_FAULT_ADDRESS] >= NEURON_DRAM_CHANNEL_SIZE) {
		snprintf(error, size, "address= is an offset in the channel, below 0x%llx",
			 NEURON_DRAM_CHANNEL_SIZE);
		return -EINVAL;
	}
	if (kinds[kind].keys & K(RATE) && !args->value[EMU_FAULT_RATE]) {
		snprintf(error, size, "rate=0 is no storm; clear the fault instead");
		return -EINVAL;
	}
	if (args->given & K(EVERY) && !args->value[EMU_FAULT_EVERY]) {
		snprintf(error, size, "every=0: a number of milliseconds from 1 on");
		return -EINVAL;
	}
	return 0;
}

int emu_fault_parse(const char *spec, enum emu_fault_kind *kind, struct emu_fault_args *args,
		    char *error, size_t size)
{
	size_t len = strcspn(spec, ":");
	char copy[EMU_FAULT_SPEC], *save, *pair;
	unsigned int i;
	int err = 0;

	*kind = emu_fault_kind_of(spec, len);
	if (*kind == EMU_FAULT_KINDS)
		return bad_kind(spec, len, error, size);
	if (strlen(spec) >= sizeof(copy)) {
		snprintf(error, size, "longer than %zu characters; set two faults instead",
			 sizeof(copy) - 1);
		return -EINVAL;
	}
	memset(args, 0, sizeof(*args));
	for (i = 0; i < 3 && kinds[*kind].preset[i].value; i++)
		args->value[kinds[*kind].preset[i].key] = kinds[*kind].preset[i].value;
	strcpy(copy, spec[len] ? spec + len + 1 : "");
	for (pair = strtok_r(copy, ",", &save); pair && !err; pair = strtok_r(NULL, ",", &save))
		err = parse_pair(*kind, args, pair, error, size);
	return err ? err : check(*kind, args, error, size);
}
