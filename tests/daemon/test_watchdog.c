/* SPDX-License-Identifier: Apache-2.0 */
#include "watchdog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void idle_lanes_are_fine_for_ever(void **state) {
	struct watchdog watchdog = { 0 };
	struct watchdog_lane lanes[2] = { { 5, false }, { 0, false } };

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(watchdog_look(&watchdog, lanes, 2), -1);
}

static void a_busy_lane_that_makes_progress_is_fine(void **state) {
	struct watchdog watchdog = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 10; i++) {
		struct watchdog_lane lane = { i, true };

		assert_int_equal(watchdog_look(&watchdog, &lane, 1), -1);
	}
}

static void a_busy_lane_without_progress_hangs_at_the_second_look(void **state) {
	struct watchdog watchdog = { 0 };
	struct watchdog_lane lanes[2] = { { 9, false }, { 3, true } };

	(void)state;
	assert_int_equal(watchdog_look(&watchdog, lanes, 2), -1);
	assert_int_equal(watchdog_look(&watchdog, lanes, 2), 1);
	lanes[1].progress++;
	assert_int_equal(watchdog_look(&watchdog, lanes, 2), -1);
}

static void a_lane_that_was_idle_in_between_does_not_hang(void **state) {
	struct watchdog watchdog = { 0 };
	struct watchdog_lane lane = { 3, true };

	(void)state;
	assert_int_equal(watchdog_look(&watchdog, &lane, 1), -1);
	lane.busy = false;
	assert_int_equal(watchdog_look(&watchdog, &lane, 1), -1);
	lane.busy = true;
	assert_int_equal(watchdog_look(&watchdog, &lane, 1), -1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle_lanes_are_fine_for_ever),
		cmocka_unit_test(a_busy_lane_that_makes_progress_is_fine),
		cmocka_unit_test(a_busy_lane_without_progress_hangs_at_the_second_look),
		cmocka_unit_test(a_lane_that_was_idle_in_between_does_not_hang),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
