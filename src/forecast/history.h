/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_HISTORY_H
#define FORECAST_HISTORY_H

#include <stdint.h>

/*
 * The past of one series and its causal scale. Where a tick had no value the history holds what
 * was forecast for it, so that lags always have a number.
 */
struct history {
	uint64_t ticks; /* pushed so far */
	uint64_t seen; /* of these with a value of their own */
	uint64_t missing; /* ticks in a row without one, up to now */
	double observed; /* the last value seen */
	double mean; /* of the values seen, fading */
	double variance; /* about that mean */
};

/* Values that the causal mean and variance remember. */
#define HISTORY_SCALE_WINDOW 5000.0

/* Values beyond this are not taken for measurements: forecasts are float, and squares must
 * stay finite. */
#define HISTORY_VALUE_MAX 1e30

/* values [length] is a ring, length a power of two. */
void history_push(
	struct history *history, double *values, uint32_t length, double x, double filled);

/* The value k ticks ago, 0 for the newest; before the first tick, the oldest kept. */
static inline double history_back(
	const struct history *history, const double *values, uint32_t length, uint64_t k) {
	uint64_t kept = history->ticks < length ? history->ticks : length;
	if (k >= kept)
		k = kept - 1;
	return values[(history->ticks - 1 - k) & (length - 1)];
}

/* What differences are measured in: the standard deviation, never zero. */
double history_scale(const struct history *history);

#endif
