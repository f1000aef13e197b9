/* SPDX-License-Identifier: Apache-2.0 */
/* Periods: inferred steps, phase, jitter and drift, aggregation, lateness. */
#include "fixture.h"
#include "random.h"

#define SECOND 1000
#define MINUTE 60000
#define T0     INT64_C(1790000040000) /* a whole minute */

static struct clock_options aggregated(int64_t step_ms, enum aggregate aggregate) {
	struct clock_options options = every(step_ms);

	options.aggregate = aggregate;
	return options;
}

static struct clock_options waiting(int64_t step_ms, int64_t lateness_ms) {
	struct clock_options options = every(step_ms);

	options.lateness_ms = lateness_ms;
	return options;
}

static void ticks_leave_before_the_step_is_known(void **state) {
	struct fixture f;
	(void)state;

	fixture_init(&f, 1, every(0));
	for (int i = 0; i < 10; i++) {
		assert_int_equal(detector_step_is_known(f.detector), i > 3);
		assert_put(&f, 0, T0 + i * 15 * SECOND, i);
		assert_tick(&f, i, T0 + i * 15 * SECOND, i);
		assert_int_equal(detector_step_ms(f.detector), i == 0 ? MINUTE : 15 * SECOND);
		assert_no_tick(&f);
	}
	assert_put(&f, 0, T0 + 12 * 15 * SECOND, 12);
	assert_tick(&f, 10, T0 + 10 * 15 * SECOND, NAN);
	assert_tick(&f, 11, T0 + 11 * 15 * SECOND, NAN);
	assert_tick(&f, 12, T0 + 12 * 15 * SECOND, 12);
	fixture_finish(&f);
}

static void channels_in_messages_of_their_own_share_periods_before_the_step_is_known(void **state) {
	struct fixture f;
	(void)state;

	fixture_init(&f, 2, every(0));
	for (int i = 0; i < 8; i++) {
		assert_put(&f, 0, T0 + i * SECOND, i);
		assert_put(&f, 1, T0 + i * SECOND + 300, -i);
		assert_tick(&f, i, T0 + i * SECOND, i);
		assert_true(pull(&f));
		assert_int_equal(f.tick.number, i);
		assert_int_equal(f.tick.included[0], 2);
		assert_no_tick(&f);
	}
	assert_int_equal(detector_step_ms(f.detector), SECOND);
	fixture_finish(&f);
}

static void a_clock_set_back_is_late_until_time_has_caught_up(void **state) {
	struct fixture f;
	(void)state;

	fixture_init(&f, 1, every(MINUTE));
	for (int i = 0; i < 10; i++)
		assert_put(&f, 0, T0 + i * MINUTE, i);
	for (int i = 4; i < 9; i++)
		assert_int_equal(put(&f, 0, T0 + i * MINUTE + 1, i), E_LATE);
	assert_int_equal(put(&f, 0, T0 + 9 * MINUTE, 9), E_DUPLICATE);
	assert_put(&f, 0, T0 + 10 * MINUTE, 10);
	for (int i = 0; i <= 10; i++)
		assert_tick(&f, i, T0 + i * MINUTE, i);
	assert_no_tick(&f);
	fixture_finish(&f);
}

/* How many of `count` readings with jitter step in the period they belong to, one by one. */
static double share_in_lock_step(double jitter, uint64_t seed) {
	struct fixture f;
	struct random random;
	int steady = 0, count = 3000;
	uint64_t before = 0;

	random_init(&random, seed);
	fixture_init(&f, 1, every(MINUTE));
	for (int i = 0; i < count; i++) {
		double shift = (2 * random_uniform(&random) - 1) * jitter * MINUTE;
		int r = put(&f, 0, T0 + i * MINUTE + (int64_t)shift, i);
		assert_true(r == 0 || r == E_LATE);
		int ticks = 0;
		while (pull(&f))
			ticks++;
		/* A warm-up of twenty readings teaches the phase. */
		steady += i > 20 && ticks == 1 && f.tick.number == before + 1;
		before = f.tick.number;
	}
	fixture_finish(&f);
	return steady / (double)(count - 21);
}

