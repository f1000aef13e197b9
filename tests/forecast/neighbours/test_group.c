/* SPDX-License-Identifier: Apache-2.0 */
/* Groups through the whole engine: what neighbours are good for, and what they must not do. */
#include "bed.h"

#include "random.h"
#include "xlstm/file.h"
#include "xlstm/model.h"

#include <stdlib.h>
#include <string.h>

static void make_strangers(struct bed *bed) {
	struct random random;
	random_init(&random, 12);
	for (int d = 0; d < MEMBERS; d++) {
		double wave = 0;
		for (int t = 0; t < TICKS; t++) {
			wave = 0.95 * wave + random_normal(&random);
			bed->values[t][d] = 50 + wave + 0.2 * random_normal(&random);
		}
	}
}

/* Mean absolute error over detectors first to last and all leads. */
static double error_of(const struct bed *bed, int first, int last) {
	double sum = 0;
	for (int d = first; d < last; d++)
		for (int h = 0; h < HORIZON; h++)
			sum += bed->errors[d][h];
	return sum;
}

/* The errors without a group and in one, of the same values. */
static void compare(struct bed *bed, int first, int last, double *ret_alone, double *ret_grouped) {
	bed_open(bed, "");
	bed_feed_all(bed);
	*ret_alone = error_of(bed, first, last);
	bed_close(bed);
	bed_open(bed, "road");
	bed_feed_all(bed);
	*ret_grouped = error_of(bed, first, last);
	bed_close(bed);
}

/* Detector 5 sees what detector 1 saw four ticks ago: it is forecast far better with it. */
static void who_sees_what_is_coming_tells(void **state) {
	struct bed *bed = *state;
	double alone, grouped;
	make_road(bed);
	compare(bed, 2, MEMBERS, &alone, &grouped);
	assert_true(grouped < 0.8 * alone);
}

/* With a network the quantiles lie around a mix of their own. */
static void medians_gain_as_means_do(void **state) {
	struct bed *bed = *state;
	struct xlstm_weights *weights;
	double alone = 0, grouped = 0;
	assert_int_equal(xlstm_weights_open(&weights, MODEL, NULL), 0);
	assert_int_equal(xlstm_model_create(&bed->model, weights), 0);
	xlstm_weights_destroy(weights);
	make_road(bed);
	for (int together = 0; together < 2; together++) {
		bed_open(bed, together ? "road" : "");
		bed_feed_all(bed);
		for (int d = 2; d < MEMBERS; d++)
			*(together ? &grouped : &alone) += bed->median_errors[d];
		bed_close(bed);
	}
	xlstm_model_unref(bed->model);
	assert_true(grouped < 0.8 * alone);
	/* Errors are normal here: mean and median are the same thing. */
	assert_true(grouped < 1.03 * error_of(bed, 2, MEMBERS));
}

static void strangers_cost_next_to_nothing(void **state) {
	struct bed *bed = *state;
	double alone, grouped;
	make_strangers(bed);
	compare(bed, 0, MEMBERS, &alone, &grouped);
	assert_true(grouped < 1.01 * alone);
}

/* The one that all others follow sticks at a far value. */
static void a_stuck_neighbour_poisons_nobody(void **state) {
	struct bed *bed = *state;
	double alone, grouped;
	make_road(bed);
	for (int t = 2 * WARM; t < TICKS; t++)
		bed->values[t][0] = 500;
	compare(bed, 1, MEMBERS, &alone, &grouped);
	assert_true(grouped < 0.95 * alone);
}

/* Half of the members stick: for the others it is nearly as if they had never been there. What was learned when they
 * were seen fades slowly. */
static void stuck_neighbours_teach_nothing(void **state) {
	struct bed *bed = *state;
	double alone, stuck, without;
	make_road(bed);
	for (int t = WARM; t < TICKS; t++)
		bed->values[t][0] = bed->values[t][1] = bed->values[t][2] = 50;
	compare(bed, 3, MEMBERS, &alone, &stuck);
	bed->absent = 3;
	bed_open(bed, "road");
	bed_feed_all(bed);
	without = error_of(bed, 3, MEMBERS);
	bed_close(bed);
	assert_true(without < 0.95 * alone);
	assert_true(alone - stuck > 0.85 * (alone - without));
}

/* Members that learn together without seeing each other: a control, for what is due to seeing. */
static void the_blind_gain_nothing_from_what_others_see(void **state) {
	struct bed *bed = *state;
	double alone, together;
	make_road(bed);
	compare(bed, 2, MEMBERS, &alone, &together);
	bed_open_with(bed, "road", true);
	bed_feed_all(bed);
	double blind = error_of(bed, 2, MEMBERS);
	bed_close(bed);
	assert_true(together < 0.8 * blind);
	assert_true(blind > 0.98 * alone && blind < 1.01 * alone);
}

static void a_neighbour_gone_mad_poisons_nobody(void **state) {
	struct bed *bed = *state;
	double alone, grouped;
	struct random random;
	random_init(&random, 13);
	make_road(bed);
	for (int t = 2 * WARM; t < TICKS; t++)
		bed->values[t][0] = 1e9 * random_normal(&random);
	compare(bed, 1, MEMBERS, &alone, &grouped);
	assert_true(grouped < 0.95 * alone);
}

static void the_order_within_a_batch_does_not_matter(void **state) {
	struct bed *bed = *state, *other = calloc(1, sizeof(*other));
	make_road(bed);
	make_road(other);
	bed_open(bed, "road");
	bed_open(other, "road");
	for (int t = 0; t < WARM; t++) {
		bed_feed(bed, t, 1);
		bed_feed(other, t, t % 3 ? -1 : 1);
		assert_memory_equal(bed->forecasts, other->forecasts, sizeof(bed->forecasts));
	}
	bed_close(bed);
	bed_close(other);
	free(other);
}

/* Positions say who may see whom; where all may, who stands where changes nothing, were it all wrong. */
static void positions_do_not_choose_within_a_neighbourhood(void **state) {
	struct bed *bed = *state, *other = calloc(1, sizeof(*other));
	struct random random;
	random_init(&random, 14);
	make_road(bed);
	make_road(other);
	bed_open(bed, "road");
	bed_open(other, "road");
	for (int d = 0; d < MEMBERS; d++) {
		struct place place = { 1e6 * random_normal(&random), 1e6 * random_normal(&random),
			1e6 * random_normal(&random) };
		engine_place(other->engine, other->detectors[d], &place);
	}
	for (int t = 0; t < WARM; t++) {
		bed_feed(bed, t, 1);
		bed_feed(other, t, 1);
	}
	assert_memory_equal(bed->forecasts, other->forecasts, sizeof(bed->forecasts));
	bed_close(bed);
	bed_close(other);
	free(other);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			who_sees_what_is_coming_tells, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(
			medians_gain_as_means_do, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(
			strangers_cost_next_to_nothing, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(
			a_stuck_neighbour_poisons_nobody, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(
			stuck_neighbours_teach_nothing, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(
			the_blind_gain_nothing_from_what_others_see, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(
			a_neighbour_gone_mad_poisons_nobody, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(
			the_order_within_a_batch_does_not_matter, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(
			positions_do_not_choose_within_a_neighbourhood, bed_set_up, bed_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
