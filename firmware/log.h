/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines for the chip's console.
 */
#ifndef FW_LOG_H
#define FW_LOG_H

/* One line without newline. Knows %u, %x (32 bits), %s and %%. */
void fw_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
