/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mutator that knows protocol buffers: changed, added and dropped fields at any depth, in messages
 * whose lengths still fit.
 */
#ifndef FUZZ_PROTOBUF_H
#define FUZZ_PROTOBUF_H

#include <stddef.h>
#include <stdint.h>

/* Changes the message in @data in place; it may grow up to @max bytes. Returns its size. */
size_t fuzz_mutate_message(uint8_t *data, size_t size, size_t max, unsigned int seed);

#endif
