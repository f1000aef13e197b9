/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "gallery.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* A forecast of two steps of a minute: quantile 0.1 is low, low + 1 at the second step, and so on. */
static const char *forecast(const char *series, int issued, double observed, double low) {
	static char json[2048];
	int length = snprintf(json, sizeof(json),
		"{\"series\":\"%s\",\"issued\":%d,\"step\":60,\"horizon\":2,\"unit\":\"bar\","
		"\"status\":\"ok\",\"seen\":7,\"observed\":%g,\"mean\":[1,2],\"quantiles\":{",
		series, issued, observed);

	for (int q = 1; q <= QUANTILES; q++)
		length +=
			snprintf(json + length, sizeof(json) - (size_t)length, "%s\"0.%d\":[%g,%g]",
				q > 1 ? "," : "", q, low + (q - 1) / 8.0, low + 1 + (q - 1) / 8.0);
	snprintf(json + length, sizeof(json) - (size_t)length,
		"},\"anomaly\":null,\"skill\":0.5,\"model\":\"m\"}");
	return json;
}

static int add(struct gallery *gallery, const char *json) {
	return gallery_add(gallery, span_text(json));
}

static void a_forecast_is_read_back(void **state) {
	struct forecast_view view = { 0 };

	(void)state;
	assert_int_equal(
		forecast_view_read(&view, span_text(forecast("p/q", 1790000000, 4.25, 3))), 0);
	assert_string_equal(view.series, "p/q");
	assert_string_equal(view.unit, "bar");
	assert_string_equal(view.status, "ok");
	assert_int_equal(view.issued_ms, INT64_C(1790000000000));
	assert_int_equal(view.step_ms, 60000);
	assert_int_equal(view.horizon, 2);
	assert_true(view.observed == 4.25);
	assert_true(view.skill == 0.5);
	assert_true(isnan(view.anomaly));
	assert_true(forecast_view_at(&view, 0, 0) == 3);
	assert_true(forecast_view_at(&view, QUANTILE_MEDIAN, 1) == 4.5);
	forecast_view_finish(&view);
}

static void what_is_no_forecast_is_refused_and_changes_nothing(void **state) {
	static const char *const wrong[] = { "", "{", "7", "{}", "[]",
		"{\"series\":\"a\",\"issued\":1790000000,\"step\":60,\"quantiles\":{\"0.1\":[1]}}",
		"{\"series\":\"a\",\"issued\":-5,\"step\":60,\"quantiles\":{\"0.1\":[1]}}" };
	struct forecast_view view = { 0 };

	(void)state;
	forecast_view_read(&view, span_text(forecast("p/q", 1790000000, 4.25, 3)));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(forecast_view_read(&view, span_text(wrong[i])), E_SYNTAX);
	assert_string_equal(view.series, "p/q");
	assert_int_equal(view.horizon, 2);
	forecast_view_finish(&view);
}

static void a_line_tells_what_comes(void **state) {
	struct forecast_view view = { 0 };
	struct text line = { 0 };

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	forecast_view_read(&view, span_text(forecast("p/q", 1790000000, 4.25, 3)));
	forecast_view_line(&view, &line);
	text_add_char(&line, '\0');
	assert_string_equal(line.data,
		"2026-09-21 14:13:20  p/q  4.250 bar  +1: 3.500 [3.000, 4.000]"
		"  +2: 4.500 [4.000, 5.000]  ok  skill +50%\n");
	text_finish(&line);
	forecast_view_finish(&view);
}

static void observations_gather_with_what_had_been_predicted(void **state) {
	struct gallery gallery;

	(void)state;
	assert_int_equal(gallery_init(&gallery), 0);
	assert_int_equal(add(&gallery, forecast("p/q", 1000000, 1, 3)), 0);
	assert_int_equal(add(&gallery, forecast("p/q", 1000060, 2, 5)), 0);
	struct chart chart = gallery_chart(&gallery, 0, 2);
	assert_int_equal(chart.history_count, 2);
	assert_true(isnan(chart.history[0].low));
	assert_true(chart.history[1].value == 2);
	assert_true(chart.history[1].low == 3);
	assert_true(chart.history[1].high == 4);
	assert_int_equal(chart.horizon, 2);
	assert_true((double)chart.quantiles[0] == 5);
	gallery_finish(&gallery);
}

