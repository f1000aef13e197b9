/* SPDX-License-Identifier: Apache-2.0 */
#include "random.h"
#include "shift.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SEASON 168
#define DAY    24
#define WARM   1000

/* A watch that has seen ordinary deviations, normal with deviation 1. */
struct bed {
	struct shift_watch watch;
	struct random random;
	struct shift shift; /* the last one found */
};

static struct bed bed_open(uint64_t seed) {
	struct bed bed = { 0 };
	random_init(&bed.random, seed);
	for (int t = 0; t < WARM; t++)
		assert_false(shift_look(
			&bed.watch, SEASON, DAY, 1, random_normal(&bed.random), &bed.shift));
	return bed;
}

/* Whether `deviation`, and noise, completes a new level. */
static bool look(struct bed *bed, double deviation) {
	return shift_look(
		&bed->watch, SEASON, DAY, 1, deviation + random_normal(&bed->random), &bed->shift);
}

static bool look_often(struct bed *bed, double deviation, int times) {
	bool found = false;
	for (int i = 0; i < times; i++)
		found |= look(bed, deviation);
	return found;
}

/* Values at a new level until it is found, DAY at the most. */
static int look_until_found(struct bed *bed, double jump) {
	for (int i = 1; i <= DAY; i++)
		if (look(bed, jump))
			return i;
	return DAY + 1;
}

/* The mean of n normal values lies within four of its deviations. */
static void assert_jump(const struct bed *bed, double jump) {
	assert_true(fabs(bed->shift.jump - jump) < 4 / sqrt((double)bed->shift.ticks));
}

static void a_new_level_is_found_within_a_day(void **unused) {
	(void)unused;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		double jump = seed % 2 ? 8 : -8;
		struct bed bed = bed_open(seed);
		int after = look_until_found(&bed, jump);
		assert_in_range(after, DAY / 4, DAY);
		assert_int_equal(bed.shift.ticks, after);
		assert_jump(&bed, jump);
		/* The past has moved: deviations are those of ordinary days. */
		assert_false(look_often(&bed, 0, 2 * SEASON));
	}
}

static void a_small_one_takes_longer(void **unused) {
	(void)unused;
	struct bed bed = bed_open(3);
	assert_in_range(look_until_found(&bed, 5), DAY / 4 + 1, DAY);
	assert_jump(&bed, 5);
}

static void ticks_without_a_value_count(void **unused) {
	(void)unused;
	struct bed bed = bed_open(4);
	bool found = false;
	for (int i = 0; i < DAY / 4; i++)
		found = shift_look(&bed.watch, SEASON, DAY, i == 3 ? 5 : 1,
			8 + random_normal(&bed.random), &bed.shift);
	assert_true(found);
	assert_int_equal(bed.shift.ticks, DAY / 4 + 4);
}

static void ordinary_days_hold_none(void **unused) {
	(void)unused;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct bed bed = bed_open(seed);
		assert_false(look_often(&bed, 0, 10000));
	}
}

static void what_passes_within_hours_is_none(void **unused) {
	(void)unused;
	struct bed bed = bed_open(5);
	for (int i = 0; i < 50; i++) {
		assert_false(look_often(&bed, 20, DAY / 4 - 1));
		assert_false(look_often(&bed, 0, DAY));
	}
}

/* What a new level was thought to be is taken back to the last bit. */
static void a_level_that_goes_back_was_none(void **unused) {
	(void)unused;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct bed bed = bed_open(seed);
		look_until_found(&bed, 8);
		double jump = bed.shift.jump;
		assert_false(look_often(&bed, 0, SEASON));
		assert_int_equal(look_until_found(&bed, -8), DAY / 4);
		assert_true(bed.shift.jump == -jump);
		assert_int_equal(bed.shift.ticks, DAY / 4);
		assert_false(look_often(&bed, 0, SEASON));
		/* As much again is nothing new, nor is there anything to be taken back any more. */
		assert_false(look_often(&bed, 8, DAY / 4));
		assert_false(look_often(&bed, -8, DAY / 4));
	}
}

static void a_level_that_lasts_goes_back_only_by_another_one(void **unused) {
	(void)unused;
	struct bed bed = bed_open(11);
	look_until_found(&bed, 8);
	double jump = bed.shift.jump;
	assert_false(look_often(&bed, 0, 2 * SEASON));
	assert_in_range(look_until_found(&bed, -8), DAY / 4, DAY);
	assert_true(bed.shift.jump != -jump);
	assert_jump(&bed, -8);
}

/* The first time, nobody can know; and then the past is where it was. */
static void what_comes_again_is_none(void **unused) {
	(void)unused;
	struct bed bed = bed_open(6);
	double level = 0;
	for (int t = 0; t < 100 * DAY; t++)
		if (look(&bed, (t / DAY % 2 ? 5 : 0) - level))
			level += bed.shift.jump;
	assert_true(level == 0);
	assert_false(look_often(&bed, 5, DAY));
}

static void a_drift_is_none(void **unused) {
	(void)unused;
	struct bed bed = bed_open(7);
	for (int t = 0; t < 10 * DAY; t++)
		assert_false(look(&bed, t / 20.0));
}

static void a_restless_time_is_none(void **unused) {
	(void)unused;
	struct bed bed = bed_open(8);
	for (int t = 0; t < 10 * DAY; t++)
		assert_false(look(&bed, t % 2 ? 4 : 16));
}

static void another_season_starts_over(void **unused) {
	(void)unused;
	struct bed bed = bed_open(9);
	for (int t = 0; t < 2 * DAY; t++)
		assert_false(shift_look(&bed.watch, DAY, DAY, 1, 8, &bed.shift));
	assert_int_equal(bed.watch.season, DAY);
}

static void numbers_beyond_floats_are_survived(void **unused) {
	(void)unused;
	struct bed bed = bed_open(10);
	for (int t = 0; t < DAY; t++)
		assert_false(shift_look(&bed.watch, SEASON, DAY, 1, 2e30, &bed.shift));
	assert_true(isfinite(bed.watch.usual));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_level_is_found_within_a_day),
		cmocka_unit_test(a_small_one_takes_longer),
		cmocka_unit_test(ticks_without_a_value_count),
		cmocka_unit_test(ordinary_days_hold_none),
		cmocka_unit_test(what_passes_within_hours_is_none),
		cmocka_unit_test(a_level_that_goes_back_was_none),
		cmocka_unit_test(a_level_that_lasts_goes_back_only_by_another_one),
		cmocka_unit_test(what_comes_again_is_none),
		cmocka_unit_test(a_drift_is_none),
		cmocka_unit_test(a_restless_time_is_none),
		cmocka_unit_test(another_season_starts_over),
		cmocka_unit_test(numbers_beyond_floats_are_survived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
