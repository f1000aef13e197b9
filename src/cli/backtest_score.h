/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_BACKTEST_SCORE_H
#define CLI_BACKTEST_SCORE_H

#include "backtest.h"

/*
 * Scores forecasts when the last observation of their window has arrived: the means over scored
 * origins, steps 1..h and series, of errors divided by the series' deviation over its first rows.
 */
struct scorer;

/* Sums over origins and series at one or several leads; errors already divided by the deviations. */
struct lead_sums {
	double n, squared, absolute, pinball, covered, persistence;
	double scaled; /* absolute errors over the in-sample error of the seasonal naive forecast */
	double scaled_n;
	double expert_n[EXPERTS], expert_squared[EXPERTS], expert_absolute[EXPERTS];
};

int scorer_create(struct scorer **ret_scorer, const struct backtest_options *options);
void scorer_destroy(struct scorer *scorer);

/* One tick of a series (numbers as in the registry, from 1): its value and what was forecast then.
 * experts as engine_expert_forecasts gives them. 0 or -ENOMEM. */
int scorer_add(struct scorer *scorer, uint64_t tick, const struct forecast *forecast,
	double (*experts)[HORIZON_MAX]);

/* The season that in-sample errors of the seasonal naive forecast are taken at; 0 or 1: of the last
 * value. */
void scorer_set_season(struct scorer *scorer, uint32_t series, uint32_t season);

/* Sums of the leads from first to last over all series; series that did not move in the first rows
 * have no deviation to be divided by and are left out. */
void scorer_sum(
	const struct scorer *scorer, uint32_t first, uint32_t last, struct lead_sums *ret_sums);

/* Share of the series whose 80% intervals at the leads from first to last held between 75% and 85% of
 * the values; NAN if nothing was scored. */
double scorer_calibrated(const struct scorer *scorer, uint32_t first, uint32_t last);

/* Series, ticks of the longest one, and how many of its origins were scored. */
size_t scorer_series_count(const struct scorer *scorer);
uint64_t scorer_rows(const struct scorer *scorer);
uint64_t scorer_scored_rows(const struct scorer *scorer);

#endif
