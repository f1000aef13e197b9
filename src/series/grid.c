/* SPDX-License-Identifier: Apache-2.0 */
#include "grid.h"

#include "error.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* Readings that the phase is the mean of; later drift must not move the season. */
#define PHASE_READINGS 16

/* A phase within this part of the step from a multiple of it is taken for round. */
#define PHASE_ROUND_PART 50

/* Jitter at the edge of two periods: how far, in tenths of the step, a reading may lie from the
 * label that follows its channel's last one and still belong to it. */
#define EXPECTED_TENTHS 6

/* Evidence of crowding: a period with three or more readings of a channel weighs two, one with two
 * weighs one, others take one away. Jitter and a burst after a reconnect stay below the start; a
 * sensor that became slower ends it. */
#define CROWDING_START 4
#define CROWDING_MAX   8

/* An inferred step is given up when this many readings in a row come this many periods after the one
 * before: it was learned from a burst, or the sensor has become much slower. */
#define SPARSE_READINGS 8
#define SPARSE_PERIODS  4

void grid_init(struct grid *grid, const struct clock_options *options) {
	*grid = (struct grid){
		.aggregate = options->aggregate,
		.waits = options->lateness_ms > 0,
		.infers = options->step_ms == 0,
		.step_ms = options->step_ms,
	};
}

int grid_add_channel(struct grid *grid) {
	uint32_t count = grid->channel_count;

	/* Room for 1, 2, 4, 8 ... channels: most detectors have one. */
	if ((count & (count - 1)) == 0) {
		uint32_t capacity = count ? count * 2 : 1;
		struct grid_channel *channels =
			realloc(grid->channels, capacity * sizeof(*channels));
		if (!channels)
			return -ENOMEM;
		grid->channels = channels;
	}
	grid->channels[grid->channel_count++] = (struct grid_channel){
		.time_ms = TIME_NONE,
		.first = PERIOD_NONE,
		.number = PERIOD_NONE,
	};
	return 0;
}

void grid_finish(struct grid *grid) {
	free(grid->channels);
	grid->channels = NULL;
	grid->channel_count = 0;
}

size_t grid_push_max(const struct grid *grid) {
	return (size_t)grid->channel_count + 1;
}

int64_t grid_step_ms(const struct grid *grid) {
	return grid->step_ms ? grid->step_ms : cadence_step_ms(&grid->cadence);
}

/* Rounded towards the past, for times before the origin too. */
static int64_t floor_divide(int64_t dividend, int64_t divisor) {
	int64_t quotient = dividend / divisor;

	return quotient - (dividend % divisor < 0);
}

static int64_t label(const struct grid *grid, int64_t number) {
	return grid->origin_ms + (number - (int64_t)grid->origin) * grid->step_ms;
}

/* The period whose label the time is nearest to, or in an aligned grid follows; negative before the
 * first. */
static int64_t period_at(const struct grid *grid, int64_t time_ms) {
	int64_t half = grid->aligned ? 0 : grid->step_ms / 2;

	return (int64_t)grid->origin +
	       floor_divide(time_ms - grid->origin_ms + half, grid->step_ms);
}

static int64_t period_end(const struct grid *grid) {
	return grid->time_ms + (grid->aligned ? grid->step_ms : grid->step_ms - grid->step_ms / 2);
}

/* The period of a reading: the nearest one, but where readings leave at once, the one after the
 * channel's last for as long as it is near enough. Slow drift then skips a period, or repeats
 * one, once, not as often as jitter crosses the edge between two. */
static int64_t period_of(const struct grid *grid, const struct grid_reading *reading) {
	const struct grid_channel *channel = &grid->channels[reading->channel];
	int64_t nearest = period_at(grid, reading->time_ms);

	/* The grid may have moved when the current period began. */
	if (reading->time_ms >= grid->begins_ms && nearest < (int64_t)grid->number)
		nearest = (int64_t)grid->number;
	if (grid->aligned || grid->waits || channel->number == PERIOD_NONE)
		return nearest;

	int64_t expected = (int64_t)channel->number + 1;
	int64_t distance = llabs(reading->time_ms - label(grid, expected));
	if (expected >= (int64_t)grid->number && distance <= grid->step_ms * EXPECTED_TENTHS / 10)
		return expected;
	return nearest;
}

