/* SPDX-License-Identifier: Apache-2.0 */
#include "forecaster.h"
#include "random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HORIZON  12
#define CHANNELS 2
#define HOUR_MS  3600000

/* A detector with two channels and what it forecast last. */
struct bed {
	struct row_layout layout;
	struct guards guards;
	struct forecaster forecaster;
	struct workspace workspace;
	struct outlook outlooks[CHANNELS_MAX];
	float numbers[CHANNELS][1 + QUANTILES][HORIZON];
	uint64_t number;
};

static struct bed *bed_create(void) {
	struct bed *bed = calloc(1, sizeof(*bed));
	struct forecast_options options;
	forecast_options_init(&options);
	options.horizon = HORIZON;
	options.season_max = 200;
	row_layout_init(&bed->layout, &options, NULL);
	guards_init(&bed->guards);
	bed->forecaster = (struct forecaster){ .layout = &bed->layout,
		.guards = &bed->guards,
		.step_ms = HOUR_MS,
		.channels = CHANNELS };
	for (int c = 0; c < CHANNELS; c++) {
		bed->forecaster.rows[c] = aligned_alloc(64, bed->layout.size);
		memset(bed->forecaster.rows[c], 0, bed->layout.size);
		bed->outlooks[c].mean = bed->numbers[c][0];
		bed->outlooks[c].quantiles = bed->numbers[c][1];
	}
	return bed;
}

static void bed_destroy(struct bed *bed) {
	for (int c = 0; c < CHANNELS; c++)
		free(bed->forecaster.rows[c]);
	free(bed);
}

static void bed_step(struct bed *bed, double first, double second) {
	struct tick tick = { .time_ms = (int64_t)bed->number * HOUR_MS,
		.number = bed->number,
		.channels = CHANNELS,
		.included = { 3 },
		.values = { first, second } };
	assert_int_equal(
		forecaster_accept(&bed->forecaster, &tick, &bed->workspace, NULL, NULL), 0);
	forecaster_step(&bed->forecaster, &tick, &bed->workspace, NULL, NULL, bed->outlooks);
	bed->number++;
}

static bool bed_is_sane(const struct bed *bed, double low, double high) {
	for (int c = 0; c < CHANNELS; c++)
		for (int i = 0; i <= QUANTILES; i++)
			for (int h = 0; h < HORIZON; h++) {
				double value = (double)bed->numbers[c][i][h];
				if (!isfinite(value) || value < low || value > high)
					return false;
				if (i > 1 && bed->numbers[c][i][h] < bed->numbers[c][i - 1][h])
					return false;
			}
	return true;
}

/* Day and week, drift and noise, amplitude about 1. */
static double sample(struct random *random, uint64_t t) {
	double day = sin(2 * M_PI * (double)t / 24), week = cos(2 * M_PI * (double)t / 168);
	return day + 0.4 * week + 0.1 * random_normal(random);
}

static void the_first_reading_gives_a_forecast(void **unused) {
	(void)unused;
	struct bed *bed = bed_create();
	bed_step(bed, 21.5, NAN);
	for (int h = 0; h < HORIZON; h++) {
		assert_true(fabsf(bed->outlooks[0].mean[h] - 21.5F) < 1e-4F);
		assert_true(bed->outlooks[0].quantiles[h] < 21.5F);
		assert_true(bed->outlooks[0].quantiles[(QUANTILES - 1) * HORIZON + h] > 21.5F);
	}
	assert_true(isnan(bed->outlooks[0].skill));
	bed_destroy(bed);
}

static void a_rhythm_is_learned(void **unused) {
	(void)unused;
	struct bed *bed = bed_create();
	struct random random;
	random_init(&random, 1);
	for (uint64_t t = 0; t < 2000; t++)
		bed_step(bed, 20 + 5 * sample(&random, t), sample(&random, t + 7));
	assert_true(bed->outlooks[0].skill > 0.6);
	assert_true(bed->outlooks[1].skill > 0.6);
	bed_destroy(bed);
}

