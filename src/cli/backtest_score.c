/* SPDX-License-Identifier: Apache-2.0 */
#include "backtest_score.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Share of values that intervals between the outer quantiles should hold, and how far off that of one
 * series may be. */
#define INTERVAL       0.8
#define INTERVAL_SLACK 0.05

/* What was forecast at one tick. */
struct window {
	uint64_t tick;
	bool filled;
	double anchor; /* what persistence forecast; NAN: nothing seen yet */
	float *mean; /* [horizon] */
	float *quantiles; /* [QUANTILES][horizon] */
	float *experts; /* [EXPERTS][horizon] */
};

struct series_score {
	uint64_t ticks; /* the last tick's number + 1 */
	double *values; /* by tick; NAN: missing */
	size_t values_room;
	double last; /* the last value seen */
	struct window *windows; /* ring, [horizon + 1] */
	float *numbers; /* what the windows point to */
	struct lead_sums *sums; /* [horizon], in the unit of the readings */
	uint64_t scored;
	uint32_t season;
};

struct scorer {
	const struct backtest_options *options;
	uint32_t horizon;
	struct series_score *series; /* by number - 1 */
	size_t count;
};

int scorer_create(struct scorer **ret_scorer, const struct backtest_options *options) {
	struct scorer *scorer = calloc(1, sizeof(*scorer));
	if (!scorer)
		return -ENOMEM;
	scorer->options = options;
	scorer->horizon = options->forecast.horizon;
	*ret_scorer = scorer;
	return 0;
}

void scorer_destroy(struct scorer *scorer) {
	if (!scorer)
		return;
	for (size_t i = 0; i < scorer->count; i++) {
		free(scorer->series[i].values);
		free(scorer->series[i].windows);
		free(scorer->series[i].numbers);
		free(scorer->series[i].sums);
	}
	free(scorer->series);
	free(scorer);
}

static int series_init(struct series_score *series, uint32_t horizon) {
	size_t numbers = (size_t)horizon * (1 + QUANTILES + EXPERTS);
	*series = (struct series_score){ .last = NAN };
	series->windows = calloc(horizon + 1, sizeof(*series->windows));
	series->numbers = calloc((horizon + 1) * numbers, sizeof(*series->numbers));
	series->sums = calloc(horizon, sizeof(*series->sums));
	if (!series->windows || !series->numbers || !series->sums)
		return -ENOMEM;
	for (uint32_t i = 0; i <= horizon; i++) {
		struct window *window = &series->windows[i];
		window->mean = series->numbers + i * numbers;
		window->quantiles = window->mean + horizon;
		window->experts = window->quantiles + QUANTILES * horizon;
	}
	return 0;
}

static int find_series(struct scorer *scorer, uint32_t number, struct series_score **ret_series) {
	if (number > scorer->count) {
		struct series_score *series =
			realloc(scorer->series, number * sizeof(*scorer->series));
		if (!series)
			return -ENOMEM;
		scorer->series = series;
		while (scorer->count < number) {
			int r = series_init(&series[scorer->count++], scorer->horizon);
			if (r < 0)
				return r;
		}
	}
	*ret_series = &scorer->series[number - 1];
	return 0;
}

/* Remembers the value of a tick; ticks that were left out are missing. */
static int add_value(struct series_score *series, uint64_t tick, double value) {
	if (tick >= series->values_room) {
		size_t room = tick + 1 + tick / 2;
		double *values = realloc(series->values, room * sizeof(*values));
		if (!values)
			return -ENOMEM;
		series->values = values;
		series->values_room = room;
	}
	while (series->ticks < tick)
		series->values[series->ticks++] = NAN;
	series->values[tick] = value;
	series->ticks = tick + 1;
	if (!isnan(value))
		series->last = value;
	return 0;
}

static void keep_window(struct series_score *series, uint32_t horizon, uint64_t tick,
	const struct forecast *forecast, double (*experts)[HORIZON_MAX]) {
	struct window *window = &series->windows[tick % (horizon + 1)];
	window->tick = tick;
	window->filled = true;
	window->anchor = series->last;
	memcpy(window->mean, forecast->mean, horizon * sizeof(float));
	memcpy(window->quantiles, forecast->quantiles, QUANTILES * horizon * sizeof(float));
	for (size_t e = 0; e < EXPERTS; e++)
		for (size_t h = 0; h < horizon; h++)
			window->experts[e * horizon + h] = (float)experts[e][h];
}

static double pinball(const struct window *window, uint32_t horizon, uint32_t h, double x) {
	double sum = 0;
	for (uint32_t q = 0; q < QUANTILES; q++) {
		double level = (q + 1) / (QUANTILES + 1.0);
		double over = x - (double)window->quantiles[q * horizon + h - 1];
		sum += over > 0 ? level * over : (level - 1) * over;
	}
	return 2 * sum / QUANTILES;
}

static void score_lead(struct lead_sums *sums, const struct window *window, uint32_t horizon,
	uint32_t h, double x) {
	const float *quantiles = window->quantiles + h - 1;
	double error = (double)window->mean[h - 1] - x;
	double low = (double)quantiles[0], high = (double)quantiles[(QUANTILES - 1) * horizon];
	sums->n++;
	sums->squared += error * error;
	sums->absolute += fabs((double)quantiles[QUANTILE_MEDIAN * horizon] - x);
	sums->pinball += pinball(window, horizon, h, x);
	sums->covered += x >= low && x <= high;
	sums->persistence += fabs(window->anchor - x);
	for (uint32_t e = 0; e < EXPERTS; e++) {
		error = (double)window->experts[e * horizon + h - 1] - x;
		if (isnan(error))
			continue;
		sums->expert_n[e]++;
		sums->expert_squared[e] += error * error;
		sums->expert_absolute[e] += fabs(error);
	}
}

