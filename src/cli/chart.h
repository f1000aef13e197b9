/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CHART_H
#define CLI_CHART_H

#include "canvas.h"
#include "record.h"

/*
 * A fan chart: what has been observed on the left, and from now on the right what is to come, the
 * median as a line in nested bands of 20, 40, 60 and 80%. Behind the observed values lies the band
 * that had been predicted for each of them one step before.
 */

/* Something observed. */
struct chart_point {
	int64_t time_ms;
	double value; /* NAN: missing */
	double low; /* 0.1 and 0.9 quantiles of the last forecast before it; NAN: there was none */
	double high;
	bool anomalous;
};

struct chart {
	const char *series;
	const char *unit;
	const char *model;
	const char *status; /* as in the forecast: "warming", "ok", "stale" */
	double observed; /* NAN: missing */
	double anomaly; /* NAN: not known */
	double skill; /* NAN: not known */
	uint64_t seen;
	const struct chart_point *history; /* by rising time */
	size_t history_count;
	int64_t issued_ms;
	int64_t step_ms;
	size_t horizon; /* steps; 0: no forecast yet */
	const float *quantiles; /* [QUANTILES][horizon] */
	double reach; /* how much of the past to show, in horizons */
	const char *hint; /* at the right of the lowest row: the keys; NULL: none */
};

/* The least that a chart needs to be readable; anything smaller shows a plea for room. */
#define CHART_COLUMNS_MIN 40
#define CHART_ROWS_MIN    10

/* Fills the canvas. Times are written in local time. */
void chart_draw(const struct chart *chart, struct canvas *canvas);

#endif
