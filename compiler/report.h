/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --report: which node runs where, and why.
 */
#ifndef NCC_REPORT_H
#define NCC_REPORT_H

struct ncc_context;

/*
 * Says where the model runs: one line always, a line a node if asked for, and JSON to a
 * file if asked for. After all passes. 0, or -errno after an error was reported.
 */
int ncc_report(struct ncc_context *ctx);

#endif