/* The phase, or the multiple of the step that it all but is. */
static int64_t round_phase(int64_t phase_ms, int64_t step_ms) {
	int64_t nearest = floor_divide(phase_ms + step_ms / 2, step_ms) * step_ms;

	return llabs(phase_ms - nearest) <= step_ms / PHASE_ROUND_PART ? nearest : phase_ms;
}

/* Starts learning the phase: `time_ms` is the label of the period, or all but. Labels must go on
 * rising. */
static void anchor_phase(struct grid *grid, uint64_t number, int64_t time_ms) {
	grid->origin = number;
	grid->phase_ms = time_ms;
	grid->phase_readings = 1;
	grid->origin_ms = round_phase(time_ms, grid->step_ms);
	if (grid->started && grid->origin_ms <= grid->time_ms)
		grid->origin_ms = time_ms;
}

/* Moves the phase towards the mean of the first readings, unless they crowd. It moves by half a step
 * at the most, so labels go on rising. */
static void learn_phase(struct grid *grid, uint64_t number, int64_t time_ms) {
	if (grid->aligned || grid->crowding > 0 || grid->phase_readings >= PHASE_READINGS)
		return;

	int64_t periods = (int64_t)(number - grid->origin);
	int64_t error = time_ms - (grid->phase_ms + periods * grid->step_ms);
	grid->phase_readings++;
	grid->phase_ms += error / (int64_t)grid->phase_readings;
	grid->origin_ms = round_phase(grid->phase_ms, grid->step_ms);
}

/* From now on labels are multiples of the step. The first one after the current label becomes the
 * next period. */
static void align(struct grid *grid) {
	grid->aligned = true;
	grid->origin = grid->number + 1;
	grid->origin_ms = (floor_divide(grid->time_ms, grid->step_ms) + 1) * grid->step_ms;
}

/* Back to nominal times: the reading that begins the next period sets the phase. */
static void unalign(struct grid *grid, int64_t time_ms) {
	int64_t number = period_at(grid, time_ms);

	grid->aligned = false;
	anchor_phase(grid, (uint64_t)number, time_ms);
}

/* Looks back at a period that is over and decides how the next ones run. */
static void judge_crowding(struct grid *grid, int64_t next_ms) {
	if (grid->most_readings >= 2)
		grid->crowding += grid->most_readings >= 3 ? 2 : 1;
	else if (grid->crowding > 0)
		grid->crowding--;
	if (grid->crowding > CROWDING_MAX)
		grid->crowding = CROWDING_MAX;

	if (!grid->aligned && grid->crowding >= CROWDING_START)
		align(grid);
	else if (grid->aligned && grid->crowding == 0)
		unalign(grid, next_ms);
}

/* Takes the newest value into the gathering. */
static void gather(struct grid_channel *channel) {
	double value = channel->newest;

	if (isnan(value))
		return;
	channel->sum = channel->count ? channel->sum + value : value;
	channel->max = channel->count ? fmax(channel->max, value) : value;
	channel->last = value;
	channel->count++;
}

/* The value of a gathered period. A sum beyond all numbers is no value. */
static double aggregate(const struct grid *grid, const struct grid_channel *channel) {
	double value = NAN;

	if (channel->count == 0)
		return NAN;
	switch (grid->aggregate) {
	case AGGREGATE_MEAN: value = channel->sum / channel->count; break;
	case AGGREGATE_LAST: value = channel->last; break;
	case AGGREGATE_SUM: value = channel->sum; break;
	case AGGREGATE_MAX: value = channel->max; break;
	}
	return isfinite(value) ? value : NAN;
}

static void close_held(struct grid *grid, struct tick_queue *queue) {
	bool first = true;

	for (uint32_t i = 0; i < grid->channel_count; i++) {
		struct grid_channel *channel = &grid->channels[i];
		if (channel->number != grid->number || channel->readings == 0)
			continue;

		gather(channel);
		tick_queue_push(queue, (struct queued){ .number = grid->number,
					       .time_ms = grid->time_ms,
					       .value = aggregate(grid, channel),
					       .channel = i,
					       .first = first,
					       .whole = true });
		first = false;
	}
	grid->closed = true;
}

