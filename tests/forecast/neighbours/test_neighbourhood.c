/* SPDX-License-Identifier: Apache-2.0 */
#include "neighbourhood.h"

#include "random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROOM    8
#define MEMBERS 6
#define HORIZON 3
#define STEP_MS 60000
#define FIRST   1000

/* Two roads of three detectors each; those of one road share a random walk. */
struct bed {
	struct neighbourhood hood;
	void *bytes;
	struct random random;
	double roads[2];
};

static double value_of(struct bed *bed, uint32_t i) {
	return 10 + bed->roads[i / 3] + 0.1 * random_normal(&bed->random);
}

static struct moment moment_at(int64_t slot) {
	return (struct moment){ STEP_MS, slot * STEP_MS };
}

static void step(struct bed *bed, int64_t slot, uint32_t silent) {
	struct moment at = moment_at(slot);
	for (int road = 0; road < 2; road++)
		bed->roads[road] = 0.9 * bed->roads[road] + random_normal(&bed->random);
	for (uint32_t i = 0; i < MEMBERS; i++) {
		double value = value_of(bed, i);
		if (i != silent)
			neighbourhood_post(&bed->hood, i, &at, value, 10, 2);
	}
	neighbourhood_advance(&bed->hood, &at);
}

static int set_up(void **state) {
	struct bed *bed = calloc(1, sizeof(*bed));
	bed->bytes = calloc(1, neighbourhood_size(ROOM, HORIZON));
	neighbourhood_init(bed->bytes, ROOM, HORIZON);
	neighbourhood_open(&bed->hood, bed->bytes);
	random_init(&bed->random, 3);
	for (uint32_t i = 0; i < MEMBERS; i++)
		assert_int_equal(neighbourhood_sit(&bed->hood, 100 + i), i);
	for (int64_t slot = 0; slot < 200; slot++)
		step(bed, FIRST + slot, MEMBERS);
	*state = bed;
	return 0;
}

static int tear_down(void **state) {
	struct bed *bed = *state;
	free(bed->bytes);
	free(bed);
	return 0;
}

static void the_nearest_are_those_of_the_same_road(void **state) {
	struct bed *bed = *state;
	for (uint32_t i = 0; i < MEMBERS; i++) {
		for (uint32_t rank = 0; rank < 2; rank++) {
			double correlation;
			uint32_t series = neighbourhood_nearest(&bed->hood, i, rank, &correlation);
			assert_int_equal((series - 100) / 3, i / 3);
			assert_int_not_equal(series, 100 + i);
			assert_true(correlation > 0.9);
		}
	}
}

static void they_say_what_the_road_does(void **state) {
	struct bed *bed = *state;
	struct moment at = moment_at(FIRST + 199);
	const double own[NEAR_LAGS] = { 0 };
	float seen[NEAR_SEEN];
	assert_true(neighbourhood_look(&bed->hood, 0, &at, own, seen));
	/* The road in deviations; its detectors add noise of 0.05, and others of the four nearest may
	 * be of the other road. */
	assert_float_equal((double)seen[1], bed->roads[0] / 2, 0.15);
}

static void a_silent_one_is_looked_past(void **state) {
	struct bed *bed = *state;
	const double own[NEAR_LAGS] = { 0 };
	float seen[NEAR_SEEN];
	for (int64_t slot = 200; slot < 210; slot++)
		step(bed, FIRST + slot, 1);
	struct moment at = moment_at(FIRST + 209);
	assert_true(neighbourhood_look(&bed->hood, 0, &at, own, seen));
	assert_float_equal((double)seen[1], bed->roads[0] / 2, 0.15);
}

/* Detector 1 is close to 0; once it has been silent for long another takes its place. */
static void a_silent_one_gives_its_place_away(void **state) {
	struct bed *bed = *state;
	double correlation;
	for (int64_t slot = 200; slot < 280; slot++)
		step(bed, FIRST + slot, 1);
	for (uint32_t rank = 0; rank < NEAREST; rank++)
		assert_int_not_equal(neighbourhood_nearest(&bed->hood, 0, rank, &correlation), 101);
	assert_int_equal(neighbourhood_nearest(&bed->hood, 0, 0, &correlation), 102);
}