/* Scaling and shifting the readings scales and shifts the forecasts. */
static void magnitude_does_not_matter(void **unused) {
	(void)unused;
	static const double factors[] = { 1e-12, 1e-3, 1e12 };
	for (int f = 0; f < 3; f++) {
		struct bed *plain = bed_create(), *scaled = bed_create();
		struct random random;
		random_init(&random, 2);
		for (uint64_t t = 0; t < 400; t++) {
			double x = 3 + sample(&random, t);
			bed_step(plain, x, x);
			bed_step(scaled, factors[f] * x, -factors[f] * x);
			for (int h = 0; h < HORIZON; h++) {
				double expected = (double)plain->outlooks[0].mean[h];
				double up = (double)scaled->outlooks[0].mean[h] / factors[f];
				double down = (double)scaled->outlooks[1].mean[h] / factors[f];
				assert_true(t < 1 || fabs(up - expected) < 0.02);
				assert_true(t < 1 || fabs(down + expected) < 0.02);
			}
		}
		bed_destroy(plain);
		bed_destroy(scaled);
	}
}

static void a_constant_is_forecast_as_such_and_survives_its_end(void **unused) {
	(void)unused;
	struct bed *bed = bed_create();
	struct random random;
	random_init(&random, 3);
	for (int t = 0; t < 1000; t++)
		bed_step(bed, 7, 0);
	assert_true(bed_is_sane(bed, -0.01, 7.01));
	assert_true(fabsf(bed->outlooks[0].mean[HORIZON - 1] - 7) < 1e-4F);
	for (uint64_t t = 0; t < 600; t++) {
		bed_step(bed, 7 + sample(&random, t), sample(&random, t));
		assert_true(bed_is_sane(bed, -200, 200));
	}
	assert_true(bed->outlooks[0].skill > 0.2);
	bed_destroy(bed);
}

static void missing_runs_poison_nothing(void **unused) {
	(void)unused;
	struct bed *bed = bed_create(), *whole = bed_create();
	struct random random;
	random_init(&random, 4);
	double with = 0, without = 0;
	for (uint64_t t = 0; t < 3000; t++) {
		double x = sample(&random, t);
		bool gap = t % 400 < 60 || t % 7 == 0;
		if (t >= 2000 && t % 400 > 100) {
			with += fabs((double)bed->outlooks[0].mean[0] - x);
			without += fabs((double)whole->outlooks[0].mean[0] - x);
		}
		bed_step(bed, gap ? NAN : x, x);
		bed_step(whole, x, x);
		assert_true(bed_is_sane(bed, -50, 50));
		assert_int_equal(bed->outlooks[0].missing > 0, gap);
	}
	assert_true(with < 1.5 * without);
	bed_destroy(bed);
	bed_destroy(whole);
}

static void ticks_that_never_come_count_as_missing(void **unused) {
	(void)unused;
	struct bed *bed = bed_create();
	struct random random;
	random_init(&random, 5);
	for (uint64_t t = 0; t < 1000; t++)
		bed_step(bed, sample(&random, t), sample(&random, t));
	bed->number += 1000000 * 168 + 24 * 5; /* the phase of the day is kept, not of the week */
	double error = 0;
	for (uint64_t t = 0; t < 48; t++) {
		double x = sample(&random, bed->number);
		if (t > 0)
			error += fabs((double)bed->outlooks[0].mean[0] - x) / 47;
		bed_step(bed, x, x);
		assert_true(bed_is_sane(bed, -50, 50));
	}
	assert_true(error < 0.5);
	bed_destroy(bed);
}

/* Mean absolute error over the leads of forecasts made 8 to 20 hours after the level has shifted by thirty
 * deviations of the noise, over that of the 200 hours before. */
static double after_a_shift(bool follow) {
	struct bed *bed = bed_create();
	struct random random;
	random_init(&random, 8);
	double values[1500], before = 0, after = 0;
	for (uint64_t t = 0; t < 1500; t++)
		values[t] = sample(&random, t) + (t < 1300 ? 0 : 3);
	bed->layout.options.shifts = follow;
	for (uint64_t t = 0; t < 1340; t++) {
		bed_step(bed, values[t], values[t]);
		for (uint64_t h = 1; h <= HORIZON; h++) {
			double error = fabs((double)bed->outlooks[0].mean[h - 1] - values[t + h]);
			before += t >= 1088 && t < 1288 ? error / 200 : 0;
			after += t >= 1308 && t < 1320 ? error / 12 : 0;
		}
	}
	bed_destroy(bed);
	return after / before;
}