int64_t grid_closes_ms(const struct grid *grid) {
	return grid->started && grid->held && !grid->closed ? period_end(grid) : TIME_NONE;
}

void grid_close(struct grid *grid, struct tick_queue *queue, int64_t until_ms) {
	int64_t end = grid_closes_ms(grid);

	if (end != TIME_NONE && end <= until_ms)
		close_held(grid, queue);
}

/* Pushes the reading into the newest tick if that gathers the same message, else into one of its
 * own. */
static void push(struct grid *grid, struct tick_queue *queue, const struct grid_reading *reading) {
	bool joins = false;

	if (queue->count > 0) {
		const struct queued *newest = tick_queue_at(queue, queue->count - 1);
		joins = newest->number == grid->number && grid->message == reading->message &&
			!newest->whole;
	}
	grid->message = reading->message;
	tick_queue_push(queue, (struct queued){ .number = grid->number,
				       .time_ms = grid->time_ms,
				       .value = reading->value,
				       .channel = reading->channel,
				       .first = !joins });
}

/* Opens the period that the reading begins. */
static void begin_period(
	struct grid *grid, uint64_t number, int64_t time_ms, const struct grid_reading *reading) {
	grid->number = number;
	grid->time_ms = time_ms;
	grid->begins_ms = reading->time_ms;
	grid->started = true;
	grid->closed = false;
	grid->held = grid->step_ms > 0 && (grid->aligned || grid->waits);
	grid->most_readings = 0;
}

/* Notes the reading with its channel and lets it step, now or at the end of the period. */
static void accept(
	struct grid *grid, struct tick_queue *queue, const struct grid_reading *reading) {
	struct grid_channel *channel = &grid->channels[reading->channel];
	bool again = channel->number == grid->number && channel->readings > 0;

	if (!again) {
		channel->readings = 0;
		channel->count = 0;
	} else if (grid->held) {
		gather(channel);
	}
	if (channel->first == PERIOD_NONE)
		channel->first = grid->number;
	channel->number = grid->number;
	channel->time_ms = reading->time_ms;
	channel->newest = reading->value;
	channel->readings++;
	if (channel->readings > grid->most_readings)
		grid->most_readings = channel->readings;

	if (!grid->held && again)
		grid->unused++;
	else if (!grid->held)
		push(grid, queue, reading);
}

/* A reading of the same time as its channel's newest: replaces it where that has not been worked
 * off. */
static int replace(
	struct grid *grid, struct tick_queue *queue, const struct grid_reading *reading) {
	struct grid_channel *channel = &grid->channels[reading->channel];

	if (channel->number != grid->number || grid->closed)
		return E_DUPLICATE;
	if (grid->held) {
		channel->newest = reading->value;
		return 0;
	}

	struct queued *waiting = grid->message == reading->message && channel->readings == 1
					 ? tick_queue_find_newest(queue, reading->channel)
					 : NULL;
	if (!waiting || waiting->number != grid->number)
		return E_DUPLICATE;
	waiting->value = reading->value;
	return 0;
}

/* Learns the step from the time since the channel's last reading; once it is known, the grid begins
 * at this reading. */
static void learn_step(struct grid *grid, uint64_t number, const struct grid_reading *reading) {
	int64_t before = grid->channels[reading->channel].time_ms;

	if (before != TIME_NONE)
		cadence_add(&grid->cadence, reading->time_ms - before);
	if (!cadence_is_settled(&grid->cadence))
		return;
	grid->step_ms = cadence_step_ms(&grid->cadence);
	anchor_phase(grid, number, reading->time_ms);
}

/* While the step is not known: a period lasts until one of its channels sends again, or longer than
 * the step seems to be. */
