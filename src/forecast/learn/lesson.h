/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_LESSON_H
#define FORECAST_LESSON_H

#include "network_inputs.h"
#include "row.h"

/*
 * A lesson is a piece of one series' past from which the network can learn exactly as it stood
 * there. It begins with all that the network knew before the lesson's first tick, its recurrent
 * state and the track with the past that the track reaches back to, and goes on with the values and
 * times that came:
 *
 *	| before |  burn-in  |        scored        |   leads   |
 *	         ^ states    ^ forecasts are        ^ what the last forecasts
 *	           settle      learned from           were of: values only
 *
 * Walking through it goes through track_step() and network_inputs() as the live path did, so that
 * the inputs are those of then, bit for bit. A lesson that is complete never changes.
 */

/* Ticks in which states of older weights become states of the weights that learn. */
#define LESSON_BURN_IN 24

/* Scored ticks: a number in between is drawn for each lesson, so that they begin at any phase. */
#define LESSON_SCORED_MIN 64
#define LESSON_SCORED_MAX 112
#define LESSON_STEPS_MAX  (LESSON_BURN_IN + LESSON_SCORED_MAX)

struct lesson {
	uint32_t series; /* whose */
	uint32_t steps; /* that the network takes: burn-in and scored */
	uint32_t horizon; /* leads that are scored */
	uint32_t ticks; /* steps and the leads after them */
	uint32_t taken; /* ticks recorded so far */
	uint32_t unsound; /* of these, in which the series was not itself */
	uint32_t missing; /* of these, without a value */
	uint32_t past; /* filled values kept from before */
	struct track track; /* before the first tick */
	uint32_t leads; /* of the grid, tracked */
	size_t bytes; /* of the whole lesson */
	size_t state_bytes;
	/* Behind it in the same block. */
	double *filled; /* [past], the oldest first */
	double *profile; /* [m1] */
	double *values; /* [ticks]; NAN: missing */
	int64_t *times; /* [steps] ms */
	unsigned char *state; /* of the network before the first tick */
	uint8_t *visits; /* [m1] */
	uint8_t *
		sound; /* [ticks], 0: neither forecasts made here nor this value are learned from */
};

/* Begins a lesson after the newest tick of a row whose network has begun to step. NULL without
 * memory. */
struct lesson *lesson_create(
	const struct row *row, uint32_t series, uint32_t scored, size_t state_bytes);
void lesson_destroy(struct lesson *lesson);

/* What became of the next tick. */
enum lesson_progress {
	LESSON_GOES_ON,
	LESSON_COMPLETE,
	LESSON_BROKEN, /* ticks were left out or the season changed: it can't be walked through */
};

struct lesson_tick {
	int64_t time_ms;
	double value; /* NAN: missing */
	bool sound;
};

/* The row's next tick, which it has taken in. */
enum lesson_progress lesson_add(
	struct lesson *lesson, const struct row *row, const struct lesson_tick *tick);

/* A complete lesson that says something: enough of it was seen and sound. */
bool lesson_is_worth_keeping(const struct lesson *lesson);

/* Room to walk through lessons in; one thread. Zeroed it is empty. */
struct lesson_walk {
	const struct lesson *lesson;
	uint32_t at; /* ticks taken */
	struct track track;
	struct track_view view;
	double *numbers; /* ring and profile */
	uint8_t *visits;
	size_t numbers_room, visits_room;
};

/* Goes to the lesson's beginning. 0 or -ENOMEM. */
int lesson_walk_begin(struct lesson_walk *walk, const struct lesson *lesson);
void lesson_walk_finish(struct lesson_walk *walk);

/* Takes the next of the lesson's steps and writes the network's inputs (NULL: not wanted). */
void lesson_walk_step(struct lesson_walk *walk, float inputs[NETWORK_INPUTS]);

/* Values that came after the tick at which the walk stands, NAN where one is missing or not sound;
 * all of them where the forecasts made at this tick do not count. to [horizon]. False: none is
 * left to learn from. */
bool lesson_walk_labels(const struct lesson_walk *walk, double *to);

#endif
