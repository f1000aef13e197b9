/* SPDX-License-Identifier: Apache-2.0 */
#include "network_inputs.h"
#include "network_outputs.h"
#include "xlstm/file.h"
#include "xlstm/step.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/*
 * The case of tests/golden/network, written by the script that trained the network: two series with
 * gaps, one with a day of 24 ticks and a clock on the wall, the other with seasons of 10 and 30
 * ticks that are known from tick 25 on.
 */
#define SERIES 2
#define TICKS  64
#define RING   1024
#define LEADS  5

static const uint32_t leads[LEADS] = { 1, 2, 5, 24, 40 };

/* The numbers of an array file (NumPy format 1.0, float32): a heading, whose length is in bytes 8
 * and 9, and then the values. */
static float *load(const char *name, size_t count) {
	char path[512];
	unsigned char heading[10];
	snprintf(path, sizeof(path), "%s/network/%s.npy", GOLDEN, name);
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	assert_int_equal(fread(heading, 1, sizeof(heading), file), sizeof(heading));
	assert_int_equal(fseek(file, heading[8] + 256 * heading[9], SEEK_CUR), 0);
	float *values = malloc(count * sizeof(*values));
	assert_int_equal(fread(values, sizeof(*values), count, file), count);
	fclose(file);
	return values;
}

struct bed {
	struct track track;
	double filled[RING], profile[RING];
	uint8_t visits[RING];
	struct track_view view;
};

static void bed_init(struct bed *bed) {
	memset(bed, 0, sizeof(*bed));
	bed->view = (struct track_view){ .track = &bed->track,
		.filled = bed->filled,
		.length = RING,
		.leads = track_leads(512),
		.profile = bed->profile,
		.visits = bed->visits };
}

static void bed_step(struct bed *bed, int series, int t, float x) {
	if (series == 0)
		track_set_seasons(&bed->view, 24, 0);
	else if (t >= 25)
		track_set_seasons(&bed->view, 10, 30);
	track_step(&bed->view, (double)x);
}

static void expect_near(
	const float *expected, const float *actual, size_t count, double tolerance) {
	for (size_t i = 0; i < count; i++) {
		double error = fabs((double)expected[i] - (double)actual[i]);
		if (!(error <= tolerance * (1 + fabs((double)expected[i]))))
			fail_msg("[%zu] is %.9g, expected %.9g", i, (double)actual[i],
				(double)expected[i]);
	}
}

static void inputs_are_those_of_the_training(void **unused) {
	(void)unused;
	float *x = load("x", SERIES * TICKS), *day = load("day", SERIES * TICKS),
	      *week = load("week", SERIES * TICKS),
	      *expected = load("inputs", SERIES * TICKS * NETWORK_INPUTS);
	for (int s = 0; s < SERIES; s++) {
		struct bed bed;
		bed_init(&bed);
		for (int t = 0; t < TICKS; t++) {
			int at = s * TICKS + t;
			struct network_clock clock = { (double)day[at], (double)week[at] };
			float actual[NETWORK_INPUTS];
			bed_step(&bed, s, t, x[at]);
			network_inputs(&bed.view, &clock, actual);
			expect_near(expected + at * NETWORK_INPUTS, actual, NETWORK_INPUTS, 2e-6);
		}
	}
	free(x);
	free(day);
	free(week);
	free(expected);
}

/* Quantiles at the case's leads for the outputs given, in the unit of the readings. The script computes
 * them relative to the last reading in single precision, so they are as exact as that one is large. */
static void expect_quantiles(const struct bed *bed, const float *outputs, const float *expected) {
	double last = bed->track.last;
	for (int l = 0; l < LEADS; l++) {
		double quantiles[QUANTILES];
		network_quantiles(&bed->view, outputs, leads[l], quantiles);
		for (int q = 0; q < QUANTILES; q++) {
			double there = (double)expected[l * QUANTILES + q];
			double error = fabs(last + quantiles[q] - there);
			double size = 1 + fmax(fabs(there), fabs(last));
			if (!(error <= 1e-5 * size))
				fail_msg("quantile %d at lead %u is %.9g, expected %.9g", q,
					leads[l], last + quantiles[q], there);
		}
	}
}

static void a_silent_head_mixes_the_anchors(void **unused) {
	(void)unused;
	static const float silence[NETWORK_OUTPUTS];
	float *x = load("x", SERIES * TICKS),
	      *expected = load("quantiles_closed", SERIES * TICKS * LEADS * QUANTILES);
	for (int s = 0; s < SERIES; s++) {
		struct bed bed;
		bed_init(&bed);
		for (int t = 0; t < TICKS; t++) {
			int at = s * TICKS + t;
			bed_step(&bed, s, t, x[at]);
			expect_quantiles(&bed, silence, expected + at * LEADS * QUANTILES);
		}
	}
	free(x);
	free(expected);
}

static void the_network_says_what_it_said_in_training(void **unused) {
	(void)unused;
	struct xlstm_weights *weights;
	struct xlstm_model *model;
	struct xlstm_workspace *workspace;
	float *x = load("x", SERIES * TICKS),
	      *inputs = load("inputs", SERIES * TICKS * NETWORK_INPUTS),
	      *features = load("features", SERIES * TICKS * 64),
	      *expected = load("quantiles", SERIES * TICKS * LEADS * QUANTILES);
	assert_int_equal(xlstm_weights_open(&weights, MODEL, NULL), 0);
	assert_int_equal(xlstm_model_create(&model, weights), 0);
	assert_int_equal(xlstm_workspace_create(&workspace, model, XLSTM_BEST), 0);
	for (int s = 0; s < SERIES; s++) {
		struct bed bed;
		void *state = calloc(1, xlstm_state_size(model));
		bed_init(&bed);
		for (int t = 0; t < TICKS; t++) {
			int at = s * TICKS + t;
			float outputs[NETWORK_OUTPUTS], actual[64];
			bed_step(&bed, s, t, x[at]);
			xlstm_step(model, workspace, 1, &state, inputs + at * NETWORK_INPUTS,
				actual, outputs);
			expect_near(features + at * 64, actual, 64, 1e-4);
			expect_quantiles(&bed, outputs, expected + at * LEADS * QUANTILES);
		}
		free(state);
	}
	xlstm_workspace_destroy(workspace);
	xlstm_model_unref(model);
	xlstm_weights_destroy(weights);
	free(x);
	free(inputs);
	free(features);
	free(expected);
}

static void the_clock_on_the_wall_is_known_from_1971_on(void **unused) {
	(void)unused;
	/* 2026-11-22, a Sunday, 06:00 UTC */
	struct network_clock clock = network_clock_at(INT64_C(1795327200000));
	assert_true(fabs(clock.day - 0.25) < 1e-12);
	assert_true(fabs(clock.week - 6.25 / 7) < 1e-12);
	assert_true(isnan(network_clock_at(86400000).day));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inputs_are_those_of_the_training),
		cmocka_unit_test(a_silent_head_mixes_the_anchors),
		cmocka_unit_test(the_network_says_what_it_said_in_training),
		cmocka_unit_test(the_clock_on_the_wall_is_known_from_1971_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
