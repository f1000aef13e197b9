/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cadence.h"
#include "random.h"

#include <math.h>
#include <stdlib.h>

static struct cadence cadence_of(const int64_t *intervals, size_t count) {
	struct cadence cadence = { .count = 0 };

	for (size_t i = 0; i < count; i++)
		cadence_add(&cadence, intervals[i]);
	return cadence;
}

#define CADENCE(...)                                                                               \
	cadence_of((const int64_t[]){ __VA_ARGS__ },                                               \
		sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t))

static void nothing_heard_means_a_minute(void **state) {
	struct cadence cadence = { .count = 0 };
	(void)state;

	assert_int_equal(cadence_step_ms(&cadence), 60000);
	assert_false(cadence_is_settled(&cadence));
}

static void three_intervals_that_agree_suffice(void **state) {
	struct cadence two = CADENCE(1000, 1000), three = CADENCE(1000, 1001, 999),
		       odd = CADENCE(1000, 1000, 3000);
	(void)state;

	assert_false(cadence_is_settled(&two));
	assert_true(cadence_is_settled(&three));
	assert_false(cadence_is_settled(&odd));
	assert_int_equal(cadence_step_ms(&odd), 1000);
}

static void eight_of_any_kind_settle_on_their_median(void **state) {
	struct cadence cadence = CADENCE(10, 60000, 60000, 120000, 59990, 60010, 180000, 20);
	(void)state;

	assert_true(cadence_is_settled(&cadence));
	assert_int_equal(cadence_step_ms(&cadence), 60000);
	cadence_add(&cadence, 5);
	assert_int_equal(cadence.count, CADENCE_INTERVALS);
}

static void usual_steps_are_met_through_jitter(void **state) {
	static const int64_t steps[] = { 100, 250, 1000, 5000, 10000, 15000, 30000, 60000, 300000,
		600000, 900000, 1800000, 3600000, 86400000 };
	struct random random;
	(void)state;

	random_init(&random, 1);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		for (int trial = 0; trial < 200; trial++) {
			struct cadence cadence = { .count = 0 };
			double late = 0;

			/* Delays of up to a fiftieth of the step. */
			while (!cadence_is_settled(&cadence)) {
				double delay = random_uniform(&random) * (double)steps[i] / 50;
				cadence_add(&cadence, steps[i] + (int64_t)lround(delay - late));
				late = delay;
			}
			assert_int_equal(cadence_step_ms(&cadence), steps[i]);
		}
	}
}

static void an_unusual_step_that_is_exact_stays(void **state) {
	struct cadence seven = CADENCE(7000, 7000, 7000), near = CADENCE(63000, 63000, 63000),
		       odd = CADENCE(1234567, 1234567, 1234567);
	(void)state;

	assert_int_equal(cadence_step_ms(&seven), 7000);
	assert_int_equal(cadence_step_ms(&near), 63000);
	assert_int_equal(cadence_step_ms(&odd), 1234567);
}

static void the_shortest_interval_is_a_step(void **state) {
	struct cadence cadence = CADENCE(1, 1, 1);
	(void)state;

	assert_int_equal(cadence_step_ms(&cadence), 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_heard_means_a_minute),
		cmocka_unit_test(three_intervals_that_agree_suffice),
		cmocka_unit_test(eight_of_any_kind_settle_on_their_median),
		cmocka_unit_test(usual_steps_are_met_through_jitter),
		cmocka_unit_test(an_unusual_step_that_is_exact_stays),
		cmocka_unit_test(the_shortest_interval_is_a_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
