/* SPDX-License-Identifier: Apache-2.0 */
/* The FWIO mailbox, the host's side. */
#ifndef FOREIGN_FWIO_H
#define FOREIGN_FWIO_H

#include "host.h"

/*
 * Longer than a busy machine takes: a second try while firmware takes the first one rewrites
 * addresses under its hands.
 */
#define FWIO_TRY_MS	3000
#define FWIO_TRIES	10

uint32_t crc32c(const void *buf, size_t n);
/* Writes a complete request with the next seq into the host's buffer; clears the answer. */
struct fwio_req *fwio_build(struct host *h, uint8_t cmd, const void *data, size_t n);
/* Recomputes the CRC over size bytes, after a test has changed something. */
void fwio_seal(struct fwio_req *req, size_t size);
/* Rewrites the four address registers (device addresses) and rings the doorbell. */
void fwio_post(struct host *h, uint64_t req, uint64_t resp);
/* 0 when the answer to the request built last is there. */
int fwio_wait(struct host *h, int timeout_ms);
struct fwio_resp *fwio_answer(struct host *h);
/* Build, post, wait FWIO_TRY_MS, up to FWIO_TRIES times. 0 or -ETIMEDOUT; the error field is the caller's. */
int fwio_call(struct host *h, uint8_t cmd, const void *data, size_t n);
/* Reads registers; -EIO when the device refuses, -EPROTO when the answer is malformed. */
int fwio_read(struct host *h, const uint64_t *addr, size_t n, uint32_t *val);
int fwio_read1(struct host *h, uint64_t addr, uint32_t *val);
/* A BAR0 register through the mailbox. */
int fwio_read_apb(struct host *h, uint32_t off, uint32_t *val);

#endif
