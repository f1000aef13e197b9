/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients against finite differences, sequences against steps, losses and AdamW against their
 * definitions, and that training learns. */
#include "fixture.h"
#include "xlstm/xlstm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>

enum { SERIES = 3, STEPS = 41, INPUTS = 5, OUTPUTS = 6 };

/* Every kind of part, with and without convolution, widths that fill no vector. */
static struct xlstm_shape mixed(void) {
	struct xlstm_shape shape = {
		.inputs = INPUTS, .width = 24, .outputs = OUTPUTS, .block_count = 5
	};
	shape.blocks[0] =
		(struct xlstm_block_shape){ .kind = XLSTM_FEEDFORWARD, .feedforward = 40 };
	shape.blocks[1] = (struct xlstm_block_shape){ .kind = XLSTM_SLSTM, .heads = 3, .taps = 3 };
	shape.blocks[2] = (struct xlstm_block_shape){
		.kind = XLSTM_MLSTM, .heads = 5, .inner = 60, .feedforward = 20
	};
	shape.blocks[3] =
		(struct xlstm_block_shape){ .kind = XLSTM_SLSTM, .heads = 2, .feedforward = 12 };
	shape.blocks[4] = (struct xlstm_block_shape){
		.kind = XLSTM_MLSTM, .heads = 2, .taps = 4, .inner = 32
	};
	return shape;
}

static struct xlstm_weights *scrambled(const struct xlstm_shape *shape, uint64_t seed) {
	struct xlstm_weights *weights;
	assert_int_equal(xlstm_weights_create(&weights, shape), 0);
	xlstm_weights_initialise(weights, seed);
	struct noise noise = { seed };
	for (size_t i = 0; i < xlstm_tensor_count(weights); i++) {
		struct xlstm_tensor tensor = xlstm_tensor_at(weights, i);
		float *values = weights->values + (tensor.values - weights->values);
		for (size_t j = 0; j < tensor.count; j++)
			values[j] += 0.1f * noise_next(&noise);
	}
	return weights;
}

struct setup {
	struct xlstm_shape shape;
	struct xlstm_weights *weights, *gradient;
	struct xlstm_tape *tape;
	struct xlstm_workspace *workspace;
	void *rows[SERIES], *starts[SERIES];
	size_t row_bytes;
	float inputs[SERIES * STEPS * INPUTS];
	float targets[SERIES * STEPS * OUTPUTS], outputs[SERIES * STEPS * OUTPUTS];
	float slopes[SERIES * STEPS * OUTPUTS], mask[SERIES * STEPS * OUTPUTS];
};

static struct xlstm_model *model_of(const struct xlstm_weights *weights) {
	struct xlstm_model *model;
	assert_int_equal(xlstm_model_create(&model, weights), 0);
	return model;
}

/* The first series starts empty, the others have a past. */
static void give_pasts(struct setup *setup) {
	struct xlstm_model *model = model_of(setup->weights);
	struct noise noise = { 77 };
	assert_int_equal(xlstm_workspace_create(&setup->workspace, model, XLSTM_BEST), 0);
	setup->row_bytes = xlstm_state_size(model);
	for (size_t i = 0; i < SERIES; i++) {
		setup->rows[i] = calloc(1, setup->row_bytes);
		setup->starts[i] = calloc(1, setup->row_bytes);
		for (size_t t = 0; t < 9 * i; t++) {
			float input[INPUTS];
			noise_fill(&noise, input, INPUTS, 1);
			xlstm_step(
				model, setup->workspace, 1, &setup->starts[i], input, NULL, NULL);
		}
	}
	xlstm_model_unref(model);
}

