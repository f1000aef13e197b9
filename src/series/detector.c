/* SPDX-License-Identifier: Apache-2.0 */
#include "detector.h"

#include "detector_private.h"
#include "error.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* Longer units are no units. */
#define UNIT_MAX_LENGTH 64

struct clock_options clock_options_default(void) {
	return (struct clock_options){
		.future_ms = 10 * 60 * 1000,
		.gap_ticks_max = 1000,
		.aggregate = AGGREGATE_MEAN,
	};
}

static char *copy_text(struct span text) {
	char *copy = malloc(text.length + 1);

	if (copy) {
		memcpy(copy, text.data, text.length);
		copy[text.length] = '\0';
	}
	return copy;
}

int detector_create(struct detector **ret_detector, uint32_t id, struct span name,
	const struct clock_options *options, struct queue_budget *budget) {
	struct detector *detector = calloc(1, sizeof(*detector));
	if (!detector)
		return -ENOMEM;

	detector->queue.budget = budget;
	detector->name = copy_text(name);
	if (!detector->name) {
		detector_destroy(detector);
		return -ENOMEM;
	}

	detector->id = id;
	detector->name_length = name.length;
	detector->options = *options;
	detector->newest_ms = TIME_NONE;
	detector->arrived_ms = TIME_NONE;
	detector->order.horizon_ms = TIME_NONE;
	grid_init(&detector->grid, options);
	*ret_detector = detector;
	return 0;
}

void detector_destroy(struct detector *detector) {
	if (!detector)
		return;
	for (uint32_t i = 0; i < detector->grid.channel_count; i++) {
		free(detector->channels[i].name);
		free(detector->channels[i].unit);
	}
	free(detector->channels);
	free(detector->name);
	order_finish(&detector->order, detector->queue.budget);
	tick_queue_finish(&detector->queue);
	grid_finish(&detector->grid);
	free(detector);
}

uint32_t detector_id(const struct detector *detector) {
	return detector->id;
}

struct span detector_name(const struct detector *detector) {
	return span_of(detector->name, detector->name_length);
}

uint32_t detector_channel_count(const struct detector *detector) {
	return detector->grid.channel_count;
}

struct span detector_channel_name(const struct detector *detector, uint32_t channel) {
	const struct channel *named = &detector->channels[channel];

	return span_of(named->name, named->name_length);
}

struct span detector_channel_unit(const struct detector *detector, uint32_t channel) {
	const struct channel *named = &detector->channels[channel];

	return span_of(named->unit, named->unit_length);
}

uint32_t detector_channel_series(const struct detector *detector, uint32_t channel) {
	return detector->channels[channel].series;
}

int64_t detector_step_ms(const struct detector *detector) {
	return grid_step_ms(&detector->grid);
}

bool detector_step_is_known(const struct detector *detector) {
	return detector->grid.step_ms > 0;
}

int64_t detector_newest_ms(const struct detector *detector) {
	return detector->newest_ms;
}

uint64_t detector_unused(const struct detector *detector) {
	return detector->grid.unused;
}

void detector_set_options(struct detector *detector, const struct clock_options *options) {
	int64_t step_ms = detector->options.step_ms;

	/* What has stepped at once is beyond correction. */
	if (detector->options.lateness_ms == 0 && detector->newest_ms != TIME_NONE)
		detector->order.horizon_ms = detector->newest_ms;
	detector->options = *options;
	detector->options.step_ms = step_ms;
	detector->grid.aggregate = options->aggregate;
	detector->grid.waits = options->lateness_ms > 0;
}

/* Messages name their fields in the same order again and again: the channel after the last one
 * found is tried first. */
int detector_find_channel(struct detector *detector, struct span name) {
	uint32_t count = detector->grid.channel_count;
	uint32_t at = detector->channel_hint;

	for (uint32_t i = 0; i < count; i++, at++) {
		if (at >= count)
			at = 0;
		if (span_equal(detector_channel_name(detector, at), name)) {
			detector->channel_hint = at + 1;
			return (int)at;
		}
	}
	return -1;
}

static bool unit_is_usable(struct span unit) {
	return unit.length > 0 && unit.length <= UNIT_MAX_LENGTH && span_is_utf8(unit) &&
	       !span_has_control(unit);
}

