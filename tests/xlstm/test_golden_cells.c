/* SPDX-License-Identifier: Apache-2.0 */
/* The bare cells and single operations against the reference vectors, in every set of
 * instructions. */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>

/* Memory that lives until the end of a test. */
static float *floats(size_t count) {
	float *values = test_calloc(count + 1, sizeof(float));
	assert_non_null(values);
	return values;
}

/* Packs with the two passes of struct packer; the memory is the caller's. */
struct packed {
	struct panels matrix;
	float *memory;
	struct panel *panels;
};

static struct packed pack(struct panels (*fn)(struct packer *, const void *), const void *context) {
	struct packed packed;
	struct packer packer = { 0 };
	fn(&packer, context);
	packed.memory = floats(packer.float_count);
	packed.panels = test_calloc(packer.panel_count, sizeof(struct panel));
	packer = (struct packer){ .floats = packed.memory, .panels = packed.panels };
	packed.matrix = fn(&packer, context);
	return packed;
}

static void unpack(struct packed *packed) {
	test_free(packed->memory);
	test_free(packed->panels);
}

/* The sLSTM cell. */

struct scell {
	size_t series, steps, heads, units, width;
	const float *raw; /* [B, T, 4, width] */
	const float *kernel; /* [heads, 4 units, units] */
	const float *bias; /* [4, width] */
	float *hcnm; /* [4, B, width] */
	float *h; /* [B, T, width] */
};

static struct panels pack_kernel(struct packer *packer, const void *context) {
	const struct scell *cell = context;
	return pack_recurrent(packer, cell->kernel, 4, cell->heads, cell->units);
}

static void scell_open(struct scell *cell, struct golden *golden) {
	const struct golden_tensor *raw = golden_tensor(golden, "input", "raw");
	const struct golden_tensor *start = golden_maybe(golden, "state0", "hcnm");
	cell->series = raw->dims[0];
	cell->steps = raw->dims[1];
	cell->heads = raw->dims[3];
	cell->units = raw->dims[4];
	cell->width = cell->heads * cell->units;
	cell->raw = raw->values;
	cell->kernel = golden_tensor(golden, "param", "R")->values;
	cell->bias = golden_tensor(golden, "param", "b")->values;
	cell->hcnm = floats(4 * cell->series * cell->width);
	cell->h = floats(cell->series * cell->steps * cell->width);
	if (start)
		memcpy(cell->hcnm, start->values, start->count * sizeof(float));
}

static void scell_close(struct scell *cell) {
	test_free(cell->hcnm);
	test_free(cell->h);
}

/* All series as one batch. */
static void scell_run(struct scell *cell, const struct kernels *kernels) {
	struct packed kernel = pack(pack_kernel, cell);
	size_t width = cell->width, plane = cell->series * width;
	float *gates = floats(cell->series * 4 * width);

	for (size_t t = 0; t < cell->steps; t++) {
		for (size_t i = 0; i < cell->series; i++)
			for (size_t j = 0; j < 4 * width; j++)
				gates[i * 4 * width + j] =
					cell->bias[j] +
					cell->raw[(i * cell->steps + t) * 4 * width + j];
		kernels->matmul(gates, 4 * width, ADD_OUTPUT, NULL, cell->hcnm, width, cell->series,
			&kernel.matrix);
		for (size_t i = 0; i < cell->series; i++) {
			float *h = cell->hcnm + i * width;
			struct slstm_step step = { h, h + plane, h + 2 * plane, h + 3 * plane,
				gates + i * 4 * width, width };
			kernels->slstm_cell(&step);
			memcpy(cell->h + (i * cell->steps + t) * width, h, width * sizeof(float));
		}
	}
	test_free(gates);
	unpack(&kernel);
}

/* e^m cannot be known better than m, which is a float. */
static double rounding_of_scale(const float *m, size_t count) {
	double most = 0;
	for (size_t i = 0; i < count; i++)
		most = fmax(most, fabs(m[i]));
	return most * FLT_EPSILON;
}

