/* SPDX-License-Identifier: Apache-2.0 */
#include "forecast.h"

#include "num.h"

#include <math.h>

static const char *const status_names[] = {
	[FORECAST_WARMING] = "warming",
	[FORECAST_OK] = "ok",
	[FORECAST_STALE] = "stale",
};

/* Milliseconds as seconds: whole ones, or with as many decimals as it takes. */
static void write_ms(struct text *to, int64_t ms) {
	int64_t fraction = ms % 1000;
	size_t digits = 3;

	char *at = text_reserve(to, NUM_TEXT_MAX);
	if (!at)
		return;
	char *end = at + num_write_int(at, ms / 1000);
	if (fraction != 0) {
		for (; fraction % 10 == 0; fraction /= 10)
			digits--;
		*end = '.';
		for (size_t i = digits; i > 0; i--, fraction /= 10)
			end[i] = (char)('0' + fraction % 10);
		end += 1 + digits;
	}
	to->length += (size_t)(end - at);
}

void wire_write_seconds(struct text *to, int64_t time_ms) {
	write_ms(to, time_ms);
}

/* [1.5,null,2] */
static void write_row(struct text *to, const float *values, uint32_t count) {
	char *at = text_reserve(to, (size_t)count * (NUM_TEXT_MAX + 1) + 2);
	if (!at)
		return;

	char *start = at;
	*at++ = '[';
	for (uint32_t i = 0; i < count; i++) {
		if (i > 0)
			*at++ = ',';
		if (isfinite(values[i])) {
			at += num_write(at, (double)values[i]);
		} else {
			memcpy(at, "null", 4);
			at += 4;
		}
	}
	*at++ = ']';
	to->length += (size_t)(at - start);
}

static void write_quantiles(struct text *to, const struct forecast *forecast) {
	for (uint32_t i = 0; i < QUANTILES; i++) {
		const char key[] = { i > 0 ? ',' : '{', '"', '0', '.', (char)('1' + i), '"', ':' };

		text_add(to, span_of(key, sizeof(key)));
		write_row(
			to, forecast->quantiles + (size_t)i * forecast->horizon, forecast->horizon);
	}
	text_add_char(to, '}');
}

/* A member of an object that is text, left out where there is none. */
static void write_text(struct text *to, struct span key, struct span text) {
	if (text.length == 0)
		return;
	text_add(to, key);
	text_add_json_string(to, text);
}

void wire_write_forecast(
	struct text *to, const struct forecast *forecast, const struct wire_names *names) {
	char *at;

	text_add(to, SPAN("{\"series\":"));
	text_add_json_string(to, names->series);
	text_add(to, SPAN(",\"issued\":"));
	write_ms(to, forecast->issued_ms);
	text_add(to, SPAN(",\"step\":"));
	write_ms(to, forecast->step_ms);
	text_add(to, SPAN(",\"horizon\":"));
	at = text_reserve(to, NUM_TEXT_MAX);
	if (at)
		to->length += num_write_int(at, forecast->horizon);
	write_text(to, SPAN(",\"unit\":"), names->unit);
	text_add(to, SPAN(",\"status\":\""));
	text_add(to, span_text(status_names[forecast->status]));
	text_add(to, SPAN("\",\"seen\":"));
	at = text_reserve(to, NUM_TEXT_MAX);
	if (at)
		to->length += num_write_int(at, (int64_t)forecast->seen);
	text_add(to, SPAN(",\"observed\":"));
	text_add_json_number(to, forecast->observed);
	text_add(to, SPAN(",\"mean\":"));
	write_row(to, forecast->mean, forecast->horizon);
	text_add(to, SPAN(",\"quantiles\":"));
	write_quantiles(to, forecast);
	text_add(to, SPAN(",\"anomaly\":"));
	text_add_json_number(to, forecast->anomaly);
	text_add(to, SPAN(",\"skill\":"));
	text_add_json_number(to, forecast->skill);
	write_text(to, SPAN(",\"model\":"), names->model);
	text_add_char(to, '}');
}

void wire_write_anomaly(
	struct text *to, const struct wire_anomaly *anomaly, const struct wire_names *names) {
	const struct {
		struct span key;
		double value;
	} members[] = {
		{ SPAN(",\"value\":"), anomaly->value },
		{ SPAN(",\"low\":"), anomaly->low },
		{ SPAN(",\"high\":"), anomaly->high },
		{ SPAN(",\"score\":"), anomaly->score },
	};

	text_add(to, SPAN("{\"series\":"));
	text_add_json_string(to, names->series);
	text_add(to, SPAN(",\"time\":"));
	write_ms(to, anomaly->time_ms);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		text_add(to, members[i].key);
		text_add_json_number(to, members[i].value);
	}
	write_text(to, SPAN(",\"unit\":"), names->unit);
	write_text(to, SPAN(",\"model\":"), names->model);
	text_add_char(to, '}');
}

void wire_write_series_topic(
	struct text *to, struct span base, struct span kind, struct span series) {
	text_add(to, base);
	text_add_char(to, '/');
	text_add(to, kind);
	text_add_char(to, '/');
	text_add(to, series);
}

void wire_write_instance_topic(
	struct text *to, struct span base, struct span instance, struct span kind) {
	wire_write_series_topic(to, base, instance, kind);
}

void wire_write_row(struct text *to, int64_t time_ms, const struct span *channels,
	const double *values, size_t count) {
	text_add(to, SPAN("{\"time\":"));
	write_ms(to, time_ms);
	for (size_t i = 0; i < count; i++) {
		text_add_char(to, ',');
		text_add_json_string(to, channels[i]);
		text_add_char(to, ':');
		char *at = isfinite(values[i]) ? text_reserve(to, NUM_TEXT_MAX) : NULL;
		if (at)
			to->length += num_write_exact(at, values[i]);
		else
			text_add(to, SPAN("null"));
	}
	text_add_char(to, '}');
}
