/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A month of sensors that misbehave, through the real clock, against an independent account of what
 * each period held. Time and chance are the test's own.
 */
#include "fixture.h"
#include "random.h"

#include <stdio.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define T0     INT64_C(1790000100000) /* a whole five minutes */

/* What a period of five minutes held, by plain bookkeeping. */
#define STEP    (5 * MINUTE)
#define PERIODS (30 * DAY / STEP)

struct account {
	double sums[PERIODS + 10];
	int counts[PERIODS + 10];
};

/* A sensor that sends every few seconds, is away for hours now and then, repeats itself, sends
 * nulls, and sometimes lies about the time. */
struct sensor {
	struct random random;
	int64_t now_ms;
	int64_t silent_until_ms;
};

static bool chance(struct sensor *sensor, double probability) {
	return random_uniform(&sensor->random) < probability;
}

static void run_sensor(struct sensor *sensor, struct fixture *f, struct account *account) {
	double value = random_normal(&sensor->random);
	int64_t ms = sensor->now_ms;

	sensor->now_ms += 5 * SECOND + (int64_t)(random_uniform(&sensor->random) * 5 * SECOND);
	if (chance(sensor, 1e-4))
		sensor->silent_until_ms =
			ms + (int64_t)(random_uniform(&sensor->random) * 12 * HOUR);
	if (ms < sensor->silent_until_ms)
		return;
	if (chance(sensor, 0.01)) {
		assert_put(f, 0, ms, NAN);
		return;
	}

	struct arrival arrival = { ms, ++f->message };
	if (chance(sensor, 1e-3)) {
		/* Tomorrow, or last year. */
		assert_int_equal(detector_put(f->detector, 0, ms + DAY, value, &arrival), E_TIME);
		if (detector_newest_ms(f->detector) != TIME_NONE)
			assert_int_equal(
				detector_put(f->detector, 0, ms - 365 * DAY, value, &arrival),
				E_LATE);
	}
	assert_int_equal(detector_put(f->detector, 0, ms, value, &arrival), 0);
	account->sums[(ms - T0) / STEP] += value;
	account->counts[(ms - T0) / STEP]++;
	if (chance(sensor, 0.01)) {
		int r = put(f, 0, ms, value);
		assert_true(r == 0 || (r == E_DUPLICATE && ms < T0 + 3 * STEP));
	}
}

static void a_month_of_readings_has_the_means_of_its_periods(void **state) {
	static struct account account;
	(void)state;

	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct sensor sensor = { .now_ms = T0 };
		struct clock_options options = every(STEP);
		struct fixture f;
		int64_t expected = 0, compared = 0;

		account = (struct account){ 0 };
		random_init(&sensor.random, seed);
		options.gap_ticks_max = 1000;
		fixture_init(&f, 1, options);
		while (sensor.now_ms < T0 + 30 * DAY) {
			run_sensor(&sensor, &f, &account);
			while (pull(&f)) {
				int64_t period = (f.tick.time_ms - T0) / STEP;

				assert_int_equal(f.tick.time_ms, T0 + period * STEP);
				assert_int_equal(f.tick.number, period);
				assert_int_equal(period, expected);
				expected++;
				/* The clock has to see two periods before it aggregates. */
				if (period < 4)
					continue;
				compared++;
				double mean =
					account.counts[period]
						? account.sums[period] / account.counts[period]
						: NAN;
				if (isnan(mean))
					assert_true(isnan(f.tick.values[0]));
				else
					assert_true(fabs(f.tick.values[0] - mean) < 1e-12);
			}
		}
		assert_true(compared >= PERIODS - 200);
		fixture_finish(&f);
	}
}

/* Sixty channels that appear one after the other over a day, each in messages of its own. */
static void channels_that_appear_one_by_one_stay_in_lock_step(void **state) {
	struct registry_limits limits = registry_limits_default();
	struct clock_options options = every(MINUTE);
	struct registry *registry;
	struct detector *detector;
	uint64_t message = 0, steps[64] = { 0 }, before = 0;
	(void)state;

	assert_int_equal(registry_create(&registry, &limits, 1), 0);
	assert_int_equal(
		registry_find_or_add_detector(registry, SPAN("d"), &options, &detector), 1);
	for (int minute = 0; minute < 1440; minute++) {
		for (int c = 0; c <= minute / 24; c++) {
			struct arrival arrival = { TIME_NONE, message++ };
			struct tick tick;
			uint32_t channel;
			char name[8];

			snprintf(name, sizeof(name), "c%d", c);
			assert_true(registry_find_or_add_channel(registry, detector,
					    span_text(name), SPAN_EMPTY, &channel) >= 0);
			assert_int_equal(channel, c);
			/* Every seventh reading is lost. */
			if ((minute + c) % 7 == 0)
				continue;
			assert_int_equal(detector_put(detector, channel,
						 T0 + minute * MINUTE + c * 100, c, &arrival),
				0);
			while (detector_next_tick(detector, &tick)) {
				assert_true(tick.number >= before);
				before = tick.number;
				for (uint32_t i = 0; i < tick.channels; i++)
					steps[i] += tick_includes(&tick, i);
			}
		}
	}
	/* From its first reading to the last minute each has stepped once a minute. */
	for (int c = 0; c < 60; c++) {
		int first = c * 24 + ((c * 24 + c) % 7 == 0);
		int last = 1439 - ((1439 + c) % 7 == 0);
		assert_int_equal(steps[c], last - first + 1);
	}
	registry_destroy(registry);
}

/* Across the hours at which Europe changes its clocks nothing happens: all is UTC. */
static void summer_time_does_not_exist(void **state) {
	static const int64_t changes[] = { INT64_C(1774746000000), INT64_C(1792890000000) };
	(void)state;

	for (int i = 0; i < 2; i++) {
		struct fixture f;

		fixture_init(&f, 1, every(15 * MINUTE));
		for (int j = -8; j < 8; j++) {
			assert_put(&f, 0, changes[i] + j * 15 * MINUTE, j);
			assert_tick(&f, j + 8, changes[i] + j * 15 * MINUTE, j);
		}
		fixture_finish(&f);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_month_of_readings_has_the_means_of_its_periods),
		cmocka_unit_test(channels_that_appear_one_by_one_stay_in_lock_step),
		cmocka_unit_test(summer_time_does_not_exist),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
