/* SPDX-License-Identifier: Apache-2.0 */
/* A forecaster in the TiRex arrangement against its reference vector: scaling, patches, the network
 * in both forms, the loss and every gradient. */
#include "container.h"
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

enum { LEVELS = 9 };

/* The vector's names and ours; a block's begin with "blkN." and "blocks.N.". Parts of a tensor
 * that the vector has in two follow each other. */
/* clang-format off */
static const struct name {
	const char *theirs, *ours;
	size_t part, parts;
	const char *published; /* in the released forecaster */
} block_names[] = {
	{ "norm", "xlstm_norm.weight", 0, 1, "norm_slstm.weight" },
	{ "w_i", "xlstm.fgate.weight", 0, 1, "slstm_layer.fgate.weight" },
	{ "w_f", "xlstm.igate.weight", 0, 1, "slstm_layer.igate.weight" },
	{ "w_z", "xlstm.zgate.weight", 0, 1, "slstm_layer.zgate.weight" },
	{ "w_o", "xlstm.ogate.weight", 0, 1, "slstm_layer.ogate.weight" },
	{ "R", "xlstm.slstm_cell._recurrent_kernel_", 0, 1,
		"slstm_layer.slstm_cell._recurrent_kernel_" },
	{ "b", "xlstm.slstm_cell._bias_", 0, 1, "slstm_layer.slstm_cell._bias_" },
	{ "hnorm", "xlstm.group_norm.weight", 0, 1, "slstm_layer.group_norm.weight" },
	{ "ffn_norm", "ffn_norm.weight", 0, 1, "norm_ffn.weight" },
	{ "ffn_gate", "ffn.proj_up.weight", 0, 2, "ffn.proj_up_gate.weight" },
	{ "ffn_up", "ffn.proj_up.weight", 1, 2, "ffn.proj_up.weight" },
	{ "ffn_down", "ffn.proj_down.weight", 0, 1, "ffn.proj_down.weight" },
}, end_names[] = {
	{ "in_h_w", "embed.hidden.weight", 0, 1, "input_patch_embedding.hidden_layer.weight" },
	{ "in_h_b", "embed.hidden.bias", 0, 1, "input_patch_embedding.hidden_layer.bias" },
	{ "in_o_w", "embed.output.weight", 0, 1, "input_patch_embedding.output_layer.weight" },
	{ "in_o_b", "embed.output.bias", 0, 1, "input_patch_embedding.output_layer.bias" },
	{ "in_r_w", "embed.weight", 0, 1, "input_patch_embedding.residual_layer.weight" },
	{ "in_r_b", "embed.bias", 0, 1, "input_patch_embedding.residual_layer.bias" },
	{ "out_norm", "post_blocks_norm.weight", 0, 1, "block_stack.out_norm.weight" },
	{ "out_h_w", "head.hidden.weight", 0, 1, "output_patch_embedding.hidden_layer.weight" },
	{ "out_h_b", "head.hidden.bias", 0, 1, "output_patch_embedding.hidden_layer.bias" },
	{ "out_o_w", "head.output.weight", 0, 1, "output_patch_embedding.output_layer.weight" },
	{ "out_o_b", "head.output.bias", 0, 1, "output_patch_embedding.output_layer.bias" },
	{ "out_r_w", "head.weight", 0, 1, "output_patch_embedding.residual_layer.weight" },
	{ "out_r_b", "head.bias", 0, 1, "output_patch_embedding.residual_layer.bias" },
};
/* clang-format on */

static uint32_t hyper(const struct golden *golden, const char *key) {
	return (uint32_t)golden_hyper(golden, key);
}

static struct xlstm_shape tirex_shape(const struct golden *golden) {
	uint32_t patch = hyper(golden, "patch");
	struct xlstm_shape shape = {
		.inputs = 2 * patch,
		.width = hyper(golden, "D"),
		.outputs = LEVELS * patch,
		.norm = XLSTM_RMS_NORM,
		.embed_hidden = hyper(golden, "embed_hidden"),
		.head_hidden = hyper(golden, "embed_hidden"),
		.block_count = hyper(golden, "blocks"),
	};
	for (uint32_t i = 0; i < shape.block_count; i++)
		shape.blocks[i] = (struct xlstm_block_shape){
			.kind = XLSTM_SLSTM,
			.heads = hyper(golden, "NH"),
			.feedforward = hyper(golden, "ffn"),
			.activation = XLSTM_SILU,
		};
	return shape;
}

/* Calls `each` for every tensor of the vector, with the place of its values in ours. */
typedef void (*each_fn)(struct xlstm_weights *weights, const struct golden_tensor *theirs,
	const struct xlstm_tensor *ours, size_t at);

