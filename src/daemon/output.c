/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"

#include "error.h"
#include "forecast.h"

#include <stdlib.h>
#include <string.h>

/* Above this an observation lies outside the range that was predicted for it. */
#define ANOMALY_LIMIT 1.0

/* What is older than this is history that was fed in: it is worked off whole, and stored. */
#define HISTORY_MS (60 * 60 * 1000)

/* What app_apply passes through the engine. */
struct output {
	struct app *app;
	enum app_output mode;
	bool overloaded;
	int64_t now_ms;
};

static struct wire_names names_of(struct app *app, const struct detector *detector,
	uint32_t channel, char name[SERIES_NAME_MAX]) {
	uint32_t id = detector_channel_series(detector, channel);
	const struct text *own = &app->roster.detectors[detector_id(detector)].model;

	return (struct wire_names){
		.series = registry_series_name(app->registry, id, name),
		.unit = detector_channel_unit(detector, channel),
		.model = text_span(own->length > 0 ? own : &app->model),
	};
}

static void publish(struct app *app, struct span kind, struct span series, struct mail *mail) {
	text_reset(&app->topic);
	wire_write_series_topic(&app->topic, span_text(app->config->mqtt.base), kind, series);
	if (text_failed(&app->topic))
		return;
	mail->topic = text_span(&app->topic);
	publisher_add(&app->publisher, mail);
}

/* The forecast is worth reading until the time of its last step. */
static void publish_forecast(
	struct app *app, struct span series, struct span json, uint32_t horizon, int64_t step_ms) {
	struct mail mail = {
		.kind = MAIL_MESSAGE,
		.retained = app->config->mqtt.retain,
		.expiry_s = (uint32_t)((horizon * step_ms + 999) / 1000),
		.payload = json,
	};

	if (app->config->mqtt.publish)
		publish(app, SPAN("forecast"), series, &mail);
}

/* Keeps the bytes that were published, for requests and for when the sensor falls silent. */
static void remember(struct app *app, const struct forecast *forecast, struct span json) {
	struct series_slot *slot = &app->roster.series[forecast->series];

	text_reset(&slot->forecast);
	text_add(&slot->forecast, json);
}

/* Keeps the range predicted for the next observation. */
static void remember_range(struct app *app, const struct forecast *forecast) {
	struct series_slot *slot = &app->roster.series[forecast->series];

	slot->range_ms = forecast->issued_ms + forecast->step_ms;
	slot->low = (double)forecast->quantiles[0];
	slot->high = (double)forecast->quantiles[(QUANTILES - 1) * forecast->horizon];
}

static void store_forecast(struct app *app, const struct forecast *forecast, struct span json) {
	struct forecast_row row = {
		.series = forecast->series,
		.issued_ms = forecast->issued_ms,
		.replace = app->config->store.forecasts == CONFIG_FORECASTS_LATEST,
		.json = json,
	};

	if (!writer_takes_forecasts(&app->writer) ||
		journal_forecast(writer_journal(&app->writer), &row) < 0)
		writer_count_unstored(&app->writer);
}

static void store_anomaly(struct app *app, uint32_t series, const struct wire_anomaly *anomaly) {
	struct anomaly_row row = {
		.series = series,
		.time_ms = anomaly->time_ms,
		.value = anomaly->value,
		.low = anomaly->low,
		.high = anomaly->high,
		.score = anomaly->score,
	};

	if (journal_anomaly(writer_journal(&app->writer), &row) < 0)
		writer_count_unstored(&app->writer);
}

/* Whether the range that the forecast before this one gave is for the time of this one: the clock
 * puts a tick at its reading, give or take half a step. */
static bool is_range_for(const struct series_slot *slot, const struct forecast *forecast) {
	return slot->range_ms != TIME_NONE &&
	       2 * llabs(forecast->issued_ms - slot->range_ms) <= forecast->step_ms;
}

/* The observation against the range that was predicted for it. */
static void tell_anomaly(
	struct output *output, const struct forecast *forecast, const struct wire_names *names) {
	struct app *app = output->app;
	const struct series_slot *slot = &app->roster.series[forecast->series];
	bool known = is_range_for(slot, forecast);
	struct wire_anomaly anomaly = {
		.time_ms = forecast->issued_ms,
		.value = isnan(forecast->impossible) ? forecast->observed : forecast->impossible,
		.low = known ? slot->low : NAN,
		.high = known ? slot->high : NAN,
		.score = forecast->anomaly,
	};

	app->counters.anomalies++;
	if (output->mode != APP_SILENT)
		store_anomaly(app, forecast->series, &anomaly);
	if (output->mode != APP_PUBLISH || !app->config->mqtt.anomalies)
		return;

	text_reset(&app->json);
	wire_write_anomaly(&app->json, &anomaly, names);
	struct mail mail = { .kind = MAIL_MESSAGE, .qos = 1, .payload = text_span(&app->json) };
	if (!text_failed(&app->json))
		publish(app, SPAN("anomaly"), names->series, &mail);
}

