/* SPDX-License-Identifier: Apache-2.0 */
#include "network_loss.h"
#include "random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RING    256
#define HORIZON 48
#define SEASON  12
#define LONG    36

/* A series with two rhythms and noise, walked over until all anchors exist. */
struct bed {
	struct track track;
	double filled[RING], profile[RING];
	uint8_t visits[RING];
	struct track_view view;
	struct random random;
	float outputs[NETWORK_OUTPUTS];
	double values[HORIZON];
};

static double value_at(struct bed *bed, int t) {
	return 5 * sin(2 * M_PI * t / SEASON) + 3 * cos(2 * M_PI * t / LONG) +
	       random_normal(&bed->random);
}

static void bed_init(struct bed *bed, int ticks, double loudness) {
	memset(bed, 0, sizeof(*bed));
	random_init(&bed->random, 3);
	bed->view = (struct track_view){ .track = &bed->track,
		.filled = bed->filled,
		.length = RING,
		.leads = track_leads(HORIZON),
		.profile = bed->profile,
		.visits = bed->visits };
	track_set_seasons(&bed->view, SEASON, LONG);
	for (int t = 0; t < ticks; t++)
		track_step(&bed->view, value_at(bed, t));
	for (int h = 1; h <= HORIZON; h++)
		bed->values[h - 1] = value_at(bed, ticks + h);
	for (int i = 0; i < NETWORK_OUTPUTS; i++)
		bed->outputs[i] = (float)(loudness * random_normal(&bed->random));
}

/*
 * Around a silent head's median lie normal quantiles, 0.2533, 0.5244, 0.8416 and 1.2815 deviations
 * away, a deviation being 1.2533 units. An observation at the median costs each of them
 * min(level, 1 - level) times its distance: 4/9 (0.4 d1 + 0.3 d2 + 0.2 d3 + 0.1 d4) in all.
 */
static void an_observation_at_the_median_costs_what_normal_quantiles_cost(void **unused) {
	(void)unused;
	struct bed bed;
	struct network_lead lead;
	double quantiles[QUANTILES];
	bed_init(&bed, 90, 0);
	network_lead_init(&lead, &bed.view, 4);
	network_lead_quantiles(&lead, bed.outputs, quantiles);
	double median = quantiles[QUANTILE_MEDIAN];
	double loss = network_lead_loss(&lead, bed.outputs, median, lead.unit, 1, NULL);
	assert_true(fabs(loss - 0.309208) < 1e-5);
	/* Ten units further up each quantile at or below costs its level more for every unit. */
	double far =
		network_lead_loss(&lead, bed.outputs, median + 10 * lead.unit, lead.unit, 1, NULL);
	double expected = 0;
	for (int i = 1; i <= 9; i++)
		expected += 2.0 / 9 * i / 10 * (10 + (median - quantiles[i - 1]) / lead.unit);
	assert_true(fabs(far - expected) < 1e-9);
}

/* The slope of `loss` for each output against the difference that moving the output makes. */
typedef double (*loss_fn)(struct bed *bed, float *slopes);

static void expect_slopes_of(struct bed *bed, loss_fn loss) {
	static float slopes[NETWORK_OUTPUTS];
	memset(slopes, 0, sizeof(slopes));
	loss(bed, slopes);
	int moved = 0;
	for (int i = 0; i < NETWORK_OUTPUTS; i++) {
		float before = bed->outputs[i];
		double differences[2];
		for (int side = 0; side < 2; side++) {
			bed->outputs[i] = before + (side ? 2e-3F : -2e-3F);
			differences[side] = loss(bed, NULL);
		}
		bed->outputs[i] = before;
		double expected = (differences[1] - differences[0]) / 4e-3;
		moved += expected != 0;
		if (fabs(expected - (double)slopes[i]) > 2e-3 * (1 + fabs(expected)))
			fail_msg("slope of output %d is %g, expected %g", i, (double)slopes[i],
				expected);
	}
	assert_true(moved >= NETWORK_LEAD_ROW - 1);
}

static uint32_t tried_lead;

static double at_one_lead(struct bed *bed, float *slopes) {
	struct network_lead lead;
	network_lead_init(&lead, &bed->view, tried_lead);
	double value = bed->values[tried_lead - 1] - bed->track.last;
	return 3 * network_lead_loss(&lead, bed->outputs, value, 2.5, 3, slopes);
}

static void slopes_at_a_lead_are_those_of_the_loss(void **unused) {
	(void)unused;
	static const uint32_t leads[] = { 1, 5, 24, 41 };
	for (int i = 0; i < 4; i++) {
		struct bed bed;
		bed_init(&bed, 90, 0.7);
		tried_lead = leads[i];
		expect_slopes_of(&bed, at_one_lead);
	}
}

static double at_all_leads(struct bed *bed, float *slopes) {
	return network_loss(&bed->view, bed->outputs, bed->values, HORIZON, slopes);
}

static void slopes_of_the_mean_are_those_of_the_loss(void **unused) {
	(void)unused;
	struct bed bed;
	bed_init(&bed, 90, 0.7);
	expect_slopes_of(&bed, at_all_leads);
	bed_init(&bed, 5, 0.7); /* no season has passed yet */
	expect_slopes_of(&bed, at_all_leads);
}

static void only_what_was_observed_counts(void **unused) {
	(void)unused;
	float slopes[NETWORK_OUTPUTS];
	struct network_lead lead;
	struct bed bed;
	bed_init(&bed, 90, 0.7);
	for (int h = 1; h <= HORIZON; h++)
		if (h != 8)
			bed.values[h - 1] = NAN;
	double loss = network_loss(&bed.view, bed.outputs, bed.values, HORIZON, slopes);
	network_lead_init(&lead, &bed.view, 8);
	double expected = network_lead_loss(
		&lead, bed.outputs, bed.values[7] - bed.track.last, lead.unit, 1, NULL);
	assert_true(fabs(loss - expected) < 1e-12);
	for (int i = 0; i < NETWORK_OUTPUTS; i++)
		if (i / NETWORK_LEAD_ROW != GRID_8)
			assert_true(slopes[i] == 0);
	bed.values[7] = NAN;
	assert_true(isnan(network_loss(&bed.view, bed.outputs, bed.values, HORIZON, slopes)));
	for (int i = 0; i < NETWORK_OUTPUTS; i++)
		assert_true(slopes[i] == 0);
}

static void a_jump_out_of_all_proportion_teaches_nothing(void **unused) {
	(void)unused;
	float slopes[NETWORK_OUTPUTS];
	struct bed bed;
	bed_init(&bed, 90, 0.7);
	for (int h = 1; h <= HORIZON; h++)
		bed.values[h - 1] = 1e9;
	double loss = network_loss(&bed.view, bed.outputs, bed.values, HORIZON, slopes);
	assert_true(loss == NETWORK_LOSS_UNITS_MOST);
	for (int i = 0; i < NETWORK_OUTPUTS; i++)
		assert_true(slopes[i] == 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_observation_at_the_median_costs_what_normal_quantiles_cost),
		cmocka_unit_test(slopes_at_a_lead_are_those_of_the_loss),
		cmocka_unit_test(slopes_of_the_mean_are_those_of_the_loss),
		cmocka_unit_test(only_what_was_observed_counts),
		cmocka_unit_test(a_jump_out_of_all_proportion_teaches_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
