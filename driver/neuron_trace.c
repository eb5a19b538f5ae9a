// SPDX-License-Identifier: GPL-2.0
/* The bodies of the tracepoints. */
#include "neuron.h"

#define CREATE_TRACE_POINTS
#include "neuron_trace.h"
