/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_SETTLE_H
#define FORECAST_SETTLE_H

#include "row.h"

/* What came of the forecasts whose observation the newest tick is. */
struct settled {
	/* Absolute errors, summed over the leads at which both were awake, in scales of the row. */
	double network, closed;
	double anomaly; /* of the observation, before guards */
	double expected; /* the median that was forecast for it; 0 like the anomaly if nothing was */
};

/* Settles every forecast whose observation the newest tick is: the experts' weights, the quantiles
 * and the scores learn from it. waiting as in panel_run; the tick must have had a value. */
struct settled settle(const struct row *row, uint32_t waiting);

#endif
