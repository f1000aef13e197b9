/* SPDX-License-Identifier: Apache-2.0 */
#include "rhythm.h"
#include "sensor.h"
#include "standard.h"
#include "synthetic.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH 2048

static void expect_near(double actual, double expected, double tolerance) {
	if (!(fabs(actual - expected) <= tolerance))
		fail_msg("%g instead of %g", actual, expected);
}

/* Correlation of a series with itself `lag` ticks ago. */
static double correlation(const double *y, size_t lag, size_t length) {
	struct moments moments = moments_of(y, length);
	double sum = 0;
	for (size_t t = lag; t < length; t++)
		sum += (y[t] - moments.mean) * (y[t - lag] - moments.mean);
	return sum / ((double)(length - lag) * moments.deviation * moments.deviation);
}

static void white_noise_is_white_and_of_unit_variance(void **unused) {
	(void)unused;
	static double y[LENGTH];
	struct random random;
	double deviations = 0, correlations = 0, largest = 0;
	random_init(&random, 1);
	for (int i = 0; i < 100; i++) {
		white_noise(&random, y, LENGTH);
		double lag1 = correlation(y, 1, LENGTH);
		deviations += moments_of(y, LENGTH).deviation / 100;
		correlations += lag1 / 100;
		largest = fmax(largest, fabs(lag1));
	}
	expect_near(deviations, 1, 0.05);
	expect_near(correlations, 0, 0.01);
	assert_true(largest < 0.12); /* five deviations of 1/sqrt(2048) */
}

/* Days resemble each other more than times of day do. */
static void days_resemble_days(void **unused) {
	(void)unused;
	static double y[LENGTH];
	const struct calendar calendar = { .per_day = 24, .start = 30 };
	struct random random;
	int better = 0;
	random_init(&random, 2);
	for (int i = 0; i < 50; i++) {
		rhythm_daily(&random, &calendar, y, LENGTH);
		better += correlation(y, 7 * 24, LENGTH) > correlation(y, 7 * 24 + 12, LENGTH);
	}
	assert_true(better >= 45);
}

static void a_cycle_repeats_after_its_period(void **unused) {
	(void)unused;
	static double y[LENGTH];
	struct random random;
	int exact = 0;
	random_init(&random, 3);
	for (int i = 0; i < 40; i++) {
		bool repeats = true;
		rhythm_cycle(&random, 50, y, LENGTH);
		for (int t = 50; t < LENGTH; t++)
			repeats = repeats && fabs(y[t] - y[t - 50]) < 1e-6;
		exact += repeats;
	}
	/* Half of the cycles have a phase that wanders. */
	assert_in_range(exact, 8, 32);
}

/* What a batch of series shows of what was made into them. */
struct census {
	int gaps, stuck, negative, whole, clocks, days, weeks, found, silent;
};

static bool has_run(const struct train_series *series, uint32_t length, bool missing) {
	uint32_t run = 0;
	for (uint32_t t = 1; t < series->ticks; t++) {
		double value = series->values[t];
		run = (missing ? isnan(value) : value == series->values[t - 1]) ? run + 1 : 0;
		if (run >= length)
			return true;
	}
	return false;
}

static bool is_whole(const struct train_series *series) {
	double grain = INFINITY;
	for (uint32_t t = 1; t < series->ticks; t++) {
		double step = fabs(series->values[t] - series->values[t - 1]);
		if (step > 0)
			grain = fmin(grain, step);
	}
	for (uint32_t t = 1; t < series->ticks; t++) {
		double steps = (series->values[t] - series->values[0]) / grain;
		if (!isnan(steps) && fabs(steps - round(steps)) > 1e-3)
			return false;
	}
	return true;
}

static void count(struct census *census, const struct train_series *series) {
	census->gaps += has_run(series, 1, true);
	census->stuck += has_run(series, 10, false);
	census->whole += is_whole(series);
	census->clocks += series->start >= 0;
	census->days += series->m1 == series->per_day;
	census->weeks += series->m2 > 0;
	census->found += series->awake > 0;
}

static void expect_sound(const struct train_series *series) {
	assert_false(isnan(series->values[0]));
	for (uint32_t t = 0; t < series->ticks + SERIES_FUTURE; t++)
		assert_false(isinf(series->values[t]));
	assert_true(series->m1 <= SERIES_SEASON_MAX && series->m2 <= SERIES_SEASON_MAX);
	assert_true(series->m1 != 1 && (series->m2 == 0 || series->m2 == 7 * series->m1));
}

/* The shares that the processes are drawn with leave their marks: 30% of series and 5% more have gaps,
 * 40% are quantised and some count, most know the day. */
static void every_trouble_happens(void **unused) {
	(void)unused;
	static struct train_series series;
	struct census census = { 0 };
	struct synthetic_room *room;
	struct random random;
	assert_int_equal(synthetic_room_create(&room), 0);
	random_init(&random, 4);
	for (int i = 0; i < 400; i++) {
		synthetic_make(room, &random, 512, &series);
		expect_sound(&series);
		count(&census, &series);
	}
	assert_in_range(census.gaps, 90, 180);
	assert_in_range(census.stuck, 30, 200);
	assert_in_range(census.whole, 120, 260);
	assert_in_range(census.clocks, 310, 370);
	assert_in_range(census.days, 260, 350);
	assert_in_range(census.weeks, 180, 300);
	assert_in_range(census.found, 15, 80);
	synthetic_room_destroy(room);
}

static void the_same_random_numbers_give_the_same_series(void **unused) {
	(void)unused;
	static struct train_series first, second;
	struct synthetic_room *room;
	struct random random;
	assert_int_equal(synthetic_room_create(&room), 0);
	for (uint64_t seed = 0; seed < 20; seed++) {
		random_init(&random, seed);
		synthetic_make(room, &random, 256, &first);
		random_init(&random, seed);
		synthetic_make(room, &random, 256, &second);
		assert_memory_equal(
			first.values, second.values, (256 + SERIES_FUTURE) * sizeof(double));
	}
	synthetic_room_destroy(room);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(white_noise_is_white_and_of_unit_variance),
		cmocka_unit_test(days_resemble_days),
		cmocka_unit_test(a_cycle_repeats_after_its_period),
		cmocka_unit_test(every_trouble_happens),
		cmocka_unit_test(the_same_random_numbers_give_the_same_series),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