static int open_setup(void **state) {
	struct setup *setup = calloc(1, sizeof(*setup));
	struct noise noise = { 5 };
	setup->shape = mixed();
	setup->weights = scrambled(&setup->shape, 11);
	assert_int_equal(xlstm_weights_create(&setup->gradient, &setup->shape), 0);
	struct xlstm_tape_options options = { .series = SERIES, .steps = STEPS };
	assert_int_equal(xlstm_tape_create(&setup->tape, &setup->shape, &options), 0);
	noise_fill(&noise, setup->inputs, SERIES * STEPS * INPUTS, 1);
	noise_fill(&noise, setup->targets, SERIES * STEPS * OUTPUTS, 1);
	for (size_t i = 0; i < SERIES * STEPS * OUTPUTS; i++)
		setup->mask[i] = noise_next(&noise) > -0.5f;
	give_pasts(setup);
	*state = setup;
	return 0;
}

static int close_setup(void **state) {
	struct setup *setup = *state;
	for (size_t i = 0; i < SERIES; i++) {
		free(setup->rows[i]);
		free(setup->starts[i]);
	}
	xlstm_workspace_destroy(setup->workspace);
	xlstm_tape_destroy(setup->tape);
	xlstm_weights_destroy(setup->weights);
	xlstm_weights_destroy(setup->gradient);
	free(setup);
	return 0;
}

static void restart(struct setup *setup) {
	for (size_t i = 0; i < SERIES; i++)
		memcpy(setup->rows[i], setup->starts[i], setup->row_bytes);
}

static const struct xlstm_loss squared = { .kind = XLSTM_SQUARED };

static double loss_of(struct setup *setup, const struct xlstm_model *model) {
	restart(setup);
	xlstm_sequence(model, setup->tape, SERIES, STEPS, setup->rows, setup->inputs, NULL,
		setup->outputs);
	return xlstm_loss(&squared, SERIES * STEPS, OUTPUTS, setup->outputs, setup->targets,
		setup->mask, setup->slopes);
}

static double loss_moved(
	struct setup *setup, size_t at, const float *direction, size_t count, double by) {
	struct xlstm_weights *moved;
	assert_int_equal(xlstm_weights_clone(&moved, setup->weights), 0);
	for (size_t i = 0; i < count; i++)
		moved->values[at + i] += (float)(by * direction[i]);
	struct xlstm_model *model = model_of(moved);
	double loss = loss_of(setup, model);
	xlstm_model_unref(model);
	xlstm_weights_destroy(moved);
	return loss;
}

static double slope_along(
	struct setup *setup, size_t at, const float *direction, size_t count, double step) {
	return (loss_moved(setup, at, direction, count, step) -
		       loss_moved(setup, at, direction, count, -step)) /
	       (2 * step);
}

/* Each tensor along one direction; two steps, so that the third derivative cancels (Richardson
 * 1911). */
static void gradients_equal_finite_differences(void **state) {
	struct setup *setup = *state;
	struct xlstm_model *model = model_of(setup->weights);
	struct noise noise = { 3 };
	loss_of(setup, model);
	xlstm_backward(model, setup->tape, NULL, setup->slopes, setup->gradient, NULL);

	for (size_t i = 0; i < xlstm_tensor_count(setup->weights); i++) {
		struct xlstm_tensor tensor = xlstm_tensor_at(setup->gradient, i);
		size_t at = (size_t)(tensor.values - setup->gradient->values);
		float *direction = calloc(tensor.count, sizeof(float));
		double expected = 0, size = 0;
		/* Along the gradient, so that the difference is large against rounding, and a bit
		 * beside it, so that wrong components would show. */
		for (size_t j = 0; j < tensor.count; j++)
			size += (double)tensor.values[j] * tensor.values[j];
		size = sqrt(size);
		assert_true(size > 0);
		/* Where the loss hardly moves, further, so that it moves more than it rounds. */
		double step = 4e-3 * fmin(8, fmax(1, 0.02 / size));
		for (size_t j = 0; j < tensor.count; j++) {
			double beside = noise_next(&noise) / sqrt((double)tensor.count);
			direction[j] = (float)(tensor.values[j] / size + beside);
			expected += (double)direction[j] * tensor.values[j];
		}
		double wide = slope_along(setup, at, direction, tensor.count, step);
		double narrow = slope_along(setup, at, direction, tensor.count, step / 2);
		double found = (4 * narrow - wide) / 3;
		if (!(fabs(found - expected) <= 5e-3 * fabs(expected) + 1e-5))
			fail_msg("%s: difference %g, gradient %g", tensor.name, found, expected);
		free(direction);
	}
	xlstm_model_unref(model);
}