static void jitter_makes_neither_gaps_nor_doubles(void **state) {
	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++) {
		assert_true(share_in_lock_step(0, seed) == 1);
		assert_true(share_in_lock_step(0.05, seed) == 1);
		assert_true(share_in_lock_step(0.3, seed) == 1);
		/* Near half a step the mean of sixteen readings is off by a few percent now and
		 * then. */
		assert_true(share_in_lock_step(0.45, seed) > 0.9);
	}
}

static void drift_neither_moves_the_season_nor_loses_readings(void **state) {
	static const double rates[] = { 0.999, 1.001, 0.99, 1.01, 1.05 };
	(void)state;

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct fixture f;
		int ticks = 0, missing = 0, count = 20000;

		fixture_init(&f, 1, every(MINUTE));
		for (int j = 0; j < count; j++) {
			int64_t ms = T0 + (int64_t)(j * rates[i] * MINUTE);
			assert_put(&f, 0, ms, j);
			while (pull(&f)) {
				ticks++;
				missing += isnan(f.tick.values[0]);
			}
			/* The number keeps to the time, whatever the sensor's pace. */
			int64_t elapsed = f.tick.time_ms - T0;
			assert_int_equal((elapsed + MINUTE / 2) / MINUTE, f.tick.number);
			assert_true(llabs(ms - f.tick.time_ms) <= MINUTE * 7 / 10);
		}
		double expected = count * fabs(rates[i] - 1);
		double exceptions = rates[i] > 1 ? missing : (double)detector_unused(f.detector);
		assert_true(fabs(exceptions - expected) <= 2 + 0.05 * expected);
		assert_int_equal(ticks - missing + (int)detector_unused(f.detector), count);
		fixture_finish(&f);
	}
}

static void a_phase_all_but_round_becomes_round(void **state) {
	struct fixture f;
	(void)state;

	fixture_init(&f, 1, every(MINUTE));
	assert_put(&f, 0, T0 + 700, 1);
	assert_tick(&f, 0, T0, 1);
	assert_put(&f, 0, T0 + MINUTE + 700, 2);
	assert_tick(&f, 1, T0 + MINUTE, 2);
	fixture_finish(&f);

	fixture_init(&f, 1, every(MINUTE));
	assert_put(&f, 0, T0 + 20 * SECOND, 1);
	assert_tick(&f, 0, T0 + 20 * SECOND, 1);
	assert_put(&f, 0, T0 + 80 * SECOND, 2);
	assert_tick(&f, 1, T0 + 80 * SECOND, 2);
	fixture_finish(&f);
}

static void a_double_reading_now_and_then_is_kept_but_steps_nothing(void **state) {
	struct fixture f;
	(void)state;

	fixture_init(&f, 1, every(MINUTE));
	for (int i = 0; i < 50; i++) {
		assert_put(&f, 0, T0 + i * MINUTE, i);
		assert_tick(&f, i, T0 + i * MINUTE, i);
		if (i % 5 == 0)
			assert_put(&f, 0, T0 + i * MINUTE + 5 * SECOND, 1000);
		assert_no_tick(&f);
	}
	assert_int_equal(detector_unused(f.detector), 10);
	fixture_finish(&f);
}

/* Feeds a reading a second from a whole hour on, whose value is the second; then moves to the period
 * that starts at minute 10 and returns with its tick. */
static void feed_seconds(struct fixture *f, enum aggregate aggregate) {
	fixture_init(f, 1, aggregated(MINUTE, aggregate));
	for (int i = 0; i <= 660; i++) {
		assert_put(f, 0, T0 + i * SECOND, i);
		while (f->tick.time_ms < T0 + 10 * MINUTE && pull(f))
			;
	}
	assert_int_equal(f->tick.number, 10);
	assert_int_equal(f->tick.time_ms, T0 + 10 * MINUTE);
	assert_no_tick(f);
}

