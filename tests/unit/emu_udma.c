// SPDX-License-Identifier: Apache-2.0
/* UDMA: packets, wraps, ring ids, doorbells, and each mistake that has a name. */
#include <string.h>

#include "emu_harness.h"
#include "udma.h"

#define ENGINE		2u
#define QUEUE		15u
#define RING		16u	/* descriptors */
#define M2S_RING	HOST_BASE
#define S2M_RING	(HOST_BASE + 0x10000)
#define SRC		(HOST_BASE + 0x100000)
#define DST		(HOST_BASE + 0x200000)
#define ONE		(NEURON_UDMA_DESC_FIRST | NEURON_UDMA_DESC_LAST)

struct ring {
	uint64_t at;
	uint32_t next;
	uint32_t id;
	uint32_t length;
};

struct bench {
	struct harness h;
	struct ring m2s;
	struct ring s2m;
};

static uint64_t reg(uint32_t half, uint32_t off)
{
	return NEURON_APB_UDMA(0, ENGINE) + half + NEURON_UDMA_QUEUE(QUEUE) + off;
}

static void start_half(struct bench *b, uint32_t half, uint64_t addr, uint32_t length)
{
	bar_write(&b->h, 0, reg(half, NEURON_UDMA_Q_CFG), NEURON_UDMA_Q_CFG_RESET_VALUE);
	bar_write(&b->h, 0, reg(half, half ? NEURON_UDMA_S2M_Q_SW_CTRL : NEURON_UDMA_M2S_Q_SW_CTRL),
		  NEURON_UDMA_Q_SW_CTRL_RESET);
	bar_write(&b->h, 0, reg(half, NEURON_UDMA_Q_BASE_LO), (uint32_t)addr);
	bar_write(&b->h, 0, reg(half, NEURON_UDMA_Q_BASE_HI), (NEURON_ADDR_HOST | addr) >> 32);
	bar_write(&b->h, 0, reg(half, NEURON_UDMA_Q_LENGTH), length);
	bar_write(&b->h, 0, reg(half, NEURON_UDMA_Q_CFG), NEURON_UDMA_Q_CFG_RESET_VALUE |
		  NEURON_UDMA_Q_CFG_PREFETCH | NEURON_UDMA_Q_CFG_SCHEDULE);
}

static void start(struct bench *b, uint32_t length)
{
	b->m2s = (struct ring){ M2S_RING, 0, 1, length };
	b->s2m = (struct ring){ S2M_RING, 0, 1, length };
	start_half(b, NEURON_UDMA_M2S, M2S_RING, length);
	start_half(b, NEURON_UDMA_S2M, S2M_RING, length);
}

static void setup(struct bench *b)
{
	unsigned int i;

	harness_open(&b->h, 16);
	start(b, RING);
	for (i = 0; i < 0x100000; i++)
		b->h.host[0x100000 + i] = i * 7 + i / 251;
}

static void put(struct bench *b, struct ring *r, uint32_t ctrl, uint32_t len, uint64_t addr)
{
	struct neuron_udma_desc desc = {
		.ctrl = ctrl | (len & NEURON_UDMA_DESC_LEN_MASK) |
			r->id << NEURON_UDMA_DESC_RING_ID_SHIFT,
		.meta = r == &b->m2s ? NEURON_UDMA_M2S_META_COPY : 0,
		.addr = addr,
	};

	memcpy(b->h.host + (r->at - HOST_BASE) + r->next * sizeof(desc), &desc, sizeof(desc));
	if (++r->next == r->length) {
		r->next = 0;
		r->id = (r->id + 1) & 3;
	}
}

static void ring(struct bench *b, uint32_t s2m, uint32_t m2s)
{
	bar_write(&b->h, 0, reg(NEURON_UDMA_S2M, NEURON_UDMA_Q_TAIL_INC), s2m);
	bar_write(&b->h, 0, reg(NEURON_UDMA_M2S, NEURON_UDMA_Q_TAIL_INC), m2s);
	drain(&b->h);
}