/* What others committed a slot ago is as new as it gets; one that is silent grows old and is gone. */
static void companions_grow_old(void **state) {
	struct bed *bed = *state;
	struct companion seen[NEAREST];
	struct moment at = moment_at(FIRST + 200);
	assert_in_range(neighbourhood_companions(&bed->hood, 0, &at, seen), 2, NEAREST);
	assert_in_range(seen[0].series, 101, 102);
	assert_true(seen[0].distance > 0 && seen[0].distance < 0.1);
	assert_true(seen[0].age == 0);
	for (int64_t slot = 200; slot < 206; slot++) {
		double age = -1;
		step(bed, FIRST + slot, 1);
		at = moment_at(FIRST + slot);
		uint32_t count = neighbourhood_companions(&bed->hood, 0, &at, seen);
		for (uint32_t i = 0; i < count; i++)
			age = seen[i].series == 101 ? seen[i].age : age;
		assert_true(age == (slot < 203 ? (double)(slot - 200) : -1));
	}
	at.step_ms *= 2;
	assert_int_equal(neighbourhood_companions(&bed->hood, 0, &at, seen), 0);
}

/* Forecasts and errors of member i, all but two of which say something. */
static void tell_all(struct bed *bed, const struct moment *at) {
	for (uint32_t i = 0; i < MEMBERS; i++) {
		const float told[BOARD_TOLD] = { (float)i, 10 * (float)i, 1, 0, -2 * (float)i, 5 };
		if (i != 2)
			neighbourhood_tell(&bed->hood, i, at, told);
	}
}

/* The mean number of the nearest of member 0 that say something. */
static double mean_of_nearest(const struct bed *bed) {
	double correlation, sum = 0, count = 0;
	for (uint32_t rank = 0; rank < NEAREST; rank++) {
		uint32_t series = neighbourhood_nearest(&bed->hood, 0, rank, &correlation);
		if (series == 0 || series == 102)
			continue;
		sum += series - 100;
		count++;
	}
	assert_true(count > 0);
	return sum / count;
}

static void what_the_nearest_tell_is_seen_at_once_and_a_period_later(void **state) {
	struct bed *bed = *state;
	const double own[NEAR_LAGS] = { 0 };
	float seen[NEAR_SEEN], nearest[BOARD_TOLD], picture[BOARD_TOLD];
	const float *forecasts = seen + 2 * NEAR_LAGS;
	double mean = mean_of_nearest(bed);
	struct moment at = moment_at(FIRST + 199);
	tell_all(bed, &at);
	for (int later = 0; later < 2; later++) {
		at = moment_at(FIRST + 199 + later);
		assert_true(neighbourhood_look(&bed->hood, 0, &at, own, seen));
		neighbourhood_look_told(&bed->hood, 0, &at, nearest, picture);
		assert_float_equal((double)forecasts[0], mean, 1e-5);
		assert_float_equal((double)forecasts[1], 10 * mean, 1e-4);
		assert_float_equal((double)forecasts[2], 0, 1e-6);
		assert_memory_equal(nearest, forecasts, BOARD_LEADS * sizeof(float));
		assert_float_equal((double)nearest[4], -2 * mean, 1e-5);
		/* One that has said nothing itself has nothing to compare with. */
		assert_true(neighbourhood_look(&bed->hood, 2, &at, own, seen));
		assert_float_equal((double)forecasts[0], 0, 0);
		neighbourhood_look_told(&bed->hood, 2, &at, nearest, picture);
		assert_true(nearest[5] == 0 && picture[5] == 0);
		step(bed, FIRST + 200 + later, MEMBERS);
	}
	at = moment_at(FIRST + 201);
	assert_true(neighbourhood_look(&bed->hood, 0, &at, own, seen));
	assert_float_equal((double)forecasts[0], 0, 0);
}

/* What all tell in the picture's own terms is what it says of each; one that strays is pulled back but for what
 * it weighs itself, the square of its loading: the loadings are orthonormal. */
static void the_picture_says_what_all_tell(void **state) {
	struct bed *bed = *state;
	struct moment at = moment_at(FIRST + 199);
	const double own[NEAR_LAGS] = { 0 };
	float seen[NEAR_SEEN], nearest[BOARD_TOLD], picture[BOARD_TOLD];
	double weight = 0;
	for (uint32_t i = 0; i < MEMBERS; i++) {
		const float *loading = bed->hood.loadings + (size_t)i * PICTURE_RANK;
		float fits = 2 * loading[0] - loading[1] + 0.5F * loading[2];
		const float told[BOARD_TOLD] = { fits, 0, 0, 0, 0, i == 1 ? fits + 1 : fits };
		neighbourhood_tell(&bed->hood, i, &at, told);
		for (int k = 0; k < PICTURE_RANK && i == 1; k++)
			weight += (double)(loading[k] * loading[k]);
	}
	assert_true(neighbourhood_look(&bed->hood, 1, &at, own, seen));
	neighbourhood_look_told(&bed->hood, 1, &at, nearest, picture);
	assert_float_equal((double)picture[0], 0, 5e-3);
	assert_float_equal((double)picture[5], weight - 1, 5e-3);
}