static void several_readings_per_period_are_aggregated(void **state) {
	static const struct {
		enum aggregate aggregate;
		double value;
	} cases[] = { { AGGREGATE_MEAN, 629.5 }, { AGGREGATE_LAST, 659 },
		{ AGGREGATE_SUM, 60 * 629.5 }, { AGGREGATE_MAX, 659 } };
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;

		feed_seconds(&f, cases[i].aggregate);
		assert_value(f.tick.values[0], cases[i].value);
		/* Ten periods, the first two with one reading each that left at once. */
		assert_true(detector_unused(f.detector) <= 120);
		fixture_finish(&f);
	}
}

static void an_aggregated_period_is_labelled_by_its_start(void **state) {
	struct fixture f;
	(void)state;

	/* From the middle of a minute on; the grid becomes that of whole minutes. */
	fixture_init(&f, 1, every(MINUTE));
	for (int i = 0; i < 600; i++)
		assert_put(&f, 0, T0 + 25 * SECOND + i * SECOND, 1);
	int64_t before = 0;
	uint64_t number = 0;
	while (pull(&f)) {
		assert_true(f.tick.time_ms > before);
		if (before > 0)
			assert_int_equal(f.tick.number, number + 1);
		before = f.tick.time_ms;
		number = f.tick.number;
	}
	assert_int_equal(before % MINUTE, 0);
	assert_int_equal(before, T0 + 9 * MINUTE);
	fixture_finish(&f);
}

static void missing_values_do_not_count_in_aggregates(void **state) {
	struct fixture f;
	(void)state;

	fixture_init(&f, 1, aggregated(MINUTE, AGGREGATE_MEAN));
	for (int i = 0; i < 600; i++)
		assert_put(&f, 0, T0 + i * SECOND, i >= 480 || i % 2 == 0 ? NAN : (i / 60));
	while (pull(&f)) {
		if (f.tick.number == 7)
			assert_value(f.tick.values[0], 7);
		if (f.tick.number == 8)
			assert_value(f.tick.values[0], NAN);
	}
	assert_int_equal(f.tick.number, 8);
	fixture_finish(&f);
}

static void sums_beyond_all_numbers_are_missing(void **state) {
	struct fixture f;
	(void)state;

	fixture_init(&f, 1, aggregated(MINUTE, AGGREGATE_SUM));
	for (int i = 0; i < 600; i++)
		assert_put(&f, 0, T0 + i * SECOND, 1e308);
	while (pull(&f))
		assert_false(isinf(f.tick.values[0]));
	assert_value(f.tick.values[0], NAN);
	fixture_finish(&f);
}

static void a_repeated_reading_within_an_open_period_replaces_the_first(void **state) {
	struct fixture f;
	(void)state;

	fixture_init(&f, 1, aggregated(MINUTE, AGGREGATE_MEAN));
	for (int i = 0; i < 600; i++) {
		assert_put(&f, 0, T0 + i * SECOND, 1000);
		if (i >= 300)
			assert_put(&f, 0, T0 + i * SECOND, 5);
	}
	while (pull(&f)) {
		if (f.tick.number >= 5)
			assert_value(f.tick.values[0], 5);
	}
	assert_int_equal(f.tick.number, 8);
	fixture_finish(&f);
}

static void a_step_learned_from_a_burst_is_learned_anew(void **state) {
	struct fixture f;
	uint64_t before;
	int ticks = 0;
	(void)state;

	/* A session's queue arrives at once; then the sensor goes on every minute. */
	fixture_init(&f, 1, every(0));
	for (int i = 0; i < 50; i++)
		assert_put(&f, 0, T0 + i, i);
	assert_int_equal(detector_step_ms(f.detector), 1);
	for (int i = 1; i < 20; i++)
		assert_put(&f, 0, T0 + i * MINUTE, i);
	while (pull(&f))
		ticks++;
	assert_int_equal(detector_step_ms(f.detector), MINUTE);
	assert_true(ticks < 50 + 9 * 1001 + 12);
	before = f.tick.number;
	for (int i = 20; i < 30; i++) {
		assert_put(&f, 0, T0 + i * MINUTE, i);
		assert_tick(&f, before + (uint64_t)i - 19, T0 + i * MINUTE, i);
	}
	fixture_finish(&f);
}

