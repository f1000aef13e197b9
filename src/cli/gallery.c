/* SPDX-License-Identifier: Apache-2.0 */
#include "gallery.h"

#include "error.h"
#include "random.h"
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Steps without an observation after which the line of observations is broken. */
#define GAP_STEPS 1.5

int gallery_init(struct gallery *gallery) {
	*gallery = (struct gallery){ 0 };
	return table_create(&gallery->names, random_seed());
}

static void exhibit_destroy(struct exhibit *exhibit) {
	forecast_view_finish(&exhibit->forecast);
	free(exhibit->history);
	free(exhibit);
}

void gallery_finish(struct gallery *gallery) {
	for (size_t i = 0; i < gallery->count; i++)
		exhibit_destroy(gallery->exhibits[i]);
	free(gallery->exhibits);
	table_destroy(gallery->names);
}

int gallery_find(const struct gallery *gallery, const char *series) {
	uint32_t index;

	return table_find(gallery->names, span_text(series), &index) ? (int)index : -1;
}

/* Room for two more points, of which the oldest are forgotten in halves. */
static int make_room(struct exhibit *exhibit) {
	if (exhibit->count + 2 > GALLERY_HISTORY_MAX) {
		size_t kept = exhibit->count / 2;
		memmove(exhibit->history, exhibit->history + exhibit->count - kept,
			kept * sizeof(*exhibit->history));
		exhibit->count = kept;
	}
	if (exhibit->count + 2 <= exhibit->capacity)
		return 0;

	size_t capacity = 2 * exhibit->capacity + 16;
	struct chart_point *history = realloc(exhibit->history, capacity * sizeof(*history));
	if (!history)
		return -ENOMEM;
	exhibit->history = history;
	exhibit->capacity = capacity;
	return 0;
}

/* What the former forecast had said about a time, if it looked so far. */
static void recall(const struct forecast_view *former, struct chart_point *point) {
	double steps = (double)(point->time_ms - former->issued_ms) / (double)former->step_ms;
	size_t step = steps >= 1 ? (size_t)llround(steps) : 0;

	if (step < 1 || step > former->horizon)
		return;
	point->low = forecast_view_at(former, 0, step - 1);
	point->high = forecast_view_at(former, QUANTILES - 1, step - 1);
}

/* Adds what the forecast says has been observed; `former` is the forecast before it. */
static int remember(struct exhibit *exhibit, const struct forecast_view *former,
	const struct forecast_view *forecast) {
	struct chart_point point = {
		.time_ms = forecast->issued_ms,
		.value = forecast->observed,
		.low = NAN,
		.high = NAN,
		.anomalous = forecast->anomaly > 1,
	};

	int r = make_room(exhibit);
	if (r < 0)
		return r;
	/* Time that runs backwards begins a new history; a repeated one corrects the last point. */
	while (exhibit->count > 0 &&
		exhibit->history[exhibit->count - 1].time_ms >= forecast->issued_ms)
		exhibit->count--;
	if (former->horizon > 0)
		recall(former, &point);
	if (exhibit->count > 0) {
		int64_t last_ms = exhibit->history[exhibit->count - 1].time_ms;
		if ((double)(point.time_ms - last_ms) > GAP_STEPS * (double)forecast->step_ms)
			exhibit->history[exhibit->count++] = (struct chart_point){
				.time_ms = last_ms + 1, .value = NAN, .low = NAN, .high = NAN
			};
	}
	exhibit->history[exhibit->count++] = point;
	return 0;
}

static int grow(struct gallery *gallery) {
	if (gallery->count < gallery->capacity)
		return 0;

	size_t capacity = 2 * gallery->capacity + 16;
	struct exhibit **exhibits = realloc(gallery->exhibits, capacity * sizeof(*exhibits));
	if (!exhibits)
		return -ENOMEM;
	gallery->exhibits = exhibits;
	gallery->capacity = capacity;
	return 0;
}

/* An exhibit for a series that has not appeared before; its name stays where the forecast is. */
static int hang(struct gallery *gallery, const char *series) {
	if (gallery->count >= GALLERY_SERIES_MAX)
		return E_TOO_MANY_SERIES;

	int r = grow(gallery);
	if (r < 0)
		return r;
	struct exhibit *exhibit = calloc(1, sizeof(*exhibit));
	if (!exhibit)
		return -ENOMEM;
	strcpy(exhibit->forecast.series, series);

	r = table_put(
		gallery->names, span_text(exhibit->forecast.series), (uint32_t)gallery->count);
	if (r < 0) {
		exhibit_destroy(exhibit);
		return r;
	}
	gallery->exhibits[gallery->count] = exhibit;
	return (int)gallery->count++;
}

int gallery_add(struct gallery *gallery, struct span json) {
	struct forecast_view forecast = { 0 };

	int r = forecast_view_read(&forecast, json);
	if (r < 0)
		return r;

	int index = gallery_find(gallery, forecast.series);
	if (index < 0)
		index = hang(gallery, forecast.series);
	r = index;
	if (index >= 0) {
		struct exhibit *exhibit = gallery->exhibits[index];
		r = remember(exhibit, &exhibit->forecast, &forecast);
		if (r == 0) {
			forecast_view_finish(&exhibit->forecast);
			exhibit->forecast = forecast;
			return index;
		}
	}
	forecast_view_finish(&forecast);
	return r;
}

struct chart gallery_chart(const struct gallery *gallery, size_t index, double reach) {
	const struct exhibit *exhibit = gallery->exhibits[index];
	const struct forecast_view *forecast = &exhibit->forecast;

	return (struct chart){
		.series = forecast->series,
		.unit = forecast->unit,
		.model = forecast->model,
		.status = forecast->status,
		.observed = forecast->observed,
		.anomaly = forecast->anomaly,
		.skill = forecast->skill,
		.seen = forecast->seen,
		.history = exhibit->history,
		.history_count = exhibit->count,
		.issued_ms = forecast->issued_ms,
		.step_ms = forecast->step_ms,
		.horizon = forecast->horizon,
		.quantiles = forecast->quantiles,
		.reach = reach,
	};
}