static void what_was_learned_follows_a_shift(void **unused) {
	(void)unused;
	/* Most of what the shift costs is gone. */
	assert_true(after_a_shift(true) - 1 < (after_a_shift(false) - 1) / 4);
}

/* Labels of the tick at which a shift is recognised: those of origins before it teach nothing. */
static void forecasts_made_at_the_old_level_teach_no_more(void **unused) {
	(void)unused;
	struct bed *bed = bed_create();
	struct random random;
	random_init(&random, 8);
	const struct row_head *head = bed->forecaster.rows[1];
	for (uint64_t t = 0; head->level_start == 0; t++) {
		double x = sample(&random, t) + (t < 1300 ? 0 : 3);
		bed_step(bed, NAN, x);
	}
	uint64_t ticks = bed->number - head->level_start;
	assert_in_range(ticks, 1, HORIZON - 1);
	for (uint64_t h = 1; h <= HORIZON; h++)
		assert_int_equal(isnan(bed->workspace.panel.labels[h - 1]) != 0, h >= ticks);
	bed_destroy(bed);
}

static void a_level_shift_is_forgiven_soon(void **unused) {
	(void)unused;
	struct bed *bed = bed_create();
	struct random random;
	random_init(&random, 6);
	double before = 0, after = 0;
	for (uint64_t t = 0; t < 1700; t++) {
		double x = sample(&random, t) + (t < 1400 ? 0 : 40);
		double error = fabs((double)bed->outlooks[0].mean[0] - x);
		before += t >= 1300 && t < 1400 ? error / 100 : 0;
		after += t >= 1500 && t < 1600 ? error / 100 : 0;
		bed_step(bed, x, x);
		assert_true(bed_is_sane(bed, -400, 500));
	}
	assert_true(after < 3 * before);
	bed_destroy(bed);
}

/* What the sensor can't have measured is told and counts as missing; forecasts keep to what it can. */
static void impossible_values_are_told_and_teach_nothing(void **unused) {
	(void)unused;
	struct bed *bed = bed_create(), *missing = bed_create();
	struct random random;
	random_init(&random, 7);
	bed->guards.low = -1;
	bed->guards.high = 3;
	bed->guards.clip = true;
	for (uint64_t t = 0; t < 300; t++) {
		bool wrong = t % 50 == 49;
		double x = fmax(fmin(sample(&random, t), 3), -1);
		bed_step(bed, wrong ? 5 : x, x);
		bed_step(missing, wrong ? NAN : x, x);
		assert_true(isnan(bed->outlooks[0].impossible) == !wrong);
		assert_true(!wrong || bed->outlooks[0].anomaly == 2.5);
		assert_true(!wrong || isnan(bed->outlooks[0].observed));
		for (int h = 0; h < HORIZON; h++)
			assert_true(bed->numbers[0][0][h] ==
				    fmaxf(fminf(missing->numbers[0][0][h], 3), -1));
		assert_true(bed_is_sane(bed, -1, 3));
	}
	bed_destroy(bed);
	bed_destroy(missing);
}

static void absurd_values_count_as_missing(void **unused) {
	(void)unused;
	struct bed *bed = bed_create();
	struct random random;
	random_init(&random, 7);
	for (uint64_t t = 0; t < 300; t++) {
		bed_step(bed, t % 50 == 49 ? 1e300 : sample(&random, t), sample(&random, t));
		assert_true(bed_is_sane(bed, -50, 50));
	}
	assert_int_equal(bed->outlooks[0].seen, 294);
	bed_destroy(bed);
}

/* Nothing later than a tick may influence its forecast: runs that part afterwards agree up to
 * there, bit for bit. */
static void the_future_changes_nothing(void **unused) {
	(void)unused;
	struct bed *one = bed_create(), *other = bed_create();
	struct random random;
	random_init(&random, 8);
	for (uint64_t t = 0; t < 500; t++) {
		double x = sample(&random, t), y = sample(&random, t);
		bed_step(one, x, y);
		bed_step(other, x, y);
		assert_memory_equal(one->numbers, other->numbers, sizeof(one->numbers));
	}
	float before[CHANNELS][1 + QUANTILES][HORIZON];
	memcpy(before, other->numbers, sizeof(before));
	bed_step(one, 1000, -1000);
	assert_memory_equal(before, other->numbers, sizeof(before));
	assert_memory_not_equal(before, one->numbers, sizeof(before));
	bed_destroy(one);
	bed_destroy(other);
}

