/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix memories in bfloat16: what they cost in accuracy, over a long run, and what they save. */
#include "fixture.h"
#include "xlstm/xlstm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>

enum { WIDTH = 32 };

/* m-s-m with every tensor off its starting value, so that the gates look at the data. Slow: memories
 * that last up to some twenty thousand steps, which change less in a step than bfloat16 can tell. */
static struct xlstm_model *model_with(enum xlstm_memory memory, bool slow) {
	struct xlstm_shape shape = { .width = WIDTH, .memory = memory, .block_count = 3 };
	struct xlstm_weights *weights;
	struct xlstm_model *model;
	struct noise noise = { 3 };
	shape.blocks[0] = xlstm_block_published(XLSTM_MLSTM, WIDTH, 4);
	shape.blocks[1] = xlstm_block_published(XLSTM_SLSTM, WIDTH, 4);
	shape.blocks[2] = xlstm_block_published(XLSTM_MLSTM, WIDTH, 4);
	assert_int_equal(xlstm_weights_create(&weights, &shape), 0);
	xlstm_weights_initialise(weights, 5);
	for (size_t i = 0; i < weights->layout.weight_floats; i++)
		weights->values[i] += 0.05f * noise_next(&noise);
	for (size_t i = 0; slow && i < 3; i += 2) {
		static const float biases[] = { 7, 8, 9, 10 };
		char name[64];
		snprintf(name, sizeof(name), "blocks.%zu.xlstm.mlstm_cell.fgate.bias", i);
		assert_int_equal(xlstm_tensor_set(weights, name, biases, 4), 0);
	}
	assert_int_equal(xlstm_model_create(&model, weights), 0);
	xlstm_weights_destroy(weights);
	return model;
}

static void bfloat16_is_the_nearest(void **state) {
	(void)state;
	static const struct {
		float value;
		uint16_t nearest;
	} rows[] = { { 0.0f, 0 }, { 1.0f, 0x3f80 }, { -2.0f, 0xc000 }, { 0x1.01p0f, 0x3f80 },
		{ 0x1.03p0f, 0x3f82 }, { 0x1.010002p0f, 0x3f81 }, { 0x1.02p0f, 0x3f81 },
		{ 0x1p-130f, 0x0008 } };
	EACH_KERNELS(kernels) for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		float values[19], back[19];
		uint16_t halves[19];
		for (size_t j = 0; j < 19; j++)
			values[j] = rows[i].value;
		kernels->narrow(halves, values, 19);
		kernels->widen(back, halves, 19);
		for (size_t j = 0; j < 19; j++) {
			uint32_t bits = (uint32_t)rows[i].nearest << 16;
			assert_int_equal(halves[j], rows[i].nearest);
			assert_memory_equal(&back[j], &bits, sizeof(bits));
		}
	}
}

static void rows_are_little_more_than_half_as_large(void **state) {
	(void)state;
	struct xlstm_model *full = model_with(XLSTM_FLOAT_MEMORY, false);
	struct xlstm_model *half = model_with(XLSTM_BFLOAT16_MEMORY, false);
	size_t matrices = 2 * 4 * 16 * 16 * sizeof(float);
	assert_int_equal(xlstm_state_size(full) - xlstm_state_size(half), matrices / 2);
	assert_true(xlstm_state_layout(full) != xlstm_state_layout(half));
	xlstm_model_unref(full);
	xlstm_model_unref(half);
}

struct pair {
	struct xlstm_model *models[2];
	struct xlstm_workspace *workspaces[2];
	void *rows[2];
};

static struct pair pair_open(enum xlstm_instructions instructions, bool slow) {
	struct pair pair;
	for (size_t i = 0; i < 2; i++) {
		pair.models[i] = model_with(i ? XLSTM_BFLOAT16_MEMORY : XLSTM_FLOAT_MEMORY, slow);
		assert_int_equal(
			xlstm_workspace_create(&pair.workspaces[i], pair.models[i], instructions),
			0);
		pair.rows[i] = calloc(1, xlstm_state_size(pair.models[i]));
	}
	return pair;
}

static void pair_close(struct pair *pair) {
	for (size_t i = 0; i < 2; i++) {
		free(pair->rows[i]);
		xlstm_workspace_destroy(pair->workspaces[i]);
		xlstm_model_unref(pair->models[i]);
	}
}

/* Both over the same inputs; the relative error of the last `window` steps. */
static double error_after(struct pair *pair, size_t steps, size_t window) {
	struct noise noise = { 9 };
	double off = 0, size = 0;
	for (size_t t = 0; t < steps; t++) {
		float x[WIDTH], y[2][WIDTH];
		noise_fill(&noise, x, WIDTH, 1.0f);
		for (size_t i = 0; i < 2; i++)
			xlstm_step(pair->models[i], pair->workspaces[i], 1, &pair->rows[i], x, y[i],
				NULL);
		for (size_t i = 0; i < WIDTH && t + window >= steps; i++) {
			off += ((double)y[1][i] - y[0][i]) * ((double)y[1][i] - y[0][i]);
			size += (double)y[0][i] * y[0][i];
		}
	}
	return sqrt(off / size);
}