static uint32_t status(struct bench *b, uint32_t half)
{
	return bar_read(&b->h, 0, reg(half, NEURON_UDMA_Q_STATUS));
}

static void copy_of(struct bench *b, uint32_t len, uint64_t dst, uint64_t src)
{
	put(b, &b->s2m, 0, len, dst);
	put(b, &b->m2s, ONE, len, src);
	ring(b, 1, 1);
}

/* Index in a pointer register; its ring id is @id. */
static uint32_t pointer(struct bench *b, uint32_t half, uint32_t which, uint32_t id)
{
	uint32_t value = bar_read(&b->h, 0, reg(half, which));

	assert_int_equal(value >> NEURON_UDMA_Q_POINTER_ID_SHIFT, id);
	return value & NEURON_UDMA_Q_POINTER_MASK;
}

static uint64_t hostaddr(uint64_t bus)
{
	return NEURON_ADDR_HOST | bus;
}

static void simple(void **state)
{
	struct bench b;

	setup(&b);
	copy_of(&b, 1000, 0x1234, hostaddr(SRC + 3));
	copy_of(&b, 1000, hostaddr(DST), 0x1234);
	assert_memory_equal(b.h.host + 0x200000, b.h.host + 0x100003, 1000);
	assert_int_equal(pointer(&b, NEURON_UDMA_M2S, NEURON_UDMA_Q_HEAD, 1), 2);
	assert_int_equal(pointer(&b, NEURON_UDMA_M2S, NEURON_UDMA_Q_TAIL, 1), 2);
	assert_int_equal(pointer(&b, NEURON_UDMA_S2M, NEURON_UDMA_Q_CURRENT, 1), 2);
	assert_int_equal(b.h.errors, 0);
	assert_int_equal(b.h.irqs[NEURON_VECTOR_DMA], 0);
	harness_close(&b.h);
}

/* Length 0 is 64 KiB; many laps, so that ring ids go round. */
static void wraps(void **state)
{
	struct bench b;
	unsigned int i;

	setup(&b);
	for (i = 0; i < RING * 9 + 3; i++) {
		memset(b.h.host + 0x200000, 0, 0x10000);
		copy_of(&b, 0x10000, hostaddr(DST), hostaddr(SRC + i));
		assert_memory_equal(b.h.host + 0x200000, b.h.host + 0x100000 + i, 0x10000);
	}
	assert_int_equal(pointer(&b, NEURON_UDMA_M2S, NEURON_UDMA_Q_HEAD, (1 + 9) & 3), 3);
	assert_int_equal(b.h.errors, 0);
	harness_close(&b.h);
}

/* A full ring at once, which needs two reads of descriptors when it does not begin at 0. */
static void full_ring(void **state)
{
	struct bench b;
	unsigned int i, lap;

	setup(&b);
	copy_of(&b, 4, hostaddr(DST), hostaddr(SRC));
	for (lap = 0; lap < 3; lap++) {
		memset(b.h.host + 0x200000, 0, RING * 100);
		for (i = 0; i < RING; i++) {
			put(&b, &b.s2m, 0, 100, hostaddr(DST + i * 100));
			put(&b, &b.m2s, ONE | NEURON_UDMA_DESC_DMB, 100, hostaddr(SRC + i * 100));
		}
		ring(&b, RING, RING);
		assert_memory_equal(b.h.host + 0x200000, b.h.host + 0x100000, RING * 100);
	}
	assert_int_equal(b.h.errors, 0);
	harness_close(&b.h);
}