static void a_period_of_the_machine_is_found(void **unused) {
	(void)unused;
	struct bed *bed = bed_create();
	struct random random;
	bed->forecaster.step_ms = 250;
	random_init(&random, 9);
	for (uint64_t t = 0; t < 900; t++) {
		double x = t % 37 < 9 ? 5 : 1;
		bed_step(bed, x + 0.1 * random_normal(&random), random_normal(&random));
	}
	struct row row = row_open(&bed->layout, bed->forecaster.rows[0]);
	assert_int_equal(row.head->seasonal[SLOT_SLOW].period, 37);
	assert_true(bed->outlooks[0].skill > 0.7);
	bed_destroy(bed);
}

/* A day's rhythm with noise that remembers its last value: the best forecast of the next value errs
 * by the noise's innovation, and every linear expert must come near it. */
static void every_linear_expert_learns(void **unused) {
	(void)unused;
	struct bed *bed = bed_create();
	struct random random;
	double noise = 0, squared[EXPERTS] = { 0 }, innovations = 0;
	static double experts[EXPERTS][HORIZON_MAX];
	random_init(&random, 10);
	for (uint64_t t = 0; t < 6000; t++) {
		double innovation = 0.1 * random_normal(&random);
		noise = 0.8 * noise + innovation;
		double x = sin(2 * M_PI * (double)t / 24) + noise;
		for (int k = 0; k < LINEARS && t >= 5000; k++) {
			double error = experts[linear_experts[k]][0] - x;
			squared[linear_experts[k]] += error * error;
		}
		innovations += t >= 5000 ? innovation * innovation : 0;
		bed_step(bed, x, random_normal(&random));
		struct row row = row_open(&bed->layout, bed->forecaster.rows[0]);
		row_expert_forecasts(&row, experts);
	}
	for (int k = 0; k < LINEARS; k++)
		assert_true(squared[linear_experts[k]] < 1.35 * innovations);
	bed_destroy(bed);
}

/* Values leave the predicted range about once in a thousand, whatever their tails; one that lies far
 * outside is above 1, and the range is soon as it was. */
static void few_values_are_anomalous_and_those_far_off_are(void **unused) {
	(void)unused;
	struct bed *bed = bed_create();
	struct random random;
	int outside[CHANNELS] = { 0 };
	random_init(&random, 11);
	for (int t = 0; t < 6000; t++) {
		double normal = random_normal(&random);
		double heavy = random_normal(&random) / fmax(fabs(random_normal(&random)), 0.05);
		bed_step(bed, normal, heavy);
		for (int c = 0; c < CHANNELS && t >= 1000; c++)
			outside[c] += bed->outlooks[c].anomaly > 1;
	}
	for (int c = 0; c < CHANNELS; c++)
		assert_in_range(outside[c], 1, 15);
	bed_step(bed, 30, 0);
	assert_true(bed->outlooks[0].anomaly > 3);
	assert_true(bed->outlooks[1].anomaly < 1);
	bed_step(bed, NAN, 0);
	assert_true(bed->outlooks[0].anomaly == 0);
	bed_destroy(bed);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_reading_gives_a_forecast),
		cmocka_unit_test(a_rhythm_is_learned),
		cmocka_unit_test(magnitude_does_not_matter),
		cmocka_unit_test(a_constant_is_forecast_as_such_and_survives_its_end),
		cmocka_unit_test(missing_runs_poison_nothing),
		cmocka_unit_test(ticks_that_never_come_count_as_missing),
		cmocka_unit_test(what_was_learned_follows_a_shift),
		cmocka_unit_test(forecasts_made_at_the_old_level_teach_no_more),
		cmocka_unit_test(a_level_shift_is_forgiven_soon),
		cmocka_unit_test(impossible_values_are_told_and_teach_nothing),
		cmocka_unit_test(absurd_values_count_as_missing),
		cmocka_unit_test(the_future_changes_nothing),
		cmocka_unit_test(a_period_of_the_machine_is_found),
		cmocka_unit_test(every_linear_expert_learns),
		cmocka_unit_test(few_values_are_anomalous_and_those_far_off_are),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