/* Whether an origin is scored; a window whose anchor is not known never is. */
static bool counts(const struct scorer *scorer, const struct series_score *series, uint64_t origin,
	const struct window *window) {
	const struct backtest_options *options = scorer->options;
	return origin >= options->score_from && origin < options->score_to && window->filled &&
	       window->tick == origin && window->anchor < options->score_below &&
	       (uint64_t)(series - scorer->series) < options->score_first;
}

/* Scores the window that the newest tick completes. */
static void score_window(const struct scorer *scorer, struct series_score *series) {
	uint32_t horizon = scorer->horizon;
	if (series->ticks <= horizon)
		return;
	uint64_t origin = series->ticks - 1 - horizon;
	const struct window *window = &series->windows[origin % (horizon + 1)];
	if (!counts(scorer, series, origin, window))
		return;
	series->scored++;
	for (uint32_t h = 1; h <= horizon; h++)
		if (!isnan(series->values[origin + h]))
			score_lead(&series->sums[h - 1], window, horizon, h,
				series->values[origin + h]);
}

int scorer_add(struct scorer *scorer, uint64_t tick, const struct forecast *forecast,
	double (*experts)[HORIZON_MAX]) {
	struct series_score *series;
	int r = find_series(scorer, forecast->series, &series);
	if (r < 0)
		return r;

	r = add_value(series, tick, forecast->observed);
	if (r < 0)
		return r;

	score_window(scorer, series);
	keep_window(series, scorer->horizon, tick, forecast, experts);
	return 0;
}

void scorer_set_season(struct scorer *scorer, uint32_t series, uint32_t season) {
	if (series <= scorer->count)
		scorer->series[series - 1].season = season;
}

/* Population deviation over the first rows, 0 if the series did not move there; 1 if scores are
 * wanted in the unit of the readings. */
static double deviation(const struct series_score *series, uint64_t rows) {
	if (rows == 0)
		return 1;
	double n = 0, sum = 0, squares = 0;
	for (uint64_t t = 0; t < rows && t < series->ticks; t++) {
		if (isnan(series->values[t]))
			continue;
		n++;
		sum += series->values[t];
	}
	for (uint64_t t = 0; t < rows && t < series->ticks; t++) {
		double distance = series->values[t] - sum / n;
		squares += isnan(distance) ? 0 : distance * distance;
	}
	return squares > 0 ? sqrt(squares / n) : 0;
}

/* Mean absolute error of the seasonal naive forecast before the first scored row; NAN: unknown. */
static double naive_error(const struct series_score *series, uint64_t rows) {
	uint32_t season = series->season ? series->season : 1;
	double n = 0, sum = 0;
	for (uint64_t t = season; t < rows && t < series->ticks; t++) {
		double error = fabs(series->values[t] - series->values[t - season]);
		if (isnan(error))
			continue;
		n++;
		sum += error;
	}
	return sum > 0 ? sum / n : NAN;
}

static void add_sums(
	struct lead_sums *to, const struct lead_sums *from, double spread, double naive) {
	to->n += from->n;
	to->squared += from->squared / (spread * spread);
	to->absolute += from->absolute / spread;
	to->pinball += from->pinball / spread;
	to->covered += from->covered;
	to->persistence += from->persistence / spread;
	if (!isnan(naive)) {
		to->scaled += from->absolute / naive;
		to->scaled_n += from->n;
	}
	for (int e = 0; e < EXPERTS; e++) {
		to->expert_n[e] += from->expert_n[e];
		to->expert_squared[e] += from->expert_squared[e] / (spread * spread);
		to->expert_absolute[e] += from->expert_absolute[e] / spread;
	}
}

void scorer_sum(
	const struct scorer *scorer, uint32_t first, uint32_t last, struct lead_sums *ret_sums) {
	*ret_sums = (struct lead_sums){ 0 };
	for (size_t i = 0; i < scorer->count; i++) {
		const struct series_score *series = &scorer->series[i];
		double spread = deviation(series, scorer->options->zscore_rows);
		double naive = naive_error(series, scorer->options->score_from);
		for (uint32_t h = first; h <= last && spread > 0; h++)
			add_sums(ret_sums, &series->sums[h - 1], spread, naive);
	}
}

/* Share of values inside the 80% intervals of one series; NAN if none was scored. */
static double coverage(const struct series_score *series, uint32_t first, uint32_t last) {
	double n = 0, covered = 0;
	for (uint32_t h = first; h <= last; h++) {
		n += series->sums[h - 1].n;
		covered += series->sums[h - 1].covered;
	}
	return covered / n;
}

double scorer_calibrated(const struct scorer *scorer, uint32_t first, uint32_t last) {
	double n = 0, calibrated = 0;
	for (size_t i = 0; i < scorer->count; i++) {
		const struct series_score *series = &scorer->series[i];
		double share = coverage(series, first, last);
		if (isnan(share) || deviation(series, scorer->options->zscore_rows) == 0)
			continue;
		n++;
		calibrated += fabs(share - INTERVAL) <= INTERVAL_SLACK;
	}
	return calibrated / n;
}

size_t scorer_series_count(const struct scorer *scorer) {
	return scorer->count;
}

uint64_t scorer_rows(const struct scorer *scorer) {
	uint64_t rows = 0;
	for (size_t i = 0; i < scorer->count; i++)
		rows = scorer->series[i].ticks > rows ? scorer->series[i].ticks : rows;
	return rows;
}

uint64_t scorer_scored_rows(const struct scorer *scorer) {
	uint64_t rows = 0;
	for (size_t i = 0; i < scorer->count; i++)
		rows = scorer->series[i].scored > rows ? scorer->series[i].scored : rows;
	return rows;
}