static void packet_of_128(void **state)
{
	struct bench b;
	unsigned int i;

	setup(&b);
	start(&b, 200);
	for (i = 0; i < 128; i++)
		put(&b, &b.m2s,
		    (i ? 0 : NEURON_UDMA_DESC_FIRST) | (i == 127 ? NEURON_UDMA_DESC_LAST : 0), 10,
		    hostaddr(SRC + (127 - i) * 10));
	/* Scatter to other pieces than it was gathered from. */
	put(&b, &b.s2m, 0, 1, hostaddr(DST));
	put(&b, &b.s2m, 0, 1279, hostaddr(DST + 1));
	ring(&b, 2, 128);
	for (i = 0; i < 128; i++)
		assert_memory_equal(b.h.host + 0x200000 + i * 10,
				    b.h.host + 0x100000 + (127 - i) * 10, 10);
	assert_int_equal(pointer(&b, NEURON_UDMA_M2S, NEURON_UDMA_Q_HEAD, 1), 128);
	assert_int_equal(b.h.errors, 0);
	/* One more is one too many. */
	for (i = 0; i < 129; i++)
		put(&b, &b.m2s,
		    (i ? 0 : NEURON_UDMA_DESC_FIRST) | (i == 128 ? NEURON_UDMA_DESC_LAST : 0), 10,
		    hostaddr(SRC));
	put(&b, &b.s2m, 0, 1290, hostaddr(DST));
	ring(&b, 1, 129);
	expect_error(&b.h, "udma-packet");
	assert_int_equal(status(&b, NEURON_UDMA_M2S), NEURON_UDMA_Q_STATUS_PACKET);
	harness_close(&b.h);
}

/* What the host configures as the largest packet is one. */
static void configured_limits(void **state)
{
	const uint64_t m2s = NEURON_APB_UDMA(0, ENGINE) + NEURON_UDMA_M2S;
	struct bench b;
	unsigned int i;

	setup(&b);
	bar_write(&b.h, 0, m2s + NEURON_UDMA_M2S_MAX_DESC_0, 1u << 16 | 2);
	bar_write(&b.h, 0, m2s + NEURON_UDMA_M2S_CFG_LEN, NEURON_UDMA_M2S_CFG_LEN_64K | 1000);
	copy_of(&b, 1000, hostaddr(DST), hostaddr(SRC));
	assert_int_equal(b.h.errors, 0);
	copy_of(&b, 1001, hostaddr(DST), hostaddr(SRC));
	expect_error(&b.h, "udma-packet");
	start(&b, RING);
	for (i = 0; i < 3; i++)
		put(&b, &b.m2s, i ? i == 2 ? NEURON_UDMA_DESC_LAST : 0 : NEURON_UDMA_DESC_FIRST, 8,
		    hostaddr(SRC));
	put(&b, &b.s2m, 0, 24, hostaddr(DST));
	ring(&b, 1, 3);
	expect_error(&b.h, "udma-packet");
	assert_int_equal(status(&b, NEURON_UDMA_M2S), NEURON_UDMA_Q_STATUS_PACKET);
	harness_close(&b.h);
}

/* Checksums and swapping are not there, and nobody is left to believe that they are. */
static void only_copies(void **state)
{
	struct neuron_udma_desc *desc;
	struct bench b;
	unsigned int i;

	setup(&b);
	desc = (void *)(b.h.host + (M2S_RING - HOST_BASE));
	for (i = 0; i < 32; i++) {
		put(&b, &b.s2m, 0, 16, hostaddr(DST));
		put(&b, &b.m2s, ONE, 16, hostaddr(SRC));
		desc->meta ^= 1u << i;
		ring(&b, 1, 1);
		if (NEURON_UDMA_M2S_META_FREE & 1u << i)
			assert_int_equal(b.h.errors, 0);
		else
			expect_error(&b.h, "udma-transfer");
		start(&b, RING);
	}
	harness_close(&b.h);
}

/* Doorbells in pieces: the packet starts when it is complete, and has room. */
static void in_pieces(void **state)
{
	struct bench b;

	setup(&b);
	put(&b, &b.m2s, NEURON_UDMA_DESC_FIRST, 8, hostaddr(SRC));
	put(&b, &b.m2s, NEURON_UDMA_DESC_LAST, 8, hostaddr(SRC + 8));
	put(&b, &b.s2m, 0, 4, hostaddr(DST));
	put(&b, &b.s2m, 0, 12, hostaddr(DST + 4));
	ring(&b, 0, 1);
	ring(&b, 1, 0);
	ring(&b, 0, 1);
	assert_int_equal(b.h.host[0x200004], 0);
	assert_int_equal(pointer(&b, NEURON_UDMA_M2S, NEURON_UDMA_Q_HEAD, 1), 0);
	assert_int_equal(pointer(&b, NEURON_UDMA_M2S, NEURON_UDMA_Q_TAIL, 1), 2);
	ring(&b, 1, 0);
	assert_memory_equal(b.h.host + 0x200000, b.h.host + 0x100000, 16);
	assert_int_equal(b.h.errors, 0);
	harness_close(&b.h);
}

