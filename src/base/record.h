/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_RECORD_H
#define BASE_RECORD_H

#include "span.h"
#include "timestamp.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The nouns that the layers hand on to each other:
 *
 *   bytes -> struct reading -> struct tick -> struct forecast -> bytes
 */

/* Quantile levels of every forecast: 0.1 to 0.9 by 0.1. */
#define QUANTILES       9
#define QUANTILE_MEDIAN 4

/* Bytes of a detector's or channel's name at the most. */
#define NAME_MAX_LENGTH 128

/* Channels of one detector at the most. */
#define CHANNELS_MAX 64

/* Steps that a forecast looks ahead at the most. */
#define HORIZON_MAX 512

/* One value with its time, as a message told it. */
struct reading {
	struct span detector;
	struct span channel;
	struct span unit; /* empty if the message named none */
	int64_t time_ms; /* TIME_NONE: the message named none, arrival counts */
	double value; /* NAN: the message says that there is no value (null) */
};

/* One row of a detector's channel values, one per period of its clock. */
struct tick {
	int64_t time_ms; /* of the period: a multiple of the step from the clock's phase */
	uint64_t number; /* periods since the detector's first */
	uint32_t channels;
	bool newest; /* no later tick of this detector is known: its forecast is news */
	uint64_t included[CHANNELS_MAX / 64]; /* bit c: channel c steps in this tick */
	double values[CHANNELS_MAX]; /* NAN: missing; meaningless where not included */
};

static inline bool tick_includes(const struct tick *tick, uint32_t channel) {
	return tick->included[channel / 64] >> (channel % 64) & 1;
}

enum forecast_status {
	FORECAST_WARMING, /* not yet scored against persistence */
	FORECAST_OK,
	FORECAST_STALE, /* the sensor is silent */
};

/* What is to come of one series, seen from one tick. */
struct forecast {
	uint32_t series; /* id in registry and database */
	enum forecast_status status;
	int64_t issued_ms; /* time of the tick it was made at; step k is for issued + k * step */
	int64_t step_ms;
	uint64_t seen; /* observations so far */
	double observed; /* value at the tick, NAN if missing */
	double impossible; /* what came instead of it, outside what the sensor can measure; NAN */
	double anomaly; /* 0..1 inside the predicted range of this observation, above 1 outside */
	double skill; /* 1 - MAE / MAE of persistence, rolling; NAN while warming */
	uint32_t horizon; /* steps */
	const float *mean; /* [horizon] in the unit of the readings */
	const float *quantiles; /* [QUANTILES][horizon], ascending over the first index */
};

#endif