int detector_set_unit(struct detector *detector, uint32_t channel, struct span unit) {
	struct channel *named = &detector->channels[channel];

	if (named->unit || !unit_is_usable(unit))
		return 0;
	named->unit = copy_text(unit);
	if (!named->unit)
		return -ENOMEM;
	named->unit_length = (uint8_t)unit.length;
	return 0;
}

int detector_add_channel(
	struct detector *detector, struct span name, struct span unit, uint32_t series) {
	uint32_t count = detector->grid.channel_count;
	struct channel *channels = realloc(detector->channels, (count + 1) * sizeof(*channels));
	if (!channels)
		return -ENOMEM;
	detector->channels = channels;

	char *copy = copy_text(name);
	if (!copy)
		return -ENOMEM;
	channels[count] = (struct channel){
		.name = copy, .name_length = (uint8_t)name.length, .series = series
	};
	int r = detector_set_unit(detector, count, unit);
	if (r == 0)
		r = grid_add_channel(&detector->grid);
	if (r < 0) {
		free(channels[count].unit);
		free(copy);
	}
	return r;
}

static int check(const struct detector *detector, int64_t time_ms, double value, int64_t now_ms) {
	if (time_ms < 0 || time_ms > TIME_MAX_MS)
		return E_TIME;
	if (now_ms != TIME_NONE && time_ms > now_ms &&
		time_ms - now_ms > detector->options.future_ms)
		return E_TIME;
	return isinf(value) ? E_NUMBER : 0;
}

static void note_newest(struct detector *detector, int64_t time_ms, int64_t now_ms) {
	if (detector->newest_ms != TIME_NONE && time_ms <= detector->newest_ms)
		return;
	detector->newest_ms = time_ms;
	detector->arrived_ms = now_ms;
}

/* Lets the first `count` readings on hold step, in the order of their times: those of one time
 * together. */
static void release(struct detector *detector, uint32_t count, int64_t horizon_ms) {
	for (uint32_t i = 0; i < count; i++) {
		const struct ordered *held = &detector->order.items[i];
		struct grid_reading reading = { .channel = held->channel,
			.time_ms = held->time_ms,
			.value = held->value,
			.message = (uint64_t)held->time_ms };
		/* What is in order and beyond the horizon is never refused (order.h). */
		if (grid_put(&detector->grid, &detector->queue, &reading) < 0)
			detector->grid.unused++;
	}
	order_release(&detector->order, detector->queue.budget, count, horizon_ms);
}

static int put_in_order(struct detector *detector, const struct grid_reading *reading) {
	int64_t newest =
		reading->time_ms > detector->newest_ms ? reading->time_ms : detector->newest_ms;
	int64_t horizon = newest - detector->options.lateness_ms;
	uint32_t ready = order_ready(&detector->order, horizon);

	int r = tick_queue_reserve(&detector->queue, ready + 1 + grid_push_max(&detector->grid));
	if (r < 0)
		return r;
	r = order_put(&detector->order, detector->queue.budget,
		(struct ordered){ reading->time_ms, reading->value, reading->channel });
	if (r < 0)
		return r == E_LATE && reading->time_ms ==
					       detector->grid.channels[reading->channel].time_ms
			       ? E_DUPLICATE
			       : r;

	release(detector, order_ready(&detector->order, horizon), horizon);
	grid_close(&detector->grid, &detector->queue, horizon);
	return 0;
}

static int put_at_once(struct detector *detector, const struct grid_reading *reading) {
	int r = tick_queue_reserve(&detector->queue, grid_push_max(&detector->grid));

	return r < 0 ? r : grid_put(&detector->grid, &detector->queue, reading);
}

/* Whether the newest reading's time can't be true, so that one of `time_ms` is late only for its
 * sake. `now_ms` TIME_NONE: the distance alone tells. */
static bool was_ahead(const struct detector *detector, int64_t time_ms, int64_t now_ms) {
	int64_t newest = detector->newest_ms, future = detector->options.future_ms;

	if (newest == TIME_NONE || newest - time_ms <= future)
		return false;
	return now_ms == TIME_NONE || newest - now_ms > future;
}

