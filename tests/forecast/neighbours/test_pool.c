/* SPDX-License-Identifier: Apache-2.0 */
#include "pool.h"

#include "random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define HORIZON 2
#define SAMPLES 20000
#define USED    3

struct bed {
	void *pool;
	struct random random;
};

static int set_up(void **state) {
	struct bed *bed = calloc(1, sizeof(*bed));
	bed->pool = calloc(1, pool_size(HORIZON));
	random_init(&bed->random, 1);
	*state = bed;
	return 0;
}

static int tear_down(void **state) {
	struct bed *bed = *state;
	free(bed->pool);
	free(bed);
	return 0;
}

static void draw(struct bed *bed, float phi[POOL_INPUTS]) {
	for (int i = 0; i < POOL_INPUTS; i++)
		phi[i] = i < USED ? (float)random_normal(&bed->random) : 0;
}

static double law(const float *phi) {
	return 0.5 * (double)phi[0] - 2 * (double)phi[1] + 0.25 * (double)phi[2];
}

static void the_weights_behind_the_labels_are_found(void **state) {
	struct bed *bed = *state;
	float phi[POOL_INPUTS];
	for (int n = 0; n < SAMPLES; n++) {
		draw(bed, phi);
		pool_add_inputs(bed->pool, phi, 1);
		double noise = random_normal(&bed->random);
		pool_add_label(bed->pool, HORIZON, 1, phi, 1, law(phi) + noise);
		pool_add_label(bed->pool, HORIZON, 2, phi, 1, -law(phi));
	}
	pool_solve(bed->pool, HORIZON);
	draw(bed, phi);
	/* The prior counts for 300 of 20 000 samples: 1.5 percent. */
	assert_float_equal(
		pool_forecast(bed->pool, HORIZON, 1, phi), law(phi), 0.02 * fabs(law(phi)) + 0.05);
	assert_float_equal(
		pool_forecast(bed->pool, HORIZON, 2, phi), -law(phi), 0.02 * fabs(law(phi)));
}

/* Two kinds of samples that contradict each other: the weighted mean of what they say. */
static void samples_count_by_their_weight(void **state) {
	struct bed *bed = *state;
	float phi[POOL_INPUTS] = { 1 };
	for (int n = 0; n < SAMPLES; n++) {
		double weight = n % 2 ? 3 : 1, label = n % 2 ? 1 : -1;
		pool_add_inputs(bed->pool, phi, weight);
		pool_add_label(bed->pool, HORIZON, 1, phi, weight, label);
	}
	pool_solve(bed->pool, HORIZON);
	assert_float_equal(pool_forecast(bed->pool, HORIZON, 1, phi), 0.5, 0.01);
}

/* Half of the labels of lead 2 never come. */
static void labels_that_have_not_come_do_not_pull_to_zero(void **state) {
	struct bed *bed = *state;
	float phi[POOL_INPUTS] = { 1 };
	for (int n = 0; n < SAMPLES; n++) {
		pool_add_inputs(bed->pool, phi, 1);
		if (n % 3)
			pool_add_label(bed->pool, HORIZON, 2, phi, 1, 1);
	}
	pool_solve(bed->pool, HORIZON);
	assert_float_equal(pool_forecast(bed->pool, HORIZON, 2, phi), 1, 0.02);
	assert_float_equal(pool_forecast(bed->pool, HORIZON, 1, phi), 0, 0);
}

static void the_past_fades(void **state) {
	struct bed *bed = *state;
	float phi[POOL_INPUTS] = { 1 };
	for (int n = 0; n < 2 * SAMPLES; n++) {
		pool_add_inputs(bed->pool, phi, 1);
		pool_add_label(bed->pool, HORIZON, 1, phi, 1, n < SAMPLES ? -1 : 1);
		pool_forget(bed->pool, HORIZON);
	}
	pool_solve(bed->pool, HORIZON);
	/* exp(-20000 / 5000) of the weight is left of the first half; the ridge is 6 percent. */
	double expected = (1 - 2 * exp(-4.0)) / 1.06;
	assert_float_equal(pool_forecast(bed->pool, HORIZON, 1, phi), expected, 0.01);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_weights_behind_the_labels_are_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(samples_count_by_their_weight, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			labels_that_have_not_come_do_not_pull_to_zero, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_past_fades, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