static void errors_over_time(bool slow, double bound) {
	struct pair early = pair_open(XLSTM_BEST, slow), late = pair_open(XLSTM_BEST, slow);
	double after_little = error_after(&early, 2000, 1000);
	double after_much = error_after(&late, 100000, 1000);
	print_message("relative error %.4f after 2000 steps, %.4f after 100000\n", after_little,
		after_much);
	assert_true(after_much < bound);
	assert_true(after_much < 2 * after_little);
	pair_close(&early);
	pair_close(&late);
}

static void error_does_not_grow_over_a_hundred_thousand_steps(void **state) {
	(void)state;
	errors_over_time(false, 0.02);
}

/* To the nearest, the error grows to 0.15 here: what is smaller than half a digit is lost. */
static void slow_memories_lose_no_small_changes(void **state) {
	(void)state;
	errors_over_time(true, 0.06);
}

static void every_set_of_instructions_is_near_the_floats(void **state) {
	(void)state;
	EACH_KERNELS(kernels) {
		struct pair pair = pair_open(set_, false);
		assert_true(error_after(&pair, 300, 300) < 0.02);
		pair_close(&pair);
	}
}

static void sequences_go_on_from_steps_and_steps_from_sequences(void **state) {
	(void)state;
	enum { STEPS = 40 };
	struct pair pair = pair_open(XLSTM_BEST, false);
	struct xlstm_tape *tape;
	struct xlstm_tape_options options = { .series = 1, .steps = STEPS, .forward_only = true };
	float x[3 * STEPS * WIDTH], expected[3 * STEPS * WIDTH], y[3 * STEPS * WIDTH];
	struct noise noise = { 2 };
	noise_fill(&noise, x, 3 * STEPS * WIDTH, 1);
	assert_int_equal(xlstm_tape_create(&tape, xlstm_model_shape(pair.models[1]), &options), 0);
	for (size_t t = 0; t < 3 * STEPS; t++)
		xlstm_step(pair.models[0], pair.workspaces[0], 1, &pair.rows[0], x + t * WIDTH,
			expected + t * WIDTH, NULL);
	for (size_t t = 0; t < 3 * STEPS; t++) {
		if (t == STEPS) {
			xlstm_sequence(pair.models[1], tape, 1, STEPS, &pair.rows[1], x + t * WIDTH,
				y + t * WIDTH, NULL);
			t += STEPS - 1;
			continue;
		}
		xlstm_step(pair.models[1], pair.workspaces[1], 1, &pair.rows[1], x + t * WIDTH,
			y + t * WIDTH, NULL);
	}
	assert_near("bfloat16", expected, y, 3 * STEPS * WIDTH, 0.02);
	xlstm_tape_destroy(tape);
	pair_close(&pair);
}

/* Rounding is random in appearance only. */
static void the_same_history_gives_the_same_bits_in_every_batch(void **state) {
	(void)state;
	enum { BATCH = 37, STEPS = 50 };
	struct pair pair = pair_open(XLSTM_BEST, false);
	size_t size = xlstm_state_size(pair.models[1]);
	float x[BATCH * WIDTH], y[BATCH * WIDTH], alone[WIDTH];
	void *rows[BATCH];
	struct noise noise = { 4 };
	for (size_t i = 0; i < BATCH; i++)
		rows[i] = calloc(1, size);
	for (size_t t = 0; t < STEPS; t++) {
		noise_fill(&noise, x, BATCH * WIDTH, 1);
		xlstm_step(pair.models[1], pair.workspaces[1], BATCH, rows, x, y, NULL);
		xlstm_step(pair.models[1], pair.workspaces[1], 1, &pair.rows[1], x + 17 * WIDTH,
			alone, NULL);
		assert_memory_equal(alone, y + 17 * WIDTH, sizeof(alone));
	}
	assert_memory_equal(pair.rows[1], rows[17], size);
	for (size_t i = 0; i < BATCH; i++)
		free(rows[i]);
	pair_close(&pair);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bfloat16_is_the_nearest),
		cmocka_unit_test(rows_are_little_more_than_half_as_large),
		cmocka_unit_test(error_does_not_grow_over_a_hundred_thousand_steps),
		cmocka_unit_test(slow_memories_lose_no_small_changes),
		cmocka_unit_test(every_set_of_instructions_is_near_the_floats),
		cmocka_unit_test(sequences_go_on_from_steps_and_steps_from_sequences),
		cmocka_unit_test(the_same_history_gives_the_same_bits_in_every_batch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
