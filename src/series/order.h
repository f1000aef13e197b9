/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERIES_ORDER_H
#define SERIES_ORDER_H

#include "queue.h"

#include <stdbool.h>
#include <stdint.h>

/* Readings on hold until none that is older can come any more, in the order of their times. Empty
 * and without memory where no lateness is configured. */

struct ordered {
	int64_t time_ms;
	double value;
	uint32_t channel;
};

struct order {
	struct ordered *items; /* by time, then by arrival */
	uint32_t count;
	uint32_t capacity;
	int64_t horizon_ms; /* up to here readings have been let go; TIME_NONE at first */
};

void order_finish(struct order *order, struct queue_budget *budget);

/* Adds a reading later than the horizon, or replaces the one of the same time and channel; a held
 * reading counts as a waiting one. 0, E_LATE, E_OVERFLOW or -ENOMEM. */
int order_put(struct order *order, struct queue_budget *budget, struct ordered reading);

/* Readings that order_release would let go. */
uint32_t order_ready(const struct order *order, int64_t until_ms);

/* Takes the first `count` readings out, which the caller has worked off, and moves the horizon. */
void order_release(
	struct order *order, struct queue_budget *budget, uint32_t count, int64_t horizon_ms);

#endif
