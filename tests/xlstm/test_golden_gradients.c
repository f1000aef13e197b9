/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks and stacks in the sequence form: outputs, final states and every recorded gradient. */
#include "fixture.h"
#include "xlstm/xlstm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct run {
	struct golden *golden;
	struct xlstm_model *model;
	struct xlstm_tape *tape;
	struct xlstm_weights *gradient;
	size_t series, steps, width, tokens;
	void **rows;
	float *y, *dy, *dx;
};

static void open_run(struct run *run, const char *name, const struct xlstm_tape_options *options) {
	run->golden = golden_open(name);
	struct xlstm_weights *weights = golden_weights(run->golden);
	assert_int_equal(xlstm_model_create(&run->model, weights), 0);
	xlstm_weights_destroy(weights);

	const struct golden_tensor *x = golden_tensor(run->golden, "input", "x");
	run->series = x->dims[0];
	run->steps = x->dims[1];
	run->width = x->dims[2];
	run->tokens = run->series * run->steps;
	struct xlstm_tape_options full = *options;
	full.series = run->series;
	full.steps = run->steps;
	const struct xlstm_shape *shape = xlstm_model_shape(run->model);
	assert_int_equal(xlstm_tape_create(&run->tape, shape, &full), 0);
	assert_int_equal(xlstm_weights_create(&run->gradient, shape), 0);
	run->rows = calloc(run->series, sizeof(void *));
	for (size_t i = 0; i < run->series; i++)
		run->rows[i] = calloc(1, xlstm_state_size(run->model));
	run->y = calloc(x->count, sizeof(float));
	run->dy = calloc(x->count, sizeof(float));
	run->dx = calloc(x->count, sizeof(float));
}

static void close_run(struct run *run) {
	for (size_t i = 0; i < run->series; i++)
		free(run->rows[i]);
	free(run->rows);
	free(run->y);
	free(run->dy);
	free(run->dx);
	xlstm_weights_destroy(run->gradient);
	xlstm_tape_destroy(run->tape);
	xlstm_model_unref(run->model);
	golden_close(run->golden);
}

static void forward(struct run *run) {
	const float *x = golden_tensor(run->golden, "input", "x")->values;
	xlstm_sequence(run->model, run->tape, run->series, run->steps, run->rows, x, run->y, NULL);
}

static void check_forward(struct run *run, const char *name) {
	golden_assert_near(name, golden_tensor(run->golden, "output", "y"), run->y);
	for (size_t i = 0; i < run->series; i++)
		golden_assert_states(run->golden, run->model, i, run->rows[i]);
}

static void check_gradient(
	void *context, struct golden *golden, const char *name, const char *published) {
	struct run *run = context;
	char full[128];
	bool stacked = !strncmp(published, "blocks.", 7) || !strncmp(published, "post_", 5);
	snprintf(full, sizeof(full), "%s%s", stacked ? "" : "blocks.0.", published);
	struct xlstm_tensor gradient;
	assert_int_equal(xlstm_tensor_find(run->gradient, full, &gradient), 0);
	golden_assert_near(full, golden_tensor(golden, "grad", name), gradient.values);
}

static void backward(struct run *run) {
	const float *target = golden_tensor(run->golden, "input", "target")->values;
	for (size_t i = 0; i < run->tokens * run->width; i++)
		run->dy[i] = 2 * (run->y[i] - target[i]);
	xlstm_backward(run->model, run->tape, run->dy, NULL, run->gradient, run->dx);
}

static void sequences_equal_the_reference(void **state) {
	(void)state;
	static const char *const cases[] = { "slstm_block", "slstm_block_noconv", "mlstm_block",
		"stack_msm", "stack_sms_long" };
	EACH_KERNELS(kernels) for (size_t i = 0; i < 10; i++) {
		struct run run;
		struct xlstm_tape_options options = { .instructions = set_,
			.forward_only = i >= 5 };
		open_run(&run, cases[i % 5], &options);
		forward(&run);
		check_forward(&run, cases[i % 5]);
		close_run(&run);
	}
}

static void gradients_equal_the_reference(void **state) {
	(void)state;
	static const char *const cases[] = { "slstm_block", "slstm_block_noconv", "mlstm_block",
		"stack_msm" };
	EACH_KERNELS(kernels) for (size_t i = 0; i < 8; i++) {
		struct run run;
		struct xlstm_tape_options options = { .instructions = set_, .checkpoint = i >= 4 };
		open_run(&run, cases[i % 4], &options);
		forward(&run);
		backward(&run);
		golden_assert_near("x", golden_tensor(run.golden, "grad", "x"), run.dx);
		golden_origins(run.golden, check_gradient, &run);
		check_forward(&run, cases[i % 4]);
		close_run(&run);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequences_equal_the_reference),
		cmocka_unit_test(gradients_equal_the_reference),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