static double loss_with_inputs_moved(
	struct setup *setup, const struct xlstm_model *model, const float *direction, double by) {
	enum { COUNT = SERIES * STEPS * INPUTS };
	float kept[COUNT];
	memcpy(kept, setup->inputs, sizeof(kept));
	for (size_t i = 0; i < COUNT; i++)
		setup->inputs[i] += (float)(by * direction[i]);
	double loss = loss_of(setup, model);
	memcpy(setup->inputs, kept, sizeof(kept));
	return loss;
}

/* Along the gradient and beside it: its length, and the part beside must not matter. */
static void input_slopes_equal_finite_differences(void **state) {
	struct setup *setup = *state;
	struct xlstm_model *model = model_of(setup->weights);
	enum { COUNT = SERIES * STEPS * INPUTS };
	float slopes[COUNT], direction[COUNT];
	double size = 0, expected = 0, found[2];
	struct noise noise = { 8 };
	loss_of(setup, model);
	xlstm_backward(model, setup->tape, NULL, setup->slopes, setup->gradient, slopes);

	for (size_t i = 0; i < COUNT; i++)
		size += (double)slopes[i] * slopes[i];
	for (size_t i = 0; i < COUNT; i++) {
		direction[i] = (float)(slopes[i] / sqrt(size)) + 0.03f * noise_next(&noise);
		expected += (double)direction[i] * slopes[i];
	}
	for (size_t i = 0; i < 2; i++) {
		double step = 1e-2 / (double)(i + 1);
		found[i] = (loss_with_inputs_moved(setup, model, direction, step) -
				   loss_with_inputs_moved(setup, model, direction, -step)) /
			   (2 * step);
	}
	double limit = (4 * found[1] - found[0]) / 3;
	if (!(fabs(limit - expected) <= 5e-3 * fabs(expected)))
		fail_msg("difference %g, gradient %g", limit, expected);
	xlstm_model_unref(model);
}

static void checkpoints_give_the_same_gradient(void **state) {
	struct setup *setup = *state;
	struct xlstm_model *model = model_of(setup->weights);
	struct xlstm_weights *other;
	struct xlstm_tape *tape;
	struct xlstm_tape_options options = {
		.series = SERIES + 1, .steps = STEPS + 5, .checkpoint = true
	};
	assert_int_equal(xlstm_weights_create(&other, &setup->shape), 0);
	assert_int_equal(xlstm_tape_create(&tape, &setup->shape, &options), 0);
	loss_of(setup, model);
	xlstm_backward(model, setup->tape, NULL, setup->slopes, setup->gradient, NULL);
	restart(setup);
	xlstm_sequence(
		model, tape, SERIES, STEPS, setup->rows, setup->inputs, NULL, setup->outputs);
	xlstm_backward(model, tape, NULL, setup->slopes, other, NULL);
	assert_memory_equal(setup->gradient->values, other->values,
		other->layout.weight_floats * sizeof(float));
	xlstm_tape_destroy(tape);
	xlstm_weights_destroy(other);
	xlstm_model_unref(model);
}