static void each_named(struct golden *golden, const char *role, struct xlstm_weights *weights,
	const struct name *name, int block, each_fn each) {
	char theirs[64], ours[64];
	snprintf(theirs, sizeof(theirs), "blk%d.%s", block, name->theirs);
	snprintf(ours, sizeof(ours), "blocks.%d.%s", block, name->ours);
	const struct golden_tensor *tensor =
		golden_tensor(golden, role, block < 0 ? name->theirs : theirs);
	struct xlstm_tensor found;
	assert_int_equal(xlstm_tensor_find(weights, block < 0 ? name->ours : ours, &found), 0);
	assert_int_equal(found.count, name->parts * tensor->count);
	each(weights, tensor, &found, name->part * tensor->count);
}

static void each_tensor(
	struct golden *golden, const char *role, struct xlstm_weights *weights, each_fn each) {
	for (size_t i = 0; i < sizeof(end_names) / sizeof(end_names[0]); i++)
		each_named(golden, role, weights, &end_names[i], -1, each);
	for (int block = 0; block < (int)golden_hyper(golden, "blocks"); block++)
		for (size_t i = 0; i < sizeof(block_names) / sizeof(block_names[0]); i++)
			each_named(golden, role, weights, &block_names[i], block, each);
}

static void set_part(struct xlstm_weights *weights, const struct golden_tensor *theirs,
	const struct xlstm_tensor *ours, size_t at) {
	float *values = malloc(ours->count * sizeof(float));
	memcpy(values, ours->values, ours->count * sizeof(float));
	memcpy(values + at, theirs->values, theirs->count * sizeof(float));
	assert_int_equal(xlstm_tensor_set(weights, ours->name, values, ours->count), 0);
	free(values);
}

static void check_part(struct xlstm_weights *weights, const struct golden_tensor *theirs,
	const struct xlstm_tensor *ours, size_t at) {
	(void)weights;
	golden_assert_near(ours->name, theirs, ours->values + at);
}

struct forecaster {
	struct golden *golden;
	struct xlstm_shape shape;
	struct xlstm_weights *weights;
	struct xlstm_model *model;
	size_t series, patch, patches, tokens;
	float *context; /* [series, patches * patch], NaN where not observed */
	float *inputs; /* [tokens, 2 patch] */
	float *outputs; /* [tokens, LEVELS, patch] */
	void **rows;
};

static void setup(struct forecaster *forecaster) {
	struct golden *golden = golden_open("tirex_mini");
	*forecaster = (struct forecaster){
		.golden = golden,
		.shape = tirex_shape(golden),
		.series = golden_hyper(golden, "B"),
		.patch = golden_hyper(golden, "patch"),
		.patches = golden_hyper(golden, "npatch"),
	};
	forecaster->tokens = forecaster->series * forecaster->patches;
	assert_int_equal(xlstm_weights_create(&forecaster->weights, &forecaster->shape), 0);
	each_tensor(golden, "param", forecaster->weights, set_part);
	assert_int_equal(xlstm_model_create(&forecaster->model, forecaster->weights), 0);

	const struct golden_tensor *context = golden_tensor(golden, "input", "context");
	const struct golden_tensor *observed = golden_tensor(golden, "input", "observed");
	forecaster->context = malloc(context->count * sizeof(float));
	for (size_t i = 0; i < context->count; i++)
		forecaster->context[i] = observed->values[i] != 0 ? context->values[i] : NAN;
	forecaster->inputs = calloc(forecaster->tokens * 2 * forecaster->patch, sizeof(float));
	forecaster->outputs =
		calloc(forecaster->tokens * LEVELS * forecaster->patch, sizeof(float));
	forecaster->rows = calloc(forecaster->series, sizeof(void *));
	for (size_t i = 0; i < forecaster->series; i++)
		forecaster->rows[i] = calloc(1, xlstm_state_size(forecaster->model));
}

static void teardown(struct forecaster *forecaster) {
	for (size_t i = 0; i < forecaster->series; i++)
		free(forecaster->rows[i]);
	free(forecaster->rows);
	free(forecaster->context);
	free(forecaster->inputs);
	free(forecaster->outputs);
	xlstm_model_unref(forecaster->model);
	xlstm_weights_destroy(forecaster->weights);
	golden_close(forecaster->golden);
}

static void make_tokens(struct forecaster *forecaster) {
	size_t each = forecaster->patches * forecaster->patch;
	for (size_t i = 0; i < forecaster->series; i++) {
		const float *values = forecaster->context + i * each;
		xlstm_window_tokens(forecaster->inputs + i * 2 * each, values, each,
			forecaster->patch, xlstm_window_scaling(values, each));
	}
}

