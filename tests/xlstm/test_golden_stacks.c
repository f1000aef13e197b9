/* SPDX-License-Identifier: Apache-2.0 */
/* Whole blocks and stacks, step by step, against the reference vectors: one series alone and in
 * any batch, with fresh rows beside old ones. */
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
	struct xlstm_workspace *workspace;
	size_t series, steps, width; /* of the case */
	size_t batch, places[8]; /* where the case's series stand in the batch */
	void **rows;
	float *inputs, *features;
	float *y; /* [series, steps, width] */
};

static void run_init(struct run *run, const char *name, enum xlstm_instructions set, size_t batch) {
	run->golden = golden_open(name);
	struct xlstm_weights *weights = golden_weights(run->golden);
	assert_int_equal(xlstm_model_create(&run->model, weights), 0);
	xlstm_weights_destroy(weights);
	assert_int_equal(xlstm_workspace_create(&run->workspace, run->model, set), 0);

	const struct golden_tensor *x = golden_tensor(run->golden, "input", "x");
	run->series = x->dims[0];
	run->steps = x->dims[1];
	run->width = x->dims[2];
	run->batch = batch;
	run->rows = calloc(batch, sizeof(void *));
	for (size_t i = 0; i < batch; i++)
		run->rows[i] = calloc(1, xlstm_state_size(run->model));
	for (size_t i = 0; i < run->series; i++)
		run->places[i] = (i * 37 + 5) % batch;
	run->inputs = calloc(batch * run->width, sizeof(float));
	run->features = calloc(batch * run->width, sizeof(float));
	run->y = calloc(run->series * run->steps * run->width, sizeof(float));
}

static void run_finish(struct run *run) {
	for (size_t i = 0; i < run->batch; i++)
		free(run->rows[i]);
	free(run->rows);
	free(run->inputs);
	free(run->features);
	free(run->y);
	xlstm_workspace_destroy(run->workspace);
	xlstm_model_unref(run->model);
	golden_close(run->golden);
}

/* Every third neighbour starts anew now and then. */
static void disturb(struct run *run, struct noise *noise, size_t step) {
	noise_fill(noise, run->inputs, run->batch * run->width, 1.0f);
	for (size_t i = 0; i < run->batch; i += 3) {
		bool ours = false;
		for (size_t j = 0; j < run->series; j++)
			ours |= run->places[j] == i;
		if (!ours && (step + i) % 7 == 0)
			memset(run->rows[i], 0, xlstm_state_size(run->model));
	}
}

/* Steps series `from` to `to` of the case through the batch. */
static void run_steps(struct run *run, size_t from, size_t to) {
	const float *x = golden_tensor(run->golden, "input", "x")->values;
	struct noise noise = { 7 };
	size_t bytes = run->width * sizeof(float);

	for (size_t t = 0; t < run->steps; t++) {
		disturb(run, &noise, t);
		for (size_t i = from; i < to; i++)
			memcpy(run->inputs + run->places[i] * run->width,
				x + (i * run->steps + t) * run->width, bytes);
		xlstm_step(run->model, run->workspace, run->batch, run->rows, run->inputs,
			run->features, NULL);
		for (size_t i = from; i < to; i++)
			memcpy(run->y + (i * run->steps + t) * run->width,
				run->features + run->places[i] * run->width, bytes);
	}
}

static const char *const cases[] = { "slstm_block", "slstm_block_noconv", "mlstm_block",
	"stack_msm", "stack_sms_long" };

#define EACH_CASE(name)                                                                            \
	for (size_t case_ = 0; case_ < sizeof(cases) / sizeof(cases[0]); case_++)                  \
		for (const char *name = cases[case_]; name; name = NULL)

static void whole_case_in_a_batch_of(const char *name, enum xlstm_instructions set, size_t batch) {
	struct run run;
	run_init(&run, name, set, batch);
	if (batch == 0 || batch < run.series)
		fail_msg("batch too small for %s", name);
	run_steps(&run, 0, run.series);
	golden_assert_near(name, golden_tensor(run.golden, "output", "y_step"), run.y);
	golden_assert_near(name, golden_tensor(run.golden, "output", "y"), run.y);
	for (size_t i = 0; i < run.series; i++)
		golden_assert_states(run.golden, run.model, i, run.rows[run.places[i]]);
	run_finish(&run);
}

static void series_alone_equals_the_reference(void **state) {
	(void)state;
	EACH_KERNELS(kernels) EACH_CASE(name) {
		struct run run;
		run_init(&run, name, set_, 1);
		for (size_t i = 0; i < run.series; i++) {
			memset(run.rows[0], 0, xlstm_state_size(run.model));
			run_steps(&run, i, i + 1);
			golden_assert_states(run.golden, run.model, i, run.rows[run.places[i]]);
		}
		golden_assert_near(name, golden_tensor(run.golden, "output", "y_step"), run.y);
		run_finish(&run);
	}
}

static void batch_of_the_case_equals_the_reference(void **state) {
	(void)state;
	EACH_KERNELS(kernels) EACH_CASE(name) {
		struct golden *golden = golden_open(name);
		size_t series = golden_hyper(golden, "B");
		golden_close(golden);
		whole_case_in_a_batch_of(name, set_, series);
	}
}

static void batch_of_64_with_fresh_and_old_rows_equals_the_reference(void **state) {
	(void)state;
	EACH_KERNELS(kernels) EACH_CASE(name) whole_case_in_a_batch_of(name, set_, 64);
}

static void a_row_gets_the_same_bits_in_every_batch(void **state) {
	(void)state;
	static const size_t batches[] = { 2, 3, 7, 33, 64, 101 };
	EACH_KERNELS(kernels) {
		struct run first;
		run_init(&first, "stack_msm", set_, 5);
		run_steps(&first, 0, first.series);
		for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
			struct run other;
			run_init(&other, "stack_msm", set_, batches[i]);
			run_steps(&other, 0, other.series);
			size_t count = first.series * first.steps * first.width;
			assert_memory_equal(first.y, other.y, count * sizeof(float));
			assert_memory_equal(first.rows[first.places[1]],
				other.rows[other.places[1]], xlstm_state_size(first.model));
			run_finish(&other);
		}
		run_finish(&first);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(series_alone_equals_the_reference),
		cmocka_unit_test(batch_of_the_case_equals_the_reference),
		cmocka_unit_test(batch_of_64_with_fresh_and_old_rows_equals_the_reference),
		cmocka_unit_test(a_row_gets_the_same_bits_in_every_batch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
