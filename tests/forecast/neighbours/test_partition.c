/* SPDX-License-Identifier: Apache-2.0 */
/* Who sits with whom: by position, or by what they have in common. */
#include "group.h"
#include "random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define TOWN    200 /* members of each town: two towns do not fit into one neighbourhood */
#define HORIZON 1

static int join(struct groups *groups, const char *group, uint32_t horizon, uint32_t series,
	const struct place *place) {
	const struct group_key key = { span_text(group), SPAN("speed"), horizon };
	return groups_join(groups, &key, series, place);
}

static void distances_are_those_on_the_globe(void **state) {
	(void)state;
	/* A degree of a great circle is 111.19 km long; so is one of latitude, and half as much one of
	 * longitude at 60 degrees. */
	struct place here = place_on_globe(60, 10), north = place_on_globe(61, 10);
	struct place east = place_on_globe(60, 11), date_line = place_on_globe(0, 179.5);
	struct place beyond = place_on_globe(0, -179.5);
	assert_float_equal(place_distance(&here, &north), 111190, 20);
	assert_float_equal(place_distance(&here, &east), 111190 / 2.0, 20);
	assert_float_equal(place_distance(&date_line, &beyond), 111190, 20);
	struct place nowhere = place_on_globe(91, 0), unknown = place_on_globe(NAN, NAN);
	assert_false(place_is_known(&nowhere));
	assert_false(place_is_known(&unknown));
}

/* Two towns, a degree apart, whose detectors join in turn. */
static void those_who_are_close_sit_together(void **state) {
	(void)state;
	struct groups groups = { 0 };
	struct random random;
	random_init(&random, 1);
	for (uint32_t i = 0; i < 2 * TOWN; i++) {
		struct place place = place_on_globe(50 + 0.01 * random_uniform(&random),
			10 + i % 2 + 0.01 * random_uniform(&random));
		assert_int_equal(join(&groups, "road", HORIZON, i + 1, &place), 0);
	}
	struct neighbourhood *first = groups_seat(&groups, 1).hood;
	struct neighbourhood *second = groups_seat(&groups, 2).hood;
	assert_int_equal(groups_count(&groups), 2);
	assert_ptr_not_equal(first, second);
	for (uint32_t i = 0; i < 2 * TOWN; i++) {
		struct near_seat seat = groups_seat(&groups, i + 1);
		assert_ptr_equal(seat.hood, i % 2 ? second : first);
		assert_int_equal(seat.hood->seats[seat.seat].series, i + 1);
	}
	groups_finish(&groups);
}

static void join_at(struct groups *groups, uint32_t series, double x) {
	struct place place = place_on_plane(x, 0);
	assert_int_equal(join(groups, "road", HORIZON, series, &place), 0);
}

/* A full neighbourhood on both sides of another one that is full, too: once it is split, the one in between is closer
 * to who comes than either half. */
static void who_comes_sits_in_a_half_of_what_was_full(void **state) {
	(void)state;
	struct groups groups = { 0 };
	struct group_key key = { SPAN("road"), SPAN("speed"), HORIZON };
	double far = 1e5;
	for (uint32_t i = 0; i < NEIGHBOURHOOD_MAX; i++)
		join_at(&groups, i + 1, i % 2 ? far : i % 4 ? 1000 : -1000);
	for (uint32_t i = NEIGHBOURHOOD_MAX; i < 2 * NEIGHBOURHOOD_MAX; i++)
		join_at(&groups, i + 1, i % 2 ? far : i % 4 ? 1000 : -1000);
	for (; far > 100; far *= 0.6)
		for (uint32_t i = 1; i < 2 * NEIGHBOURHOOD_MAX; i += 2) {
			struct place place = place_on_plane(0.6 * far, 0);
			assert_int_equal(groups_move(&groups, &key, i + 1, &place), 0);
		}
	struct neighbourhood *between = groups_seat(&groups, 2).hood;
	assert_int_equal(groups_count(&groups), 2);
	assert_true(neighbourhood_is_full(between));
	assert_true(neighbourhood_is_full(groups_seat(&groups, 1).hood));

	join_at(&groups, 2 * NEIGHBOURHOOD_MAX + 1, 0.45 * far);
	struct near_seat seat = groups_seat(&groups, 2 * NEIGHBOURHOOD_MAX + 1);
	assert_int_equal(groups_count(&groups), 3);
	assert_ptr_not_equal(seat.hood, between);
	assert_in_range(seat.seat, 0, NEIGHBOURHOOD_MAX - 1);
	groups_finish(&groups);
}

