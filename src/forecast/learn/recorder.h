/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_RECORDER_H
#define FORECAST_RECORDER_H

#include "lesson.h"
#include "random.h"

/*
 * Lessons in the making. A few series at a time are recorded, whichever they are: a tick of a series
 * that is not recorded begins a lesson with a chance that fills the free places about as quickly as
 * they become free, so that all series get their turn. The cost of a tick is a look through the
 * places; a lesson's beginning copies some kilobytes once.
 */
#define RECORDER_PLACES 64

struct recorder {
	struct lesson *open[RECORDER_PLACES];
	uint32_t series[RECORDER_PLACES]; /* whose; meaningless where open is NULL */
	uint32_t count; /* of open lessons */
	double around; /* series that report, about */
	struct random random;
};

void recorder_init(struct recorder *recorder, uint64_t seed);
void recorder_finish(struct recorder *recorder);

/* Series that ticks are expected of. */
void recorder_expect(struct recorder *recorder, size_t series);

/* Whether a lesson of this series is under way. */
bool recorder_has(const struct recorder *recorder, uint32_t series);

/*
 * A tick of a series with a network, after the row has taken it in. state_bytes: of the network's
 * state. Returns a lesson that is complete and worth keeping, which is the caller's, or NULL.
 */
struct lesson *recorder_take(struct recorder *recorder, const struct row *row, uint32_t series,
	const struct lesson_tick *tick, size_t state_bytes);

/* Gives up the lesson of a series, if there is one. */
void recorder_drop(struct recorder *recorder, uint32_t series);

#endif
