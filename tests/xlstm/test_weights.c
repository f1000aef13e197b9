/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"
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

static struct xlstm_shape msm(uint32_t width) {
	struct xlstm_shape shape = {
		.inputs = 31, .width = width, .outputs = 24, .block_count = 3
	};
	shape.blocks[0] = xlstm_block_published(XLSTM_MLSTM, width, 4);
	shape.blocks[1] = xlstm_block_published(XLSTM_SLSTM, width, 4);
	shape.blocks[2] = xlstm_block_published(XLSTM_MLSTM, width, 4);
	return shape;
}

static struct xlstm_weights *initialised(uint32_t width, uint64_t seed) {
	struct xlstm_shape shape = msm(width);
	struct xlstm_weights *weights;
	assert_int_equal(xlstm_weights_create(&weights, &shape), 0);
	xlstm_weights_initialise(weights, seed);
	return weights;
}

static void stacks_have_the_published_number_of_parameters(void **state) {
	(void)state;
	static const struct {
		uint32_t width;
		size_t parameters;
	} rows[] = { { 32, 26480 }, { 64, 93904 }, { 128, 327056 } };
	for (size_t i = 0; i < 3; i++) {
		struct xlstm_shape shape = msm(rows[i].width);
		shape.inputs = shape.outputs = 0;
		struct xlstm_weights *weights;
		assert_int_equal(xlstm_weights_create(&weights, &shape), 0);
		size_t sum = 0;
		for (size_t j = 0; j < xlstm_tensor_count(weights); j++)
			sum += xlstm_tensor_at(weights, j).count;
		assert_int_equal(sum, rows[i].parameters);
		xlstm_weights_destroy(weights);
	}
}

static void tensors_are_found_and_set_by_name(void **state) {
	(void)state;
	struct xlstm_weights *weights = initialised(32, 1);
	struct xlstm_tensor tensor;

	assert_int_equal(xlstm_tensor_find(weights, "blocks.1.xlstm.igate.weight", &tensor), 0);
	assert_int_equal(tensor.dimension_count, 3);
	assert_int_equal(tensor.dims[0], 4);
	assert_int_equal(tensor.dims[1], 8);
	assert_int_equal(tensor.count, 256);
	float values[256] = { [3] = 2.5f };
	assert_int_equal(xlstm_tensor_set(weights, tensor.name, values, 256), 0);
	assert_memory_equal(tensor.values, values, sizeof(values));

	assert_int_equal(xlstm_tensor_set(weights, tensor.name, values, 255), XLSTM_E_COUNT);
	values[7] = NAN;
	assert_int_equal(xlstm_tensor_set(weights, tensor.name, values, 256), XLSTM_E_NOT_FINITE);
	assert_true(tensor.values[7] == 0.0f);
	assert_int_equal(xlstm_tensor_set(weights, "blocks.1.nothing", values, 1), XLSTM_E_NAME);
	assert_int_equal(
		xlstm_tensor_find(weights, "blocks.3.ffn_norm.weight", &tensor), XLSTM_E_NAME);
	xlstm_weights_destroy(weights);
}

/* The published rule: what is called weight and is no norm. */
static void decay_falls_on_the_published_tensors(void **state) {
	(void)state;
	struct xlstm_weights *weights = initialised(32, 1);
	for (size_t i = 0; i < xlstm_tensor_count(weights); i++) {
		struct xlstm_tensor tensor = xlstm_tensor_at(weights, i);
		bool expected = strstr(tensor.name, "weight") && !strstr(tensor.name, "norm");
		assert_int_equal(tensor.decays, expected);
	}
	xlstm_weights_destroy(weights);
}

static void same_seed_same_weights(void **state) {
	(void)state;
	struct xlstm_weights *one = initialised(32, 5), *same = initialised(32, 5);
	struct xlstm_weights *other = initialised(32, 6);
	struct xlstm_tensor a, b, c;
	const char *name = "blocks.0.xlstm.proj_up.weight";
	xlstm_tensor_find(one, name, &a);
	xlstm_tensor_find(same, name, &b);
	xlstm_tensor_find(other, name, &c);
	assert_memory_equal(a.values, b.values, a.count * sizeof(float));
	assert_memory_not_equal(a.values, c.values, a.count * sizeof(float));
	xlstm_weights_destroy(one);
	xlstm_weights_destroy(same);
	xlstm_weights_destroy(other);
}

static double deviation(const struct xlstm_tensor *tensor, double *ret_mean) {
	double sum = 0, squares = 0;
	for (size_t i = 0; i < tensor->count; i++) {
		sum += tensor->values[i];
		squares += (double)tensor->values[i] * tensor->values[i];
	}
	*ret_mean = sum / (double)tensor->count;
	return sqrt(squares / (double)tensor->count - *ret_mean * *ret_mean);
}

