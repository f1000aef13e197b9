/* SPDX-License-Identifier: Apache-2.0 */
#include "axis.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static void assert_near(double got, double expected) {
	assert_true(fabs(got - expected) <= 1e-9 * fabs(expected));
}

static void value_steps_are_one_two_or_five(void **state) {
	static const struct {
		double range;
		int most;
		double step;
	} cases[] = { { 10, 5, 2 }, { 10, 10, 1 }, { 10, 4, 5 }, { 17, 8, 5 }, { 0.3, 3, 0.1 },
		{ 0.0031, 4, 0.001 }, { 12345, 6, 5000 }, { 1e-9, 2, 5e-10 }, { 1e12, 5, 2e11 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_near(axis_value_step(cases[i].range, cases[i].most), cases[i].step);
}

static void value_labels_have_the_decimals_of_the_step(void **state) {
	static const struct {
		double value, step;
		const char *label;
	} cases[] = { { 4.25, 0.05, "4.25" }, { 4, 0.05, "4.00" }, { 20, 5, "20" },
		{ -1200, 200, "-1200" }, { 1e-17, 0.1, "0.0" }, { -0.0, 1, "0" },
		{ 3e-9, 1e-9, "3e-09" }, { 2e9, 1e9, "2e+09" } };
	char label[AXIS_LABEL_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		axis_value_label(label, cases[i].value, cases[i].step);
		assert_string_equal(label, cases[i].label);
	}
}

static void numbers_have_four_digits(void **state) {
	static const struct {
		double value;
		const char *label;
	} cases[] = { { 20, "20.00" }, { 4.21049, "4.210" }, { -17.239, "-17.24" }, { 0, "0.000" },
		{ 999.51, "1000" }, { 123456.7, "123457" }, { 0.00001234, "1.23e-05" },
		{ 2.5e12, "2.5e+12" } };
	char label[AXIS_LABEL_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		axis_number(label, cases[i].value);
		assert_string_equal(label, cases[i].label);
	}
}

static void time_steps_are_those_of_clocks(void **state) {
	(void)state;
	assert_int_equal(axis_time_step(10 * SECOND, 10), SECOND);
	assert_int_equal(axis_time_step(MINUTE, 5), 15 * SECOND);
	assert_int_equal(axis_time_step(25 * MINUTE, 8), 5 * MINUTE);
	assert_int_equal(axis_time_step(2 * DAY, 8), 6 * HOUR);
	assert_int_equal(axis_time_step(4 * DAY, 5), DAY);
	assert_int_equal(axis_time_step(40 * DAY, 6), 7 * DAY);
}

static void set_zone(const char *zone) {
	setenv("TZ", zone, 1);
	tzset();
}

/* 2026-09-21 16:00:00 UTC. */
#define MOMENT (INT64_C(1790006400) * SECOND)

static void ticks_are_round_in_local_time(void **state) {
	(void)state;
	set_zone("UTC");
	assert_int_equal(axis_time_first(MOMENT, 6 * HOUR), MOMENT + 2 * HOUR);
	assert_int_equal(axis_time_first(MOMENT, HOUR), MOMENT);
	/* Half past nine in the evening at Kolkata. */
	set_zone("IST-5:30");
	assert_int_equal(axis_time_first(MOMENT, HOUR), MOMENT + 30 * MINUTE);
	assert_int_equal(axis_time_first(MOMENT, DAY), MOMENT + 150 * MINUTE);
}

static void time_labels_say_what_the_step_needs(void **state) {
	char label[AXIS_LABEL_MAX];

	(void)state;
	set_zone("UTC");
	axis_time_label(label, MOMENT + 10 * SECOND, 10 * SECOND);
	assert_string_equal(label, "16:00:10");
	axis_time_label(label, MOMENT, HOUR);
	assert_string_equal(label, "16:00");
	axis_time_label(label, MOMENT + 8 * HOUR, HOUR);
	assert_string_equal(label, "Sep 22");
	axis_time_label(label, MOMENT, DAY);
	assert_string_equal(label, "Sep 21");
	set_zone("IST-5:30");
	axis_time_label(label, MOMENT, HOUR);
	assert_string_equal(label, "21:30");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(value_steps_are_one_two_or_five),
		cmocka_unit_test(value_labels_have_the_decimals_of_the_step),
		cmocka_unit_test(numbers_have_four_digits),
		cmocka_unit_test(time_steps_are_those_of_clocks),
		cmocka_unit_test(ticks_are_round_in_local_time),
		cmocka_unit_test(time_labels_say_what_the_step_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
