/* SPDX-License-Identifier: Apache-2.0 */
#include "period.h"

#include "linear_kernels.h"

#include <math.h>
#include <string.h>

/* Autocorrelation that a period found in the data must have, and that the season in use must not
 * reach: a change costs the linear experts what they know. */
#define STRENGTH_MIN  0.4
#define STRENGTH_WEAK 0.2

/* Of peaks almost as high as the highest, the first is the period and the others its multiples. */
#define ALMOST 0.92

/* Seasons are looked for after this many ticks, and then each time the past has grown by half. */
#define FIRST_LOOK 32

/* A period must have been seen this many times. */
#define TIMES_SEEN 3

/* Repetitions over which a period is measured. */
#define REFINE_TIMES 8
#define REFINE_MIN   8

/* Values looked at, at the most. */
#define LOOK_MAX 2048

/* The past, free of its mean, for the products of the autocorrelation. */
struct past {
	uint32_t n;
	double power;
	float values[LOOK_MAX + KERNEL_BLOCK]; /* zeros behind n */
};

static void past_init(struct past *past, const double *values, uint32_t n) {
	double mean = 0, largest = 0;
	past->n = n;
	for (uint32_t i = 0; i < n; i++)
		mean += values[i] / n;
	for (uint32_t i = 0; i < n; i++)
		largest = fmax(largest, fabs(values[i] - mean));
	past->power = 0;
	memset(past->values + n, 0, KERNEL_BLOCK * sizeof(*past->values));
	for (uint32_t i = 0; i < n; i++) {
		past->values[i] = largest > 0 ? (float)((values[i] - mean) / largest) : 0;
		past->power += (double)past->values[i] * (double)past->values[i] / n;
	}
}

/* Autocorrelation at one lag, -1 to 1. */
static double past_correlation(const struct past *past, uint32_t lag) {
	size_t pairs = past->n - lag;
	if (past->power <= 0 || pairs == 0)
		return 0;
	return kernel_dot(past->values, past->values + lag, kernel_stride(pairs)) / (double)pairs /
	       past->power;
}

/* The same period, measured over several of its repetitions, where a tick more or less shows. */
static uint32_t past_refine(const struct past *past, uint32_t period) {
	for (uint32_t times = 2;
		period >= REFINE_MIN && times <= REFINE_TIMES && times * (period + 1) < past->n / 2;
		times++) {
		uint32_t best = times * period - 2;
		for (uint32_t lag = best + 1; lag <= times * period + 2; lag++)
			if (past_correlation(past, lag) > past_correlation(past, best))
				best = lag;
		period = (best + times / 2) / times;
	}
	return period;
}

/* The lag up to lags_max at which the past repeats best, 0 if at none: the first of the highest
 * peaks behind the autocorrelation's first fall, which any smooth series has. */
static uint32_t past_period(const struct past *past, uint32_t lags_max, double *ret_strength) {
	uint32_t found = 0;
	double best = 0;
	bool fallen = false;
	double before = 1, here = past_correlation(past, 1);
	for (uint32_t lag = 1; lag <= lags_max; lag++) {
		double after = past_correlation(past, lag + 1);
		fallen = fallen || here < STRENGTH_MIN / 2;
		if (fallen && here >= before && here > after && here * ALMOST > best) {
			best = here;
			found = lag;
		}
		before = here;
		here = after;
	}
	if (!found)
		return 0;
	*ret_strength = best;
	return past_refine(past, found);
}

uint32_t period_find(const double *values, uint32_t n, uint32_t lags_max, double *ret_strength) {
	struct past past;
	if (n > LOOK_MAX) {
		values += n - LOOK_MAX;
		n = LOOK_MAX;
	}
	past_init(&past, values, n);
	return past_period(
		&past, lags_max < n / TIMES_SEEN ? lags_max : n / TIMES_SEEN, ret_strength);
}

static void start_slot(struct row *row, enum seasonal_slot slot, uint32_t period) {
	if (row->head->seasonal[slot].period != period)
		seasonal_start(&row->head->seasonal[slot], period);
}