static void windows_are_scaled_and_cut_as_in_the_reference(void **state) {
	(void)state;
	struct forecaster forecaster;
	float location[8], scale[8];
	setup(&forecaster);
	for (size_t i = 0; i < forecaster.series; i++) {
		size_t each = forecaster.patches * forecaster.patch;
		struct xlstm_scaling scaling =
			xlstm_window_scaling(forecaster.context + i * each, each);
		location[i] = scaling.location;
		scale[i] = scaling.scale;
	}
	make_tokens(&forecaster);
	golden_assert_near("loc", golden_tensor(forecaster.golden, "inter", "loc"), location);
	golden_assert_near("scale", golden_tensor(forecaster.golden, "inter", "scale"), scale);
	golden_assert_near(
		"tokens", golden_tensor(forecaster.golden, "inter", "tokens"), forecaster.inputs);
	teardown(&forecaster);
}

static void steps_give_the_quantiles_of_the_reference(void **state) {
	(void)state;
	EACH_KERNELS(kernels) {
		struct forecaster forecaster;
		struct xlstm_workspace *workspace;
		setup(&forecaster);
		make_tokens(&forecaster);
		assert_int_equal(xlstm_workspace_create(&workspace, forecaster.model, set_), 0);
		for (size_t n = 0; n < forecaster.tokens; n++)
			xlstm_step(forecaster.model, workspace, 1,
				forecaster.rows + n / forecaster.patches,
				forecaster.inputs + n * forecaster.shape.inputs, NULL,
				forecaster.outputs + n * forecaster.shape.outputs);
		golden_assert_near("quantiles",
			golden_tensor(forecaster.golden, "output", "quantiles"),
			forecaster.outputs);
		xlstm_workspace_destroy(workspace);
		teardown(&forecaster);
	}
}

/* Every level has the same targets. */
static float *for_all_levels(const struct forecaster *forecaster, const char *name) {
	const struct golden_tensor *tensor = golden_tensor(forecaster->golden, "input", name);
	size_t patch = forecaster->patch;
	float *all = malloc(LEVELS * tensor->count * sizeof(float));
	for (size_t i = 0; i < LEVELS * forecaster->tokens; i++)
		memcpy(all + i * patch, tensor->values + i / LEVELS * patch, patch * sizeof(float));
	return all;
}

static void windows_give_loss_and_gradients_of_the_reference(void **state) {
	(void)state;
	static const float levels[LEVELS] = { .1f, .2f, .3f, .4f, .5f, .6f, .7f, .8f, .9f };
	struct xlstm_loss pinball = { XLSTM_PINBALL, levels, LEVELS };
	EACH_KERNELS(kernels) for (size_t i = 0; i < 2; i++) {
		struct forecaster forecaster;
		setup(&forecaster);
		make_tokens(&forecaster);
		struct xlstm_tape_options options = { forecaster.series, forecaster.patches, set_,
			i, false };
		struct xlstm_tape *tape;
		struct xlstm_weights *gradient;
		size_t outputs = forecaster.shape.outputs;
		float *slopes = malloc(forecaster.tokens * outputs * sizeof(float));
		float *targets = for_all_levels(&forecaster, "target");
		float *mask = for_all_levels(&forecaster, "target_mask");
		assert_int_equal(xlstm_tape_create(&tape, &forecaster.shape, &options), 0);
		assert_int_equal(xlstm_weights_create(&gradient, &forecaster.shape), 0);

		xlstm_sequence(forecaster.model, tape, forecaster.series, forecaster.patches,
			forecaster.rows, forecaster.inputs, NULL, forecaster.outputs);
		golden_assert_near("quantiles",
			golden_tensor(forecaster.golden, "output", "quantiles"),
			forecaster.outputs);
		double loss = xlstm_loss(&pinball, forecaster.tokens, outputs, forecaster.outputs,
			targets, mask, slopes);
		double expected = golden_scalar(forecaster.golden, "loss");
		assert_true(fabs(loss - expected) < 1e-5 * expected);
		xlstm_backward(forecaster.model, tape, NULL, slopes, gradient, NULL);
		each_tensor(forecaster.golden, "grad", gradient, check_part);

		xlstm_tape_destroy(tape);
		xlstm_weights_destroy(gradient);
		free(slopes);
		free(targets);
		free(mask);
		teardown(&forecaster);
	}
}

