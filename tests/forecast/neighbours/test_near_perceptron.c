/* SPDX-License-Identifier: Apache-2.0 */
/* What a neighbourhood's perceptron is given and learns while its members step. */
#include "bed.h"

#include "detector.h"
#include "engine_private.h"
#include "random.h"

#include <math.h>
#include <stdlib.h>

/* All see the tent map x -> 1 - 2 |x| but for a little chance, each with noise of its own. Its values do not
 * correlate from tick to tick, so that nothing linear says what comes next. */
static void make_tent(struct bed *bed) {
	struct random random;
	double x = 0.3;
	random_init(&random, 13);
	for (int t = 0; t < TICKS; t++) {
		x = 1 - 2 * fabs(x) + 1e-3 * random_normal(&random);
		x = fmax(fmin(x, 1), -1);
		for (int d = 0; d < MEMBERS; d++)
			bed->values[t][d] = 50 + x + 0.3 * random_normal(&random);
	}
}

static int set_up(void **state) {
	bed_set_up(state);
	struct bed *bed = *state;
	make_tent(bed);
	bed_open(bed, "road");
	bed_feed_all(bed);
	return 0;
}

static int tear_down(void **state) {
	bed_close(*state);
	return bed_tear_down(state);
}

static struct near_seat seat_of(const struct bed *bed, int d) {
	return groups_seat(&bed->engine->groups, detector_channel_series(bed->detectors[d], 0));
}

static struct row row_of(const struct bed *bed, int d) {
	const struct forecaster *forecaster =
		&engine_member(bed->engine, bed->detectors[d])->forecaster;
	return row_open(forecaster->layout, forecaster->rows[0]);
}

/* In deviations, at a quarter and half of the horizon and all of it; and no error beyond what is told. */
static void members_tell_what_they_forecast_by_themselves(void **state) {
	const struct bed *bed = *state;
	static const int leads[BOARD_LEADS] = { 1, 2, 4 };
	for (int d = 0; d < MEMBERS; d++) {
		const struct near_seat near = seat_of(bed, d);
		const struct row row = row_of(bed, d);
		const float *told = board_told(&near.hood->seats[near.seat], TICKS);
		double experts[EXPERTS][HORIZON_MAX];
		assert_non_null(told);
		row_expert_forecasts(&row, experts);
		for (int k = 0; k < BOARD_LEADS; k++) {
			double forecast = experts[EXPERT_ALONE][leads[k] - 1];
			double deviation = (forecast - row.head->history.mean) / row.scale;
			assert_float_equal((double)told[k], deviation, 1e-4);
			assert_true(told[BOARD_LEADS + k] != 0);
		}
	}
}

/* Mean absolute label of what has been kept, and what is left of it; how many labels there are. */
static int look_at_examples(const struct neighbourhood *hood, double *ret_label, double *ret_left) {
	int labels_count = 0;
	*ret_label = *ret_left = 0;
	for (uint32_t i = 0; i < hood->replay->count; i++) {
		float inputs[PERCEPTRON_INPUTS], labels[PERCEPTRON_OUTPUTS];
		float outputs[PERCEPTRON_OUTPUTS];
		replay_read(hood->replay, i, inputs, labels);
		perceptron_forecast(hood->perceptron, inputs, outputs);
		if (isnan(labels[0]))
			continue;
		*ret_label += fabs((double)labels[0]);
		*ret_left += fabs((double)(labels[0] - outputs[0]));
		labels_count++;
	}
	*ret_label /= labels_count;
	*ret_left /= labels_count;
	return labels_count;
}

static void what_is_not_linear_is_learned_from_what_is_kept(void **state) {
	const struct bed *bed = *state;
	const struct neighbourhood *hood = seat_of(bed, 0).hood;
	double label, left;
	assert_int_equal(hood->replay->count, replay_room(hood->head->room));
	/* But for those of the last tick all labels of the next value have come. */
	assert_true(look_at_examples(hood, &label, &left) >= (int)hood->replay->count - MEMBERS);
	assert_true(left < 0.8 * label);
}

static void members_forecast_with_it(void **state) {
	const struct bed *bed = *state;
	const struct row row = row_of(bed, 2);
	double experts[EXPERTS][HORIZON_MAX];
	row_expert_forecasts(&row, experts);
	for (int h = 0; h < HORIZON; h++) {
		double forecast = experts[EXPERT_NEIGHBOURS_PERCEPTRON][h];
		assert_true(isfinite(forecast));
		assert_true(forecast != experts[EXPERT_ALONE][h]);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(members_tell_what_they_forecast_by_themselves),
		TEST(what_is_not_linear_is_learned_from_what_is_kept),
		TEST(members_forecast_with_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