static const char *const slstm_cases[] = { "slstm_cell", "slstm_cell_resume", "slstm_mixed_batch",
	"slstm_cell_onehead", "slstm_extreme50", "slstm_extreme500", "slstm_long" };

static void slstm_cell_equals_the_reference(void **state) {
	(void)state;
	EACH_KERNELS(kernels) for (size_t i = 0; i < sizeof(slstm_cases) / sizeof(char *); i++) {
		struct golden *golden = golden_open(slstm_cases[i]);
		struct scell cell;
		scell_open(&cell, golden);
		scell_run(&cell, kernels);

		golden_assert_near(slstm_cases[i], golden_tensor(golden, "output", "h"), cell.h);
		const struct golden_tensor *hcnm = golden_tensor(golden, "state", "hcnm");
		size_t plane = cell.series * cell.width;
		const float *m = cell.hcnm + 3 * plane, *m_expected = hcnm->values + 3 * plane;
		rescale(cell.hcnm + plane, m, m_expected, plane, 1);
		rescale(cell.hcnm + 2 * plane, m, m_expected, plane, 1);
		assert_near(slstm_cases[i], hcnm->values, cell.hcnm, 3 * plane,
			hcnm->tolerance + rounding_of_scale(m_expected, plane));
		scell_close(&cell);
		golden_close(golden);
	}
}

/* The mLSTM cell with its gates given. */

struct mcell {
	size_t series, steps, heads, units;
	const float *q, *k, *v; /* [B, H, T, p] */
	const float *input, *forget; /* [B, H, T] */
	float *matrix, *n, *m; /* [B, H, p, p], [B, H, p], [B, H] */
	float *h; /* [B, H, T, p] */
};

static void mcell_open(struct mcell *cell, struct golden *golden) {
	const struct golden_tensor *q = golden_tensor(golden, "input", "q");
	cell->series = q->dims[0];
	cell->heads = q->dims[1];
	cell->steps = q->dims[2];
	cell->units = q->dims[3];
	cell->q = q->values;
	cell->k = golden_tensor(golden, "input", "k")->values;
	cell->v = golden_tensor(golden, "input", "v")->values;
	cell->input = golden_tensor(golden, "input", "gi")->values;
	cell->forget = golden_tensor(golden, "input", "gf")->values;
	cell->n = floats(cell->series * cell->heads * cell->units);
	cell->matrix = floats(cell->series * cell->heads * cell->units * cell->units);
	cell->m = floats(cell->series * cell->heads);
	cell->h = floats(q->count);
}

static void mcell_close(struct mcell *cell) {
	test_free(cell->n);
	test_free(cell->matrix);
	test_free(cell->m);
	test_free(cell->h);
}

/* [H, T, p] at step t to [H, p], or back. */
static void heads_at(float *to, const float *from, const struct mcell *cell, size_t t) {
	for (size_t h = 0; h < cell->heads; h++)
		memcpy(to + h * cell->units, from + (h * cell->steps + t) * cell->units,
			cell->units * sizeof(float));
}

static void mcell_series(struct mcell *cell, size_t i, const struct kernels *kernels) {
	size_t heads = cell->heads, units = cell->units, width = heads * units;
	size_t at = i * heads * cell->steps * units;
	float *qkv = floats(4 * width), *gates = floats(2 * heads), *scratch = floats(4 * heads);
	float *h = qkv + 3 * width;
	struct mlstm_step step = {
		.heads = heads,
		.keys = units,
		.values = units,
		.matrix = cell->matrix + i * width * units,
		.normaliser = cell->n + i * width,
		.stabiliser = cell->m + i * heads,
		.q = qkv,
		.k = qkv + width,
		.v = qkv + 2 * width,
		.input_gate = gates,
		.forget_gate = gates + heads,
		.scratch = scratch,
	};

	for (size_t t = 0; t < cell->steps; t++) {
		heads_at(qkv, cell->q + at, cell, t);
		heads_at(qkv + width, cell->k + at, cell, t);
		heads_at(qkv + 2 * width, cell->v + at, cell, t);
		for (size_t head = 0; head < heads; head++) {
			gates[head] = cell->input[(i * heads + head) * cell->steps + t];
			gates[heads + head] = cell->forget[(i * heads + head) * cell->steps + t];
		}
		kernels->mlstm_cell(h, &step);
		for (size_t head = 0; head < heads; head++)
			memcpy(cell->h + at + (head * cell->steps + t) * units, h + head * units,
				units * sizeof(float));
	}
	test_free(qkv);
	test_free(gates);
	test_free(scratch);
}

