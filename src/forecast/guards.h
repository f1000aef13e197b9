/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_GUARDS_H
#define FORECAST_GUARDS_H

#include <stdbool.h>
#include <stdint.h>

/* Which deviations an operator wants to hear of. */
enum guard_side { GUARD_BOTH, GUARD_ABOVE, GUARD_BELOW };

/*
 * What is known of a sensor beyond its readings: which deviations matter, and what it can measure at
 * all. Guards change neither what is learned from possible values nor how that is calibrated.
 */
struct guards {
	uint32_t side; /* enum guard_side */
	bool clip; /* forecasts are limited to the range */
	/* Deviations from the median forecast that matter at least: in the unit of the readings, and as
	 * a share of the median's magnitude. */
	double least_absolute, least_relative;
	double low, high; /* what can be measured; infinite: anything */
};

/* Nothing is guarded. */
void guards_init(struct guards *guards);

/* Whether they make sense together. */
bool guards_check(const struct guards *guards);

/* Whether the sensor can have measured this value. */
bool guards_allow(const struct guards *guards, double value);

/* The anomaly of an observation: what it is without guards, at most 1 where the deviation from what
 * was expected does not matter. */
double guards_judge(const struct guards *guards, double anomaly, double observed, double expected);

/* The anomaly of a value that can't be: 2, and more the further it lies outside. */
double guards_judge_impossible(const struct guards *guards, double value);

/* Limits forecasts to the range if that is wanted. */
void guards_clip(const struct guards *guards, float *numbers, uint32_t count);

#endif
