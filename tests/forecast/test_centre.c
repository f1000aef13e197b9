/* SPDX-License-Identifier: Apache-2.0 */
#include "centre.h"

#include "mix.h"
#include "random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SCORES 4000

/* Forecasts of a series in no group: nobody says anything of neighbours. */
static void speak(float mean, float median, float candidates[CENTRES]) {
	struct pending pending = { .mean = mean, .median = median, .near_median = NAN };
	centre_candidates(&pending, candidates);
}

/* Of a series in a group, whose neighbours add `more`, or `own` with the series' own correction. */
static void speak_together(float median, float more, float own, float candidates[CENTRES]) {
	struct pending pending = { .mean = median, .median = median, .near_median = median + more };
	pending.experts[EXPERT_NEIGHBOURS] = 3 + more;
	pending.experts[EXPERT_NEIGHBOURS_OWN] = 3 + own;
	centre_candidates(&pending, candidates);
}

/* Exponential errors: the mean 1 errs by 2/e, the median ln 2 by ln 2. */
static void half_of_a_skewed_series_lies_below(void **state) {
	(void)state;
	struct centre centre = { 0 };
	struct random random;
	float candidates[CENTRES];
	double sum = 0;
	random_init(&random, 5);
	speak(1, logf(2), candidates);
	for (int n = 0; n < SCORES; n++) {
		centre_score(&centre, candidates, -log(1 - random_uniform(&random)), 1, 100);
		if (n >= SCORES / 2)
			sum += centre_mix(&centre, candidates, 1);
	}
	double other = exp(-LAST_SHARPNESS * (2 / M_E / log(2) - 1));
	double expected = (log(2) + other) / (1 + other);
	assert_float_equal(sum / (SCORES / 2), expected, 0.02);
}

/* Nearly all values are the one before: a mean of experts is always a little off. */
static void a_series_that_stands_still_is_left_where_it_is(void **state) {
	(void)state;
	struct centre centre = { 0 };
	float candidates[CENTRES];
	speak(0.2F, 0.1F, candidates);
	for (int n = 0; n < SCORES; n++)
		centre_score(&centre, candidates, n % 20 ? 0 : 2, 1, 100);
	/* 0.1 against 0.19 and 0.28 on average. */
	assert_float_equal(centre_mix(&centre, candidates, 1), 0, 1e-3);
}

static void a_few_ticks_without_change_prove_nothing(void **state) {
	(void)state;
	struct centre centre = { 0 };
	float candidates[CENTRES];
	speak(1, 1, candidates);
	for (int n = 0; n < 10; n++)
		centre_score(&centre, candidates, n % 2, 1, 100);
	assert_true(centre_mix(&centre, candidates, 1) > 0.99);
}

static void who_errs_far_less_has_all_the_weight(void **state) {
	(void)state;
	struct centre centre = { 0 };
	float candidates[CENTRES];
	speak(1, 7, candidates);
	for (int n = 0; n < SCORES; n++)
		centre_score(&centre, candidates, n % 2 ? 1.5 : 0.5, 1, 100);
	assert_float_equal(centre_mix(&centre, candidates, 1), 1, 1e-3);
}

static void without_a_network_it_is_the_mean(void **state) {
	(void)state;
	struct centre centre = { 0 };
	float candidates[CENTRES];
	speak(5, NAN, candidates);
	assert_float_equal(centre_mix(&centre, candidates, 3), 5, 0);
	centre_score(&centre, candidates, 2, 1, 100);
	assert_float_equal(centre_mix(&centre, candidates, 3), 5, 0);
}

static void at_first_the_network_is_believed(void **state) {
	(void)state;
	struct centre centre = { 0 };
	float candidates[CENTRES];
	speak(5, 6, candidates);
	assert_float_equal(centre_mix(&centre, candidates, 3), 6, 0);
	/* As bad as the mean once: still taken for better. */
	centre_score(&centre, candidates, 5.5, 1, 100);
	assert_true(centre_mix(&centre, candidates, 3) > 5.7);
}

static void what_neighbours_add_is_added_to_the_median(void **state) {
	(void)state;
	struct centre centre = { 0 };
	float candidates[CENTRES];
	speak_together(10, 2, -1, candidates);
	for (int n = 0; n < SCORES; n++)
		centre_score(&centre, candidates, 12, 1, 100);
	assert_float_equal(centre_mix(&centre, candidates, 1), 12, 0.01);
}

/* Before neighbours have been scored for a while they weigh little even if they were lucky. */
static void luck_of_neighbours_is_doubted(void **state) {
	(void)state;
	struct centre centre = { 0 };
	float candidates[CENTRES];
	speak_together(10, 1, 1, candidates);
	centre_score(&centre, candidates, 10.6, 1, 100);
	assert_true(centre_mix(&centre, candidates, 1) < 10.3);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_of_a_skewed_series_lies_below),
		cmocka_unit_test(a_series_that_stands_still_is_left_where_it_is),
		cmocka_unit_test(a_few_ticks_without_change_prove_nothing),
		cmocka_unit_test(who_errs_far_less_has_all_the_weight),
		cmocka_unit_test(without_a_network_it_is_the_mean),
		cmocka_unit_test(at_first_the_network_is_believed),
		cmocka_unit_test(what_neighbours_add_is_added_to_the_median),
		cmocka_unit_test(luck_of_neighbours_is_doubted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
