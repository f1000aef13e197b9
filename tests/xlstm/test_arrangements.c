/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any memory with its projection before it or behind it, and the block of the 7B model: steps,
 * sequences and gradients against the equations in double precision (reference.c), long runs, files.
 */
#include "container.h"
#include "fixture.h"
#include "reference.h"
#include "xlstm/xlstm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>
#include <unistd.h>

/* Widths that fill no vector, a window that ends inside a chunk. */
enum { WIDTH = 12, OUTPUTS = 3, STEPS = 75 };

static const struct variant {
	const char *name;
	enum xlstm_norm norm;
	struct xlstm_block_shape blocks[2];
} variants[] = {
	{ "large", XLSTM_RMS_NORM,
		{ { .kind = XLSTM_MLSTM,
			  .heads = 2,
			  .inner = 20,
			  .feedforward = 16,
			  .activation = XLSTM_SILU,
			  .arrangement = XLSTM_POST_PROJECTION,
			  .keys = 6,
			  .gate_cap = 2 },
			{ .kind = XLSTM_MLSTM,
				.heads = 3,
				.inner = 12,
				.arrangement = XLSTM_POST_PROJECTION,
				.keys = 24 } } },
	{ "logistic", XLSTM_LAYER_NORM,
		{ { .kind = XLSTM_MLSTM,
			  .heads = 2,
			  .taps = 3,
			  .inner = 12,
			  .arrangement = XLSTM_POST_PROJECTION,
			  .keys = 6,
			  .input_gate = XLSTM_LOGISTIC_GATE },
			{ .kind = XLSTM_MLSTM,
				.heads = 2,
				.taps = 4,
				.inner = 16,
				.gate_cap = 3,
				.input_gate = XLSTM_LOGISTIC_GATE } } },
	{ "sLSTM behind a projection", XLSTM_LAYER_NORM,
		{ { .kind = XLSTM_SLSTM,
			  .heads = 3,
			  .taps = 4,
			  .inner = 21,
			  .arrangement = XLSTM_PRE_PROJECTION },
			{ .kind = XLSTM_SLSTM,
				.heads = 2,
				.inner = 16,
				.feedforward = 8,
				.arrangement = XLSTM_PRE_PROJECTION } } },
	{ "as published", XLSTM_LAYER_NORM,
		{ { .kind = XLSTM_MLSTM,
			  .heads = 2,
			  .taps = 4,
			  .inner = 24,
			  .arrangement = XLSTM_PRE_PROJECTION },
			{ .kind = XLSTM_SLSTM,
				.heads = 2,
				.taps = 2,
				.feedforward = 8,
				.arrangement = XLSTM_POST_PROJECTION } } },
};

#define VARIANTS (sizeof(variants) / sizeof(variants[0]))

static struct xlstm_shape shape_of(const struct variant *variant) {
	struct xlstm_shape shape = { .width = WIDTH,
		.outputs = OUTPUTS,
		.norm = variant->norm,
		.output_cap = 2,
		.block_count = 2 };
	memcpy(shape.blocks, variant->blocks, sizeof(variant->blocks));
	assert_int_equal(xlstm_shape_check(&shape), 0);
	return shape;
}

/* Gates that look at the data; input gates that are open, so that something is remembered. */
static struct xlstm_weights *weights_of(const struct xlstm_shape *shape, float spread) {
	struct xlstm_weights *weights;
	struct noise noise = { 21 };
	assert_int_equal(xlstm_weights_create(&weights, shape), 0);
	xlstm_weights_initialise(weights, 5);
	for (size_t i = 0; i < xlstm_tensor_count(weights); i++) {
		struct xlstm_tensor tensor = xlstm_tensor_at(weights, i);
		float *values = weights->values + (tensor.values - weights->values);
		for (size_t j = 0; j < tensor.count; j++) {
			if (values[j] == -10.0f)
				values[j] = 0.0f;
			values[j] += spread * noise_next(&noise);
		}
	}
	return weights;
}

