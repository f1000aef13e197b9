/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERIES_GRID_H
#define SERIES_GRID_H

#include "cadence.h"
#include "detector.h"
#include "queue.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The grid of periods that a detector's readings fall into, in the order of their times.
 *
 * Period n is labelled origin_ms + (n - origin) * step. While channels send one reading per period the label is
 * the *nominal time* of the reading: the phase is learned from the first readings, and a reading
 * belongs to the label that it is nearest to, so that jitter does not matter. When several readings
 * fall into a period (`crowding`) the grid is *aligned*: labels are multiples of the step since
 * 1970 and a period is what follows its label, as people expect of "mean of 12:00 to 12:15".
 *
 * A period is either *held*, gathered until it is over and then one tick, or each message's
 * readings are a tick at once. Aligned grids and detectors that wait for late readings hold.
 *
 * Before the step is known, a period is over when a channel sends its next reading. A step that was
 * learned from a burst, and that readings no longer keep to, is learned anew.
 */

/* Nobody's period. */
#define PERIOD_NONE UINT64_MAX

struct grid_channel {
	int64_t time_ms; /* of the newest reading, TIME_NONE before the first */
	uint64_t first; /* period of the first reading, PERIOD_NONE before */
	uint64_t number; /* period of the newest reading */
	uint32_t readings; /* in that period */

	/* A held period's gathering. The newest reading stays apart so that it can be replaced. */
	uint32_t count; /* of values, missing ones not counted */
	double newest;
	double sum;
	double max;
	double last;
};

struct grid {
	/* What changes only with the configuration. */
	enum aggregate aggregate;
	bool waits; /* for late readings: hold every period */
	bool infers; /* the step, from the readings */

	int64_t step_ms; /* 0: not known yet */
	struct cadence cadence;
	uint32_t sparse; /* readings in a row that came many periods after the one before */

	uint64_t origin; /* a period that others are counted from */
	int64_t origin_ms; /* its label */
	int64_t phase_ms; /* the same as learned, before it is moved to a round time */
	uint32_t phase_readings; /* that it was learned from */

	bool started;
	bool aligned;
	bool held; /* the current period is */
	bool closed; /* the current period has been, before a later reading came */
	uint64_t number; /* of the current period */
	int64_t time_ms; /* its label */
	int64_t begins_ms; /* time of the reading that began it; later ones are not before it */
	uint64_t message; /* that the newest tick in the queue gathers */
	uint32_t most_readings; /* of one channel in the current period */
	uint32_t crowding; /* evidence that several readings per period are the rule */
	uint64_t unused;

	struct grid_channel *channels;
	uint32_t channel_count;
};

struct grid_reading {
	uint32_t channel;
	int64_t time_ms;
	double value;
	uint64_t message;
};

void grid_init(struct grid *grid, const struct clock_options *options);

/* Adds a channel without readings. 0 or -ENOMEM. */
int grid_add_channel(struct grid *grid);
void grid_finish(struct grid *grid);

/* The readings that one grid_put or grid_close can push at the most. */
size_t grid_push_max(const struct grid *grid);

/* Puts a reading into its period and pushes what thereby becomes due, for which room must be
 * reserved. 0, or E_LATE or E_DUPLICATE with nothing changed. */
int grid_put(struct grid *grid, struct tick_queue *queue, const struct grid_reading *reading);

/* Begins a new period with this reading, however much older than the others it is: their times were
 * wrong. Room must be reserved. */
void grid_begin_again(
	struct grid *grid, struct tick_queue *queue, const struct grid_reading *reading);

/* The first time that no longer belongs to the current period; TIME_NONE if that is not held open.
 */
int64_t grid_closes_ms(const struct grid *grid);

/* Closes the current period if it is held and over at `until_ms`. Room must be reserved. */
void grid_close(struct grid *grid, struct tick_queue *queue, int64_t until_ms);

/* The set of channels that had a reading in this period or an earlier one. */
uint64_t grid_channels_until(const struct grid *grid, uint64_t number);

/* The step, or the best guess while it is not known. */
int64_t grid_step_ms(const struct grid *grid);

#endif
