/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_FORECAST_H
#define WIRE_FORECAST_H

#include "record.h"
#include "span.h"
#include "text.h"

/* What leaves over MQTT (docs/mqtt.md). Writers append to `to`; look at text_failed once. */

/* The names that go with a series' numbers; empty spans are left out. */
struct wire_names {
	struct span series; /* "detector/channel" */
	struct span unit;
	struct span model;
};

/* The forecast's JSON, as it is published and stored. Quantile keys are "0.1" to "0.9". */
void wire_write_forecast(
	struct text *to, const struct forecast *forecast, const struct wire_names *names);

/* An observation that left the range predicted for it. */
struct wire_anomaly {
	int64_t time_ms;
	double value;
	double low; /* the range */
	double high;
	double score; /* above 1 */
};

void wire_write_anomaly(
	struct text *to, const struct wire_anomaly *anomaly, const struct wire_names *names);

/* Times in our JSON: Unix seconds with as many decimals as the milliseconds need. */
void wire_write_seconds(struct text *to, int64_t time_ms);

/* "<base>/<kind>/<series>", for kind "forecast" and "anomaly". */
void wire_write_series_topic(
	struct text *to, struct span base, struct span kind, struct span series);

/* "<base>/<instance>/<kind>": state, info, stats, request/<verb>, response/<verb>. */
void wire_write_instance_topic(
	struct text *to, struct span base, struct span instance, struct span kind);

/* A row of readings of one detector as flat JSON, as `xlstmctl replay` publishes it and any source
 * with format json reads it: {"time":1790000000,"speed":61.5,"volume":null}. Values keep their
 * every digit. */
void wire_write_row(struct text *to, int64_t time_ms, const struct span *channels,
	const double *values, size_t count);

#endif
