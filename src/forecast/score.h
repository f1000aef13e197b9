/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_SCORE_H
#define FORECAST_SCORE_H

#include <stdint.h>

/*
 * How good the forecasts of one series at one lead have been: means over the forecasts whose
 * observation has arrived, older ones fading (about the last SCORE_WINDOW count). In the unit of
 * the readings; NAN where nothing has been scored yet.
 */
#define SCORE_WINDOW 2000

struct score {
	uint32_t lead; /* steps ahead, from 1 */
	uint64_t n; /* forecasts scored so far, faded ones too */
	double mae; /* of the median */
	double rmse; /* of the mean */
	double bias; /* mean forecast minus observation */
	double skill; /* 1 - mae / mae of persistence */
	double skill_seasonal; /* 1 - mae / mae of last season's value; NAN without season */
	double coverage80; /* share of observations between the quantiles 0.1 and 0.9 */
	double mase; /* mae / mean change over a season (over a step without one), whatever the lead */
	double pinball; /* mean over the nine quantiles, times two */
};

#endif
