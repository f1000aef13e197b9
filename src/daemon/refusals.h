/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_REFUSALS_H
#define DAEMON_REFUSALS_H

#include "span.h"
#include "text.h"

#include <stdint.h>

/* Codes of our own that can be counted; the table of error.h is shorter. */
#define REFUSALS_MAX 48

/*
 * Counts what was refused, by the name of the reason. The journal gets one line for the first of a
 * kind and at most one a minute for all that follow.
 */
struct refusals {
	struct {
		uint64_t count;
		uint64_t told; /* of them the log knows about */
		int64_t told_ms;
	} kinds[REFUSALS_MAX];
	uint64_t total;
};

/* Counts `count` refusals for this code; now_ms is a monotonic clock, topic an example for the log.
 * Errors of the system are counted as one kind, "system". */
void refusals_add(
	struct refusals *refusals, int code, uint64_t count, int64_t now_ms, struct span topic);

/* {"late":3,"not_utf8":1}, only what has been seen. */
void refusals_write(const struct refusals *refusals, struct text *to);

#endif