struct scene {
	struct xlstm_shape shape;
	struct xlstm_weights *weights;
	struct xlstm_model *model;
	float inputs[STEPS * WIDTH], outputs[STEPS * OUTPUTS];
	double expected[STEPS * OUTPUTS];
};

static void expect(struct scene *scene, const struct reference *reference) {
	double inputs[STEPS * WIDTH];
	for (size_t i = 0; i < STEPS * WIDTH; i++)
		inputs[i] = scene->inputs[i];
	reference_run(reference, inputs, STEPS, scene->expected);
}

static struct scene open_scene(const struct variant *variant) {
	struct scene scene = { .shape = shape_of(variant) };
	struct noise noise = { 2 };
	scene.weights = weights_of(&scene.shape, 0.3f);
	assert_int_equal(xlstm_model_create(&scene.model, scene.weights), 0);
	noise_fill(&noise, scene.inputs, STEPS * WIDTH, 1);
	struct reference reference = reference_open(scene.weights);
	expect(&scene, &reference);
	reference_close(&reference);
	return scene;
}

static void close_scene(struct scene *scene) {
	xlstm_model_unref(scene->model);
	xlstm_weights_destroy(scene->weights);
}

static void assert_expected(const struct scene *scene, const char *what, double tolerance) {
	float expected[STEPS * OUTPUTS];
	for (size_t i = 0; i < STEPS * OUTPUTS; i++)
		expected[i] = (float)scene->expected[i];
	assert_near(what, expected, scene->outputs, STEPS * OUTPUTS, tolerance);
}

static void steps_equal_the_equations(void **state) {
	(void)state;
	for (size_t i = 0; i < VARIANTS; i++)
		for (enum xlstm_instructions set = XLSTM_PORTABLE; set <= XLSTM_AVX512; set++) {
			struct scene scene = open_scene(&variants[i]);
			struct xlstm_workspace *workspace;
			if (xlstm_workspace_create(&workspace, scene.model, set) == 0) {
				void *row = calloc(1, xlstm_state_size(scene.model));
				for (size_t t = 0; t < STEPS; t++)
					xlstm_step(scene.model, workspace, 1, &row,
						scene.inputs + t * WIDTH, NULL,
						scene.outputs + t * OUTPUTS);
				assert_expected(&scene, variants[i].name, 2e-5);
				free(row);
				xlstm_workspace_destroy(workspace);
			}
			close_scene(&scene);
		}
}

static struct xlstm_tape *tape_of(const struct scene *scene, bool checkpoint) {
	struct xlstm_tape_options options = {
		.series = 1, .steps = STEPS, .checkpoint = checkpoint
	};
	struct xlstm_tape *tape;
	assert_int_equal(xlstm_tape_create(&tape, &scene->shape, &options), 0);
	return tape;
}

/* In windows of any length, each going on from the state that the last one left. */
static void sequences_equal_the_equations(void **state) {
	(void)state;
	static const size_t lengths[] = { STEPS, 32, 17, 1 };
	for (size_t i = 0; i < VARIANTS * 4; i++) {
		const struct variant *variant = &variants[i / 4];
		struct scene scene = open_scene(variant);
		struct xlstm_tape *tape = tape_of(&scene, false);
		void *row = calloc(1, xlstm_state_size(scene.model));
		for (size_t t = 0; t < STEPS; t += lengths[i % 4]) {
			size_t left = STEPS - t;
			xlstm_sequence(scene.model, tape, 1,
				left < lengths[i % 4] ? left : lengths[i % 4], &row,
				scene.inputs + t * WIDTH, NULL, scene.outputs + t * OUTPUTS);
		}
		assert_expected(&scene, variant->name, 2e-5);
		free(row);
		xlstm_tape_destroy(tape);
		close_scene(&scene);
	}
}

