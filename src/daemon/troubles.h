/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_TROUBLES_H
#define DAEMON_TROUBLES_H

#include "text.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Which faults there are right now, since when, and what they have cost: for statistics, the service
 * manager's line and the log.
 */
enum trouble {
	TROUBLE_BROKER, /* no connection */
	TROUBLE_DATABASE, /* commits fail */
	TROUBLE_HOUSEKEEPING, /* old rows can't be deleted */
	TROUBLE_UNSTORED, /* rows are left out because the database has failed for long */
	TROUBLE_OVERLOAD, /* messages are dropped */
	TROUBLE_BACKLOG, /* readings have waited for long: forecasts are left out */
	TROUBLE_CLOCK, /* the wall clock has stepped */
	TROUBLES
};

/* One kind. Zero-initialised there is none. */
struct trouble_state {
	bool is_on;
	char what[64];
	int64_t since_ms; /* wall clock */
	int64_t began_ms, met_ms; /* a clock that nobody sets: begin, and when it was met last */
	uint64_t cost; /* since it began: messages or rows */
};

struct troubles {
	struct trouble_state states[TROUBLES];
	int64_t now_ms; /* wall clock */
	int64_t clock_ms; /* a clock that nobody sets */
};

/* What time it is for the calls that follow. */
void troubles_turn(struct troubles *troubles, int64_t now_ms, int64_t clock_ms);

/* It is there: `what` says more, `cost` is added. The log is told when it begins. */
void troubles_meet(struct troubles *troubles, enum trouble which, const char *what, uint64_t cost);

/* Ends what has not been met in this turn, or for as long as its kind goes on being told. */
void troubles_settle(struct troubles *troubles);

/* As a JSON array, "[]" if there are none: name, what, since, seconds, and the cost by its name. */
void troubles_write(const struct troubles *troubles, struct text *to);

/* The names, with commas; nothing if there are none. */
void troubles_name(const struct troubles *troubles, struct text *to);

#endif