static void a_configured_step_stays_whatever_comes(void **state) {
	struct fixture f;
	(void)state;

	fixture_init(&f, 1, every(SECOND));
	for (int i = 0; i < 50; i++)
		assert_put(&f, 0, T0 + i * MINUTE, i);
	while (pull(&f))
		;
	assert_int_equal(detector_step_ms(f.detector), SECOND);
	assert_int_equal(f.tick.number, 49 * 60);
	fixture_finish(&f);
}

static void a_burst_does_not_end_prompt_ticks(void **state) {
	struct fixture f;
	uint64_t number = 0;
	(void)state;

	fixture_init(&f, 1, every(MINUTE));
	for (int i = 0; i < 10; i++)
		assert_put(&f, 0, T0 + i * MINUTE, i);
	/* What queued up during an outage, all at once and without times of its own. */
	for (int i = 0; i < 30; i++)
		assert_put(&f, 0, T0 + 20 * MINUTE + i, i);
	while (pull(&f))
		number = f.tick.number;
	assert_int_equal(number, 20);
	for (int i = 21; i < 40; i++) {
		assert_put(&f, 0, T0 + i * MINUTE, i);
		assert_tick(&f, i, T0 + i * MINUTE, i);
	}
	fixture_finish(&f);
}

static void a_sensor_that_slows_down_gets_prompt_ticks_again(void **state) {
	struct fixture f;
	(void)state;

	fixture_init(&f, 1, every(MINUTE));
	for (int i = 0; i < 600; i++)
		assert_put(&f, 0, T0 + i * SECOND, i);
	while (pull(&f))
		;
	for (int i = 10; i < 30; i++)
		assert_put(&f, 0, T0 + i * MINUTE + 10 * SECOND, i);
	while (pull(&f))
		;
	for (int i = 30; i < 40; i++) {
		assert_put(&f, 0, T0 + i * MINUTE + 10 * SECOND, i);
		assert_true(pull(&f));
		assert_value(f.tick.values[0], i);
		assert_int_equal(f.tick.number, i);
		assert_int_equal(f.tick.time_ms, T0 + i * MINUTE + 10 * SECOND);
	}
	fixture_finish(&f);
}

static void a_period_that_nobody_follows_expires(void **state) {
	struct fixture f;
	struct arrival arrival = { 0, 0 };
	int64_t skew = 3600 * SECOND; /* the sensor's clock runs an hour late */
	(void)state;

	fixture_init(&f, 1, every(MINUTE));
	assert_int_equal(detector_expires_ms(f.detector), TIME_NONE);
	for (int i = 0; i < 300; i++) {
		arrival = (struct arrival){ T0 + i * SECOND + skew, (uint64_t)i };
		assert_int_equal(detector_put(f.detector, 0, T0 + i * SECOND, 7, &arrival), 0);
		while (pull(&f))
			;
		/* A timer changes nothing while the period lasts. */
		assert_int_equal(detector_expire(f.detector, arrival.now_ms), 0);
		assert_no_tick(&f);
	}
	assert_int_equal(f.tick.number, 3);
	assert_int_equal(detector_expires_ms(f.detector), T0 + 300 * SECOND + skew);
	assert_int_equal(detector_expire(f.detector, T0 + 300 * SECOND + skew - 1), 0);
	assert_no_tick(&f);
	assert_int_equal(detector_expire(f.detector, T0 + 300 * SECOND + skew), 0);
	assert_tick(&f, 4, T0 + 4 * MINUTE, 7);
	assert_int_equal(detector_expires_ms(f.detector), TIME_NONE);
	/* What comes for it now is late. */
	assert_int_equal(put(&f, 0, T0 + 299 * SECOND + 500, 9), E_LATE);
	assert_put(&f, 0, T0 + 300 * SECOND, 9);
	fixture_finish(&f);
}

