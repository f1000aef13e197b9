/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vector functions against double precision: over the whole range of arguments that a network
 * can produce, results below the normal range included. Bounds are in units in the last place of
 * the exact result. Results below the normal range count in its smallest step, for products with a
 * factor there (silu, gelu) in 2^7 of them, 1.8e-43.
 */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>

static double exact_sigmoid(double x) {
	return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}

static double exact_log_sigmoid(double x) {
	return (x < 0 ? x : 0) - log1p(exp(-fabs(x)));
}

static double exact_silu(double x) {
	return x * exact_sigmoid(x);
}

static double exact_gelu(double x) {
	return 0.5 * x * erfc(-x * 0.70710678118654752440);
}

typedef void (*map_fn)(float *y, const float *x, size_t count);

static double ulps(float actual, double exact, double smallest) {
	if (isinf(actual) && fabs(exact) > FLT_MAX)
		return 0;
	int exponent;
	frexp(exact, &exponent);
	double unit = ldexp(1.0, exponent - 24);
	return fabs(actual - exact) / fmax(unit, smallest);
}

/* Worst error over a grid that is dense around zero and reaches to +-500, with every power of two
 * below one, denormals included. */
static double worst(map_fn map, double (*exact)(double), float from, float to, double smallest,
	float *ret_where) {
	enum { BATCH = 1000 };
	float x[BATCH], y[BATCH];
	double most = 0;
	size_t filled = 0;
	const size_t points = 400000;

	for (size_t i = 0; i < points + 300; i++) {
		double at = 2.0 * (double)i / (double)points - 1.0;
		float value = (float)(520.0 * at * at * at);
		if (i >= points)
			value = ldexpf(i % 2 ? 1.0f : -1.0f, -(int)((i - points) / 2));
		if (value < from || value > to)
			continue;
		x[filled++] = value;
		if (filled < BATCH && i + 1 < points + 300)
			continue;
		map(y, x, filled);
		for (size_t j = 0; j < filled; j++) {
			double error = ulps(y[j], exact(x[j]), smallest);
			if (!(error <= most)) {
				most = error;
				*ret_where = x[j];
			}
		}
		filled = 0;
	}
	return most;
}

#define CHECK(function, exact, from, to, smallest, bound)                                          \
	do {                                                                                       \
		float where = 0;                                                                   \
		double error = worst(kernels->function, exact, from, to, smallest, &where);        \
		print_message("%-8s %-11s %.2f ulp at %g\n", kernels->name, #function, error,      \
			(double)where);                                                            \
		if (!(error <= (bound)))                                                           \
			fail_msg("%s: %.2f units, allowed %.2f", #function, error,                 \
				(double)(bound));                                                  \
	} while (0)

static void functions_are_within_their_bounds_of_double_precision(void **state) {
	(void)state;
	EACH_KERNELS(kernels) {
		CHECK(exp, exp, -520, 520, 0x1p-149, 1.5);
		CHECK(log1p, log1p, 0, 1, 0x1p-149, 2.0);
		CHECK(log_sigmoid, exact_log_sigmoid, -520, 520, 0x1p-149, 2.5);
		CHECK(sigmoid, exact_sigmoid, -520, 520, 0x1p-149, 3.0);
		CHECK(tanh, tanh, -520, 520, 0x1p-149, 3.0);
		CHECK(silu, exact_silu, -520, 520, 0x1p-142, 4.0);
		CHECK(gelu, exact_gelu, -520, 520, 0x1p-142, 8.0);
	}
}

static void infinities_give_limits_and_nan_stays_nan(void **state) {
	(void)state;
	static const float x[] = { -INFINITY, INFINITY, NAN };
	EACH_KERNELS(kernels) {
		float y[3];
#define LIMITS(function, low, high)                                                                \
	kernels->function(y, x, 3);                                                                \
	assert_true(y[0] == (low));                                                                \
	assert_true(y[1] == (high));                                                               \
	assert_true(isnan(y[2]))
		LIMITS(exp, 0.0f, INFINITY);
		LIMITS(log_sigmoid, -INFINITY, 0.0f);
		LIMITS(sigmoid, 0.0f, 1.0f);
		LIMITS(tanh, -1.0f, 1.0f);
		LIMITS(silu, 0.0f, INFINITY);
		LIMITS(gelu, 0.0f, INFINITY);
#undef LIMITS
	}
}