static void interrupt(void **state)
{
	struct bench b;

	setup(&b);
	put(&b, &b.s2m, 0, 4, hostaddr(DST));
	put(&b, &b.m2s, ONE | NEURON_UDMA_DESC_INT_EN, 4, hostaddr(SRC));
	ring(&b, 1, 1);
	assert_int_equal(b.h.irqs[NEURON_VECTOR_DMA], 1);
	assert_int_not_equal(bar_read(&b.h, 0, NEURON_EXT_BASE + NEURON_EXT_IRQ_STATUS) &
			     1u << NEURON_VECTOR_DMA, 0);
	harness_close(&b.h);
}

static void to_registers(void **state)
{
	const uint64_t sem = NEURON_NC_WINDOW(1) + NEURON_NC_SEM_INC + 8;
	struct bench b;
	uint32_t one = 1;

	setup(&b);
	memcpy(b.h.host + 0x100000, &one, 4);
	copy_of(&b, 4, NEURON_ADDR_NC + sem, hostaddr(SRC));
	assert_int_equal(bar_read(&b.h, 2, NEURON_NC_WINDOW(1) + NEURON_NC_SEM_READ + 8), 1);
	assert_int_equal(b.h.errors, 0);
	copy_of(&b, 6, NEURON_ADDR_NC + sem, hostaddr(SRC));
	expect_error(&b.h, "udma-dma-unmapped");
	harness_close(&b.h);
}

/* The queue stops at an error, takes no doorbells, and works again after a reset. */
static void check_stopped(struct bench *b, const char *category, uint32_t m2s, uint32_t s2m)
{
	unsigned int irqs = b->h.irqs[NEURON_VECTOR_DMA];

	expect_error(&b->h, category);
	assert_int_equal(irqs, 1);
	assert_int_equal(status(b, NEURON_UDMA_M2S), m2s);
	assert_int_equal(status(b, NEURON_UDMA_S2M), s2m);
	bar_write(&b->h, 0, reg(m2s ? NEURON_UDMA_M2S : NEURON_UDMA_S2M, NEURON_UDMA_Q_TAIL_INC),
		  1);
	expect_error(&b->h, "udma-queue-state");
	start(b, RING);
	copy_of(b, 64, hostaddr(DST), hostaddr(SRC + 5));
	assert_memory_equal(b->h.host + 0x200000, b->h.host + 0x100005, 64);
	assert_int_equal(b->h.errors, 0);
	harness_close(&b->h);
}

static void bad_ring_id(void **state)
{
	struct bench b;

	setup(&b);
	b.m2s.id = 2;
	copy_of(&b, 64, hostaddr(DST), hostaddr(SRC));
	assert_int_equal(b.h.host[0x200001], 0);
	check_stopped(&b, "udma-ring-id", NEURON_UDMA_Q_STATUS_RING_ID, 0);
}

static void bad_length(void **state)
{
	struct bench b;

	setup(&b);
	put(&b, &b.s2m, 0, 65, hostaddr(DST));
	put(&b, &b.m2s, ONE, 64, hostaddr(SRC));
	ring(&b, 1, 1);
	assert_int_equal(b.h.host[0x200001], 0);
	check_stopped(&b, "udma-length", 0, NEURON_UDMA_Q_STATUS_LENGTH);
}

static void short_destination(void **state)
{
	struct bench b;

	setup(&b);
	put(&b, &b.s2m, ONE, 63, hostaddr(DST));
	put(&b, &b.m2s, ONE, 64, hostaddr(SRC));
	ring(&b, 1, 1);
	check_stopped(&b, "udma-length", 0, NEURON_UDMA_Q_STATUS_LENGTH);
}

