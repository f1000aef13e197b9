/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_HISTORY_H
#define FORECAST_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The past of one series and its causal scale. Where a tick had no value the history holds what
 * was forecast for it, so that lags always have a number.
 */
struct history {
	uint64_t ticks; /* pushed so far */
	double base; /* a value of the past: what the ring holds is relative to it */
	double newest; /* the newest tick's value, exactly */
	uint64_t next; /* place in the ring of the value to come */
	uint64_t seen; /* of these with a value of their own */
	uint64_t missing; /* ticks in a row without one, up to now */
	double mean; /* of the values seen, fading */
	double variance; /* about that mean */
};

/* Values that the causal mean and variance remember. */
#define HISTORY_SCALE_WINDOW 5000.0

/* Values beyond this are not taken for measurements: forecasts are float, and squares must
 * stay finite. */
#define HISTORY_VALUE_MAX 1e30

/* values [length] is a ring. It holds floats, which is as exact as the
 * experts' inputs are. */
void history_push(struct history *history, float *values, uint32_t length, double x, double filled);

/* Where the ring holds the value of k ticks ago, below `length`. */
static inline uint64_t history_place(const struct history *history, uint32_t length, uint64_t k) {
	return history->next + (k < history->next ? 0 : length) - 1 - k;
}

/* The value k ticks ago, 0 for the newest; before the first tick, the oldest kept. */
static inline double history_back(
	const struct history *history, const float *values, uint32_t length, uint64_t k) {
	uint64_t kept = history->ticks < length ? history->ticks : length;
	if (k >= kept)
		k = kept - 1;
	return history->base + (double)values[history_place(history, length, k)];
}

/* Whether a value lies so far from the base that floats no longer tell differences of the series'
 * scale. */
bool history_is_far(const struct history *history, double x);

/* Makes the newest value the base of the ring. */
void history_rebase(struct history *history, float *values, uint32_t length);

/* The level has moved by `jump` since `ticks` ticks ago: what lies before moves with it. */
void history_move(
	struct history *history, float *values, uint32_t length, uint64_t ticks, double jump);

/* What differences are measured in: the standard deviation, never zero. */
double history_scale(const struct history *history);

#endif