/* What is differentiated: the sum of the outputs, each with a weight of its own. */
static double weighed(const double *outputs, const float *slopes) {
	double sum = 0;
	for (size_t i = 0; i < STEPS * OUTPUTS; i++)
		sum += outputs[i] * slopes[i];
	return sum;
}

static double moved(struct scene *scene, size_t at, const float *direction, size_t count, double by,
	const float *slopes) {
	struct reference reference = reference_open(scene->weights);
	for (size_t i = 0; i < count; i++)
		reference.values[at + i] += by * direction[i];
	expect(scene, &reference);
	reference_close(&reference);
	return weighed(scene->expected, slopes);
}

static struct xlstm_weights *gradient_of(
	const struct scene *scene, const float *slopes, float *input_slopes, bool checkpoint) {
	struct xlstm_weights *gradient;
	struct xlstm_tape *tape = tape_of(scene, checkpoint);
	void *row = calloc(1, xlstm_state_size(scene->model));
	float outputs[STEPS * OUTPUTS];
	assert_int_equal(xlstm_weights_create(&gradient, &scene->shape), 0);
	xlstm_sequence(scene->model, tape, 1, STEPS, &row, scene->inputs, NULL, outputs);
	xlstm_backward(scene->model, tape, NULL, slopes, gradient, input_slopes);
	free(row);
	xlstm_tape_destroy(tape);
	return gradient;
}

/* Along the gradient and a bit beside it, so that wrong components show. */
static double choose_direction(
	float *direction, const float *slopes, size_t count, struct noise *noise) {
	double size = 0, expected = 0;
	for (size_t i = 0; i < count; i++)
		size += (double)slopes[i] * slopes[i];
	assert_true(size > 0);
	for (size_t i = 0; i < count; i++) {
		double beside = noise_next(noise) / sqrt((double)count);
		direction[i] = (float)(slopes[i] / sqrt(size) + beside);
		expected += (double)direction[i] * slopes[i];
	}
	return expected;
}

/* Some slopes are nearly zero, such as that of an input gate's bias, which shifts numerator and
 * denominator alike: what is left of them is the rounding of larger ones. */
static void assert_slope(const char *what, const char *name, double found, double expected) {
	if (!(fabs(found - expected) <= 2e-4 * fabs(expected) + 5e-6))
		fail_msg("%s, %s: difference %.8g, gradient %.8g", what, name, found, expected);
}

/* Differences of the equations in double precision, so that no rounding hides anything. */
static void gradients_equal_differences_of_the_equations(void **state) {
	(void)state;
	for (size_t i = 0; i < VARIANTS; i++) {
		struct scene scene = open_scene(&variants[i]);
		float slopes[STEPS * OUTPUTS];
		struct noise noise = { 6 };
		noise_fill(&noise, slopes, STEPS * OUTPUTS, 1);
		struct xlstm_weights *gradient = gradient_of(&scene, slopes, NULL, false);
		for (size_t j = 0; j < xlstm_tensor_count(gradient); j++) {
			struct xlstm_tensor tensor = xlstm_tensor_at(gradient, j);
			size_t at = (size_t)(tensor.values - gradient->values);
			float *direction = calloc(tensor.count, sizeof(float));
			double expected =
				choose_direction(direction, tensor.values, tensor.count, &noise);
			double up = moved(&scene, at, direction, tensor.count, 1e-5, slopes);
			double down = moved(&scene, at, direction, tensor.count, -1e-5, slopes);
			assert_slope(variants[i].name, tensor.name, (up - down) / 2e-5, expected);
			free(direction);
		}
		xlstm_weights_destroy(gradient);
		close_scene(&scene);
	}
}

static double inputs_moved(
	const struct scene *scene, const float *direction, double by, const float *slopes) {
	double inputs[STEPS * WIDTH], outputs[STEPS * OUTPUTS];
	struct reference reference = reference_open(scene->weights);
	for (size_t i = 0; i < STEPS * WIDTH; i++)
		inputs[i] = scene->inputs[i] + by * direction[i];
	reference_run(&reference, inputs, STEPS, outputs);
	reference_close(&reference);
	return weighed(outputs, slopes);
}