static const char *const mlstm_cases[] = { "mlstm_raw", "mlstm_raw_dh32", "mlstm_extreme50",
	"mlstm_extreme500", "mlstm_long" };

static void mlstm_cell_equals_the_reference(void **state) {
	(void)state;
	EACH_KERNELS(kernels) for (size_t i = 0; i < sizeof(mlstm_cases) / sizeof(char *); i++) {
		const char *name = mlstm_cases[i];
		struct golden *golden = golden_open(name);
		struct mcell cell;
		mcell_open(&cell, golden);
		for (size_t j = 0; j < cell.series; j++)
			mcell_series(&cell, j, kernels);

		golden_assert_near(name, golden_tensor(golden, "output", "h"), cell.h);
		const struct golden_tensor *matrix = golden_tensor(golden, "state", "C");
		const struct golden_tensor *n = golden_tensor(golden, "state", "n");
		const float *m = golden_tensor(golden, "state", "m")->values;
		rescale(cell.matrix, cell.m, m, matrix->count, cell.units * cell.units);
		rescale(cell.n, cell.m, m, n->count, cell.units);
		golden_assert_near(name, matrix, cell.matrix);
		golden_assert_near(name, n, cell.n);
		mcell_close(&cell);
		golden_close(golden);
	}
}

/* The mLSTM cell of the package: its gates from q, k, v and a norm behind it. */

struct gate_rows {
	const float *input, *forget;
	size_t heads, width;
};

static struct panels pack_gates(struct packer *packer, const void *context) {
	const struct gate_rows *rows = context;
	return pack_stacked(packer, rows->input, rows->forget, rows->heads, 3 * rows->width);
}

static void mlstm_cell_with_its_gates_and_norm_equals_the_reference(void **state) {
	(void)state;
	struct golden *golden = golden_open("mlstm_cell");
	const struct golden_tensor *q = golden_tensor(golden, "input", "q");
	size_t series = q->dims[0], steps = q->dims[1], width = q->dims[2];
	size_t heads = golden_hyper(golden, "NH"), units = width / heads;
	struct gate_rows rows = { golden_tensor(golden, "param", "ig_w")->values,
		golden_tensor(golden, "param", "fg_w")->values, heads, width };
	struct packed gate_matrix = pack(pack_gates, &rows);
	float *bias = floats(2 * heads), *gates = floats(2 * heads), *scratch = floats(4 * heads);
	float *qkv = floats(3 * width), *y = floats(q->count);
	memcpy(bias, golden_tensor(golden, "param", "ig_b")->values, heads * sizeof(float));
	memcpy(bias + heads, golden_tensor(golden, "param", "fg_b")->values, heads * sizeof(float));

	EACH_KERNELS(kernels) {
		for (size_t i = 0; i < series; i++) {
			float *memory = floats(width * units + width + heads);
			struct mlstm_step step = {
				.heads = heads,
				.keys = units,
				.values = units,
				.matrix = memory,
				.normaliser = memory + width * units,
				.stabiliser = memory + width * units + width,
				.q = qkv,
				.k = qkv + width,
				.v = qkv + 2 * width,
				.input_gate = gates,
				.forget_gate = gates + heads,
				.scratch = scratch,
			};
			for (size_t t = 0; t < steps; t++) {
				size_t at = (i * steps + t) * width, bytes = width * sizeof(float);
				memcpy(qkv, q->values + at, bytes);
				memcpy(qkv + width,
					golden_tensor(golden, "input", "k")->values + at, bytes);
				memcpy(qkv + 2 * width,
					golden_tensor(golden, "input", "v")->values + at, bytes);
				kernels->matmul(gates, 2 * heads, ADD_BIAS, bias, qkv, 3 * width, 1,
					&gate_matrix.matrix);
				kernels->mlstm_cell(y + at, &step);
				kernels->norm(y + at, y + at,
					golden_tensor(golden, "param", "hnorm")->values, width,
					units, 1e-5f);
			}
			test_free(memory);
		}
		golden_assert_near("mlstm_cell", golden_tensor(golden, "output", "y_step"), y);
		golden_assert_near("mlstm_cell", golden_tensor(golden, "output", "y"), y);
	}
	unpack(&gate_matrix);
	test_free(bias);
	test_free(gates);
	test_free(scratch);
	test_free(qkv);
	test_free(y);
	golden_close(golden);
}

