/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_SETTLE_H
#define FORECAST_SETTLE_H

#include "row.h"

/* Absolute errors of the forecasts that were settled, summed over the leads at which both were awake,
 * in scales of the row. */
struct settled {
	double network, closed;
};

/* Settles every forecast whose observation the newest tick is: the experts' weights, the quantiles
 * and the scores learn from it. waiting as in panel_run; the tick must have had a value. */
struct settled settle(const struct row *row, uint32_t waiting);

#endif