/* Windows of any length, each going on from the last one's states, and plain steps. */
static void sequences_equal_steps(void **state) {
	struct setup *setup = *state;
	struct xlstm_model *model = model_of(setup->weights);
	float *expected = calloc(SERIES * STEPS * OUTPUTS, sizeof(float));
	restart(setup);
	for (size_t t = 0; t < STEPS; t++)
		for (size_t i = 0; i < SERIES; i++)
			xlstm_step(model, setup->workspace, 1, &setup->rows[i],
				setup->inputs + (i * STEPS + t) * INPUTS, NULL,
				expected + (i * STEPS + t) * OUTPUTS);

	static const size_t lengths[] = { 1, 2, 3, 11, 32, STEPS };
	for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
		restart(setup);
		for (size_t i = 0; i < SERIES; i++)
			for (size_t t = 0; t < STEPS; t += lengths[l]) {
				size_t left = STEPS - t;
				xlstm_sequence(model, setup->tape, 1,
					left < lengths[l] ? left : lengths[l], &setup->rows[i],
					setup->inputs + (i * STEPS + t) * INPUTS, NULL,
					setup->outputs + (i * STEPS + t) * OUTPUTS);
			}
		assert_near("outputs", expected, setup->outputs, SERIES * STEPS * OUTPUTS, 1e-4);
	}
	free(expected);
	xlstm_model_unref(model);
}

static void losses_equal_their_definitions(void **state) {
	(void)state;
	static const float quantiles[] = { 0.1f, 0.5f, 0.9f };
	const float values[] = { 1, 2, 3, 4, 5, 6 }, targets[] = { 2, 2.5f, 1, NAN, 5, 10 };
	const float mask[] = { 1, 1, 1, 0, 1, 1 };
	float slopes[6];
	struct xlstm_loss pinball = { XLSTM_PINBALL, quantiles, 3 };
	/* Errors 1, 0.5 at 0.1; -2 at 0.5; 0 and 4 at 0.9. */
	double expected = (0.1 + 0.05 + 1.0 + 0 + 3.6) / 5;
	assert_true(
		fabs(xlstm_loss(&pinball, 1, 6, values, targets, mask, slopes) - expected) < 1e-6);
	const float pinball_slopes[] = { -0.02f, -0.02f, 0.1f, 0, 0, -0.18f };
	assert_near("pinball", pinball_slopes, slopes, 6, 1e-6);

	struct xlstm_loss absolute = { .kind = XLSTM_ABSOLUTE };
	assert_true(fabs(xlstm_loss(&absolute, 1, 6, values, targets, mask, slopes) - 1.5) < 1e-6);
	const float absolute_slopes[] = { -0.2f, -0.2f, 0.2f, 0, 0, -0.2f };
	assert_near("absolute", absolute_slopes, slopes, 6, 1e-6);

	expected = (1 + 0.25 + 4 + 0 + 16) / 5;
	assert_true(
		fabs(xlstm_loss(&squared, 1, 6, values, targets, mask, slopes) - expected) < 1e-6);
	const float squared_slopes[] = { -0.4f, -0.2f, 0.8f, 0, 0, -1.6f };
	assert_near("squared", squared_slopes, slopes, 6, 1e-6);

	const float nothing[] = { 0, 0, 0, 0, 0, 0 };
	assert_true(xlstm_loss(&squared, 1, 6, values, targets, nothing, slopes) == 0);
	for (size_t i = 0; i < 6; i++)
		assert_true(slopes[i] == 0);
}