static void input_slopes_equal_differences_of_the_equations(void **state) {
	(void)state;
	for (size_t i = 0; i < VARIANTS; i++) {
		struct scene scene = open_scene(&variants[i]);
		float slopes[STEPS * OUTPUTS], dx[STEPS * WIDTH], direction[STEPS * WIDTH];
		struct noise noise = { 6 };
		noise_fill(&noise, slopes, STEPS * OUTPUTS, 1);
		struct xlstm_weights *gradient = gradient_of(&scene, slopes, dx, false);
		double expected = choose_direction(direction, dx, STEPS * WIDTH, &noise);
		double up = inputs_moved(&scene, direction, 1e-5, slopes);
		double down = inputs_moved(&scene, direction, -1e-5, slopes);
		assert_slope(variants[i].name, "inputs", (up - down) / 2e-5, expected);
		xlstm_weights_destroy(gradient);
		close_scene(&scene);
	}
}

static void checkpoints_give_the_same_gradient(void **state) {
	(void)state;
	for (size_t i = 0; i < VARIANTS; i++) {
		struct scene scene = open_scene(&variants[i]);
		float slopes[STEPS * OUTPUTS];
		struct noise noise = { 6 };
		noise_fill(&noise, slopes, STEPS * OUTPUTS, 1);
		struct xlstm_weights *whole = gradient_of(&scene, slopes, NULL, false);
		struct xlstm_weights *again = gradient_of(&scene, slopes, NULL, true);
		assert_memory_equal(
			whole->values, again->values, whole->layout.weight_floats * sizeof(float));
		xlstm_weights_destroy(whole);
		xlstm_weights_destroy(again);
		close_scene(&scene);
	}
}

/* In a batch of forty, so that tiles are cut; bits must not depend on the place. */
static void any_place_in_a_batch_gives_the_same_bits(void **state) {
	(void)state;
	enum { ROWS = 40 };
	for (size_t i = 0; i < VARIANTS; i++) {
		struct scene scene = open_scene(&variants[i]);
		struct xlstm_workspace *workspace;
		size_t size = xlstm_state_size(scene.model);
		void *rows[ROWS], *alone = calloc(1, size);
		float inputs[ROWS * WIDTH], outputs[ROWS * OUTPUTS], single[OUTPUTS];
		struct noise noise = { 13 };
		assert_int_equal(xlstm_workspace_create(&workspace, scene.model, XLSTM_BEST), 0);
		for (size_t row = 0; row < ROWS; row++)
			rows[row] = calloc(1, size);
		for (size_t t = 0; t < STEPS; t++) {
			size_t place = (t * 7) % ROWS;
			noise_fill(&noise, inputs, ROWS * WIDTH, 1);
			memcpy(rows[place], alone, size);
			xlstm_step(scene.model, workspace, ROWS, rows, inputs, NULL, outputs);
			xlstm_step(scene.model, workspace, 1, &alone, inputs + place * WIDTH, NULL,
				single);
			assert_memory_equal(outputs + place * OUTPUTS, single, sizeof(single));
			assert_memory_equal(rows[place], alone, size);
		}
		for (size_t row = 0; row < ROWS; row++)
			free(rows[row]);
		free(alone);
		xlstm_workspace_destroy(workspace);
		close_scene(&scene);
	}
}