/* Not before the forecasts have been scored: until then the range is a guess. What can't be is told at
 * once. */
static bool is_anomaly(const struct forecast *forecast) {
	if (!isnan(forecast->impossible))
		return true;
	return forecast->status != FORECAST_WARMING && forecast->anomaly > ANOMALY_LIMIT &&
	       !isnan(forecast->observed);
}

static void note_lag(struct output *output, const struct detector *detector) {
	struct app *app = output->app;
	int64_t lag_ms = output->now_ms - app->roster.detectors[detector_id(detector)].heard_ms;

	app->lag.count++;
	app->lag.sum_ms += lag_ms;
	if (lag_ms > app->lag.max_ms)
		app->lag.max_ms = lag_ms;
}

/* A newer tick of the detector waits already: nobody waits for this forecast. */
static bool is_to_be_shed(
	const struct output *output, const struct tick *tick, const struct forecast *forecast) {
	return output->overloaded && !tick->newest &&
	       output->now_ms - forecast->issued_ms < HISTORY_MS;
}

/* While a detector catches up, only its last forecast is news; the others are history, and those
 * made inside a gap are not even that. */
static void write_and_send(struct output *output, struct detector *detector,
	const struct tick *tick, const struct forecast *forecast, const struct wire_names *names) {
	struct app *app = output->app;

	text_reset(&app->json);
	wire_write_forecast(&app->json, forecast, names);
	if (text_failed(&app->json))
		return;

	struct span json = text_span(&app->json);
	remember(app, forecast, json);
	if (output->mode != APP_SILENT && app->config->store.forecasts != CONFIG_FORECASTS_OFF &&
		(tick->newest || !isnan(forecast->observed)))
		store_forecast(app, forecast, json);
	if (output->mode == APP_PUBLISH && tick->newest) {
		publish_forecast(app, names->series, json, forecast->horizon, forecast->step_ms);
		note_lag(output, detector);
	}
}

static void put_out(void *user, struct detector *detector, uint32_t channel,
	const struct tick *tick, const struct forecast *forecast) {
	struct output *output = user;
	struct app *app = output->app;
	char name[SERIES_NAME_MAX];
	struct wire_names names = names_of(app, detector, channel, name);

	app->counters.forecasts++;
	if (is_anomaly(forecast))
		tell_anomaly(output, forecast, &names);
	remember_range(app, forecast);
	if (is_to_be_shed(output, tick, forecast))
		app->counters.forecasts_shed++;
	else
		write_and_send(output, detector, tick, forecast, &names);
}

void app_apply(struct app *app, struct batch *batch, enum app_output mode) {
	struct output output = { app, mode, app_is_overloaded(app), app_now() };

	app->counters.batches++;
	engine_apply(app->engine, batch, put_out, &output);
}

/* The bytes with another status; a quote inside a name is escaped, so the first match is the
 * field. */
static bool write_as_stale(struct span json, struct text *to) {
	struct span field = SPAN("\"status\":\"");
	const char *at = memmem(json.data, json.length, field.data, field.length);
	if (!at)
		return false;

	const char *value = at + field.length;
	const char *end = memchr(value, '"', (size_t)(json.data + json.length - value));
	if (!end)
		return false;

	text_add(to, span_of(json.data, (size_t)(value - json.data)));
	text_add(to, SPAN("stale"));
	text_add(to, span_of(end, (size_t)(json.data + json.length - end)));
	return !text_failed(to);
}

void app_publish_stale(struct app *app, uint32_t series) {
	struct text *forecast = &app->roster.series[series].forecast;
	char name[SERIES_NAME_MAX];
	struct span topic_name = registry_series_name(app->registry, series, name);

	if (forecast->length == 0)
		return;
	text_reset(&app->json);
	if (!write_as_stale(text_span(forecast), &app->json))
		return;

	text_reset(forecast);
	text_add(forecast, text_span(&app->json));
	app->counters.stale++;
	struct mail mail = {
		.kind = MAIL_MESSAGE,
		.retained = app->config->mqtt.retain,
		.payload = text_span(&app->json),
	};
	if (app->config->mqtt.publish)
		publish(app, SPAN("forecast"), topic_name, &mail);
}
