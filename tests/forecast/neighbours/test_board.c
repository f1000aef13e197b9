/* SPDX-License-Identifier: Apache-2.0 */
#include "board.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SOON 1000

static struct board_seat taken(void) {
	struct board_seat seat;
	board_seat_take(&seat, 7);
	return seat;
}

static void a_value_is_seen_in_deviations(void **state) {
	(void)state;
	struct board_seat seat = taken();
	double deviation;
	assert_true(board_seen(&seat, SOON, &deviation) == 0);

	board_post(&seat, SOON, 14, 10, 2);
	assert_true(board_exact(&seat, SOON, &deviation));
	assert_float_equal(deviation, 2, 0);
	assert_false(board_exact(&seat, SOON + 1, &deviation));
	assert_false(board_exact(&seat, SOON - 1, &deviation));
}

static void a_late_member_fades(void **state) {
	(void)state;
	struct board_seat seat = taken();
	double deviation;
	board_post(&seat, SOON, 14, 10, 2);
	for (int age = 0; age <= BOARD_AGE_MAX; age++)
		assert_float_equal(board_seen(&seat, SOON + age, &deviation), pow(0.5, age), 1e-12);
	assert_true(board_seen(&seat, SOON + BOARD_AGE_MAX + 1, &deviation) == 0);
}

static void slots_without_a_value_are_missing(void **state) {
	(void)state;
	struct board_seat seat = taken();
	double deviation;
	board_post(&seat, SOON, 14, 10, 2);
	board_post(&seat, SOON + 3, 12, 10, 2);
	assert_false(board_exact(&seat, SOON + 1, &deviation));
	assert_false(board_exact(&seat, SOON + 2, &deviation));
	assert_true(board_exact(&seat, SOON, &deviation));

	board_post(&seat, SOON + 3 + BOARD_DEPTH, 11, 10, 2);
	assert_false(board_exact(&seat, SOON + 3, &deviation));
	for (int ago = 1; ago < BOARD_DEPTH; ago++)
		assert_false(board_exact(&seat, SOON + 3 + BOARD_DEPTH - ago, &deviation));
}

static void an_older_value_changes_nothing(void **state) {
	(void)state;
	struct board_seat seat = taken();
	double deviation;
	board_post(&seat, SOON, 14, 10, 2);
	board_post(&seat, SOON - 1, 90, 10, 2);
	assert_float_equal(board_seen(&seat, SOON, &deviation), 1, 0);
	assert_float_equal(deviation, 2, 0);
}

static void a_stuck_member_is_not_seen(void **state) {
	(void)state;
	struct board_seat seat = taken();
	double deviation;
	for (int i = 0; i < BOARD_STUCK; i++)
		board_post(&seat, SOON + i, 14, 10, 2);
	assert_true(board_seen(&seat, SOON + BOARD_STUCK - 1, &deviation) > 0);
	board_post(&seat, SOON + BOARD_STUCK, 14, 10, 2);
	assert_true(board_seen(&seat, SOON + BOARD_STUCK, &deviation) == 0);
	board_post(&seat, SOON + BOARD_STUCK + 1, 15, 10, 2);
	assert_true(board_seen(&seat, SOON + BOARD_STUCK + 1, &deviation) > 0);
}

static void a_spike_is_limited(void **state) {
	(void)state;
	struct board_seat seat = taken();
	double deviation;
	board_post(&seat, SOON, -1e6, 10, 2);
	assert_true(board_exact(&seat, SOON, &deviation));
	assert_float_equal(deviation, -BOARD_LIMIT, 0);
}

static void what_a_member_forecast_is_kept_for_two_slots(void **state) {
	(void)state;
	struct board_seat seat = taken();
	const float first[BOARD_TOLD] = { 1, 2, 3 }, second[BOARD_TOLD] = { 4, 5, 6 };
	assert_null(board_told(&seat, SOON));
	board_tell(&seat, SOON, first);
	board_tell(&seat, SOON + 1, second);
	assert_memory_equal(board_told(&seat, SOON), first, sizeof(first));
	assert_memory_equal(board_told(&seat, SOON + 1), second, sizeof(second));
	board_tell(&seat, SOON + 2, second);
	assert_null(board_told(&seat, SOON));
}

static void a_stuck_member_forecasts_nothing(void **state) {
	(void)state;
	struct board_seat seat = taken();
	const float deviations[BOARD_TOLD] = { 0 };
	for (int i = 0; i <= BOARD_STUCK; i++) {
		board_post(&seat, SOON + i, 14, 10, 2);
		board_tell(&seat, SOON + i, deviations);
	}
	assert_null(board_told(&seat, SOON + BOARD_STUCK));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_is_seen_in_deviations),
		cmocka_unit_test(a_late_member_fades),
		cmocka_unit_test(slots_without_a_value_are_missing),
		cmocka_unit_test(an_older_value_changes_nothing),
		cmocka_unit_test(a_stuck_member_is_not_seen),
		cmocka_unit_test(a_spike_is_limited),
		cmocka_unit_test(what_a_member_forecast_is_kept_for_two_slots),
		cmocka_unit_test(a_stuck_member_forecasts_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