/* Three steps of the definition in double precision, clipping and decay included. */
static void adamw_equals_its_definition(void **state) {
	struct setup *setup = *state;
	struct xlstm_adamw_options options = xlstm_adamw_published();
	struct xlstm_adamw *adamw;
	size_t floats = setup->weights->layout.weight_floats;
	double *mean = calloc(floats, sizeof(double)), *square = calloc(floats, sizeof(double));
	double *values = calloc(floats, sizeof(double));
	struct noise noise = { 4 };
	options.clip = 5;
	assert_int_equal(xlstm_adamw_create(&adamw, &setup->shape, &options), 0);
	for (size_t i = 0; i < floats; i++)
		values[i] = setup->weights->values[i];

	for (size_t step = 1; step <= 3; step++) {
		double norm = 0;
		for (size_t i = 0; i < xlstm_tensor_count(setup->gradient); i++) {
			struct xlstm_tensor tensor = xlstm_tensor_at(setup->gradient, i);
			size_t at = (size_t)(tensor.values - setup->gradient->values);
			noise_fill(&noise, setup->gradient->values + at, tensor.count, 0.1f);
			for (size_t j = 0; j < tensor.count; j++)
				norm += (double)tensor.values[j] * tensor.values[j];
		}
		norm = sqrt(norm);
		assert_true(norm > 5);
		for (size_t i = 0; i < xlstm_tensor_count(setup->gradient); i++) {
			struct xlstm_tensor tensor = xlstm_tensor_at(setup->gradient, i);
			size_t at = (size_t)(tensor.values - setup->gradient->values);
			for (size_t j = at; j < at + tensor.count; j++) {
				double g = setup->gradient->values[j] * 5 / norm;
				mean[j] = 0.9 * mean[j] + 0.1 * g;
				square[j] = 0.999 * square[j] + 0.001 * g * g;
				double m = mean[j] / (1 - pow(0.9, (double)step));
				double v = square[j] / (1 - pow(0.999, (double)step));
				values[j] -= 0.01 * (m / (sqrt(v) + 1e-8) +
							    (tensor.decays ? 0.1 * values[j] : 0));
			}
		}
		double found = xlstm_adamw_step(adamw, setup->weights, setup->gradient, 0.01);
		assert_true(fabs(found / norm - 1) < 1e-6);
	}
	for (size_t i = 0; i < floats; i++) {
		assert_true(fabs(setup->weights->values[i] - values[i]) < 2e-6);
		assert_true(setup->gradient->values[i] == 0);
	}
	xlstm_adamw_destroy(adamw);
	free(mean);
	free(square);
	free(values);
}

static void gradients_that_are_not_finite_move_nothing(void **state) {
	struct setup *setup = *state;
	struct xlstm_adamw_options options = xlstm_adamw_published();
	struct xlstm_adamw *adamw;
	struct xlstm_weights *before;
	assert_int_equal(xlstm_adamw_create(&adamw, &setup->shape, &options), 0);
	assert_int_equal(xlstm_weights_clone(&before, setup->weights), 0);
	setup->gradient->values[3] = INFINITY;
	assert_false(isfinite(xlstm_adamw_step(adamw, setup->weights, setup->gradient, 0.1)));
	assert_memory_equal(before->values, setup->weights->values,
		before->layout.weight_floats * sizeof(float));
	assert_true(setup->gradient->values[3] == 0);
	xlstm_weights_destroy(before);
	xlstm_adamw_destroy(adamw);
}

static void rate_rises_falls_and_stays(void **state) {
	(void)state;
	assert_true(xlstm_cosine_rate(0, 10, 110, 1e-3, 1e-6) == 0);
	assert_true(fabs(xlstm_cosine_rate(5, 10, 110, 1e-3, 1e-6) - 5e-4) < 1e-12);
	assert_true(fabs(xlstm_cosine_rate(10, 10, 110, 1e-3, 1e-6) - 1e-3) < 1e-12);
	assert_true(fabs(xlstm_cosine_rate(60, 10, 110, 1e-3, 1e-6) - 5.005e-4) < 1e-12);
	assert_true(fabs(xlstm_cosine_rate(110, 10, 110, 1e-3, 1e-6) - 1e-6) < 1e-12);
	assert_true(fabs(xlstm_cosine_rate(9999, 10, 110, 1e-3, 1e-6) - 1e-6) < 1e-12);
	assert_true(fabs(xlstm_cosine_rate(0, 0, 10, 1e-3, 0) - 1e-3) < 1e-12);
}

