/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_TALLY_H
#define FORECAST_TALLY_H

#include "record.h"
#include "score.h"

/* Fading sums of one lead from which its struct score is read. */
struct tally {
	uint64_t n;
	double weight; /* sum of fading ones */
	double absolute; /* errors of the median */
	double squared; /* of the mean */
	double signed_sum;
	double persistence; /* absolute errors of the last value */
	double season; /* absolute errors of last season's value */
	double season_own; /* errors of the median where `season` was scored */
	double covered;
	double pinball;
};

/* How much the series changes over a season, or over a step where it has none: the measure of MASE
 * (Hyndman and Koehler 2006), here over what has arrived, older changes fading. */
struct change {
	double weight, absolute;
};

/* before: the observation a season ago, NAN if there was none; both in the unit of the readings. */
void change_add(struct change *change, double observed, double before);

/* An observation y arrived; forecasts are relative to the origin, `unit` converts to the readings'
 * unit. season: last season's value in the same terms, NAN if there was none. */
void tally_add(struct tally *tally, double y, double mean, const float quantiles[QUANTILES],
	double season, double unit);

void tally_score(const struct tally *tally, const struct change *change, uint32_t lead,
	struct score *ret_score);

#endif
