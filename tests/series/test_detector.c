/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#define MINUTE 60000
#define T0     INT64_C(1790000040000) /* a whole minute */

static void a_tick_leaves_with_its_reading(void **state) {
	struct fixture f;
	(void)state;

	fixture_init(&f, 1, every(MINUTE));
	for (int i = 0; i < 5; i++) {
		assert_put(&f, 0, T0 + i * MINUTE, i);
		assert_true(detector_has_tick(f.detector));
		assert_tick(&f, i, T0 + i * MINUTE, i);
		assert_true(f.tick.newest);
		assert_no_tick(&f);
	}
	fixture_finish(&f);
}

static void channels_of_a_message_step_together(void **state) {
	struct fixture f;
	(void)state;

	fixture_init(&f, 2, every(MINUTE));
	for (int i = 0; i < 3; i++) {
		assert_put(&f, 0, T0 + i * MINUTE, i);
		assert_int_equal(put_along(&f, 1, T0 + i * MINUTE, 10 + i), 0);
	}
	for (int i = 0; i < 3; i++) {
		assert_true(pull(&f));
		assert_int_equal(f.tick.number, i);
		assert_int_equal(f.tick.channels, 2);
		assert_int_equal(f.tick.included[0], 3);
		assert_value(f.tick.values[0], i);
		assert_value(f.tick.values[1], 10 + i);
		assert_int_equal(f.tick.newest, i == 2);
	}
	assert_no_tick(&f);
	fixture_finish(&f);
}

static void a_channel_with_a_message_of_its_own_makes_a_tick_of_the_same_period(void **state) {
	struct fixture f;
	(void)state;

	fixture_init(&f, 2, every(MINUTE));
	assert_put(&f, 0, T0, 1);
	assert_put(&f, 1, T0 + 500, 2);
	assert_tick(&f, 0, T0, 1);
	assert_true(pull(&f));
	assert_int_equal(f.tick.number, 0);
	assert_int_equal(f.tick.included[0], 2);
	assert_value(f.tick.values[1], 2);
	fixture_finish(&f);
}

static void a_channel_without_a_reading_steps_as_missing_when_the_clock_moves_on(void **state) {
	struct fixture f;
	(void)state;

	fixture_init(&f, 2, every(MINUTE));
	assert_put(&f, 0, T0, 1);
	assert_int_equal(put_along(&f, 1, T0, 2), 0);
	assert_put(&f, 0, T0 + MINUTE, 3);
	assert_put(&f, 0, T0 + 2 * MINUTE, 4);

	assert_true(pull(&f));
	assert_int_equal(f.tick.included[0], 3);
	assert_tick(&f, 1, T0 + MINUTE, 3);
	assert_true(pull(&f));
	assert_int_equal(f.tick.number, 1);
	assert_int_equal(f.tick.time_ms, T0 + MINUTE);
	assert_int_equal(f.tick.included[0], 2);
	assert_value(f.tick.values[1], NAN);
	assert_tick(&f, 2, T0 + 2 * MINUTE, 4);
	assert_no_tick(&f);
	fixture_finish(&f);
}

static void a_channel_that_appears_late_is_not_missed_before(void **state) {
	struct fixture f;
	(void)state;

	fixture_init(&f, 2, every(MINUTE));
	assert_put(&f, 0, T0, 1);
	assert_put(&f, 0, T0 + MINUTE, 2);
	assert_put(&f, 1, T0 + 2 * MINUTE, 5);
	assert_tick(&f, 0, T0, 1);
	assert_tick(&f, 1, T0 + MINUTE, 2);
	assert_true(pull(&f));
	assert_int_equal(f.tick.number, 2);
	assert_int_equal(f.tick.included[0], 2);
	fixture_finish(&f);
}

static void null_is_a_missing_value_that_steps(void **state) {
	struct fixture f;
	(void)state;

	fixture_init(&f, 1, every(MINUTE));
	assert_put(&f, 0, T0, NAN);
	assert_tick(&f, 0, T0, NAN);
	fixture_finish(&f);
}

