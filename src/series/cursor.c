/* SPDX-License-Identifier: Apache-2.0 */
#include "cursor.h"

#include <math.h>

/* Lets the channels step as missing in the tick. */
static void add_missing(struct tick *tick, uint64_t channels) {
	tick->included[0] |= channels;
	for (uint32_t i = 0; i < tick->channels; i++) {
		if (channels >> i & 1)
			tick->values[i] = NAN;
	}
}

static void begin_tick(const struct cursor *cursor, const struct grid *grid, struct tick *tick) {
	tick->number = cursor->number;
	tick->time_ms = cursor->time_ms;
	tick->channels = grid->channel_count;
	tick->newest = false;
	tick->included[0] = 0;
}

static void advance(struct cursor *cursor, uint64_t number, int64_t time_ms) {
	if (!cursor->started || cursor->number != number)
		cursor->stepped = 0;
	cursor->started = true;
	cursor->number = number;
	cursor->time_ms = time_ms;
}

/* Channels that have not stepped in the cursor's period. */
static uint64_t unstepped(const struct cursor *cursor, const struct grid *grid) {
	return grid_channels_until(grid, cursor->number) & ~cursor->stepped;
}

static void step_unstepped(struct cursor *cursor, const struct grid *grid, struct tick *tick) {
	uint64_t missing = unstepped(cursor, grid);

	add_missing(tick, missing);
	cursor->stepped |= missing;
}

/* What is missing before the oldest waiting reading; false if nothing is. The labels of a gap divide
 * the time between those around it, whatever the step has become since. */
static bool next_missing(struct cursor *cursor, const struct queued *waiting,
	const struct grid *grid, uint32_t gap_ticks_max, struct tick *ret_tick) {
	if (!cursor->started || waiting->number == cursor->number)
		return false;

	if (!unstepped(cursor, grid)) {
		uint64_t distance = waiting->number - cursor->number;
		if (distance == 1 || cursor->gap >= gap_ticks_max)
			return false;
		cursor->gap++;
		advance(cursor, cursor->number + 1,
			cursor->time_ms + (waiting->time_ms - cursor->time_ms) / (int64_t)distance);
	}
	begin_tick(cursor, grid, ret_tick);
	step_unstepped(cursor, grid, ret_tick);
	return true;
}

static void next_waiting(struct cursor *cursor, struct tick_queue *queue, const struct grid *grid,
	struct tick *ret_tick) {
	struct queued item = *tick_queue_at(queue, 0);

	advance(cursor, item.number, item.time_ms);
	cursor->gap = 0;
	begin_tick(cursor, grid, ret_tick);
	do {
		item = tick_queue_pop(queue);
		ret_tick->values[item.channel] = item.value;
		ret_tick->included[0] |= UINT64_C(1) << item.channel;
	} while (queue->count > 0 && !tick_queue_at(queue, 0)->first);

	cursor->stepped |= ret_tick->included[0];
	if (item.whole)
		step_unstepped(cursor, grid, ret_tick);
	ret_tick->newest = queue->count == 0;
}

bool cursor_next(struct cursor *cursor, struct tick_queue *queue, const struct grid *grid,
	uint32_t gap_ticks_max, struct tick *ret_tick) {
	if (queue->count == 0)
		return false;
	if (!next_missing(cursor, tick_queue_at(queue, 0), grid, gap_ticks_max, ret_tick))
		next_waiting(cursor, queue, grid, ret_tick);
	return true;
}
