/* SPDX-License-Identifier: Apache-2.0 */
#include "replay.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEATS 8
#define ROOM  REPLAY_LEAST

static int set_up(void **state) {
	*state = calloc(1, replay_size(SEATS));
	return 0;
}

static int tear_down(void **state) {
	free(*state);
	return 0;
}

static uint32_t offer(struct replay *replay, uint64_t tick) {
	const float inputs[PERCEPTRON_INPUTS] = { 1, (float)(tick % 128) };
	return replay_offer(replay, SEATS, 7, tick, inputs);
}

static void labels_reach_the_example_that_they_belong_to(void **state) {
	struct replay *replay = *state;
	float inputs[PERCEPTRON_INPUTS], labels[PERCEPTRON_OUTPUTS];
	uint32_t example = offer(replay, 100);
	replay_label(replay, example, 7, 100, 2, -1.5F);
	replay_label(replay, example, 7, 101, 3, 4);
	replay_label(replay, example, 8, 100, 3, 4);
	replay_label(replay, REPLAY_NONE, 7, 100, 3, 4);
	replay_read(replay, example, inputs, labels);
	assert_true(inputs[0] == 1 && inputs[1] == 100 && inputs[2] == 0);
	for (int k = 0; k < PERCEPTRON_OUTPUTS; k++)
		assert_true(k == 2 ? labels[k] == -1.5F : isnan(labels[k]));
}

/* Mean tick of what is kept. */
static double mean_tick(const struct replay *replay) {
	double sum = 0;
	for (uint32_t i = 0; i < replay->count; i++)
		sum += (double)replay->examples[i].tick / replay->count;
	return sum;
}

/* The ticks of a fair sample of n have the mean n / 2, known to n / sqrt(12 ROOM). */
static void each_tick_has_the_same_chance(void **state) {
	struct replay *replay = *state;
	uint64_t ticks = (uint64_t)ROOM * REPLAY_RARE;
	for (uint64_t tick = 0; tick < ticks; tick++)
		offer(replay, tick);
	assert_int_equal(replay->count, ROOM);
	double spread = (double)ticks / sqrt(12.0 * ROOM);
	assert_float_equal(mean_tick(replay), (double)ticks / 2, 4 * spread);
}

/* From then on a constant share is replaced: ages are exponential, of a mean of ROOM REPLAY_RARE ticks. */
static void what_is_old_fades(void **state) {
	struct replay *replay = *state;
	uint64_t life = (uint64_t)ROOM * REPLAY_RARE, ticks = 10 * life;
	for (uint64_t tick = 0; tick < ticks; tick++)
		offer(replay, tick);
	double spread = (double)life / sqrt(ROOM);
	assert_float_equal((double)ticks - mean_tick(replay), (double)life, 4 * spread);
}

static void a_copy_holds_the_same(void **state) {
	struct replay *replay = *state, *larger = calloc(1, replay_size(4 * SEATS));
	for (uint64_t tick = 0; tick < 300; tick++)
		offer(replay, tick);
	replay_copy(larger, replay);
	assert_int_equal(larger->count, 300);
	assert_memory_equal(larger->examples, replay->examples, 300 * sizeof(replay->examples[0]));
	assert_int_equal(offer(larger, 300), 300);
	free(larger);
}

/* Labels that are always 2: what is learned nears that, and does the same each time. */
static void practice_learns_what_is_kept(void **state) {
	struct replay *replay = *state;
	struct perceptron perceptrons[2] = { { .steps = 0 } };
	const float inputs[PERCEPTRON_INPUTS] = { 1 };
	float outputs[PERCEPTRON_OUTPUTS];
	replay_practise(replay, &perceptrons[0], SEATS);
	assert_int_equal(perceptrons[0].steps, 0);
	for (uint64_t tick = 0; tick < 500; tick++) {
		uint32_t example = offer(replay, tick);
		for (uint32_t k = 0; k < PERCEPTRON_OUTPUTS; k++)
			replay_label(replay, example, 7, tick, k, 2);
	}
	for (int round = 0; round < 6000; round++)
		for (int i = 0; i < 2; i++)
			replay_practise(replay, &perceptrons[i], SEATS);
	assert_memory_equal(&perceptrons[0], &perceptrons[1], sizeof(perceptrons[0]));
	perceptron_forecast(&perceptrons[0], inputs, outputs);
	assert_float_equal((double)outputs[0], 2, 0.2);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			labels_reach_the_example_that_they_belong_to, set_up, tear_down),
		cmocka_unit_test_setup_teardown(each_tick_has_the_same_chance, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_old_fades, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_copy_holds_the_same, set_up, tear_down),
		cmocka_unit_test_setup_teardown(practice_learns_what_is_kept, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
