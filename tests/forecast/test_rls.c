/* SPDX-License-Identifier: Apache-2.0 */
#include "linear_kernels.h"
#include "random.h"
#include "rls.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define INPUTS  11
#define STRIDE  16
#define HORIZON 5
#define TICKS   400
#define PRIOR   4.0

/* A stream of inputs and labels, kept whole so that a batch solution can look at all of it. */
struct stream {
	float inputs[TICKS][STRIDE];
	bool usable[TICKS];
	double labels[TICKS][HORIZON]; /* labels[t][h - 1] belongs to the inputs of tick t */
};

static struct rls_shape shape_with(double forgetting) {
	return (struct rls_shape){ .inputs = INPUTS,
		.horizon = HORIZON,
		.forgetting = forgetting,
		.prior = PRIOR,
		.clip = 1e9 };
}

static void *state_create(const struct rls_shape *shape) {
	void *state = aligned_alloc(64, rls_size(shape));
	memset(state, 0, rls_size(shape));
	return state;
}

static void stream_fill(struct stream *stream, uint64_t seed) {
	struct random random;
	random_init(&random, seed);
	memset(stream, 0, sizeof(*stream));
	for (int t = 0; t < TICKS; t++) {
		for (int i = 0; i < INPUTS; i++)
			stream->inputs[t][i] = (float)random_normal(&random);
		stream->usable[t] = random_uniform(&random) > 0.1;
		for (int h = 0; h < HORIZON; h++)
			stream->labels[t][h] = 2 * (double)stream->inputs[t][h] -
					       (double)stream->inputs[t][h + 1] +
					       random_normal(&random);
	}
}

/* Feeds the stream and returns the forecasts made at the last tick. */
static void stream_run(const struct stream *stream, const struct rls_shape *shape, void *state,
	int ticks, float forecasts[HORIZON]) {
	for (int t = 0; t < ticks; t++) {
		double labels[HORIZON];
		int arrived = t < HORIZON ? t : HORIZON;
		for (int h = 1; h <= arrived; h++)
			labels[h - 1] = stream->labels[t - h][h - 1];
		rls_step(shape, state, forecasts, labels, (uint32_t)arrived, stream->inputs[t],
			stream->usable[t]);
	}
}

/* Solves the symmetric system A x = b by elimination with pivoting. */
static void solve(double a[INPUTS][INPUTS], double b[INPUTS], double x[INPUTS]) {
	for (int k = 0; k < INPUTS; k++) {
		int pivot = k;
		for (int i = k + 1; i < INPUTS; i++)
			pivot = fabs(a[i][k]) > fabs(a[pivot][k]) ? i : pivot;
		for (int j = 0; j < INPUTS; j++) {
			double swap = a[k][j];
			a[k][j] = a[pivot][j];
			a[pivot][j] = swap;
		}
		double swap = b[k];
		b[k] = b[pivot];
		b[pivot] = swap;
		for (int i = k + 1; i < INPUTS; i++) {
			double factor = a[i][k] / a[k][k];
			for (int j = k; j < INPUTS; j++)
				a[i][j] -= factor * a[k][j];
			b[i] -= factor * b[k];
		}
	}
	for (int k = INPUTS - 1; k >= 0; k--) {
		x[k] = b[k];
		for (int j = k + 1; j < INPUTS; j++)
			x[k] -= a[k][j] * x[j];
		x[k] /= a[k][k];
	}
}

/* Weighted least squares over the labels of lead h that have arrived by tick `now`. */
static double batch_forecast(const struct stream *stream, double forgetting, int now, int h) {
	double a[INPUTS][INPUTS] = { 0 }, b[INPUTS] = { 0 }, weights[INPUTS];
	int last = now - h, used = 0;
	for (int t = last; t >= 0; t--) {
		if (!stream->usable[t])
			continue;
		double weight = pow(forgetting, used++);
		for (int i = 0; i < INPUTS; i++) {
			double x = (double)stream->inputs[t][i] * weight;
			b[i] += x * stream->labels[t][h - 1];
			for (int j = 0; j < INPUTS; j++)
				a[i][j] += x * (double)stream->inputs[t][j];
		}
	}
	for (int i = 0; i < INPUTS; i++)
		a[i][i] += pow(forgetting, used) / PRIOR;
	solve(a, b, weights);
	double forecast = 0;
	for (int i = 0; i < INPUTS; i++)
		forecast += weights[i] * (double)stream->inputs[now][i];
	return forecast;
}

static void forecasts_equal_batch_least_squares(void **unused) {
	(void)unused;
	static struct stream stream;
	stream_fill(&stream, 1);
	struct rls_shape shape = shape_with(1);
	for (int ticks = 7; ticks <= TICKS; ticks += 131) {
		void *state = state_create(&shape);
		float forecasts[HORIZON];
		stream_run(&stream, &shape, state, ticks, forecasts);
		for (int h = 1; h <= HORIZON; h++) {
			double expected = batch_forecast(&stream, 1, ticks - 1, h);
			assert_true(fabs((double)forecasts[h - 1] - expected) < 2e-5);
		}
		free(state);
	}
}

/* With forgetting the recursion is reminded of its weights now and then, so that it is a little
 * slower than the exact solution; both must agree far better than forgetting matters. */