static void no_first(void **state)
{
	struct bench b;

	setup(&b);
	put(&b, &b.s2m, 0, 64, hostaddr(DST));
	put(&b, &b.m2s, NEURON_UDMA_DESC_LAST, 64, hostaddr(SRC));
	ring(&b, 1, 1);
	check_stopped(&b, "udma-packet", NEURON_UDMA_Q_STATUS_PACKET, 0);
}

static void second_first(void **state)
{
	struct bench b;

	setup(&b);
	put(&b, &b.s2m, 0, 64, hostaddr(DST));
	put(&b, &b.m2s, NEURON_UDMA_DESC_FIRST, 32, hostaddr(SRC));
	put(&b, &b.m2s, ONE, 32, hostaddr(SRC));
	ring(&b, 1, 2);
	check_stopped(&b, "udma-packet", NEURON_UDMA_Q_STATUS_PACKET, 0);
}

static void bad_source(void **state)
{
	struct bench b;

	setup(&b);
	copy_of(&b, 64, hostaddr(DST), NEURON_DRAM_CHANNEL_SIZE);
	check_stopped(&b, "udma-dma-unmapped", NEURON_UDMA_Q_STATUS_DMA, 0);
}

static void bad_destination(void **state)
{
	struct bench b;

	setup(&b);
	copy_of(&b, 64, hostaddr(HOST_RO), hostaddr(SRC));
	check_stopped(&b, "udma-dma-unmapped", 0, NEURON_UDMA_Q_STATUS_DMA);
}

static void bad_ring_address(void **state)
{
	struct bench b;

	setup(&b);
	bar_write(&b.h, 0, reg(NEURON_UDMA_M2S, NEURON_UDMA_Q_BASE_LO), 0x100);
	copy_of(&b, 64, hostaddr(DST), hostaddr(SRC));
	check_stopped(&b, "udma-dma-unmapped", NEURON_UDMA_Q_STATUS_RING, 0);
}

static void bad_doorbells(void **state)
{
	struct bench b;

	setup(&b);
	bar_write(&b.h, 0, reg(NEURON_UDMA_M2S, NEURON_UDMA_Q_TAIL_INC), RING + 1);
	expect_error(&b.h, "udma-tail");
	bar_write(&b.h, 0, reg(NEURON_UDMA_M2S, NEURON_UDMA_Q_TAIL_INC), 0xffffffff);
	expect_error(&b.h, "udma-tail");
	bar_write(&b.h, 0, reg(NEURON_UDMA_M2S, NEURON_UDMA_Q_BASE_LO), 0x80);
	bar_write(&b.h, 0, reg(NEURON_UDMA_M2S, NEURON_UDMA_Q_TAIL_INC), 1);
	expect_error(&b.h, "udma-ring-config");
	bar_write(&b.h, 0, reg(NEURON_UDMA_M2S, NEURON_UDMA_Q_LENGTH), 0);
	bar_write(&b.h, 0, reg(NEURON_UDMA_M2S, NEURON_UDMA_Q_TAIL_INC), 1);
	expect_error(&b.h, "udma-queue-state");
	bar_write(&b.h, 0, reg(NEURON_UDMA_S2M, NEURON_UDMA_Q_CFG), NEURON_UDMA_Q_CFG_RESET_VALUE);
	bar_write(&b.h, 0, reg(NEURON_UDMA_S2M, NEURON_UDMA_Q_TAIL_INC), 1);
	expect_error(&b.h, "udma-queue-state");
	drain(&b.h);
	assert_int_equal(b.h.errors, 0);
	harness_close(&b.h);
}

static void ring_changed(void **state)
{
	struct bench b;

	setup(&b);
	put(&b, &b.m2s, ONE, 64, hostaddr(SRC));
	ring(&b, 0, 1);
	bar_write(&b.h, 0, reg(NEURON_UDMA_M2S, NEURON_UDMA_Q_LENGTH), 1);
	expect_error(&b.h, "udma-ring-config");
	assert_int_equal(status(&b, NEURON_UDMA_M2S), NEURON_UDMA_Q_STATUS_RING);
	ring(&b, 1, 0);
	assert_int_equal(b.h.host[0x200001], 0);
	harness_close(&b.h);
}

