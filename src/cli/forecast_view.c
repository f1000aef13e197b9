/* SPDX-License-Identifier: Apache-2.0 */
#include "forecast_view.h"

#include "axis.h"
#include "error.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char *const quantile_keys[QUANTILES] = { "0.1", "0.2", "0.3", "0.4", "0.5", "0.6",
	"0.7", "0.8", "0.9" };

void forecast_view_finish(struct forecast_view *view) {
	free(view->quantiles);
	view->quantiles = NULL;
}

static void read_text(const json_t *root, const char *key, char *to, size_t size) {
	const char *text = json_string_value(json_object_get(root, key));

	snprintf(to, size, "%s", text ? text : "");
}

static double read_number(const json_t *root, const char *key) {
	const json_t *number = json_object_get(root, key);

	return json_is_number(number) ? json_number_value(number) : NAN;
}

/* Seconds, or 0 if there are none that make sense. */
static int64_t read_seconds(const json_t *root, const char *key) {
	double seconds = read_number(root, key);

	return seconds > 0 && seconds * 1000 < (double)TIME_MAX_MS ? llround(seconds * 1000) : 0;
}

/* One row of the fan; false if it has not `horizon` numbers. */
static bool read_quantile(const json_t *quantiles, size_t q, size_t horizon, float *to) {
	const json_t *row = json_object_get(quantiles, quantile_keys[q]);

	if (json_array_size(row) != horizon)
		return false;
	for (size_t i = 0; i < horizon; i++) {
		const json_t *number = json_array_get(row, i);
		if (!json_is_number(number))
			return false;
		to[i] = (float)json_number_value(number);
	}
	return true;
}

static int read_quantiles(struct forecast_view *view, const json_t *root) {
	const json_t *quantiles = json_object_get(root, "quantiles");
	size_t horizon = json_array_size(json_object_get(quantiles, quantile_keys[0]));

	if (horizon < 1 || horizon > HORIZON_MAX)
		return E_SYNTAX;

	float *values = calloc(QUANTILES * horizon, sizeof(*values));
	if (!values)
		return -ENOMEM;
	for (size_t q = 0; q < QUANTILES; q++) {
		if (!read_quantile(quantiles, q, horizon, values + q * horizon)) {
			free(values);
			return E_SYNTAX;
		}
	}
	view->horizon = horizon;
	view->quantiles = values;
	return 0;
}

static int read_root(struct forecast_view *view, const json_t *root) {
	double seen = read_number(root, "seen");

	read_text(root, "series", view->series, sizeof(view->series));
	read_text(root, "unit", view->unit, sizeof(view->unit));
	read_text(root, "model", view->model, sizeof(view->model));
	read_text(root, "status", view->status, sizeof(view->status));
	view->issued_ms = read_seconds(root, "issued");
	view->step_ms = read_seconds(root, "step");
	view->observed = read_number(root, "observed");
	view->anomaly = read_number(root, "anomaly");
	view->skill = read_number(root, "skill");
	view->seen = seen > 0 ? (uint64_t)seen : 0;
	if (!view->series[0] || view->issued_ms == 0 || view->step_ms == 0)
		return E_SYNTAX;
	return read_quantiles(view, root);
}

int forecast_view_read(struct forecast_view *view, struct span json) {
	struct forecast_view read = { 0 };
	json_error_t error;

	json_t *root = json_loadb(json.data, json.length, 0, &error);
	if (!root)
		return E_SYNTAX;

	int r = read_root(&read, root);
	json_decref(root);
	if (r < 0)
		return r;
	forecast_view_finish(view);
	*view = read;
	return 0;
}

double forecast_view_at(const struct forecast_view *view, size_t quantile, size_t step) {
	return (double)view->quantiles[quantile * view->horizon + step];
}

static void add_number(struct text *to, const char *before, double value) {
	char number[AXIS_LABEL_MAX] = "-";

	if (!isnan(value))
		axis_number(number, value);
	text_add_format(to, "%s%s", before, number);
}

static void add_step(struct text *to, const struct forecast_view *view, size_t step) {
	text_add_format(to, "  +%zu:", step + 1);
	add_number(to, " ", forecast_view_at(view, QUANTILE_MEDIAN, step));
	add_number(to, " [", forecast_view_at(view, 0, step));
	add_number(to, ", ", forecast_view_at(view, QUANTILES - 1, step));
	text_add_char(to, ']');
}

void forecast_view_line(const struct forecast_view *view, struct text *to) {
	time_t seconds = (time_t)(view->issued_ms / 1000);
	char when[32];
	struct tm local;

	localtime_r(&seconds, &local);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &local);
	text_add_format(to, "%s  %s", when, view->series);
	add_number(to, "  ", view->observed);
	if (view->unit[0])
		text_add_format(to, " %s", view->unit);
	add_step(to, view, 0);
	if (view->horizon > 1)
		add_step(to, view, view->horizon - 1);
	text_add_format(to, "  %s", view->status);
	if (!isnan(view->skill))
		text_add_format(to, "  skill %+.0f%%", 100 * view->skill);
	if (view->anomaly > 1)
		text_add_format(to, "  anomaly %.2f", view->anomaly);
	text_add_char(to, '\n');
}
