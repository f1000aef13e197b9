/* SPDX-License-Identifier: Apache-2.0 */
#include "chart.h"

#include "random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define NOW     INT64_C(1790006400000)
#define STEP    INT64_C(60000)
#define HORIZON 12
#define PAST    24

static struct chart_point history[PAST];
static float quantiles[QUANTILES * HORIZON];

/* Observations at 10, and a fan of 20 and its neighbours: 16 to 24. */
static struct chart flat_chart(void) {
	for (int i = 0; i < PAST; i++)
		history[i] = (struct chart_point){
			.time_ms = NOW - (PAST - 1 - i) * STEP, .value = 10, .low = NAN, .high = NAN
		};
	for (int q = 0; q < QUANTILES; q++) {
		for (int h = 0; h < HORIZON; h++)
			quantiles[q * HORIZON + h] = (float)(16 + q);
	}
	return (struct chart){ .series = "pump7/pressure",
		.unit = "bar",
		.model = "base-3",
		.status = "ok",
		.observed = 10,
		.anomaly = 0.25,
		.skill = 0.41,
		.history = history,
		.history_count = PAST,
		.issued_ms = NOW,
		.step_ms = STEP,
		.horizon = HORIZON,
		.quantiles = quantiles,
		.reach = 2,
		.hint = "q quit" };
}

#define COLUMNS 80
#define ROWS    24

/* The picture's rows as strings. */
static char picture[ROWS][512];

static void draw(const struct chart *chart, const struct canvas_style *style) {
	struct canvas canvas;
	struct text text = { 0 };

	assert_int_equal(canvas_init(&canvas, COLUMNS, ROWS), 0);
	chart_draw(chart, &canvas);
	canvas_write(&canvas, style, &text);
	struct span rest = text_span(&text);
	for (int row = 0; row < ROWS; row++) {
		struct span line = span_cut(&rest, '\n');
		assert_true(line.length < sizeof(picture[0]));
		memcpy(picture[row], line.data, line.length);
		picture[row][line.length] = '\0';
	}
	assert_null(rest.data);
	text_finish(&text);
	canvas_finish(&canvas);
}

static void draw_ascii(const struct chart *chart) {
	const struct canvas_style ascii = { .utf8 = false };

	draw(chart, &ascii);
}

static int count(const char *line, char c) {
	int number = 0;

	for (; *line; line++)
		number += *line == c;
	return number;
}

static void the_title_tells_how_the_series_is_doing(void **state) {
	struct chart chart = flat_chart();

	(void)state;
	draw_ascii(&chart);
	assert_non_null(strstr(picture[0], "pump7/pressure   10.00 bar"));
	assert_non_null(strstr(picture[0], "ok   skill +41%   anomaly 0.25   base-3"));
	assert_non_null(strstr(picture[1], "in 1 min 20.00  80%: 16.00 ~ 24.00"));
	assert_non_null(strstr(picture[1], "in 12 min 20.00"));
	assert_non_null(strstr(picture[ROWS - 1], "q quit"));
}

static void unknown_figures_are_left_out(void **state) {
	struct chart chart = flat_chart();

	(void)state;
	chart.observed = chart.skill = chart.anomaly = NAN;
	chart.model = "";
	draw_ascii(&chart);
	assert_null(strstr(picture[0], "skill"));
	assert_null(strstr(picture[0], "anomaly"));
	assert_null(strstr(picture[0], "nan"));
}

/* The plot lies in rows 3 to 20. Values reach from 10 to 24 with 6% of air: 9.16 to 24.84, each row
 * is 0.871 high. So 10 is the 17th row of the plot from 0, 20 the 5th, the outer quantiles are the
 * 10th and the 0th. */
static void lines_and_bands_lie_at_their_values(void **state) {
	struct chart chart = flat_chart();
	const int top = 3;

	(void)state;
	draw_ascii(&chart);
	/* Two thirds of the time shown have passed: some 49 of 73 columns. */
	assert_in_range(count(picture[top + 17], '*'), 45, 53);
	for (int row = 0; row < 17; row++)
		assert_int_equal(count(picture[top + row], '*'), 0);
	assert_in_range(count(picture[top + 5], '-'), 18, 26);

	const struct canvas_style mono = { .utf8 = true };
	draw(&chart, &mono);
	assert_non_null(strstr(picture[top + 1], "░"));
	assert_non_null(strstr(picture[top + 9], "░"));
	assert_null(strstr(picture[top + 11], "░"));
	assert_non_null(strstr(picture[top + 4], "▒"));
}