static void one_with_another_step_stays_alone(void **state) {
	struct bed *bed = *state;
	struct moment at = { 5 * STEP_MS, (FIRST + 200) * STEP_MS };
	const double own[NEAR_LAGS] = { 0 };
	float seen[NEAR_SEEN];
	assert_false(neighbourhood_post(&bed->hood, 2, &at, 1, 0, 1));
	assert_false(neighbourhood_look(&bed->hood, 2, &at, own, seen));
}

static void a_step_that_nobody_keeps_gives_way(void **state) {
	struct bed *bed = *state;
	struct moment at = { 5 * STEP_MS, (FIRST + 1000) * STEP_MS };
	assert_true(neighbourhood_post(&bed->hood, 2, &at, 1, 0, 1));
}

static void a_seat_that_was_left_is_taken_afresh(void **state) {
	struct bed *bed = *state;
	double correlation;
	neighbourhood_leave(&bed->hood, 1);
	assert_int_equal(neighbourhood_sit(&bed->hood, 300), 1);
	for (int64_t slot = 200; slot < 280; slot++)
		step(bed, FIRST + slot, 1);
	for (uint32_t rank = 0; rank < NEAREST; rank++)
		assert_int_not_equal(neighbourhood_nearest(&bed->hood, 0, rank, &correlation), 300);
}

static void more_room_changes_nothing(void **state) {
	struct bed *bed = *state;
	struct moment at = moment_at(FIRST + 199);
	const double own[NEAR_LAGS] = { 0.3, 0.1, 0, 0 };
	float before[NEAR_SEEN], after[NEAR_SEEN];
	struct neighbourhood larger;
	void *bytes = calloc(1, neighbourhood_size(2 * ROOM, HORIZON));
	neighbourhood_init(bytes, 2 * ROOM, HORIZON);
	neighbourhood_open(&larger, bytes);
	const float inputs[PERCEPTRON_INPUTS] = { 1 };
	replay_offer(bed->hood.replay, ROOM, 100, 7, inputs);
	bed->hood.perceptron->weights.bias[0] = 2;
	neighbourhood_copy(&larger, &bed->hood);
	assert_int_equal(larger.replay->count, 1);
	assert_int_equal(larger.replay->examples[0].tick, 7);
	assert_memory_equal(larger.perceptron, bed->hood.perceptron, sizeof(*larger.perceptron));
	assert_true(neighbourhood_look(&bed->hood, 4, &at, own, before));
	assert_true(neighbourhood_look(&larger, 4, &at, own, after));
	assert_memory_equal(before, after, sizeof(before));
	free(bytes);
}

static void damage_is_seen(void **state) {
	struct bed *bed = *state;
	size_t size = neighbourhood_size(ROOM, HORIZON);
	assert_true(neighbourhood_is_sound(bed->bytes, size));
	assert_false(neighbourhood_is_sound(bed->bytes, size - 1));
	bed->hood.seats[3].nearest[1] = ROOM;
	assert_false(neighbourhood_is_sound(bed->bytes, size));
	bed->hood.seats[3].nearest[1] = 0;
	bed->hood.head->count = ROOM + 1;
	assert_false(neighbourhood_is_sound(bed->bytes, size));
	bed->hood.head->count = MEMBERS;
	bed->hood.replay->count = replay_room(ROOM) + 1;
	assert_false(neighbourhood_is_sound(bed->bytes, size));
	bed->hood.replay->count = 0;
	bed->hood.head->room = NEIGHBOURHOOD_MAX + 1;
	assert_false(neighbourhood_is_sound(bed->bytes, size));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_nearest_are_those_of_the_same_road, set_up, tear_down),
		cmocka_unit_test_setup_teardown(they_say_what_the_road_does, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_silent_one_is_looked_past, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_silent_one_gives_its_place_away, set_up, tear_down),
		cmocka_unit_test_setup_teardown(companions_grow_old, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_the_nearest_tell_is_seen_at_once_and_a_period_later, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(the_picture_says_what_all_tell, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			one_with_another_step_stays_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_step_that_nobody_keeps_gives_way, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_seat_that_was_left_is_taken_afresh, set_up, tear_down),
		cmocka_unit_test_setup_teardown(more_room_changes_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(damage_is_seen, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