/* A hundred thousand steps with gates far from zero: windows and steps end in the same place. */
static void long_runs_of_steps_and_sequences_agree(void **state) {
	(void)state;
	enum { RUN = 100000 / STEPS };
	for (size_t i = 0; i < VARIANTS; i++) {
		struct scene scene = { .shape = shape_of(&variants[i]) };
		struct noise noise = { 17 };
		struct xlstm_workspace *workspace;
		scene.weights = weights_of(&scene.shape, 2.0f);
		assert_int_equal(xlstm_model_create(&scene.model, scene.weights), 0);
		assert_int_equal(xlstm_workspace_create(&workspace, scene.model, XLSTM_BEST), 0);
		struct xlstm_tape *tape = tape_of(&scene, false);
		void *stepped = calloc(1, xlstm_state_size(scene.model));
		void *swept = calloc(1, xlstm_state_size(scene.model));
		float outputs[STEPS * OUTPUTS];
		for (size_t run = 0; run < RUN; run++) {
			noise_fill(&noise, scene.inputs, STEPS * WIDTH, 1);
			for (size_t t = 0; t < STEPS; t++)
				xlstm_step(scene.model, workspace, 1, &stepped,
					scene.inputs + t * WIDTH, NULL, outputs + t * OUTPUTS);
			xlstm_sequence(scene.model, tape, 1, STEPS, &swept, scene.inputs, NULL,
				scene.outputs);
			for (size_t j = 0; j < STEPS * OUTPUTS; j++)
				assert_true(isfinite(scene.outputs[j]));
		}
		assert_near(variants[i].name, outputs, scene.outputs, STEPS * OUTPUTS, 2e-3);
		free(stepped);
		free(swept);
		xlstm_tape_destroy(tape);
		xlstm_workspace_destroy(workspace);
		close_scene(&scene);
	}
}

static void files_carry_arrangements(void **state) {
	(void)state;
	for (size_t i = 0; i < VARIANTS; i++) {
		char path[] = "/tmp/test_arrangements.XXXXXX";
		int file = mkstemp(path);
		assert_true(file >= 0);
		close(file);
		struct scene scene = open_scene(&variants[i]);
		struct xlstm_weights *read;
		assert_int_equal(xlstm_weights_save(scene.weights, path), 0);
		assert_int_equal(xlstm_weights_open(&read, path, NULL), 0);
		assert_memory_equal(xlstm_weights_shape(read), &scene.shape, sizeof(scene.shape));
		assert_true(xlstm_weights_identity(read) == xlstm_weights_identity(scene.weights));
		xlstm_weights_destroy(read);
		unlink(path);
		close_scene(&scene);
	}
}

/* The 7B model's names, and ours. The first map of the feed-forward part is two tensors there. */
static const struct {
	const char *theirs, *ours;
	size_t half; /* of ours: 1 or 2; 0: all of it */
} large_names[] = {
	{ "backbone.blocks.0.norm_mlstm.weight", "blocks.0.xlstm_norm.weight", 0 },
	{ "backbone.blocks.0.mlstm_layer.q.weight", "blocks.0.mlstm_layer.q.weight", 0 },
	{ "backbone.blocks.0.mlstm_layer.k.weight", "blocks.0.mlstm_layer.k.weight", 0 },
	{ "backbone.blocks.0.mlstm_layer.v.weight", "blocks.0.mlstm_layer.v.weight", 0 },
	{ "backbone.blocks.0.mlstm_layer.ogate_preact.weight",
		"blocks.0.mlstm_layer.ogate_preact.weight", 0 },
	{ "backbone.blocks.0.mlstm_layer.igate_preact.weight",
		"blocks.0.mlstm_layer.igate_preact.weight", 0 },
	{ "backbone.blocks.0.mlstm_layer.igate_preact.bias",
		"blocks.0.mlstm_layer.igate_preact.bias", 0 },
	{ "backbone.blocks.0.mlstm_layer.fgate_preact.weight",
		"blocks.0.mlstm_layer.fgate_preact.weight", 0 },
	{ "backbone.blocks.0.mlstm_layer.fgate_preact.bias",
		"blocks.0.mlstm_layer.fgate_preact.bias", 0 },
	{ "backbone.blocks.0.mlstm_layer.multihead_norm.weight",
		"blocks.0.mlstm_layer.multihead_norm.weight", 0 },
	{ "backbone.blocks.0.mlstm_layer.out_proj.weight", "blocks.0.mlstm_layer.out_proj.weight",
		0 },
	{ "backbone.blocks.0.norm_ffn.weight", "blocks.0.ffn_norm.weight", 0 },
	{ "backbone.blocks.0.ffn.proj_up_gate.weight", "blocks.0.ffn.proj_up.weight", 1 },
	{ "backbone.blocks.0.ffn.proj_up.weight", "blocks.0.ffn.proj_up.weight", 2 },
	{ "backbone.blocks.0.ffn.proj_down.weight", "blocks.0.ffn.proj_down.weight", 0 },
	{ "backbone.out_norm.weight", "post_blocks_norm.weight", 0 },
};