static void ticks_name_values_and_local_times(void **state) {
	struct chart chart = flat_chart();
	int values = 0, times = 0;

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	draw_ascii(&chart);
	for (int row = 3; row < ROWS - 3; row++)
		values += strstr(picture[row], "10 +") != NULL ||
			  strstr(picture[row], "20 +") != NULL;
	assert_int_equal(values, 2);
	times += strstr(picture[ROWS - 2], "15:50") != NULL;
	times += strstr(picture[ROWS - 2], "16:00") != NULL;
	assert_int_equal(times, 2);
}

static void a_missing_value_breaks_the_line(void **state) {
	struct chart chart = flat_chart();

	(void)state;
	draw_ascii(&chart);
	int whole = count(picture[3 + 17], '*');
	history[10].value = history[11].value = history[12].value = NAN;
	draw_ascii(&chart);
	int broken = count(picture[3 + 17], '*');
	/* Four of 23 stretches are gone. */
	assert_in_range(whole - broken, whole * 3 / 23, whole * 5 / 23);
}

static void an_anomaly_is_marked(void **state) {
	const struct canvas_style mono = { .utf8 = true };
	struct chart chart = flat_chart();

	(void)state;
	draw(&chart, &mono);
	assert_null(strstr(picture[3 + 17], "●"));
	history[5].anomalous = true;
	draw(&chart, &mono);
	assert_non_null(strstr(picture[3 + 17], "●"));
}

static void what_had_been_predicted_lies_behind_the_past(void **state) {
	const struct canvas_style full = { .utf8 = true, .colour = true };
	struct chart chart = flat_chart();

	(void)state;
	draw(&chart, &full);
	for (int row = 0; row < ROWS; row++)
		assert_null(strstr(picture[row], "48;5;236"));
	for (int i = 0; i < PAST; i++) {
		history[i].low = 12;
		history[i].high = 18;
	}
	draw(&chart, &full);
	assert_non_null(strstr(picture[3 + 12], "48;5;236"));
}

static void without_a_forecast_it_says_so(void **state) {
	struct chart chart = flat_chart();

	(void)state;
	chart.horizon = 0;
	draw_ascii(&chart);
	assert_non_null(strstr(picture[2], "waiting for a forecast"));
}

/* No number that a daemon might send may upset the picture. */
static void any_numbers_in_any_room_draw_something(void **state) {
	static const double odd[] = { 0, -0.0, 1e-300, -1e300, 1e300, 5, NAN, 3.4e38, -3.4e38 };
	const struct canvas_style full = { .utf8 = true, .colour = true };
	struct chart chart = flat_chart();
	struct random random;

	(void)state;
	random_init(&random, 11);
	for (int round = 0; round < 1000; round++) {
		struct canvas canvas;
		struct text text = { 0 };
		size_t kind = random_next(&random) % 9;
		for (int i = 0; i < PAST; i++) {
			history[i].value = round % 2 ? odd[random_next(&random) % 9] : odd[kind];
			history[i].low = odd[random_next(&random) % 9];
			history[i].high = odd[random_next(&random) % 9];
		}
		for (int i = 0; i < QUANTILES * HORIZON; i++)
			quantiles[i] = round % 3 ? (float)random_normal(&random)
						 : (float)fmax(-3e38, fmin(3e38, odd[kind]));
		chart.observed = odd[random_next(&random) % 9];
		chart.history_count = random_next(&random) % (PAST + 1);
		chart.horizon = 1 + random_next(&random) % HORIZON;
		chart.step_ms = 1 + (int64_t)(random_next(&random) % 100000000);
		chart.reach = 0.5 + 16 * random_uniform(&random);
		int columns = 1 + (int)(random_next(&random) % 200);
		int rows = 1 + (int)(random_next(&random) % 60);
		assert_int_equal(canvas_init(&canvas, columns, rows), 0);
		chart_draw(&chart, &canvas);
		canvas_write(&canvas, &full, &text);
		assert_false(text_failed(&text));
		text_finish(&text);
		canvas_finish(&canvas);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_title_tells_how_the_series_is_doing),
		cmocka_unit_test(unknown_figures_are_left_out),
		cmocka_unit_test(lines_and_bands_lie_at_their_values),
		cmocka_unit_test(ticks_name_values_and_local_times),
		cmocka_unit_test(a_missing_value_breaks_the_line),
		cmocka_unit_test(an_anomaly_is_marked),
		cmocka_unit_test(what_had_been_predicted_lies_behind_the_past),
		cmocka_unit_test(without_a_forecast_it_says_so),
		cmocka_unit_test(any_numbers_in_any_room_draw_something),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
