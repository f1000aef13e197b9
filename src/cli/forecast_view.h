/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_FORECAST_VIEW_H
#define CLI_FORECAST_VIEW_H

#include "record.h"
#include "text.h"

/* A published forecast, read back (docs/mqtt.md). Zero-initialised it is empty. */
struct forecast_view {
	char series[2 * NAME_MAX_LENGTH + 2];
	char unit[NAME_MAX_LENGTH + 1];
	char model[NAME_MAX_LENGTH + 1];
	char status[16];
	int64_t issued_ms;
	int64_t step_ms;
	uint64_t seen;
	double observed; /* NAN: missing; so too the next two */
	double anomaly;
	double skill;
	size_t horizon;
	float *quantiles; /* [QUANTILES][horizon], owned */
};

void forecast_view_finish(struct forecast_view *view);

/* Reads the JSON of one forecast over what the view held. 0, -ENOMEM, or E_SYNTAX if it is no
 * forecast; the view is then unchanged. */
int forecast_view_read(struct forecast_view *view, struct span json);

/* Its value at step `step` (0: the next) of quantile `quantile`. */
double forecast_view_at(const struct forecast_view *view, size_t quantile, size_t step);

/* Appends one line for people: time, series, observed value, what comes next and last. */
void forecast_view_line(const struct forecast_view *view, struct text *to);

#endif