/* Say the input of three steps ago: nothing but memory can do it. */
static void training_learns_to_remember(void **state) {
	(void)state;
	enum { B = 8, T = 32, TOKENS = B * T };
	struct xlstm_shape shape = { .inputs = 1, .width = 16, .outputs = 1, .block_count = 2 };
	shape.blocks[0] =
		(struct xlstm_block_shape){ .kind = XLSTM_MLSTM, .heads = 2, .inner = 32 };
	shape.blocks[1] =
		(struct xlstm_block_shape){ .kind = XLSTM_SLSTM, .heads = 2, .feedforward = 32 };
	struct xlstm_weights *weights, *gradient;
	struct xlstm_tape *tape;
	struct xlstm_adamw *adamw;
	struct xlstm_adamw_options adamw_options = xlstm_adamw_published();
	struct xlstm_tape_options tape_options = { .series = B, .steps = T };
	adamw_options.decay = 0.01;
	assert_int_equal(xlstm_weights_create(&weights, &shape), 0);
	assert_int_equal(xlstm_weights_create(&gradient, &shape), 0);
	assert_int_equal(xlstm_tape_create(&tape, &shape, &tape_options), 0);
	assert_int_equal(xlstm_adamw_create(&adamw, &shape, &adamw_options), 0);
	xlstm_weights_initialise(weights, 1);
	float inputs[TOKENS], targets[TOKENS], outputs[TOKENS], slopes[TOKENS];
	struct noise noise = { 6 };
	double first = 0, last = 0;

	for (size_t step = 0; step < 600; step++) {
		struct xlstm_model *model = model_of(weights);
		void *rows[B];
		noise_fill(&noise, inputs, TOKENS, 1);
		for (size_t i = 0; i < TOKENS; i++)
			targets[i] = i % T >= 3 ? inputs[i - 3] : 0;
		for (size_t i = 0; i < B; i++)
			rows[i] = calloc(1, xlstm_state_size(model));
		xlstm_sequence(model, tape, B, T, rows, inputs, NULL, outputs);
		last = xlstm_loss(&squared, TOKENS, 1, outputs, targets, NULL, slopes);
		if (!step)
			first = last;
		xlstm_backward(model, tape, NULL, slopes, gradient, NULL);
		xlstm_adamw_step(
			adamw, weights, gradient, xlstm_cosine_rate(step, 20, 600, 1e-2, 1e-4));
		for (size_t i = 0; i < B; i++)
			free(rows[i]);
		xlstm_model_unref(model);
	}
	print_message("loss %.3f -> %.3f\n", first, last);
	assert_true(first > 0.7);
	assert_true(last < 0.1);
	xlstm_weights_destroy(weights);
	xlstm_weights_destroy(gradient);
	xlstm_tape_destroy(tape);
	xlstm_adamw_destroy(adamw);
}

static void wrong_options_are_refused(void **state) {
	(void)state;
	struct xlstm_shape shape = { .width = 0, .block_count = 1 };
	struct xlstm_tape_options options = { .series = 1, .steps = 1 };
	struct xlstm_tape *tape;
	struct xlstm_adamw *adamw;
	struct xlstm_adamw_options adamw_options = xlstm_adamw_published();
	assert_int_equal(xlstm_tape_create(&tape, &shape, &options), XLSTM_E_WIDTH);
	assert_int_equal(xlstm_adamw_create(&adamw, &shape, &adamw_options), XLSTM_E_WIDTH);
}

#define WITH_SETUP(test) cmocka_unit_test_setup_teardown(test, open_setup, close_setup)

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_SETUP(gradients_equal_finite_differences),
		WITH_SETUP(input_slopes_equal_finite_differences),
		WITH_SETUP(checkpoints_give_the_same_gradient),
		WITH_SETUP(sequences_equal_steps),
		cmocka_unit_test(losses_equal_their_definitions),
		WITH_SETUP(adamw_equals_its_definition),
		WITH_SETUP(gradients_that_are_not_finite_move_nothing),
		cmocka_unit_test(rate_rises_falls_and_stays),
		cmocka_unit_test(training_learns_to_remember),
		cmocka_unit_test(wrong_options_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