/* Single operations. */

static void norms_equal_the_reference(void **state) {
	struct golden *golden = *state;
	const struct golden_tensor *x = golden_tensor(golden, "input", "x");
	size_t width = x->dims[2], units = width / golden_hyper(golden, "NH");
	float *y = floats(x->count);

	EACH_KERNELS(kernels) {
		for (size_t i = 0; i < x->count; i += width)
			kernels->norm(y + i, x->values + i,
				golden_tensor(golden, "param", "ln.w")->values, width, width,
				1e-5f);
		golden_assert_near("ln", golden_tensor(golden, "output", "ln.y"), y);
		for (size_t i = 0; i < x->count; i += width)
			kernels->norm(y + i, x->values + i,
				golden_tensor(golden, "param", "hnorm.w")->values, width, units,
				1e-5f);
		golden_assert_near("hnorm", golden_tensor(golden, "output", "hnorm.y"), y);
	}
	test_free(y);
}

static struct panels pack_parts_conv(struct packer *packer, const void *context) {
	struct golden *golden = (struct golden *)context;
	const struct golden_tensor *w = golden_tensor(golden, "param", "conv.w");
	pack_transposed(packer, w->values, w->dims[0], w->dims[1]);
	return (struct panels){ 0 };
}

static void convolution_equals_the_reference(void **state) {
	struct golden *golden = *state;
	const struct golden_tensor *x = golden_tensor(golden, "input", "x");
	const struct golden_tensor *expected = golden_tensor(golden, "output", "conv.y");
	const struct golden_tensor *last = golden_tensor(golden, "state", "conv.last");
	size_t series = x->dims[0], steps = x->dims[1], width = x->dims[2];
	size_t taps = golden_hyper(golden, "K");
	struct packed weight = pack(pack_parts_conv, golden);
	float *y = floats(x->count), *silu = floats(x->count);
	for (size_t i = 0; i < x->count; i++) {
		double value = expected->values[i];
		silu[i] = (float)(value / (1 + exp(-value)));
	}

	EACH_KERNELS(kernels) for (size_t i = 0; i < series; i++) {
		float *window = floats((taps - 1) * width);
		struct conv_step step = { width, taps, window, weight.memory,
			golden_tensor(golden, "param", "conv.b")->values };
		for (size_t t = 0; t < steps; t++) {
			size_t at = (i * steps + t) * width;
			kernels->conv_silu(y + at, x->values + at, &step);
		}
		assert_near("conv", silu + i * steps * width, y + i * steps * width, steps * width,
			1e-5);
		assert_memory_equal(last->values + (i * taps + 1) * width, window,
			(taps - 1) * width * sizeof(float));
		test_free(window);
	}
	unpack(&weight);
	test_free(y);
	test_free(silu);
}

static struct panels pack_parts_headwise(struct packer *packer, const void *context) {
	struct golden *golden = (struct golden *)context;
	const struct golden_tensor *w = golden_tensor(golden, "param", "headwise.w");
	return pack_headwise(packer, w->values, w->values, w->dims[0], w->dims[1]);
}

