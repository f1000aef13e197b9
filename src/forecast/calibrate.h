/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_CALIBRATE_H
#define FORECAST_CALIBRATE_H

#include "record.h"

/*
 * Quantiles around the centre of one lead (centre.h), corrected by what arrived (online conformal
 * prediction by quantile tracking: Gibbs and Candes 2021; Angelopoulos, Candes and Tibshirani
 * 2023, "P" part). Each level tau has a position q_tau in units of the expected absolute error;
 * when the observation of a forecast arrives,
 *
 *   q_tau += rate (tau - [x <= the quantile that was issued])
 *
 * so the share of observations below each issued quantile goes to tau whatever the errors are
 * like. Comparing with the quantile issued then, not with today's, is what makes this hold at long
 * leads, where h forecasts are under way at once.
 *
 * The expected absolute error is a spread that is told with each forecast (the network's, or 1)
 * times the sum of recent errors over the sum of their spreads.
 */
struct calibrate {
	double errors; /* fading sum of absolute errors, in the unit of the readings */
	double spreads; /* of the spreads told, in the same unit */
	double positions[QUANTILES]; /* minus those of the shape, an error's distribution */
};

/* Levels of the quantiles. */
double quantile_level(int i);

/* What was issued for an observation, relative to anything; times `unit` it is in the unit of the
 * readings. */
struct issued {
	double centre, spread, unit;
	uint32_t stride; /* ticks that it stands for, where only some are scored */
	const float *quantiles; /* [QUANTILES] */
};

/* The observation y, relative to the same, arrived for what was issued at lead h. */
void calibrate_settle(
	struct calibrate *calibrate, uint32_t h, double y, const struct issued *issued);

/* Between two leads: share of the second. */
struct calibrate calibrate_between(
	const struct calibrate *first, const struct calibrate *second, double share);

/* Expected absolute error for this spread; a guess of it counts for `guesses` errors, above 0. Both in
 * the unit of the readings. */
double calibrate_size(
	const struct calibrate *calibrate, double spread, double guess, double guesses);

/* The shape that errors are taken for where nobody knows better: quantiles of the normal distribution
 * in units of its mean absolute deviation. */
extern const double calibrate_normal[QUANTILES];

/* Nine ascending quantiles around the centre for errors of that size. */
void calibrate_quantiles(const struct calibrate *calibrate, double centre, double size,
	const double shape[QUANTILES], float quantiles[QUANTILES]);

#endif
