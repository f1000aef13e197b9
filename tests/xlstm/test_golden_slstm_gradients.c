/* SPDX-License-Identifier: Apache-2.0 */
/* The bare sLSTM cell's way back against the reference vectors: gradients of its inputs, recurrent
 * weights, bias and of the state that it started from, extreme gates included. */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const cases[] = { "slstm_cell", "slstm_cell_resume", "slstm_mixed_batch",
	"slstm_cell_onehead", "slstm_extreme50", "slstm_extreme500", "slstm_long" };

enum { ARRAYS = 9 };

struct cell {
	struct golden *golden;
	const struct kernels *kernels;
	size_t series, steps, heads, units, width;
	const float *raw, *kernel, *bias, *target;
	float *state; /* [4, B, width] h, c, n, m */
	float *before; /* [B, T, width] h of the step before */
	float *saved; /* [B, T, ARRAYS, width] */
	float *draw, *dkernel, *dbias; /* gradients, shaped like what they belong to */
	float *slopes; /* [3, B, width] of h, c, n */
};

static float *floats(size_t count) {
	float *values = calloc(count, sizeof(float));
	assert_non_null(values);
	return values;
}

static void open_cell(struct cell *cell, const char *name, const struct kernels *kernels) {
	struct golden *golden = cell->golden = golden_open(name);
	const struct golden_tensor *raw = golden_tensor(golden, "input", "raw");
	const struct golden_tensor *start = golden_maybe(golden, "state0", "hcnm");
	cell->kernels = kernels;
	cell->series = raw->dims[0];
	cell->steps = raw->dims[1];
	cell->heads = raw->dims[3];
	cell->units = raw->dims[4];
	cell->width = cell->heads * cell->units;
	cell->raw = raw->values;
	cell->kernel = golden_tensor(golden, "param", "R")->values;
	cell->bias = golden_tensor(golden, "param", "b")->values;
	cell->target = golden_tensor(golden, "input", "target")->values;
	size_t plane = cell->series * cell->width;
	cell->state = floats(4 * plane);
	cell->before = floats(plane * cell->steps);
	cell->saved = floats(plane * cell->steps * ARRAYS);
	cell->draw = floats(raw->count);
	cell->dkernel = floats(cell->width * 4 * cell->units);
	cell->dbias = floats(4 * cell->width);
	cell->slopes = floats(3 * plane);
	if (start)
		memcpy(cell->state, start->values, start->count * sizeof(float));
}

static void close_cell(struct cell *cell) {
	free(cell->state);
	free(cell->before);
	free(cell->saved);
	free(cell->draw);
	free(cell->dkernel);
	free(cell->dbias);
	free(cell->slopes);
	golden_close(cell->golden);
}

static struct slstm_saved saved_at(const struct cell *cell, size_t token) {
	size_t width = cell->width;
	float *at = cell->saved + token * ARRAYS * width;
	return (struct slstm_saved){ at, at + width, at + 2 * width, at + 3 * width, at + 4 * width,
		at + 5 * width, at + 6 * width, at + 7 * width, at + 8 * width };
}

/* Row (head, gate, unit) of the recurrent weights. */
static size_t kernel_row(const struct cell *cell, size_t head, size_t gate, size_t unit) {
	return ((head * 4 + gate) * cell->units + unit) * cell->units;
}

static void forward(struct cell *cell, size_t series, size_t t) {
	size_t width = cell->width, plane = cell->series * width;
	size_t token = series * cell->steps + t;
	float *h = cell->state + series * width, *gates = floats(4 * width);

	memcpy(cell->before + token * width, h, width * sizeof(float));
	for (size_t gate = 0; gate < 4; gate++)
		for (size_t i = 0; i < width; i++) {
			size_t head = i / cell->units, unit = i % cell->units;
			const float *row = cell->kernel + kernel_row(cell, head, gate, unit);
			double sum = cell->raw[(token * 4 + gate) * width + i] +
				     (double)cell->bias[gate * width + i];
			for (size_t j = 0; j < cell->units; j++)
				sum += (double)row[j] * h[head * cell->units + j];
			gates[gate * width + i] = (float)sum;
		}
	struct slstm_step step = { h, h + plane, h + 2 * plane, h + 3 * plane, gates, width };
	struct slstm_saved saved = saved_at(cell, token);
	cell->kernels->slstm_cell_saving(&step, &saved);
	free(gates);
}

static void backward(struct cell *cell, size_t series, size_t t) {
	size_t width = cell->width, plane = cell->series * width;
	size_t token = series * cell->steps + t;
	float *dh = cell->slopes + series * width, *gates = cell->draw + token * 4 * width;
	struct slstm_saved saved = saved_at(cell, token);

	for (size_t i = 0; i < width; i++)
		dh[i] += 2 * (saved.hidden[i] - cell->target[token * width + i]);
	struct slstm_slope slope = { dh, dh + plane, dh + 2 * plane, gates };
	cell->kernels->slstm_cell_backward(&slope, &saved, width);
	memset(dh, 0, width * sizeof(float));
	for (size_t gate = 0; gate < 4; gate++)
		for (size_t i = 0; i < width; i++) {
			size_t head = i / cell->units;
			size_t row = kernel_row(cell, head, gate, i % cell->units);
			float slope_here = gates[gate * width + i];
			const float *h = cell->before + token * width + head * cell->units;
			cell->dbias[gate * width + i] += slope_here;
			for (size_t j = 0; j < cell->units; j++) {
				dh[head * cell->units + j] += cell->kernel[row + j] * slope_here;
				cell->dkernel[row + j] += h[j] * slope_here;
			}
		}
}

static void check(struct cell *cell, const char *name) {
	static const char *const starts[] = { "h0", "c0", "n0" };
	size_t plane = cell->series * cell->width;
	golden_assert_near(name, golden_tensor(cell->golden, "grad", "raw"), cell->draw);
	golden_assert_near(name, golden_tensor(cell->golden, "grad", "R"), cell->dkernel);
	golden_assert_near(name, golden_tensor(cell->golden, "grad", "b"), cell->dbias);
	for (size_t i = 0; i < 3; i++) {
		const struct golden_tensor *start = golden_maybe(cell->golden, "grad", starts[i]);
		if (start)
			golden_assert_near(starts[i], start, cell->slopes + i * plane);
	}
}

static void gradients_equal_the_reference(void **state) {
	(void)state;
	EACH_KERNELS(kernels) for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cell cell;
		open_cell(&cell, cases[i], kernels);
		for (size_t series = 0; series < cell.series; series++) {
			for (size_t t = 0; t < cell.steps; t++)
				forward(&cell, series, t);
			for (size_t t = cell.steps; t-- > 0;)
				backward(&cell, series, t);
		}
		check(&cell, cases[i]);
		close_cell(&cell);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gradients_equal_the_reference),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
