/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_CALIBRATE_H
#define FORECAST_CALIBRATE_H

#include "record.h"

/*
 * Quantiles around the mean forecast of one lead, corrected by what arrived (online conformal
 * prediction by quantile tracking: Gibbs and Candes 2021; Angelopoulos, Candes and Tibshirani
 * 2023, "P" part). Each level tau has a position q_tau, in units of the running mean absolute error;
 * when the observation of a forecast arrives,
 *
 *   q_tau += rate (tau - [x <= the quantile that was issued])
 *
 * so the share of observations below each issued quantile goes to tau whatever the errors are
 * like. Comparing with the quantile issued then, not with today's, is what makes this hold at long
 * leads, where h forecasts are under way at once.
 */
struct calibrate {
	double size; /* fading sum of absolute errors, unit of the readings */
	double weight; /* and their number */
	double positions[QUANTILES]; /* minus those of the normal distribution */
};

/* Levels of the quantiles. */
double quantile_level(int i);

/* An observation y arrived for mean and quantiles issued at lead h; times `unit`, errors are in the
 * unit of the readings. */
void calibrate_settle(struct calibrate *calibrate, uint32_t h, double y, double mean,
	const float quantiles[QUANTILES], double unit);

/* Expected absolute error at lead h, given that of lead h - 1 (or a first guess). */
double calibrate_size(const struct calibrate *calibrate, uint32_t h, double shorter);

/* Nine ascending quantiles around mean for errors of that size. */
void calibrate_quantiles(
	const struct calibrate *calibrate, double mean, double size, float quantiles[QUANTILES]);

#endif