/* Lets go what still waited, and starts at this reading. */
static int begin_again(struct detector *detector, const struct grid_reading *reading) {
	uint32_t held = detector->order.count;

	int r = tick_queue_reserve(&detector->queue, held + 2 * grid_push_max(&detector->grid));
	if (r < 0)
		return r;
	release(detector, held, reading->time_ms);
	detector->order.horizon_ms =
		detector->options.lateness_ms > 0 ? reading->time_ms : TIME_NONE;
	grid_begin_again(&detector->grid, &detector->queue, reading);
	detector->newest_ms = TIME_NONE;
	return 0;
}

static int put(struct detector *detector, const struct grid_reading *reading) {
	if (detector->options.lateness_ms > 0 || detector->order.count > 0)
		return put_in_order(detector, reading);
	return put_at_once(detector, reading);
}

static int take(struct detector *detector, const struct grid_reading *reading, int64_t now_ms,
	bool may_begin_again) {
	int r = check(detector, reading->time_ms, reading->value, now_ms);
	if (r < 0)
		return r;

	r = put(detector, reading);
	if (r == E_LATE && may_begin_again && was_ahead(detector, reading->time_ms, now_ms))
		r = begin_again(detector, reading);
	if (r < 0)
		return r;

	note_newest(detector, reading->time_ms, now_ms);
	return 0;
}

int detector_put(struct detector *detector, uint32_t channel, int64_t time_ms, double value,
	const struct arrival *arrival) {
	struct grid_reading reading = {
		.channel = channel, .time_ms = time_ms, .value = value, .message = arrival->message
	};

	return take(detector, &reading, arrival->now_ms, arrival->now_ms != TIME_NONE);
}

int detector_put_again(struct detector *detector, uint32_t channel, int64_t time_ms, double value,
	uint64_t message) {
	struct grid_reading reading = {
		.channel = channel, .time_ms = time_ms, .value = value, .message = message
	};

	return take(detector, &reading, TIME_NONE, true);
}

bool detector_has_tick(const struct detector *detector) {
	return detector->queue.count > 0;
}

bool detector_next_tick(struct detector *detector, struct tick *ret_tick) {
	return cursor_next(&detector->cursor, &detector->queue, &detector->grid,
		detector->options.gap_ticks_max, ret_tick);
}

/* The time, by the sensor's clock, up to which a reading can still change something. */
static int64_t next_event_ms(const struct detector *detector) {
	int64_t closes = grid_closes_ms(&detector->grid);

	if (detector->order.count > 0) {
		int64_t oldest = detector->order.items[0].time_ms;
		if (closes == TIME_NONE || oldest < closes)
			closes = oldest;
	}
	return closes;
}

int64_t detector_expires_ms(const struct detector *detector) {
	int64_t event = next_event_ms(detector);

	if (event == TIME_NONE)
		return TIME_NONE;
	if (detector->arrived_ms == TIME_NONE)
		return 0;
	return detector->arrived_ms + event + detector->options.lateness_ms - detector->newest_ms;
}

/* Readings up to the horizon have stepped and a period that was closed takes no more: nothing may
 * be accepted now that an uninterrupted replay would have treated differently. */
static int expire_until(struct detector *detector, int64_t clock) {
	uint32_t ready = order_ready(&detector->order, clock);
	int r = tick_queue_reserve(&detector->queue, ready + grid_push_max(&detector->grid));
	if (r < 0)
		return r;

	release(detector, ready, clock < detector->newest_ms ? clock : detector->newest_ms);
	int64_t closes = grid_closes_ms(&detector->grid);
	grid_close(&detector->grid, &detector->queue, clock);
	if (closes != TIME_NONE && closes <= clock && closes > detector->order.horizon_ms)
		detector->order.horizon_ms = closes - 1;
	return 0;
}

int detector_expire(struct detector *detector, int64_t now_ms) {
	if (next_event_ms(detector) == TIME_NONE)
		return 0;
	if (detector->arrived_ms == TIME_NONE || now_ms < detector->arrived_ms)
		detector->arrived_ms = now_ms;
	return expire_until(detector, detector->newest_ms + (now_ms - detector->arrived_ms) -
					      detector->options.lateness_ms);
}

int detector_expire_again(struct detector *detector) {
	int64_t event = next_event_ms(detector);

	return event == TIME_NONE ? 0 : expire_until(detector, event);
}