/* Disable pauses, abort drops what was not processed. */
static void engine_states(void **state)
{
	const uint64_t change = NEURON_APB_UDMA(0, ENGINE) + NEURON_UDMA_CHANGE_STATE;
	struct bench b;

	setup(&b);
	put(&b, &b.s2m, 0, 64, hostaddr(DST));
	put(&b, &b.m2s, ONE, 64, hostaddr(SRC));
	bar_write(&b.h, 0, reg(NEURON_UDMA_S2M, NEURON_UDMA_Q_TAIL_INC), 1);
	bar_write(&b.h, 0, reg(NEURON_UDMA_M2S, NEURON_UDMA_Q_TAIL_INC), 1);
	bar_write(&b.h, 0, change, NEURON_UDMA_STATE_DISABLE);
	drain(&b.h);
	assert_int_equal(b.h.host[0x200001], 0);
	assert_int_equal(bar_read(&b.h, 0, NEURON_APB_UDMA(0, ENGINE) + NEURON_UDMA_STATE),
			 NEURON_UDMA_STATE_IS_IDLE);
	bar_write(&b.h, 0, change, NEURON_UDMA_STATE_NORMAL);
	assert_int_equal(bar_read(&b.h, 0, NEURON_APB_UDMA(0, ENGINE) + NEURON_UDMA_STATE),
			 NEURON_UDMA_STATE_IS_NORMAL);
	drain(&b.h);
	assert_memory_equal(b.h.host + 0x200000, b.h.host + 0x100000, 64);

	put(&b, &b.m2s, ONE, 64, hostaddr(SRC + 100));
	ring(&b, 0, 1);
	bar_write(&b.h, 0, change, NEURON_UDMA_STATE_ABORT);
	assert_int_equal(bar_read(&b.h, 0, NEURON_APB_UDMA(0, ENGINE) + NEURON_UDMA_STATE),
			 NEURON_UDMA_STATE_IS_ABORT);
	bar_write(&b.h, 0, change, NEURON_UDMA_STATE_NORMAL);
	assert_int_equal(pointer(&b, NEURON_UDMA_M2S, NEURON_UDMA_Q_HEAD, 1), 2);
	assert_int_equal(b.h.errors, 0);
	/* The next packet is the first that the queue sees. */
	copy_of(&b, 64, hostaddr(DST), hostaddr(SRC + 200));
	assert_memory_equal(b.h.host + 0x200000, b.h.host + 0x1000c8, 64);
	assert_int_equal(b.h.errors, 0);
	harness_close(&b.h);
}

static void bus_master_off(void **state)
{
	struct bench b;

	setup(&b);
	bus_master(&b.h, false);
	copy_of(&b, 64, hostaddr(DST), hostaddr(SRC));
	expect_error(&b.h, "udma-dma-unmapped");
	assert_int_equal(b.h.irqs[NEURON_VECTOR_DMA], 0);
	harness_close(&b.h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(simple),
		cmocka_unit_test(wraps),
		cmocka_unit_test(full_ring),
		cmocka_unit_test(packet_of_128),
		cmocka_unit_test(configured_limits),
		cmocka_unit_test(only_copies),
		cmocka_unit_test(in_pieces),
		cmocka_unit_test(interrupt),
		cmocka_unit_test(to_registers),
		cmocka_unit_test(bad_ring_id),
		cmocka_unit_test(bad_length),
		cmocka_unit_test(short_destination),
		cmocka_unit_test(no_first),
		cmocka_unit_test(second_first),
		cmocka_unit_test(bad_source),
		cmocka_unit_test(bad_destination),
		cmocka_unit_test(bad_ring_address),
		cmocka_unit_test(bad_doorbells),
		cmocka_unit_test(ring_changed),
		cmocka_unit_test(engine_states),
		cmocka_unit_test(bus_master_off),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("emu_udma", tests, NULL, NULL);
}
