/* SPDX-License-Identifier: Apache-2.0 */
/* The work of the interpreter's differential test. */
#ifndef RV32_WORKLOAD_H
#define RV32_WORKLOAD_H

#include <stdint.h>

uint32_t rv32_workload(uint32_t rounds);

#endif
