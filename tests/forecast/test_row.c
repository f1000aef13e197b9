/* SPDX-License-Identifier: Apache-2.0 */
#include "row.h"

#include "network_track.h"
#include "random.h"
#include "xlstm/file.h"
#include "xlstm/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOUR_MS 3600000
#define DAY     24
#define WEEK    168
#define EVENT   1300
#define JUMP    3.0

/* A row, the same series at a level of JUMP from the beginning, and the same without a shift. */
struct pair {
	struct row_layout layout;
	struct row shifted, always, never;
	struct random random;
	uint64_t ticks;
	uint64_t event_ticks; /* since the event, when it was recognised */
};

static struct row fresh_row(const struct row_layout *layout) {
	void *bytes = aligned_alloc(64, layout->size);
	memset(bytes, 0, layout->size);
	return row_open(layout, bytes);
}

static double sample(struct random *random, uint64_t t) {
	double day = sin(2 * M_PI * (double)t / DAY), week = cos(2 * M_PI * (double)t / WEEK);
	return day + 0.4 * week + 0.1 * random_normal(random);
}

/* The next value of all three. */
static void step(struct pair *pair, double jump) {
	uint64_t t = pair->ticks++;
	double value = sample(&pair->random, t);
	row_accept(&pair->shifted, t, value + jump, HOUR_MS);
	row_accept(&pair->always, t, value + JUMP, HOUR_MS);
	row_accept(&pair->never, t, value, HOUR_MS);
}

/* Steps all until the shift of one of them is recognised. */
static void run(struct pair *pair) {
	random_init(&pair->random, 8);
	while (pair->shifted.head->level_start == 0) {
		assert_true(pair->ticks < EVENT + DAY);
		step(pair, pair->ticks < EVENT ? 0 : JUMP);
	}
	pair->event_ticks = pair->ticks - EVENT;
	assert_int_equal(pair->shifted.head->level_start, EVENT);
}

static int set_up(void **state) {
	struct pair *pair = calloc(1, sizeof(*pair));
	struct forecast_options options;
	struct xlstm_weights *weights;
	struct xlstm_model *model;
	assert_int_equal(xlstm_weights_open(&weights, MODEL, NULL), 0);
	assert_int_equal(xlstm_model_create(&model, weights), 0);
	xlstm_weights_destroy(weights);
	forecast_options_init(&options);
	options.season_max = 200;
	row_layout_init(&pair->layout, &options, model);
	xlstm_model_unref(model);
	pair->shifted = fresh_row(&pair->layout);
	pair->always = fresh_row(&pair->layout);
	pair->never = fresh_row(&pair->layout);
	run(pair);
	*state = pair;
	return 0;
}

static int tear_down(void **state) {
	struct pair *pair = *state;
	free(pair->shifted.head);
	free(pair->always.head);
	free(pair->never.head);
	free(pair);
	return 0;
}

/* The mean of the values by which a shift was recognised differs from the shift by the noise of them and of a
 * week and a day before, a few tenths of a deviation of 0.1. */
#define NOISE 0.15

static void the_past_is_that_of_the_new_level(void **state) {
	const struct pair *pair = *state;
	for (uint64_t k = 0; k < WEEK + DAY; k++)
		assert_float_equal(row_back(&pair->shifted, k), row_back(&pair->always, k), NOISE);
	assert_float_equal(
		pair->shifted.head->history.mean, pair->always.head->history.mean, NOISE);
}

/* Phases that have not come since the event: their profile has learned nothing of it. The level is moved by what
 * the values at the new level told of it, and that is taken back. */
static void profiles_and_their_level_are_those_of_the_new_level(void **state) {
	const struct pair *pair = *state;
	for (int slot = 0; slot < SEASONAL_SLOTS; slot++) {
		const struct seasonal *moved = &pair->shifted.head->seasonal[slot];
		const struct seasonal *other = &pair->always.head->seasonal[slot];
		assert_float_equal(moved->level, other->level, NOISE);
		for (uint32_t h = 1; h < DAY - pair->event_ticks; h++)
			assert_float_equal(seasonal_profile(moved, pair->shifted.profiles[slot], h),
				seasonal_profile(other, pair->always.profiles[slot], h), NOISE);
	}
}

static void what_the_network_sees_is_that_of_the_new_level(void **state) {
	const struct pair *pair = *state;
	for (uint64_t k = 0; k < WEEK; k++)
		assert_float_equal(track_back(&pair->shifted.track, k),
			track_back(&pair->always.track, k), NOISE);
	for (uint32_t h = 1; h < DAY - pair->event_ticks; h++) {
		double moved, other;
		assert_true(track_profile(&pair->shifted.track, h, &moved));
		assert_true(track_profile(&pair->always.track, h, &other));
		assert_float_equal(moved, other, NOISE);
	}
	const struct track *moved = pair->shifted.track.track, *other = pair->always.track.track;
	assert_float_equal(moved->d1, other->d1, NOISE);
	assert_float_equal(moved->d2, other->d2, NOISE);
}

/* What lies before it is where it was, and what lies within it where it would have been without it. */
static void a_shift_that_goes_back_leaves_nothing_behind(void **state) {
	struct pair *pair = *state;
	uint64_t back = pair->ticks + DAY;
	while (pair->ticks < back)
		step(pair, JUMP);
	while (pair->shifted.head->level_start == EVENT) {
		assert_true(pair->ticks < back + DAY / 4);
		step(pair, 0);
	}
	assert_int_equal(pair->shifted.head->level_start, back);
	for (uint64_t k = 0; k < WEEK + DAY; k++)
		assert_float_equal(row_back(&pair->shifted, k), row_back(&pair->never, k),
			pair->ticks - k > EVENT ? NOISE : 1e-5);
	assert_float_equal(pair->shifted.head->history.mean, pair->never.head->history.mean, NOISE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(the_past_is_that_of_the_new_level),
		TEST(profiles_and_their_level_are_those_of_the_new_level),
		TEST(what_the_network_sees_is_that_of_the_new_level),
		TEST(a_shift_that_goes_back_leaves_nothing_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