static void windows_without_values_or_spread_have_a_scale(void **state) {
	(void)state;
	static const float nothing[3] = { NAN, NAN, NAN }, same[3] = { -4, NAN, -4 };
	struct xlstm_scaling scaling = xlstm_window_scaling(nothing, 3);
	assert_true(scaling.location == 0 && scaling.scale == 1);
	scaling = xlstm_window_scaling(NULL, 0);
	assert_true(scaling.location == 0 && scaling.scale == 1);
	scaling = xlstm_window_scaling(same, 3);
	assert_true(scaling.location == -4 && scaling.scale == 4.00001f);
}

static void short_windows_are_filled_up_in_front(void **state) {
	(void)state;
	static const float values[5] = { 1, NAN, 3, 4, 5 };
	static const float expected[12] = { 0, -1, 0, 0, 1, 0, 0, 0.5f, 1, 1, 1, 1 };
	float tokens[12];
	xlstm_window_tokens(tokens, values, 5, 3, (struct xlstm_scaling){ 3, 2 });
	assert_memory_equal(tokens, expected, sizeof(expected));
}

static int ascending(const void *a, const void *b) {
	const float *left = a, *right = b;
	return (*left > *right) - (*left < *right);
}

/* What the reference says behind the last patch, in the data's unit and in order. */
static void forecasts_are_those_of_the_last_patch(void **state) {
	(void)state;
	struct forecaster forecaster;
	struct xlstm_workspace *workspace;
	setup(&forecaster);
	size_t patch = forecaster.patch, each = forecaster.patches * patch;
	struct xlstm_window window = { .patch = patch, .context = each };
	float quantiles[LEVELS * 8];
	assert_int_equal(patch, 8);
	assert_int_equal(xlstm_window_check(&window, &forecaster.shape), 0);
	assert_int_equal(xlstm_workspace_create(&workspace, forecaster.model, XLSTM_BEST), 0);
	float *scratch = malloc(xlstm_window_scratch(&window, forecaster.model) * sizeof(float));

	for (size_t i = 0; i < forecaster.series; i++) {
		const float *scaled =
			golden_tensor(forecaster.golden, "output", "quantiles")->values +
			((i + 1) * forecaster.patches - 1) * LEVELS * patch;
		float loc = golden_tensor(forecaster.golden, "inter", "loc")->values[i];
		float scale = golden_tensor(forecaster.golden, "inter", "scale")->values[i];
		xlstm_window_forecast(&window, forecaster.model, workspace,
			forecaster.context + i * each, each, patch, quantiles, scratch);
		for (size_t j = 0; j < patch; j++) {
			float expected[LEVELS];
			for (size_t level = 0; level < LEVELS; level++)
				expected[level] = scaled[level * patch + j] * scale + loc;
			qsort(expected, LEVELS, sizeof(float), ascending);
			for (size_t level = 0; level < LEVELS; level++)
				assert_true(fabsf(expected[level] - quantiles[level * patch + j]) <
					    1e-4f * scale);
		}
	}
	free(scratch);
	xlstm_workspace_destroy(workspace);
	teardown(&forecaster);
}

/* A longer horizon is the same as a window that ends in missing values, where both have the same
 * scaling; a longer past than the context does not matter; and the first of a longer horizon are
 * the shorter one's. */
static void longer_horizons_read_on_over_missing_patches(void **state) {
	(void)state;
	struct forecaster forecaster;
	struct xlstm_workspace *workspace;
	setup(&forecaster);
	enum { USED = 30, HORIZON = 20 };
	size_t patch = forecaster.patch;
	struct xlstm_window window = { .patch = patch, .context = 40 };
	struct xlstm_window longer = { .patch = patch, .context = 48 };
	float far[LEVELS * HORIZON], near[LEVELS * 8], values[USED + 8];
	assert_int_equal(xlstm_workspace_create(&workspace, forecaster.model, XLSTM_BEST), 0);
	float *scratch = malloc(xlstm_window_scratch(&window, forecaster.model) * sizeof(float));
	memcpy(values, forecaster.context + patch, USED * sizeof(float));
	for (size_t i = USED; i < USED + 8; i++)
		values[i] = NAN;

	xlstm_window_forecast(
		&window, forecaster.model, workspace, values, USED, HORIZON, far, scratch);
	xlstm_window_forecast(
		&longer, forecaster.model, workspace, values, USED + 8, 8, near, scratch);
	for (size_t i = 0; i < LEVELS * 8; i++)
		assert_true(near[i] == far[i / 8 * HORIZON + 8 + i % 8]);
	xlstm_window_forecast(&window, forecaster.model, workspace, values, USED, 5, near, scratch);
	for (size_t i = 0; i < LEVELS * 5; i++)
		assert_true(near[i] == far[i / 5 * HORIZON + i % 5]);
	window.context = 16;
	xlstm_window_forecast(&window, forecaster.model, workspace, values, USED, 8, far, scratch);
	xlstm_window_forecast(
		&window, forecaster.model, workspace, values + USED - 16, 16, 8, near, scratch);
	assert_memory_equal(near, far, sizeof(near));
	free(scratch);
	xlstm_workspace_destroy(workspace);
	teardown(&forecaster);
}