static int put_without_step(
	struct grid *grid, struct tick_queue *queue, const struct grid_reading *reading) {
	const struct grid_channel *channel = &grid->channels[reading->channel];
	int64_t step = grid_step_ms(grid);
	bool again = channel->number == grid->number && channel->readings > 0;

	if (reading->time_ms <= grid->time_ms - (again ? 0 : step))
		return E_LATE;
	if (!again && reading->time_ms < grid->time_ms + step) {
		accept(grid, queue, reading);
		return 0;
	}

	uint64_t number = grid->number + 1;
	learn_step(grid, number, reading);
	begin_period(grid, number, grid->step_ms ? label(grid, (int64_t)number) : reading->time_ms,
		reading);
	accept(grid, queue, reading);
	return 0;
}

static void start(struct grid *grid, struct tick_queue *queue, const struct grid_reading *reading) {
	int64_t time_ms = reading->time_ms;

	if (grid->step_ms > 0) {
		anchor_phase(grid, 0, time_ms);
		time_ms = label(grid, 0);
	}
	begin_period(grid, 0, time_ms, reading);
	accept(grid, queue, reading);
}

/* Ends the current period because the reading lies in a later one. Judging may change the grid, and
 * with it the reading's period; the next one it is in any case. */
static void move_on(
	struct grid *grid, struct tick_queue *queue, const struct grid_reading *reading) {
	if (grid->held && !grid->closed)
		close_held(grid, queue);
	judge_crowding(grid, reading->time_ms);

	int64_t number = period_of(grid, reading);
	if (number <= (int64_t)grid->number)
		number = (int64_t)grid->number + 1;
	learn_phase(grid, (uint64_t)number, reading->time_ms);
	begin_period(grid, (uint64_t)number, label(grid, number), reading);
}

/* Whether the readings no longer keep to an inferred step, now that one comes `distance` periods after
 * the one before. */
static bool step_is_lost(struct grid *grid, int64_t distance) {
	grid->sparse = grid->infers && distance >= SPARSE_PERIODS ? grid->sparse + 1 : 0;
	return grid->sparse >= SPARSE_READINGS;
}

/* Learns the step anew, from this reading on. */
static void start_over(
	struct grid *grid, struct tick_queue *queue, const struct grid_reading *reading) {
	if (grid->held && !grid->closed)
		close_held(grid, queue);
	grid->step_ms = 0;
	grid->cadence.count = 0;
	grid->sparse = 0;
	grid->crowding = 0;
	grid->aligned = false;
	begin_period(grid, grid->number + 1, reading->time_ms, reading);
	accept(grid, queue, reading);
}

int grid_put(struct grid *grid, struct tick_queue *queue, const struct grid_reading *reading) {
	const struct grid_channel *channel = &grid->channels[reading->channel];

	if (!grid->started) {
		start(grid, queue, reading);
		return 0;
	}
	if (channel->time_ms != TIME_NONE && reading->time_ms <= channel->time_ms)
		return reading->time_ms == channel->time_ms ? replace(grid, queue, reading)
							    : E_LATE;
	if (grid->step_ms == 0)
		return put_without_step(grid, queue, reading);

	int64_t number = period_of(grid, reading);
	if (number < (int64_t)grid->number || (number == (int64_t)grid->number && grid->closed))
		return E_LATE;
	if (number > (int64_t)grid->number) {
		if (step_is_lost(grid, number - (int64_t)grid->number)) {
			start_over(grid, queue, reading);
			return 0;
		}
		move_on(grid, queue, reading);
	}
	accept(grid, queue, reading);
	return 0;
}

void grid_begin_again(
	struct grid *grid, struct tick_queue *queue, const struct grid_reading *reading) {
	uint64_t number = grid->number + 1;

	if (grid->held && !grid->closed)
		close_held(grid, queue);
	for (uint32_t i = 0; i < grid->channel_count; i++)
		grid->channels[i].time_ms = TIME_NONE;
	if (grid->step_ms > 0)
		anchor_phase(grid, number, reading->time_ms);
	begin_period(grid, number, grid->step_ms ? label(grid, (int64_t)number) : reading->time_ms,
		reading);
	accept(grid, queue, reading);
}

uint64_t grid_channels_until(const struct grid *grid, uint64_t number) {
	uint64_t set = 0;

	for (uint32_t i = 0; i < grid->channel_count; i++) {
		if (grid->channels[i].first <= number)
			set |= UINT64_C(1) << i;
	}
	return set;
}
