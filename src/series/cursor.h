/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERIES_CURSOR_H
#define SERIES_CURSOR_H

#include "grid.h"
#include "queue.h"
#include "record.h"

#include <stdbool.h>
#include <stdint.h>

/* Where pulling stands: makes ticks of the waiting readings and of what is missing between them. */
struct cursor {
	bool started;
	uint64_t number; /* of the last tick handed out */
	int64_t time_ms; /* its label */
	uint64_t stepped; /* channels that stepped in that period */
	uint32_t gap; /* missing ticks made since the last reading */
};

/* The next tick, in this order: what the last period still lacks, once a later one waits; missing
 * periods, at most gap_ticks_max of them; the oldest waiting tick. False if none waits. */
bool cursor_next(struct cursor *cursor, struct tick_queue *queue, const struct grid *grid,
	uint32_t gap_ticks_max, struct tick *ret_tick);

#endif