static void headwise_map_equals_the_reference(void **state) {
	struct golden *golden = *state;
	const struct golden_tensor *x = golden_tensor(golden, "input", "x");
	size_t width = x->dims[2], rows = x->count / width;
	struct packed matrix = pack(pack_parts_headwise, golden);
	float *twice = floats(2 * x->count), *y = floats(x->count);

	EACH_KERNELS(kernels) for (size_t half = 0; half < 2; half++) {
		kernels->matmul(twice, 2 * width, ADD_NOTHING, NULL, x->values, width, rows,
			&matrix.matrix);
		for (size_t i = 0; i < rows; i++)
			memcpy(y + i * width, twice + (2 * i + half) * width,
				width * sizeof(float));
		golden_assert_near("headwise", golden_tensor(golden, "output", "headwise.y"), y);
	}
	unpack(&matrix);
	test_free(twice);
	test_free(y);
}

struct packed_map {
	struct golden *golden;
	const char *name;
};

static struct panels pack_param(struct packer *packer, const void *context) {
	const struct packed_map *dense = context;
	const struct golden_tensor *w = golden_tensor(dense->golden, "param", dense->name);
	return pack_dense(packer, w->values, w->dims[0], w->dims[1]);
}

static void gated_feedforward_equals_the_reference(void **state) {
	struct golden *golden = *state;
	const struct golden_tensor *x = golden_tensor(golden, "input", "x");
	size_t width = x->dims[2], rows = x->count / width;
	size_t inner = golden_hyper(golden, "ffn_up");
	struct packed up = pack(pack_param, &(struct packed_map){ golden, "ffn.proj_up.w" });
	struct packed down = pack(pack_param, &(struct packed_map){ golden, "ffn.proj_down.w" });
	float *gate = floats(2 * inner * rows), *y = floats(x->count);

	EACH_KERNELS(kernels) {
		kernels->matmul(
			gate, 2 * inner, ADD_NOTHING, NULL, x->values, width, rows, &up.matrix);
		for (size_t i = 0; i < rows; i++) {
			float *at = gate + i * 2 * inner;
			kernels->gelu_times(at, at, at + inner, inner);
		}
		kernels->matmul(y, width, ADD_NOTHING, NULL, gate, 2 * inner, rows, &down.matrix);
		golden_assert_near("ffn", golden_tensor(golden, "output", "ffn.y"), y);
	}
	unpack(&up);
	unpack(&down);
	test_free(gate);
	test_free(y);
}

static void activations_equal_the_reference(void **state) {
	struct golden *golden = *state;
	const struct golden_tensor *x = golden_tensor(golden, "input", "act.x");
	float *y = floats(x->count);

	EACH_KERNELS(kernels) {
#define CHECK(function, name)                                                                      \
	kernels->function(y, x->values, x->count);                                                 \
	golden_assert_near(name, golden_tensor(golden, "output", name), y)
		CHECK(gelu, "act.gelu");
		CHECK(silu, "act.silu");
		CHECK(sigmoid, "act.sigmoid");
		CHECK(log_sigmoid, "act.logsigmoid");
		CHECK(tanh, "act.tanh");
#undef CHECK
	}
	test_free(y);
}

static int open_parts(void **state) {
	*state = golden_open("parts");
	return 0;
}

static int close_parts(void **state) {
	golden_close(*state);
	return 0;
}

#define WITH_PARTS(test) cmocka_unit_test_setup_teardown(test, open_parts, close_parts)

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slstm_cell_equals_the_reference),
		cmocka_unit_test(mlstm_cell_equals_the_reference),
		cmocka_unit_test(mlstm_cell_with_its_gates_and_norm_equals_the_reference),
		WITH_PARTS(norms_equal_the_reference),
		WITH_PARTS(convolution_equals_the_reference),
		WITH_PARTS(headwise_map_equals_the_reference),
		WITH_PARTS(gated_feedforward_equals_the_reference),
		WITH_PARTS(activations_equal_the_reference),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
