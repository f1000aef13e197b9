/* SPDX-License-Identifier: Apache-2.0 */
/* Sequences of series that see each other: against steps, and gradients against finite differences. */
#include "pool_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

struct window {
	struct setting *setting;
	struct xlstm_tape *tape;
	struct lists lists;
	float inputs[TOKENS * INPUTS], outputs[TOKENS * OUTPUTS], features[TOKENS * WIDTH];
	float slopes[TOKENS * OUTPUTS]; /* of a loss that is linear in the outputs */
	double own[TOKENS][WIDTH]; /* the plain network's */
	void *rows[SERIES];
};

static struct window *window_open(enum xlstm_pool kind) {
	struct window *window = calloc(1, sizeof(*window));
	struct setting *setting = setting_open(kind, XLSTM_BEST);
	struct xlstm_tape_options options = { .series = SERIES, .steps = STEPS };
	struct noise noise = { 13 };
	window->setting = setting;
	make_lists(&window->lists, STEPS);
	noise_fill(&noise, window->inputs, TOKENS * INPUTS, 1);
	noise_fill(&noise, window->slopes, TOKENS * OUTPUTS, 1);
	assert_int_equal(
		xlstm_tape_create(&window->tape, xlstm_weights_shape(setting->weights), &options),
		0);
	for (size_t i = 0; i < SERIES; i++)
		window->rows[i] = calloc(1, xlstm_state_size(setting->model));
	return window;
}

static void window_close(struct window *window) {
	for (size_t i = 0; i < SERIES; i++)
		free(window->rows[i]);
	xlstm_tape_destroy(window->tape);
	setting_close(window->setting);
	free(window);
}

static void run(struct window *window, const struct xlstm_model *model) {
	for (size_t i = 0; i < SERIES; i++)
		memcpy(window->rows[i], window->setting->rows[i], xlstm_state_size(model));
	xlstm_sequence_among(model, window->tape, SERIES, STEPS, window->rows, window->inputs,
		&window->lists.neighbours, window->features, window->outputs);
}

static void sequences_equal_steps(void **state) {
	(void)state;
	EACH_KIND(kind) {
		struct window *window = window_open(kind);
		struct setting *setting = window->setting;
		float expected[TOKENS * OUTPUTS];
		run(window, setting->model);
		for (size_t t = 0; t < STEPS; t++) {
			float inputs[SERIES * INPUTS], outputs[SERIES * OUTPUTS];
			float ages[SERIES * LIST_MAX];
			struct xlstm_neighbours now = window->lists.neighbours;
			for (size_t e = 0; e < window->lists.offsets[SERIES]; e++)
				ages[e] = window->lists.ages[e * STEPS + t];
			now.ages = ages;
			now.states = setting->states;
			for (size_t i = 0; i < SERIES; i++)
				memcpy(inputs + i * INPUTS,
					window->inputs + (i * STEPS + t) * INPUTS,
					INPUTS * sizeof(float));
			xlstm_step_among(setting->model, setting->workspace, SERIES, setting->rows,
				inputs, &now, NULL, outputs);
			xlstm_commit(setting->model, SERIES, setting->rows);
			for (size_t i = 0; i < SERIES; i++)
				memcpy(expected + (i * STEPS + t) * OUTPUTS, outputs + i * OUTPUTS,
					OUTPUTS * sizeof(float));
		}
		assert_near("outputs", expected, window->outputs, TOKENS * OUTPUTS, 1e-5);
		for (size_t i = 0; i < SERIES; i++)
			assert_near("hidden", xlstm_state_hidden(setting->model, setting->rows[i]),
				(float *)xlstm_state_hidden(setting->model, window->rows[i]), WIDTH,
				1e-5);
		window_close(window);
	}
}

/* What a token's neighbours had committed. */
struct then {
	const struct window *window;
	size_t step;
};

static const double *then_hidden(const void *context, uint32_t index) {
	const struct then *then = context;
	return then->step ? then->window->own[index * STEPS + then->step - 1]
			  : then->window->setting->hidden[index];
}

/* The linear loss, given the features that each series has by itself. */
static double exact_loss(const struct window *window, const struct equations *equations) {
	const double *head = equations_tensor(equations, "head.weight");
	double loss = 0;
	for (size_t n = 0; n < TOKENS; n++) {
		struct then then = { window, n % STEPS };
		double pooled[WIDTH], fused[WIDTH], outputs[OUTPUTS];
		exact_pool(pooled, equations, window->own[n], &window->lists.neighbours, n / STEPS,
			n % STEPS, STEPS, then_hidden, &then);
		exact_fuse(fused, equations, window->own[n], pooled);
		map_vector(outputs, head, fused, OUTPUTS, WIDTH);
		for (size_t o = 0; o < OUTPUTS; o++)
			loss += outputs[o] * (double)window->slopes[n * OUTPUTS + o];
	}
	return loss;
}