static void forgetting_weighs_labels_by_age(void **unused) {
	(void)unused;
	static struct stream stream;
	stream_fill(&stream, 2);
	struct rls_shape shape = shape_with(0.99);
	void *state = state_create(&shape);
	float forecasts[HORIZON];
	stream_run(&stream, &shape, state, TICKS, forecasts);
	for (int h = 1; h <= HORIZON; h++) {
		double exact = batch_forecast(&stream, 0.99, TICKS - 1, h);
		double unweighted = batch_forecast(&stream, 1, TICKS - 1, h);
		double error = fabs((double)forecasts[h - 1] - exact);
		assert_true(error < 0.01);
		assert_true(
			error < 0.3 * fabs(unweighted - exact) || fabs(unweighted - exact) < 0.01);
	}
	free(state);
}

static void inputs_that_are_always_zero_change_nothing(void **unused) {
	(void)unused;
	static struct stream stream, wider;
	stream_fill(&stream, 3);
	struct rls_shape narrow = shape_with(0.999), wide = shape_with(0.999);
	wide.inputs = STRIDE;
	void *a = state_create(&narrow), *b = state_create(&wide);
	float x[HORIZON], y[HORIZON];
	wider = stream;
	narrow.forgetting = wide.forgetting = 1;
	stream_run(&stream, &narrow, a, TICKS, x);
	stream_run(&wider, &wide, b, TICKS, y);
	for (int h = 0; h < HORIZON; h++)
		assert_true(fabsf(x[h] - y[h]) < 1e-5F);
	free(a);
	free(b);
}

/* A stuck sensor shows the same inputs for ever; what comes afterwards must still be learned well
 * and without an outburst. */
static void long_silence_does_not_blow_up(void **unused) {
	(void)unused;
	struct rls_shape shape = shape_with(0.99);
	void *state = state_create(&shape);
	float inputs[STRIDE] = { 1 }, forecasts[HORIZON];
	double labels[HORIZON] = { 0 };
	struct random random;
	random_init(&random, 4);
	for (int t = 0; t < 200000; t++)
		rls_step(&shape, state, forecasts, labels, HORIZON, inputs, true);
	float earlier[HORIZON + 1][STRIDE] = { 0 };
	double error = 0;
	for (int t = 0; t < 300; t++) {
		memmove(earlier[1], earlier[0], HORIZON * sizeof(earlier[0]));
		for (int i = 1; i < INPUTS; i++)
			inputs[i] = (float)random_normal(&random);
		memcpy(earlier[0], inputs, sizeof(inputs));
		for (int h = 1; h <= HORIZON; h++)
			labels[h - 1] = 3 * (double)earlier[h][h];
		rls_step(&shape, state, forecasts, labels, HORIZON, inputs, true);
		for (int h = 1; h <= HORIZON; h++) {
			assert_true(isfinite(forecasts[h - 1]));
			if (t >= 200)
				error = fmax(error,
					fabs((double)forecasts[h - 1] - 3 * (double)inputs[h]));
		}
	}
	assert_true(error < 0.05);
	free(state);
}

static void labels_that_never_come_teach_nothing(void **unused) {
	(void)unused;
	static struct stream stream;
	stream_fill(&stream, 5);
	struct rls_shape shape = shape_with(1);
	void *state = state_create(&shape);
	double labels[HORIZON];
	float forecasts[HORIZON];
	for (int h = 0; h < HORIZON; h++)
		labels[h] = NAN;
	for (int t = 0; t < 50; t++)
		rls_step(&shape, state, forecasts, labels, HORIZON, stream.inputs[t], true);
	for (int h = 0; h < HORIZON; h++)
		assert_true(forecasts[h] == 0);
	free(state);
}

static void packed_products_equal_plain_ones(void **unused) {
	(void)unused;
	struct random random;
	random_init(&random, 6);
	for (size_t n = KERNEL_BLOCK; n <= 64; n += KERNEL_BLOCK) {
		double *packed = calloc(kernel_packed_count(n), sizeof(double));
		double *full = calloc(n * n, sizeof(double)), *v = calloc(n, sizeof(double));
		double *out = calloc(n, sizeof(double)), *column = calloc(n, sizeof(double));
		float *x = calloc(n, sizeof(float));
		for (size_t i = 0; i < n; i++) {
			x[i] = (float)random_normal(&random);
			v[i] = random_normal(&random);
			full[i * n + i] = *kernel_packed_at(packed, i, i) = 2;
		}
		kernel_packed_update(packed, v, 0.5, 1.25, n);
		double energy = 0;
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j < n; j++)
				full[i * n + j] = 1.25 * (full[i * n + j] - 0.5 * v[i] * v[j]);
		double returned = kernel_packed_times(out, packed, x, n);
		kernel_packed_column(column, packed, n / 2, n);
		for (size_t i = 0; i < n; i++) {
			double sum = 0;
			for (size_t j = 0; j < n; j++)
				sum += full[i * n + j] * (double)x[j];
			assert_true(fabs(sum - out[i]) < 1e-10);
			assert_true(fabs(column[i] - full[i * n + n / 2]) < 1e-12);
			energy += sum * (double)x[i];
		}
		assert_true(fabs(energy - returned) < 1e-9);
		free(packed);
		free(full);
		free(v);
		free(out);
		free(column);
		free(x);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packed_products_equal_plain_ones),
		cmocka_unit_test(forecasts_equal_batch_least_squares),
		cmocka_unit_test(forgetting_weighs_labels_by_age),
		cmocka_unit_test(inputs_that_are_always_zero_change_nothing),
		cmocka_unit_test(long_silence_does_not_blow_up),
		cmocka_unit_test(labels_that_never_come_teach_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
