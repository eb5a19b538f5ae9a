/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines in the runtime's documented form, and the text of a thread's last error.
 */
#ifndef NRT_LOG_H
#define NRT_LOG_H

#include <stdbool.h>

enum nrt_log_level {
	NRT_LOG_QUIET,
	NRT_LOG_ERROR,
	NRT_LOG_WARN,
	NRT_LOG_INFO,
	NRT_LOG_DEBUG,
	NRT_LOG_TRACE,
};

/* NRT: the API; TDRV: devices; NMGR: NEFFs, models, executions. */
enum nrt_log_module {
	NRT_LOG_NRT,
	NRT_LOG_TDRV,
	NRT_LOG_NMGR,
	NRT_LOG_MODULES,
};

/**
 * struct nrt_log_config - per module: what is logged, and where to
 */
struct nrt_log_config {
	enum nrt_log_level level[NRT_LOG_MODULES];
	bool syslog[NRT_LOG_MODULES];
};

void nrt_log_configure(const struct nrt_log_config *config);

/* Log a line. One at NRT_LOG_ERROR also becomes the thread's last error, logged or not. */
__attribute__((format(printf, 4, 5)))
void nrt_log(enum nrt_log_level level, enum nrt_log_module module, const char *function,
	     const char *format, ...);

/* The same, at NRT_LOG_ERROR, but the thread's last error stays: more about it. */
__attribute__((format(printf, 3, 4)))
void nrt_log_more(enum nrt_log_module module, const char *function, const char *format, ...);

/* Text of the thread's last error, "" if there was none. */
const char *nrt_log_last_error(void);

#define nrt_err(module, ...)	nrt_log(NRT_LOG_ERROR, NRT_LOG_##module, __func__, __VA_ARGS__)
#define nrt_info(module, ...)	nrt_log(NRT_LOG_INFO, NRT_LOG_##module, __func__, __VA_ARGS__)

#endif