static void random_tensors_have_the_published_deviations(void **state) {
	(void)state;
	double small = sqrt(2.0 / (5 * 128)), wang = 2.0 / (3 * sqrt(128));
	const struct {
		const char *name;
		double deviation;
	} rows[] = {
		{ "blocks.0.xlstm.proj_up.weight", small },
		{ "blocks.0.xlstm.q_proj.weight", small },
		{ "blocks.1.xlstm.fgate.weight", small },
		{ "blocks.1.ffn.proj_up.weight", small },
		{ "embed.weight", small },
		{ "blocks.0.xlstm.proj_down.weight", wang },
		{ "blocks.1.ffn.proj_down.weight", wang },
		{ "blocks.0.xlstm.conv1d.conv.weight", 0.5 / sqrt(3) },
		{ "blocks.1.xlstm.conv1d.conv.bias", 0.5 / sqrt(3) },
	};
	struct xlstm_weights *weights = initialised(128, 3);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct xlstm_tensor tensor;
		double mean;
		assert_int_equal(xlstm_tensor_find(weights, rows[i].name, &tensor), 0);
		double found = deviation(&tensor, &mean);
		/* Four standard errors of the estimates. */
		double error = 4 / sqrt((double)tensor.count);
		assert_true(fabs(found / rows[i].deviation - 1) < error);
		assert_true(fabs(mean) < error * rows[i].deviation);
	}
	xlstm_weights_destroy(weights);
}

static void constant_tensors_start_as_published(void **state) {
	(void)state;
	static const struct {
		const char *name;
		float value;
	} rows[] = {
		{ "blocks.0.xlstm_norm.weight", 0 },
		{ "blocks.0.xlstm.learnable_skip", 1 },
		{ "blocks.0.xlstm.mlstm_cell.igate.weight", 0 },
		{ "blocks.0.xlstm.mlstm_cell.fgate.weight", 0 },
		{ "blocks.1.xlstm.slstm_cell._recurrent_kernel_", 0 },
		{ "post_blocks_norm.weight", 0 },
		{ "head.weight", 0 },
		{ "head.bias", 0 },
		{ "embed.bias", 0 },
	};
	struct xlstm_weights *weights = initialised(32, 3);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct xlstm_tensor tensor;
		assert_int_equal(xlstm_tensor_find(weights, rows[i].name, &tensor), 0);
		for (size_t j = 0; j < tensor.count; j++)
			assert_true(tensor.values[j] == rows[i].value);
	}
	xlstm_weights_destroy(weights);
}

/* Block `index` of `count` with heads of `units`: the recorded biases of its forget gates. */
static void check_slstm_bias(
	struct golden *golden, uint32_t units, uint32_t index, uint32_t count) {
	struct xlstm_shape shape = { .width = 4 * units, .block_count = count };
	for (uint32_t i = 0; i < count; i++)
		shape.blocks[i] = xlstm_block_published(XLSTM_SLSTM, shape.width, 4);
	struct xlstm_weights *weights;
	assert_int_equal(xlstm_weights_create(&weights, &shape), 0);
	xlstm_weights_initialise(weights, 1);

	char name[96];
	snprintf(name, sizeof(name), "blocks.%u.xlstm.slstm_cell._bias_", index);
	struct xlstm_tensor bias;
	assert_int_equal(xlstm_tensor_find(weights, name, &bias), 0);
	snprintf(name, sizeof(name), "sbias_f.DH%u.blk%uof%u", units, index, count);
	const struct golden_tensor *expected = golden_tensor(golden, "param", name);
	for (size_t i = 0; i < 16 * units; i++) {
		bool forget = i / (4 * units) == 1;
		double want = forget ? expected->values[i % units] : 0;
		assert_true(fabs(bias.values[i] - want) < 1e-5);
	}
	xlstm_weights_destroy(weights);
}

static void slstm_forget_biases_equal_the_reference(void **state) {
	(void)state;
	struct golden *golden = golden_open("init");
	static const uint32_t units[] = { 4, 8, 16, 32 }, counts[] = { 1, 3, 8 };
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < 3; j++) {
			check_slstm_bias(golden, units[i], 0, counts[j]);
			check_slstm_bias(golden, units[i], counts[j] / 2, counts[j]);
			check_slstm_bias(golden, units[i], counts[j] - 1, counts[j]);
		}
	golden_close(golden);
}

static void mlstm_forget_biases_equal_the_reference(void **state) {
	(void)state;
	struct golden *golden = golden_open("init");
	for (uint32_t heads = 1; heads <= 8; heads *= 2) {
		struct xlstm_shape shape = { .width = 32, .block_count = 1 };
		shape.blocks[0] = xlstm_block_published(XLSTM_MLSTM, 32, heads);
		struct xlstm_weights *weights;
		assert_int_equal(xlstm_weights_create(&weights, &shape), 0);
		xlstm_weights_initialise(weights, 1);
		struct xlstm_tensor bias;
		xlstm_tensor_find(weights, "blocks.0.xlstm.mlstm_cell.fgate.bias", &bias);
		char name[32];
		snprintf(name, sizeof(name), "mbias_f.NH%u", heads);
		const struct golden_tensor *expected = golden_tensor(golden, "param", name);
		golden_assert_near(name, expected, bias.values);
		xlstm_weights_destroy(weights);
	}
	golden_close(golden);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stacks_have_the_published_number_of_parameters),
		cmocka_unit_test(tensors_are_found_and_set_by_name),
		cmocka_unit_test(decay_falls_on_the_published_tensors),
		cmocka_unit_test(same_seed_same_weights),
		cmocka_unit_test(random_tensors_have_the_published_deviations),
		cmocka_unit_test(constant_tensors_start_as_published),
		cmocka_unit_test(slstm_forget_biases_equal_the_reference),
		cmocka_unit_test(mlstm_forget_biases_equal_the_reference),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
