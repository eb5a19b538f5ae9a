/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds NEFFs for the unit tests of libnrt: a sound one, whose members a test then spoils.
 */
#ifndef TEST_NRT_BUILD_H
#define TEST_NRT_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <neuron/isa.h>
#include <neuron/neff.h>

#define BUILD_MAX_MEMBERS 16

struct build_member {
	char name[128];
	void *data;
	size_t size;
};

/**
 * struct build - a NEFF in the making
 * @plain: body not compressed
 */
struct build {
	struct build_member members[BUILD_MAX_MEMBERS];
	int count;
	bool plain;
};

/* Add a member or replace its contents; @data is copied. */
void build_set(struct build *b, const char *name, const void *data, size_t size);
__attribute__((format(printf, 3, 4)))
void build_text(struct build *b, const char *name, const char *format, ...);
void build_remove(struct build *b, const char *name);
void build_free(struct build *b);

/* Instructions for streams. */
struct neuron_insn build_dma(unsigned int dst_seg, unsigned int src_seg, unsigned int bytes);

/*
 * float32 x[1, elements] -> y, by one DMA from segment 1 to segment 2, and a constant of 64
 * bytes "w" in segment 3.
 */
void build_copy_model(struct build *b, unsigned int elements);
/* Two nodes: x -> (between) m -> y. */
void build_chain_model(struct build *b, unsigned int elements);

/* The file; free() it. */
uint8_t *build_file(const struct build *b, size_t *size);
/* Make the header's data size and hash those of the bytes. */
void build_seal(uint8_t *bytes, size_t size);

#endif
