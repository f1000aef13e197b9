/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_BATCH_H
#define FORECAST_BATCH_H

#include "forecaster.h"

struct detector;

/* One tick of one detector. The forecaster is copied, so that channels may join the detector while
 * the batch runs. */
struct batch_item {
	struct detector *detector;
	struct forecaster forecaster;
	struct tick tick;
	struct outlook outlooks[CHANNELS_MAX];
};

struct batch {
	size_t count;
	size_t capacity;
	size_t numbers_used, numbers_room;
	float *numbers; /* means and quantiles of all items */
	struct workspace *workspace;
	struct batch_item items[];
};

/* Room for the forecasts of one more item. 0 or -ENOMEM. */
int batch_reserve(struct batch *batch, const struct forecaster *forecaster);

/* Adds an item whose forecasts have been reserved. */
void batch_add(struct batch *batch, struct detector *detector, const struct forecaster *forecaster,
	const struct tick *tick);

#endif
