/* SPDX-License-Identifier: Apache-2.0 */
/* What sparse 0.6.4 lacks and headers of Linux 7.x use: included before them, seen by sparse only. */
#define __typeof_unqual__ __typeof__
/* In a constant expression: 7.x asserts that no module information holds a NUL. */
#define __builtin_strlen(s) (sizeof(s) - 1)