/* A tensor as the released forecaster has it: kernels and biases in the layout for CUDA. */
static void add_released(struct container *container, struct golden *golden, const char *name,
	const char *published) {
	const struct golden_tensor *tensor = golden_tensor(golden, "param", name);
	const size_t *d = tensor->dims;
	bool kernel = strstr(published, "_kernel_"), bias = strstr(published, "_bias_");
	float *values = malloc(tensor->count * sizeof(float));
	char dims[64];

	memcpy(values, tensor->values, tensor->count * sizeof(float));
	if (kernel || bias)
		arrange_for_cuda(values, tensor, kernel);
	snprintf(dims, sizeof(dims), "%zu,%zu,%zu", d[0], kernel ? d[3] : d[1],
		kernel ? d[1] * d[2] : d[2]);
	if (tensor->dimension_count == 2)
		snprintf(dims, sizeof(dims), "%zu,%zu", d[0], d[1]);
	if (bias || tensor->dimension_count == 1)
		snprintf(dims, sizeof(dims), "%zu", tensor->count);
	container_add(container, published, dims, values, tensor->count);
	free(values);
}

static void weights_of_the_released_forecaster_load_by_their_names(void **state) {
	(void)state;
	struct forecaster forecaster;
	struct container container = { .header = NULL };
	setup(&forecaster);
	for (size_t i = 0; i < sizeof(end_names) / sizeof(end_names[0]); i++)
		add_released(
			&container, forecaster.golden, end_names[i].theirs, end_names[i].published);
	for (uint32_t block = 0; block < forecaster.shape.block_count; block++)
		for (size_t i = 0; i < sizeof(block_names) / sizeof(block_names[0]); i++) {
			char theirs[64], published[96];
			snprintf(theirs, sizeof(theirs), "blk%u.%s", block, block_names[i].theirs);
			snprintf(published, sizeof(published), "block_stack.blocks.%u.%s", block,
				block_names[i].published);
			add_released(&container, forecaster.golden, theirs, published);
		}

	size_t size;
	unsigned char *bytes = container_bytes(&container, &size);
	struct xlstm_weights *loaded;
	struct xlstm_fault fault;
	int r = xlstm_weights_parse(&loaded, bytes, size, &fault);
	if (r < 0)
		fail_msg("%s: %s", xlstm_error_text(r), fault.where);
	assert_true(xlstm_weights_identity(loaded) == xlstm_weights_identity(forecaster.weights));
	xlstm_weights_destroy(loaded);
	free(bytes);
	container_finish(&container);
	teardown(&forecaster);
}

static void other_models_have_no_windows(void **state) {
	(void)state;
	struct xlstm_shape shape = { .inputs = 16, .outputs = 72 };
	struct xlstm_window window = { .patch = 8, .context = 64 };
	assert_int_equal(xlstm_window_check(&window, &shape), 0);
	shape.outputs = 70;
	assert_int_equal(xlstm_window_check(&window, &shape), XLSTM_E_PROJECTION);
	shape.outputs = 0;
	assert_int_equal(xlstm_window_check(&window, &shape), XLSTM_E_PROJECTION);
	shape.outputs = 72;
	shape.inputs = 8;
	assert_int_equal(xlstm_window_check(&window, &shape), XLSTM_E_PROJECTION);
	window.patch = 0;
	assert_int_equal(xlstm_window_check(&window, &shape), XLSTM_E_PROJECTION);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows_are_scaled_and_cut_as_in_the_reference),
		cmocka_unit_test(steps_give_the_quantiles_of_the_reference),
		cmocka_unit_test(windows_give_loss_and_gradients_of_the_reference),
		cmocka_unit_test(windows_without_values_or_spread_have_a_scale),
		cmocka_unit_test(short_windows_are_filled_up_in_front),
		cmocka_unit_test(forecasts_are_those_of_the_last_patch),
		cmocka_unit_test(longer_horizons_read_on_over_missing_patches),
		cmocka_unit_test(weights_of_the_released_forecaster_load_by_their_names),
		cmocka_unit_test(other_models_have_no_windows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