static void gaps_become_missing_ticks(void **state) {
	struct fixture f;
	(void)state;

	fixture_init(&f, 1, every(MINUTE));
	assert_put(&f, 0, T0, 1);
	assert_put(&f, 0, T0 + 4 * MINUTE, 2);
	assert_tick(&f, 0, T0, 1);
	for (int i = 1; i < 4; i++) {
		assert_tick(&f, i, T0 + i * MINUTE, NAN);
		assert_false(f.tick.newest);
	}
	assert_tick(&f, 4, T0 + 4 * MINUTE, 2);
	assert_true(f.tick.newest);
	assert_no_tick(&f);
	fixture_finish(&f);
}

static void a_gap_of_years_makes_a_bounded_number_of_ticks_and_keeps_count(void **state) {
	struct fixture f;
	struct clock_options options = every(MINUTE);
	int64_t years = INT64_C(3) * 365 * 24 * 60;
	(void)state;

	options.gap_ticks_max = 10;
	fixture_init(&f, 1, options);
	assert_put(&f, 0, T0, 1);
	assert_put(&f, 0, T0 + years * MINUTE, 2);
	assert_tick(&f, 0, T0, 1);
	for (int i = 1; i <= 10; i++)
		assert_tick(&f, i, T0 + i * MINUTE, NAN);
	assert_tick(&f, years, T0 + years * MINUTE, 2);
	assert_no_tick(&f);
	fixture_finish(&f);
}

static void late_readings_and_duplicates_are_refused_by_name(void **state) {
	struct fixture f;
	(void)state;

	fixture_init(&f, 2, every(MINUTE));
	assert_put(&f, 0, T0, 1);
	assert_put(&f, 0, T0 + MINUTE, 2);
	assert_int_equal(put(&f, 0, T0 + MINUTE, 3), E_DUPLICATE);
	assert_int_equal(put(&f, 0, T0 + MINUTE - 1, 3), E_LATE);
	assert_int_equal(put(&f, 0, T0, 3), E_LATE);
	assert_int_equal(put(&f, 1, T0, 3), E_LATE);
	assert_put(&f, 0, T0 + 2 * MINUTE, 4);
	assert_tick(&f, 0, T0, 1);
	assert_tick(&f, 1, T0 + MINUTE, 2);
	assert_tick(&f, 2, T0 + 2 * MINUTE, 4);
	assert_no_tick(&f);
	fixture_finish(&f);
}

static void within_its_message_a_repeated_reading_replaces_the_first(void **state) {
	struct fixture f;
	(void)state;

	fixture_init(&f, 1, every(MINUTE));
	assert_put(&f, 0, T0, 1);
	assert_int_equal(put_along(&f, 0, T0, 7), 0);
	assert_tick(&f, 0, T0, 7);
	assert_int_equal(put_along(&f, 0, T0, 8), E_DUPLICATE);
	assert_no_tick(&f);
	fixture_finish(&f);
}

static void absurd_times_and_values_are_refused_by_name(void **state) {
	struct fixture f;
	struct arrival now = { .now_ms = T0, .message = 1 };
	(void)state;

	fixture_init(&f, 1, every(MINUTE));
	assert_int_equal(put(&f, 0, TIME_NONE, 1), E_TIME);
	assert_int_equal(put(&f, 0, -1, 1), E_TIME);
	assert_int_equal(put(&f, 0, TIME_MAX_MS + 1, 1), E_TIME);
	assert_int_equal(put(&f, 0, T0, INFINITY), E_NUMBER);
	assert_int_equal(put(&f, 0, T0, -INFINITY), E_NUMBER);
	assert_int_equal(detector_put(f.detector, 0, T0 + 10 * MINUTE + 1, 1, &now), E_TIME);
	assert_int_equal(detector_newest_ms(f.detector), TIME_NONE);
	assert_no_tick(&f);
	assert_int_equal(detector_put(f.detector, 0, T0 + 10 * MINUTE, 1, &now), 0);
	assert_int_equal(detector_newest_ms(f.detector), T0 + 10 * MINUTE);
	fixture_finish(&f);
}