/* Odd sizes touch neither the value behind the end nor miss the last one. */
static void maps_of_any_length_touch_just_their_values(void **state) {
	(void)state;
	EACH_KERNELS(kernels) for (size_t count = 0; count < 40; count++) {
		float x[48], y[48];
		for (size_t i = 0; i < 48; i++) {
			x[i] = 1.0f;
			y[i] = -7.0f;
		}
		kernels->exp(y, x, count);
		for (size_t i = 0; i < 48; i++)
			assert_true(i < count ? fabsf(y[i] - 2.7182818f) < 1e-5f : y[i] == -7.0f);
	}
}

struct product {
	size_t outputs, inputs;
	const float *values;
};

static struct panels pack_product(struct packer *packer, const struct product *product) {
	return pack_dense(packer, product->values, product->outputs, product->inputs);
}

static void check_product(const struct kernels *kernels, size_t outputs, size_t inputs, size_t rows,
	enum addend addend) {
	struct noise noise = { outputs * 1000 + inputs * 10 + rows };
	size_t stride = outputs + 3;
	float *w = calloc(outputs * inputs, sizeof(float)),
	      *x = calloc(rows * inputs, sizeof(float));
	float *y = calloc(rows * stride, sizeof(float)), *bias = calloc(outputs, sizeof(float));
	double *expected = calloc(rows * stride, sizeof(double));
	noise_fill(&noise, w, outputs * inputs, 1);
	noise_fill(&noise, x, rows * inputs, 1);
	noise_fill(&noise, y, rows * stride, 1);
	noise_fill(&noise, bias, outputs, 1);
	for (size_t i = 0; i < rows; i++)
		for (size_t j = 0; j < stride; j++) {
			expected[i * stride + j] = y[i * stride + j];
			if (j >= outputs)
				continue;
			double sum = addend == ADD_OUTPUT ? y[i * stride + j]
				     : addend == ADD_BIAS ? bias[j]
							  : 0;
			for (size_t k = 0; k < inputs; k++)
				sum += (double)x[i * inputs + k] * w[j * inputs + k];
			expected[i * stride + j] = sum;
		}

	struct packer packer = { 0 };
	struct product product = { outputs, inputs, w };
	pack_product(&packer, &product);
	float *floats = calloc(packer.float_count, sizeof(float));
	struct panel *panels = calloc(packer.panel_count, sizeof(*panels));
	packer = (struct packer){ .floats = floats, .panels = panels };
	struct panels packed = pack_product(&packer, &product);
	kernels->matmul(y, stride, addend, bias, x, inputs, rows, &packed);
	for (size_t i = 0; i < rows * stride; i++)
		assert_true(fabs(y[i] - expected[i]) <= 1e-5 * sqrt((double)inputs));

	free(w);
	free(x);
	free(y);
	free(bias);
	free(expected);
	free(floats);
	free(panels);
}

static void products_of_every_shape_equal_the_sum(void **state) {
	(void)state;
	static const size_t outputs[] = { 1, 3, 15, 16, 17, 31, 48, 64, 80, 129 };
	static const size_t inputs[] = { 1, 5, 16, 67 };
	EACH_KERNELS(kernels)
	for (size_t i = 0; i < 10; i++)
		for (size_t j = 0; j < 4; j++)
			for (size_t rows = 1; rows < 18; rows++)
				check_product(kernels, outputs[i], inputs[j], rows,
					(enum addend)((i + rows) % 3));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_are_within_their_bounds_of_double_precision),
		cmocka_unit_test(infinities_give_limits_and_nan_stays_nan),
		cmocka_unit_test(maps_of_any_length_touch_just_their_values),
		cmocka_unit_test(products_of_every_shape_equal_the_sum),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
