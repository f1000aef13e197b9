/* SPDX-License-Identifier: Apache-2.0 */
/* What a step promises beyond the published arithmetic: projections, digests, empty states, odd
 * shapes, long runs. */
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

static struct xlstm_model *model_of(const struct xlstm_shape *shape, uint64_t seed) {
	struct xlstm_weights *weights;
	struct xlstm_model *model;
	assert_int_equal(xlstm_weights_create(&weights, shape), 0);
	xlstm_weights_initialise(weights, seed);
	/* Gates that look at the data, a head that says something. */
	struct noise noise = { seed };
	for (size_t i = 0; i < xlstm_tensor_count(weights); i++) {
		struct xlstm_tensor tensor = xlstm_tensor_at(weights, i);
		float *values = calloc(tensor.count, sizeof(float));
		noise_fill(&noise, values, tensor.count, 0.1f);
		for (size_t j = 0; j < tensor.count; j++)
			values[j] += tensor.values[j];
		assert_int_equal(xlstm_tensor_set(weights, tensor.name, values, tensor.count), 0);
		free(values);
	}
	assert_int_equal(xlstm_model_create(&model, weights), 0);
	xlstm_weights_destroy(weights);
	return model;
}

static struct xlstm_shape small(void) {
	struct xlstm_shape shape = { .inputs = 5, .width = 24, .outputs = 7, .block_count = 3 };
	shape.blocks[0] =
		(struct xlstm_block_shape){ .kind = XLSTM_FEEDFORWARD, .feedforward = 40 };
	shape.blocks[1] = (struct xlstm_block_shape){ .kind = XLSTM_SLSTM, .heads = 3, .taps = 2 };
	shape.blocks[2] = (struct xlstm_block_shape){
		.kind = XLSTM_MLSTM, .heads = 5, .inner = 60, .feedforward = 20
	};
	return shape;
}

static struct xlstm_workspace *workspace_of(
	const struct xlstm_model *model, enum xlstm_instructions instructions) {
	struct xlstm_workspace *workspace;
	assert_int_equal(xlstm_workspace_create(&workspace, model, instructions), 0);
	return workspace;
}

/* The head of the features is the output, and the embedding a linear map of the inputs. */
static void projections_are_linear_maps_around_the_stack(void **state) {
	(void)state;
	struct xlstm_shape shape = small(), bare = shape;
	bare.inputs = bare.outputs = 0;
	struct xlstm_model *model = model_of(&shape, 3);
	struct xlstm_weights *inner_weights;
	struct xlstm_model *inner;
	assert_int_equal(xlstm_weights_create(&inner_weights, &bare), 0);
	for (size_t i = 0; i < xlstm_tensor_count(inner_weights); i++) {
		struct xlstm_tensor from, to = xlstm_tensor_at(inner_weights, i);
		assert_int_equal(xlstm_tensor_find(xlstm_model_weights(model), to.name, &from), 0);
		xlstm_tensor_set(inner_weights, to.name, from.values, from.count);
	}
	assert_int_equal(xlstm_model_create(&inner, inner_weights), 0);
	xlstm_weights_destroy(inner_weights);
	struct xlstm_tensor embed, embed_bias, head, head_bias;
	xlstm_tensor_find(xlstm_model_weights(model), "embed.weight", &embed);
	xlstm_tensor_find(xlstm_model_weights(model), "embed.bias", &embed_bias);
	xlstm_tensor_find(xlstm_model_weights(model), "head.weight", &head);
	xlstm_tensor_find(xlstm_model_weights(model), "head.bias", &head_bias);

	struct xlstm_workspace *workspace = workspace_of(model, XLSTM_BEST);
	struct xlstm_workspace *inner_workspace = workspace_of(inner, XLSTM_BEST);
	void *row = calloc(1, xlstm_state_size(model)),
	     *inner_row = calloc(1, xlstm_state_size(inner));
	struct noise noise = { 9 };
	for (size_t t = 0; t < 50; t++) {
		float input[5], embedded[24], features[24], output[7], expected[24], wanted[7];
		noise_fill(&noise, input, 5, 1);
		for (size_t i = 0; i < 24; i++) {
			double sum = embed_bias.values[i];
			for (size_t j = 0; j < 5; j++)
				sum += (double)embed.values[i * 5 + j] * input[j];
			embedded[i] = (float)sum;
		}
		xlstm_step(model, workspace, 1, &row, input, features, output);
		xlstm_step(inner, inner_workspace, 1, &inner_row, embedded, expected, NULL);
		assert_near("features", expected, features, 24, 1e-5);
		for (size_t i = 0; i < 7; i++) {
			double sum = head_bias.values[i];
			for (size_t j = 0; j < 24; j++)
				sum += (double)head.values[i * 24 + j] * features[j];
			wanted[i] = (float)sum;
		}
		assert_near("outputs", wanted, output, 7, 1e-5);
	}
	free(row);
	free(inner_row);
	xlstm_workspace_destroy(workspace);
	xlstm_workspace_destroy(inner_workspace);
	xlstm_model_unref(model);
	xlstm_model_unref(inner);
}