static void a_gap_breaks_the_line_and_takes_the_later_step(void **state) {
	struct gallery gallery;

	(void)state;
	assert_int_equal(gallery_init(&gallery), 0);
	add(&gallery, forecast("p/q", 1000000, 1, 3));
	add(&gallery, forecast("p/q", 1000120, 2, 5));
	struct chart chart = gallery_chart(&gallery, 0, 2);
	assert_int_equal(chart.history_count, 3);
	assert_true(isnan(chart.history[1].value));
	assert_true(chart.history[2].low == 4);

	add(&gallery, forecast("p/q", 1000600, 2, 5));
	chart = gallery_chart(&gallery, 0, 2);
	assert_true(isnan(chart.history[chart.history_count - 1].low));
	gallery_finish(&gallery);
}

static void a_repeated_time_corrects_and_an_earlier_one_begins_anew(void **state) {
	struct gallery gallery;

	(void)state;
	assert_int_equal(gallery_init(&gallery), 0);
	for (int i = 0; i < 5; i++)
		add(&gallery, forecast("p/q", 1000000 + 60 * i, i, 3));
	add(&gallery, forecast("p/q", 1000240, 40, 3));
	struct chart chart = gallery_chart(&gallery, 0, 2);
	assert_int_equal(chart.history_count, 5);
	assert_true(chart.history[4].value == 40);
	add(&gallery, forecast("p/q", 900000, 7, 3));
	chart = gallery_chart(&gallery, 0, 2);
	assert_int_equal(chart.history_count, 1);
	gallery_finish(&gallery);
}

static void series_are_told_apart(void **state) {
	struct gallery gallery;
	char name[32];

	(void)state;
	assert_int_equal(gallery_init(&gallery), 0);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "d%d/c", i);
		assert_int_equal(add(&gallery, forecast(name, 1000000, i, 3)), i);
	}
	assert_int_equal(gallery_find(&gallery, "d42/c"), 42);
	assert_int_equal(gallery_find(&gallery, "d100/c"), -1);
	assert_int_equal(add(&gallery, forecast("d42/c", 1000060, 1, 3)), 42);
	assert_int_equal(add(&gallery, "nonsense"), E_SYNTAX);
	assert_int_equal(gallery.count, 100);
	gallery_finish(&gallery);
}

static void the_history_is_bounded(void **state) {
	struct gallery gallery;

	(void)state;
	assert_int_equal(gallery_init(&gallery), 0);
	for (int i = 0; i < 3 * GALLERY_HISTORY_MAX; i++)
		add(&gallery, forecast("p/q", 1000000 + 60 * i, i, 3));
	struct chart chart = gallery_chart(&gallery, 0, 2);
	assert_in_range(chart.history_count, GALLERY_HISTORY_MAX / 2 - 2, GALLERY_HISTORY_MAX);
	assert_true(chart.history[chart.history_count - 1].value == 3 * GALLERY_HISTORY_MAX - 1);
	assert_true(chart.history[0].time_ms < chart.history[1].time_ms);
	gallery_finish(&gallery);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_forecast_is_read_back),
		cmocka_unit_test(what_is_no_forecast_is_refused_and_changes_nothing),
		cmocka_unit_test(a_line_tells_what_comes),
		cmocka_unit_test(observations_gather_with_what_had_been_predicted),
		cmocka_unit_test(a_gap_breaks_the_line_and_takes_the_later_step),
		cmocka_unit_test(a_repeated_time_corrects_and_an_earlier_one_begins_anew),
		cmocka_unit_test(series_are_told_apart),
		cmocka_unit_test(the_history_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