/* A receiver whose clock is a year ahead for two readings: what comes after it was set right is no
 * more late, and a replay makes the same ticks of it. */
static void readings_go_on_after_the_receivers_clock_was_set_back(void **state) {
	static const int64_t year = INT64_C(365) * 24 * 60 * MINUTE;
	static const int64_t shifts[] = { 0, 0, year, year, 0, 0 };

	(void)state;
	for (int waits = 0; waits < 2; waits++) {
		struct clock_options options = every(MINUTE);
		struct fixture live, again;

		options.lateness_ms = waits * 2 * MINUTE;
		options.gap_ticks_max = 5;
		fixture_init(&live, 1, options);
		fixture_init(&again, 1, options);
		for (int i = 0; i < 6; i++) {
			int64_t now = T0 + i * MINUTE + shifts[i];
			struct arrival arrival = { now, (uint64_t)i };

			assert_int_equal(detector_put(live.detector, 0, now, i, &arrival), 0);
			assert_int_equal(
				detector_put_again(again.detector, 0, now, i, (uint64_t)i), 0);
		}
		assert_int_equal(detector_newest_ms(live.detector), T0 + 5 * MINUTE);
		assert_int_equal(detector_put(live.detector, 0, T0, 0,
					 &(struct arrival){ T0 + 6 * MINUTE, 9 }),
			E_LATE);

		int64_t before = -1;
		while (pull(&live)) {
			assert_true(pull(&again));
			assert_true((int64_t)live.tick.number > before);
			before = (int64_t)live.tick.number;
			assert_int_equal(live.tick.number, again.tick.number);
			assert_int_equal(live.tick.time_ms, again.tick.time_ms);
			assert_value(live.tick.values[0], again.tick.values[0]);
		}
		assert_no_tick(&again);
		/* The last that left: with lateness two are still waited for. */
		assert_int_equal(
			live.tick.time_ms, T0 + (5 - 2 * waits) * MINUTE + (waits ? year : 0));
		fixture_finish(&live);
		fixture_finish(&again);
	}
}

static void the_clock_runs_from_1970_to_2200(void **state) {
	struct fixture f;
	(void)state;

	fixture_init(&f, 1, every(1));
	assert_put(&f, 0, 0, 1);
	assert_put(&f, 0, TIME_MAX_MS, 2);
	assert_tick(&f, 0, 0, 1);
	for (int i = 1; i <= 1000; i++)
		assert_tick(&f, i, i, NAN);
	assert_tick(&f, TIME_MAX_MS, TIME_MAX_MS, 2);
	fixture_finish(&f);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tick_leaves_with_its_reading),
		cmocka_unit_test(channels_of_a_message_step_together),
		cmocka_unit_test(
			a_channel_with_a_message_of_its_own_makes_a_tick_of_the_same_period),
		cmocka_unit_test(
			a_channel_without_a_reading_steps_as_missing_when_the_clock_moves_on),
		cmocka_unit_test(a_channel_that_appears_late_is_not_missed_before),
		cmocka_unit_test(null_is_a_missing_value_that_steps),
		cmocka_unit_test(gaps_become_missing_ticks),
		cmocka_unit_test(a_gap_of_years_makes_a_bounded_number_of_ticks_and_keeps_count),
		cmocka_unit_test(late_readings_and_duplicates_are_refused_by_name),
		cmocka_unit_test(within_its_message_a_repeated_reading_replaces_the_first),
		cmocka_unit_test(absurd_times_and_values_are_refused_by_name),
		cmocka_unit_test(readings_go_on_after_the_receivers_clock_was_set_back),
		cmocka_unit_test(the_clock_runs_from_1970_to_2200),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