static void late_readings_are_put_in_order(void **state) {
	struct fixture f;
	(void)state;

	fixture_init(&f, 1, waiting(MINUTE, 2 * MINUTE));
	assert_put(&f, 0, T0 + 1 * MINUTE, 1);
	assert_put(&f, 0, T0 + 3 * MINUTE, 3);
	assert_put(&f, 0, T0 + 2 * MINUTE, 2);
	assert_put(&f, 0, T0 + 4 * MINUTE, 4);
	assert_int_equal(put(&f, 0, T0 + 2 * MINUTE, 2), E_DUPLICATE);
	assert_int_equal(put(&f, 0, T0 + 2 * MINUTE - 1, 2), E_LATE);
	assert_put(&f, 0, T0 + 3 * MINUTE, 33);
	assert_put(&f, 0, T0 + 7 * MINUTE, 7);
	assert_put(&f, 0, T0 + 12 * MINUTE, 12);
	assert_tick(&f, 0, T0 + 1 * MINUTE, 1);
	assert_tick(&f, 1, T0 + 2 * MINUTE, 2);
	assert_tick(&f, 2, T0 + 3 * MINUTE, 33);
	assert_tick(&f, 3, T0 + 4 * MINUTE, 4);
	assert_tick(&f, 4, T0 + 5 * MINUTE, NAN);
	assert_tick(&f, 5, T0 + 6 * MINUTE, NAN);
	assert_tick(&f, 6, T0 + 7 * MINUTE, 7);
	assert_no_tick(&f);
	fixture_finish(&f);
}

static void with_lateness_a_tick_holds_all_channels(void **state) {
	struct fixture f;
	(void)state;

	fixture_init(&f, 3, waiting(MINUTE, MINUTE));
	for (int i = 0; i < 10; i++) {
		if (i % 2 == 0)
			assert_put(&f, 2, T0 + i * MINUTE + 20, 200 + i);
		assert_put(&f, 0, T0 + i * MINUTE, i);
		assert_put(&f, 1, T0 + i * MINUTE + 10, 100 + i);
	}
	for (int i = 0; i < 8; i++) {
		assert_true(pull(&f));
		assert_int_equal(f.tick.number, i);
		assert_int_equal(f.tick.included[0], 7);
		assert_value(f.tick.values[0], i);
		assert_value(f.tick.values[1], 100 + i);
		assert_value(f.tick.values[2], i % 2 == 0 ? 200 + i : NAN);
	}
	assert_no_tick(&f);
	fixture_finish(&f);
}

/* A replay closes what time had closed, a period at a time, and has forgotten when it heard last. */
static void what_expired_once_can_expire_again(void **state) {
	struct fixture first, again;
	struct clock_options options = every(MINUTE);
	(void)state;

	options.lateness_ms = 3 * MINUTE;
	fixture_init(&first, 1, options);
	fixture_init(&again, 1, options);
	for (int i = 0; i < 3; i++) {
		struct arrival arrival = { T0 + i * MINUTE, (uint64_t)i };
		assert_int_equal(detector_put(first.detector, 0, T0 + i * MINUTE, i, &arrival), 0);
		assert_int_equal(
			detector_put_again(again.detector, 0, T0 + i * MINUTE, i, (uint64_t)i), 0);
	}
	assert_int_equal(detector_expire(first.detector, T0 + 10 * MINUTE), 0);
	for (int i = 0; i < 3; i++) {
		assert_true(pull(&first));
		assert_no_tick(&again);
		for (int tries = 0; tries < 3 && !detector_has_tick(again.detector); tries++)
			assert_int_equal(detector_expire_again(again.detector), 0);
		assert_tick(&again, first.tick.number, first.tick.time_ms, i);
	}
	assert_no_tick(&first);
	assert_int_equal(detector_expires_ms(again.detector), TIME_NONE);
	assert_int_equal(detector_expire_again(again.detector), 0);
	assert_no_tick(&again);
	fixture_finish(&first);
	fixture_finish(&again);
}