static void add_large(struct container *container, const struct xlstm_weights *weights, size_t i) {
	struct xlstm_tensor tensor;
	char dims[32];
	size_t halves = large_names[i].half ? 2 : 1;
	size_t second = large_names[i].half == 2;
	assert_int_equal(xlstm_tensor_find(weights, large_names[i].ours, &tensor), 0);
	size_t rows = tensor.dims[0] / halves, count = tensor.count / halves;
	if (tensor.dimension_count == 2)
		snprintf(dims, sizeof(dims), "%zu,%u", rows, tensor.dims[1]);
	else
		snprintf(dims, sizeof(dims), "%zu", rows);
	container_add(
		container, large_names[i].theirs, dims, tensor.values + second * count, count);
}

static void stacks_of_the_7b_model_load_by_their_own_names(void **state) {
	(void)state;
	struct xlstm_shape shape = { .width = 24, .norm = XLSTM_RMS_NORM, .block_count = 1 };
	shape.blocks[0] = xlstm_block_large(24, 2);
	struct xlstm_weights *weights = weights_of(&shape, 0.3f), *read;
	struct container container = { 0 };
	struct xlstm_fault fault;
	size_t size;
	for (size_t i = 0; i < sizeof(large_names) / sizeof(large_names[0]); i++)
		add_large(&container, weights, i);
	unsigned char *bytes = container_bytes(&container, &size);
	int r = xlstm_weights_parse(&read, bytes, size, &fault);
	if (r < 0)
		fail_msg("%s: %s", xlstm_error_text(r), fault.where);
	assert_memory_equal(xlstm_weights_shape(read), &shape, sizeof(shape));
	assert_true(xlstm_weights_identity(read) == xlstm_weights_identity(weights));
	free(bytes);
	container_finish(&container);
	xlstm_weights_destroy(read);
	xlstm_weights_destroy(weights);
}

/* Said or not, it is the same network: rows and files go on. */
static void the_usual_arrangement_need_not_be_said(void **state) {
	(void)state;
	struct xlstm_shape said = shape_of(&variants[3]), unsaid = said;
	struct xlstm_weights *a, *b;
	for (size_t i = 0; i < 2; i++)
		unsaid.blocks[i].arrangement = XLSTM_USUAL_ARRANGEMENT;
	assert_int_equal(xlstm_weights_create(&a, &said), 0);
	assert_int_equal(xlstm_weights_create(&b, &unsaid), 0);
	assert_true(xlstm_weights_identity(a) == xlstm_weights_identity(b));
	xlstm_weights_destroy(a);
	xlstm_weights_destroy(b);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_equal_the_equations),
		cmocka_unit_test(sequences_equal_the_equations),
		cmocka_unit_test(gradients_equal_differences_of_the_equations),
		cmocka_unit_test(input_slopes_equal_differences_of_the_equations),
		cmocka_unit_test(checkpoints_give_the_same_gradient),
		cmocka_unit_test(any_place_in_a_batch_gives_the_same_bits),
		cmocka_unit_test(long_runs_of_steps_and_sequences_agree),
		cmocka_unit_test(files_carry_arrangements),
		cmocka_unit_test(stacks_of_the_7b_model_load_by_their_own_names),
		cmocka_unit_test(the_usual_arrangement_need_not_be_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