static void instruction_sets_agree_on_odd_shapes(void **state) {
	(void)state;
	struct xlstm_shape shape = small();
	struct xlstm_model *model = model_of(&shape, 4);
	struct xlstm_workspace *portable = workspace_of(model, XLSTM_PORTABLE);
	enum { ROWS = 13, STEPS = 60 };
	void *rows[2][ROWS];
	for (size_t i = 0; i < 2 * ROWS; i++)
		rows[i / ROWS][i % ROWS] = malloc(xlstm_state_size(model));

	EACH_KERNELS(kernels) {
		struct xlstm_workspace *workspace = workspace_of(model, set_);
		assert_string_equal(xlstm_workspace_instructions(workspace), kernels->name);
		for (size_t i = 0; i < 2 * ROWS; i++)
			memset(rows[i / ROWS][i % ROWS], 0, xlstm_state_size(model));
		struct noise noise = { 1 };
		for (size_t t = 0; t < STEPS; t++) {
			float inputs[ROWS * 5], expected[ROWS * 7], outputs[ROWS * 7];
			noise_fill(&noise, inputs, ROWS * 5, 2);
			xlstm_step(model, portable, ROWS, rows[0], inputs, NULL, expected);
			xlstm_step(model, workspace, ROWS, rows[1], inputs, NULL, outputs);
			assert_near(kernels->name, expected, outputs, ROWS * 7, 2e-5);
		}
		xlstm_workspace_destroy(workspace);
	}
	for (size_t i = 0; i < 2 * ROWS; i++)
		free(rows[i / ROWS][i % ROWS]);
	xlstm_workspace_destroy(portable);
	xlstm_model_unref(model);
}

/* Gates far out of range now and then; nothing may become infinite or NaN, ever. */
static void a_hundred_thousand_steps_stay_finite(void **state) {
	(void)state;
	struct xlstm_shape shape = small();
	struct xlstm_model *model = model_of(&shape, 5);
	struct xlstm_workspace *workspace = workspace_of(model, XLSTM_BEST);
	void *row = calloc(1, xlstm_state_size(model));
	struct noise noise = { 2 };
	for (size_t t = 0; t < 100000; t++) {
		float input[5], output[7];
		noise_fill(&noise, input, 5, t % 1000 == 0 ? 1e4f : 1.0f);
		xlstm_step(model, workspace, 1, &row, input, NULL, output);
		for (size_t i = 0; i < 7; i++)
			assert_true(isfinite(output[i]));
	}
	free(row);
	xlstm_workspace_destroy(workspace);
	xlstm_model_unref(model);
}

static void rows_have_the_documented_size(void **state) {
	(void)state;
	/* Floats per series: C, n, m and the window; h, c, n, m and the window; in lines of 16. */
	struct xlstm_shape shape = { .width = 64, .block_count = 2 };
	shape.blocks[0] = xlstm_block_published(XLSTM_MLSTM, 64, 4);
	shape.blocks[1] = xlstm_block_published(XLSTM_SLSTM, 64, 4);
	struct xlstm_model *model = model_of(&shape, 1);
	assert_int_equal(xlstm_state_size(model), 4 * ((4612 + 15) / 16 * 16 + 448));
	xlstm_model_unref(model);
}

static void digests_tell_layouts_and_models_apart(void **state) {
	(void)state;
	struct xlstm_shape shape = small(), heads = small();
	heads.blocks[1].heads = 4;
	struct xlstm_model *one = model_of(&shape, 1), *same = model_of(&shape, 1);
	struct xlstm_model *learned = model_of(&shape, 2);
	struct xlstm_model *other = model_of(&heads, 1);
	assert_true(xlstm_model_identity(one) == xlstm_model_identity(same));
	assert_true(xlstm_model_identity(one) != xlstm_model_identity(learned));
	assert_true(xlstm_state_layout(one) == xlstm_state_layout(learned));
	assert_true(xlstm_state_layout(one) != xlstm_state_layout(other));
	assert_ptr_equal(xlstm_model_ref(one), one);
	xlstm_model_unref(one);
	assert_int_equal(xlstm_model_shape(one)->width, 24);
	xlstm_model_unref(one);
	xlstm_model_unref(same);
	xlstm_model_unref(learned);
	xlstm_model_unref(other);
	xlstm_model_unref(NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(projections_are_linear_maps_around_the_stack),
		cmocka_unit_test(instruction_sets_agree_on_odd_shapes),
		cmocka_unit_test(a_hundred_thousand_steps_stay_finite),
		cmocka_unit_test(rows_have_the_documented_size),
		cmocka_unit_test(digests_tell_layouts_and_models_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