static void held_readings_expire_without_shutting_out_a_backlog(void **state) {
	struct fixture f;
	struct arrival arrival = { T0, 1 };
	(void)state;

	fixture_init(&f, 1, waiting(MINUTE, MINUTE));
	assert_int_equal(detector_put(f.detector, 0, T0, 1, &arrival), 0);
	assert_int_equal(detector_expire(f.detector, T0 + 30 * SECOND), 0);
	assert_no_tick(&f);
	assert_int_equal(detector_expire(f.detector, T0 + 90 * SECOND), 0);
	assert_tick(&f, 0, T0, 1);
	/* An hour later the sensor delivers what it recorded meanwhile. */
	assert_int_equal(detector_expire(f.detector, T0 + 60 * MINUTE), 0);
	for (int i = 1; i < 60; i++)
		assert_put(&f, 0, T0 + i * MINUTE, i);
	for (int i = 1; i < 58; i++)
		assert_tick(&f, i, T0 + i * MINUTE, i);
	fixture_finish(&f);
}

static void lateness_may_change_while_the_clock_runs(void **state) {
	struct fixture f;
	struct clock_options options = waiting(MINUTE, 5 * MINUTE);
	(void)state;

	fixture_init(&f, 1, options);
	for (int i = 0; i < 5; i++)
		assert_put(&f, 0, T0 + i * MINUTE, i);
	assert_no_tick(&f);
	options.lateness_ms = 0;
	detector_set_options(f.detector, &options);
	assert_put(&f, 0, T0 + 5 * MINUTE, 5);
	for (int i = 0; i < 5; i++)
		assert_tick(&f, i, T0 + i * MINUTE, i);
	assert_put(&f, 0, T0 + 6 * MINUTE, 6);
	assert_tick(&f, 5, T0 + 5 * MINUTE, 5);
	assert_tick(&f, 6, T0 + 6 * MINUTE, 6);

	options.lateness_ms = 5 * MINUTE;
	detector_set_options(f.detector, &options);
	assert_int_equal(put(&f, 0, T0 + 6 * MINUTE, 6), E_DUPLICATE);
	assert_int_equal(put(&f, 0, T0 + 5 * MINUTE + 1, 6), E_LATE);
	assert_put(&f, 0, T0 + 8 * MINUTE, 8);
	assert_put(&f, 0, T0 + 7 * MINUTE, 7);
	assert_no_tick(&f);
	assert_put(&f, 0, T0 + 14 * MINUTE, 14);
	assert_tick(&f, 7, T0 + 7 * MINUTE, 7);
	assert_tick(&f, 8, T0 + 8 * MINUTE, 8);
	fixture_finish(&f);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ticks_leave_before_the_step_is_known),
		cmocka_unit_test(
			channels_in_messages_of_their_own_share_periods_before_the_step_is_known),
		cmocka_unit_test(a_clock_set_back_is_late_until_time_has_caught_up),
		cmocka_unit_test(jitter_makes_neither_gaps_nor_doubles),
		cmocka_unit_test(drift_neither_moves_the_season_nor_loses_readings),
		cmocka_unit_test(a_phase_all_but_round_becomes_round),
		cmocka_unit_test(a_double_reading_now_and_then_is_kept_but_steps_nothing),
		cmocka_unit_test(several_readings_per_period_are_aggregated),
		cmocka_unit_test(an_aggregated_period_is_labelled_by_its_start),
		cmocka_unit_test(missing_values_do_not_count_in_aggregates),
		cmocka_unit_test(sums_beyond_all_numbers_are_missing),
		cmocka_unit_test(a_repeated_reading_within_an_open_period_replaces_the_first),
		cmocka_unit_test(a_step_learned_from_a_burst_is_learned_anew),
		cmocka_unit_test(a_configured_step_stays_whatever_comes),
		cmocka_unit_test(a_burst_does_not_end_prompt_ticks),
		cmocka_unit_test(a_sensor_that_slows_down_gets_prompt_ticks_again),
		cmocka_unit_test(a_period_that_nobody_follows_expires),
		cmocka_unit_test(late_readings_are_put_in_order),
		cmocka_unit_test(with_lateness_a_tick_holds_all_channels),
		cmocka_unit_test(what_expired_once_can_expire_again),
		cmocka_unit_test(held_readings_expire_without_shutting_out_a_backlog),
		cmocka_unit_test(lateness_may_change_while_the_clock_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