/* One moves from its town to the other one, and within that. */
static void who_moves_sits_where_it_belongs(void **state) {
	(void)state;
	struct groups groups = { 0 };
	struct group_key key = { SPAN("road"), SPAN("speed"), HORIZON };
	for (uint32_t i = 0; i < 2 * TOWN; i++) {
		struct place place = place_on_plane(100000 * (i % 2) + i, 0);
		assert_int_equal(join(&groups, "road", HORIZON, i + 1, &place), 0);
	}
	struct place far = place_on_plane(100007, 5), near = place_on_plane(100008, 5);
	struct place unknown = PLACE_UNKNOWN;
	struct neighbourhood *second = groups_seat(&groups, 2).hood;
	assert_ptr_not_equal(groups_seat(&groups, 1).hood, second);
	assert_int_equal(groups_move(&groups, &key, 1, &far), 1);
	assert_ptr_equal(groups_seat(&groups, 1).hood, second);
	assert_int_equal(groups_move(&groups, &key, 1, &near), 0);
	struct place seated = groups_place(&groups, 1);
	assert_true(place_equal(&seated, &near));
	assert_int_equal(groups_move(&groups, &key, 1, &unknown), 0);
	assert_ptr_equal(groups_seat(&groups, 1).hood, second);
	assert_int_equal(groups_move(&groups, &key, 9999, &near), 0);
	groups_finish(&groups);
}

/* Without positions: two rivers, whose detectors join in turn and are cut by what they measure. */
static void those_who_move_together_stay_together(void **state) {
	(void)state;
	struct groups groups = { 0 };
	const struct place nowhere = PLACE_UNKNOWN;
	struct random random;
	random_init(&random, 2);
	for (uint32_t i = 0; i < NEIGHBOURHOOD_MAX; i++)
		assert_int_equal(join(&groups, "road", HORIZON, i + 1, &nowhere), 0);
	assert_int_equal(groups_count(&groups), 1);
	for (int64_t slot = 1; slot < 60; slot++) {
		struct moment at = { 60000, slot * 60000 };
		double rivers[] = { random_normal(&random), random_normal(&random) };
		for (uint32_t i = 0; i < NEIGHBOURHOOD_MAX; i++) {
			struct near_seat seat = groups_seat(&groups, i + 1);
			neighbourhood_post(seat.hood, seat.seat, &at,
				2 * rivers[i % 2] + 0.1 * random_normal(&random), 0, 2);
		}
		neighbourhood_advance(groups_seat(&groups, 1).hood, &at);
	}
	assert_int_equal(join(&groups, "road", HORIZON, NEIGHBOURHOOD_MAX + 1, &nowhere), 0);
	assert_int_equal(groups_count(&groups), 2);
	int together = 0;
	for (uint32_t i = 0; i < NEIGHBOURHOOD_MAX; i++)
		together +=
			groups_seat(&groups, i + 1).hood == groups_seat(&groups, i % 2 + 1).hood;
	assert_int_equal(together, NEIGHBOURHOOD_MAX);
	groups_finish(&groups);
}

static void who_leaves_makes_room(void **state) {
	(void)state;
	struct groups groups = { 0 };
	const struct place nowhere = PLACE_UNKNOWN;
	for (uint32_t i = 0; i < NEIGHBOURHOOD_MAX; i++)
		join(&groups, "road", HORIZON, i + 1, &nowhere);
	groups_leave(&groups, 7);
	assert_null(groups_seat(&groups, 7).hood);
	join(&groups, "road", HORIZON, 1000, &nowhere);
	assert_int_equal(groups_count(&groups), 1);
	groups_finish(&groups);
}

/* Another group, channel or horizon is another neighbourhood, and a series can move on. */
static void groups_keep_apart(void **state) {
	(void)state;
	const struct place nowhere = PLACE_UNKNOWN;
	struct groups groups = { 0 };
	join(&groups, "road", HORIZON, 1, &nowhere);
	join(&groups, "river", HORIZON, 2, &nowhere);
	join(&groups, "road", HORIZON + 1, 3, &nowhere);
	assert_int_equal(groups_count(&groups), 3);
	join(&groups, "river", HORIZON, 1, &nowhere);
	assert_int_equal(groups_count(&groups), 3);
	assert_ptr_equal(groups_seat(&groups, 1).hood, groups_seat(&groups, 2).hood);
	groups_finish(&groups);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distances_are_those_on_the_globe),
		cmocka_unit_test(those_who_are_close_sit_together),
		cmocka_unit_test(who_comes_sits_in_a_half_of_what_was_full),
		cmocka_unit_test(who_moves_sits_where_it_belongs),
		cmocka_unit_test(those_who_move_together_stay_together),
		cmocka_unit_test(who_leaves_makes_room),
		cmocka_unit_test(groups_keep_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