static void own_features(struct window *window) {
	struct setting *setting = window->setting;
	struct xlstm_tape_options options = { .series = SERIES, .steps = STEPS };
	struct xlstm_tape *tape;
	float features[TOKENS * WIDTH];
	assert_int_equal(
		xlstm_tape_create(&tape, xlstm_weights_shape(setting->plain_weights), &options), 0);
	xlstm_sequence(setting->plain, tape, SERIES, STEPS, setting->plain_rows, window->inputs,
		features, NULL);
	for (size_t i = 0; i < TOKENS * WIDTH; i++)
		window->own[i / WIDTH][i % WIDTH] = (double)features[i];
	xlstm_tape_destroy(tape);
}

/* Each number of each tensor of the pooling and of the head, in double precision. */
static void gradients_of_the_pooling_equal_finite_differences(void **state) {
	(void)state;
	EACH_KIND(kind) {
		struct window *window = window_open(kind);
		struct setting *setting = window->setting;
		struct equations equations = equations_open(setting->weights);
		struct xlstm_weights *gradient;
		size_t tensors = 0;
		assert_int_equal(
			xlstm_weights_create(&gradient, xlstm_weights_shape(setting->weights)), 0);
		own_features(window);
		run(window, setting->model);
		xlstm_backward(setting->model, window->tape, NULL, window->slopes, gradient, NULL);
		for (size_t i = 0; i < xlstm_tensor_count(gradient); i++) {
			struct xlstm_tensor tensor = xlstm_tensor_at(gradient, i);
			size_t at = (size_t)(tensor.values - gradient->values);
			bool ours = !strncmp(tensor.name, "pool.", 5) ||
				    !strcmp(tensor.name, "head.weight");
			tensors += ours;
			for (size_t j = 0; j < tensor.count && ours; j++) {
				double *value = &equations.values[at + j], kept = *value;
				*value = kept + 1e-5;
				double difference = exact_loss(window, &equations);
				*value = kept - 1e-5;
				difference -= exact_loss(window, &equations);
				*value = kept;
				difference /= 2e-5;
				double found = (double)tensor.values[j];
				if (!(fabs(found - difference) <= 1e-4 + 1e-4 * fabs(difference)))
					fail_msg("%s[%zu]: difference %g, gradient %g", tensor.name,
						j, difference, found);
			}
		}
		assert_int_equal(tensors, kind == XLSTM_ATTENTION_POOL ? 8 : 4);
		free(equations.values);
		xlstm_weights_destroy(gradient);
		window_close(window);
	}
}

static double loss_of(struct window *window, const struct xlstm_weights *weights) {
	struct xlstm_model *model;
	double loss = 0;
	assert_int_equal(xlstm_model_create(&model, weights), 0);
	run(window, model);
	for (size_t i = 0; i < TOKENS * OUTPUTS; i++)
		loss += (double)window->outputs[i] * (double)window->slopes[i];
	xlstm_model_unref(model);
	return loss;
}

/* What goes on into the blocks: each tensor along its gradient, in floats, two steps against the
 * third derivative. */
static void gradients_go_on_into_the_network(void **state) {
	(void)state;
	EACH_KIND(kind) {
		struct window *window = window_open(kind);
		struct setting *setting = window->setting;
		struct xlstm_weights *gradient, *moved;
		assert_int_equal(
			xlstm_weights_create(&gradient, xlstm_weights_shape(setting->weights)), 0);
		run(window, setting->model);
		xlstm_backward(setting->model, window->tape, NULL, window->slopes, gradient, NULL);
		for (size_t i = 0; i < xlstm_tensor_count(gradient); i++) {
			struct xlstm_tensor tensor = xlstm_tensor_at(gradient, i);
			size_t at = (size_t)(tensor.values - gradient->values);
			double size = 0, found[2];
			for (size_t j = 0; j < tensor.count; j++)
				size += (double)tensor.values[j] * (double)tensor.values[j];
			size = sqrt(size);
			assert_true(size > 0);
			/* Where the loss hardly moves, further, so that it moves more than it rounds. */
			double widest = 1e-2 * fmin(8, fmax(1, 2 / size));
			for (size_t s = 0; s < 2; s++) {
				double step = widest / (double)(s + 1), ends[2];
				for (int sign = 0; sign < 2; sign++) {
					assert_int_equal(
						xlstm_weights_clone(&moved, setting->weights), 0);
					for (size_t j = 0; j < tensor.count; j++)
						moved->values[at + j] +=
							(float)((sign ? -step : step) *
								(double)tensor.values[j] / size);
					ends[sign] = loss_of(window, moved);
					xlstm_weights_destroy(moved);
				}
				found[s] = (ends[0] - ends[1]) / (2 * step);
			}
			double limit = (4 * found[1] - found[0]) / 3;
			if (!(fabs(limit - size) <= 5e-3 * size))
				fail_msg(
					"%s: difference %g, gradient %g", tensor.name, limit, size);
		}
		xlstm_weights_destroy(gradient);
		window_close(window);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequences_equal_steps),
		cmocka_unit_test(gradients_of_the_pooling_equal_finite_differences),
		cmocka_unit_test(gradients_go_on_into_the_network),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