static uint32_t calendar_season(const struct row *row, int64_t length_ms, int64_t step_ms) {
	int64_t ticks = step_ms > 0 && length_ms % step_ms == 0 ? length_ms / step_ms : 0;
	return ticks > 1 && ticks <= row->layout->options.season_max ? (uint32_t)ticks : 0;
}

/* 0 for a season that the row has no room for. */
static uint32_t that_fits(const struct row *row, uint32_t season) {
	return season <= row->layout->season_room ? season : 0;
}

/* A lean row has one profile, that of the long season or else of the short one. */
static uint32_t long_season(const struct row *row, uint32_t season) {
	season = that_fits(row, season);
	if (season == 0 && row_layout_is_lean(row->layout))
		return row->head->seasonal[SLOT_SLOW].period;
	return season;
}

void period_from_calendar(struct row *row, int64_t step_ms) {
	static const int64_t day_ms = 86400000;
	const uint32_t *configured = row->layout->options.seasons;
	bool known = configured[0] != 0;
	uint32_t season = known ? configured[0] : calendar_season(row, day_ms, step_ms);
	season = that_fits(row, season);
	start_slot(row, SLOT_QUICK, season);
	start_slot(row, SLOT_SLOW, season);
	season = known ? configured[1] : calendar_season(row, 7 * day_ms, step_ms);
	start_slot(row, SLOT_LONG, long_season(row, season));
	row->head->step_ms = step_ms;
	row->head->season_check = known ? UINT64_MAX : FIRST_LOOK;
}

/* The past from old to new; returns how many values. */
static uint32_t unroll(const struct row *row, double values[LOOK_MAX]) {
	uint64_t kept = row->tick + 1;
	kept = kept < row->layout->history_length ? kept : row->layout->history_length;
	kept = kept < LOOK_MAX ? kept : LOOK_MAX;
	for (uint64_t i = 0; i < kept; i++)
		values[i] = row_back(row, kept - 1 - i);
	return (uint32_t)kept;
}

/* Inputs of the linear experts that come from the season mean something else now. */
static void restart_linear(struct row *row) {
	for (int kind = 0; kind < LINEARS; kind++) {
		if (!row->linear[kind])
			continue;
		memset(row->linear[kind], 0, rls_size(&row->layout->linear[kind]));
		row_forget_expert(row, linear_experts[kind]);
	}
}

static void adopt_slot(struct row *row, enum seasonal_slot slot, uint32_t period,
	const double *values, uint32_t n) {
	struct seasonal *seasonal = &row->head->seasonal[slot];
	seasonal_start(seasonal, period);
	for (uint32_t t = 0; t < n; t++)
		seasonal_observe(
			seasonal, row->profiles[slot], &seasonal_speeds[slot], values[t], true);
	row_forget_expert(row, seasonal_experts[slot]);
}

static void adopt(struct row *row, uint32_t period, const double *values, uint32_t n) {
	uint32_t before = row->head->seasonal[SLOT_SLOW].period;
	adopt_slot(row, SLOT_QUICK, period, values, n);
	adopt_slot(row, SLOT_SLOW, period, values, n);
	if (row_layout_is_lean(row->layout) && row->head->seasonal[SLOT_LONG].period == before)
		adopt_slot(row, SLOT_LONG, period, values, n);
	restart_linear(row);
}

void period_from_data(struct row *row) {
	double values[LOOK_MAX], strength = 0;
	struct past past;
	uint32_t n = unroll(row, values);
	past_init(&past, values, n);
	uint32_t present = row->head->seasonal[SLOT_SLOW].period;
	uint32_t lags_max = past.n / TIMES_SEEN < row->layout->season_room
				    ? past.n / TIMES_SEEN
				    : row->layout->season_room;
	uint32_t period = past_period(&past, lags_max, &strength);
	double now = present && present < past.n / 2 ? past_correlation(&past, present) : 0;
	if (period && period != present && strength > STRENGTH_MIN && now < STRENGTH_WEAK)
		adopt(row, period, values, past.n);
	row->head->season_check = row->tick < 8 * (uint64_t)row->layout->history_length
					  ? row->tick + row->tick / 2
					  : UINT64_MAX;
}
